"""What a start costs, in starts of a bare Python: ``python -m benchmarks.startup`` (DESIGN 11)."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median
from typing import Final

CASES: Final = {
    "--version": ["-m", "dmabuf_async", "--version"],
    "--help": ["-m", "dmabuf_async", "--help"],
    "fuzz --help": ["-m", "dmabuf_async", "fuzz", "--help"],
}
BUDGET: Final = 3.0


def start(arguments: list[str]) -> float:
    """Seconds until a Python with these arguments has ended."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of measurements (default 15)")
    options = parser.parse_args(arguments)
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    ratios: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        bare = start(["-c", ""])
        for name, command in CASES.items():
            taken[name].append(start(command))
            ratios[name].append(taken[name][-1] / bare)
    for name in CASES:
        ratio = median(ratios[name])
        verdict = "" if name != "--help" else f"   budget {BUDGET}: {'within' if ratio <= BUDGET else 'OVER'}"
        print(f"{name:12} {min(taken[name]) * 1e3:6.0f} ms {ratio:6.2f} x bare Python{verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
