"""Deadlock: a set of actors each of which waits for what only the set can give (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dmabuf_async import check
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.checkers.deadlock import demands
from dmabuf_async.drivers.device import DeviceDriver, DeviceImporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.machine.attachment import WaitIdle
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.protocol.attachment import claim
from dmabuf_async.protocol.rfc2012 import get_backing_storage, kmap, kmap_atomic, kunmap
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from dmabuf_async.trace.events import Finding
from tests.brute import brute
from tests.checkers.conftest import furnish
from tests.devices import Shared, attached, sharing, swap_out
from tests.harness import all_executions, codes, execute


async def both(first: Mutex, second: Mutex) -> None:
    await first.lock()
    await second.lock()
    await second.unlock()
    await first.unlock()


def abba(machine: Machine) -> None:
    a, b = machine.mutex("a"), machine.mutex("b")
    machine.task("left", both, a, b, cpu=0)
    machine.task("right", both, b, a, cpu=1)


def deadlocks(build: Callable[[Machine], object], sizes: Sizes | None = None) -> list[Finding]:
    return [
        finding for ran in all_executions(build, sizes=sizes) for finding in ran.findings if finding.code == "deadlock"
    ]


def test_the_cycle_is_named() -> None:
    messages = {finding.message for finding in deadlocks(abba)}
    assert messages == {"left waits to lock b, held by right; right waits to lock a, held by left"}


def test_one_order_is_right() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.mutex("a"), machine.mutex("b")
        machine.task("left", both, a, b, cpu=0)
        machine.task("right", both, a, b, cpu=1)

    assert codes(build) == set()


def test_a_mutex_taken_twice_waits_for_oneself() -> None:
    def build(machine: Machine) -> None:
        a = machine.mutex("a")
        machine.task("work", both, a, a)

    [finding] = execute(build).findings
    assert finding.message == "work waits to lock a, held by itself"


@pytest.mark.parametrize("daemon", [False, True])
def test_a_dead_subset_is_told_at_once_though_others_go_on(daemon: bool) -> None:
    def build(machine: Machine) -> None:
        abba(machine)
        turns = machine.counter("turns")

        async def busy() -> None:
            while await turns.add(1) < 4 or daemon:
                pass

        machine.task("other", busy, daemon=daemon)

    found = 0
    for seed in range(20):
        ran = execute(build, RandomWalk(seed), trace=True, max_steps=40)
        locks = [event.step for event in ran.watch.trace(ran.core).events if event.kind == "lock"]
        for finding in ran.findings:
            if finding.code != "deadlock":  # where it doesn't close, the order of locks is told
                continue
            found += 1
            assert finding.step == locks[1]
            assert ran.core.steps > finding.step
    assert found


def test_the_idle_wait_of_a_daemon_is_none() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        SwappingExporter(machine, buffer, "ram").serve()
        machine.task("work", get_backing_storage, buffer, user=True)

    ran = execute(build)
    assert (ran.codes, ran.stopped) == ([], "ended")


def test_a_wait_that_nobody_is_left_to_end_is_told_as_such() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("never")

        async def work() -> None:
            await cell.wait("==", 1)

        machine.task("work", work)

    [finding] = execute(build).findings
    assert finding.message == "work waits for never == 1, which nobody is left to bring about"


def test_a_giver_that_has_ended_is_told_to_have() -> None:
    def build(machine: Machine) -> None:
        a = machine.mutex("a")

        async def forgets() -> None:
            await a.lock()

        machine.task("first", forgets)
        machine.task("second", both, a, machine.mutex("b"))

    [finding] = execute(build).findings
    assert finding.message == "second waits to lock a, held by first (it has ended)"


@pytest.mark.parametrize("slots", [1, 2])
def test_whoever_waits_for_a_slot_waits_for_all_who_hold_one(slots: int) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 3, "static", "high")
        gate = machine.cell("gate")

        async def waits() -> None:
            await get_backing_storage(fb)
            mapping = await kmap(fb, 0)
            await gate.store(1)
            await kmap(fb, 1)
            await kunmap(mapping)

        machine.task("work", waits, user=True)

    assert [finding.rule for finding in execute(build, sizes=Sizes(highmem=3, kmap_slots=slots)).findings] == (
        ["V11"] if slots == 1 else []
    )


def test_who_holds_a_slot_and_can_go_on_is_no_deadlock() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "high")

        async def one(page: int) -> None:
            await kunmap(await kmap(fb, page))

        machine.task("one", one, 0, cpu=0)
        machine.task("two", one, 1, cpu=1)

    assert deadlocks(build, Sizes(highmem=2, kmap_slots=1)) == []


@pytest.mark.parametrize(("ends", "spawned"), [(False, False), (True, False), (False, True)])
def test_a_slot_whose_mapping_was_handed_on_is_given_back_by_another(ends: bool, spawned: bool) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "high")
        handed = machine.cell("handed", None)

        async def maker() -> None:
            await handed.store(await kmap(fb, 0))
            if not ends:
                await kunmap(await kmap(fb, 1))

        async def waiter() -> None:
            await handed.wait("!=", None)
            await kunmap(await kmap(fb, 1))

        async def other() -> None:
            await handed.wait("!=", None)
            await kunmap(await handed.load())

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(other)
                await maker()

        if spawned:
            machine.task("parent", parent)
            return
        machine.task("maker", maker, cpu=0)
        if ends:
            machine.task("waiter", waiter, cpu=0)
        machine.task("other", other, cpu=1)

    assert deadlocks(build, Sizes(highmem=2, kmap_slots=1)) == []


def test_a_daemon_does_not_hide_that_slots_are_waited_for_for_ever() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "high")
        turns = machine.counter("turns")

        async def work() -> None:
            await kmap(fb, 0)
            await kmap(fb, 1)

        async def busy() -> None:
            while True:
                await turns.add(1)

        async def other() -> None:
            await turns.add(1)

        machine.task("other", other)
        machine.task("work", work)
        machine.task("busy", busy, daemon=True)

    ran = execute(build, sizes=Sizes(highmem=2, kmap_slots=1), max_steps=40)
    assert [finding.step for finding in ran.findings if finding.code == "deadlock"] == [6]


def test_that_slots_are_waited_for_for_ever_is_told_once_whoever_else_there_is() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "high")
        cell = machine.cell("cell")

        async def work() -> None:
            await kmap(fb, 0)
            await kmap(fb, 1)

        async def other() -> None:
            await cell.store(1)

        machine.task("work", work)
        machine.task("other", other)

    for ran in all_executions(build, sizes=Sizes(highmem=2, kmap_slots=1)):
        assert [finding.rule for finding in ran.findings if finding.code == "deadlock"] == ["V11"]


def test_who_is_kept_off_its_cpu_waits_for_whoever_is_atomic_there() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")
        gate = machine.cell("gate")

        async def sleeper() -> None:
            await get_backing_storage(fb)
            await kmap_atomic(fb, 0)
            await gate.wait("==", 1)

        async def waker() -> None:
            await gate.store(1)

        machine.task("sleeper", sleeper, cpu=0)
        machine.task("waker", waker, cpu=0)

    ran = execute(build)
    told = {finding.code: finding for finding in ran.findings}
    assert ran.stopped == "deadlock"
    assert "waker waits for cpu0, kept atomic by sleeper" in told["deadlock"].message


def test_leaks_are_not_judged_after_a_deadlock() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")
        never = machine.cell("never")

        async def work() -> None:
            await get_backing_storage(fb)
            await never.wait("==", 1)

        machine.task("work", work)

    assert [finding.code for finding in execute(build).findings] == ["deadlock"]


def messages(build: Callable[[Machine], object]) -> set[str]:
    return {finding.message for finding in deadlocks(build)}


def test_a_reader_among_several_is_named_if_it_closes_the_circle() -> None:
    def build(machine: Machine) -> None:
        sem, mutex, turns = machine.rwsem("r"), machine.mutex("m"), machine.cell("turns")

        async def other() -> None:
            await sem.down_read()
            await turns.load()
            await sem.up_read()

        async def reader() -> None:
            await sem.down_read()
            await mutex.lock()

        async def writer() -> None:
            await mutex.lock()
            await sem.down_write()

        machine.task("other", other)
        machine.task("reader", reader)
        machine.task("writer", writer, cpu=1)

    circle = "reader waits to lock m, held by writer; writer waits to down_write r, held by reader"
    assert circle in messages(build)
    assert not [message for message in messages(build) if "by other" in message]


def test_a_writer_is_dead_with_one_of_its_readers_though_another_lives() -> None:
    def build(machine: Machine) -> None:
        sem, mutex, gate = machine.rwsem("r"), machine.mutex("m"), machine.counter("gate")

        async def alive() -> None:
            await sem.down_read()
            while True:
                await gate.add(1)

        async def reader() -> None:
            await gate.wait(">", 0)
            await sem.down_read()
            await mutex.lock()

        async def writer() -> None:
            await gate.wait(">", 0)
            await mutex.lock()
            await sem.down_write()

        machine.task("alive", alive, daemon=True)
        machine.task("reader", reader)
        machine.task("writer", writer, cpu=1)

    told = {
        finding.message for seed in range(20) for finding in execute(build, RandomWalk(seed), max_steps=60).findings
    }
    assert "reader waits to lock m, held by writer; writer waits to down_write r, held by reader" in told


def test_an_ipi_to_a_cpu_whose_interrupts_are_off_waits_for_whoever_turned_them_off() -> None:
    def build(machine: Machine) -> None:
        lock = machine.spinlock("s")

        async def sender() -> None:
            await lock.lock()
            await machine.cpus[1].smp_call_function()
            await lock.unlock()

        async def spinner() -> None:
            await lock.lock_irqsave()
            await lock.unlock_irqrestore()

        machine.task("sender", sender)
        machine.task("spinner", spinner, cpu=1)

    assert messages(build) == {
        ("sender waits for an answer of cpu1, whose interrupts spinner keeps off; spinner spins for s, held by sender")
    }


def test_two_that_wait_for_each_others_answer_with_their_interrupts_off() -> None:
    def build(machine: Machine) -> None:
        async def work(cpu: int) -> None:
            await machine.cpus[cpu].local_irq_disable()
            await machine.cpus[1 - cpu].smp_call_function()
            await machine.cpus[cpu].local_irq_enable()

        machine.task("left", work, 0, cpu=0)
        machine.task("right", work, 1, cpu=1)

    assert messages(build) == {
        (
            "left waits for an answer of cpu1, whose interrupts right keeps off; "
            "right waits for an answer of cpu0, whose interrupts left keeps off"
        )
    }


def test_a_cpu_calls_itself_whatever_its_interrupts_are() -> None:
    def build(machine: Machine) -> None:
        async def work() -> None:
            await machine.cpus[0].local_irq_disable()
            await machine.cpus[0].smp_call_function()
            await machine.cpus[0].local_irq_enable()

        machine.task("a", work)

    assert codes(build) == set()


def test_whoever_is_kept_off_a_cpu_by_a_spinner_is_in_the_circle() -> None:
    def build(machine: Machine) -> None:
        lock, gate = machine.spinlock("s"), machine.mutex("gate")

        async def holder() -> None:
            await lock.lock()
            await gate.lock()

        async def keeper() -> None:
            await gate.lock()
            await gate.unlock()

        async def spinner() -> None:
            await lock.lock()
            await lock.unlock()

        machine.task("holder", holder)
        machine.task("keeper", keeper, cpu=1)
        machine.task("spinner", spinner, cpu=1)

    assert (
        "holder waits to lock gate, held by keeper; keeper waits for cpu1, kept atomic by spinner; "
        "spinner spins for s, held by holder"
    ) in messages(build)


def test_an_interruptible_waiter_is_deadlocked_too() -> None:
    def build(machine: Machine) -> None:
        never = machine.cell("never")

        async def work() -> None:
            await never.wait("==", 1, interruptible=True)

        machine.task("work", work)

    assert "deadlock" in codes(build, sizes=Sizes(eintr=1))


def test_a_cpu_whose_keeper_has_ended_is_waited_for_in_vain() -> None:
    def build(machine: Machine) -> None:
        lock, turns = machine.spinlock("s"), machine.cell("turns")

        async def forgets() -> None:
            await lock.lock()

        async def other() -> None:
            await turns.load()

        machine.task("forgets", forgets)
        machine.task("other", other)

    assert messages(build) == {"other waits for cpu0, kept atomic by forgets (it has ended)"}


# One class, one judgement: whichever of its executions a search makes -----------------------------


def judgements(build: Callable[[Machine], object]) -> set[tuple[tuple[str, str], ...]]:
    """(code, role) of the primary findings of each class; executions of one class must agree."""
    found = brute(build, checkers=CHECKERS)
    assert found is not None
    for each, shown in found.shown.items():
        assert len(shown) == 1, each.story()
    return {
        tuple(sorted((one.code, one.role) for one in primary)) for shown in found.shown.values() for _, primary in shown
    }


def test_who_waits_for_a_waiter_of_somebody_that_has_ended_is_told_apart_in_every_order() -> None:
    def build(machine: Machine) -> None:
        k, m = machine.mutex("k"), machine.mutex("m")

        async def take(*locks: Mutex) -> None:
            for lock in locks:
                await lock.lock()

        machine.task("keeper", take, k)
        machine.task("outer", take, m)
        machine.task("inner", take, m, k)

    assert (("deadlock", "inner"), ("deadlock", "outer")) in judgements(build)


def test_a_deadlock_is_found_together_with_what_the_latest_step_of_its_member_showed() -> None:
    def build(machine: Machine) -> None:
        k, x = machine.mutex("k"), machine.cell("x")

        async def keep() -> None:
            await k.lock()

        async def race() -> None:
            await x.store(1)
            await k.lock()

        async def load() -> None:
            await x.load()

        machine.task("keeper", keep)
        machine.task("racer", race)
        machine.task("other", load)

    assert (("data-race", "racer"), ("deadlock", "racer")) in judgements(build)


def test_what_others_find_does_not_follow_from_a_deadlock() -> None:
    def build(machine: Machine) -> None:
        a, b, x = machine.mutex("a"), machine.mutex("b"), machine.cell("x")

        async def left() -> None:
            await a.lock()
            await x.store(1)
            await b.lock()

        async def right() -> None:
            await b.lock()
            await a.lock()

        async def other() -> None:
            await x.load()

        machine.task("left", left)
        machine.task("right", right)
        machine.task("other", other)

    assert (("data-race", "other"), ("deadlock", "left")) in judgements(build)


# Devices ---------------------------------------------------------------------------


def test_whoever_waits_for_an_unmap_that_has_begun_waits_for_who_began_it() -> None:
    def build(machine: Machine) -> None:
        gate, busy = machine.mutex("gate"), machine.counter("busy")

        async def unmaps(shared: Shared, own: DeviceImporter) -> None:
            attachment = await attached(shared, own)
            await claim(attachment)
            await busy.add(1)
            await busy.wait("==", 2)
            await gate.lock()

        async def waits(shared: Shared, _own: DeviceImporter) -> None:
            await busy.wait("==", 1)
            await gate.lock()
            await busy.add(1)
            await shared.attachment().wait_gone()

        async def goes_on() -> None:
            while True:
                await busy.load()

        sharing(unmaps, waits)(machine)
        machine.task("other", goes_on, daemon=True)

    told = {
        finding.message for seed in range(5) for finding in execute(build, RandomWalk(seed), max_steps=400).findings
    }
    assert told == {"a waits to lock gate, held by b; b waits for unmap of fb for gpu, which a has begun"}


@pytest.mark.parametrize(("revoke", "who"), [("later", "gpu-revoke would have to give"), ("at once", "nobody is left")])
def test_an_answer_to_a_notice_is_owed_by_the_task_of_the_driver_if_it_has_one(revoke: str, who: str) -> None:
    async def maps(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)
        await swap_out(shared, own)

    [finding] = execute(sharing(maps, revoke=revoke, device_defects=["cannot-let-go"])).findings
    assert finding.message.startswith(f"a waits for answer that gpu has let go of fb, which {who}")


def test_a_driver_that_wants_the_lock_of_the_move_that_waits_for_it_is_told_at_once() -> None:
    def build(machine: Machine) -> None:
        async def maps(shared: Shared, own: DeviceImporter) -> None:
            await attached(shared, own)
            await swap_out(shared, own)

        async def lets_go(driver: DeviceDriver) -> None:
            attachment = await driver.device.take_notice()
            await attachment.buffer.exporter.enter()

        async def goes_on() -> None:
            await machine.clock.sleep(9)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DeviceDriver, "work", lets_go)
            sharing(maps, revoke="later")(machine)
        machine.task("other", goes_on)

    ran = execute(build, trace=True)
    [finding] = ran.findings
    assert finding.message == (
        "a waits for answer that gpu has let go of fb, which gpu-revoke would have to give; "
        "gpu-revoke waits to lock fb.lock, held by a"
    )
    assert finding.rule == "V14"
    assert finding.step < ran.core.steps


@pytest.mark.parametrize(
    ("revoke", "who"), [("later", "gpu.engine0 would have to give"), ("at once", "nobody is left")]
)
def test_a_transfer_is_owed_by_its_engine_unless_a_revoke_may_stop_it(revoke: str, who: str) -> None:
    async def forgets_the_doorbell(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        page, engines = shared.buffer.pages[0], shared.device.engines
        transfer = await attachment.start(engines[0], page, (0,), write=False)
        await transfer.wait()

    [finding] = execute(sharing(forgets_the_doorbell, revoke=revoke)).findings
    assert finding.message.startswith(f"a waits for completion of dma read of fb[0], which {who}")


@pytest.mark.parametrize("revoke", ["later", "at once"])
def test_the_end_of_all_dma_is_owed_by_every_engine_that_has_some(revoke: str) -> None:
    async def waits(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        for engine in shared.device.engines[1:]:
            await attachment.start(engine, shared.buffer.pages[0], (0,), write=False)
        await WaitIdle(attachment)

    ran = execute(sharing(waits, revoke=revoke, engines=3))
    [finding] = ran.findings
    who = "gpu.engine1 and gpu.engine2 would have to give" if revoke == "later" else "nobody is left to bring about"
    assert finding.message == f"a waits for end of all dma of fb for gpu, which {who}"
    owed = [[giver.name for giver in clause] for clause in demands(ran.core.actors[0])]
    assert owed == ([["gpu.engine1"], ["gpu.engine2"]] if revoke == "later" else [])  # of all of them, or of anybody


def test_whoever_may_yet_be_cancelled_is_in_no_deadlock() -> None:
    def build(machine: Machine) -> None:
        lock = machine.mutex("m")

        async def leaves_it_locked() -> None:
            await lock.lock()

        async def limits(seconds: int) -> None:
            async with Group() as group:
                await group.spawn(leaves_it_locked)
                await machine.clock.sleep(seconds)
                await group.cancel()

        machine.task("one", limits, 1)
        machine.task("two", limits, 2)

    verdict = check(build, "both")
    assert (verdict.strength, verdict.failures) == ("exhaustive", ())


def test_a_circle_is_told_when_the_child_comes_to_wait_that_might_have_cancelled_a_member() -> None:
    """By every search, and by the replay of what the graph found; the child itself waits for the circle."""

    def build(machine: Machine) -> None:
        lock = machine.mutex("m")

        async def locks() -> None:
            await lock.lock()

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(locks)
                await lock.lock()

        async def holder() -> None:
            await lock.lock()
            async with Group() as group:
                await group.spawn(parent)

        machine.task("holder", holder)

    for search in ("graph", "dpor"):
        assert {failure.finding.message for failure in check(build, search).failures} == {
            (
                "holder waits to join holder/0, which holder/0 would have to give; "
                "holder/0 waits to lock m, held by holder"
            ),
            "holder/0/0 waits to lock m, held by holder",
        }, search


@pytest.mark.parametrize("first", ["nothing", "load", "lock"])
def test_a_child_that_is_kept_off_its_cpu_and_waited_for_is_told_by_every_search(first: str) -> None:
    """When its parent comes to wait the child has not begun: it may yet end without a step."""

    def build(machine: Machine) -> None:
        spin, mutex, counter = machine.spinlock("s"), machine.mutex("m"), machine.counter("c")

        async def child() -> None:
            if first != "nothing":
                await (counter.load() if first == "load" else mutex.lock())

        async def parent() -> None:
            await spin.lock()
            async with Group() as group:
                await group.spawn(child)
            await spin.unlock()

        async def other() -> None:
            await counter.add(1)

        machine.task("parent", parent)
        machine.task("other", other, cpu=1)

    told = [
        {failure.finding.message for failure in check(build, search).failures if failure.finding.code == "deadlock"}
        for search in ("graph", "dpor")
    ]
    waits = "parent waits to join parent/0, which parent/0 would have to give; parent/0 waits for cpu0, kept atomic by"
    assert told == [set() if first == "nothing" else {f"{waits} parent"}] * 2
