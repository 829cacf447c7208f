from __future__ import annotations

from dataclasses import replace

from dmabuf_async.dashboard.leads import leads
from dmabuf_async.machine.snapshot import LeadView

LEAD = LeadView(0, "ram#0", writable=True, stale=False)


def told(*entries: LeadView, bits: bool = False) -> str:
    return leads("pte ", entries, bits=bits).plain


def test_a_page_and_where_it_is_and_the_bits_where_somebody_asks() -> None:
    assert told(LEAD) == "pte [0] ram#0"
    bits = [replace(LEAD, dirty=True), replace(LEAD, page=1, writable=False)]
    assert told(*bits, bits=True) == "pte [0] ram#0 wd [1] ram#0 r"


def test_of_many_those_that_are_stale_are_told_and_how_many_more_there_are() -> None:
    many = [replace(LEAD, page=page, stale=page in {3, 5}) for page in range(8)]
    assert told(*many) == "pte [3] ram#0 STALE [5] ram#0 STALE + 6"
    assert told(*many[:3]) == "pte [0] ram#0 [1] ram#0 + 1"
