"""What generated programs are worth: all that a search has to deal with comes up, and soon."""

from __future__ import annotations

from collections import Counter

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.brute import brute
from tests.generated import program, spec_of

pytestmark = pytest.mark.unaudited  # they are many


def test_a_number_is_one_program() -> None:
    assert [spec_of(seed) for seed in range(50)] == [spec_of(seed) for seed in range(50)]
    assert len({spec_of(seed) for seed in range(50)}) > 45


def test_the_first_300_programs_show_all_that_a_search_has_to_deal_with() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        shown: set[str] = set()
        machines, walk = program(seed).machines(), RandomWalk(seed)
        for _ in range(10):
            machine = machines()
            watch = Watch(machine, trace=True)
            core = inline.execute(machine, walk, watch=watch)
            assert core is not None
            assert core.stopped in {"ended", "deadlock"}
            shown.add(core.stopped)
            shown |= {event.kind for event in watch.trace(core).events}
            shown |= {f"{step.result!r}" for step in watch.steps or () if step.outcome}
            shown |= {f"path of {len(actor.path)}" for actor in core.actors}
        seen.update(shown)
    kinds = {
        "load", "store", "load_acquire", "store_release", "exchange", "cmpxchg", "add", "lock", "unlock", "trylock",
        "spin_lock", "spin", "spin_unlock", "down_read", "down_write", "wait", "sleep", "fire", "spawn", "join",
        "cancel", "fail", "unwind", "kill", "user mode", "alloc", "kmap", "kmap_atomic", "kunmap_atomic",
    }  # fmt: skip
    assert {kind: seen[kind] for kind in kinds if seen[kind] < 2} == {}
    assert seen["deadlock"] >= 30
    assert seen["ENOMEM"] >= 3
    assert seen["EINTR"] >= 3
    assert seen["path of 3"] >= 3  # a group in a group


def test_brute_force_executes_nearly_all_of_them_in_full() -> None:
    given_up = [seed for seed in range(60) if brute(program(seed), limit=1_000) is None]
    assert len(given_up) <= 10


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_a_machine_that_is_used_again_shows_what_a_fresh_one_shows(seed: int) -> None:
    def build(machine: object) -> None:
        spec_of(seed).furnish(machine)  # type: ignore[arg-type]

    used = program(seed)
    found = brute(used, limit=500)
    fresh = brute(type(used)(used.name, used.title, build, used.digest, used.sizes), limit=500)
    assert found == fresh
