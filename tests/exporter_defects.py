"""What tests/test_defects.py needs to know of exporters that move: right code for each trouble, and the table."""

from __future__ import annotations

from typing import Any, Final

LOADS: Final = """
          { do = "load", at = "m" },
          { do = "load", at = "m", word = 1 },"""


def exporter(more: str = "", machine: str = "vram = 2", cells: str = "") -> str:
    """A machine with one buffer that moves."""
    told = f"cells = {{ {cells} }}\n        " if cells else ""
    return f'{told}machine = {{ {machine} }}\n        [buffers.fb]\n        exporter = "EXPORTER"\n        {more}\n'


def user(*steps: str) -> str:
    """A process that maps the buffer and does this."""
    lines = "".join(f"\n          {step}," for step in ('{ do = "mmap", buffer = "fb", as = "m" }', *steps))
    return f'        [[tasks]]\n        name = "display"\n        steps = [{lines}\n        ]\n'


def kernel(page: int = 0) -> str:
    """A driver that pins, maps and writes."""
    return f"""
        [[tasks]]
        name = "importer"
        steps = [
          {{ do = "get_backing_storage", buffer = "fb" }},
          {{ do = "kmap", buffer = "fb", page = {page}, as = "m" }},
          {{ do = "store", at = "m" }},
          {{ do = "store", at = "m", word = 1 }},
          {{ do = "kunmap", at = "m" }},
          {{ do = "put_backing_storage", buffer = "fb" }},
        ]
        """


STORE: Final = '{ do = "store", at = "m" }'
LOAD: Final = '{ do = "load", at = "m" }'
TELL: Final = '{ do = "set", cell = "touched", value = 1 }'
SECOND: Final = '{ do = "load", at = "m", page = 1 }'
MOVED: Final = '{ do = "wait", cell = "touched", value = 2 }'
MOVER: Final = """
        [[tasks]]
        name = "mover"
        cpu = 1
        repeat = 2
        steps = [{ MOVE, buffer = "fb" }, { BACK, buffer = "fb" }]
        """
ONCE: Final = """
        [[tasks]]
        name = "mover"
        cpu = 1
        steps = [
          { do = "wait", cell = "touched", value = 1 },
          { MOVE, buffer = "fb" },
          { do = "set", cell = "touched", value = 2 },
        ]
        """
HIDDEN: Final = 'zone = "vram"\n        pages = 2'
TWO: Final = """
        [buffers.one]
        pages = 2
        exporter = "EXPORTER"
        ELSEWHERE
        [buffers.two]
        pages = 2
        exporter = "EXPORTER"
        ELSEWHERE
        """


def needy(name: str, cpu: int) -> str:
    """A task that needs memory for its buffer, and then no more."""
    return f"""
        [[tasks]]
        name = "{name}"
        cpu = {cpu}
        steps = [{{ NEED, buffer = "{name}", on_error = "unwind" }}, {{ GIVE, buffer = "{name}" }}]
        """


PINNED: Final = """
        [[tasks]]
        name = "one"
        steps = [
          { do = "get_backing_storage", buffer = "one" },
          { do = "set", cell = "pinned", value = 1 },
          { do = "kmap", buffer = "one", as = "m" },
          { do = "store", at = "m" },
          { do = "kunmap", at = "m" },
          { do = "put_backing_storage", buffer = "one" },
        ]
        [[tasks]]
        name = "two"
        cpu = 1
        steps = [
          { do = "wait", cell = "pinned", value = 1 },
          { NEED, buffer = "two", on_error = "unwind" },
          { GIVE, buffer = "two" },
        ]
        """

