"""Random programs over everything that the machine has, right and wrong ones, as plain data.

A :class:`Spec` furnishes a machine; Hypothesis makes specs (:func:`specs`) and shrinks them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.kmap import Mapping
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import settle
from dmabuf_async.tasks import Group, UserMode

Step = tuple[Any, ...]


@dataclass(frozen=True)
class BufferSpec:
    """One buffer, with its exporter."""

    exporter: str = "swapping"
    zone: str = "ram"
    pages: int = 1
    defects: tuple[str, ...] = ()
    resident: bool = True


class TaskSpec(NamedTuple):
    """One task: its steps, one after the other."""

    steps: tuple[Step, ...]
    cpu: int = 0
    user: bool = False
    daemon: bool = False
    tolerant: bool = False
    """It goes on after an error; else it gives back what it holds, and ends."""
    defects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spec:
    """One program."""

    tasks: tuple[TaskSpec, ...]
    buffers: tuple[BufferSpec, ...] = ()
    sizes: Sizes = Sizes()
    spinner: bool = False
    """One more task, on a CPU of its own, that is always enabled: the run never ends by itself."""

    def machine(self) -> Machine:
        """A fresh machine, furnished and sealed."""
        machine = Machine(replace(self.sizes, cpus=3) if self.spinner else self.sizes)
        self.furnish(machine)
        machine.seal()
        return machine

    def furnish(self, machine: Machine) -> None:
        for name in CELLS:
            machine.cell(name)
        for name in MUTEXES:
            machine.mutex(name)
        machine.counter("n")
        machine.spinlock("s")
        machine.rwsem("r")
        for number, spec in enumerate(self.buffers):
            buffer = machine.buffer(f"b{number}", spec.pages)
            if spec.exporter == "static":
                StaticExporter(machine, buffer, spec.zone, spec.defects)
            else:
                SwappingExporter(machine, buffer, spec.zone, spec.defects, resident=spec.resident).serve()
        for number, task in enumerate(self.tasks):
            machine.task(f"t{number}", _perform, machine, task, cpu=task.cpu, user=task.user, daemon=task.daemon)
        if self.spinner:
            machine.task("spinner", _spin, machine, cpu=2)


CELLS: Final = ("x", "y")
MUTEXES: Final = ("m", "k")


async def _spin(machine: Machine) -> None:
    cell = machine.cell("spin")
    while True:
        await cell.load()


async def _perform(machine: Machine, task: TaskSpec) -> None:
    importer = CpuImporter(machine, task.defects)
    try:
        await _steps(machine, task, task.steps, importer)
        await importer.unwind()
    except KernelError:
        await importer.unwind()
    except Killed:
        await importer.unwind()


async def _steps(machine: Machine, task: TaskSpec, steps: tuple[Step, ...], importer: CpuImporter) -> None:
    for step in steps:
        try:
            await _step(machine, task, step, importer)
        except KernelError:
            if not task.tolerant:
                raise


async def _child(
    machine: Machine, task: TaskSpec, steps: tuple[Step, ...], mappings: tuple[tuple[str, Mapping], ...]
) -> None:
    importer = CpuImporter(machine, task.defects)
    importer.mappings.update(mappings)  # handed over: whoever has one may unmap it
    await _steps(machine, task, steps, importer)


async def _step(  # noqa: C901 - a branch for each verb
    machine: Machine, task: TaskSpec, step: Step, importer: CpuImporter
) -> None:
    verb, *rest = step
    if verb in SHARED:
        thing: Any = machine.things[f"{SHARED[verb]} {rest[0]}"]
        await getattr(thing, verb)(*rest[1:])
    elif verb == "add":
        await machine.things["counter n"].add(rest[0])  # type: ignore[attr-defined]
    elif verb == "wait":
        name, relation, value, interruptible = rest
        await machine.things[f"cell {name}"].wait(  # type: ignore[attr-defined]
            relation, value, interruptible=interruptible, idle=task.daemon
        )
    elif verb == "on":
        name, method, *arguments = rest
        await getattr(machine.things[name], method)(*arguments)
    elif verb == "if":
        name, value, then, otherwise = rest
        taken = await machine.things[f"cell {name}"].load() == value  # type: ignore[attr-defined]
        await _steps(machine, task, then if taken else otherwise, importer)
    elif verb == "try":
        lock, method, then = rest
        if await getattr(machine.things[lock], method)():
            await _steps(machine, task, then, importer)
    elif verb == "sleep":
        await machine.clock.sleep(rest[0])
    elif verb == "user":
        await UserMode()
    elif verb == "alloc":
        await machine.zones["ram"].alloc(next(iter(machine.buffers.values())).pages[0])
    elif verb == "settle":
        await settle((rest[0], importer.holds()), "settled")
    elif verb == "raise":
        raise ValueError(rest[0])
    elif verb == "group":
        children, cancels = rest
        async with Group() as group:
            for steps in children:
                await group.spawn(_child, machine, task, steps, tuple(importer.mappings.items()))
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
            if cancels:
                await group.cancel()
    elif machine.buffers:
        await _use(machine, step, importer)


SHARED: Final = {
    "load": "cell", "store": "cell", "exchange": "cell", "compare_exchange": "cell",
    "lock": "mutex", "try_lock": "mutex", "unlock": "mutex",
}  # fmt: skip


async def _use(machine: Machine, step: Step, importer: CpuImporter) -> None:
    """A step that uses a buffer, or a mapping by the name that it was given."""
    verb, *rest = step
    if verb in {"kunmap", "mload", "mstore", "copy"}:
        await _use_mapping(verb, rest, importer)
        return
    buffers = list(machine.buffers.values())
    buffer: Buffer = buffers[rest[0] % len(buffers)]
    exporter = buffer.exporter
    if verb in {"get", "put"}:
        start, length = rest[1:]
        await getattr(importer, verb)(buffer, start * PAGE_SIZE, length * PAGE_SIZE)
    elif verb in {"kmap", "kmap_atomic"}:
        page, name = rest[1:]
        await getattr(importer, verb)(name, buffer, page)
    elif verb in {"take", "drop"}:
        await getattr(importer, verb)(buffer)
    elif verb == "swap_out" and isinstance(exporter, SwappingExporter):
        await exporter.swap_out()
    elif verb == "reclaim" and isinstance(exporter, SwappingExporter):
        await exporter.wanted.store_release(1)


async def _use_mapping(verb: str, rest: list[Any], importer: CpuImporter) -> None:
    mapping = importer.mappings.get(rest[0])
    if mapping is None:
        return
    if verb == "kunmap":
        await (importer.kunmap_atomic if mapping.atomic else importer.kunmap)(rest[0])
    elif verb == "mload":
        await mapping.load(rest[1])
    elif verb == "mstore":
        await mapping.store(rest[1])
    elif rest[1] in importer.mappings:
        await importer.copy(*rest)


# Hypothesis ----------------------------------------------------------------------------

names = st.sampled_from(["p", "q"])
small = st.integers(0, 2)
which = st.integers(0, 1)
cells = st.sampled_from(CELLS)
mutexes = st.sampled_from(MUTEXES)

plain_steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("load"), cells),
    st.tuples(st.sampled_from(["store", "exchange"]), cells, small),
    st.tuples(st.just("compare_exchange"), cells, small, small),
    st.tuples(st.just("add"), st.sampled_from([1, -1])),
    st.tuples(st.just("wait"), cells, st.sampled_from(["==", "!="]), which, st.booleans()),
    st.tuples(st.sampled_from(["lock", "unlock", "try_lock"]), mutexes),
    st.tuples(st.just("sleep"), st.integers(1, 3)),
    st.tuples(st.just("user")),
    st.tuples(st.just("raise"), st.just("wrong")),
)
buffer_steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.sampled_from(["get", "put"]), which, st.just(0), st.sampled_from([1, 2, 0.5])).map(
        lambda step: (*step[:3], int(step[3]) if step[3] >= 1 else 0)
    ),
    st.tuples(st.sampled_from(["kmap", "kmap_atomic"]), which, st.integers(0, 1), names),
    st.tuples(st.just("kunmap"), names),
    st.tuples(st.sampled_from(["mload", "mstore"]), names, which),
    st.tuples(st.just("copy"), names, names),
    st.tuples(st.sampled_from(["take", "drop", "swap_out", "reclaim"]), which),
)


@st.composite
def brackets(draw: st.DrawFn) -> list[Step]:
    """What right code does, in one piece: get, kmap, access, kunmap, put."""
    buffer, name, kmap = draw(which), draw(names), draw(st.sampled_from(["kmap", "kmap_atomic"]))
    inner = draw(st.lists(st.tuples(st.sampled_from(["mload", "mstore"]), st.just(name), which), max_size=2))
    return [("get", buffer, 0, 1), (kmap, buffer, 0, name), *inner, ("kunmap", name), ("put", buffer, 0, 1)]


@st.composite
def nested(draw: st.DrawFn) -> list[Step]:
    """Two locks, or two mappings, one inside the other: the stuff of deadlocks."""
    if draw(st.booleans()):
        first, second = draw(st.permutations(MUTEXES))
        return [("lock", first), ("lock", second), ("unlock", second), ("unlock", first)]
    kmap = draw(st.sampled_from(["kmap", "kmap", "kmap_atomic"]))
    first, second = draw(st.permutations(["p", "q"]))
    return [
        ("get", 0, 0, 1), (kmap, 0, 0, "p"), (kmap, draw(which), draw(which), "q"), ("copy", "p", "q"),
        ("kunmap", first), ("kunmap", second), ("put", 0, 0, 1),
    ]  # fmt: skip


def sequences(steps: st.SearchStrategy[Step], size: int) -> st.SearchStrategy[tuple[Step, ...]]:
    parts = st.one_of(st.lists(steps, min_size=1, max_size=4), brackets(), nested())
    return st.lists(parts, min_size=1, max_size=size).map(lambda lists: tuple(step for part in lists for step in part))


flat = st.one_of(plain_steps, buffer_steps)
groups: st.SearchStrategy[Step] = st.tuples(
    st.just("group"), st.lists(sequences(flat, 2), max_size=2).map(tuple), st.booleans()
)
steps = st.one_of(flat, flat, groups)


def defects(driver: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(
        st.just(()), st.lists(st.sampled_from(sorted(DEFECTS[driver])), max_size=2, unique=True).map(tuple)
    )


@st.composite
def buffer_specs(draw: st.DrawFn) -> BufferSpec:
    exporter = draw(st.sampled_from(["swapping", "static"]))
    return BufferSpec(
        exporter=exporter,
        zone=draw(st.sampled_from(["ram", "high"])),
        pages=draw(st.integers(1, 2)),
        defects=draw(defects(exporter)),
        resident=draw(st.booleans()),
    )


task_specs = st.builds(
    TaskSpec,
    steps=sequences(steps, 4),
    cpu=which,
    user=st.booleans(),
    daemon=st.sampled_from([False, False, False, True]),
    tolerant=st.booleans(),
    defects=defects("cpu"),
)
size_specs = st.builds(
    Sizes,
    cpus=st.just(2),
    ram=st.just(4),
    highmem=st.just(4),
    swap=st.sampled_from([4, 5]),
    kmap_slots=st.integers(1, 2),
    enomem=which,
    eintr=which,
    kills=which,
)


def specs(*, spinner: bool = False) -> st.SearchStrategy[Spec]:
    """Programs of 2 or 3 tasks on 1 or 2 CPUs, over at most 2 buffers."""
    return st.builds(
        Spec,
        tasks=st.lists(task_specs, min_size=2, max_size=3).map(tuple),
        buffers=st.lists(buffer_specs(), min_size=1, max_size=2).map(tuple),
        sizes=size_specs,
        spinner=st.just(spinner),
    )


answers = st.sampled_from([0, 5, 15, 30, 50]).flatmap(
    lambda least: st.lists(st.integers(0, 7), min_size=least, max_size=least + 10)
)
"""Answers of a strategy, each to be taken modulo the number of options."""
