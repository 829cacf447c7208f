"""The drivers that ship, with their deliberate defects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dmabuf_async.drivers import cpu, device, static, swapping

DEFECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "static": static.DEFECTS,
    "swapping": swapping.DEFECTS,
    "cpu": cpu.DEFECTS,
    "device": device.DEFECTS,
}
"""Driver to defect to one line that says what it does wrong, with the rule that it breaks."""

IMPORTERS: Final = frozenset({"cpu", "device"})
"""Those of them that use buffers; the others export them."""
