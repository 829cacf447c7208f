"""The commutation property over exporters that move: migrations, swaps, reclaim, faults, kernel importers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.movable import MovableExporter
from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed, Signalled
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.tasks import UserMode
from tests.effort import times
from tests.test_commutation import check_commutation
from tests.test_commutation_mm import spin

Step = tuple[object, ...]


@dataclass(frozen=True)
class BufferSpec:
    """One buffer that moves. ``zone``: where it starts, ``swap`` and ``nowhere`` too."""

    exporter: str = "migrating"
    zone: str = "ram"
    fault: Any = "wait"
    guard: Any = "lock"
    parallel_copy: bool = False
    defects: tuple[str, ...] = ()

    def export(self, machine: Machine, buffer: Buffer) -> MovableExporter:
        """The exporter of ``buffer``."""
        options: dict[str, Any] = {
            "fault": self.fault, "guard": self.guard, "parallel_copy": self.parallel_copy, "defects": self.defects,
        }  # fmt: skip
        if self.exporter == "migrating":
            return MigratingExporter(machine, buffer, self.zone, **options)
        return SwappingExporter(
            machine, buffer, "ram", resident=self.zone == "ram", populated=self.zone != "nowhere", **options
        )


@dataclass(frozen=True)
class Spec:
    """A process with a thread that maps both buffers, a kernel importer, and two tasks that move them."""

    buffers: tuple[BufferSpec, BufferSpec]
    display: tuple[Step, ...] = ()
    thread: tuple[Step, ...] = ()
    importer: tuple[Step, ...] = ()
    mover: tuple[Step, ...] = ()
    other: tuple[Step, ...] = ()
    cpus: tuple[int, ...] = (0, 1, 1, 0, 1)
    sizes: Sizes = Sizes()

    def machine(self) -> Machine:  # noqa: C901 - one program in one place
        machine = Machine(self.sizes)
        buffers = [machine.buffer(f"b{number}", 2) for number in range(2)]
        exporters = [spec.export(machine, buffer) for spec, buffer in zip(self.buffers, buffers, strict=True)]
        mm = machine.mm("display")

        async def process(steps: Sequence[Step]) -> None:
            own = UserProcess(mm)
            with suppress(Killed):
                for verb, which, *rest in steps:
                    await UserMode()
                    name, buffer = f"m{which}", buffers[int(str(which))]
                    with suppress(KernelError, Signalled):
                        if verb == "mmap":
                            await own.mmap(name, buffer, 0, 2 * PAGE_SIZE)
                        else:
                            await getattr(own, str(verb))(name, *rest)
            await own.unwind()

        async def kernel(steps: Sequence[Step]) -> None:
            own = CpuImporter(machine)
            for which, page in steps:
                buffer = buffers[int(str(which))]
                with suppress(KernelError):
                    await own.get(buffer, 0, 2 * PAGE_SIZE)
                    await own.kmap("m", buffer, int(str(page)))
                    await own.mappings["m"].store(0)
                    await own.kunmap("m")
                    await own.put(buffer, 0, 2 * PAGE_SIZE)

        async def move(steps: Sequence[Step]) -> None:
            for verb, which in steps:
                exporter = exporters[int(str(which))]
                places = exporter.destinations()
                with suppress(KernelError):
                    if verb == "ask":
                        await exporter.wanted.store(1)
                    else:
                        await exporter.move(places[0] if verb == "first" else places[-1])

        for number in range(2):
            mm.region(f"m{number}", buffers[number], 0, 2 * PAGE_SIZE, write=True)
        lives: tuple[tuple[str, Any, tuple[Step, ...], bool], ...] = (
            ("display", process, self.display, True),
            ("thread", process, self.thread, True),
            ("importer", kernel, self.importer, False),
            ("mover", move, self.mover, False),
            ("other", move, self.other, False),
        )
        for (name, life, steps, user), cpu in zip(lives, self.cpus, strict=True):
            if user:
                mm.thread(cpu)
            machine.task(name, life, steps, cpu=cpu, user=user)
        for exporter in exporters:
            exporter.serve(cpu=self.cpus[-1])
        machine.task("spinner", spin, machine.cell("spin"), cpu=2)
        machine.seal()
        return machine


which = st.integers(0, 1)
access = st.tuples(st.sampled_from(["load", "store"]), which, which, which)
user = st.lists(st.one_of(access, access, st.tuples(st.just("munmap"), which)), max_size=3)
moves = st.lists(st.tuples(st.sampled_from(["first", "last", "ask"]), which), max_size=2).map(tuple)


def defects(driver: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(
        st.just(()), st.lists(st.sampled_from(sorted(DEFECTS[driver])), max_size=2, unique=True).map(tuple)
    )


@st.composite
def buffer_specs(draw: st.DrawFn) -> BufferSpec:
    exporter = draw(st.sampled_from(["migrating", "swapping"]))
    zones = ["ram", "vram"] if exporter == "migrating" else ["ram", "swap", "nowhere"]
    return BufferSpec(
        exporter=exporter,
        zone=draw(st.sampled_from(zones)),
        fault=draw(st.sampled_from(["wait", "retry"])),
        guard=draw(st.sampled_from(["lock", "lock", "flag"])),
        parallel_copy=draw(st.sampled_from([False, False, True])),
        defects=draw(defects(exporter)),
    )


@st.composite
def lives(draw: st.DrawFn) -> tuple[Step, ...]:
    return (("mmap", draw(which)), *draw(user))


specs = st.builds(
    Spec,
    buffers=st.tuples(buffer_specs(), buffer_specs()),
    display=lives(),
    thread=user.map(tuple),
    importer=st.lists(st.tuples(which, which), max_size=2).map(tuple),
    mover=moves,
    other=moves,
    cpus=st.tuples(which, which, which, which, which),
    sizes=st.builds(
        Sizes,
        tlb_fills=st.integers(0, 1),
        cpus=st.just(3),
        ram=st.sampled_from([4, 5]),
        vram=st.sampled_from([4, 5]),
        swap=st.sampled_from([4, 5]),
        cpu_visible=st.booleans(),
        enomem=which,
        kills=st.sampled_from([0, 0, 1]),
    ),
)


answers = st.sampled_from([0, 10, 25, 45, 65]).flatmap(
    lambda least: st.lists(st.integers(0, 7), min_size=least, max_size=least + 10)
)


@given(specs, answers)
@settings(max_examples=times(100, 20), deadline=None, suppress_health_check=list(HealthCheck))
def test_steps_of_exporters_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)
