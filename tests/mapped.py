"""What tests of user processes share: one buffer ``fb`` with a static exporter, and an mm ``app`` that can map it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.mm import Mm, Vma
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.machine.tlb import entry_of
from tests.harness import Ran, execute


class World:
    """A machine with a buffer and a process; ``vma`` is all of the buffer, not yet mapped."""

    def __init__(self, machine: Machine, pages: int = 2, cpus: Sequence[int] = (0, 1)) -> None:
        self.machine = machine
        self.fb: Buffer = machine.buffer("fb", pages)
        StaticExporter(machine, self.fb, "ram")
        self.mm: Mm = machine.mm("app")
        for cpu in cpus:
            self.mm.thread(cpu)
        self.vma: Vma = self.mm.region("m", self.fb)

    def premap(self, *pages: int, writable: bool = True, dirty: bool = False) -> None:
        """Before the run: the VMA is mapped, and these pages have PTEs."""
        vma, space = self.vma, self.machine.address_space("fb")
        vma.pages, vma.writable, vma.space = vma.size, True, space
        space.vmas, self.mm.vmas = (vma,), (vma,)
        self.fb.references += 1
        for index in pages:
            page = self.fb.pages[index]
            assert page.where is not None
            vma.pte(index).follow(page.where, page, writable=writable, dirty=dirty)

    def cache(self, index: int, cpu: int) -> None:
        """Before the run: the TLB of a CPU has filled an entry for this page."""
        entry_of(self.vma.pte(index), self.machine.cpus[cpu]).fill()

    def ptes(self) -> dict[int, str]:
        """Which PTEs are there: where they lead, and ``w`` writable, ``d`` dirty."""
        return {
            index: pte.place.name + "w" * pte.writable + "d" * pte.dirty
            for index, pte in self.vma.ptes.items()
            if pte.place is not None
        }

    def tlb(self, cpu: int) -> dict[int, str]:
        """The same of the TLB of a CPU."""
        entries = {index: pte.entries.get(self.machine.cpus[cpu]) for index, pte in self.vma.ptes.items()}
        return {
            index: entry.place.name + "w" * entry.writable + "d" * entry.dirty
            for index, entry in entries.items()
            if entry is not None and entry.place is not None
        }


Work = Callable[[World], Awaitable[Any]]


def run(
    *works: Work,
    prepare: Callable[[World], None] | None = None,
    pages: int = 2,
    answers: Any = (),
    kills: int = 0,
    checkers: Sequence[Checker] = CHECKERS,
) -> tuple[Ran, World, list[Any]]:
    """One execution of tasks, each on a CPU of its own; what they returned, in the order in which they ended."""
    worlds: list[World] = []
    returned: list[Any] = []

    def build(machine: Machine) -> None:
        world = World(machine, pages)
        worlds.append(world)
        if prepare is not None:
            prepare(world)

        async def wrapped(work: Work) -> None:
            returned.append(await work(world))

        for number, work in enumerate(works):
            machine.task(f"task{number}", wrapped, work, cpu=number, user=True)

    ran = execute(build, answers, sizes=Sizes(cpus=3, ram=6, kills=kills), trace=True, checkers=checkers)
    return ran, worlds[0], returned
