"""What `explain` prints: a page for every code, and each scenario on it shows exactly that finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmabuf_async.checkers import catalogue
from dmabuf_async.checkers.catalogue import CODES, PROGRESS, page, summary
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.graph import Graph
from dmabuf_async.scenario.catalogue import find, load
from dmabuf_async.strategies.random_walk import RandomWalk

ROOT = Path(__file__).parents[2]
PAGES = Path(catalogue.__file__).parent / "pages"
HEADINGS = ["The rule", "The smallest scenario", "The usual cure", "See also"]
SUFFIX = {"toml": ".toml", "python": ".py"}


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The language and the text of each fenced block."""
    for fenced in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield fenced[1], fenced[2]


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def rules(code: str) -> list[str]:
    """The ids of the rules that a page cites."""
    return re.findall(r"^\*\*([VP]\d+)\.\*\* ", page(code), re.MULTILINE)


def test_there_is_a_page_for_each_code_and_no_other() -> None:
    assert {file.name for file in PAGES.iterdir()} == {f"{code}.md" for code in CODES}


@pytest.mark.parametrize("code", CODES)
def test_a_page_tells_what_happened_the_rule_the_scenario_and_the_cure(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code}\n\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    parts = re.split(r"^#.*$", prose(text), flags=re.MULTILINE)
    assert [part for part in parts[1:3] + parts[4:] if len(part.split()) < 2 and "`" not in part] == []


@pytest.mark.parametrize("code", CODES)
def test_a_page_fits_a_terminal(code: str) -> None:
    assert [line for line in page(code).splitlines() if len(line) > 79] == []


@pytest.mark.parametrize("code", CODES)
def test_the_first_sentence_of_a_page_fits_beside_its_code_in_a_list(code: str) -> None:
    assert len(f"{code:{max(map(len, CODES))}}  {summary(page(code))}") <= 79


@pytest.mark.parametrize("code", CODES)
def test_the_scenario_of_a_page_shows_that_finding_and_no_other(code: str, tmp_path: Path) -> None:
    [(language, text)] = blocks(page(code))
    file = tmp_path / f"smallest{SUFFIX[language]}"
    file.write_text(text, encoding="utf-8")
    [name] = find([str(tmp_path)])
    if code in PROGRESS:
        graph = Graph(load(name))
        while graph.advance():
            pass
        assert {signature.code for signature in graph.progress.failures} == {code}
        assert {signature.rule for signature in graph.progress.failures} <= {*rules(code), ""}
        return
    verdict = perform(fuzz(load(name), RandomWalk(0), executions=100))
    assert {failure.finding.code for failure in verdict.failures} == {code}
    told = {failure.finding.rule for failure in verdict.failures}
    assert told <= {*rules(code), ""}


@pytest.mark.parametrize("code", CODES)
def test_what_a_page_refers_to_is_there(code: str) -> None:
    see = page(code).partition("## See also")[2]
    names = re.findall(r"`([^`]+)`", see)
    assert names
    for name in names:
        assert name in CODES or (ROOT / name).is_file(), name
    assert code not in names
