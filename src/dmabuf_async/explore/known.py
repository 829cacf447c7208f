"""What a campaign knows: where each answer led, so that nothing known is executed again.

A random walk over a small scenario comes to the same states over and over, and executing a step costs many times
what drawing the next number does. So the states at which something is chosen are nodes of a graph, answers are its
edges, and an execution all of whose edges are known is walked on the graph, by the dice that
would have driven it. It takes as many steps and shows the same findings, and every step was really made once, by an
earlier execution of the same campaign: so the verdict is the one that executing everything would give.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dmabuf_async.explore.learner import Learner
from dmabuf_async.strategies.dice import HIGHEST, SIZE, number
from dmabuf_async.strategies.random_walk import RandomWalk

if TYPE_CHECKING:
    from dmabuf_async.engine.core import Core
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.explore.progress import Progress
    from dmabuf_async.strategies.base import Strategy

LIMIT: Final = 100_000
"""Options of all nodes of one graph: a campaign's memory doesn't grow with its length."""

TRIAL: Final = 1 << 12
"""Choices made for real, of which a quarter must have been met before: else the scenario is too large to be known."""

PERIOD: Final = 1 << 16
"""Choices made for real, over which a sixteenth of all executions must have been walked: else it doesn't pay."""

Edge: TypeAlias = tuple[tuple[int, ...], Any, int]
"""Where an answer leads: which byte decides for which option there, the edges of these, and the steps on the way.

At the end no byte decides anything, and instead of edges there are the signatures of what the execution showed, and the
order in which it took locks. For speed it is a plain tuple, and a node nothing but the list of its edges: one for each
option, and then one that leads to the node itself, for bytes that don't decide, with the number of options.
"""

UNKNOWN: Final[Edge] = ((), None, 0)

FIRST_LOOK, LAST_LOOK = 16, 1 << 10
"""Dice that are looked at ahead: few at first, as what is not walked has to be made numbers of."""


class Known:
    """What is known of one program from the executions of one campaign.

    It knows nothing, and everything is really executed, unless the strategy is a RandomWalk and the tasks go by their
    tables (:class:`~dmabuf_async.engine.table.Table`), as only there it can be told exactly where a task is. So
    Python scenarios, tasks that spawn, audited executions and those hosted by asyncio or trio are left alone.
    Checkers must keep their promise to have no memory of their own.
    """

    def __init__(self, strategy: Strategy, max_steps: int) -> None:
        self._strategy = strategy
        self._walk = strategy if type(strategy) is RandomWalk else None  # None: it knows nothing
        self._learns = True
        self._max_steps = max_steps
        self._start: list[Edge] = [UNKNOWN]  # the edge that leads to the first choice
        self._nodes: dict[Hashable, list[Edge]] = {}
        self._edges = 0
        self._dice = b""  # of the execution that is walked
        self._learner = Learner(self)
        self._again = RandomWalk()
        self._met = 0  # choices for real that were made at a node which was there before
        self._choices = 0  # all choices for real
        self._executions = self._walked = 0  # since the last look at whether it pays
        self._due = PERIOD

    # Walking -------------------------------------------------------------------

    def walk(self, progress: Progress, executions: int) -> bool:
        """Walk at most so many executions; True if the next one leads where nothing is known."""
        if self._walk is None:
            return True
        dice, limit, start = self._walk.dice, self._max_steps, self._start[0]
        seen = b""
        bytes_left: Any = iter(seen)
        begin = end = 0  # of the present execution, among the dice that are seen
        walked = steps = 0
        try:
            while walked < executions:
                begin = end
                table, after, made = start
                while table:
                    for byte in bytes_left:
                        table, after, more = after[table[byte]]
                        made += more
                        if not table:
                            break
                    else:
                        if made >= limit:
                            break
                        if seen:
                            dice.skip(begin)
                        used = len(seen) // SIZE - begin
                        seen = dice.look(used + min(max(FIRST_LOOK, 2 * (begin + used)), LAST_LOOK))
                        bytes_left = iter(seen[SIZE * used + HIGHEST :: SIZE])
                        begin = 0
                        continue
                    if after.__class__ is list:  # this byte doesn't decide among so many options
                        made -= more
                        die = number(seen, len(seen) // SIZE - bytes_left.__length_hint__() - 1)
                        table, after, more = after[int(die * more)]
                        made += more
                end = len(seen) // SIZE - bytes_left.__length_hint__()
                if table or after is None or made > limit:  # unknown, or it will be cut
                    return True
                if after:
                    shown, taken = after
                    progress.counts.update(shown)
                    progress.locks.counts.update(taken)
                steps += made
                walked += 1
        finally:
            self._dice = seen[SIZE * begin : SIZE * end]
            if seen:
                dice.skip(end if walked == executions else begin)
            progress.executions += walked
            progress.steps += steps
            self._executions += walked
            self._walked += walked
        return False

    @property
    def walks(self) -> bool:
        """Whether some executions need not be made."""
        return self._walk is not None

    def again(self) -> Strategy:
        """What chooses as was chosen in the execution that was walked last."""
        self._again.dice.put(self._dice)
        return self._again

    # Executing -----------------------------------------------------------------

    def chooser(self, watch: Watch) -> Strategy:
        """What shall choose in an execution that is made for real: the strategy, from where walking ended."""
        walk, ahead = self._walk, len(self._dice) // SIZE
        if walk is None or not self._learns:
            return self._strategy
        edges, answer, steps = self._start, 0, 0
        answers = []
        for at in range(ahead):
            table, after, more = edges[answer]
            edges, answer, steps = after, table[self._dice[SIZE * at + HIGHEST]], steps + more
            if answer == table[-1]:
                answer = int(number(self._dice, at) * answer)
            answers.append(answer)
        walk.dice.look(ahead)
        walk.dice.skip(ahead)
        self._met += ahead
        self._learner.begin(watch, walk.roll, answers, edges, steps)
        return self._learner

    def node(self, key: Hashable, count: int) -> list[Edge] | None:
        """The node of that key, which has so many options; None if there is no room for another one."""
        edges = self._nodes.get(key)
        if edges is not None:
            self._met += 1
        elif self._edges + count <= LIMIT:
            self._edges += count
            edges = self._nodes[key] = [UNKNOWN] * count
            edges.append(((), edges, count))  # for where a byte doesn't decide
        else:
            self._learns = False
        return edges

    def learn(self, core: Core) -> None:
        """An execution has been made for real."""
        if self._walk is None:
            return
        if self._learns:
            self._learner.end(core)
        else:
            self._nodes.clear()  # they are looked up no more; what leads from the start stays
        before = self._choices
        self._choices += len(core.choices)
        self._executions += 1
        too_large = before < TRIAL <= self._choices and 4 * self._met < self._choices
        if too_large or not core.tabled:
            self._forget()
        elif self._choices >= self._due:
            if 16 * self._walked < self._executions:
                self._forget()
            self._executions = self._walked = 0
            self._due = self._choices + PERIOD

    def _forget(self) -> None:
        """To know does not pay here: from now on everything is executed."""
        self._walk = None
        self._start[0] = UNKNOWN
        self._nodes.clear()
