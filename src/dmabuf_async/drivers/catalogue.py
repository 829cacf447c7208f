"""The drivers that ship, with their deliberate defects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dmabuf_async.drivers import cpu, device, migrating, static, swapping
from dmabuf_async.protocol import mm

DEFECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "static": static.DEFECTS,
    "swapping": swapping.DEFECTS,
    "migrating": migrating.DEFECTS,
    "cpu": cpu.DEFECTS,
    "device": device.DEFECTS,
    "core": mm.DEFECTS,
}
"""Driver to defect to one line that says what it does wrong, with the rule that it breaks; ``core`` is the kernel's."""

IMPORTERS: Final = frozenset({"cpu", "device", "core"})
"""Those of them that use buffers, or that all use; the others export them."""
