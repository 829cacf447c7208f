from __future__ import annotations

from pathlib import Path

import pytest

from dmabuf_async.explore.execution import execute
from dmabuf_async.explore.recording import record
from dmabuf_async.explore.replaying import replay
from dmabuf_async.report.page.state import Cell, Row, States, states
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies.random_walk import RandomWalk

ROOT = Path(__file__).parents[3]


def shown(name: str, schedule: str = "", seed: int = 0) -> States:
    program = catalogue.load(str(ROOT / f"scenarios/{name}.toml"))
    execution = replay(program, schedule) if schedule else execute(program, RandomWalk(seed))
    assert execution is not None
    return states(record(program, execution).snapshots)


def words(found: States, step: int) -> dict[str, dict[str, list[str]]]:
    """By title of the table and name of the row."""
    return {
        table.title: {table.names[row]: [cell.words for cell in cells] for row, cells in rows.items()}
        for table, rows in zip(found.tables, found.at(step), strict=True)
    }


def stale(found: States) -> list[tuple[Cell, ...]]:
    return [
        change.cells
        for changes in found.changes
        for change in changes
        if change.cells is not None
        if found.tables[change.table].title.startswith("Page tables") and change.cells[-1].bad
    ]


def test_a_page_is_shown_where_it_is_with_pins_maps_and_the_move_under_way() -> None:
    found = shown("pin/pins-ignored", "dba1:e55g.v3002g")
    assert words(found, 9)["Pages"]["fb[0]"] == ["fb[0]", "ram#0", "importer", "importer", ""]
    assert words(found, 16)["Pages"]["fb[0]"] == ["fb[0]", "ram#0", "importer", "", "swap#0 (2 of 2 words)"]
    assert words(found, 17)["Pages"]["fb[0]"][:2] == ["fb[0]", "swap#0"]
    evictor = ["evictor", "cpu1", "ready", "switch fb[0] to swap#0", "locks fb.lock"]
    assert words(found, 16)["Actors"]["evictor"] == evictor
    assert words(found, 16)["Locks, cells, counters"]["fb.lock"] == ["fb.lock", "mutex", "evictor"]
    assert words(found, 0)["Locks, cells, counters"]["fb.lock"] == ["fb.lock", "mutex", "free"]
    assert words(found, 0)["Memory"]["ram"] == ["ram", "1 of 4", "fb[0] | free | free | free"]
    assert words(found, 0)["Memory"]["swap"] == ["swap", "0 of 4", "(4 free)"]


def test_what_leads_to_where_a_page_no_longer_is_is_bad() -> None:
    leads = next(found for seed in range(40) if (found := stale(shown("mmap/zap-after-move", seed=seed))))
    assert "STALE" in leads[0][-1].words


def test_devices_show_their_attachments_iotlbs_and_transfers() -> None:
    found = shown("device/dma-in-flight")
    devices = next(table for table in found.tables if table.title == "Devices")
    assert any("IOTLB" in name for name in devices.names)
    assert any("in flight" in name for name in devices.names)


@pytest.mark.parametrize("name", ["pin/pins-ignored", "device/dma-in-flight", "mmap/killed", "cache/shared-line"])
def test_only_what_differs_is_a_change_and_all_states_come_of_changes(name: str) -> None:
    found = shown(name, seed=1)
    before: list[dict[int, Row]] = [{} for _ in found.tables]
    for step, changes in enumerate(found.changes):
        now = found.at(step)
        told = {(change.table, change.row) for change in changes}
        pairs = enumerate(zip(before, now, strict=True))
        differs = {(n, row) for n, (old, new) in pairs for row in {*old, *new} if old.get(row) != new.get(row)}
        assert told == differs
        before = now


def test_a_row_has_a_cell_for_each_head_and_a_name_of_its_own() -> None:
    found = shown("device/dma-in-flight", seed=2)
    for table in found.tables:
        assert len(set(table.names)) == len(table.names)
    for changes in found.changes:
        for change in changes:
            table = found.tables[change.table]
            assert change.cells is None or len(change.cells) == len(table.heads)


def test_tables_without_a_row_are_left_out() -> None:
    titles = [table.title for table in shown("locks/abba").tables]
    assert "Devices" not in titles
    assert "Actors" in titles
