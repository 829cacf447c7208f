from __future__ import annotations

from dmabuf_async.engine.vma_view import vma_views
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.machine.snapshot import LeadView, VmaView
from tests.mapped import World

LEAD = LeadView(0, "ram#0", writable=True, stale=False, dirty=True)


def world() -> World:
    one = World(Machine())
    one.premap(0, dirty=True)
    one.cache(0, 1)
    one.vma.pte(1)  # which leads nowhere, and is in no TLB
    return one


def test_a_mapping_shows_where_its_ptes_lead_and_what_each_tlb_holds() -> None:
    assert list(vma_views(world().mm)) == [VmaView("app", "m", "fb", True, True, (LEAD,), ((1, (LEAD,)),), "fb", 0, 2)]


def test_what_leads_to_where_the_page_no_longer_is_is_stale() -> None:
    one = world()
    one.vma.pte(0).cut()
    one.fb.pages[0].where = None
    (view,) = vma_views(one.mm)
    assert (view.ptes, view.tlbs) == ((), ((1, (LeadView(0, "ram#0", writable=True, stale=True, dirty=True),)),))


def test_what_is_unmapped_is_seen_only_as_long_as_something_leads_to_the_buffer() -> None:
    one = world()
    one.mm.region("n", one.fb, PAGE_SIZE, PAGE_SIZE)
    one.vma.pages, one.mm.vmas = 0, ()
    assert [(view.name, view.part, view.mapped) for view in vma_views(one.mm)] == [("m", "fb", False)]
    one.vma.pte(0).cut()
    assert len(list(vma_views(one.mm))) == 1
    one.vma.pte(0).entries[one.machine.cpus[1]].cut()
    assert list(vma_views(one.mm)) == []


def test_a_part_of_a_buffer_counts_its_pages_from_its_own_start_and_looking_makes_no_objects() -> None:
    one = World(Machine(), 3)
    part = one.mm.region("n", one.fb, PAGE_SIZE, 2 * PAGE_SIZE, write=False)
    part.pages, one.mm.vmas = 2, (part,)
    page = one.fb.pages[2]
    assert page.where is not None
    part.pte(1).follow(page.where, page, writable=False, dirty=False)
    things = len(one.machine.things)
    (view,) = vma_views(one.mm)
    assert (view.buffer, view.first) == ("fb", 1)
    assert (view.part, view.writable, view.ptes) == ("fb[1..2]", False, (LeadView(1, "ram#2", False, stale=False),))
    assert len(one.machine.things) == things
