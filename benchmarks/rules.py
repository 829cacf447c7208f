"""The table rule, defect, code, scenario of docs/defects.md: ``python -m benchmarks.rules --write``.

Read off the drivers and the catalogue alone: a bad scenario names the defects that it plants and the codes that it
expects. tests/test_benchmarks.py holds the page to it, and looks for rules and codes that have no row.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.defects import PAGE, ROOT, RULE, files, scenario_in, write
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.scenario.schema import Scenario

BEGIN, END = "<!-- read off: python -m benchmarks.rules --write -->", "<!-- end of what is read off -->"


class Row(NamedTuple):
    """One defect under one of the rules that it breaks; a mistake of the tasks themselves has neither."""

    rule: str
    driver: str
    defect: str
    codes: tuple[str, ...]
    scenarios: tuple[str, ...]


def planted(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Driver and name of each defect in a scenario."""
    for buffer in scenario.buffers.values():
        yield from ((buffer.exporter, defect) for defect in buffer.defects)
    yield from (("core", defect) for defect in scenario.machine.defects)
    for device in scenario.devices.values():
        yield from (("device", defect) for defect in device.defects)
    for task in scenario.tasks:
        yield from (("cpu", defect) for defect in task.defects)


def rows() -> list[Row]:
    """Every defect under every rule that it breaks, by rule, then what the catalogue's tasks do wrong by themselves."""
    places = defaultdict[tuple[str, str], dict[str, list[str]]](dict)
    for name in files():
        if not (scenario := scenario_in(name)).expect.findings:
            continue
        short = str(Path(name).relative_to(ROOT / "scenarios"))
        for who in dict.fromkeys(planted(scenario)) or [("tasks", "-")]:
            places[who][short] = scenario.expect.findings
    told = [
        (rule, driver, defect)
        for driver, defects in DEFECTS.items()
        for defect, said in defects.items()
        for rule in RULE.findall(said.rpartition("(")[2])
    ]
    told.sort(key=lambda one: (one[0][0] != "V", int(one[0][1:])))
    return [
        Row(
            rule, driver, defect, tuple(dict.fromkeys(code for codes in found.values() for code in codes)), tuple(found)
        )
        for rule, driver, defect in [*told, ("-", "tasks", "-")]
        for found in [places[driver, defect]]
    ]


def table() -> str:
    """The rows in Markdown."""
    lines = ["| rule | driver | defect | found as | in |", "|---|---|---|---|---|"]
    for row in rows():
        codes = ", ".join(f"`{code}`" for code in row.codes) or "above"
        places = ", ".join(row.scenarios) or "tests/test_defects.py"
        lines.append(f"| {row.rule} | {row.driver} | `{row.defect}` | {codes} | {places} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write it into the page; exit 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    if parser.parse_args(arguments).write:
        write(BEGIN, END, table())
    else:
        print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
