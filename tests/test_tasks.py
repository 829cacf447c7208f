"""Groups, and how actors end: on every engine, and in every interleaving."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.errors import Cancelled, KernelError, Killed, RunOver
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.tasks import Group, UserMode
from tests.harness import Build, Ran, all_executions, execute


@pytest.fixture(params=ENGINES)
def run(request: pytest.FixtureRequest) -> Callable[..., Ran]:
    def on_engine(build: Build, answers: Any = (), **options: Any) -> Ran:
        return execute(build, answers, trace=True, engine=request.param, **options)

    return on_engine


Run = Callable[..., Ran]


def leaves(error: BaseException) -> list[str]:
    """What an exception group holds, in order."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [repr(error)]


# Spawn, join ------------------------------------------------------------------------------


def test_what_has_no_name_of_its_own_can_be_spawned_and_is_told_by_what_it_is(run: Run) -> None:
    def build(machine: Machine) -> None:
        counter = machine.counter("n")

        async def adding(amount: int) -> None:
            await counter.add(amount)

        class Adder:
            async def __call__(self) -> None:
                await counter.add(2)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(partial(adding, 1))
                await group.spawn(Adder())

        machine.task("parent", parent)

    ran = run(build)
    assert ran.watch.steps is not None
    told = [step.op.describe() for step in ran.watch.steps]
    assert [line for line in told if line.startswith("spawn")] == ["spawn adding", "spawn Adder"]


def test_the_block_ends_when_all_children_have_ended(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[int]]:
        counter, seen = machine.counter("n"), list[int]()

        async def child(amount: int) -> None:
            await counter.add(amount)

        async def parent() -> None:
            async with Group() as group:
                for amount in (1, 10, 100):
                    await group.spawn(child, amount)
            seen.append(await counter.load())

        machine.task("parent", parent)
        return lambda: seen

    for answers in ((), (1,), (0, 1, 1)):
        assert run(build, answers).observed == [111]
    assert {tuple(ran.observed) for ran in all_executions(build)} == {(111,)}


def test_join_waits_for_the_children_and_leaves_the_block_open(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[int]]:
        cell, seen = machine.cell("x"), list[int]()

        async def child(value: int) -> None:
            await cell.store(value)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child, 1)
                await group.join()
                seen.append(await cell.load())
                await group.spawn(child, 2)
            seen.append(await cell.load())

        machine.task("parent", parent)
        return lambda: seen

    assert run(build).observed == [1, 2]


def test_children_are_named_by_the_path_of_spawns_and_stand_on_the_cpu_of_their_parent(run: Run) -> None:
    async def grandchild() -> None: ...

    async def child() -> None:
        async with Group() as group:
            await group.spawn(grandchild)

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child, name="copy")
            await group.spawn(child)

    ran = run(lambda machine: machine.task("p", parent, cpu=1))
    stands = {actor.name: (actor.path, actor.cpu and actor.cpu.number) for actor in ran.core.actors}
    assert stands == {
        "p": ((0,), 1), "p/copy.0": ((0, 0), 1), "p/1": ((0, 1), 1),
        "p/copy.0/0": ((0, 0, 0), 1), "p/1/0": ((0, 1, 0), 1),
    }  # fmt: skip


def test_a_group_that_is_not_open_takes_no_children(run: Run) -> None:
    async def child() -> None: ...

    async def early() -> None:
        await Group().spawn(child)

    async def late() -> None:
        async with Group() as group:
            pass
        await group.spawn(child)

    for function in (early, late):
        ran = run(lambda machine, function=function: machine.task("t", function))
        assert [actor.name for actor in ran.core.actors] == ["t"]
        assert "the group is not open" in ran.findings[0].message


