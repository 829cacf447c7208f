"""Steps of devices, of their drivers, and of exporters that make them let go, commute where footprints say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.drivers.device import DeviceDriver, Dma
from dmabuf_async.drivers.importer import Importer
from dmabuf_async.drivers.sharing import MOVING_DEFECTS
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.tasks import Group
from tests.programs import answers
from tests.test_commutation import check_commutation

Step = tuple[Any, ...]


@dataclass(frozen=True)
class DeviceSpec:
    """One device."""

    engines: int = 1
    revoke: str = "at once"
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
        else:
            SwappingExporter(machine, buffer, "ram", self.defects)
        drivers = [
            DeviceDriver(machine.device(f"dev{number}", spec.engines, spec.revoke), spec.defects)
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
    buffer, devices, mine = machine.buffers["fb"], list(machine.devices.values()), importer.device
    if verb == "attach":
        if rest[0] not in mine.attachments:
            await mine.attach(rest[0], devices[rest[1]], buffer)
    elif verb == "child":
        async with Group() as group:
            await group.spawn(perform, machine, rest[0])
    elif verb in {"swap_out", "get", "put", "drop"}:
        if verb == "swap_out":
            if isinstance(buffer.exporter, SwappingExporter):
                await buffer.exporter.swap_out()
        elif verb == "drop":
            await importer.cpu.drop(buffer)
        else:
            await getattr(importer.cpu, verb)(buffer, 0, buffer.size)
    elif verb in {"kmap", "kunmap", "store"}:
        if verb == "kmap" and not importer.cpu.mappings:
            await importer.cpu.kmap("m", buffer, 0)
        elif verb == "store" and importer.cpu.mappings:
            await importer.cpu.mappings["m"].store(rest[0])
        elif verb == "kunmap" and importer.cpu.mappings:
            await importer.cpu.kunmap("m")
    elif verb == "wait":
        if rest[0] in mine.dmas:
            await mine.wait(rest[0])
    elif rest[0] in mine.attachments:
        if verb == "map":
            await mine.map(rest[0], rest[1])
        elif verb == "detach":
            await mine.detach(rest[0])
        elif rest[0] in mine.mapped:
            if verb == "unmap":
                await mine.unmap(rest[0])
            else:
                attachment = mine.attachments[rest[0]]
                engine = rest[1] % len(attachment.device.engines)
                await mine.start(rest[0], Dma(rest[0], engine, len(buffer.pages) - 1, rest[2], verb == "write"))


names = st.sampled_from("ab")
which = st.integers(0, 1)
words = st.sampled_from([(0,), (0, 1)])
directions = st.sampled_from(["to_device", "from_device", "bidirectional"])
flat: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("attach"), names, which),
    st.tuples(st.just("map"), names, directions),
    st.tuples(st.sampled_from(["unmap", "detach", "wait"]), names),
    st.tuples(st.sampled_from(["read", "write"]), names, which, words),
    st.tuples(st.just("swap_out")),
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
    defects=some(DEFECTS["device"]),
)
specs = st.builds(
    Spec,
    tasks=st.lists(st.one_of(sequences, sequences, children), min_size=1, max_size=2).map(
        lambda found: (*found, (("swap_out",), ("swap_out",)))
    ),
    devices=st.tuples(device_specs, device_specs),
    exporter=st.sampled_from(["swapping", "swapping", "static"]),
    pages=st.integers(1, 2),
    defects=some({*MOVING_DEFECTS, "unmap-keeps-iopte", "ignore-pins"}),
    sizes=st.builds(
        Sizes, cpus=st.just(3), ram=st.integers(3, 4), enomem=which, coherent=st.booleans(), line_words=st.integers(1, 2)
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, answers)
def test_steps_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)  # type: ignore[arg-type]
