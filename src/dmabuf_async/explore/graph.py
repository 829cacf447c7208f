"""The state graph: every state of a program, each once, and every transition (DESIGN 2, State).

Plain depth first over whole states, of which none is left out, nor any transition: it knows nothing of classes, races
and sleep sets, so that it and DPOR prove each other right (ALGORITHMS, State graph). A step is made, the state that it
leads to is looked up, and the step is undone if the state is known; so a transition costs one step at most, however
deep it lies, and coroutines are resumed only where an actor's table ends. Where two moves don't conflict, the fourth
side of their diamond is known from the other three (:mod:`~dmabuf_async.explore.diamonds`). What tables don't hold is
walked by executions that begin anew wherever the search turns back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.site import role
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.errors import AuditError, ReplayDiverged
from dmabuf_async.explore.chance import chance
from dmabuf_async.explore.diamonds import Diamonds, open_diamond
from dmabuf_async.explore.following import follow
from dmabuf_async.explore.guarding import GUARD_TIMES
from dmabuf_async.explore.liveness import fair_parts, round_trip
from dmabuf_async.explore.walk import Frame, Walk
from dmabuf_async.trace.events import Finding, Signature
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.stepper import Move, Taken
    from dmabuf_async.explore.diamonds import Print, Side
    from dmabuf_async.explore.following import Label
    from dmabuf_async.scenario.program import Program

LIMIT: Final = 2_000_000
"""States of one graph; each takes 400 to 1,100 bytes, with its transitions and what checkers remember."""

Edge: TypeAlias = "tuple[Label, int]"
"""A transition: who with which outcome, and the number of the state that it leads to."""


class Stop(Frame):
    """A frame at a state."""

    __slots__ = ("known", "moves", "prints", "state")

    def __init__(
        self, state: int, moves: list[Move], label: Label | None, taken: Taken | None, known: dict[Label, Side]
    ) -> None:
        super().__init__(label, taken)
        self.state = state
        self.moves = moves
        self.known = known  # where moves lead that need not be made
        self.prints: list[Print | None] = []  # of its transitions so far


class Graph(Walk[Stop]):
    """The states of one program; a :class:`~dmabuf_async.explore.search.Search`.

    ``edges[n]`` are the transitions of state ``n``, in canonical order; state 0 is where the program begins.
    """

    name = "graph"
    called = "state graph"

    def __init__(
        self,
        program: Program,
        *,
        max_steps: int = MAX_STEPS,
        checkers: Iterable[Checker] = CHECKERS,
        max_states: int = LIMIT,
    ) -> None:
        super().__init__(program, max_steps, checkers)
        self.edges: list[list[Edge]] = []
        self.ends: dict[int, str] = {}
        """The states in which nothing is left to do, and why: ``ended`` or ``deadlock``."""
        self.shows: dict[tuple[int, int], tuple[Signature, ...]] = {}
        """What is found at a transition (state, its number there), at an end or before the first step (state, -1)."""
        self._alive = bytearray()  # of each state: whether somebody lives whose end the run waits for
        self._names: dict[tuple[int, ...], str] = {}
        self._labelled: dict[Label, Label] = {}  # one object for each, however many transitions have it
        self._come: list[bytearray] = [bytearray() for _ in program.eventually]
        """Of each property that runs must come to: whether it holds in a state."""
        self._orders: set[frozenset[tuple[str, str]]] = set()  # in which locks were taken
        self._on_path: set[int] = set()
        self._cyclic = False
        self._told = False  # what is read off the graph once all is known
        self._max_states = max_states
        self._states: dict[Hashable, int] = {}
        self._goals: list[Callable[[], bool]] = []
        self._diamonds = Diamonds()

    # As a search -----------------------------------------------------------------

    @property
    def strength(self) -> str:
        return "exhaustive"

    @property
    def uncovered(self) -> tuple[str, ...]:
        """It looks for everything."""
        return ()

    @property
    def extent(self) -> str:
        states, transitions = len(self.edges), self.progress.steps
        return f"{states:,} state{'s' * (states != 1)}, {transitions:,} transition{'s' * (transitions != 1)}"

    @property
    def left(self) -> str:
        frontier = sum(len(frame.moves) - frame.next for frame in self._path)
        return f"at least {frontier:,} transition{'s' * (frontier != 1)}" if frontier else ""

    def chance(self, signature: Signature) -> float:
        """The probability that a random execution shows this finding: exact, once all is known."""
        return chance(self.edges, {place for place, shown in self.shows.items() if signature in shown})

    # The walk ----------------------------------------------------------------------

    def _begin(self) -> bool:
        if self.edges:
            if not self._told:
                self._told = True
                self._tell()
            return False
        stepper = self._fresh()
        self._enter(stepper, stepper.key(), None, None)
        return True

    def _fresh(self) -> Stepper:
        stepper = super()._fresh()
        self._goals = [one.bind(stepper.machine).holds for one in self.program.eventually]
        return stepper

    def _anew(self) -> None:
        super()._anew()
        self.edges.clear()
        self.ends.clear()
        self.shows.clear()
        self._states.clear()
        self._names.clear()
        self._on_path.clear()
        for told in (self._alive, *self._come):
            told.clear()

    def _step(self) -> bool:
        path = self._path
        frame = path[-1]
        if frame.next == len(frame.moves):
            self._leave()
            self._on_path.remove(path.pop().state)
            if not path:
                self.close()
                return False
            self._undo(frame.taken)
            return True
        moves, labelled, edges = frame.moves, self._labelled, self.edges[frame.state]
        while True:
            actor, outcome = moves[frame.next]
            label = labelled.setdefault(fresh := (actor.path, outcome), fresh)
            side = frame.known.get(label)
            if side is None or side[2]:
                break
            frame.prints.append(side[1])
            self._again(edges, label, side[0])
            frame.next += 1
            if frame.next == len(moves):
                return True
        stepper = self._stepper or self._return()
        move = moves[frame.next] if not self._live else stepper.moves()[frame.next]
        frame.next += 1
        actor = move[0]
        if actor.path not in self._names:
            self._names[actor.path] = actor.name
        op, watch = actor.op, stepper.seen
        assert op is not None
        before = len(watch.findings)
        if len(moves) > 1:
            frame.prints.append(None if before else self._diamonds.print(actor, op))
        taken = stepper.make(move)
        if len(watch.findings) > before:
            self._note(frame.state, len(edges), label, watch.findings[before:])
            frame.prints = [*frame.prints[:-1], None]
        key = stepper.key()
        state = self._states.get(key)
        if side is not None and state != side[0]:
            raise self._open(label, open_diamond(actor, op, self._path[-2].prints[-1]))
        if state is not None:
            self._again(edges, label, state)
            self._undo(taken)
        elif len(self.edges) < self._max_states:
            self.progress.steps += 1
            edges.append((label, len(self.edges)))
            self._enter(stepper, key, label, taken)
        else:  # there is no room for it
            self.progress.steps += 1
            self.progress.cut += 1
            self.full = True
            edges.append((label, frame.state))
            frame.prints = [*frame.prints[:-1], None]
            self._undo(taken)
        return True

    def _open(self, label: Label, diamond: AuditError) -> AuditError:
        """What is wrong where a diamond does not close; raises ReplayDiverged if it is chance."""
        if self._live:  # else tables have what a task has done first
            self._go_again(self._labels(label), GUARD_TIMES)
        return diamond

    def _again(self, edges: list[Edge], label: Label, state: int) -> None:
        """A transition to a state that is known."""
        edges.append((label, state))
        self.progress.steps += 1
        self.progress.executions += 1
        self._cyclic = self._cyclic or state in self._on_path

    def _enter(self, stepper: Stepper, key: Hashable, label: Label | None, taken: Taken | None) -> None:
        """A state that is new."""
        state = len(self.edges)
        self._states[key] = state
        self.edges.append([])
        self._alive.append(stepper.live > 0)
        for come, holds in zip(self._come, self._goals, strict=True):
            come.append(holds())
        self._on_path.add(state)
        moves = stepper.moves()
        known: dict[Label, Side] = {}
        if self._path and self._path[-1].next > 1 and moves:
            last = self._path[-1]
            known = self._diamonds.closed(self.edges, self.shows, last.state, last.prints)
        self._path.append(Stop(state, moves, label, taken, known))
        watch = stepper.seen
        before = len(watch.findings) if state else 0  # a task may end before the first step
        if not moves:
            self.ends[state] = stepper.stopped
            self.progress.executions += 1
            stepper.judge()
        elif len(self._path) > self._max_steps:
            self.progress.cut += 1
            self._path[-1].moves = []
        if len(watch.findings) > before:
            self._note(state, -1, None, watch.findings[before:])
        order, locks = stepper.machine.lock_order.taken(), self.progress.locks
        if order in self._orders:
            locks.counts.update(order)
        elif order:
            self._orders.add(order)
            locks.note(watch.lock_edges(), self.progress.executions, lambda: self._schedule(self._labels(None)))

    # What is found -------------------------------------------------------------------

    def _note(self, state: int, number: int, label: Label | None, findings: list[Finding]) -> None:
        """Something is found at a transition, or at an end."""
        seen = {finding.signature: finding for finding in findings if finding.primary}
        if not seen:
            return
        self.shows[state, number] = tuple(seen)
        for signature, finding in seen.items():
            self.progress.counts[signature] += 1
            self._keep(finding, self._labels(label), self.progress.executions + 1)

    def _tell(self) -> None:
        """All is known: say where a run may go round for ever, and show each finding in as few steps as possible."""
        failures = self.progress.failures
        if not failures and not self._cyclic and not self._come:
            return
        came, order = self._breadth()
        for signature in failures:
            state, number = min(
                (place for place, signatures in self.shows.items() if signature in signatures),
                key=lambda place: (order[place[0]] + (place[1] >= 0), place),
            )
            labels = self._way(came, state)
            if number >= 0:
                labels.append(self.edges[state][number][0])
            choices, found = follow(self.program, labels, self._checkers)
            finding = next((one for one in found if one.signature == signature), None)
            if finding is None:
                raise ReplayDiverged(
                    f"{self.program.name} is not deterministic: {signature} was found, and is not found where the same "
                    "is done anew. Look for chance, time, or state that is kept outside the machine, in its tasks"
                )
            failures[signature] = replace(
                failures[signature],
                finding=finding,
                schedule=encode(self.program.digest, choices),
                chance=None if self.progress.cut else self.chance(signature),
            )
        if self.progress.cut:
            return
        if self._cyclic:
            alive = {state for state in range(len(self.edges)) if self._alive[state]}
            for part in fair_parts(self.edges, alive):
                self._livelock(part, came, order)
        for goal, come in zip(self.program.eventually, self._come, strict=True):
            self._never(goal.text, come)

    def _livelock(self, part: set[int], came: dict[int, tuple[int, Label]], order: dict[int, int]) -> None:
        """A fair run can stay here, though somebody lives whose end it waits for."""
        start = min(part, key=order.__getitem__)
        labels = self._way(came, start)
        trip = [label for label, _ in round_trip(self.edges, part, start)]
        self._round("livelock", "P8", "run", labels, trip, "and the run does not end")

    def _round(self, code: str, rule: str, kind: str, labels: list[Label], trip: list[Label], end: str) -> None:
        """A finding that a fair run shows which goes round for ever."""
        movers = list(dict.fromkeys(self._names[path] for path, _ in trip))
        roles = " and ".join(sorted({role(name) for name in movers}))
        first, last = len(labels) + 1, len(labels) + len(trip)
        message = (
            f"{' and '.join(movers)} can go round for ever: after step {last} all is as it was before step {first}, "
            f"whoever can go on has gone on, {end}"
        )
        signature = Signature(code, rule, roles, "a fair cycle", kind)
        self._add(Finding(code, rule, message, last, self._names[trip[-1][0]], (), signature), [*labels, *trip])

    def _add(self, finding: Finding, labels: list[Label]) -> None:
        """Count a finding that is read off the graph, and keep the first of its kind."""
        self.progress.counts[finding.signature] += 1
        self._keep(finding, labels, self.progress.executions, until=len(labels))

    def _never(self, text: str, come: bytearray) -> None:
        """Whether a fair run can do without ever coming to where the property holds: one that ends, or goes round."""
        if come[0]:
            return
        came, order = self._breadth(come)
        code = "eventually-violated"
        ends = [state for state in order if state in self.ends]
        if ends:
            labels = self._way(came, ends[0])
            last = self._names[labels[-1][0]] if labels else self._names.get((0,), "")
            message = f"the run ends, and {text} has never held"
            signature = Signature(code, "", role(last), "the end", f"property {text}")
            self._add(Finding(code, "", message, len(labels), last, (text,), signature), labels)
        for part in fair_parts(self.edges, order):
            start = min(part, key=order.__getitem__)
            trip = [label for label, _ in round_trip(self.edges, part, start)]
            self._round(code, "", f"property {text}", self._way(came, start), trip, f"and {text} has never held")

    def _way(self, came: dict[int, tuple[int, Label]], state: int) -> list[Label]:
        """The shortest way to a state."""
        labels: list[Label] = []
        while state:
            state, label = came[state]
            labels.append(label)
        return labels[::-1]

    def _breadth(self, without: Sequence[int] | None = None) -> tuple[dict[int, tuple[int, Label]], dict[int, int]]:
        """From where each state is first reached by breadth, and in how many steps; in order of these.

        ``without``: not through states for which this is true.
        """
        came: dict[int, tuple[int, Label]] = {}
        order = {0: 0}
        queue = [0]
        for state in queue:
            for label, target in self.edges[state]:
                if target not in order and not (without and without[target]):
                    order[target] = order[state] + 1
                    came[target] = (state, label)
                    queue.append(target)
        return came, order
