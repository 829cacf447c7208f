"""What the tests of checkers share: buffers, and programs of one task that get their codes in every interleaving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from tests.harness import codes

Work: TypeAlias = Callable[[Buffer], Awaitable[object]]
Told: TypeAlias = Callable[..., set[str]]


def furnish(machine: Machine, pages: int, exporter: str, zone: str) -> Buffer:
    """A buffer ``fb`` with an exporter."""
    buffer = machine.buffer("fb", pages)
    if exporter == "static":
        StaticExporter(machine, buffer, zone)
    else:
        SwappingExporter(machine, buffer, zone)
    return buffer


@pytest.fixture
def told() -> Told:
    """Codes that are found as primary, over all interleavings of tasks that share one buffer.

    Each task stands on a CPU of its own, unless ``cpus`` is 1; ``user`` makes them user processes.
    """

    def run(
        *works: Work,
        pages: int = 2,
        exporter: str = "static",
        zone: str = "ram",
        user: bool = False,
        cpus: int = 2,
        highmem: int = 4,
        slots: int = 4,
    ) -> set[str]:
        def build(machine: Machine) -> None:
            buffer = furnish(machine, pages, exporter, zone)
            for number, work in enumerate(works):
                machine.task(f"task{number}", work, buffer, cpu=number % cpus, user=user)

        return codes(build, sizes=Sizes(cpus=cpus, highmem=highmem, kmap_slots=slots, words=1))

    return run
