from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from dmabuf_async.dashboard.panels.memory import memory, memory_in_brief
from dmabuf_async.machine.snapshot import Snapshot, ZoneView

EMPTY = Snapshot(0, 0, (), (), ())


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_memory_is_told_place_by_place_and_long_runs_in_short() -> None:
    zones = (
        ZoneView("ram", 7, 8, ("fb[0]", "fb[1]", "fb[2]", "fb[3]", "fb[4]", "gb[0]", "", "fb[5]")),
        ZoneView("high", 0, 0),
        ZoneView("swap", 1, 30, ("fb[9]",)),
        ZoneView("kmap slots", 2, 2, ("high#0", "high#1")),
    )
    snapshot = replace(EMPTY, zones=zones)
    assert told(memory(snapshot, width=80)) == [
        "ram         7 of 8        fb[0..4] gb[0] . fb[5]",
        "swap        1 of 30       fb[9] (29 free)",
        "kmap slots  2 of 2, full  high#0 high#1",
    ]
    assert told(memory(snapshot, width=80, rows=2))[-1] == "  + 2 more"
    assert memory_in_brief(snapshot, width=80).plain == "ram ■■■■■■■· 7/8   swap 1/30   kmap slots ■■ 2/2 full"
