"""The part of the table of test_defects that is about machines that are not coherent."""

from __future__ import annotations

from typing import Any, Final


def scenario(steps: str, more: str = "", machine: str = "") -> str:
    """One task, a device ``dev``, and a machine whose caches have to be seen to."""
    lines = "".join(f"          {{ {step.strip()} }},\n" for step in steps.split(";"))
    return (
        f"machine = {{ ram = 2, vram = 1, words = 1, coherent = false{machine} }}\n        {more}[devices.dev]\n"
        '        [buffers.fb]\n        exporter = "EXPORTER"\n        [[tasks]]\n        name = "importer"\n'
        f"        KIND\n        steps = [\n{lines}        ]\n"
    ).replace("KIND", 'kind = "user"' if "mmap" in steps else "")


GET: Final = 'do = "get_backing_storage", buffer = "fb"; do = "kmap", buffer = "fb", as = "m"; '
PUT: Final = 'do = "kunmap", at = "m"; do = "put_backing_storage", buffer = "fb"; '
KMAP: Final = 'do = "kmap", buffer = "fb", as = "m"; '
KUNMAP: Final = 'do = "kunmap", at = "m"; '
ATTACH: Final = 'do = "attach", device = "dev", buffer = "fb", as = "a"; '
DETACH: Final = 'do = "detach", at = "a"'
LOAD: Final = 'do = "load", at = "m"; '
STORE: Final = 'do = "store", at = "m"; '
UNMAP: Final = 'do = "unmap_dma_buf", at = "a"; '


def mapped(direction: str) -> str:
    return f'do = "map_dma_buf", at = "a", direction = "{direction}"; '


def dma(verb: str) -> str:
    return f'do = "dma_{verb}", at = "a", as = "t"; do = "dma_wait", for = "t"; '


BASES: Final = {
    "a device reads what was kmapped": scenario(
        f"{ATTACH}{mapped('to_device')}{GET}{STORE}{PUT}{dma('read')}{UNMAP}{DETACH}"
    ),
    "kmap after a device wrote": scenario(
        f"{ATTACH}{mapped('from_device')}{GET}{LOAD}{KUNMAP}{dma('write')}{KMAP}{LOAD}{PUT}{UNMAP}{DETACH}"
    ),
    "a page mapped twice": scenario(
        f'{GET}{STORE}do = "kmap", buffer = "fb", as = "n"; do = "kunmap", at = "n"; {PUT}{ATTACH}{DETACH}'
    ),
    "kept mapping to device": scenario(
        f"{GET}{ATTACH}{STORE}{mapped('to_device')}{dma('read')}{UNMAP}{DETACH}; {PUT}".rstrip("; ")
    ),
    "kept mapping from device": scenario(
        f"{GET}{ATTACH}{LOAD}{mapped('from_device')}{dma('write')}{UNMAP}{LOAD}{DETACH}; {PUT}".rstrip("; ")
    ),
    "prefetches": scenario(
        f"{GET}{ATTACH}{mapped('from_device')}{dma('write')}{UNMAP}{LOAD}{DETACH}; {PUT}".rstrip("; "),
        "environment = { prefetches = 6 }\n        ",
    ),
    "a move of what user space wrote past the cache": scenario(
        f'{GET}{LOAD}{PUT}do = "mmap", buffer = "fb", as = "u"; do = "store", at = "u"; MOVE, buffer = "fb"; '
        'do = "munmap", at = "u"'
    ),
    "copies through the cache": scenario(
        'do = "mmap", buffer = "fb", as = "m"; do = "store", at = "m"; MOVE, buffer = "fb"; '
        'do = "get_backing_storage", buffer = "fb"; do = "load", at = "m"; '
        'do = "put_backing_storage", buffer = "fb"; do = "munmap", at = "m"',
        machine=", cpu_visible = false",
    ),
}

ROWS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"rule": "V8", "driver": driver, "defect": defect, "code": code, "base": base}
    for driver in ("static", "swapping", "migrating")
    for defect, code, base in (
        ("no-flush", "stale-read", "a device reads what was kmapped"),
        ("no-invalidate", "stale-read", "kmap after a device wrote"),
        ("invalidate-without-clean", "lost-write", "a page mapped twice"),
        ("no-sync-for-device", "stale-read", "kept mapping to device"),
        ("no-sync-for-cpu", "stale-read", "prefetches"),
        ("swap-directions", "stale-read", "kept mapping from device"),
        ("dirty-line-on-free", "stale-read", "copies through the cache"),
    )
    if driver != "static" or defect != "dirty-line-on-free"
) + tuple(
    {
        "rule": "P10", "driver": driver, "defect": "copies-stale-lines", "code": "stale-read", "told": "V8",
        "base": "a move of what user space wrote past the cache",
    }
    for driver in ("swapping", "migrating")
)  # fmt: skip