BASES: Final = {
    "move and kernel": exporter() + kernel() + MOVER,
    "move of what was mapped": exporter(cells="touched = 0") + user(LOAD, TELL, MOVED, LOAD) + ONCE,
    "move of what was written": exporter(cells="touched = 0") + user(STORE, TELL, STORE, MOVED, LOAD) + ONCE,
    "move of the second page": exporter("pages = 2", cells="touched = 0") + user(SECOND, TELL, MOVED, LOAD) + ONCE,
    "move and faults": exporter("pages = 2") + user(*[LOAD, SECOND] * 6) + MOVER.replace("repeat = 2", "repeat = 4"),
    "move and faults that retry": exporter('fault = "retry"')
    + user(*[LOAD] * 4, '{ do = "munmap", at = "m" }')
    + MOVER,
    "move by flag": exporter('guard = "flag"') + user(*[LOAD] * 8) + MOVER,
    "move out of vram fails": exporter("pages = 2", "vram = 1, swap = 1") + kernel() + MOVER,
    "move of what is being written": exporter(machine="vram = 2, words = 8", cells="touched = 0")
    + kernel()
    .replace('as = "m" },\n', 'as = "m" },\n' + f"          {TELL},\n" + f"          {LOAD},\n" * 4)
    .replace("word = 1", "word = 7")
    + ONCE,
    "hidden vram": exporter(HIDDEN, "vram = 2, cpu_visible = false") + kernel(page=1),
    "hidden vram, failing allocation": "environment = { enomem = 1 }\n        "
    + exporter(HIDDEN, "vram = 2, cpu_visible = false")
    + kernel(page=1)
    + kernel().replace('"importer"\n', '"other"\n        cpu = 1\n'),
    "hidden vram, no memory": exporter(
        'zone = "vram"', "ram = 0, vram = 2, cpu_visible = false", "tried = 0, moved = 0"
    )
    + """
        [[tasks]]
        name = "importer"
        steps = [
          { do = "get_backing_storage", buffer = "fb", on_error = "ignore" },
          { do = "set", cell = "tried", value = 1 },
        ]
        [[tasks]]
        name = "mover"
        cpu = 1
        steps = [
          { do = "wait", cell = "tried", value = 1 },
          { do = "migrate", buffer = "fb", to = "vram", on_error = "unwind" },
          { do = "set", cell = "moved", value = 1 },
        ]
        [[tasks]]
        name = "needy"
        cpu = 1
        steps = [{ do = "wait", cell = "moved", value = 1 }]
        """,
    "reclaim in both": "machine = { RECLAIM }" + TWO + needy("one", 0) + needy("two", 1),
    "reclaim of what is pinned": "cells = { pinned = 0 }\n        machine = { RECLAIM }"
    + TWO.replace("ELSEWHERE", "AT_HOME", 1)
    + PINNED,
    "clean pages": exporter("populated = false", "swap = 4", "touched = 0") + user(STORE, TELL, MOVED, LOAD) + ONCE,
    "clean pages and a race": exporter("populated = false", "swap = 4", "touched = 0").replace("EXPORTER", "swapping")
    + user(LOAD, TELL, LOAD, LOAD, STORE, MOVED, LOAD)
    + ONCE.replace("MOVE", 'do = "swap_out"'),
    "two wishes": """
        machine = { vram = 2 }
        [buffers.fb]
        exporter = "migrating"
        [[tasks]]
        name = "importer"
        steps = [{ do = "migrate", buffer = "fb", to = "vram", by = "daemon" }]
        [[tasks]]
        name = "other"
        cpu = 1
        steps = [{ do = "migrate", buffer = "fb", to = "ram", by = "daemon" }]
        """,
    "threads that retry": """
        machine = { cpus = 3 }
        [buffers.fb]
        exporter = "swapping"
        populated = false
        fault = "retry"
        [[tasks]]
        name = "display"
        steps = [
          { do = "mmap", buffer = "fb", as = "m" },
          { do = "mmap", buffer = "fb", as = "n" },
          { do = "load", at = "m" },
        ]
        [[tasks]]
        name = "thread"
        thread_of = "display"
        cpu = 1
        steps = [
          { do = "sleep", ticks = 1 },
          { do = "munmap", at = "n" },
        ]
        [[tasks]]
        name = "evictor"
        cpu = 2
        repeat = 3
        steps = [
          { do = "get_backing_storage", buffer = "fb" },
          { do = "put_backing_storage", buffer = "fb" },
          { do = "swap_out", buffer = "fb" },
        ]
        """,
}
STALE: Final = ("stale-pte", "stale-tlb", "mapped-while-moving")
UNDERFOOT: Final = ("access-without-backing", "lost-write", "torn-copy")

