"""How actors and runs end, on every engine: nothing is left behind, no warning, no task, no loop, no coroutine."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import types
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any

import anyio
import pytest
import trio

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import ENGINES, inline, on_anyio
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import Op
from dmabuf_async.strategies.base import STOP, ChoicePoint, RunInfo
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.tasks import Group
from tests.harness import Build, Ran, execute

Run = Callable[..., Ran]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(engine: str) -> Iterator[Run]:
    """Execute on the engine; when the test is over, no coroutine may be suspended, and nothing was warned."""
    functions: set[types.CodeType] = set()
    gc.freeze()  # what is there already is neither looked through nor looked at

    def on_engine(build: Build, answers: Any = (), **options: Any) -> Ran:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            ran = execute(build, answers, trace=True, engine=engine, **options)
            functions.update(actor.function.__code__ for actor in ran.core.actors)
            gc.collect()
        assert [str(warning.message) for warning in warned] == []
        return ran

    yield on_engine
    gc.collect()
    left = [thing for thing in gc.get_objects() if isinstance(thing, types.CoroutineType)]
    gc.unfreeze()
    assert [thing for thing in left if thing.cr_frame is not None] == []
    assert functions


def one(function: Callable[..., Awaitable[None]]) -> Build:
    """A program of one task that is given the machine, and a bystander that makes three steps."""

    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def bystander() -> None:
            for _ in range(3):
                await cell.load_acquire()

        machine.task("task", function, machine)
        machine.task("bystander", bystander)

    return build


# Foreign -----------------------------------------------------------------------------------------


@types.coroutine
def bare(value: object) -> Generator[Any, Any, None]:
    yield value


def line_of(function: Any, line: int) -> str:
    """``test_ends.py:225``: that line of a function, from 0."""
    return f"test_ends.py:{function.__code__.co_firstlineno + line}"


async def asyncio_sleep() -> None:
    await asyncio.sleep(1)


async def asyncio_sleep_0() -> None:
    await asyncio.sleep(0)


async def asyncio_task() -> None:
    await asyncio.create_task(anyio_event())


async def current_task() -> None:
    asyncio.current_task()


async def asyncio_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()
    finally:
        loop.close()


async def asyncio_timeout() -> None:
    async with asyncio.timeout(1):
        await bare(1)


async def trio_sleep() -> None:
    await trio.sleep(1)


async def trio_checkpoint() -> None:
    await trio.lowlevel.checkpoint()


async def trio_scope() -> None:
    with trio.CancelScope():
        await bare(1)


async def anyio_sleep() -> None:
    await anyio.sleep(1)


async def anyio_event() -> None:
    await anyio.Event().wait()


async def yields_a_text() -> None:
    await bare("not an op")


async def yields_none() -> None:
    await bare(None)


async def awaits_a_generator() -> None:
    plain: Any = (x for x in (1, 2))
    await plain


FOREIGN = {
    asyncio_sleep: "task ended with RuntimeError: no running event loop",
    asyncio_sleep_0: "task awaited 'NoneType', which is not an op",
    asyncio_task: "task ended with RuntimeError: no running event loop",
    current_task: "task ended with RuntimeError: no running event loop",
    asyncio_future: "task awaited 'Future', which is not an op",
    asyncio_timeout: "task ended with RuntimeError: ",
    trio_sleep: "task ended with RuntimeError: must be called from async context",
    trio_checkpoint: "task awaited 'type', which is not an op",
    trio_scope: "task ended with RuntimeError: must be called from async context",
    anyio_sleep: "task ended with NoEventLoopError: Not currently running on any asynchronous event loop.",
    anyio_event: "task ended with NoEventLoopError: Not currently running on any asynchronous event loop.",
    yields_a_text: "task awaited 'str', which is not an op",
    yields_none: "task awaited 'NoneType', which is not an op",
    awaits_a_generator: "task ended with TypeError: object generator can't be used in 'await' expression",
}


@pytest.mark.filterwarnings("ignore:coroutine 'anyio_event' was never awaited")
@pytest.mark.parametrize("function", FOREIGN, ids=lambda function: function.__name__)
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an op"])
def test_what_awaits_something_foreign_ends_with_the_same_words_on_every_engine(
    run: Run, function: Callable[[], Coroutine[Any, Any, None]], later: bool
) -> None:
    async def task(machine: Machine) -> None:
        if later:
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
        await function()

    ran = run(one(task))
    (finding,) = ran.findings
    assert finding.code == "unhandled-exception"
    assert finding.message.startswith(FOREIGN[function])
    assert ran.stopped == "ended"
    assert len([text for text in ran.texts() if text.startswith("bystander")]) == 3


def test_a_foreign_await_can_clean_up_but_what_it_awaits_then_is_not_performed(run: Run) -> None:
    log: list[str] = []

    async def task(machine: Machine) -> None:
        try:
            await bare("foreign")
        finally:
            log.append("cleans")
            await machine.things["cell x"].store(1)  # type: ignore[attr-defined]
            log.append("performed")

    ran = run(one(task))
    assert log == ["cleans"]
    assert "task: store x 1" not in ran.texts()


def test_the_foreign_await_of_a_child_is_a_failure_of_its_group(run: Run) -> None:
    caught: list[str] = []

    async def task(machine: Machine) -> None:
        try:
            async with Group() as group:
                await group.spawn(asyncio_sleep_0)
        except ExceptionGroup as errors:
            caught.extend(type(error).__name__ for error in errors.exceptions)

    assert not run(one(task)).findings
    assert caught == ["ForeignAwait"]


# Exceptions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, GeneratorExit, asyncio.CancelledError, StopAsyncIteration])
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an op"])
def test_what_an_actor_raises_never_leaves_its_host(run: Run, error: type[BaseException], later: bool) -> None:
    async def task(machine: Machine) -> None:
        if later:
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
        raise error("wrong")

    ran = run(one(task))
    assert [finding.message for finding in ran.findings] == [
        f"task ended with {error.__name__}: wrong ({line_of(task, 3)})"
    ]
    assert ran.stopped == "ended"
    assert ran.core.steps == 3 + later


def test_an_assertion_that_does_not_hold_is_told(run: Run) -> None:
    async def task(machine: Machine) -> None:
        raise AssertionError("no")

    assert [finding.code for finding in run(one(task)).findings] == ["assertion"]


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an op"])
def test_an_attribute_error_of_an_actor_is_not_taken_for_a_foreign_await(run: Run, later: bool) -> None:
    async def task(machine: Machine) -> None:
        if later:
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
        raise AttributeError("wrong")

    assert [finding.message for finding in run(one(task)).findings] == [
        f"task ended with AttributeError: wrong ({line_of(task, 3)})"
    ]


def test_ops_in_finally_are_performed_when_an_actor_raises(run: Run) -> None:
    async def task(machine: Machine) -> None:
        try:
            raise ValueError
        finally:
            await machine.things["cell x"].store_release(1)  # type: ignore[attr-defined]

    ran = run(one(task))
    assert "task: store_release x 1" in ran.texts()
    assert [finding.code for finding in ran.findings] == ["unhandled-exception"]


# Runs that are cut short ---------------------------------------------------------------------------


def endless(machine: Machine) -> None:
    cell = machine.cell("x")

    async def spin() -> None:
        try:
            while True:
                await cell.load()
        finally:
            await cell.store(1)

    machine.task("a", spin)
    machine.task("b", spin)


class Stops:
    """Calm, until it says STOP."""

    def start(self, run: RunInfo) -> bool:
        self.left = 50
        return True

    def choose(self, point: ChoicePoint) -> int:
        self.left -= 1
        return 0 if self.left else STOP


@pytest.mark.unaudited
def test_a_run_that_is_cut_or_stopped_leaves_nothing(run: Run) -> None:
    cut = run(endless, max_steps=100)
    assert (cut.stopped, cut.core.steps, cut.machine.things["cell x"].value) == ("cut", 100, 0)  # type: ignore[attr-defined]
    stopped = run(endless, Stops())
    assert (stopped.stopped, stopped.core.steps) == ("stopped", 49)


def test_a_deadlock_leaves_nothing(run: Run) -> None:
    def build(machine: Machine) -> None:
        one, two = machine.mutex("one"), machine.mutex("two")

        async def takes(first: Any, second: Any) -> None:
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()

        machine.task("a", takes, one, two)
        machine.task("b", takes, two, one)

    ran = run(build, [0, 1])
    assert ran.stopped == "deadlock"
    assert [finding.code for finding in ran.findings] == ["deadlock"]


def test_a_strategy_that_raises_is_heard_and_leaves_nothing(engine: str) -> None:
    class Wrong(Calm):
        def choose(self, point: ChoicePoint) -> int:
            raise LookupError("strategy")

    with pytest.raises(LookupError, match="strategy"):
        execute(endless, Wrong(), engine=engine)
    gc.collect()


def test_an_op_that_raises_is_heard_as_it_is(engine: str) -> None:
    class Broken(Op):
        def __init__(self, thing: Any) -> None:
            self.thing = thing

        def apply(self, actor: Any, outcome: int) -> Any:
            raise ZeroDivisionError("model")

    async def task(machine: Machine) -> None:
        await Broken(machine.things["cell x"])

    with pytest.raises(ZeroDivisionError, match="model"):
        execute(one(task), engine=engine)


# Interrupts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("nested", [False, True], ids=["task", "child"])
def test_an_interrupt_inside_an_actor_comes_out_as_it_is(engine: str, error: type[BaseException], nested: bool) -> None:
    cleaned: list[str] = []

    async def raises(machine: Machine) -> None:
        try:
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
            raise error
        finally:
            cleaned.append("cleaned")

    async def task(machine: Machine) -> None:
        if not nested:
            await raises(machine)
        async with Group() as group:
            await group.spawn(raises, machine)

    with pytest.raises(error):
        execute(one(task), engine=engine)
    gc.collect()
    assert cleaned == ["cleaned"]


LONG = """
import asyncio, gc, os, signal, sys, types
from dmabuf_async.engine import inline, on_anyio
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.random_walk import RandomWalk
engine, how = sys.argv[1:]
log = []

