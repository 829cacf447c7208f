"""What drawn importers stand on: buffers, devices, CPUs; and what they agree on, lest they block one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from dmabuf_async.scenario.drawing.draws import free
from dmabuf_async.scenario.schema import BufferSpec, DeviceSpec, Scenario


class Shape(NamedTuple):
    """What an importer has to know of a buffer."""

    pages: int
    mmap: bool = True
    """Its exporter lets user space map it."""
    devices: bool = True
    """Its exporter lets devices attach."""


OFFERED = {
    "gpu": DeviceSpec(),
    "camera": DeviceSpec(revoke="later"),
    "codec": DeviceSpec(revoke="cannot"),
    "display": DeviceSpec(engines=2),
    "scanner": DeviceSpec(vram=False),
}
"""Devices that are there if an importer wants one."""


@dataclass
class Ground:
    """Of one scenario. It changes as importers are drawn."""

    buffers: dict[str, Shape]
    cpus: int
    words: int
    coherent: bool
    pairs: int
    """How many more importers may hold two kmaps at a time: fewer than there are slots (the theorem of V9)."""
    offered: dict[str, DeviceSpec]
    stalls: bool
    """Some device may make map_dma_buf wait until a buffer is not pinned any more (V0). Then importers hold nothing
    that pins one when they call it, nor call anything that pins until they have unmapped."""
    taken: set[str] = field(default_factory=set)
    """Names of tasks."""
    devices: dict[str, DeviceSpec] = field(default_factory=dict)
    """Those that somebody uses."""
    owners: dict[str, str] = field(default_factory=dict)
    """On a machine that is not coherent, who uses a buffer: CPU and device have to take turns, and so one task does
    all of it (V8)."""
    regions: int = 0
    """How many names of user mappings have been given."""

    def open_to(self, task: str) -> list[str]:
        """The buffers that a task may use."""
        return [name for name in self.buffers if self.coherent or self.owners.get(name, task) == task]

    def use(self, buffer: str, task: str) -> None:
        """A task uses it."""
        if not self.coherent:
            self.owners[buffer] = task

    def name(self, kind: str) -> str:
        """A name for another task of this kind."""
        name = free(kind, self.taken)
        self.taken.add(name)
        return name


def ground(scenario: Scenario, taken: set[str], *, stalls: bool) -> Ground:
    """What the machine, the buffers and the devices of a scenario give; ``taken``: names that tasks have.

    Devices are importers, so that their defects stay behind. Unless it ``stalls``, none of them is kept from VRAM.
    """
    machine = scenario.machine
    own = {name: _repaired(spec, stalls) for name, spec in scenario.devices.items()}
    offered = own or {name: spec for name, spec in OFFERED.items() if stalls or spec.vram}
    revokes = {f"{name}-revoke" for name in offered}
    services = {f"{verb}-{name}" for name in scenario.buffers for verb in ("reclaim", "migrate")}
    return Ground(
        buffers={name: Shape(spec.pages) for name, spec in scenario.buffers.items()},
        cpus=machine.cpus,
        words=machine.words,
        coherent=machine.coherent,
        pairs=machine.kmap_slots - 1 if machine.highmem else 1000,
        offered=offered,
        stalls=stalls,
        taken=taken | revokes | services,
    )


def may_stall(scenario: Scenario) -> bool:
    """Whether some buffer may have to move for a device that is kept from VRAM."""
    return scenario.machine.vram > 0 and any(_moves(spec) for spec in scenario.buffers.values())


def _moves(spec: BufferSpec) -> bool:
    return spec.exporter == "migrating"


def _repaired(spec: DeviceSpec, stalls: bool) -> DeviceSpec:
    return DeviceSpec(engines=spec.engines, revoke=spec.revoke, vram=spec.vram or not stalls)