def test_a_child_that_a_stranger_spawns_at_the_last_moment_is_waited_for() -> None:
    """Or else it is refused: never does it live on after the block."""

    def build(machine: Machine) -> Callable[[], str]:
        shared: list[Group] = []
        opened, after = machine.cell("opened"), list[str]()

        async def child() -> None:
            await opened.load()
            await opened.load()

        async def owner() -> None:
            async with Group() as group:
                shared.append(group)
                await opened.store(1)
            after.append("left")

        async def stranger() -> None:
            await opened.wait("==", 1)
            try:
                actor = await shared[0].spawn(child, name="late")
            except RuntimeError:
                after.append("refused")
                return
            await shared[0].join()
            after.append(f"ended={actor.ended}")

        machine.task("owner", owner)
        machine.task("stranger", stranger)
        return lambda: " ".join(sorted(after))

    seen = {ran.observed: ran.texts() for ran in all_executions(build, trace=True)}
    assert set(seen) == {"left refused", "ended=True left"}
    for ran in all_executions(build, trace=True):
        texts = ran.texts()
        lives = [number for number, text in enumerate(texts) if text.startswith("stranger/late.0")]
        closes = [number for number, text in enumerate(texts) if "close the group" in text]
        assert max(lives, default=-1) < closes[-1]


# Cancel -------------------------------------------------------------------------------------


def cancelling(machine: Machine) -> Callable[[], list[str]]:
    """Two children wait; the parent cancels them; each cleans up."""
    log: list[str] = []
    never, cell = machine.cell("never"), machine.cell("x")

    async def child(name: str) -> None:
        try:
            await never.wait("==", 1)
            log.append(f"{name} went on")
        except Cancelled:
            await cell.store_release(0)
            log.append(f"{name} cleaned up")
            raise

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child, "a")
            await group.spawn(child, "b")
            await group.cancel()
            log.append("parent goes on")
        log.append("parent left")

    machine.task("parent", parent)
    return lambda: log


def test_cancel_throws_at_the_pending_op_which_is_not_performed_and_clean_up_is(run: Run) -> None:
    ran = run(cancelling)
    assert ran.observed == ["parent goes on", "a cleaned up", "b cleaned up", "parent left"]
    assert ran.stopped == "ended"
    assert not ran.findings
    assert not [text for text in ran.texts() if "wait never" in text]
    assert [text for text in ran.texts() if "x 0" in text] == [
        "parent/0: store_release x 0",
        "parent/1: store_release x 0",
    ]


def test_the_strategy_chooses_the_order_in_which_siblings_are_cancelled() -> None:
    orders = set()
    for ran in all_executions(cancelling, trace=True):
        assert ran.observed[-1] == "parent left"
        assert len([text for text in ran.texts() if text.endswith("is cancelled")]) == 2
        orders.add(tuple(text for text in ran.texts() if text.endswith("is cancelled")))
    assert orders == {
        ("parent/0: is cancelled", "parent/1: is cancelled"),
        ("parent/1: is cancelled", "parent/0: is cancelled"),
    }


def sleeping(machine: Machine) -> Callable[[], list[int]]:
    """The parent cancels a child in its sleep; another task sleeps for longer."""
    times: list[int] = []

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(machine.clock.sleep, 2)
            await machine.clock.sleep(1)
            await group.cancel()
        times.append(machine.clock.now)

    async def other() -> None:
        await machine.clock.sleep(4)
        times.append(machine.clock.now)

    machine.task("parent", parent)
    machine.task("other", other)
    return lambda: times


def test_nothing_waits_for_the_deadline_of_a_sleep_that_was_cancelled(run: Run) -> None:
    ran = run(sleeping)
    assert ran.observed == [1, 4]
    assert len([text for text in ran.texts() if "time goes on" in text]) == 2
    assert not ran.machine.clock.timers


