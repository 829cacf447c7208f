"""Steps of devices, of their drivers, and of exporters that make them let go, commute where footprints say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.device import DeviceDriver, DeviceImporter, Dma
from dmabuf_async.drivers.importer import Importer
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.sharing import MOVING_DEFECTS
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.tasks import Group
from tests.effort import times
from tests.programs import answers
from tests.test_commutation import check_commutation

Step = tuple[Any, ...]


@dataclass(frozen=True)
class DeviceSpec:
    """One device."""

    engines: int = 1
    revoke: str = "at once"
    vram: bool = True
    defects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spec:
    """Tasks that use one buffer through two devices and kernel mappings, while it moves."""

    tasks: tuple[tuple[Step, ...], ...]
    devices: tuple[DeviceSpec, DeviceSpec] = (DeviceSpec(), DeviceSpec(2, "later"))
    exporter: str = "swapping"
    pages: int = 1
    defects: tuple[str, ...] = ()
    sizes: Sizes = Sizes(cpus=3)

    def machine(self) -> Machine:
        machine = Machine(self.sizes)
        buffer = machine.buffer("fb", self.pages)
        if self.exporter == "static":
            StaticExporter(machine, buffer, "ram", [name for name in self.defects if name not in MOVING_DEFECTS])
        elif self.exporter == "migrating":
            MigratingExporter(machine, buffer, "vram", self.defects)
        else:
            SwappingExporter(machine, buffer, "ram", self.defects)
        drivers = [
            DeviceDriver(machine.device(f"dev{number}", spec.engines, spec.revoke, vram=spec.vram), spec.defects)
            for number, spec in enumerate(self.devices)
        ]
        for number, steps in enumerate(self.tasks):
            machine.task(f"t{number}", perform, machine, steps, cpu=number % 2)
        for driver in drivers:
            driver.serve()
        machine.task("spinner", spin, machine, cpu=2)
        machine.seal()
        return machine


async def spin(machine: Machine) -> None:
    cell = machine.cell("spin")
    while True:
        await cell.load()


async def perform(machine: Machine, steps: tuple[Step, ...]) -> None:
    importer = Importer(machine)
    try:
        for step in steps:
            await take(machine, importer, step)
    except KernelError:
        await importer.unwind()


async def take(machine: Machine, importer: Importer, step: Step) -> None:
    """One step; what names something that the task does not have is left out."""
    verb, *rest = step
    buffer = machine.buffers["fb"]
    if verb == "child":
        async with Group() as group:
            await group.spawn(perform, machine, rest[0])
    elif verb == "move":
        if isinstance(buffer.exporter, SwappingExporter):
            await buffer.exporter.swap_out()
        elif isinstance(buffer.exporter, MigratingExporter):
            await buffer.exporter.migrate(rest[0])
    elif verb == "drop":
        await importer.cpu.drop(buffer)
    elif verb in {"get", "put"}:
        await getattr(importer.cpu, verb)(buffer, 0, buffer.size)
    elif verb in {"kmap", "kunmap", "store"}:
        await kernel(buffer, importer.cpu, step)
    else:
        await device(machine, importer.device, step)


async def kernel(buffer: Buffer, mine: CpuImporter, step: Step) -> None:
    verb, *rest = step
    if verb == "kmap" and not mine.mappings:
        await mine.kmap("m", buffer, 0)
    elif verb == "store" and mine.mappings:
        await mine.mappings["m"].store(rest[0])
    elif verb == "kunmap" and mine.mappings:
        await mine.kunmap("m")


async def device(machine: Machine, mine: DeviceImporter, step: Step) -> None:
    verb, name, *rest = step
    if verb == "attach":
        if name not in mine.attachments:
            await mine.attach(name, list(machine.devices.values())[rest[0]], machine.buffers["fb"])
    elif verb == "wait":
        if name in mine.dmas:
            await mine.wait(name)
    elif name not in mine.attachments:
        return
    elif verb == "map":
        await mine.map(name, rest[0])
    elif verb == "detach":
        await mine.detach(name)
    elif name in mine.mapped and verb == "unmap":
        await mine.unmap(name)
    elif name in mine.mapped:
        attachment = mine.attachments[name]
        engine = rest[0] % len(attachment.device.engines)
        await mine.start(name, Dma(name, engine, len(attachment.ioptes) - 1, rest[1], verb == "write"))


names = st.sampled_from("ab")
which = st.integers(0, 1)
words = st.sampled_from([(0,), (0, 1)])
directions = st.sampled_from(["to_device", "from_device", "bidirectional"])
flat: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("attach"), names, which),
    st.tuples(st.just("map"), names, directions),
    st.tuples(st.sampled_from(["unmap", "detach", "wait"]), names),
    st.tuples(st.sampled_from(["read", "write"]), names, which, words),
    st.tuples(st.just("move"), st.sampled_from(["ram", "vram"])),
    st.tuples(st.sampled_from(["get", "kmap", "kunmap", "put", "drop"])),
    st.tuples(st.just("store"), which),
)


@st.composite
def brackets(draw: st.DrawFn) -> list[Step]:
    """What right code does, in one piece."""
    name = draw(names)
    inner: list[Step] = [(draw(st.sampled_from(["read", "write"])), name, draw(which), draw(words)), ("wait", name)]
    whole: list[Step] = [("attach", name, draw(which)), ("map", name, "bidirectional"), *inner, ("unmap", name)]
    return [*whole, ("detach", name)] if draw(st.booleans()) else whole


cpu: Final[list[Step]] = [("get",), ("kmap",), ("store", 0), ("kunmap",), ("put",)]
parts = st.one_of(st.lists(flat, min_size=1, max_size=3), brackets(), brackets(), st.just(cpu))
sequences = st.lists(parts, min_size=1, max_size=3).map(lambda found: tuple(step for part in found for step in part))
children: st.SearchStrategy[tuple[Step, ...]] = sequences.map(lambda steps: (("child", steps),))


def some(known: Any) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True).map(tuple))


device_specs = st.builds(
    DeviceSpec,
    engines=st.integers(1, 2),
    revoke=st.sampled_from(["at once", "later", "cannot"]),
    vram=st.booleans(),
    defects=some(DEFECTS["device"]),
)
specs = st.builds(
    Spec,
    tasks=st.lists(st.one_of(sequences, sequences, children), min_size=1, max_size=2).map(
        lambda found: (*found, (("move", "ram"), ("move", "vram")))
    ),
    devices=st.tuples(device_specs, device_specs),
    exporter=st.sampled_from(["swapping", "migrating", "static"]),
    pages=st.integers(1, 2),
    defects=some({*MOVING_DEFECTS, "unmap-keeps-iopte", "ignore-pins"}),
    sizes=st.builds(
        Sizes,
        cpus=st.just(3),
        ram=st.integers(3, 4),
        vram=st.just(2),
        cpu_visible=st.booleans(),
        enomem=which,
        coherent=st.booleans(),
        line_words=st.integers(1, 2),
        evictions=which,
        prefetches=which,
    ),
)


@settings(max_examples=times(100, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, answers)
def test_steps_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)
