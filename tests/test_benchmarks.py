"""The benchmarks run, and measure what they say: figures are not judged here, the machine is too noisy for that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import defects
from benchmarks.bookkeeping import keep
from benchmarks.defects import Proof, Variant, decided, prove, unproved
from benchmarks.exhaustive import Recorded, exhaust, program
from benchmarks.strategies import TABLES, scenarios, schedules
from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.scenario.catalogue import load
from dmabuf_async.strategies import SAMPLING
from dmabuf_async.strategies.catalogue import strategy
from tests.effort import times

ROOT = Path(__file__).parents[1]


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_ratio_of_the_budgets_is_measured_in_one_run() -> None:
    printed = run("benchmarks.ratios", "--executions", "20", "--rounds", "2")
    rows = [line.split() for line in printed.splitlines()[2:]]
    cases = ["bare", "inline", "checked", "traced", "remembered", "remembered+checked", "asyncio", "trio"]
    assert [row[:2] for row in rows] == [[name, case] for name in ("A", "swap-out") for case in cases]
    for row in rows:
        assert re.fullmatch(r"[\d,]+", row[2])
        assert row[1] == "bare" or row[-1] in {"within", "OVER"}


def test_a_campaign_is_measured_with_its_panel_and_without_it() -> None:
    rows = run("benchmarks.dashboard", "--rounds", "1", "--share", "0.05").splitlines()
    assert len(rows) == 3
    for row in rows:
        assert re.fullmatch(
            r"\S.* +[\d,]+/s without +[\d,]+/s with +[\d.]+ %, per CPU second +[\d.]+ %   budget 95 %: (within|UNDER)",
            row,
        )


def test_the_scenario_of_eight_actors_at_once_is_right() -> None:
    crowd = load(str(ROOT / "benchmarks" / "eight-at-once.toml"))
    assert len(crowd.machines()().actors) == 8
    verdict = perform(fuzz(crowd, strategy("portfolio", 0), executions=times(200, 20)))
    assert (verdict.exit_code, verdict.failures) == (0, ())


def test_the_cost_of_a_step_is_measured_over_three_sizes_of_buffers() -> None:
    rows = [line.split() for line in run("benchmarks.pages", "--executions", "1").splitlines()[1:]]
    assert [row[0] for row in rows] == ["8", "64", "512"]
    steps = [int(row[1].replace(",", "")) for row in rows]
    assert steps[0] * 8 < steps[2], "larger buffers make more steps, or nothing was measured"


def test_the_start_is_measured() -> None:
    printed = run("benchmarks.startup", "--rounds", "1")
    assert [line.split("  ")[0] for line in printed.splitlines()] == ["--version", "--help", "fuzz --help"]


def test_the_searches_are_measured_beside_the_bare_loop() -> None:
    options = ["--executions", "50", "--rounds", "1", "--seconds", "0"]
    rows = [line.strip("| ").split(" | ") for line in run("benchmarks.exhaustive", *options, "C2", "D(2)").splitlines()]
    assert [row[:3] for row in rows[2:4]] == [["C2", "90", "90"], ["D(2)", "4", "4"]], "an execution for each class"
    assert [row[6:8] for row in rows[2:4]] == [["271", "270"], ["13", "14"]]
    assert [row[0] for row in rows[7:]] == ["C2", "D(2)"]
    assert {len(row) for row in rows[2:4]} == {len(rows[0])}
    assert {len(row) for row in rows[7:]} == {len(rows[5])}


def test_happens_before_is_kept_of_each_execution_from_its_first_step_on() -> None:
    one = program("C2")
    search = Recorded(one)
    exhaust(search)
    order = keep(one, search.schedules)
    assert order == keep(one, search.schedules[-1:]), "nothing is left of the execution before"
    assert order == [(2 << step) - 1 for step in range(6)], "two increments of each of three tasks, and all conflict"


def test_importing_the_package_loads_no_event_loop_and_no_terminal() -> None:
    code = (
        "import sys, dmabuf_async; dmabuf_async.Machine, dmabuf_async.fuzz;"
        "print(sorted({'anyio', 'trio', 'asyncio', 'rich', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_page_of_defects_has_every_rule_every_defect_and_every_code() -> None:
    table = run("benchmarks.rules")
    assert table in (ROOT / "docs" / "defects.md").read_text(encoding="utf-8"), "run python -m benchmarks.rules --write"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    rules = {f"V{number}" for number in range(16)} | {f"P{number}" for number in range(1, 13)}
    assert rules <= {rule for rule, *_ in rows}
    told = {(driver, defect.strip("`")) for _, driver, defect, *_ in rows}
    assert told == {(driver, defect) for driver, defects in DEFECTS.items() for defect in defects} | {("tasks", "-")}
    codes = {code for *_, found, _ in rows for code in re.findall(r"`([a-z-]+)`", found)}
    # The last two are mistakes of Python code, which no file can make; test_defects provokes them.
    assert codes == set(CODES) - {"assertion", "unhandled-exception", "livelock"}


IN_COPY = "atomic/copy.toml"
FOUND = Variant("swapping", "short-copy", IN_COPY, "fb")
HARMLESS = Variant("swapping", "zap-before-lock", IN_COPY, "fb")


def test_the_state_graph_finds_a_defect_that_one_random_execution_of_many_thousands_shows() -> None:
    found, harmless = prove((IN_COPY, [FOUND, HARMLESS], 30.0))
    assert found.complete
    assert found.codes == {"lost-write": pytest.approx(1 / 87388, rel=1e-3)}
    assert harmless.complete
    assert harmless.codes == {}


def test_a_defect_that_makes_no_step_otherwise_is_without_effect() -> None:
    unmapped = Variant("cpu", "late-kunmap", "device/second-device-forgotten-repaired.toml", "driver")
    (proof,) = prove((unmapped.scenario, [unmapped], 30.0))
    assert proof.silent
    assert proof.states == 0


def test_strategies_in_turn_show_what_a_graph_that_does_not_end_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "SAMPLES", 60)
    mapped = Variant("swapping", "no-shootdown", "mmap/two-processes.toml", "fb")
    (proof,) = prove((mapped.scenario, [mapped], 0.0))
    assert not proof.complete
    assert "stale-pte" in proof.codes


def test_a_graph_that_is_not_whole_in_its_time_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "SAMPLES", 60)
    large = Variant("swapping", "short-copy", "device/second-device-forgotten-repaired.toml", "fb")
    (proof,) = prove((large.scenario, [large], 0.0))
    assert not proof.complete
    assert proof.codes == {}


def test_what_the_graph_decides_moves_on_the_page_from_unproved_to_found_and_to_harmless() -> None:
    told = """3 variants.

