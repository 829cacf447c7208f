"""What a scenario file may say: one frozen struct a table; steps are in ``verbs``, the types of keys in ``fields``.

The bounds, the defaults and the words in which a mistake is told (the descriptions) all live in these; `load`, `hints`
and `json_schema` read them off the types. What the structs cannot express, such as that a buffer exists, `load` checks.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, field

from dmabuf_async.scenario.fields import (
    CellValue,
    CpuNumber,
    Expression,
    FaultBudget,
    Name,
    Table,
    Title,
    Witness,
    Zone,
)
from dmabuf_async.scenario.verbs import device, exporter, kernel, locks, process

Step: TypeAlias = (
    kernel.GetBackingStorage
    | kernel.PutBackingStorage
    | kernel.Kmap
    | kernel.Kunmap
    | kernel.KmapAtomic
    | kernel.KunmapAtomic
    | kernel.Load
    | kernel.Store
    | kernel.Memcpy
    | kernel.DmaBufGet
    | kernel.DmaBufPut
    | device.Attach
    | device.Detach
    | device.MapDmaBuf
    | device.UnmapDmaBuf
    | device.DmaRead
    | device.DmaWrite
    | device.DmaWait
    | locks.Lock
    | locks.Trylock
    | locks.Unlock
    | locks.SpinLock
    | locks.SpinTrylock
    | locks.SpinUnlock
    | locks.SpinLockIrqsave
    | locks.SpinUnlockIrqrestore
    | locks.DownRead
    | locks.DownReadTrylock
    | locks.UpRead
    | locks.DownWrite
    | locks.DownWriteTrylock
    | locks.UpWrite
    | locks.LocalIrqDisable
    | locks.LocalIrqEnable
    | locks.SmpCallFunction
    | locks.Read
    | locks.Write
    | locks.Set
    | locks.Wait
    | locks.Sleep
    | exporter.SwapOut
    | exporter.Migrate
    | exporter.Reclaim
    | process.Mmap
    | process.Munmap
    | process.Mremap
    | process.Mprotect
    | process.Fork
)


class MachineSizes(Table, frozen=True, kw_only=True):
    """[machine]: the sizes of the simulated machine; the defaults are small, because bugs are.

    cpus: 1 to 64. ram: frames of lowmem, 0 to 4096. highmem: frames of highmem, 0 to 4096. vram: frames of device
    memory, 0 to 4096. cpu_visible: false keeps CPUs from vram, so that get_backing_storage moves the buffer first.
    swap: slots of a page each, 0 to 4096. kmap_slots: highmem frames that can be mapped with kmap at a time, 1 to 4096.
    words: words in a page, 1 to 64; two are enough to tear a copy. coherent: false has CPUs go through a cache that
    devices go past. line_words: words in a line of it, 1 or 2; with two, CPU and device can share a line. defects:
    deliberate mistakes of the kernel's core, by name.
    """

    cpus: Annotated[int, Meta(ge=1, le=64)] = 2
    ram: Annotated[int, Meta(ge=0, le=4096)] = 4
    highmem: Annotated[int, Meta(ge=0, le=4096)] = 0
    vram: Annotated[int, Meta(ge=0, le=4096)] = 0
    cpu_visible: bool = True
    swap: Annotated[int, Meta(ge=0, le=4096)] = 4
    kmap_slots: Annotated[int, Meta(ge=1, le=4096)] = 4
    words: Annotated[int, Meta(ge=1, le=64)] = 2
    coherent: bool = True
    line_words: Annotated[int, Meta(ge=1, le=2)] = 1
    defects: list[str] = field(default_factory=list)


class BufferSpec(Table, frozen=True, kw_only=True):
    """[buffers.NAME]: a dma_buf and the driver that exports it.

    pages: 1 to 1024. exporter: "static" never moves its storage, "swapping" swaps the whole buffer out and in,
    "migrating" moves it between RAM and VRAM. zone: where its frames are, or are at first; left out, highmem if the
    machine has any, else lowmem. resident: false starts the buffer swapped out, which only the swapping exporter can.
    populated: false starts it nowhere, each page to be filled with zeros when it is first needed, and as long as it is
    clean not worth a slot of swap; likewise. fault: what the fault handler of one that moves does while it is on its
    way, "wait", or "retry", which gives mmap_lock back first (rule P8). guard: what keeps faults and gets off:
    the buffer's "lock" or a "flag" (rule P2). parallel_copy: true copies each page in a child of its own. defects:
    deliberate mistakes of the exporter, by name.
    """

    pages: Annotated[int, Meta(ge=1, le=1024)] = 1
    exporter: Literal["static", "swapping", "migrating"] = "static"
    zone: Zone | None = None
    resident: bool = True
    populated: bool = True
    fault: Literal["wait", "retry"] = "wait"
    guard: Literal["lock", "flag"] = "lock"
    parallel_copy: bool = False
    defects: list[str] = field(default_factory=list)

    def zone_on(self, machine: MachineSizes) -> Zone:
        """The zone of the frames of this buffer on `machine`: the one it names, or the default."""
        return self.zone or ("highmem" if machine.highmem else "lowmem")


class DeviceSpec(Table, frozen=True, kw_only=True):
    """[devices.NAME]: a device that tasks attach to buffers, with its driver.

    engines: DMA engines, 1 to 8, each with an IOTLB of its own. revoke: what its driver does when a buffer is to move:
    "at once" stops the engines and unmaps, "later" finishes the transfers in flight first, and "cannot" has its
    mappings pin the buffer. vram: false keeps it from device memory, so that map_dma_buf moves the buffer first.
    defects: deliberate mistakes of the driver and of the tasks that use it, by name.
    """

    engines: Annotated[int, Meta(ge=1, le=8)] = 1
    revoke: Literal["at once", "later", "cannot"] = "at once"
    vram: bool = True
    defects: list[str] = field(default_factory=list)


class TaskSpec(Table, frozen=True, kw_only=True):
    """[[tasks]]: one actor, which performs its steps in order.

    name: its own among the tasks. cpu: where it stands, below the cpus of the machine. kind: a kernel task answers for
    what it leaves behind, the exit path of a user task cleans up; a task that maps a buffer with mmap, is a thread, or
    is forked is a user task in any case. thread_of: the task whose address space it shares. repeat: rounds of the
    steps, 1 to 1000. defects: deliberate mistakes of the importer, by name.
    """

    name: Name
    cpu: CpuNumber = 0
    kind: Literal["kernel", "user"] = "kernel"
    thread_of: Name | None = None
    repeat: Annotated[int, Meta(ge=1, le=1000)] = 1
    defects: list[str] = field(default_factory=list)
    steps: Annotated[
        list[Step],
        Meta(
            min_length=1,
            max_length=1000,
            description='an array of 1 to 1000 steps, each { do = "VERB", ... }',
        ),
    ]


class Environment(Table, frozen=True, kw_only=True):
    """[environment]: what may go wrong, each at most so many times in one execution, 0 to 100.

    enomem: failed allocations. eintr: signals to interruptible waits. kills: killed user processes. evictions: dirty
    cache lines that are written back though nobody asked for it, on a machine that is not coherent. prefetches: cache
    lines that are loaded though nobody asked for it, likewise. tlb_fills: TLB entries that are filled though nobody
    accesses the page.
    """

    enomem: FaultBudget = 0
    eintr: FaultBudget = 0
    kills: FaultBudget = 0
    evictions: FaultBudget = 0
    prefetches: FaultBudget = 0
    tlb_fills: FaultBudget = 0


class Expect(Table, frozen=True, kw_only=True):
    """[expect]: what exploring the scenario is to show.

    findings: codes; at least one of them must be found as primary, and no other. None: nothing may be found.
    sometimes: witnesses that some execution must show, each "TASK reaches STEP"; beside its steps a task has an "error"
    path, which a failed step with on_error = "unwind" leads to, and a user task an "exit" path, also after a "kill".
    always: comparisons that must hold in every state, as in "flag == 0 or fb.pins <= 2". eventually: comparisons that
    every fair execution must come to, which only check decides.
    """

    findings: list[str] = field(default_factory=list)
    sometimes: list[Witness] = field(default_factory=list)
    always: list[Expression] = field(default_factory=list)
    eventually: list[Expression] = field(default_factory=list)


def split_witness(witness: str) -> tuple[str, str]:
    """The task and the step of a witness such as "display reaches kmap"."""
    task, _, step = witness.partition(" reaches ")
    return task, step


class Scenario(Table, frozen=True, kw_only=True):
    """A scenario file: a machine, buffers, and tasks that share them.

    story: any text, for people. rules: the profile of the protocol. machine: the table [machine]. buffers: tables
    [buffers.NAME]. devices: tables [devices.NAME]. cells: shared integers of 64 bits and their first values, for set
    and wait, read and write. mutexes: names of mutexes. spinlocks: names of spinlocks. rwsems: names of reader-writer
    semaphores; a lock that is called as a class of P7 ("mmap_lock", "i_mmap_rwsem") is of that class. environment: the
    table [environment]. expect: the table [expect].
    """

    title: Title
    story: str = ""
    rules: Literal["rfc-2012"] = "rfc-2012"
    machine: MachineSizes = MachineSizes()
    buffers: dict[Name, BufferSpec] = field(default_factory=dict)
    devices: dict[Name, DeviceSpec] = field(default_factory=dict)
    cells: dict[Name, CellValue] = field(default_factory=dict)
    mutexes: list[Name] = field(default_factory=list)
    spinlocks: list[Name] = field(default_factory=list)
    rwsems: list[Name] = field(default_factory=list)
    tasks: Annotated[
        list[TaskSpec],
        Meta(min_length=1, max_length=64, description="1 to 64 tables, each written [[tasks]]"),
    ]
    environment: Environment = Environment()
    expect: Expect = Expect()


def digest(scenario: Scenario) -> bytes:
    """The identity of what a scenario says: 32 bytes of SHA-256.

    It is taken over canonical JSON in which tables are sorted and defaults left out, so that neither spelling out a
    default nor a key that a later version adds with a default changes it. Title and story are left out too.
    """
    told = without_defaults(scenario)
    for words in ("title", "story"):
        told.pop(words, None)
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()


def without_defaults(table: Table) -> dict[str, Any]:
    """The keys of `table` that differ from their defaults, as in a file; `do` is always among them."""
    config = table.__struct_config__
    told = {config.tag_field: config.tag} if config.tag_field else {}
    for key in msgspec.structs.fields(table):
        value = getattr(table, key.name)
        default = key.default if key.default_factory is msgspec.NODEFAULT else key.default_factory()
        if value != default:
            told[key.encode_name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    match value:
        case Table():
            return without_defaults(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
