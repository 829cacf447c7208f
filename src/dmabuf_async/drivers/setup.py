"""Where buffers lie before a run begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.errors import ScenarioError

if TYPE_CHECKING:
    from dmabuf_async.machine.memory import Zone
    from dmabuf_async.machine.storage import Buffer


def fill(buffer: Buffer, zone: Zone) -> None:
    """Give every page of ``buffer`` a place in ``zone``, with its initial content."""
    for page in buffer.pages:
        place = zone.take(page)
        if place is None:
            raise ScenarioError(
                f"buffer {buffer.name!r} needs {len(buffer.pages)} pages, and {zone.name} has only "
                f"{len(zone.places)} places, {page.index} of them left for it: make the machine larger or the buffer "
                "smaller"
            )
        page.fill(place)
