"""The benchmarks run, and measure what they say: figures are not judged here, the machine is too noisy for that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS

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
    assert [row[4:6] for row in rows[2:4]] == [["271", "270"], ["13", "14"]]
    assert [row[0] for row in rows[7:]] == ["C2", "D(2)"]
    assert {len(row) for row in rows[2:4]} == {len(rows[0])}
    assert {len(row) for row in rows[7:]} == {len(rows[5])}


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
