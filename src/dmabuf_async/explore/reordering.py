"""Executions in another order than one that is recorded, and what their actors wait for in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.strategies.reordered import Did, Place, Recorded, Reordered
from dmabuf_async.trace.events import Event

if TYPE_CHECKING:
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program


def reordered(
    program: Program, strategy: Reordered, max_steps: int = MAX_STEPS
) -> tuple[Execution | None, list[Event]]:
    """The execution, without footprints, and what its actors stand before when it is over, as steps numbered 0.

    There is none if it doesn't go on in that order, or not to its end in so many steps.
    """
    waiting: list[Event] = []

    def see(_: Machine, watch: Watch) -> Callable[[], None]:
        def over(core: Choosing) -> None:
            waiting.extend(_waiting(core))

        watch.on_over = over

        def stepped() -> None:
            assert watch.steps is not None
            step = watch.steps[-1]
            strategy.stepped(step.actor.name, step.op)

        return stepped

    done = perform(execution(program, strategy, max_steps=max_steps, footprints=False, see=see))
    return (None if done is None or done.stopped in {"stopped", "cut"} else done), waiting


def places(events: Sequence[Event]) -> Iterator[Recorded]:
    """Each step as the n-th of its actor."""
    done: Counter[str] = Counter()
    for event in events:
        fault = event.result if event.fault and event.cpu is not None else ""
        yield Recorded(Place(event.actor, done[event.actor]), fault)
        done[event.actor] += 1


def doings(events: Iterable[Event]) -> Iterator[Did]:
    """Each step as the n-th by which its actor does just that."""
    seen: Counter[tuple[str, str]] = Counter()
    for event in events:
        seen[event.actor, event.text] += 1
        yield Did(event.actor, event.text, seen[event.actor, event.text])


def _waiting(core: Choosing) -> Iterator[Event]:
    """What actors stand before that never get to do it."""
    for actor in core.actors:
        if actor.op is None or actor.ended:
            continue
        reads, writes = actor.op.footprint(actor)
        yield Event(
            step=0,
            actor=actor.name,
            cpu=None if actor.cpu is None or actor.cpu.number < 0 else actor.cpu.number,
            kind=actor.op.kind,
            text=actor.op.describe(),
            site=actor.site,
            reads=frozenset(thing.name for thing in reads),
            writes=frozenset(thing.name for thing in writes),
        )
