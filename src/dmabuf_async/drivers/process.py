"""The user process: what one of its tasks has mapped, and the way out, which runs however it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.process import AwaitFork, Bear
from dmabuf_async.protocol import mm as core

if TYPE_CHECKING:
    from dmabuf_async.machine.mm import Mm
    from dmabuf_async.machine.storage import Buffer
    from dmabuf_async.ops import Settle


class UserProcess:
    """One task of a process, which is the whole process unless others share its address space.

    ``children``: the processes that it may fork, which wait for that. What it has mapped is called by names, and
    these are the same for all who share the address space.
    """

    def __init__(self, mm: Mm, children: Sequence[Mm] = ()) -> None:
        self.mm = mm
        self.children = children
        self.mapped: list[str] = []
        self.forked: list[str] = []
        self.again: Settle | None = None
        """What it settles with when it tries an access again: all that it is in the middle of."""

    def holds(self) -> tuple[object, ...]:
        """What this task remembers, as plain data: what it settles with."""
        return (tuple(self.mapped), tuple(self.forked))

    async def begin(self) -> bool:
        """A forked process begins when it has been forked; False if it never will be."""
        if self.mm.parent is None or await AwaitFork(self.mm):
            return True
        await self._forks_no_more()
        return False

    async def mmap(
        self, name: str, buffer: Buffer, offset: int, length: int, *, write: bool = True, shared: bool = True
    ) -> None:
        """mmap; the mapping is called ``name`` from here on. ``offset`` and ``length`` are in bytes."""
        await core.mmap(self.mm.region(name, buffer, offset, length, write=write), shared=shared)
        self.mapped.append(name)

    async def munmap(self, name: str) -> None:
        """munmap of the whole mapping."""
        if name in self.mapped:
            self.mapped.remove(name)
        await core.munmap(self.mm.find(name))

    async def mremap(self, name: str, pages: int) -> None:
        """mremap, which may shrink a mapping."""
        await core.mremap(self.mm.find(name), pages)

    async def mprotect(self, name: str, *, write: bool) -> None:
        """mprotect of the whole mapping."""
        await core.mprotect(self.mm.find(name), write=write)

    async def load(self, name: str, page: int, word: int) -> None:
        """Load a word from user mode."""
        await core.load(self.mm.find(name), page, word, self.again)

    async def store(self, name: str, page: int, word: int) -> None:
        """Store a word from user mode."""
        await core.store(self.mm.find(name), page, word, self.again)

    async def fork(self, child: Mm) -> None:
        """Fork: the task of the child begins."""
        if child.name in self.forked:
            raise KernelError("EINVAL")
        self.forked.append(child.name)
        await core.fork(self.mm, child)

    async def unwind(self) -> None:
        """The exit path: who was to be forked never will be, and the last task unmaps all there is."""
        await self._forks_no_more()
        await core.exit_mm(self.mm)

    async def _forks_no_more(self) -> None:
        for child in self.children:
            if child.name not in self.forked:
                await Bear(child, born=False)
