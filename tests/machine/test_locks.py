from __future__ import annotations

from typing import Any

from dmabuf_async.machine.machine import Machine
from tests.harness import all_executions, execute, interleavings, outcomes


def test_a_mutex_gives_mutual_exclusion_and_no_increment_is_lost() -> None:
    def build(machine: Machine) -> Any:
        mutex, cell = machine.mutex("m"), machine.cell("c")
        inside: list[int] = []

        async def work() -> None:
            await mutex.lock()
            inside.append(1)
            assert len(inside) == 1
            await cell.store(await cell.load() + 1)
            inside.pop()
            await mutex.unlock()

        machine.task("a", work)
        machine.task("b", work, cpu=1)
        return lambda: cell.value

    counts = outcomes(build)
    assert set(counts) == {2}
    assert counts.total() == 2  # who has the lock runs alone: only who takes it first is a question


def test_any_waiter_may_win_there_is_no_queue() -> None:
    def build(machine: Machine) -> Any:
        mutex = machine.mutex("m")
        order: list[str] = []

        async def work(name: str) -> None:
            await mutex.lock()
            order.append(name)
            await mutex.unlock()

        for name in "abc":
            machine.task(name, work, name, cpu=0)
        return lambda: "".join(order)

    assert set(outcomes(build)) == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_a_try_lock_never_waits_and_says_whether_it_took_it() -> None:
    def build(machine: Machine) -> Any:
        mutex = machine.mutex("m")
        took: dict[str, bool] = {}

        async def work(name: str) -> None:
            took[name] = await mutex.try_lock()
            if took[name]:
                await mutex.unlock()

        machine.task("a", work, "a")
        machine.task("b", work, "b", cpu=1)
        return lambda: (took["a"], took["b"])

    assert set(outcomes(build)) == {(True, True), (True, False), (False, True)}


def test_taking_a_mutex_twice_waits_for_oneself() -> None:
    def build(machine: Machine) -> None:
        mutex = machine.mutex("m")

        async def work() -> None:
            await mutex.lock()
            await mutex.lock()

        machine.task("a", work)

    ran = execute(build)
    assert (ran.stopped, ran.codes) == ("deadlock", ["deadlock"])


def test_an_unlock_by_who_does_not_hold_it_is_marked_and_changes_nothing() -> None:
    def build(machine: Machine) -> Any:
        mutex = machine.mutex("m")

        async def lock() -> None:
            await mutex.lock()

        async def unlock() -> None:
            await mutex.unlock()

        machine.task("holder", lock)
        machine.task("other", unlock, cpu=1)
        return lambda: mutex.owner and mutex.owner.name

    told = {(ran.observed, *(finding.message for finding in ran.findings)) for ran in all_executions(build)}
    assert told == {
        ("holder", "other unlocks m, which holder holds"),
        ("holder", "other unlocks m, which nobody holds"),
    }


def test_locks_in_opposite_order_deadlock_in_some_interleavings_only() -> None:
    def build(machine: Machine) -> None:
        first, second = machine.mutex("m"), machine.mutex("k")

        async def work(one: Any, other: Any) -> None:
            await one.lock()
            await other.lock()
            await other.unlock()
            await one.unlock()

        machine.task("a", work, first, second)
        machine.task("b", work, second, first, cpu=1)

    found = {(ran.stopped, tuple(finding.message for finding in ran.findings)) for ran in all_executions(build)}
    assert found == {
        ("deadlock", ("a waits to lock k, held by b; b waits to lock m, held by a",)),  # whoever closed the circle
        ("ended", ("b takes m while it holds k, and a took k while it held m",)),
        ("ended", ("a takes k while it holds m, and b took m while it held k",)),
    }


def test_locks_in_the_same_order_never_deadlock() -> None:
    def build(machine: Machine) -> None:
        mutexes = [machine.mutex("m"), machine.mutex("k")]

        async def work() -> None:
            for mutex in mutexes:
                await mutex.lock()
            for mutex in mutexes:
                await mutex.unlock()

        machine.task("a", work)
        machine.task("b", work, cpu=1)

    ends = [ran.stopped for ran in all_executions(build)]
    assert set(ends) == {"ended"}
    # First who locks m. The other may take it at the last unlock but one, and then waits for k.
    assert len(ends) < interleavings(4, 4)


def test_ops_say_what_they_do() -> None:
    mutex = Machine().mutex("m")
    assert [op.describe() for op in (mutex.lock(), mutex.try_lock(), mutex.unlock())] == [
        "lock m",
        "trylock m",
        "unlock m",
    ]
