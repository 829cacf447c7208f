"""What a scenario file may say: one frozen struct a table, one a verb.

The bounds, the defaults and the words in which a mistake is told (the descriptions) all live here; `load`, `hints` and
`json_schema` read them off these types. What the structs cannot express, such as that a buffer exists, `load` checks.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

# "$" alone also matches before a final newline; "(?!\n)" forbids that here and means nothing to an editor.
Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$(?!\n)",
        max_length=40,
        description='a name of at most 40 letters, digits, "_" and "-", a letter first',
    ),
]
Title: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)",
        max_length=200,
        description="a line of text of 1 to 200 characters",
    ),
]
Witness: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]* reaches [A-Za-z0-9_]+$(?!\n)",
        description='"TASK reaches STEP", where STEP is a verb of that task, the number of a step, 1 for the first, '
        'its "error" path, or for a user task its "exit" path, the latter after a "kill" too',
    ),
]
Page: TypeAlias = Annotated[int, Meta(ge=0, le=4095)]
WordIndex: TypeAlias = Annotated[int, Meta(ge=0, le=63)]
CellValue: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
FaultBudget: TypeAlias = Annotated[int, Meta(ge=0, le=100)]

# msgspec holds bounds in 64 bits, and an overflowing range is worth simulating: `load` enforces these two.
BYTES_MIN, BYTES_MAX = -(2**63), 2**64
Bytes: TypeAlias = Annotated[
    int,
    Meta(
        description="a number of bytes from -2**63 to 2**64",
        extra_json_schema={"minimum": BYTES_MIN, "maximum": BYTES_MAX},
    ),
]

Zone: TypeAlias = Literal["lowmem", "highmem"]
Relation: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
OnError: TypeAlias = Literal["unwind", "ignore"]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a scenario file: immutable, and an unknown key is a mistake."""


class MachineSizes(Table, frozen=True, kw_only=True):
    """[machine]: the sizes of the simulated machine; the defaults are small, because bugs are.

    cpus: 1 to 64. ram: frames of lowmem, 0 to 4096. highmem: frames of highmem, 0 to 4096. swap: slots of a page each,
    0 to 4096. kmap_slots: highmem frames that can be mapped with kmap at a time, 1 to 4096. words: words in a page,
    1 to 64; two are enough to tear a copy.
    """

    cpus: Annotated[int, Meta(ge=1, le=64)] = 2
    ram: Annotated[int, Meta(ge=0, le=4096)] = 4
    highmem: Annotated[int, Meta(ge=0, le=4096)] = 0
    swap: Annotated[int, Meta(ge=0, le=4096)] = 4
    kmap_slots: Annotated[int, Meta(ge=1, le=4096)] = 4
    words: Annotated[int, Meta(ge=1, le=64)] = 2


class BufferSpec(Table, frozen=True, kw_only=True):
    """[buffers.NAME]: a dma_buf and the driver that exports it.

    pages: 1 to 1024. exporter: "static" never moves its storage, "swapping" swaps the whole buffer out and in. zone:
    where its frames are; left out, highmem if the machine has any, else lowmem. resident: false starts the buffer
    swapped out, which only the swapping exporter can. defects: deliberate mistakes of the exporter, by name.
    """

    pages: Annotated[int, Meta(ge=1, le=1024)] = 1
    exporter: Literal["static", "swapping"] = "static"
    zone: Zone | None = None
    resident: bool = True
    defects: list[str] = []

    def zone_on(self, machine: MachineSizes) -> Zone:
        """The zone of the frames of this buffer on `machine`: the one it names, or the default."""
        return self.zone or ("highmem" if machine.highmem else "lowmem")


class Verb(Table, frozen=True, kw_only=True, tag_field="do"):
    """A step of a task; the key `do` says which."""


class GetBackingStorage(Verb, frozen=True, kw_only=True, tag="get_backing_storage"):
    """Pin a range of a buffer in memory (rules V1 to V7); may fail.

    Neither end is checked against the page size or the buffer, for a bad range is a thing to simulate. start: where it
    begins. len: how long it is; left out, it goes on to the end of the buffer. on_error: "unwind" ends the task in
    good order, "ignore" goes on with the next step.
    """

    buffer: Name
    start: Bytes = 0
    len: Bytes | None = None
    on_error: OnError = "unwind"


class PutBackingStorage(Verb, frozen=True, kw_only=True, tag="put_backing_storage"):
    """Unpin a range of a buffer, as it was pinned.

    start: where it begins. len: how long it is; left out, it goes on to the end of the buffer.
    """

    buffer: Name
    start: Bytes = 0
    len: Bytes | None = None


class Kmap(Verb, frozen=True, kw_only=True, tag="kmap"):
    """Map one page of a buffer for the kernel (rules V8 to V11); waits for a slot, never fails.

    page: from 0; whether the buffer has it is not checked, for that is a thing to simulate. as: what later steps call
    the mapping.
    """

    buffer: Name
    page: Page = 0
    as_: Name = field(name="as")


class Kunmap(Verb, frozen=True, kw_only=True, tag="kunmap"):
    """Unmap what kmap mapped.

    at: what kmap called the mapping.
    """

    at: Name


class KmapAtomic(Verb, frozen=True, kw_only=True, tag="kmap_atomic"):
    """Map one page of a buffer without a slot; until kunmap_atomic the task must not sleep (rule V12).

    page: from 0, as of kmap. as: what later steps call the mapping.
    """

    buffer: Name
    page: Page = 0
    as_: Name = field(name="as")


