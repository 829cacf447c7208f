"""The state of a machine as plain data, for people to look at.

A snapshot is immutable and holds no reference into the machine: dashboards
are pure functions of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActorView:
    """One actor and what it stands before."""

    name: str
    cpu: int | None
    """None: an actor of the environment."""
    state: str
    """``ready``, ``blocked``, ``ended`` or ``idle`` (a daemon with nothing to do)."""
    op: str
    """The op it stands before, in words; empty where there is none: before its start, on its
    way from one step of the scenario to the next, and once it has ended."""
    waits_for: str
    """What a blocked actor waits for: ``fb.lock, held by mover``; else empty."""
    locks: tuple[str, ...] = ()
    """Locks that it holds, of any kind, by name."""
    waits_on: str = ""
    """The name of the lock or cell that a blocked actor waits for; else empty."""
    pins: tuple[str, ...] = ()
    """Ranges that it pins: ``fb``, ``fb[0]``, ``fb[0..1]``; one entry for each pin."""
    kmaps: tuple[str, ...] = ()
    """Pages that it has mapped: ``fb[0]``; one entry for each mapping, atomic ones too."""
    atomic: bool = False
    """True while it keeps its CPU from scheduling anybody else."""
    stuck: bool = False
    """True for a member of a deadlock: it can never go on."""
    failure: str = ""
    """The exception that it ended by: ``KernelError: ENOMEM``; else empty."""
    site: str = ""
    """The scenario step, or the function, that it is in."""


@dataclass(frozen=True, slots=True)
class KmapView:
    """One live kernel mapping."""

    actor: str
    """Who made it."""
    place: str
    """``ram#2``: where it leads; empty: nowhere."""
    atomic: bool = False
    stale: bool = False
    """It leads to where the page no longer is."""


@dataclass(frozen=True, slots=True)
class CopyView:
    """A place that was taken for a page and is not, or not yet, its storage."""

    place: str
    words: int
    """How many words it holds in their newest version."""


@dataclass(frozen=True, slots=True)
class PageView:
    """One page of a buffer."""

    where: str
    """``ram#2``, ``swap#0``; empty: nowhere."""
    resident: bool
    """A CPU can reach it."""
    words: int
    """Words in a page."""
    newest: int
    """How many of them its storage holds in their newest version, maybe in the cache alone."""
    pins: tuple[str, ...] = ()
    """One name of an actor for each pin over this page."""
    kmaps: tuple[KmapView, ...] = ()
    moves: tuple[CopyView, ...] = ()
    """Places of a move under way, or of one that was left half done."""
    dirty: int = 0
    """Cache lines over its storage that are dirty; 0 on a coherent machine."""


@dataclass(frozen=True, slots=True)
class BufferView:
    """One dma_buf."""

    name: str
    exporter: str
    """The name of its driver; empty if it has none."""
    references: int
    lock: str
    """Who holds the buffer's lock; empty: nobody."""
    pages: tuple[PageView, ...]


@dataclass(frozen=True, slots=True)
class ZoneView:
    """Something finite: ``ram``, ``high``, ``swap``, or ``kmap slots``."""

    name: str
    used: int
    total: int
    owners: tuple[str, ...] = ()
    """Of memory: the page that owns each place, in order of places, ``""`` if it is free.
    Of kmap slots: the place that each slot in use maps."""


@dataclass(frozen=True, slots=True)
class LeadView:
    """A page that a page table, a TLB or an IOTLB leads to."""

    page: int
    place: str
    writable: bool
    stale: bool
    """It leads to where the page no longer is."""
    dirty: bool = False
    """Of a CPU's: something has been stored through it."""


@dataclass(frozen=True, slots=True)
class VmaView:
    """A range of virtual addresses of a user process, and what its page table and the TLBs hold of it."""

    process: str
    name: str
    part: str
    """Of which buffer: ``fb``, ``fb[0]``, ``fb[0..1]``."""
    mapped: bool
    """False: it is not, and something leads to the buffer all the same."""
    writable: bool
    ptes: tuple[LeadView, ...]
    """By pages of the range, numbered from its start."""
    tlbs: tuple[tuple[int, tuple[LeadView, ...]], ...]
    """By number of the CPU; those that hold nothing are left out."""
    buffer: str = ""
    first: int = 0
    """The buffer, and the page of it that is the range's first."""
    pages: int = 0
    """How many it maps now; 0: none."""


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer in flight."""

    verb: str
    """``read`` or ``write``, as of the device."""
    page: int
    left: int
    """Words that are still to be made."""
    words: int
    engine: int


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A device on a buffer."""

    buffer: str
    actor: str
    """Who attached it."""
    direction: str
    """Of its mapping; empty: it is not mapped."""
    revoke: str
    """``told`` to let go, ``answered``, or empty."""
    ioptes: tuple[LeadView, ...]
    iotlbs: tuple[tuple[LeadView, ...], ...]
    """One for each engine."""
    transfers: tuple[TransferView, ...]


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device, with its attachments and with what leads to a buffer after them."""

    name: str
    engines: int
    revoke: str
    """How it lets go of a buffer: ``at once``, ``later``, ``cannot``."""
    attachments: tuple[AttachmentView, ...]


@dataclass(frozen=True, slots=True)
class SharedView:
    """A lock, cell or counter."""

    name: str
    kind: str
    """``mutex``, ``spinlock``, ``rwsem``, ``cell`` or ``counter``."""
    value: str
    """Who holds it, empty if nobody does, ``a, b (reading)``; or the value."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a panel may show, at one moment."""

    step: int
    now: int
    """Virtual time, in ticks."""
    actors: tuple[ActorView, ...]
    """By path of spawns."""
    buffers: tuple[BufferView, ...]
    zones: tuple[ZoneView, ...]
    shared: tuple[SharedView, ...] = ()
    devices: tuple[DeviceView, ...] = ()
    vmas: tuple[VmaView, ...] = ()
    stopped: str = ""
    """Why the execution is over: ``ended``, ``deadlock``, ``cut``, ``stopped``; empty: it is not."""
