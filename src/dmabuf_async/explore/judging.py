"""What an exploration showed, as every verdict on it begins: common to what was sampled and to what was proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.explore.accepted import nothing

if TYPE_CHECKING:
    from dmabuf_async.explore.accepted import Accepts
    from dmabuf_async.explore.progress import Progress
    from dmabuf_async.explore.verdict import Failure
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Signature


class Evidence(NamedTuple):
    """What was seen, beside what the scenario expects."""

    failures: tuple[Failure, ...]
    counts: Mapping[Signature, int]
    missing: tuple[str, ...]
    """Expected codes, if not one of them was found; else empty."""
    unseen: tuple[str, ...]
    """Expected witnesses that did not come."""

    @property
    def unexpected(self) -> bool:
        """Whether something was found that is neither expected nor known."""
        return any(failure.unexpected for failure in self.failures)


def evidence(program: Program, progress: Progress, accepts: Accepts = nothing) -> Evidence:
    """What ``progress`` holds, the order of locks over all executions included; ``accepts`` says what is known."""
    circles = tuple(progress.locks.failures("lock-order" in program.findings))
    failures = tuple(
        replace(failure, known=True) if not failure.expected and accepts(failure.finding.signature) else failure
        for failure in (*progress.failures.values(), *(failure for failure, _ in circles))
    )
    counts = dict(progress.counts) | {failure.finding.signature: count for failure, count in circles}
    found = any(failure.expected for failure in failures)
    unseen = tuple(witness for witness in program.sometimes if not witnessed(witness, progress.reached))
    return Evidence(failures, counts, () if found else program.findings, unseen)


def witnessed(witness: str, reached: Iterable[tuple[str, str]]) -> bool:
    """Whether ``TASK reaches STEP`` was seen; STEP is a number or a verb."""
    task, _, step = witness.partition(" reaches ")
    return any(actor == task and step in site.split() for actor, site in reached)
