"""Steps that take locks, turn interrupts off, send IPIs or race commute wherever they don't conflict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.dice import dice
from dmabuf_async.tasks import Group
from tests.effort import times
from tests.programs import answers
from tests.test_commutation import check_commutation

Step = tuple[Any, ...]


@dataclass(frozen=True)
class LockSpec:
    """Tasks, each with its CPU and its steps."""

    tasks: tuple[tuple[int, tuple[Step, ...]], ...]

    def machine(self) -> Machine:
        machine = Machine(Sizes(cpus=3))
        for number in range(2):
            machine.mutex(f"m{number}", "mmap_lock" if number else None)
            machine.spinlock(f"s{number}", "one class")
            machine.rwsem(f"r{number}", "i_mmap_rwsem" if number else None)
            machine.cell(f"x{number}")
        machine.counter("n")
        for number, (cpu, steps) in enumerate(self.tasks):
            machine.task(f"t{number}", perform, machine, cpu, steps, cpu=cpu)
        machine.task("spinner", spin, machine, cpu=2)
        machine.seal()
        return machine


async def spin(machine: Machine) -> None:
    cell = machine.cell("spin")
    while True:
        await cell.load()


KINDS: Final = {"mutex": "m", "spinlock": "s", "rwsem": "r", "cell": "x"}


async def perform(machine: Machine, cpu: int, steps: tuple[Step, ...]) -> None:
    for kind, which, verb, *rest in steps:
        if kind == "group":
            async with Group() as group:
                for inner in which:
                    await group.spawn(perform, machine, cpu, inner)
                await machine.things["cell x0"].load()  # type: ignore[attr-defined]
        elif kind == "cpu":
            number = which if verb == "smp_call_function" else cpu
            await getattr(machine.cpus[number], verb)()
        elif kind == "counter":
            await getattr(machine.things["counter n"], verb)(*rest)
        else:
            await getattr(machine.things[f"{kind} {KINDS[kind]}{which}"], verb)(*rest)


which, value = st.integers(0, 1), st.integers(0, 2)
flat: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("mutex"), which, st.sampled_from(["lock", "unlock", "try_lock"])),
    st.tuples(
        st.just("spinlock"), which, st.sampled_from(["lock", "unlock", "try_lock", "lock_irqsave", "unlock_irqrestore"])
    ),
    st.tuples(
        st.just("rwsem"),
        which,
        st.sampled_from(
            ["down_read", "up_read", "down_write", "up_write", "down_read_trylock", "down_write_trylock", "down_read"]
        ),
    ),
    st.tuples(st.just("cpu"), which, st.sampled_from(["local_irq_disable", "local_irq_enable", "smp_call_function"])),
    st.tuples(st.just("cell"), which, st.sampled_from(["load", "load_acquire"])),
    st.tuples(st.just("cell"), which, st.sampled_from(["store", "store_release", "exchange", "add"]), value),
    st.tuples(st.just("cell"), which, st.just("wait"), st.sampled_from(["==", "!="]), value),
    st.tuples(st.just("counter"), st.just(0), st.just("add"), st.sampled_from([1, -1])),
    st.tuples(st.just("counter"), st.just(0), st.just("load")),
)
PAIRS: Final = (
    ("mutex", "lock", "unlock"),
    ("spinlock", "lock", "unlock"),
    ("spinlock", "lock_irqsave", "unlock_irqrestore"),
    ("rwsem", "down_read", "up_read"),
    ("rwsem", "down_write", "up_write"),
)


@st.composite
def nested(draw: st.DrawFn) -> tuple[Step, ...]:
    """One lock in another, and something inside: the stuff of deadlocks."""
    (outer, take, give), (inner, take2, give2) = draw(st.sampled_from(PAIRS)), draw(st.sampled_from(PAIRS))
    one, two = draw(which), draw(which)
    inside = draw(st.lists(flat, max_size=1))
    return ((outer, one, take), (inner, two, take2), *inside, (inner, two, give2), (outer, one, give))


parts = st.one_of(st.lists(flat, min_size=1, max_size=3).map(tuple), nested())
sequences = st.lists(parts, min_size=1, max_size=3).map(lambda lists: tuple(step for part in lists for step in part))
groups = st.lists(sequences, min_size=1, max_size=2).map(lambda inner: (("group", tuple(inner), ""),))
tasks = st.tuples(which, st.one_of(sequences, sequences, groups))
specs = st.builds(LockSpec, st.lists(tasks, min_size=2, max_size=4).map(tuple))


@settings(max_examples=times(150, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, answers)
def test_steps_that_do_not_conflict_commute(spec: LockSpec, answers: list[int]) -> None:
    check_commutation(spec, answers)


EXAMPLES = {
    "readers, and a writer that waits for both": LockSpec(
        (
            (0, (("rwsem", 0, "down_read"), ("cell", 0, "load"), ("mutex", 0, "lock"))),
            (1, (("rwsem", 0, "down_read"), ("cell", 1, "load"), ("mutex", 0, "lock"))),
            (0, (("mutex", 0, "lock"), ("rwsem", 0, "down_write"))),
        )
    ),
    "spinners with interrupts off": LockSpec(
        (
            (0, (("spinlock", 0, "lock_irqsave"), ("cpu", 1, "smp_call_function"), ("spinlock", 0, "unlock"))),
            (1, (("spinlock", 0, "lock_irqsave"), ("spinlock", 0, "unlock_irqrestore"))),
            (0, (("cell", 0, "store", 1), ("cell", 1, "store_release", 1))),
            (1, (("cell", 1, "wait", "==", 1), ("cell", 0, "load"))),
        )
    ),
    "orders of locks": LockSpec(
        (
            (0, (("mutex", 0, "lock"), ("spinlock", 0, "lock"), ("spinlock", 1, "lock"), ("cell", 0, "load"))),
            (1, (("spinlock", 1, "lock"), ("spinlock", 0, "try_lock"), ("cell", 0, "store", 2))),
        )
    ),
    "children that race with their parent": LockSpec(
        (
            (0, (("group", ((("cell", 0, "store", 1),), (("cell", 0, "add", 1),)), ""), ("cell", 0, "store", 0))),
            (1, (("cell", 0, "load_acquire"), ("cell", 0, "load"))),
        )
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_might_go_wrong_commutes_all_along(name: str) -> None:
    for seed in range(3):
        roll = dice(seed)
        schedule = [int(roll() * 8) for _ in range(24)]
        for length in range(0, 24, 2):
            check_commutation(EXAMPLES[name], schedule[:length])
