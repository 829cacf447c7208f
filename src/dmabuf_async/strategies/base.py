"""What decides: a strategy sees choice points only, and lives across executions (DESIGN 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op

STOP = -1
"""An answer to a choice point: end this execution here."""


@dataclass(slots=True)
class RunInfo:
    """What is known of an execution before it begins."""

    index: int
    """The number of executions before this one."""
    actors: tuple[str, ...]
    """Names of the tasks that exist from the start."""
    max_steps: int


class Option(NamedTuple):
    """One answer that a choice point allows."""

    actor: Actor
    op: Op
    outcome: str
    """Empty: the calm one; else the name of a fault."""


class Source(Protocol):
    """The core, as a choice point sees it."""

    current: Actor

    def options(self) -> list[Option]:
        """All answers, in canonical order."""
        ...

    def announced(self) -> list[Option]:
        """What every actor stands before, the disabled ones too."""
        ...


class ChoicePoint:
    """A moment at which more than one thing can happen.

    ``n`` is the number of options, at least 2. It is one object for a whole
    execution; whoever wants to keep something copies it.
    """

    __slots__ = ("_outcomes", "_source", "n")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._outcomes: list[Option] | None = None
        self.n = 0

    @property
    def options(self) -> Sequence[Option]:
        """All answers in canonical order.

        The current actor if it is enabled, other enabled actors by path, then the
        environment; or, if an op was picked that may fail, its outcomes, the calm one first.
        """
        return self._source.options() if self._outcomes is None else self._outcomes

    @property
    def pending(self) -> Sequence[Option]:
        """All announced ops, those that are disabled too."""
        return self._source.announced()

    @property
    def current(self) -> Actor:
        """The actor that made the latest step."""
        return self._source.current

    @property
    def is_outcome(self) -> bool:
        """Whether the question is what becomes of an op, not who goes next."""
        return self._outcomes is not None

    def key(self, index: int) -> tuple[tuple[int, ...], str]:
        """Identifies an option across executions: the actor's path of spawns, and the outcome."""
        option = self.options[index]
        return option.actor.path, option.outcome

    def ask(self, strategy: Strategy, options: list[Option]) -> int:
        """Ask which outcome the op just picked shall have. For the core."""
        self._outcomes, self.n = options, len(options)
        try:
            return strategy.choose(self)
        finally:
            self._outcomes = None


class Strategy(Protocol):
    """Decides who goes next and which outcome."""

    def start(self, run: RunInfo) -> bool:
        """A new execution begins; False: nothing is left to explore."""
        ...

    def choose(self, point: ChoicePoint) -> int:
        """An index into ``point.options``, 0 being the calm choice; or STOP."""
        ...
