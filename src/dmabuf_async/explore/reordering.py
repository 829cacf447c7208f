"""Executions in another order than one that is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.strategies.reordered import Did, Place, Recorded, Reordered

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Event


def reordered(program: Program, strategy: Reordered, max_steps: int = MAX_STEPS) -> Execution | None:
    """The execution, without footprints; None if it doesn't go on in that order, or not to its end in so many steps."""

    def see(_: Machine, watch: Watch) -> Callable[[], None]:
        def stepped() -> None:
            assert watch.steps is not None
            step = watch.steps[-1]
            strategy.stepped(step.actor.name, step.op)

        return stepped

    done = perform(execution(program, strategy, max_steps=max_steps, footprints=False, see=see))
    return None if done is None or done.stopped in {"stopped", "cut"} else done


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
