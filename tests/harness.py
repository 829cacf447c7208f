"""What tests share: tiny programs, run once or in every interleaving, and audited.

A program is a function that furnishes a machine. It may return an *observer*: a
function that is called when an execution is over, and says what came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import factorial, prod
from typing import Any, TypeAlias

from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.setup import fill
from dmabuf_async.engine import MAX_STEPS, inline, on_anyio
from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.strategies.base import ChoicePoint, RunInfo, Strategy
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.events import Finding

Observer: TypeAlias = Callable[[], Hashable]
Build: TypeAlias = Callable[[Machine], object]


@dataclass(frozen=True, slots=True)
class Ran:
    """One execution that is over."""

    core: Core
    machine: Machine
    watch: Watch
    observed: Any
    """What the program's observer said."""

    @property
    def findings(self) -> list[Finding]:
        return self.watch.findings

    @property
    def codes(self) -> list[str]:
        """Codes of the primary findings, in order."""
        return [finding.code for finding in self.watch.findings if finding.primary]

    @property
    def choices(self) -> list[int]:
        return self.core.choices

    @property
    def stopped(self) -> str:
        return self.core.stopped

    def texts(self) -> list[str]:
        """Every step: ``actor: op in words``. The execution must have been traced."""
        return [f"{event.actor}: {event.text}" for event in self.watch.trace(self.core).events]

    def locals(self) -> dict[tuple[int, ...], int]:
        """Local states, by path."""
        return {actor.path: actor.local for actor in self.core.actors}


def machine_for(build: Build, sizes: Sizes | None = None) -> tuple[Machine, Observer | None]:
    """A machine that ``build`` has furnished, sealed, and its observer."""
    machine = Machine(sizes)
    observer = build(machine)
    machine.seal()
    return machine, observer if callable(observer) else None


def execute(
    build: Build,
    answers: Strategy | Sequence[int] = (),
    *,
    sizes: Sizes | None = None,
    checkers: Iterable[Checker] = CHECKERS,
    trace: bool = False,
    audit: Audit | None = None,
    max_steps: int = MAX_STEPS,
    engine: str = "inline",
) -> Ran:
    """Run the program once: by a strategy, or by these answers and then calmly."""
    strategy = Replay(answers) if isinstance(answers, Sequence) else answers
    watching = partial(Watch, checkers=checkers, trace=trace, footprints=trace, audit=audit)
    ran = _executed(build, strategy, watching, sizes, max_steps, engine=engine)
    assert ran is not None
    return ran


def _executed(
    build: Build,
    strategy: Strategy,
    watching: Callable[[Machine], Watch],
    sizes: Sizes | None,
    max_steps: int,
    index: int = 0,
    engine: str = "inline",
) -> Ran | None:
    machine, observer = machine_for(build, sizes)
    watch = watching(machine)
    if engine == "inline":
        core = inline.execute(machine, strategy, watch=watch, max_steps=max_steps, index=index)
    else:
        hosted = partial(on_anyio.execute, machine, strategy, watch=watch, max_steps=max_steps, index=index)
        core = on_anyio.run(engine, hosted)
    if core is None:
        return None
    return Ran(core, machine, watch, None if observer is None else observer())


class Every:
    """Depth first through all answers: every execution is a new one, until none is left."""

    name = "every"

    def __init__(self) -> None:
        self._answers: list[tuple[int, int]] = []  # (answer, of how many)
        self._at = 0

    def start(self, run: RunInfo) -> bool:
        answers = self._answers
        self._at = 0
        if run.index == 0:
            return True
        while answers and answers[-1][0] + 1 == answers[-1][1]:
            answers.pop()
        if not answers:
            return False
        answer, count = answers.pop()
        answers.append((answer + 1, count))
        return True

    def choose(self, point: ChoicePoint) -> int:
        if self._at == len(self._answers):
            self._answers.append((0, point.n))
        answer, count = self._answers[self._at]
        assert count == point.n, "the same answers led to another choice point: not deterministic"
        self._at += 1
        return answer


def all_executions(
    build: Build,
    *,
    sizes: Sizes | None = None,
    checkers: Iterable[Checker] = CHECKERS,
    trace: bool = False,
    limit: int = 20_000,
) -> Iterator[Ran]:
    """Every interleaving of the program, with every outcome of every op, one after the other."""
    every = Every()
    watching = partial(Watch, checkers=tuple(checkers), trace=trace, footprints=trace, audit=Audit())
    for index in range(limit):
        ran = _executed(build, every, watching, sizes, 1_000, index)
        if ran is None:
            return
        yield ran
    raise AssertionError(f"more than {limit} executions: the program is too large for a test")


def outcomes(build: Build, *, sizes: Sizes | None = None) -> Counter[Any]:
    """What the observer says, and after how many executions, over all interleavings: a litmus test."""
    return Counter(ran.observed for ran in all_executions(build, sizes=sizes))


def codes(build: Build, *, sizes: Sizes | None = None) -> set[str]:
    """The codes of primary findings over all interleavings."""
    return {code for ran in all_executions(build, sizes=sizes) for code in ran.codes}


def interleavings(*lengths: int) -> int:
    """How many ways there are to interleave sequences of these lengths: the multinomial coefficient."""
    return factorial(sum(lengths)) // prod(factorial(length) for length in lengths)


def filled(machine: Machine, zone: str = "ram", pages: int = 1, name: str = "b") -> Buffer:
    """A buffer without exporter, whose pages lie in ``zone``."""
    buffer = machine.buffer(name, pages)
    fill(buffer, machine.zones[zone])
    return buffer


def loads(*lengths: int) -> Build:
    """Tasks that make so many steps each, none of which disables another."""

    def build(machine: Machine) -> Any:
        order: list[str] = []

        async def work(name: str, length: int) -> None:
            for _ in range(length):
                await machine.things["cell c"].load()  # type: ignore[attr-defined]
                order.append(name)

        machine.cell("c")
        for name, length in zip("abcd", lengths, strict=False):
            machine.task(name, work, name, length, cpu=ord(name) % 2)
        return lambda: "".join(order)

    return build