class KunmapAtomic(Verb, frozen=True, kw_only=True, tag="kunmap_atomic"):
    """Unmap what kmap_atomic mapped.

    at: what kmap_atomic called the mapping.
    """

    at: Name


class Load(Verb, frozen=True, kw_only=True, tag="load"):
    """Read one word through a mapping.

    at: what kmap called the mapping. word: below the words of a page.
    """

    at: Name
    word: WordIndex = 0


class Store(Verb, frozen=True, kw_only=True, tag="store"):
    """Write one word through a mapping.

    at: what kmap called the mapping. word: below the words of a page.
    """

    at: Name
    word: WordIndex = 0


class Memcpy(Verb, frozen=True, kw_only=True, tag="memcpy"):
    """Copy a page, word by word, between two mappings.

    from: what kmap called the one that is read. to: what kmap called the one that is written.
    """

    from_: Name = field(name="from")
    to: Name


class Lock(Verb, frozen=True, kw_only=True, tag="lock"):
    """Take a mutex; may sleep."""

    mutex: Name


class Unlock(Verb, frozen=True, kw_only=True, tag="unlock"):
    """Give a mutex back."""

    mutex: Name


class Set(Verb, frozen=True, kw_only=True, tag="set"):
    """Store a value in a cell.

    value: an integer of 64 bits.
    """

    cell: Name
    value: CellValue


class Wait(Verb, frozen=True, kw_only=True, tag="wait"):
    """Sleep until a cell stands in a relation to a value.

    is: the relation. value: an integer of 64 bits. interruptible: a signal may end the wait with EINTR; then on_error
    says what follows. on_error: "unwind" ends the task in good order, "ignore" goes on with the next step.
    """

    cell: Name
    is_: Relation = field(name="is", default="==")
    value: CellValue
    interruptible: bool = False
    on_error: OnError = "unwind"


class Sleep(Verb, frozen=True, kw_only=True, tag="sleep"):
    """Sleep for some virtual time.

    ticks: how long, 1 to 1000000.
    """

    ticks: Annotated[int, Meta(ge=1, le=1_000_000)]


class DmaBufGet(Verb, frozen=True, kw_only=True, tag="dma_buf_get"):
    """Take a reference to a buffer (rule V15)."""

    buffer: Name


class DmaBufPut(Verb, frozen=True, kw_only=True, tag="dma_buf_put"):
    """Drop a reference to a buffer; the last one releases it (rule V15)."""

    buffer: Name


class SwapOut(Verb, frozen=True, kw_only=True, tag="swap_out"):
    """Ask the exporter to swap the whole buffer out; fails with EBUSY if it is pinned.

    on_error: "ignore" goes on with the next step, "unwind" ends the task in good order.
    """

    buffer: Name
    on_error: OnError = "ignore"


class Reclaim(Verb, frozen=True, kw_only=True, tag="reclaim"):
    """Let memory pressure try to take the storage of a buffer, as reclaim does (rule P12)."""

    buffer: Name


Step: TypeAlias = (
    GetBackingStorage
    | PutBackingStorage
    | Kmap
    | Kunmap
    | KmapAtomic
    | KunmapAtomic
    | Load
    | Store
    | Memcpy
    | Lock
    | Unlock
    | Set
    | Wait
    | Sleep
    | DmaBufGet
    | DmaBufPut
    | SwapOut
    | Reclaim
)


class TaskSpec(Table, frozen=True, kw_only=True):
    """[[tasks]]: one actor, which performs its steps in order.

    name: its own among the tasks. cpu: where it stands, below the cpus of the machine. kind: a kernel task answers for
    what it leaves behind, the exit path of a user task cleans up. repeat: rounds of the steps, 1 to 1000. defects:
    deliberate mistakes of the importer, by name.
    """

    name: Name
    cpu: Annotated[int, Meta(ge=0, le=63)] = 0
    kind: Literal["kernel", "user"] = "kernel"
    repeat: Annotated[int, Meta(ge=1, le=1000)] = 1
    defects: list[str] = []
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

    enomem: failed allocations. eintr: signals to interruptible waits. kills: killed user processes.
    """

    enomem: FaultBudget = 0
    eintr: FaultBudget = 0
    kills: FaultBudget = 0


class Expect(Table, frozen=True, kw_only=True):
    """[expect]: what exploring the scenario is to show.

    findings: codes; at least one of them must be found as primary, and no other. None: nothing may be found.
    sometimes: witnesses that some execution must show, each "TASK reaches STEP"; beside its steps a task has an "error"
    path, which a failed step with on_error = "unwind" leads to, and a user task an "exit" path, also after a "kill".
    """

    findings: list[str] = []
    sometimes: list[Witness] = []


def split_witness(witness: str) -> tuple[str, str]:
    """The task and the step of a witness such as "display reaches kmap"."""
    task, _, step = witness.partition(" reaches ")
    return task, step


class Scenario(Table, frozen=True, kw_only=True):
    """A scenario file: a machine, buffers, and tasks that share them.

    story: any text, for people. rules: the profile of the protocol. buffers: tables [buffers.NAME]. cells: shared
    integers of 64 bits and their first values, for set and wait. mutexes: names of locks.
    """

    title: Title
    story: str = ""
    rules: Literal["rfc-2012"] = "rfc-2012"
    machine: MachineSizes = MachineSizes()
    buffers: dict[Name, BufferSpec] = {}
    cells: dict[Name, CellValue] = {}
    mutexes: list[Name] = []
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
    told = _without_defaults(scenario)
    for words in ("title", "story"):
        told.pop(words, None)
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()


def _without_defaults(table: Table) -> dict[str, Any]:
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
            return _without_defaults(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
