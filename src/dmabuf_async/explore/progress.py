"""How far an exploration is: what its executions came to, added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dmabuf_async.explore.judging import witnessed
from dmabuf_async.explore.lock_cycles import LockCycles
from dmabuf_async.explore.verdict import Failure
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.engine.core import Core
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.explore.coverage import Coverage
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Signature


@dataclass(slots=True)
class Progress:
    """How far a campaign or a search is; the same object all along, for whoever shows it."""

    executions: int = 0
    steps: int = 0
    cut: int = 0
    failures: dict[Signature, Failure] = field(default_factory=dict)
    counts: Counter[Signature] = field(default_factory=Counter)
    finders: dict[Signature, Counter[str]] = field(default_factory=dict)
    """Of a portfolio: how many executions of which member showed each signature."""
    reached: set[tuple[str, str]] = field(default_factory=set)
    witnesses: Counter[str] = field(default_factory=Counter)
    """How many of the executions that were really made showed each witness of ``sometimes``."""
    locks: LockCycles = field(default_factory=LockCycles)
    coverage: Coverage | None = None
    """Of a campaign that samples."""

    def note(self, program: Program, watch: Watch, core: Core, by: str = "") -> None:
        """One more execution has been made, to its end or to where it was cut; ``by``: which member of a portfolio."""
        self.executions += 1
        self.steps += core.steps
        self.cut += core.stopped == "cut"
        self.reached |= watch.reached
        if program.sometimes:
            self.witnesses.update([one for one in program.sometimes if witnessed(one, watch.reached)])
        seen = {finding.signature: finding for finding in watch.findings if finding.primary}
        for signature, finding in seen.items():
            self.counts[signature] += 1
            if by:
                self.finders.setdefault(signature, Counter())[by] += 1
            if signature not in self.failures:
                expected = finding.code in program.findings
                schedule = encode(program.digest, core.choices)
                self.failures[signature] = Failure(finding, schedule, self.executions, expected, by=by)
        edges = watch.lock_edges()
        if edges:
            self.locks.note(edges, self.executions, lambda: encode(program.digest, core.choices))
