"""Remembered schedules are replayed before anything is explored, and what they show counts as if it had been found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.accepted import nothing
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.single import INTERRUPTED, single
from dmabuf_async.explore.verdict import CORPUS, Recalled
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.schedule import decode, digest_text

if TYPE_CHECKING:
    from dmabuf_async.campaign.corpus import Corpus
    from dmabuf_async.campaign.entry import Entry
    from dmabuf_async.explore.accepted import Accepts
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.explore.verdict import Failure, Verdict
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Signature

_CONCLUSIVE: Final = frozenset({0, 1, 5, 6})
"""Exit codes of scenarios that were explored (DESIGN 10)."""


@dataclass(frozen=True, slots=True)
class Recollection:
    """What all that is remembered of one scenario came to."""

    recalled: tuple[Recalled, ...]
    """In the order of the entries."""
    failures: tuple[Failure, ...]
    """One for each signature of a primary finding, in the order of the entries."""

    def within(self, verdict: Verdict) -> Verdict:
        """The verdict of exploring the scenario, with what was shown before and not found again.

        A finding that is not expected refutes what was sampled or proved within bounds, and one that is expected need
        not be found again.
        """
        verdict = replace(verdict, recalled=self.recalled)
        found = {failure.finding.signature for failure in verdict.failures}
        more = tuple(failure for failure in self.failures if failure.finding.signature not in found)
        if not more or verdict.exit_code not in _CONCLUSIVE:
            return replace(verdict, failures=(*verdict.failures, *more))
        missing = () if any(failure.expected for failure in more) else verdict.missing
        strength, code = verdict.strength, verdict.exit_code
        if any(failure.unexpected for failure in more):
            strength, code = "refuted", 1
        elif verdict.missing and not missing:
            code = 5 if verdict.unseen else 0
        return replace(verdict, failures=(*verdict.failures, *more), missing=missing, strength=strength, exit_code=code)


def recall(
    corpus: Corpus,
    program: Program,
    *,
    accepts: Accepts = nothing,
    max_steps: int = MAX_STEPS,
    engine: str = "inline",
) -> Recollection:
    """Replay what is remembered of a program. An interrupt is raised as KeyboardInterrupt.

    A schedule from before the scenario was changed is replayed as far as it fits: most changes leave most of them be.
    """
    recalled: list[Recalled] = []
    failures: dict[Signature, Failure] = {}
    for number, entry in enumerate(corpus.of(program.name), 1):
        told = Recalled(str(corpus.path(entry)), entry.code, entry.schedule, "changed")
        schedule = decode(entry.schedule)
        try:
            shown = perform(single(program, Replay(schedule.choices), max_steps=max_steps), engine)
        except ReplayDiverged as error:
            recalled.append(replace(told, why=f"its schedule fits no more ({error})"))
            continue
        if shown.execution.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        recalled.append(_judged(told, entry, shown.execution, same=schedule.digest == digest_text(program.digest)))
        for failure in shown.verdict.failures:
            signature = failure.finding.signature
            known = not failure.expected and accepts(signature)
            failures.setdefault(signature, replace(failure, execution=number, known=known, by=CORPUS))
    return Recollection(tuple(recalled), tuple(failures.values()))


def _judged(told: Recalled, entry: Entry, execution: Execution, *, same: bool) -> Recalled:
    """What the execution means for the entry; ``same``: the scenario has not changed since."""
    if any(str(finding.signature) == entry.signature for finding in execution.primary):
        return replace(told, became="shown", schedule=execution.schedule)
    if execution.stopped == "cut":
        return replace(told, became="kept", why="its execution was cut at the limit of steps")
    others = " and ".join(dict.fromkeys(finding.code for finding in execution.primary))
    shows = f"its schedule shows {others} elsewhere" if others else "its schedule shows nothing any more"
    return replace(told, became="mended", why=shows if same else f"{shows}, and the scenario has changed since")
