"""The commutation property over user processes: mmap, faults, forks, zaps, munmap, kills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.mm import Vma
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.tlb import entry_of
from dmabuf_async.protocol.mm import DEFECTS, unmap_mapping_range
from dmabuf_async.protocol.rfc2012 import dma_buf_put
from dmabuf_async.tasks import UserMode
from tests.effort import times
from tests.moving import MovingExporter
from tests.programs import answers
from tests.test_commutation import check_commutation

Step = tuple[object, ...]


@dataclass(frozen=True)
class Spec:
    """Two processes that map one buffer, a thread and a child of the first, and a mover."""

    display: tuple[Step, ...] = ()
    thread: tuple[Step, ...] = ()
    child: tuple[Step, ...] = ()
    other: tuple[Step, ...] = ()
    mover: tuple[Step, ...] = ()
    cpus: tuple[int, ...] = (0, 1, 1, 0, 1)
    pages: int = 1
    core: tuple[str, ...] = ()
    exporter: tuple[str, ...] = ()
    kills: int = 0
    tlb_fills: int = 0
    ahead: bool = False
    """The processes have mapped the buffer and touched it before anything else happens."""

    def machine(self) -> Machine:  # noqa: C901 - one program in one place
        machine = Machine(Sizes(cpus=3, ram=4, kills=self.kills, tlb_fills=self.tlb_fills))
        machine.defects = frozenset(self.core)
        buffer = machine.buffer("fb", self.pages)
        exporter = MovingExporter(machine, buffer, defects=self.exporter)
        display, other = machine.mm("display"), machine.mm("other")
        child = machine.mm("child", parent=display)

        async def process(own: UserProcess, steps: Sequence[Step]) -> None:
            if not await own.begin():
                return
            try:
                for verb, *rest in steps:
                    await UserMode()
                    try:
                        if verb == "mmap":
                            await own.mmap("m", buffer, 0, self.pages * PAGE_SIZE, write=bool(rest[0]))
                        elif verb == "mprotect":
                            await own.mprotect("m", write=bool(rest[0]))
                        elif verb == "fork":
                            await own.fork(child)
                        else:
                            await getattr(own, str(verb))("m", *rest)
                    except KernelError:
                        pass
            except Killed:
                pass
            await own.unwind()

        async def move(steps: Sequence[Step]) -> None:
            for verb, *_ in steps:
                if verb == "move":
                    await exporter.move()
                elif verb == "zap":
                    await unmap_mapping_range(buffer)
                elif verb == "irq":
                    cpu = machine.cpus[self.cpus[4]]
                    await cpu.local_irq_disable()
                    await cpu.local_irq_enable()
                elif verb == "put":
                    await dma_buf_put(buffer)

        for mm in (display, other):
            vma = mm.region("m", buffer, 0, self.pages * PAGE_SIZE, write=True)
            if self.ahead:
                touch(machine, vma, self.cpus)
        for cpu, mm in zip(self.cpus, (display, display, child, other), strict=False):
            mm.thread(cpu)
        cpus = self.cpus
        processes = (
            ("display", UserProcess(display, (child,)), self.display),
            ("thread", UserProcess(display), self.thread),
            ("child", UserProcess(child), self.child),
            ("other", UserProcess(other), self.other),
        )
        for (name, own, steps), cpu in zip(processes, cpus, strict=False):
            actor = machine.task(name, process, own, steps, cpu=cpu, user=True)
            child.forker = child.forker or actor
        machine.task("mover", move, self.mover, cpu=cpus[4])
        machine.task("spinner", spin, machine.cell("spin"), cpu=2)
        machine.seal()
        return machine


async def spin(cell: Cell) -> None:
    while True:
        await cell.load()


def touch(machine: Machine, vma: Vma, cpus: tuple[int, ...]) -> None:
    """Map it before the run, with a PTE for its first page and TLB entries on every CPU."""
    space = machine.address_space(vma.buffer.name)
    vma.pages, vma.writable, vma.space = vma.size, True, space
    space.vmas += (vma,)
    vma.mm.vmas = (vma,)
    vma.buffer.references += 1
    pte = vma.pte(0)
    [page, *_] = vma.buffer.pages
    assert page.where is not None
    pte.follow(page.where, page, writable=True, dirty=True)
    for cpu in set(cpus):
        entry_of(pte, machine.cpus[cpu]).fill()


word = st.integers(0, 1)
access = st.tuples(st.sampled_from(["load", "store", "store"]), word, word)
access0 = st.tuples(st.sampled_from(["load", "store"]), st.just(0), word)
mapped = st.tuples(st.just("mmap"), st.just(True))
protected = st.booleans().map(lambda write: ("mprotect", write))
own = st.one_of(
    access0, access0, access, st.just(("munmap",)), st.just(("mremap", 1)), st.just(("mremap", 2)), protected, mapped
)
one_fork = st.lists(st.just(("fork",)), max_size=1)


@st.composite
def lives(draw: st.DrawFn, *, forks: bool = False) -> tuple[Step, ...]:
    steps = [("mmap", True), *draw(st.lists(own, max_size=2))]
    if forks:
        steps += draw(one_fork)
    return tuple(steps + draw(st.lists(own, max_size=2)))


specs = st.builds(
    Spec,
    display=lives(forks=True),
    thread=st.one_of(st.just(()), st.lists(own, max_size=2).map(tuple)),
    child=st.lists(own, max_size=2).map(tuple),
    other=st.one_of(st.just(()), lives()),
    mover=st.lists(st.sampled_from([("move",), ("move",), ("zap",), ("irq",), ("put",)]), max_size=2).map(tuple),
    cpus=st.tuples(word, word, word, word, word),
    pages=st.integers(1, 2),
    core=st.one_of(st.just(()), st.sampled_from(sorted(DEFECTS)).map(lambda one: (one,))),
    exporter=st.sampled_from([(), (), ("no-shootdown",), ("zap-late",), ("unlocked-fault",), ("retries",)]),
    kills=st.sampled_from([0, 0, 1]),
    tlb_fills=st.integers(0, 2),
    ahead=st.booleans(),
)


@given(specs, answers)
@settings(max_examples=times(150, 20), deadline=None, suppress_health_check=list(HealthCheck))
def test_steps_of_processes_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)