OF_BOTH: Final[tuple[dict[str, Any], ...]] = tuple(
    {"rule": rule, "driver": driver, "defect": defect, "code": code, "base": base, **more}
    for driver in ("swapping", "migrating")
    for rule, defect, code, base, more in (
        (
            "V7", "ignore-pins", "torn-copy", "move of what is being written",
            {"told": "P2", "also": ("moved-while-pinned", "lost-write")},
        ),
        ("V7", "switch-after-unlock", "missing-lock", "move and kernel", {"also": (*UNDERFOOT, "moved-while-pinned")}),
        ("P2", "zap-before-lock", "stale-pte", "move and faults", {"told": "P1", "also": STALE}),
        ("P1", "no-shootdown", "stale-pte", "move of what was mapped", {}),
        ("V13", "no-shootdown", "mapped-while-moving", "move of what was written", {"told": "P2"}),
        ("P2", "zap-after-copy", "mapped-while-moving", "move of what was written", {}),
        ("P1", "zap-after-move", "stale-pte", "move of what was mapped", {}),
        ("P5", "copy-before-flush", "mapped-while-moving", "move of what was written", {"told": "P2"}),
        ("P1", "free-before-flush", "stale-tlb", "move of what was mapped", {}),
        ("V13", "partial-zap", "stale-pte", "move of the second page", {"told": "P1"}),
        ("P5", "short-copy", "lost-write", "move and kernel", {}),
        ("P2", "unlocked-fault", "stale-pte", "move and faults", {"told": "P1|P2", "also": (*STALE, "missing-lock")}),
        ("P2", "fault-looks-before-lock", "stale-pte", "move and faults", {"told": "P1|P2", "also": STALE}),
        ("P2", "fault-ignores-moving", "stale-pte", "move by flag", {"told": "P1|P2", "also": STALE}),
        ("P2", "flag-dropped-early", "mapped-while-moving", "move by flag", {"also": (*STALE, "missing-lock")}),
        ("P7", "zap-takes-mmap-lock", "deadlock", "move and faults", {"also": ("lock-order",)}),
        ("P8", "retry-keeps-mmap-lock", "deadlock", "move and faults that retry", {"told": "P7"}),
        ("P12", "reclaim-takes-lock", "deadlock", "reclaim in both", {"told": "P7", "also": ("lock-order",)}),
        (
            "P12", "reclaim-ignores-pins", "moved-while-pinned", "reclaim of what is pinned",
            {"told": "V7", "also": UNDERFOOT},
        ),
    )
)  # fmt: skip
OF_MIGRATING: Final[tuple[dict[str, Any], ...]] = tuple(
    {"rule": rule, "driver": "migrating", "defect": defect, "code": code, "base": base, **more}
    for rule, defect, code, base, more in (
        ("V1", "get-leaves-in-vram", "access-without-backing", "hidden vram", {}),
        ("V1", "returns-before-resident", "access-without-backing", "hidden vram", {}),
        ("V6", "leak-source", "frame-leak", "move and kernel", {}),
        ("V6", "leak-on-enomem", "frame-leak", "move out of vram fails", {}),
        ("V6", "free-twice-on-enomem", "double-free", "move out of vram fails", {"told": "V15"}),
        ("V6", "no-unlock-on-enomem", "deadlock", "hidden vram, failing allocation", {"told": "P7"}),
        ("V6", "unlock-twice-on-enomem", "double-unlock", "hidden vram, failing allocation", {"told": "P7"}),
        ("V6", "pins-on-enomem", "deadlock", "hidden vram, no memory", {"told": "P7"}),
        ("P7", "plain-request", "data-race", "two wishes", {}),
        ("P7", "fault-locks-out-of-order", "lock-order", "move and faults that retry", {}),
        ("V7", "ignore-pins", "moved-while-pinned", "move and kernel", {"also": UNDERFOOT}),
        ("V7", "pin-count-after-unlock", "moved-while-pinned", "move and kernel", {"also": UNDERFOOT}),
        ("V7", "evict-test-outside-lock", "moved-while-pinned", "move and kernel", {"also": UNDERFOOT}),
        ("V10", "kmap-as-atomic", "sleep-in-atomic", "sleeper", {}),
        ("V11", "kmap-under-lock", "deadlock", "one slot", {}),
        ("V12", "atomic-takes-mutex", "sleep-in-atomic", "atomic copy", {"also": ("deadlock",)}),
        ("V15", "free-before-copy", "use-after-free", "move and kernel", {"also": ("lost-write",)}),
    )
)
ROWS: Final = (
    *OF_BOTH,
    *OF_MIGRATING,
    {
        "rule": "P5", "driver": "core", "defect": "dirty-bit-lost", "code": "stale-read",
        "base": "clean pages and a race", "told": "V8",
    },
    {
        "rule": "P5", "driver": "swapping", "defect": "dirty-discarded", "code": "stale-read", "base": "clean pages",
        "told": "V8",
    },
    {
        "rule": "P8", "driver": "swapping", "defect": "fault-locks-out-of-order", "code": "deadlock",
        "base": "threads that retry", "told": "P7", "also": ("lock-order",),
    },
)  # fmt: skip


def filled_in(text: str, exporter: str) -> str:
    """A base, with what it leaves open."""
    migrates = exporter == "migrating"
    words = {
        "MOVE": 'do = "migrate", to = "vram"' if migrates else 'do = "swap_out"',
        "BACK": 'do = "migrate", to = "ram"' if migrates else 'do = "swap_out"',
        "NEED": 'do = "migrate", to = "vram"' if migrates else 'do = "get_backing_storage"',
        "GIVE": 'do = "migrate", to = "ram"' if migrates else 'do = "put_backing_storage"',
        "RECLAIM": "ram = 4, vram = 2" if migrates else "ram = 2",
        "ELSEWHERE": 'zone = "lowmem"' if migrates else "resident = false",
        "AT_HOME": 'zone = "vram"' if migrates else "resident = true",
        "EXPORTER": exporter,
    }
    for word, said in words.items():
        text = text.replace(word, said)
    return text