| driver | defect | rules | found as | found in | at best | without effect in | harmless in | unproved |
|---|---|---|---|---|---|---|---|---|
| swapping | `short-copy` | P5 | `torn-copy` | 1 | 97% | 12 | 1 | 2 |
| swapping | `zap-before-lock` | P2 | - | 0 | - | 23 | 0 | 1 |

## Unproved

- swapping `short-copy`: atomic/copy.toml (fb), large/eight-actors.toml (window)
- swapping `zap-before-lock`: atomic/copy.toml (fb)"""
    large = FOUND._replace(scenario="large/eight-actors.toml", site="window")
    assert set(unproved(told)) == {FOUND, HARMLESS, large}
    found, harmless = Proof(FOUND, {"lost-write": 1 / 5}, True, 9, 0.1), Proof(HARMLESS, {}, True, 9, 0.1)
    page = decided(told, [found, harmless, Proof(large, {}, False, 9000, 2.0)], 2)
    assert "| swapping | `short-copy` | P5 | `torn-copy`, `lost-write` | 2 | 97% | 12 | 1 | 1 |" in page
    assert "| swapping | `zap-before-lock` | P2 | - | 0 | - | 23 | 1 | 0 |" in page
    assert "- swapping `short-copy`: atomic/copy.toml (fb), `lost-write` in one execution of 5\n" in page
    assert page.endswith("- swapping `short-copy`: large/eight-actors.toml (window, 9,000 states in 2.0 s)")
    assert unproved(page) == [large]
    same = decided(page, [Proof(large, {}, False, 0, 0.0, silent=True)], 60)
    assert "| swapping | `short-copy` | P5 | `torn-copy`, `lost-write` | 2 | 97% | 13 | 1 | 0 |" in same
    assert unproved(same) == []
    page = decided(page, [Proof(large, {}, True, 90000, 31.0)], 60)
    assert "| swapping | `short-copy` | P5 | `torn-copy`, `lost-write` | 2 | 97% | 12 | 2 | 0 |" in page
    assert "given at most 60 CPU seconds each, and 400 executions with all strategies in turn, " in page
    assert "found 1 harmful after all, and the graph proved 3 harmless there" in page
    assert "one execution of 5\n" in page
    assert page.endswith("None.")


def test_the_page_of_defects_adds_up_and_names_scenarios_that_exist() -> None:
    page = (ROOT / "docs" / "defects.md").read_text(encoding="utf-8")
    for name in re.findall(r"[\w-]+/[\w-]+\.toml", page):
        assert (ROOT / "scenarios" / name).is_file(), name
    table, *_, listed = page.partition("<!-- end of what is measured -->")[0].split("\n## ")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    number = re.search(r"^([\d,]+) variants", table, re.MULTILINE)
    assert number is not None
    of_rows = [[int(cells[index].removesuffix(" |")) for index in (4, 6, 7, 8)] for cells in rows]
    assert sum(map(sum, of_rows)) == int(number[1].replace(",", ""))
    assert sum(counts[-1] for counts in of_rows) == len(re.findall(r"\.toml \(", listed))


def test_the_table_of_strategies_has_a_cell_for_each() -> None:
    printed = run("benchmarks.strategies", "--seeds", "2", "--only", "account", "--table", "programs")
    header, _, row = printed.strip().splitlines()
    assert header == f"| program | {' | '.join(SAMPLING)} | {SAMPLING[0]}: median, worst |"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "account"
    assert all(re.fullmatch(r"\d+ ± \d+", cell) for cell in cells[1:-1])


def test_a_program_can_be_started_by_a_parent() -> None:
    printed = run(
        "benchmarks.strategies", "--seeds", "2", "--only", "reorder_3", "--table", "started", "--strategy", "surw"
    )
    assert re.search(r"\| reorder_3 \| \d+ ± \d+ \|", printed)


def test_the_page_on_sampling_has_a_row_for_each_program_and_names_no_scenario_that_is_not_there() -> None:
    page = (ROOT / "docs" / "sampling.md").read_text(encoding="utf-8")
    for title, programs in TABLES.items():
        _, _, rest = page.partition(f"<!-- {title}: ")
        table = rest.partition(f"<!-- end of {title} -->")[0]
        rows = re.findall(r"^\| (\S+) \|", table, re.MULTILINE)[1:]
        if title == "scenarios":
            assert len(rows) > 100
            assert set(rows) <= set(programs())
        else:
            assert rows == list(programs()), f"run {rest.partition(' -->')[0]}"


@pytest.mark.unaudited
def test_the_portfolio_finds_each_bad_scenario_of_the_catalogue_soon() -> None:
    """It is judged by the median of 100 seeds, and 2,000 schedules: see docs/sampling.md."""
    for name, (scenario, codes) in scenarios().items():
        for seed in range(2):
            found = schedules(scenario, codes, "portfolio", seed, lambda: 0)
            assert found is not None, name
            assert found < 500, name


def test_the_cost_of_each_strategy_is_measured_with_few_actors_and_with_many() -> None:
    rows = [line.split() for line in run("benchmarks.costs", "--rounds", "1").splitlines()[2:]]
    assert len(rows) == 2 * 2 * 2 * len(SAMPLING)
    assert {row[0] for row in rows} == {"3", "50"}
    assert all(row[-1] in {"within", "OVER"} for row in rows if row[4] in {"pct", "pos", "surw"})
