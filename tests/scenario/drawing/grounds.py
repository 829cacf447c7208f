"""Machines with a buffer whose exporter is drawn against: each makes something possible that the others don't."""

from __future__ import annotations

from typing import Final, NamedTuple

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.schema import Scenario


class Kind(NamedTuple):
    """``buffer``: keys of every buffer; ``own``: those that only one exporter takes; ``other``: a second buffer."""

    machine: str = "vram = 2"
    buffer: str = ""
    own: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    environment: str = ""
    other: str = ""


AWAY: Final = {"swapping": "resident = false", "migrating": 'zone = "vram"'}
MOVING: Final = ("swapping", "migrating")
KINDS: Final = {
    "small": Kind(),
    "two pages and slots": Kind("vram = 2, highmem = 4, kmap_slots = 2", "pages = 2"),
    "one slot": Kind("vram = 2, highmem = 4, kmap_slots = 1", "pages = 2"),
    "out of reach": Kind("vram = 2, cpu_visible = false", own=AWAY),
    "memory that runs out": Kind("vram = 2, cpu_visible = false", "pages = 2", AWAY, "enomem = 1"),
    "retries": Kind(own=dict.fromkeys(MOVING, 'fault = "retry"')),
    "a flag": Kind(own=dict.fromkeys(MOVING, 'guard = "flag"')),
    "zeros": Kind(own={"swapping": "populated = false"}),
    "a cache": Kind("vram = 2, words = 1, coherent = false"),
    "a busy cache": Kind("vram = 2, coherent = false, line_words = 2", "", {}, "evictions = 2, prefetches = 2"),
    "little memory": Kind("ram = 2, vram = 4, swap = 6", "pages = 2", AWAY, "", "alike"),
    "little VRAM": Kind("ram = 4, vram = 2", "pages = 2", AWAY, "", "at home"),
}


def ground(exporter: str, kind: str, *defects: str) -> Scenario:
    """The scenario that is drawn from."""
    told = KINDS[kind]
    named = ", ".join(f'"{one}"' for one in defects)
    shared = f'exporter = "{exporter}"\n{told.buffer}\ndefects = [{named}]'
    own = told.own.get(exporter, "")
    buffers = f"[buffers.fb]\n{shared}\n{own}"
    if told.other and exporter != "static":
        buffers += f"\n[buffers.other]\n{shared}\n{own if told.other == 'alike' else ''}"
    text = f"""
title = "{exporter}, {kind}"
machine = {{ {told.machine} }}
environment = {{ {told.environment} }}
{buffers}
[[tasks]]
name = "nobody"
steps = [{{ do = "sleep", ticks = 1 }}]
"""
    return parse_scenario(text, "x.toml", defects=DEFECTS, codes=CODES)
