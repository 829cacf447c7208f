"""Cache lines: filled, cleaned, dropped, evicted and prefetched, and what devices see of them."""

from __future__ import annotations

from typing import Any

from dmabuf_async.drivers.setup import fill
from dmabuf_async.machine.cache import Clean, Evict, Flush, Invalidate, Prefetch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Place
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute
from tests.versions import Access, Step, machine_of, told


def ready(*, line_words: int = 1, **more: Any) -> tuple[Machine, Place]:
    machine = machine_of(coherent=False, line_words=line_words, **more)
    place = machine.buffers["a"].pages[0].where
    assert place is not None
    return machine, place


def do(machine: Machine, place: Place, *verbs: str) -> list[Any]:
    """``cpu store``, ``dma load``, ``clean``: each on word and line 0, all by the same actor."""
    results, actor = [], machine.actors[0]
    upkeep = {"clean": Clean, "invalidate": Invalidate, "flush": Flush}
    for verb in verbs:
        if verb in upkeep:
            results.append(machine.apply(actor, upkeep[verb](place, 0)))
        elif verb in {"evict", "prefetch"}:
            kind = Evict if verb == "evict" else Prefetch
            results.append(machine.apply(actor, kind(machine.cache, place.lines[0])))
        else:
            who, what = verb.split()
            results.append(machine.apply(actor, Access(what, place, 0, who == "cpu")))
    return results


def codes(machine: Machine) -> list[str]:
    return [mark.code for mark in machine.marks]


def test_a_coherent_machine_has_no_lines_and_its_frames_are_always_current() -> None:
    machine = machine_of(coherent=True, line_words=1)
    place = machine.things["frame ram#0"]
    assert isinstance(place, Place)
    assert (place.lines, machine.sizes.lines, machine.cache.whims) == ((), 0, [])
    assert do(machine, place, "cpu store", "dma load", "dma store", "cpu load") == [None, True, None, True]


def test_a_device_sees_what_a_cpu_wrote_once_it_is_cleaned() -> None:
    machine, place = ready()
    assert do(machine, place, "cpu store", "dma load", "clean", "dma load") == [None, False, True, True]
    assert codes(machine) == ["stale-read"]


def test_a_cpu_sees_what_a_device_wrote_once_its_line_is_forgotten() -> None:
    machine, place = ready()
    assert do(machine, place, "cpu load", "dma store", "cpu load", "flush", "cpu load")[2::2] == [False, True]
    assert codes(machine) == ["stale-read"]


def test_invalidate_drops_what_is_dirty_and_flush_does_not() -> None:
    machine, place = ready()
    do(machine, place, "cpu store", "flush")
    assert codes(machine) == []
    do(machine, place, "cpu store", "invalidate")
    assert codes(machine) == ["lost-write"]


def test_an_evicted_line_goes_over_whatever_is_in_memory() -> None:
    machine, place = ready()
    do(machine, place, "cpu store", "dma store", "evict")
    assert codes(machine) == ["lost-write"]
    assert not place.lines[0].valid
    assert machine.marks[0].detail == (
        "the line of ram#0 is evicted over a newer version in ram#0: a write to word 0 of a[0] is lost"
    )


def test_a_clean_line_never_overwrites_memory() -> None:
    machine, place = ready()
    results = do(machine, place, "cpu load", "dma store", "clean", "flush", "dma load")
    assert results[-1] is True
    assert codes(machine) == []


def test_two_words_share_a_line_and_go_back_together() -> None:
    for line_words, expected in ((2, ["lost-write"]), (1, [])):
        machine, place = ready(line_words=line_words)
        actor = machine.actors[0]
        machine.apply(actor, Access("store", place, 0, True))
        machine.apply(actor, Access("store", place, 1, False))
        machine.apply(actor, Clean(place, 0))
        assert codes(machine) == expected


def test_a_line_of_a_freed_frame_hits_its_next_owner() -> None:
    machine, _ = ready()
    steps = [
        Step("alloc", 0, 0, source=1), Step("store", 0, source=1), Step("free", 0, source=1),
        Step("alloc", 1, 1, source=1), Step("dma_store", 1, source=1), Step("evict", 0, source=1),
    ]  # fmt: skip
    # What is stored in a frame that never becomes the storage is lost with it; so is what its old line hits.
    lost = {"lost-write"}
    assert [codes for _, codes in told(machine, steps)] == [set(), set(), lost, set(), set(), lost]


def test_highmem_is_prefetched_only_while_it_is_mapped_and_lowmem_always() -> None:
    machine, low = ready()
    high = machine.zones["high"].places[0]
    actor = machine.actors[0]
    assert Prefetch(machine.cache, low.lines[0]).enabled(actor)
    assert not Prefetch(machine.cache, high.lines[0]).enabled(actor)
    high.maps = 1
    assert Prefetch(machine.cache, high.lines[0]).enabled(actor)


def test_what_the_cache_may_do_is_bounded_and_alone_is_no_progress() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        fill(buffer, machine.zones["ram"])

        async def work() -> None:
            for _ in range(5):
                await Access("store", machine.zones["ram"].places[0], 0, True)

        machine.task("work", work)

    sizes = Sizes(ram=1, words=1, coherent=False, evictions=2, prefetches=1)
    seen = set()
    for seed in range(30):
        ran = execute(build, RandomWalk(seed), sizes=sizes, trace=True)
        texts = ran.texts()
        assert ran.stopped == "ended"
        assert not texts[-1].startswith("the cache")
        seen.add((texts.count("the cache: evict the line of ram#0"), sum("prefetch" in text for text in texts)))
    assert max(seen)[0] == 2
    assert {prefetches for _, prefetches in seen} == {0, 1}