def test_a_child_that_is_spawned_into_a_cancelled_group_is_cancelled_before_its_first_op(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []

        async def child() -> None:
            log.append("began")

        async def parent() -> None:
            async with Group() as group:
                await group.cancel()
                await group.spawn(child)
            log.append("left")

        machine.task("parent", parent)
        return lambda: log

    assert run(build).observed == ["left"]


def test_whoever_cancels_its_own_outer_group_goes_on(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []

        async def parent() -> None:
            async with Group() as outer, Group():
                await outer.cancel()
                log.append("on")
            log.append("left")

        machine.task("parent", parent)
        return lambda: log

    assert run(build).observed == ["on", "left"]


def test_clean_up_is_not_interrupted_by_the_cancellation_of_a_group_further_out() -> None:
    """Neither after an inner group was left, nor in a group that the clean-up opens itself."""

    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []
        cell = machine.cell("x", 2)
        shared: list[Group] = []

        async def helper() -> None:
            await cell.load()
            log.append("helped")

        async def work(middle: Group) -> None:
            try:
                async with Group():
                    await cell.wait("==", 1)
            finally:
                log.append("cleaning")
                async with Group() as cleaning:
                    await cleaning.spawn(helper)
                log.append("cleaned up")

        async def owner() -> None:
            async with Group() as outer:
                shared.append(outer)
                async with Group() as middle:
                    shared.append(middle)
                    await cell.store(0)
                    await work(middle)
            log.append("left")

        async def other(number: int) -> None:
            await cell.wait("==", 0)
            if len(shared) > number and shared[number].owner is not None:
                await shared[number].cancel()

        machine.task("owner", owner)
        machine.task("cancels-middle", other, 1)
        machine.task("cancels-outer", other, 0)
        return lambda: log

    cleaned = 0
    for ran in all_executions(build, trace=True, limit=60_000):
        if ran.stopped == "ended" and "cleaning" in ran.observed:
            assert ran.observed == ["cleaning", "helped", "cleaned up", "left"], ran.texts()
            cleaned += "cancels-outer: cancel no children" in ran.texts()
    assert cleaned > 10


# Failure -------------------------------------------------------------------------------------


def test_the_first_failure_cancels_the_siblings_and_the_body(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []
        never = machine.cell("never")

        async def waits(name: str) -> None:
            try:
                await never.wait("==", 1)
            except Cancelled:
                log.append(f"{name} cancelled")
                raise

        async def fails() -> None:
            raise ValueError("wrong")

        async def parent() -> None:
            try:
                async with Group() as group:
                    await group.spawn(waits, "child")
                    await group.spawn(fails)
                    await waits("body")
            except* ValueError as errors:
                log.extend(leaves(errors))

        machine.task("parent", parent)
        return lambda: log

    ran = run(build)
    assert ran.observed == ["body cancelled", "child cancelled", "ValueError('wrong')"]
    assert not ran.findings
    for ran in all_executions(build):
        assert sorted(ran.observed[:2]) == ["body cancelled", "child cancelled"]
        assert ran.observed[2:] == ["ValueError('wrong')"]


def test_the_exception_group_holds_what_every_child_and_the_body_raised(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        caught: list[str] = []

        async def fails(number: int) -> None:
            raise ValueError(number)

        async def cleans() -> None:
            try:
                await machine.things["cell x"].wait("==", 1)  # type: ignore[attr-defined]
            finally:
                raise KeyError("in clean-up")

        async def parent() -> None:
            try:
                async with Group() as group:
                    await group.spawn(cleans)
                    await group.spawn(fails, 1)
                    await group.spawn(fails, 2)
                    raise TypeError("body")
            except ExceptionGroup as errors:
                caught.extend(sorted(leaves(errors)))

        machine.cell("x")
        machine.task("parent", parent)
        return lambda: caught

    assert run(build).observed == ["KeyError('in clean-up')", "TypeError('body')", "ValueError(1)", "ValueError(2)"]
    for ran in all_executions(build):
        assert "ValueError(1)" in ran.observed or "KeyError('in clean-up')" in ran.observed
        assert not [error for error in ran.observed if "RuntimeError" in error], ran.observed


def test_a_failure_that_nobody_handles_is_told_of_the_task_at_the_top(run: Run) -> None:
    async def fails() -> None:
        raise ValueError("wrong")

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(fails)

    ran = run(lambda machine: machine.task("parent", parent))
    assert [(finding.code, finding.actor) for finding in ran.findings] == [("unhandled-exception", "parent")]
    assert ran.stopped == "ended"


# Nested ----------------------------------------------------------------------------------------


def nested(machine: Machine) -> Callable[[], list[str]]:
    """An outer group is cancelled while an inner one, whose body or child fails too, is at any point of its life."""
    log: list[str] = []
    cell = machine.cell("x")

    async def leaf() -> None:
        await cell.load()
        await cell.load()

    async def branch() -> None:
        group = Group()
        try:
            async with group:
                await group.spawn(leaf)
                await group.spawn(leaf)
                raise ValueError("body")
        except ExceptionGroup as errors:
            log.extend(leaves(errors))
        finally:
            log.append(f"left, ended={all(child.ended for child in group.children)}")

    async def top() -> None:
        async with Group() as outer:
            await outer.spawn(branch)
            await outer.cancel()
        log.append("over")

    machine.task("top", top)
    return lambda: log


def test_no_child_outlives_its_block_whenever_the_outer_group_is_cancelled() -> None:
    seen = set()
    for ran in all_executions(nested, limit=60_000):
        assert all(actor.ended for actor in ran.core.actors)
        assert all(not actor.groups and not actor.cancelled for actor in ran.core.actors[:1])
        assert "left, ended=False" not in ran.observed
        assert ran.observed[-1] == "over"
        seen.add(tuple(ran.observed))
    assert seen == {
        ("left, ended=True", "over"),
        ("ValueError('body')", "left, ended=True", "over"),
    }


def test_a_cancelled_of_an_outer_group_passes_through_the_inner_one(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []
        never, ready = machine.cell("never"), machine.cell("ready")

        async def leaf() -> None:
            try:
                await ready.store(1)
                await never.wait("==", 1)
            finally:
                log.append("leaf")

        async def branch() -> None:
            async with Group() as inner:
                await inner.spawn(leaf)
            log.append("the inner group kept it")

        async def top() -> None:
            async with Group() as outer:
                await outer.spawn(branch)
                await ready.wait("==", 1)
                await outer.cancel()
            log.append("top")

        machine.task("top", top)
        return lambda: log

    assert run(build).observed == ["leaf", "top"]
    for ran in all_executions(build):
        assert ran.observed == ["leaf", "top"]


def test_a_group_that_is_closed_counts_for_nothing_in_the_fingerprint(run: Run) -> None:
    async def once() -> None:
        async with Group() as group:
            await group.cancel()

    async def twice() -> None:
        await once()
        await once()

    for function in (once, twice):
        assert run(lambda machine, function=function: machine.task("t", function)).machine.fingerprint == 0


# Kill ------------------------------------------------------------------------------------------------


def process(machine: Machine) -> Callable[[], list[str]]:
    """A user process: a system call of two ops, user mode, another; and its exit path."""
    log: list[str] = []
    cell = machine.cell("x")

    async def run() -> None:
        try:
            for call in (1, 2):
                await UserMode()
                await cell.store(call)
                await cell.load()
                log.append(f"call {call}")
        except Killed:
            await cell.store(0)
            log.append("exit")

    machine.task("process", run, user=True)
    return lambda: log


def test_a_kill_takes_effect_between_user_mode_ops_and_the_kernel_runs_on() -> None:
    seen = {tuple(ran.observed) for ran in all_executions(process, sizes=Sizes(kills=1))}
    assert seen == {("exit",), ("call 1", "exit"), ("call 1", "call 2")}


def test_the_exit_path_of_a_killed_process_runs_as_ordinary_ops(run: Run) -> None:
    ran = run(process, [1], sizes=Sizes(kills=1))  # the killer is the second of two options
    assert ran.texts() == ["killer of process: kill process", "process: return to user mode", "process: store x 0"]
    assert ran.observed == ["exit"]
    assert ran.machine.faults.kills == 0


def test_a_kill_interrupts_an_interruptible_wait_and_no_other(run: Run) -> None:
    def build(machine: Machine, *, interruptible: bool) -> Callable[[], list[str]]:
        log: list[str] = []
        cell = machine.cell("x")

        async def waits() -> None:
            try:
                await cell.wait("==", 1, interruptible=interruptible)
                log.append("woken")
            except KernelError as error:
                log.append(error.errno)

        async def later() -> None:
            await cell.load()
            await cell.store(1)

        machine.task("process", waits, user=True)
        machine.task("other", later)
        return lambda: log

    answers = [1]  # the other task loads, or the killer kills
    interrupted = run(lambda machine: build(machine, interruptible=True), answers, sizes=Sizes(kills=1))
    assert interrupted.observed == ["EINTR"]
    not_so = run(lambda machine: build(machine, interruptible=False), answers, sizes=Sizes(kills=1))
    assert not_so.observed == ["woken"]
    assert [ran.texts()[0] for ran in (interrupted, not_so)] == ["killer of process: kill process"] * 2


def test_a_kill_comes_out_of_a_group_as_it_is_after_its_children_have_ended(run: Run) -> None:
    def build(machine: Machine) -> Callable[[], list[str]]:
        log: list[str] = []
        never = machine.cell("never")

        async def child() -> None:
            try:
                await never.wait("==", 1)
            finally:
                log.append("child")
                raise ValueError("in clean-up")

        async def body() -> None:
            try:
                async with Group() as group:
                    await group.spawn(child)
                    await UserMode()
            except Killed:
                log.append("exit")

        machine.task("process", body, user=True)
        return lambda: log

    assert run(build, [1], sizes=Sizes(kills=1)).observed == ["child", "exit"]


def threads(machine: Machine) -> Callable[[], list[str]]:
    """A user process whose child waits in the kernel, and starts a child of its own between two system calls."""
    log: list[str] = []
    gate, never = machine.cell("gate"), machine.cell("never")

    async def grandchild() -> None:
        try:
            await UserMode()
            log.append("grandchild lived")
        except Killed:
            log.append("grandchild died")
            raise

    async def child() -> None:
        try:
            await never.wait("==", 1, interruptible=True)
        except KernelError as error:
            log.append(error.errno)
        async with Group() as group:
            await group.spawn(grandchild)

    async def body() -> None:
        async with Group() as group:
            await group.spawn(child)
            await gate.store_release(1)

    machine.task("process", body, user=True)
    return lambda: log


def test_a_kill_of_a_process_kills_its_children_and_those_that_they_start_later(run: Run) -> None:
    killed = {
        (ran.stopped, *ran.observed)
        for ran in all_executions(threads, sizes=Sizes(kills=1))
        if not ran.machine.faults.kills
    }
    assert killed == {("ended", "EINTR", "grandchild died")}
    ran = run(threads, [1], sizes=Sizes(kills=1))
    assert (ran.stopped, ran.observed, ran.codes) == ("ended", ["EINTR", "grandchild died"], [])
    assert {actor.name: actor.killed for actor in ran.core.actors} == dict.fromkeys(
        ["process", "process/0", "process/0/0"], True
    )


# The end of a run -----------------------------------------------------------------------------------------


def test_what_remains_at_the_end_is_thrown_run_over_youngest_first_and_what_it_awaits_is_not_performed(
    run: Run,
) -> None:
    def build(machine: Machine) -> Callable[[], tuple[list[str], object]]:
        log: list[str] = []
        never, cell = machine.cell("never"), machine.cell("x")

        async def waits(name: str) -> None:
            try:
                await never.wait("==", 1)
            except RunOver:
                log.append(name)
                await cell.store(1)
                log.append(f"{name} performed something")
            finally:
                await cell.store(2)

        async def parent() -> None:
            try:
                async with Group() as group:
                    await group.spawn(waits, "child 1")
                    await group.spawn(waits, "child 2")
            finally:
                log.append("parent")

        machine.task("first", waits, "first")
        machine.task("parent", parent)
        machine.task("last", waits, "last")
        return lambda: (log, cell.value)

    ran = run(build)
    assert ran.stopped == "deadlock"
    assert ran.observed == (["child 2", "child 1", "last", "parent", "first"], 0)
    assert ran.core.stubborn == []
    assert [finding.code for finding in ran.findings] == ["deadlock"]


def test_an_actor_that_does_not_end_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)  # nothing can end it: Python says so when it is freed

    async def stubborn(machine: Machine) -> None:
        while True:
            with suppress(BaseException):
                await machine.things["cell never"].wait("==", 1)  # type: ignore[attr-defined]

    def build(machine: Machine) -> list[Actor]:
        machine.cell("never")
        return [machine.task("stubborn", stubborn, machine)]

    ran = run(build)
    assert ran.core.stubborn == ["stubborn"]
    for actor in ran.core.actors:
        actor.coroutine = actor.resume = None
