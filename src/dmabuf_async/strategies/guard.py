"""The nondeterminism guard: executions that are the same must offer the same at every choice.

After shuttle's UncontrolledNondeterminismCheckScheduler: a wrapper of any strategy that answers the same each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.strategies.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dmabuf_async.engine.core import Core
    from dmabuf_async.engine.watch import Step
    from dmabuf_async.strategies.base import ChoicePoint, Option, RunInfo, Strategy

Offer: TypeAlias = tuple[str, ...]
"""What a choice point offers: of each option the actor, the op and the outcome, in words."""


Made: TypeAlias = tuple[str, str, str]
"""A step: the actor, the op and the result, in words."""


class Guard(Wrapper):
    """Notes what the first execution was offered, and holds each later one to it.

    Raises ReplayDiverged at the first choice that offers something else, or, in :meth:`compare`, if an execution ended
    elsewhere. ``name`` is that of the program, for the message.
    """

    def __init__(self, strategy: Strategy, name: str) -> None:
        super().__init__(strategy)
        self._name = name
        self._offers: list[Offer] = []
        self._at = 0
        self._first = True
        self._steps = 0
        self._made: list[Made] = []
        self._ends: list[tuple[str, str]] = []  # each actor, and what it raised
        self._state = 0

    def start(self, run: RunInfo) -> bool:
        self._at = 0
        return super().start(run)

    def choose(self, point: ChoicePoint) -> int:
        offer = tuple([_told(option) for option in point.options])
        at = self._at
        self._at = at + 1
        if self._first:
            self._offers.append(offer)
        elif at == len(self._offers):
            raise self._diverged(f"went on after {at} choices, where it had ended")
        elif offer != self._offers[at]:
            raise self._diverged(f"{_difference(self._offers[at], offer)} at choice {at + 1}")
        return super().choose(point)

    def compare(self, core: Core, steps: Iterable[Step] = ()) -> None:
        """An execution is over, after these steps: the first one is what later ones are held to."""
        made = [(step.actor.name, step.op.describe(), step.op.worded(step.result)) for step in steps]
        if not self._first:
            for number, (one, was) in enumerate(zip(made, self._made, strict=False), 1):
                if one != was:
                    raise self._diverged(f"made {_step(one)} as step {number}, and not {_step(was)}")
        if not self._first and self._at < len(self._offers):
            raise self._diverged(f"ended after {self._at} of {len(self._offers)} choices")
        ends = [(actor.name, actor.failure.__class__.__name__) for actor in core.actors]
        if self._first:
            self._first, self._steps, self._ends, self._state = False, core.steps, ends, core.machine.fingerprint
            self._made = made
        elif core.steps != self._steps:
            raise self._diverged(f"had {core.steps} steps, where it had had {self._steps}")
        elif ends != self._ends:
            (actor, how), (_, before) = next(
                (one, was) for one, was in zip(ends, self._ends, strict=True) if one != was
            )
            raise self._diverged(f"ended {actor} {_ended(how)}, and had ended it {_ended(before)}")
        elif core.machine.fingerprint != self._state:
            raise self._diverged("left the machine in another state")

    def _diverged(self, what: str) -> ReplayDiverged:
        return ReplayDiverged(
            f"{self._name} is not deterministic: when an execution was made again with the same answers, it {what}. "
            "Look for chance, time or state that outlives an execution in the scenario's code"
        )


def _step(made: Made) -> str:
    actor, op, result = made
    return f"`{actor}: {op}`{result and f' with {result}'}"


def _ended(raised: str) -> str:
    return "well" if raised == "NoneType" else f"by {raised}"


def _told(option: Option) -> str:
    words = f"{option.actor.name}: {option.op.describe()}"
    return f"{words} ({option.outcome})" if option.outcome else words


def _difference(before: Offer, now: Offer) -> str:
    """The first option that differs, in words."""
    for was, option in zip(before, now, strict=False):
        if was != option:
            return f"offered {option}, and not {was},"
    both = min(len(before), len(now))
    return f"could not go on with {before[both]}" if len(before) > both else f"could go on with {now[both]}"
