"""How large a machine is, and what its environment may do to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dmabuf_async.thing import Thing

PAGE_SIZE: Final = 4096
"""Bytes in a page; ranges of get and put are multiples of it (V2)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of everything finite. Defaults are small, because bugs are."""

    cpus: int = 2
    ram: int = 4
    """Frames of lowmem, which the kernel reaches without a slot."""
    highmem: int = 0
    """Frames that a kernel mapping needs a kmap slot for."""
    vram: int = 0
    """Frames of device memory."""
    cpu_visible: bool = True
    """Whether CPUs reach the frames of vram, uncached and without a slot."""
    swap: int = 4
    """Slots of the swap space, one page each."""
    kmap_slots: int = 4
    words: int = 2
    """Words in a page: 2, so that a copy can be torn."""
    enomem: int = 0
    """At most so many allocations fail in one execution though there is memory."""
    eintr: int = 0
    """At most so many interruptible waits are interrupted in one execution."""
    coherent: bool = True
    """Devices see what CPUs wrote and the other way round, without a clean or invalidate."""
    line_words: int = 1
    """Words in a cache line of a machine that is not coherent: 2, so that a CPU and a device can share one."""
    evictions: int = 0
    """At most so many dirty cache lines are written back in one execution though nobody asked for it."""
    prefetches: int = 0
    """At most so many cache lines are loaded in one execution though nobody asked for it."""
    tlb_fills: int = 0
    """At most so many TLB entries are filled in one execution though nobody accesses the page."""
    kills: int = 0
    """At most so many user processes are killed in one execution."""

    @property
    def faults(self) -> int:
        """Faults of all kinds that one execution can have, at most."""
        return self.enomem + self.eintr + self.kills + self.evictions + self.prefetches + self.tlb_fills

    @property
    def lines(self) -> int:
        """Cache lines over a frame; 0 on a coherent machine, where nobody can tell that there are any."""
        return 0 if self.coherent else -(-self.words // self.line_words)


class Faults(Thing):
    """What the environment may still do in this execution."""

    __slots__ = ("enomem", "eintr", "kills")
    STATE = ("enomem", "eintr", "kills")
    KIND = "environment"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__("faults")
        self.enomem = sizes.enomem
        self.eintr = sizes.eintr
        self.kills = sizes.kills
