from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dmabuf_async.dashboard.mappings import mappings
from dmabuf_async.machine.snapshot import LeadView, Snapshot, VmaView
from tests.dashboard.conftest import drawn, moment_of, program_of

EMPTY = Snapshot(0, 0, (), (), ())
LEAD = LeadView(0, "ram#0", writable=True, stale=False, dirty=True)
MAPPED = VmaView("display", "m", "fb[0..1]", True, True, (LEAD,), ((0, (LEAD,)), (1, (replace(LEAD, dirty=False),))))


def told(*views: VmaView, width: int = 80, rows: int | None = None) -> list[str]:
    return [text.plain.rstrip() for text in mappings(replace(EMPTY, vmas=views), width=width, rows=rows)]


def test_a_line_tells_what_is_mapped_and_where_ptes_and_tlbs_lead() -> None:
    assert told(replace(MAPPED, part="fb")) == [
        "display  m on fb  rw  pte [0] ram#0 wd  cpu0 [0] ram#0 wd  cpu1 [0] ram#0 w"
    ]


def test_what_is_stale_comes_first_where_there_is_no_room_for_all() -> None:
    stale = replace(LEAD, stale=True)
    assert told(replace(MAPPED, tlbs=((0, (LEAD,)), (3, (stale,)))), width=60) == [
        "display  m on f…0..1]  rw  cpu3 [0] ram#0 wd STALE  pte [0]…"
    ]


def test_what_may_be_done_is_told_and_what_is_gone_and_that_there_is_no_pte() -> None:
    assert told(
        replace(MAPPED, writable=False, tlbs=()),
        replace(MAPPED, process="viewer", mapped=False, ptes=(), tlbs=((2, (LEAD,)),)),
    ) == [
        "display  m on fb[0..1]  r     pte [0] ram#0 wd",
        "viewer   m on fb[0..1]  gone  no pte  cpu2 [0] ram#0 wd",
    ]
    assert told(MAPPED, MAPPED, rows=1) == ["  + 2 more"]


SCENARIO = """
title = "x"
machine = { defects = ["flush-one-cpu"] }
cells = { touched = 0 }
[buffers.fb]
exporter = "swapping"
[[tasks]]
name = "display"
steps = [
  { do = "mmap", buffer = "fb", as = "m" },
  { do = "store", at = "m" },
  { do = "set", cell = "touched", value = 1 },
  { do = "wait", cell = "touched", value = 2 },
  { do = "load", at = "m" },
]
[[tasks]]
name = "sampler"
thread_of = "display"
cpu = 1
steps = [
  { do = "wait", cell = "touched", value = 1 },
  { do = "load", at = "m" },
  { do = "set", cell = "touched", value = 2 },
]
[[tasks]]
name = "evictor"
steps = [
  { do = "wait", cell = "touched", value = 2 },
  { do = "swap_out", buffer = "fb" },
]
"""


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_a_tlb_entry_that_was_not_flushed_can_be_read_on_any_screen(
    golden: Callable[[str, str], None], width: int, height: int
) -> None:
    moment = moment_of(program_of(SCENARIO), 48, (22, "sampler"), (31, "evictor"))
    golden(f"mapping-{width}x{height}", drawn(moment, width, height))
