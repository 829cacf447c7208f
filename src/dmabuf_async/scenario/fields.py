"""What the values of a scenario file may be: the types of its keys, with their bounds and words."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

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
Expression: TypeAlias = Annotated[
    str,
    Meta(
        max_length=500,
        description='a text of at most 500 characters: comparisons, as in "flag == 0 or fb.pins <= 2"',
    ),
]
Page: TypeAlias = Annotated[int, Meta(ge=0, le=4095)]
WordIndex: TypeAlias = Annotated[int, Meta(ge=0, le=63)]
CpuNumber: TypeAlias = Annotated[int, Meta(ge=0, le=63)]
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

Zone: TypeAlias = Literal["lowmem", "highmem", "vram"]
Direction: TypeAlias = Literal["to_device", "from_device", "bidirectional"]
Relation: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
OnError: TypeAlias = Literal["unwind", "ignore"]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a scenario file: immutable, and an unknown key is a mistake."""
