"""Every defect is found, and the right code is never accused: a table of rule, defect and code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from dmabuf_async import load
from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS, CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.strategies.random_walk import RandomWalk
from tests import cache_defects, device_defects, exporter_defects
from tests.effort import times

SCENARIOS = Path(__file__).parents[1] / "scenarios"

pytestmark = pytest.mark.unaudited  # many executions; test_scenarios audits the same drivers

# Right code for each kind of trouble: whoever is given a defect here is the exporter of all buffers, or "importer".
BASES = {
    "eviction": """
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", as = "m" },
          { do = "store", at = "m" },
          { do = "load", at = "m", word = 1 },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        repeat = 2
        steps = [{ do = "swap_out", buffer = "fb" }]
        """,
    "one page of two": """
        [buffers.fb]
        pages = 2
        exporter = "swapping"
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb", len = 4096 },
          { do = "kmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb", len = 4096 },
        ]
        """,
    "failing allocation": """
        environment = { enomem = 1 }
        [buffers.fb]
        pages = 2
        exporter = "swapping"
        resident = false
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", page = 1, as = "m" },
          { do = "load", at = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        [[tasks]]
        name = "other"
        cpu = 1
        steps = [
          { do = "sleep", ticks = 1 },
          { do = "get_backing_storage", buffer = "fb" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "full memory": """
        cells = { tried = 0, evicted = 0 }
        machine = { ram = 0 }
        [buffers.fb]
        exporter = "swapping"
        resident = false
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb", on_error = "ignore" },
          { do = "set", cell = "tried", value = 1 },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "tried", value = 1 },
          { do = "swap_out", buffer = "fb", on_error = "unwind" },
          { do = "set", cell = "evicted", value = 1 },
        ]
        [[tasks]]
        name = "needy"
        cpu = 1
        steps = [{ do = "wait", cell = "evicted", value = 1 }]
        """,
    "two users": """
        cells = { turn = 0 }
        [buffers.fb]
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "wait", cell = "turn", value = 1 },
          { do = "put_backing_storage", buffer = "fb" },
          { do = "set", cell = "turn", value = 2 },
        ]
        [[tasks]]
        name = "other"
        cpu = 1
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "set", cell = "turn", value = 1 },
          { do = "wait", cell = "turn", value = 2 },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "one slot": """
        machine = { highmem = 2, kmap_slots = 1 }
        [buffers.fb]
        pages = 2
        exporter = "EXPORTER"
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", page = 0, as = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        [[tasks]]
        name = "other"
        cpu = 1
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", page = 1, as = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "page after page": """
        [buffers.fb]
        pages = 3
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", page = 0, as = "a" },
          { do = "kunmap", at = "a" },
          { do = "kmap", buffer = "fb", page = 1, as = "b" },
          { do = "kunmap", at = "b" },
          { do = "kmap", buffer = "fb", page = 2, as = "c" },
          { do = "kunmap", at = "c" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "atomic copy": """
        [buffers.fb]
        pages = 2
        exporter = "EXPORTER"
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap_atomic", buffer = "fb", page = 0, as = "from" },
          { do = "kmap_atomic", buffer = "fb", page = 1, as = "to" },
          { do = "memcpy", from = "from", to = "to" },
          { do = "kunmap_atomic", at = "to" },
          { do = "kunmap_atomic", at = "from" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        [[tasks]]
        name = "other"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "sleeper": """
        [buffers.fb]
        exporter = "EXPORTER"
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "kmap", buffer = "fb", as = "m" },
          { do = "sleep", ticks = 1 },
          { do = "store", at = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "fb" },
        ]
        """,
    "shared mapping": """
        cells = { touched = 0 }
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "wait", cell = "touched", value = 2 },
          { do = "load", at = "m", word = 1 },
        ]
        [[tasks]]
        name = "sampler"
        thread_of = "display"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 2 },
          { do = "munmap", at = "m" },
        ]
        [[tasks]]
        name = "evictor"
        steps = [
          { do = "wait", cell = "touched", value = 2 },
          { do = "swap_out", buffer = "fb" },
        ]
        """,
    "unmapping": """
        machine = { cpus = 4 }
        cells = { touched = 0 }
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "wait", cell = "touched", value = 2 },
          { do = "munmap", at = "m" },
        ]
        [[tasks]]
        name = "decoder"
        thread_of = "display"
        cpu = 1
        steps = [{ do = "sleep", ticks = 1 }]
        [[tasks]]
        name = "mixer"
        thread_of = "display"
        cpu = 2
        steps = [{ do = "sleep", ticks = 1 }]
        [[tasks]]
        name = "sampler"
        thread_of = "display"
        cpu = 3
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 2 },
        ]
        [[tasks]]
        name = "evictor"
        steps = [
          { do = "wait", cell = "touched", value = 2 },
          { do = "swap_out", buffer = "fb" },
        ]
        """,
    "writing": """
        cells = { touched = 0 }
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "store", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "store", at = "m", word = 1 },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "swap_out", buffer = "fb" },
        ]
        """,
    "writing what was clean": """
        cells = { touched = 0, swapped = 0 }
        [buffers.fb]
        exporter = "swapping"
        populated = false
        [[tasks]]
        name = "display"
        cpu = 0
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "load", at = "m" },
          { do = "load", at = "m" },
          { do = "store", at = "m" },
          { do = "wait", cell = "swapped", value = 1 },
          { do = "load", at = "m" },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "swap_out", buffer = "fb" },
          { do = "set", cell = "swapped", value = 1 },
        ]
        """,
    "forking": """
        cells = { touched = 0 }
        [buffers.fb]
        pages = 3
        exporter = "swapping"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m", page = 2 },
          { do = "set", cell = "touched", value = 1 },
          { do = "fork", task = "child" },
        ]
        [[tasks]]
        name = "child"
        cpu = 1
        steps = [{ do = "load", at = "m" }]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "swap_out", buffer = "fb" },
        ]
        """,
    "ranges": """
        [buffers.fb]
        pages = 2
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m", len = 4096 },
          { do = "store", at = "m" },
          { do = "mremap", at = "m", pages = 2, on_error = "ignore" },
          { do = "mmap", buffer = "fb", as = "n", offset = 4096, len = 8192, on_error = "ignore" },
        ]
        """,
    "cached by the CPU": """
        machine = { coherent = false }
        mutexes = ["turn"]
        cells = { step = 0 }
        [devices.camera]
        [buffers.fb]
        [[tasks]]
        name = "viewer"
        steps = [
          { do = "wait", cell = "step", value = 1 },
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "step", value = 2 },
          { do = "wait", cell = "step", value = 3 },
          { do = "lock", mutex = "turn" },
          { do = "load", at = "m" },
          { do = "unlock", mutex = "turn" },
        ]
        [[tasks]]
        name = "driver"
        cpu = 1
        steps = [
          { do = "attach", device = "camera", buffer = "fb", as = "a" },
          { do = "map_dma_buf", at = "a", direction = "from_device" },
          { do = "set", cell = "step", value = 1 },
          { do = "wait", cell = "step", value = 2 },
          { do = "lock", mutex = "turn" },
          { do = "dma_write", at = "a", as = "t" },
          { do = "dma_wait", for = "t" },
          { do = "unlock", mutex = "turn" },
          { do = "set", cell = "step", value = 3 },
          { do = "unmap_dma_buf", at = "a" },
          { do = "detach", at = "a" },
        ]
        """,
    "closed": """
        cells = { touched = 0 }
        [buffers.fb]
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "load", at = "m" },
        ]
        [[tasks]]
        name = "owner"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "dma_buf_put", buffer = "fb" },
        ]
        """,
    "speculation": """
        cells = { touched = 0, moved = 0 }
        environment = { tlb_fills = 2 }
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "wait", cell = "moved", value = 1 },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "swap_out", buffer = "fb" },
          { do = "set", cell = "moved", value = 1 },
        ]
        """,
    "sealing": """
        cells = { touched = 0, swapped = 0 }
        [buffers.fb]
        exporter = "swapping"
        populated = false
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "load", at = "m" },
          { do = "set", cell = "touched", value = 1 },
          { do = "load", at = "m" },
          { do = "store", at = "m" },
          { do = "wait", cell = "swapped", value = 1 },
          { do = "load", at = "m" },
        ]
        [[tasks]]
        name = "sealer"
        thread_of = "display"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { do = "mprotect", at = "m", write = false },
          { do = "set", cell = "touched", value = 2 },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 2 },
          { do = "swap_out", buffer = "fb" },
          { do = "set", cell = "swapped", value = 1 },
        ]
        """,
    "two requests": """
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "importer"
        steps = [{ do = "reclaim", buffer = "fb" }]
        [[tasks]]
        name = "other"
        cpu = 1
        steps = [{ do = "reclaim", buffer = "fb" }]
        """,
    "references": """
        cells = { taken = 0 }
        [buffers.fb]
        [[tasks]]
        name = "importer"
        steps = [
          { do = "dma_buf_get", buffer = "fb" },
          { do = "set", cell = "taken", value = 1 },
          { do = "dma_buf_put", buffer = "fb" },
        ]
        [[tasks]]
        name = "owner"
        cpu = 1
        steps = [
          { do = "wait", cell = "taken", value = 1 },
          { do = "sleep", ticks = 1 },
          { do = "get_backing_storage", buffer = "fb" },
          { do = "put_backing_storage", buffer = "fb" },
          { do = "dma_buf_put", buffer = "fb" },
        ]
        """,
}

BASES |= cache_defects.BASES | device_defects.BASES | exporter_defects.BASES


class Row(NamedTuple):
    rule: str
    """The rule that the defect breaks."""
    driver: str
    defect: str
    code: str
    base: str
    told: str = ""
    """The rule that the finding names, where the code has one of its own; or several with | between them."""
    also: tuple[str, ...] = ()
    """Codes as which it may be found first in other interleavings."""

    def __str__(self) -> str:
        return f"{self.driver}-{self.defect}-{self.rule}"


UNDERFOOT = ("access-without-backing", "lost-write", "torn-copy")
"""What moves while it is written shows at the same switch that the write was lost, or the copy torn."""

TABLE = (
    # Rule, driver, defect, code, where.
    Row("V1", "cpu", "skip-get", "access-without-backing", "eviction"),
    Row("V1", "cpu", "put-before-kunmap", "access-without-backing", "eviction"),
    Row("V1", "swapping", "returns-before-resident", "access-without-backing", "failing allocation"),
    Row("V2", "cpu", "length-in-words", "bad-range", "eviction"),
    Row("V2", "cpu", "off-by-one-page", "bad-range", "eviction"),
    Row("V3", "cpu", "off-by-one-page", "access-without-backing", "one page of two"),
    Row("V4", "static", "frees-on-put", "moved-while-pinned", "two users", told="V7"),
    Row("V5", "cpu", "get-in-atomic", "sleep-in-atomic", "atomic copy"),
    Row("V6", "cpu", "double-put", "unbalanced-put", "eviction"),
    Row("V6", "cpu", "ignore-errors", "access-without-backing", "failing allocation", told="V1"),
    Row("V6", "cpu", "put-after-failed-get", "unbalanced-put", "failing allocation"),
    Row("V6", "swapping", "leak-on-enomem", "frame-leak", "failing allocation"),
    Row("V6", "swapping", "leak-slot", "frame-leak", "failing allocation"),
    Row("V6", "swapping", "free-twice-on-enomem", "double-free", "failing allocation", told="V15"),
    Row("V6", "swapping", "no-unlock-on-enomem", "deadlock", "failing allocation", told="P7"),
    Row("V6", "swapping", "unlock-twice-on-enomem", "double-unlock", "failing allocation", told="P7"),
    Row("V6", "swapping", "pins-on-enomem", "deadlock", "full memory", told="P7"),
    Row("V7", "cpu", "forget-put", "pin-leak", "eviction"),
    Row("V7", "swapping", "ignore-pins", "moved-while-pinned", "eviction", also=UNDERFOOT),
    Row("V7", "swapping", "pin-count-after-unlock", "moved-while-pinned", "eviction", also=UNDERFOOT),
    Row("V7", "swapping", "evict-test-outside-lock", "moved-while-pinned", "eviction", also=UNDERFOOT),
    Row("V7", "swapping", "ignore-pins", "torn-copy", "eviction", told="P2", also=("moved-while-pinned", *UNDERFOOT)),
    Row("P7", "swapping", "plain-request", "data-race", "two requests"),
    Row("V8", "cpu", "forget-kunmap", "kmap-leak", "sleeper"),
    Row("V8", "cpu", "use-after-kunmap", "stale-kmap", "eviction"),
    Row("V9", "cpu", "late-kunmap", "kmap-limit", "page after page"),
    Row("V10", "static", "kmap-as-atomic", "sleep-in-atomic", "sleeper"),
    Row("V10", "swapping", "kmap-as-atomic", "sleep-in-atomic", "sleeper"),
    Row("V11", "static", "kmap-under-lock", "deadlock", "one slot"),
    Row("V11", "swapping", "kmap-under-lock", "deadlock", "one slot"),
    Row("V12", "cpu", "atomic-in-order", "kmap-order", "atomic copy"),
    Row("V12", "cpu", "sleep-in-atomic", "sleep-in-atomic", "atomic copy"),
    Row("V12", "static", "atomic-takes-mutex", "sleep-in-atomic", "atomic copy"),
    Row("V12", "swapping", "atomic-takes-mutex", "sleep-in-atomic", "atomic copy", also=("deadlock",)),
    Row("V15", "cpu", "forget-dma-buf-put", "leak-at-exit", "references"),
    Row("V15", "cpu", "double-dma-buf-put", "use-after-free", "references", also=("moved-while-pinned",)),
    Row("V15", "static", "release-forgets-frames", "frame-leak", "references"),
    Row("V15", "swapping", "free-before-copy", "use-after-free", "eviction", also=("lost-write",)),
    Row("P1", "core", "no-tlb-flush", "stale-tlb", "shared mapping"),
    Row("P1", "core", "no-tlb-flush", "mapped-while-moving", "writing", told="P2", also=("stale-tlb",)),
    Row("P1", "core", "munmap-never-flushes", "stale-tlb", "unmapping"),
    Row("P1", "core", "flush-before-clear", "stale-tlb", "speculation"),
    Row("P3", "core", "vma-registered-elsewhere", "stale-pte", "shared mapping", told="P1", also=("stale-tlb",)),
    Row("P4", "core", "munmap-unlinks-before-flush", "stale-tlb", "unmapping", told="P1"),
    Row("P5", "core", "dirty-bit-lost", "stale-read", "writing what was clean", told="V8"),
    Row("P5", "core", "mprotect-loses-dirty", "stale-read", "sealing", told="V8"),
    Row("P6", "core", "flush-one-cpu", "stale-tlb", "shared mapping", told="P1"),
    Row("P6", "core", "flush-own-cpu-only", "stale-tlb", "shared mapping", told="P1"),
    Row("P9", "core", "fork-links-late", "stale-pte", "forking", told="P1", also=("stale-tlb",)),
    Row("P9", "core", "fork-links-before-parent", "stale-pte", "forking", told="P1", also=("stale-tlb",)),
    Row("P9", "core", "zap-skips-child", "stale-pte", "forking", told="P1", also=("stale-tlb",)),
    Row("P10", "static", "cached-mmap", "stale-read", "cached by the CPU", told="V8"),
    Row("P11", "core", "mmap-unchecked", "bad-range", "ranges"),
    Row("P11", "core", "vma-grows", "bad-range", "ranges"),
    Row(
        "V15", "core", "mmap-without-reference", "stale-pte", "closed", told="P1", also=("stale-tlb", "use-after-free")
    ),
    Row("V15", "core", "exit-keeps-mappings", "leak-at-exit", "closed"),
    *(Row(**row) for row in (*cache_defects.ROWS, *device_defects.ROWS, *exporter_defects.ROWS)),
)
RULES = [*(f"V{number}" for number in (*range(13), 14, 15)), *(f"P{number}" for number in range(1, 13))]


def base(name: str, exporter: str) -> Scenario:
    """Right code, with an exporter of the given kind where the scenario leaves it open."""
    text = exporter_defects.filled_in(f'title = "{name}"\n{BASES[name]}', exporter)
    return parse_scenario(text, name, defects=DEFECTS, codes=CODES)


def broken(row: Row) -> Program:
    """The same, with the defect in it."""
    scenario = base(row.base, exporter_of(row))
    if row.driver == "device":
        devices = {name: replace(spec, defects=[row.defect]) for name, spec in scenario.devices.items()}
        scenario = replace(scenario, devices=devices)
    elif row.driver == "cpu":
        tasks = [replace(task, defects=[row.defect] if task.name == "importer" else []) for task in scenario.tasks]
        scenario = replace(scenario, tasks=tasks)
    elif row.driver == "core":
        scenario = replace(scenario, machine=replace(scenario.machine, defects=[row.defect]))
    else:
        buffers = {name: replace(spec, defects=[row.defect]) for name, spec in scenario.buffers.items()}
        assert all(spec.exporter == row.driver for spec in buffers.values())
        scenario = replace(scenario, buffers=buffers)
    return build.program(scenario, str(row))


def exporter_of(row: Row) -> str:
    """Of the base, where it leaves it open. Devices are about buffers that move, where anything does."""
    if row.driver == "device":
        return "swapping" if "MOVE" in BASES[row.base] else "static"
    return "static" if row.driver in {"cpu", "core"} else row.driver


@cache
def found(row: Row) -> Verdict:
    return sampled(broken(row), 300)


def sampled(program: Program, executions: int, checkers: Iterable[Checker] = CHECKERS) -> Verdict:
    return perform(fuzz(program, RandomWalk(0), executions=executions, checkers=checkers))


def codes(verdict: Verdict) -> Counter[str]:
    """In how many executions each code was found, as primary."""
    counts = Counter[str]()
    for signature, count in verdict.counts.items():
        counts[signature.code] += count
    return counts


def rows(code: str) -> list[Row]:
    return [row for row in TABLE if row.code == code]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_defect_is_found_as_what_it_is(row: Row) -> None:
    seen = codes(found(row))
    assert seen[row.code] >= 300 * 5 / 1000
    assert set(seen) <= {row.code, *row.also}


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_finding_names_the_rule(row: Row) -> None:
    told = {one.finding.rule for one in found(row).failures if one.finding.code == row.code}
    assert told <= set((row.told or row.rule).split("|"))
    assert told


@pytest.mark.parametrize(("name", "exporter"), sorted({(row.base, exporter_of(row)) for row in TABLE}))
def test_the_right_code_is_never_accused(name: str, exporter: str) -> None:
    verdict = sampled(build.program(base(name, exporter), name), times(1000, 200))
    assert verdict.failures == ()
    assert verdict.cut == 0


def test_every_defect_stands_in_the_table() -> None:
    assert {(row.driver, row.defect) for row in TABLE} == {
        (driver, defect) for driver, defects in DEFECTS.items() for defect in defects
    }


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_defect_says_which_rule_it_breaks(row: Row) -> None:
    said = re.search(r" \(([VP0-9, ]+)\)$", DEFECTS[row.driver][row.defect])
    assert said is not None
    assert row.rule in said[1].split(", ")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_broken_by_a_defect(rule: str) -> None:
    assert rule in {row.rule for row in TABLE}


def raises(machine: Machine) -> None:
    async def claim() -> None:
        raise AssertionError

    async def stumble() -> None:
        raise LookupError

    machine.task("claim", claim)
    machine.task("stumble", stumble)


def both_orders(machine: Machine) -> None:
    first, second = machine.mutex("first"), machine.mutex("second")

    async def work(outer: Mutex, inner: Mutex) -> None:
        await outer.lock()
        await inner.lock()
        await inner.unlock()
        await outer.unlock()

    machine.task("one", work, first, second)
    machine.task("two", work, second, first, cpu=1)


def provocations(checker: Checker) -> Sequence[tuple[Program, str]]:
    if checker.codes == ("assertion", "unhandled-exception"):
        return [(from_function(raises), code) for code in checker.codes]
    if checker.codes == ("lock-order",):
        return [(from_function(both_orders), "lock-order")]
    if checker.codes == ("always-violated",):  # no driver's mistake: the scenario says what must hold
        return [(load(str(SCENARIOS / "properties" / "busy-after-job.toml")), "always-violated")]
    return [(broken(row), row.code) for code in checker.codes for row in rows(code)[:1]]


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: type(checker).__name__)
def test_without_its_checker_a_defect_is_not_found(checker: Checker) -> None:
    others = [other for other in CHECKERS if other is not checker]
    assert {code for _, code in provocations(checker)} == set(checker.codes)
    for program, code in provocations(checker):
        assert codes(sampled(program, 100))[code]
        assert not codes(sampled(program, 100, others))[code]
