"""A campaign over several scenarios: each is explored and judged, and a bad one doesn't stop the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from dmabuf_async.campaign.recall import recall
from dmabuf_async.campaign.remember import rare, remember
from dmabuf_async.cli import commands, exits
from dmabuf_async.cli.interrupts import noted
from dmabuf_async.cli.main import bug
from dmabuf_async.cli.options import loaded
from dmabuf_async.cli.progress import Progress
from dmabuf_async.cli.table import Table
from dmabuf_async.cli.together import Together
from dmabuf_async.cli.workers import Died, Tell, in_order
from dmabuf_async.errors import DmabufAsyncError, ReplayDiverged
from dmabuf_async.explore.accepted import Accepted
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.explore.single import Shown, single
from dmabuf_async.explore.verdict import Failure, Verdict
from dmabuf_async.report.story import told

if TYPE_CHECKING:
    from dmabuf_async.campaign.corpus import Corpus
    from dmabuf_async.cli.console import Console
    from dmabuf_async.report.lines import Line
    from dmabuf_async.report.reasons import Reason
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Signature


SHRINKING: Final = 5.0
"""Seconds for the failures of one scenario."""
_PROSE: Final = 100
"""Characters in a line of what is read elsewhere than here."""


class Campaign:
    """Explores scenarios one after another, and prints what came of each as soon as it is known.

    ``seconds`` are for all of them together, None: no limit. ``lanes``: an expected finding is shown, too. ``shrinks``:
    what is shown is shrunk before. What is ``accepted`` is told as known.
    """

    SHOWS_ONE: ClassVar[bool] = False
    """What a single scenario expects is shown when it is found."""
    SAMPLES: ClassVar[bool] = False
    """Another time, or another seed, may not find what this one has found."""

    def __init__(
        self,
        console: Console,
        *,
        seconds: float | None,
        max_steps: int,
        engine: str = "inline",
        executions: int | None = None,
        lanes: bool = False,
        shrinks: bool = True,
        accepted: Accepted | None = None,
    ) -> None:
        self.console = console
        self.seconds = seconds
        self.max_steps = max_steps
        self.engine = engine
        self.executions = executions
        self.sampler = ""
        """The name of the strategy that draws executions."""
        self.lanes = lanes
        self.shrinks = shrinks
        self.accepted = accepted or Accepted()
        self.jobs = 1
        """So many are explored at a time; if it is more than one, each in a process of its own."""
        self.corpus: Corpus | None = None
        """What is replayed first, and where what is found is remembered."""
        self.unwritten = ""
        """Why the corpus could not be written, in one paragraph; else empty."""
        self.verdicts: list[Verdict] = []
        self.keeps_stories = False
        """Whether somebody wants them who comes later."""
        self._stories: dict[tuple[str, Signature], str] = {}
        self.look: Callable[[], None] = _nothing
        """Raises KeyboardInterrupt if an interrupt has come."""

    def explored(self, program: Program, seconds: float, progress: Progress) -> Verdict:
        """Explore one of them, in so many seconds."""
        raise NotImplementedError

    def told_of(self, program: Program) -> Program:
        """The program whose executions the verdict tells of."""
        return program

    def go_on(self, verdict: Verdict) -> str:
        """The command that goes on where this one stopped; empty if there is none."""
        return ""

    def explore(self, paths: Sequence[str]) -> int:
        """Everything that the paths name; returns the exit code of all."""
        began = time.monotonic()
        each = {one if isinstance(one, str) else one.scenario: one for one in self._found(paths)}
        names, found = list(each), list(each.values())
        self.lanes = self.lanes or (self.SHOWS_ONE and len(names) == 1)
        table = Table(self.console, names, self.executions, self.sampler)
        interrupted = False
        try:
            with Progress(self.console, len(names)) as progress, noted() as self.look:
                for program, verdict, go_on in self._each(found, began, progress):
                    progress.clear()
                    self.verdicts.append(verdict)
                    self._tell(table, program, verdict, go_on)
        except KeyboardInterrupt:
            interrupted = True
        seconds = time.monotonic() - began
        codes = [verdict.exit_code for verdict in self.verdicts]
        code = exits.first_that_applies([*codes, exits.INTERRUPTED] if interrupted else codes)
        if self.console.as_json:
            from dmabuf_async.report.jsonl import summary_line

            line = summary_line(self.verdicts, asked=len(names), seconds=seconds, exit_code=code)
            self.console.line(line)
        else:
            table.summary(self.verdicts, seconds)
        self.console.flush()
        if code != exits.INTERRUPTED:
            for stale in self.accepted.unmatched(verdict.scenario for verdict in self.verdicts if not verdict.error):
                self.console.complain(f"--known: nothing was found for line {stale.number}: {stale.signature}")
            self._forget_gone(paths)
        return code

    def junit(self) -> str:
        """All verdicts as JUnit XML."""
        from dmabuf_async.report.junit import junit

        return junit(self.verdicts, self.replay)

    def sarif(self, place: Callable[[Verdict, Reason], tuple[str, int]], exit_code: int) -> str:
        """All verdicts as SARIF; ``place`` gives the path and the line of a reason."""
        from dmabuf_async.report.sarif import sarif

        def story(verdict: Verdict, failure: Failure) -> str:
            return self._stories.get((verdict.scenario, failure.finding.signature), "")

        return sarif(self.verdicts, self.replay, place, story, exit_code)

    def _found(self, paths: Sequence[str]) -> Iterator[str | Verdict]:
        """The scenarios of each path, or why it has none."""
        from dmabuf_async.scenario import catalogue

        for path in paths:
            try:
                yield from catalogue.find([path])
            except DmabufAsyncError as error:
                yield _failed(path, error)

    def _each(
        self, found: Sequence[str | Verdict], began: float, progress: Progress
    ) -> Iterator[tuple[Program | None, Verdict, str]]:
        """Each scenario once it is explored, with its verdict and the command that goes on; until an interrupt."""
        if self.jobs > 1 and len(found) > 1:
            yield from self._side_by_side(found, began, progress)
            return
        for index, one in enumerate(found):
            left = self._share(began, len(found) - index)
            program, verdict = (None, one) if isinstance(one, Verdict) else self._judged(one, left, progress)
            yield program, verdict, self.go_on(verdict)
            if verdict.interrupted:
                break
            self.look()

    def _side_by_side(
        self, found: Sequence[str | Verdict], began: float, progress: Progress
    ) -> Iterator[tuple[Program | None, Verdict, str]]:
        """The same with several at a time."""

        def work(index: int, tell: Tell) -> tuple[Verdict, str]:
            one = found[index]
            if isinstance(one, Verdict):
                return one, ""
            rounds = -(-(len(found) - index) // self.jobs)
            _, verdict = self._judged(one, self._share(began, rounds), progress.telling(tell))
            return verdict, self.go_on(verdict)

        together = Together(shown=progress.shows)

        def look() -> None:
            progress.together(together, len(self.verdicts))
            self.look()

        for index, answer in enumerate(in_order(len(found), self.jobs, work, look, together.heard)):
            name = one.scenario if isinstance(one := found[index], Verdict) else one
            if isinstance(answer, Died):
                lost = f"{name}: {answer}; explore it alone, or with fewer --jobs"
                yield None, _empty(name, "not explored", error=lost, exit_code=exits.INTERNAL), ""
                continue
            verdict, go_on = answer
            together.ended(index, verdict)
            program = None
            if self._to_show(verdict) is not None:
                program = loaded(name)
            yield program, verdict, go_on

    def _share(self, began: float, left: int) -> float:
        """Seconds for the next scenario: an equal part of what is left."""
        if self.seconds is None:
            return float("inf")
        return max(0.0, self.seconds - (time.monotonic() - began)) / left

    def _judged(self, name: str, seconds: float, progress: Progress) -> tuple[Program | None, Verdict]:
        program = None
        try:
            program = loaded(name)
            recalled = None
            if self.corpus is not None:
                accepts = self.accepted.of(program.name)
                recalled = recall(self.corpus, program, accepts=accepts, max_steps=self.max_steps, engine=self.engine)
            verdict = self.explored(program, seconds, progress)
            if recalled is not None:
                verdict = recalled.within(verdict)
            program = self.told_of(program)
            return program, self._shrunk(program, verdict, progress)
        except KeyboardInterrupt:
            return program, _interrupted(name)
        except Exception as error:  # noqa: BLE001 - the other scenarios are still to be explored
            return program, _failed(name, error)

    def _shrunk(self, program: Program, verdict: Verdict, progress: Progress) -> Verdict:
        """The verdict with the least schedules that show what it says, unless nobody has time for that."""
        first = self._to_show(verdict)
        if first is None and self.corpus is not None and self.SAMPLES:
            first = rare(verdict)
        if not self.shrinks or verdict.interrupted or first is None:
            return verdict
        from dmabuf_async.explore.shrinking import shrunken

        draw = progress.shrinking(program.name)

        def show(words: str) -> None:
            draw(words)
            self.look()

        with suppress(KeyboardInterrupt):  # one that did not wait: the findings are not lost with it
            return shrunken(program, verdict, first, seconds=SHRINKING, max_steps=self.max_steps, show=show)
        return verdict

    def _tell(self, table: Table, program: Program | None, verdict: Verdict, go_on: str) -> None:
        shown = None
        failure = self._to_show(verdict)
        if failure is not None and program is not None and not failure.edges:
            try:
                shown = self._shown(program, failure)
            except ReplayDiverged as error:
                verdict = self.verdicts[-1] = _failed(verdict.scenario, error)
        verdict = self.verdicts[-1] = self._remembered(verdict)
        if self.console.as_json:
            from dmabuf_async.report.jsonl import verdict_line

            self.console.line(verdict_line(verdict))
        else:
            table.row(verdict)
            table.details(verdict, go_on)
            if failure is not None and program is not None and (shown is not None or failure.edges):
                story = self._story(program, shown, verdict, failure, self.console.width)
                table.broken(story, verdict, failure, partial(self.replay, verdict))
        self.console.flush()
        if program is not None and self.keeps_stories:
            for one in verdict.failures:
                if not one.expected:
                    story = self._story(program, None, verdict, one, _PROSE)
                    self._stories[verdict.scenario, one.finding.signature] = "\n".join(line.text for line in story)
        if verdict.error:
            self.console.complain(verdict.error)

    def _remembered(self, verdict: Verdict) -> Verdict:
        """The verdict, with what became of what is remembered of the scenario."""
        if self.corpus is None or self.unwritten:
            return verdict
        command = partial(commands.replay, max_steps=self.max_steps)
        try:
            return remember(self.corpus, verdict, command, sampled=self.SAMPLES)
        except OSError as error:
            self._not_written(error, f"what was found in {verdict.scenario} and after it is not remembered")
            return verdict

    def _forget_gone(self, paths: Sequence[str]) -> None:
        """Forget what is remembered of scenarios that are not there any more."""
        if self.corpus is None or self.unwritten:
            return
        for entry in list(self.corpus.gone(paths, [verdict.scenario for verdict in self.verdicts])):
            path = self.corpus.path(entry)
            try:
                self.corpus.forget(entry)
            except OSError as error:
                self._not_written(error, f"{path} is of {entry.scenario}, which is gone")
                return
            self.console.complain(f"--corpus: {path} is forgotten: the scenario {entry.scenario} is gone")

    def _not_written(self, error: OSError, lost: str) -> None:
        assert self.corpus is not None
        self.unwritten = (
            f"--corpus: {self.corpus.folder} cannot be written ({error.strerror}): {lost}; what lies there is whole"
        )

    def _to_show(self, verdict: Verdict) -> Failure | None:
        """The failure whose execution is shown: the first unexpected one."""
        unexpected = (failure for failure in verdict.failures if failure.unexpected)
        return next(unexpected, verdict.failures[0] if self.lanes and verdict.failures else None)

    def _shown(self, program: Program, failure: Failure) -> Shown:
        """The execution of a failure, once more. Raises ReplayDiverged if it is another one."""
        strategy = strategy_for(program, failure.schedule)
        shown = perform(single(program, strategy, max_steps=failure.until or self.max_steps), self.engine)
        if not failure.until and all(
            finding.signature != failure.finding.signature for finding in shown.execution.primary
        ):
            raise ReplayDiverged(
                f"{program.name} is not deterministic: it showed {failure.finding.code} in execution "
                f"{failure.execution}, and the schedule of that, {failure.schedule}, doesn't show it again: look for "
                "chance, time or state that outlives an execution in the scenario's code"
            )
        return shown

    def _story(
        self, program: Program, shown: Shown | None, verdict: Verdict, failure: Failure, width: int
    ) -> list[Line]:
        """The failure, told with its execution if that is known."""
        return told(
            program,
            verdict,
            failure,
            None if shown is None else shown.execution,
            replay=partial(self.replay, verdict),
            max_steps=self.max_steps,
            width=width,
        )

    def replay(self, verdict: Verdict, schedule: str) -> str:
        """The command line that shows the execution of a schedule again."""
        return commands.replay(verdict.scenario, schedule, max_steps=self.max_steps)


def _nothing() -> None:
    """Nobody waits for it."""


def _failed(name: str, error: Exception) -> Verdict:
    known = isinstance(error, DmabufAsyncError)
    return _empty(name, "not explored", error=str(error) if known else bug(error), exit_code=exits.of(error))


def _interrupted(name: str) -> Verdict:
    return _empty(name, "unfinished", interrupted=True, exit_code=exits.INTERRUPTED)


def _empty(name: str, strength: str, *, exit_code: int, error: str = "", interrupted: bool = False) -> Verdict:
    return Verdict(
        scenario=name,
        strength=strength,
        executions=0,
        steps=0,
        seconds=0.0,
        cut=0,
        failures=(),
        error=error,
        interrupted=interrupted,
        exit_code=exit_code,
    )
