"""DPOR beside brute force: what it shows of a program, told in the same terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dmabuf_async.checkers.base import Checker
from dmabuf_async.engine import inline
from dmabuf_async.engine.choosing import Choosing
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.events import Signature
from tests.brute import Build, Class, End, Everything, brute, class_of, end_of, program_of


class Reduced(Dpor):
    """Notes what brute force notes of its executions."""

    def __init__(self, program: Program | Build, *, checkers: Iterable[Checker] = (), optimal: bool = True) -> None:
        program = program if isinstance(program, Program) else program_of(program)
        super().__init__(program, checkers=checkers, max_steps=1_000, optimal=optimal)
        self.schedules: list[list[int]] = []
        self.seen: Counter[Class] = Counter()
        self.shown: dict[Class, tuple[End, frozenset[Signature]]] = {}

    def _execute(self) -> bool:
        machine = self._machines()
        watch = self._watch(machine, footprints=True)
        ends = []

        def over(core: Choosing) -> None:
            ends.append(end_of(machine, core))

        watch.on_over = over
        core = inline.execute(machine, self._tree, watch=watch, max_steps=self._max_steps)
        if core is None:
            return False
        self._note(watch, core)
        self.schedules.append(core.choices)
        if not self._tree.blocked:
            assert watch.steps is not None
            found = class_of(watch.steps, core.stopped)
            self.seen[found] += 1
            primary = frozenset(finding.signature for finding in watch.findings if finding.primary)
            self.shown[found] = (ends[0], primary)
        return True


class Unwatched(Dpor):
    """As ``check`` runs it: nobody asks for traces, so that steps that are made again are not looked at."""

    def __init__(self, program: Program, *, checkers: Iterable[Checker] = (), optimal: bool = True) -> None:
        super().__init__(program, checkers=checkers, max_steps=1_000, optimal=optimal)
        self.schedules: list[list[int]] = []

    def _note(self, watch: Footsteps, core: Core) -> None:
        super()._note(watch, core)
        self.schedules.append(core.choices)


def reduced(program: Program | Build, *, checkers: Iterable[Checker] = (), optimal: bool = True) -> Reduced:
    """Explore all of it, twice if tasks may go by tables: what is not looked at again makes no difference."""
    search = Reduced(program, checkers=checkers, optimal=optimal)
    while search.advance() and search.progress.executions < 50_000:
        pass
    if search.program.reusable:
        plain = Unwatched(search.program, checkers=checkers, optimal=optimal)
        while plain.advance() and plain.progress.executions < 50_000:
            pass
        assert plain.schedules == search.schedules
        assert plain.progress.counts == search.progress.counts
    return search


def wrong(
    program: Program | Build, *, checkers: Iterable[Checker] = (), optimal: bool = True, limit: int = 1_000
) -> list[str] | None:
    """What DPOR does otherwise than it should; None if the program is too large to say."""
    every = brute(program, checkers=checkers, limit=limit)
    if every is None:
        return None
    return compared(every, reduced(program, checkers=checkers, optimal=optimal), optimal=optimal)


def compared(every: Everything, found: Reduced, *, optimal: bool = True) -> list[str]:
    """The differences, in words."""
    said = [f"misses\n{one.story()}" for one in set(every.classes) - set(found.seen)]
    said += [f"makes up\n{one.story()}" for one in set(found.seen) - set(every.classes)]
    said += [f"shows something else of\n{one.story()}" for one in found.shown if not _agrees(every, found, one)]
    if optimal:
        said += [f"explores {count} times\n{one.story()}" for one, count in found.seen.items() if count > 1]
        said += [f"is blocked {found.blocked} times"] if found.blocked else []
    return said


def _agrees(every: Everything, found: Reduced, one: Class) -> bool:
    return found.shown[one] in every.shown.get(one, {found.shown[one]})
