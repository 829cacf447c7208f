"""DPOR: every happens-before class of executions once, with nothing remembered but the path to the present one.

Abdulla, Aronis, Jonsson, Sagonas: Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction (JACM 2017).
What is added to it: ops that can be disabled (see :class:`~dmabuf_async.strategies.races.HappensBefore`),
several outcomes of an op, which are branches, and faults of the environment, which need not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.strategies.base import STOP, ChoicePoint, Option, Run, RunInfo
from dmabuf_async.strategies.node import Node
from dmabuf_async.strategies.races import HappensBefore, Race
from dmabuf_async.strategies.sleep import asleep, redundant
from dmabuf_async.strategies.wakeup_tree import (
    Branch,
    Transition,
    deepest_first,
    force,
    grafted,
    insert,
    same,
    sequences,
    without,
)

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op


class Dpor:
    """Chooses so that each execution is of a class that none before was of.

    ``optimal``: with wakeup trees, which lead past the end of each race; otherwise source sets, which
    now and then lead to where everything has been explored already.

    Whoever watches the execution says what a step touches, and which races it is in.
    """

    name = "dpor"

    look: Look
    """Of the present execution; so is the next one."""
    run: Run

    def __init__(self, *, optimal: bool = True) -> None:
        self.optimal = optimal
        self.order = HappensBefore()
        self.nodes: list[Node] = []
        self.replayed = 0
        """So many steps are made again first; the next one is new, at a node that is not, except in the beginning."""
        self.depth = 0
        """So many steps have been made in this execution, or are made again."""
        self.blocked = False
        """All that could go on is asleep: this execution is of a class that has been explored."""
        self.finished = False
        """Nothing is left."""
        self._ending: tuple[list[Race], list[tuple[Transition, int]]] | None = None
        self._reversed = False
        # The numbers of steps, in which races each is the second, and which other outcomes it could have had; if any
        self._questions: list[tuple[int, Sequence[Race], Sequence[str]]] = []
        self._answers: list[int] = []  # to all questions of this execution so far
        self._script: list[int] = []  # those of the steps that are made again and have not been given, last first

    @property
    def done(self) -> float:
        """Which part of the tree has been explored, if all branches of a node weigh the same.

        Knuth's estimator for a depth-first walk: Kilby, Slaney, Thiebaux, Walsh: Estimating Search Tree Size (2006).
        """
        part, done = 1.0, 0.0
        for node in self.nodes:
            explored = len(node.sleep) - node.asleep
            branches = explored + 1 + len(node.todo)
            part /= branches
            done += part * explored
        return 1.0 if self.finished else done

    # Choosing ------------------------------------------------------------------------

    def start(self, run: RunInfo) -> bool:
        """The next execution; whatever was left of one that was interrupted is forgotten."""
        self.rest()
        if self.finished:
            return False
        del self.nodes[self.replayed + 1 :]
        self.order.cut(self.replayed)
        while self._questions and self._questions[-1][0] >= self.replayed:
            self._questions.pop()
        asked = 0
        if len(self.nodes) > self.replayed:
            node = self.nodes[self.replayed]
            node.step = None
            asked = node.asked
        del self._answers[asked:]
        self._script = self._answers[::-1]
        self.depth = self.replayed
        self.blocked = False
        return True

    def attend(self, run: Run) -> None:
        self.run = run

    def rest(self) -> None:
        """Finish what an interrupt has left of the end of an execution."""
        if self._ending is not None:
            self._end(*self._ending)

    def __getstate__(self) -> tuple[object, dict[str, object]]:
        """All but the execution that it looks at; before it what is nested, so that pickle never has to go deep."""
        nested = deepest_first(
            branches
            for node in self.nodes
            for branches in (node.todo, *(() if node.branch is None else (node.branch.below,)))
        )
        return nested, {name: value for name, value in vars(self).items() if name not in {"look", "run"}}

    def __setstate__(self, state: tuple[object, dict[str, object]]) -> None:
        vars(self).update(state[1])

    def choose(self, point: ChoicePoint) -> int:
        if self._script:
            return self._script.pop()
        if self.blocked or (self.depth == len(self.nodes) and not self._arrive(point)):
            return STOP
        branch = self.nodes[self.depth].branch
        assert branch is not None
        answer = self._answer(point, branch.step)
        self._answers.append(answer)
        return answer

    def _answer(self, point: ChoicePoint, step: Transition) -> int:
        """Which option it is."""
        is_outcome = point.is_outcome
        if not is_outcome:
            for actor in self.run.ready:  # to list all options costs more than to look for one
                if actor.path == step.actor:
                    return self.run.place(actor)
        for at, option in enumerate(point.options):
            if option.actor.path == step.actor and (not is_outcome or option.outcome == step.outcome):
                return at
        raise ReplayDiverged(_DIVERGED.format(step.actor, step.outcome))

    def _arrive(self, point: ChoicePoint) -> bool:
        """The first execution that comes here: what is to be explored from here. False if there is nothing."""
        node = self._node()
        ready = self.run.ready
        first: list[Branch] = []
        if point.n > len(ready) and not point.is_outcome:
            first = self._faults_first(point.options[len(ready) :], node)
        if not (node.todo and any(branch.step.shares for branch in node.todo)) and not (
            self.optimal and redundant(node.sleep, ())
        ):
            default = self._default(point, node.sleep)
            if default is not None:
                node.todo.append(Branch(default, []))
        # Faults first: from then on each sleeps until it matters, and an execution may end while it does.
        node.todo = first + node.todo
        if not node.todo:
            self.blocked = True
            self.look.blocked()
            return False
        node.branch = node.todo.pop(0)
        self.nodes.append(node)
        return True

    def _node(self) -> Node:
        if not self.nodes:
            return Node([], [])
        last = self.nodes[-1]
        step, branch, sleep = last.step, last.branch, last.sleep
        assert step is not None
        woken, below = (None, []) if branch is None else (branch.wakes, branch.below[:])
        if sleep:
            sleep = [other for other in sleep if not step.depends(other) and (woken is None or other != woken)]
        else:
            sleep = []
        return Node(sleep, below, len(self._answers))

    def _faults_first(self, options: Iterable[Option], node: Node) -> list[Branch]:
        """Branches for faults that are possible and not asleep."""
        first = node.put_first(
            self.look.transition(option.actor, option.op, option.outcome, 0)
            for option in options
            if not option.actor.ready and not asleep(node.sleep, option.actor.path, option.outcome)
        )
        for branch in list(first):
            if branch.below or branch.wakes is not None:
                continue
            going_on = [
                sequence
                for sequence in sequences(grafted(node.todo, branch.step))
                if not self.optimal or not redundant(node.sleep, [branch.step, *sequence])
            ]
            for sequence in going_on:
                insert(branch.below, sequence)
            if not going_on:
                first.remove(branch)
        return first

    def _default(self, point: ChoicePoint, sleep: list[Transition]) -> Transition | None:
        """Any transition that is not asleep: the calmest."""
        look = self.look
        if point.is_outcome:
            for actor, op, outcome in point.options:
                if not asleep(sleep, actor.path, outcome):
                    return look.transition(actor, op, outcome, point.n)
            return None
        current = point.current
        for actor in (current, *self.run.ready) if current.ready else self.run.ready:
            assert actor.op is not None
            outcomes = actor.op.outcomes(actor)
            for outcome in outcomes:
                if not asleep(sleep, actor.path, outcome):
                    return look.transition(actor, actor.op, outcome, len(outcomes))
        return None

    def made(
        self,
        step: Transition,
        past: int,
        reads: Sequence[int],
        writes: Sequence[int],
        races: Sequence[Race],
        alternatives: Sequence[str],
    ) -> bool:
        """A step is about to be made that no execution before this one made here; False if it is asleep.

        It comes after the steps ``past``, is the second of ``races``, and could have had other outcomes.
        """
        self.depth = depth = len(self.order.pasts)
        if depth < len(self.nodes):
            node = self.nodes[depth]
            branch = node.branch
        else:  # nobody was asked
            node = self._node()
            if node.sleep and asleep(node.sleep, step.actor, step.outcome):
                self.blocked = True
                self.look.blocked()
                return False
            branch = None
            if node.todo:
                branch = next((one for one in node.todo if same(one.step, step)), node.todo[0])
                node.todo = []
                node.branch = branch
            self.nodes.append(node)
        if branch is not None and branch.step is not step and not same(branch.step, step):  # nothing else was possible
            raise ReplayDiverged(_DIVERGED.format(branch.step.actor, branch.step.outcome))
        node.step = step
        if races or alternatives:
            self._questions.append((depth, races, alternatives))
        self.order.append(step, past, reads, writes)
        self.depth = depth + 1
        return True

    def outcome(self) -> str:
        """Which outcome the present step has, if there are several."""
        branch = self.nodes[self.depth].branch
        assert branch is not None
        return branch.step.outcome

    # The end of an execution ------------------------------------------------------------

    def end(self, pending: Iterable[Race], late: Iterable[tuple[Transition, int]] = ()) -> None:
        """The execution is over.

        ``pending``: races of what could not go on. ``late``: faults, each with what comes before it, that
        could yet happen if anything were left to do.
        """
        self._ending, self._reversed = (list(pending), list(late)), False
        self._end(*self._ending)

    def _end(self, pending: list[Race], late: list[tuple[Transition, int]]) -> None:
        """All of it may be interrupted and done again."""
        if not self._reversed:
            end = len(self.order)
            for race in pending:
                self._reverse(race, end)
            for fault, past in late:
                self._postpone(fault, past, end)
            for at, races, alternatives in self._questions:
                for race in races:
                    self._reverse(race, end)
                step = self.order.steps[at]
                for outcome in alternatives:
                    self._reverse(Race(at, step.coming_to(outcome, step.shares), 0), end)
            self._reversed = True
        self._backtrack()
        self._ending = None

    def _reverse(self, race: Race, end: int) -> None:
        """See to it that an execution is explored in which the second step of the race comes before the first."""
        second, until = race.second, race.until
        firsts = 1 << race.first | race.also
        first = (firsts & -firsts).bit_length() - 1
        node = self.nodes[first]
        order = self.order
        sequence = order.independent(firsts, first + 1, until or end)
        late = order.independent(firsts, until, end) if 0 < until < end else ()
        for step in late:
            if second.depends(step):
                later = self.look.again(race)
                if later is not None:
                    second = later
                    sequence += late
                break
        else:
            sequence += late
        sequence.append(second)
        if self.optimal:
            if not redundant(node.sleep, sequence):
                insert(node.todo, sequence)
        elif (
            not redundant(node.sleep[node.asleep :], sequence)
            and all(
                (rest := without(step, sequence)) is None or len(rest) == len(sequence)
                for step in node.sleep[: node.asleep]
            )
            and all(without(branch.step, sequence) is None for branch in node.todo)
        ):
            node.todo.append(Branch(sequence[0], []))

    def _postpone(self, fault: Transition, past: int, end: int) -> None:
        """A fault that is possible at the end, but comes only while something is left to do: so leave something."""
        last = self.nodes[-1] if end else None
        if last is None or last.step is None:
            return
        if asleep(last.sleep, fault.actor, fault.outcome) and not last.step.depends(fault):
            return
        steps = self.order.steps
        for at in range(end - 1, -1, -1):
            if not past >> at & 1 and steps[at].shares and steps[at].actor != fault.actor:
                sequence = [*self.order.independent(1 << at, at + 1, end), fault]
                branch = force(self.nodes[at].todo, sequence)
                branch.wakes = steps[at]
                insert(branch.below, [steps[at]])
                return

    def _backtrack(self) -> None:
        """Go back to the last node at which something is left. It may be interrupted and done again."""
        nodes = self.nodes
        at = len(nodes)
        while at:
            node = nodes[at - 1]
            if node.todo:
                if node.step is not None:
                    if not asleep(node.sleep, node.step.actor, node.step.outcome):
                        node.sleep.append(node.step)
                    node.branch = None
                    node.step = None
                while node.branch is None and node.todo:
                    if not asleep(node.sleep, node.todo[0].step.actor, node.todo[0].step.outcome):
                        node.branch = node.todo[0]
                    del node.todo[0]
            if node.branch is not None and node.step is None:
                break
            at -= 1
        del nodes[at:]
        self.replayed = max(0, at - 1)
        self.finished = not nodes


class Look(Protocol):
    """What a :class:`Dpor` asks of whoever watches the execution for it."""

    def transition(self, actor: Actor, op: Op, outcome: str, shares: int) -> Transition:
        """What ``actor`` would do now."""
        ...

    def again(self, race: Race) -> Transition | None:
        """The second step of a race, in its place before the first but after all that is independent of that."""
        ...

    def blocked(self) -> None:
        """Nothing more is to be explored from the present state."""
        ...


_DIVERGED = (
    "the search wants actor {} to go on with outcome {!r}, which cannot: the program does not do again what it did "
    "when it was given the same answers, or one of its ops touches what it does not declare"
)