def interrupts():
    if watch.step == 2000:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

async def spin(cell, tasks):
    try:
        while True:
            await cell.load()
    finally:
        log.append("over")
        await cell.store(1)
        log.append("performed")

machine = Machine()
cell = machine.cell("x")
for number in range(3 if how != "alone" else 1):
    machine.task(f"t{number}", spin, cell, number)
machine.seal()
watch = Watch(machine, CHECKERS, on_step=interrupts)
try:
    if engine == "inline":
        inline.execute(machine, RandomWalk(0), watch=watch, max_steps=10**9)
    else:
        async def main():
            await on_anyio.execute(machine, RandomWalk(0), watch=watch, max_steps=10**9)
        on_anyio.run(engine, main)
except KeyboardInterrupt:
    print("interrupted", watch.step < 2100, log)
del machine.actors[:]
gc.collect()
frames = [thing.cr_frame for thing in gc.get_objects() if isinstance(thing, types.CoroutineType)]
print([frame for frame in frames if frame is not None])
"""


@pytest.mark.parametrize("how", ["kill", "raise", "alone"])
def test_ctrl_c_in_the_middle_of_a_long_run_ends_it_at_once_and_leaves_nothing(engine: str, how: str) -> None:
    process = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LONG, engine, how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    overs = ["over"] * (1 if how == "alone" else 3)
    assert (process.stdout, process.stderr, process.returncode) == (f"interrupted True {overs}\n[]\n", "", 0)


def test_ctrl_c_that_nobody_catches_ends_the_process_by_the_signal(engine: str) -> None:
    script = LONG.replace("except KeyboardInterrupt:", "except ZeroDivisionError:")
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, engine, "kill"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGINT
    assert process.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "never awaited" not in process.stderr


# Loops ---------------------------------------------------------------------------------------------


def test_no_task_and_no_loop_is_left() -> None:
    def build(machine: Machine) -> None:
        endless(machine)

    async def main() -> set[str]:
        machine = Machine()
        build(machine)
        machine.seal()
        await on_anyio.execute(machine, Calm(), watch=Watch(machine, CHECKERS), max_steps=20)
        return {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # type: ignore[union-attr]

    assert on_anyio.run("asyncio", main) == set()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_inline_is_the_law_inside_a_running_loop_too() -> None:
    """An actor sees no loop there either, while a watch does."""
    saw: list[object] = []

    async def task(machine: Machine) -> None:
        await machine.things["cell x"].load()  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    async def main() -> Core | None:
        machine = Machine()
        one(task)(machine)
        machine.seal()
        watch = Watch(machine, CHECKERS, on_step=lambda: saw.append(asyncio.current_task()))
        core = inline.execute(machine, Calm(), watch=watch)
        saw.append([finding.message for finding in watch.findings])
        return core

    core = asyncio.run(main())
    assert core is not None
    assert core.stopped == "ended"
    assert saw.pop() == [f"task ended with RuntimeError: no running event loop ({line_of(task, 2)})"]
    assert None not in saw
    assert len(saw) == 4
