"""What decides: a strategy sees choice points only, and lives across executions (DESIGN 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Run(Protocol):
    """The core, as a strategy sees it that attends: one with a method ``attend(run)``.

    It is called when the actors exist and nothing has been chosen yet. Only choice points reach a strategy through
    ``choose``; what else it wants to hear it asks for here, and nothing costs anything that nobody asked for.
    """

    ready: list[Actor]
    """Who can go on without a fault, by path."""
    roll: Callable[[], float] | None
    """Set it, and where no fault can be chosen the core picks option ``int(roll() * n)`` by itself."""
    pick: Callable[[Actor], Actor] | None
    """Set it, and where no fault can be chosen it is asked instead of ``choose``: given who made the latest
    step, it returns who is to go next, one of those that are ready."""
    alone: Callable[[Actor], None] | None
    """Set it, and it is told of the steps that nobody chooses, as only one can be made; before they are made."""
    woken: list[Actor] | None
    """Set it to a list, and everybody who becomes ready is added to it; the strategy clears it."""

    def place(self, actor: Actor) -> int:
        """Which option an actor is that is ready."""
        ...

    def option(self, index: int) -> Actor:
        """Who acts if that option is chosen; those of the environment come after all that are ready."""
        ...


class Strategy(Protocol):
    """Decides who goes next and which outcome."""

    def start(self, run: RunInfo) -> bool:
        """A new execution begins; False: nothing is left to explore."""
        ...

    def choose(self, point: ChoicePoint) -> int:
        """An index into ``point.options``, 0 being the calm choice; or STOP."""
        ...


def let_attend(strategy: Strategy, run: Run) -> bool:
    """Let a strategy attend that does; whether it does."""
    attend: Callable[[Run], None] | None = getattr(strategy, "attend", None)
    if attend is not None:
        attend(run)
    return attend is not None
