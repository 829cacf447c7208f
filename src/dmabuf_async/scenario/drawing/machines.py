"""Importers for a machine that somebody has furnished in Python: with exporters of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.drawing.draws import Draws
from dmabuf_async.scenario.drawing.ground import Shape, ground
from dmabuf_async.scenario.drawing.scenario import importers
from dmabuf_async.scenario.schema import BufferSpec, MachineSizes, Scenario

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine


def drawn_for(machine: Machine, draws: Draws) -> Scenario:
    """Importers of the buffers that a machine has, and the devices that they use: what ``build.furnish`` adds to it.

    An exporter is mapped into user space if it has a ``fault``, and attached to if it has an ``attach``. Raises
    ScenarioError if there is no buffer.
    """
    if not machine.buffers:
        raise ScenarioError("no buffer was made, and so there is no exporter to draw importers against")
    sizes = machine.sizes
    base = Scenario(
        title="Drawn importers",
        machine=MachineSizes(
            cpus=sizes.cpus, highmem=sizes.highmem, kmap_slots=sizes.kmap_slots, words=sizes.words,
            coherent=sizes.coherent, line_words=sizes.line_words,
        ),
        buffers={name: BufferSpec(pages=len(buffer.pages)) for name, buffer in machine.buffers.items()},
        tasks=[],
    )  # fmt: skip
    floor = ground(base, {actor.name for actor in machine.actors}, stalls=False)
    for name, buffer in machine.buffers.items():
        exporter = buffer.exporter
        floor.buffers[name] = Shape(len(buffer.pages), hasattr(exporter, "fault"), hasattr(exporter, "attach"))
    tasks = importers(draws, floor)
    return Scenario(title=base.title, machine=base.machine, buffers=base.buffers, devices=floor.devices, tasks=tasks)
