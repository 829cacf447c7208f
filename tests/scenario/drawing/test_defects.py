"""Every defect of an exporter against importers that keep the rules: which of them find it, pinned.

``found.toml`` has for each defect the number of the first drawn scenario that shows something, and what, or that none
does. ``UPDATE_GOLDEN=1`` writes it anew, which takes some minutes; otherwise those scenarios are drawn again.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from dmabuf_async.drivers.catalogue import DEFECTS, IMPORTERS
from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.scenario import drawn
from tests.scenario.drawing.grounds import ground
from tests.scenario.drawing.test_scenario import found

pytestmark = pytest.mark.unaudited

FOUND: Final = Path(__file__).with_name("found.toml")
MOST: Final = 300
"""Scenarios that are drawn before a defect counts as not found."""
PLACES: Final = {
    "kmap-under-lock": "one slot",
    "returns-before-resident": "memory that runs out",
    "get-leaves-in-vram": "out of reach",
    "out-of-reach": "out of reach",
    "map-does-not-stall": "out of reach",
    "fault-ignores-moving": "a flag",
    "flag-dropped-early": "a flag",
    "partial-zap": "two pages and slots",
    "reclaim-takes-lock": "little memory",
    "reclaim-ignores-pins": "little memory",
    "fault-locks-out-of-order": "retries",
    "retry-keeps-mmap-lock": "retries",
    "dirty-discarded": "zeros",
    "pins-on-enomem": "memory that runs out",
    "no-unlock-on-enomem": "memory that runs out",
    "unlock-twice-on-enomem": "memory that runs out",
    "leak-on-enomem": "memory that runs out",
    "free-twice-on-enomem": "memory that runs out",
    "no-sync-for-cpu": "a busy cache",
} | dict.fromkeys(
    (
        "cached-mmap", "no-flush", "no-invalidate", "invalidate-without-clean", "no-sync-for-device",
        "swap-directions", "dirty-line-on-free", "copies-stale-lines",
    ),
    "a cache",
)  # fmt: skip
"""Machines on which a defect can show; the small one will do for the others."""
MISSED: Final = {
    "static no-invalidate",
    "static no-sync-for-device",
    "static no-sync-for-cpu",
    "static swap-directions",
    "swapping pins-on-enomem",
    "swapping fault-looks-before-lock",
    "swapping no-sync-for-device",
    "swapping no-sync-for-cpu",
    "swapping swap-directions",
    "migrating no-invalidate",
    "migrating no-sync-for-device",
    "migrating no-sync-for-cpu",
    "migrating swap-directions",
}
"""Most want a kernel mapping that is kept around a device mapping, with the right accesses before it and after it."""
OF_EXPORTERS: Final = [
    (exporter, defect) for exporter, defects in DEFECTS.items() if exporter not in IMPORTERS for defect in defects
]


def place(exporter: str, defect: str) -> str:
    """The machine on which it is looked for."""
    kind = PLACES.get(defect, "small")
    return "little VRAM" if (exporter, kind) == ("migrating", "little memory") else kind


def shown(exporter: str, defect: str, number: int) -> list[str]:
    """What a few executions of the drawn scenario of that number show, from 1."""
    return found(drawn(ground(exporter, place(exporter, defect), defect), Dice(number - 1)))


def first(exporter: str, defect: str) -> dict[str, Any]:
    """The first that shows something."""
    for number in range(1, MOST + 1):
        codes = shown(exporter, defect, number)
        if codes:
            return {"scenario": number, "code": codes[0]}
    return {"none": MOST}


def write() -> None:
    """Look for all of them anew."""
    lines = [
        "# The first drawn scenario that shows each defect of an exporter, and what it shows: see test_defects.py."
    ]
    for exporter, defect in OF_EXPORTERS:
        kept = ", ".join(f"{key} = {json.dumps(value)}" for key, value in first(exporter, defect).items())
        lines.append(f"{exporter}.{defect} = {{ {kept} }}")
    FOUND.write_text("\n".join(lines) + "\n", encoding="utf-8")


if os.environ.get("UPDATE_GOLDEN"):
    write()
KEPT: Final = tomllib.loads(FOUND.read_text(encoding="utf-8"))


def test_every_defect_of_an_exporter_is_looked_for() -> None:
    assert [(exporter, defect) for exporter, kept in KEPT.items() for defect in kept] == OF_EXPORTERS


@pytest.mark.parametrize(("exporter", "defect"), OF_EXPORTERS)
def test_the_defect_is_found_by_importers_that_keep_the_rules(exporter: str, defect: str) -> None:
    kept = KEPT[exporter][defect]
    if "none" not in kept:
        assert kept["code"] in shown(exporter, defect, kept["scenario"])


def test_few_defects_are_not_found() -> None:
    missed = {f"{exporter} {defect}" for exporter, defect in OF_EXPORTERS if "none" in KEPT[exporter][defect]}
    assert missed == MISSED
