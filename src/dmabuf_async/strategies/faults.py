"""Faults, one site after another: every call that can fail fails once, then pairs of them, then some at random.

Unwinding is where most real bugs are, and no test comes there by itself. Linux injects faults so (``fail-nth`` of
Documentation/fault-injection), and SQLite is tested so ("Out-Of-Memory Testing" in How SQLite Is Tested): the n-th
allocation fails, for every n. Here a site is where a fault can happen: an op that fails, by the path of its actor and
its number among those of that actor which can; a kill, by how many steps the victim has made; anything else that
the environment does on its own account, by who does it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dmabuf_async.strategies.dice import dice
from dmabuf_async.strategies.sampler import PATIENCE
from dmabuf_async.tasks import Kill

if TYPE_CHECKING:
    from collections.abc import Callable

    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo, Strategy

Path: TypeAlias = tuple[int, ...]
Site: TypeAlias = tuple[Path, int, str]
"""Whose, which, and the name of the fault."""

ROOM: Final = 1_000
"""Sites that are told apart: a campaign's memory doesn't grow with its length."""

ROOM_PLANS: Final = 20_000

SYSTEMATIC: Final = 2
"""So many faults in one execution are tried in all combinations, and more of them at random."""


class Sites(NamedTuple):
    """How many sites of faults were come by, and at how many of them the fault was made to happen."""

    known: int
    failed: int


class _Plan(NamedTuple):
    """One execution: the faults that it shall have."""

    targets: tuple[Site, ...]
    seed: int | None
    """Of its order; None: calm."""
    loose: bool = False
    """Any of the targets, whichever comes; else one after the other."""


class Faults:
    """The i-th site fails, for each i, in the calm order and in a random one; then pairs of sites; then it draws.

    A site that another order, or another fault, leads to is tried in that order, after that fault: so each that was
    ever come by fails at least once, if there is time.
    """

    name = "faults"

    def __init__(self, seed: int = 0, most: int = 1) -> None:
        """``most``: faults in one execution, at most; 1 or more."""
        self._most = most
        self._seeds = seed << 32
        self._dice = dice(self._seeds)
        self._failed: dict[Site, bool] = {}  # the sites, in the order in which they were come by
        self._planned: set[tuple[tuple[Site, ...], Site]] = set()
        self._singles = deque([_Plan((), None)])
        self._disordered: deque[_Plan] = deque()
        self._pairs: deque[_Plan] = deque()
        self._draws = False
        self._plan = _Plan((), None)
        self._fired: list[Site] = []

    @property
    def sites(self) -> Sites:
        """How far it is."""
        return Sites(len(self._failed), sum(self._failed.values()))

    # Executions ----------------------------------------------------------------

    def start(self, run: RunInfo) -> bool:
        self._plan = plan = self._next()
        self._fired = []
        self._steps: Counter[Path] = Counter()  # as long as anything can be killed, every step is a choice
        self._calls: Counter[Path] = Counter()  # ops that could fail
        self._won = 0  # choices that the current actor has won on end
        self._roll: Callable[[], float] | None = None if plan.seed is None else dice(plan.seed)
        return True

    def _next(self) -> _Plan:
        if self._singles:
            return self._singles.popleft()
        if self._disordered:
            return self._disordered.popleft()
        self._draws = not self._draws
        if self._pairs and not self._draws:
            return self._pairs.popleft()
        count = int(self._dice() * (self._most + 1))  # without any, sites are come by that a fault would end the way to
        known = list(self._failed)
        targets = tuple([known[int(self._dice() * len(known))] for _ in range(count)]) if known else ()
        return _Plan(targets, self._fresh(), loose=True)

    def _fresh(self) -> int:
        self._seeds += 1
        return self._seeds

    def attend(self, run: Run) -> None:
        """The actors exist."""
        self._run = run
        self._ready = run.ready

    # Choices ---------------------------------------------------------------------

    def choose(self, point: ChoicePoint) -> int:
        if point.is_outcome:
            calm, *faults = point.options
            path = calm.actor.path
            self._calls[path] += 1
            for index, option in enumerate(faults, 1):
                if self._happens((path, self._calls[path], option.outcome)):
                    return index
            return 0
        run, count = self._run, len(self._ready)
        for index in range(count, point.n):
            actor = run.option(index)
            if self._happens(self._site(actor)):
                if actor.cpu is not None:
                    self._calls[actor.path] += 1
                    self._steps[actor.path] += 1
                return index
        picked = self._calm(point, count) if self._roll is None else int(self._roll() * count)
        self._steps[run.option(picked).path] += 1
        return picked

    def _calm(self, point: ChoicePoint, count: int) -> int:
        """The current actor as long as it is enabled, and does not spin."""
        if point.current.ready:
            self._won += 1
            if self._won % PATIENCE or count == 1:
                return 0
            return 1 + self._won // PATIENCE % (count - 1)
        self._won = 0
        return 0

    def _site(self, actor: Actor) -> Site:
        """Where a fault would happen that somebody chooses beside those who can go on."""
        op = actor.op
        if isinstance(op, Kill):
            return op.thing.path, self._steps[op.thing.path], op.kind
        assert op is not None
        if actor.cpu is None:
            return actor.path, 0, op.kind
        return actor.path, self._calls[actor.path] + 1, op.outcomes(actor)[1]

    def _happens(self, site: Site) -> bool:
        """A fault could happen now: whether it does."""
        fired, plan = self._fired, self._plan
        if len(fired) >= self._most:
            return False
        self._note(tuple(fired), site)
        if plan.loose:
            happens = site in plan.targets
        else:
            happens = len(fired) < len(plan.targets) and plan.targets[len(fired)] == site
        if happens:
            fired.append(site)
            self._failed[site] = True
        return happens

    def _note(self, before: tuple[Site, ...], site: Site) -> None:
        """A site was come by after these faults: there shall be an execution in which it fails."""
        new = site not in self._failed
        if new and len(self._failed) >= ROOM:
            return
        self._failed.setdefault(site, False)
        if (len(before) >= SYSTEMATIC and not new) or (before, site) in self._planned:
            return
        if len(self._planned) >= ROOM_PLANS:
            return
        self._planned.add((before, site))
        plan = _Plan((*before, site), self._plan.seed)
        if new or not before:
            self._singles.append(plan)
            self._disordered.append(_Plan(plan.targets, self._fresh()))
        else:
            self._pairs.append(plan)


def sites_of(strategy: Strategy) -> Sites | None:
    """What a strategy, or one of its members, knows of sites; None if it looks for none."""
    for one in (strategy, *getattr(strategy, "members", ())):
        if isinstance(one, Faults):
            return one.sites
    return None
