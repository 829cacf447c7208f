"""Every right scenario by both exhaustive searches, each within so much CPU time: ``python -m benchmarks.proofs``.

A right scenario is one in which nothing may be found. ``--write`` keeps what came of it in docs/proofs.md: what each
search covered, in how many CPU seconds, and how far it came where it did not end. Two searches that both ended and
disagree are an error.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.defects import right_scenarios
from dmabuf_async.explore.fuzzing import quiet_collector
from dmabuf_async.explore.searches import searching
from dmabuf_async.scenario.catalogue import load

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "proofs.md"
BEGIN, END = "<!-- measured: python -m benchmarks.proofs --write -->", "<!-- end of what is measured -->"
KINDS: Final = ("graph", "dpor")
COLLECT_EVERY: Final = 5.0
"""Seconds between two collections of garbage."""


class Proof(NamedTuple):
    """What one search made of one scenario."""

    complete: bool
    seconds: float
    """Of CPU time."""
    extent: str
    codes: tuple[str, ...]


def prove(name: str, kind: str, seconds: float) -> Proof:
    """Search until nothing is left, or for so many CPU seconds."""
    search = searching(load(name), kind)
    began = time.process_time()
    collected = began
    with quiet_collector() as collect:
        while more := search.advance():
            now = time.process_time()
            if now - began >= seconds:
                break
            if now - collected >= COLLECT_EVERY:
                collect()
                collected = now
    took = time.process_time() - began
    search.close()
    codes = tuple(sorted({signature.code for signature in search.progress.failures}))
    return Proof(not more and not search.progress.cut, took, search.extent, codes)


def row(name: str, proofs: dict[str, Proof]) -> str:
    """A row of the table."""
    cells = [
        f"{'' if proof.complete else 'not ended: '}{proof.extent}, {proof.seconds:.1f} s" for proof in proofs.values()
    ]
    return f"| {name} | {' | '.join(cells)} |"


def summary(results: dict[str, dict[str, Proof]], seconds: float) -> str:
    """How many were proved, by what."""
    count = len(results)
    by = {kind: sum(proofs[kind].complete for proofs in results.values()) for kind in KINDS}
    both = sum(all(proof.complete for proof in proofs.values()) for proofs in results.values())
    some = sum(any(proof.complete for proof in proofs.values()) for proofs in results.values())
    told = ", ".join(f"{number} by {kind}" for kind, number in by.items())
    return (
        f"Of {count} scenarios in which nothing may be found, {some} are verified exhaustively within {seconds:g} CPU "
        f"seconds: {told}, {both} ({both / count:.0%}) by both."
    )


def main() -> None:
    """Measure, print, and with ``--write`` keep it in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds for each search of each scenario")
    parser.add_argument("--write", action="store_true", help=f"keep it in {PAGE.relative_to(ROOT)}")
    parser.add_argument("names", nargs="*", help="scenario files; all right ones if left out")
    options = parser.parse_args()
    results: dict[str, dict[str, Proof]] = {}
    for name in options.names or right_scenarios():
        short = Path(name).resolve().relative_to(ROOT / "scenarios").as_posix()
        results[short] = proofs = {kind: prove(name, kind, options.seconds) for kind in KINDS}
        print(row(short, proofs), *sorted({code for proof in proofs.values() for code in proof.codes}), flush=True)
        told = {proof.codes for proof in proofs.values() if proof.complete}
        if len(told) > 1:
            sys.exit(f"{short}: the searches disagree: {proofs}")
        gc.collect()
    lines = [summary(results, options.seconds), "", "| scenario | state graph | DPOR |", "|---|---|---|"]
    lines += [row(name, proofs) for name, proofs in results.items()]
    text = "\n".join(lines)
    print(lines[0])
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
