"""The catalogue in scenarios/: each file gets what it expects, and would be told if it did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS, CODES, PROGRESS
from dmabuf_async.explore.checking import check
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.scenario.catalogue import find, load
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.effort import times

ROOT = Path(__file__).parents[1] / "scenarios"
NAMES = [str(Path(name).relative_to(ROOT)) for name in find([str(ROOT)])]
TWIN = re.compile(r"[-_]repaired(?=\.toml$|$)")
EXECUTIONS = 200
"""Less than a campaign of the command line has, so that what is found here is found there."""
SURVIVES = times(2_000, 200)
"""Executions of a scenario in which nothing may be found."""
SURVIVES_LARGE = times(200, 20)
"""Of one whose executions have more than a thousand steps: they take as long as those of 30 others."""

AUDITED = times(20, 3)
"""Executions of a scenario in which all that ops declare is looked after."""


@cache
def program(name: str) -> Program:
    return load(str(ROOT / name))


@cache
def verdict(name: str) -> Verdict:
    if name in PROVED:
        return check(program(name))
    survives = SURVIVES_LARGE if name.startswith("large/") else SURVIVES
    return sampled(program(name), EXECUTIONS if expected(name) else survives)


def sampled(program: Program, executions: int = EXECUTIONS, checkers: Iterable[Checker] = CHECKERS) -> Verdict:
    return perform(fuzz(program, RandomWalk(0), executions=executions, checkers=checkers))


def expected(name: str) -> tuple[str, ...]:
    return program(name).findings


def repaired(name: str) -> str:
    """The name of the twin of a bad one."""
    return f"{name}_repaired" if ".py:" in name else name.replace(".toml", "-repaired.toml")


def text(name: str) -> list[str]:
    """The lines that say what happens: a file without its words and its expectations, or one function of it."""
    file, _, function = name.partition(":")
    lines = (ROOT / file).read_text(encoding="utf-8")
    if function:
        [body] = re.findall(rf"^def {function}\(.*\n((?: .*\n)+)", lines, re.MULTILINE)
        return [line for line in body.splitlines() if '"""' not in line]
    scenario = re.sub(r'\Atitle = .*\nstory = """.*?"""\n', "", lines, flags=re.DOTALL)
    return scenario.partition("[expect]")[0].strip().splitlines()


BAD = [name for name in NAMES if expected(name)]
PROVED = [name for name in BAD if set(expected(name)) <= set(PROGRESS)]
"""What no execution shows: a search of all states decides it."""
SHOWN = [name for name in BAD if name not in PROVED]
UNITED = ("locks/order-over-executions.toml", "locks/three-in-a-circle.toml")
"""What no checker sees in one execution: the circle of locks that all of them make together."""


@pytest.mark.unaudited
@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_gets_what_it_expects(name: str) -> None:
    seen = verdict(name)
    assert seen.exit_code == 0, (seen.missing, seen.unseen, seen.failures)
    assert seen.cut == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_keeps_what_its_ops_and_settled_values_declare(name: str) -> None:
    assert sampled(program(name), AUDITED).executions == AUDITED  # an AuditError would come out


@pytest.mark.unaudited
@pytest.mark.parametrize("name", SHOWN)
def test_what_a_bad_one_expects_is_found_often_enough_for_any_seed(name: str) -> None:
    counts = Counter[str]()
    for signature, count in verdict(name).counts.items():
        counts[signature.code] += count
    assert sum(counts[code] for code in expected(name)) >= EXECUTIONS * 5 / 1000


@pytest.mark.unaudited
@pytest.mark.parametrize("name", [name for name in NAMES if name not in PROVED])
def test_an_expectation_turned_round_fails(name: str) -> None:
    one = program(name)
    turned = replace(one, findings=() if one.findings else (CODES[0],))
    assert sampled(turned, 60 if one.findings else 10).exit_code == 1


@pytest.mark.unaudited
@pytest.mark.parametrize("code", [code for checker in CHECKERS for code in checker.codes])
def test_without_the_checker_of_a_code_the_scenarios_that_show_nothing_else_fail(code: str) -> None:
    others = [checker for checker in CHECKERS if code not in checker.codes]
    assert len(others) == len(CHECKERS) - 1
    alone = [name for name in BAD if expected(name) == (code,) and name not in UNITED]
    assert alone, "something else that the scenario expects would stand in for the code"
    assert [name for name in alone if sampled(program(name), 100, others).exit_code != 1] == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_has_a_repaired_twin_that_differs_little(name: str) -> None:
    assert repaired(name) in NAMES
    assert expected(repaired(name)) == ()
    bad, good = text(name), text(repaired(name))
    assert bad != good
    assert sum(line not in good for line in bad) <= 3
    assert sum(line not in bad for line in good) <= 3


def test_nothing_is_repaired_that_was_not_bad() -> None:
    assert [name for name in NAMES if TWIN.search(name) and TWIN.sub("", name) not in BAD] == []


@pytest.mark.parametrize("name", [name for name in NAMES if not expected(name) and name.endswith(".toml")])
def test_a_green_one_has_a_witness_that_it_ran(name: str) -> None:
    assert program(name).sometimes


def test_a_witness_that_never_comes_is_told() -> None:
    one = replace(program("pin/swap-out-race-repaired.toml"), sometimes=("evictor reaches kunmap",))
    assert sampled(one).exit_code == 5


def test_the_catalogue_shows_every_code() -> None:
    assert {code for name in BAD for code in expected(name)} == set(CODES)


def test_each_has_a_title_of_its_own() -> None:
    titles = Counter(program(name).title for name in NAMES)
    assert [title for title, count in titles.items() if count > 1] == []


def test_there_are_at_least_two_dozen() -> None:
    assert len(BAD) >= 24


def test_the_readme_of_the_catalogue_names_each_folder_and_where_to_begin() -> None:
    rows = re.findall(
        r"^\| `(\w+/)` \|.*\| `([\w.-]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {folder for folder, _ in rows} == {name.partition("/")[0] + "/" for name in NAMES}
    assert [folder + file for folder, file in rows if not (ROOT / folder / file).is_file()] == []


def test_nobody_misses_in_samples_what_only_a_search_of_all_states_decides() -> None:
    assert [sampled(program(name), 20).exit_code for name in PROVED] == [0] * len(PROVED)
    assert [check(replace(program(name), findings=())).exit_code for name in PROVED] == [1] * len(PROVED)
    assert {code for name in PROVED for code in expected(name)} == set(PROGRESS)
