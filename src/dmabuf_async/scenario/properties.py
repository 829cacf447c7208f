"""Properties of a scenario: comparisons of documented fields, parsed and never evaluated as Python.

An expression is made of comparisons, ``and``, ``or``, ``not`` and parentheses::

    flag == 0 or fb.pins <= 2
    fb[0].where != "swap" or lock.held == 0

What may be compared is listed in :data:`FIELDS`.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.judged import Always
from dmabuf_async.machine.locks import AnyLock
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.rwsem import RwSem
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import told
from dmabuf_async.scenario.hints import clean, did_you_mean, listed, shown
from dmabuf_async.thing import Thing

FIELDS: Final[Mapping[str, str]] = {
    "CELL": "its value",
    "BUFFER.pins": "how many pins there are on any of its pages",
    "BUFFER.references": "how many references there are",
    "BUFFER[PAGE].pins": "how many pins cover that page",
    "BUFFER[PAGE].where": 'where that page is: "lowmem", "highmem", "vram", "swap" or "nowhere"',
    "LOCK.held": "how many hold a mutex, spinlock or rwsem",
    "RWSEM.readers": "how many hold it for reading",
}
"""What an expression may compare, and what it is."""

PLACES: Final = {"ram": "lowmem", "high": "highmem", "vram": "vram", "swap": "swap"}
"""The zones of the machine, as a scenario calls them; a page that is nowhere is ``nowhere``."""

LONGEST: Final = 500
"""Characters of an expression: more nobody can check."""

_RELATIONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NAME: Final = r"[A-Za-z][A-Za-z0-9_-]*"
_FIELD: Final = re.compile(rf"(?P<name>{_NAME})(?:\[(?P<page>\d{{1,5}})\])?(?:\.(?P<field>\w+))?")
_EXAMPLE: Final = "write comparisons, as in flag == 0 or fb.pins <= 2"

Test: TypeAlias = Callable[[], bool]
Value: TypeAlias = Callable[[], Any]


class Misread(Exception):
    """An expression that is none, in words that say what to write."""


class Names(NamedTuple):
    """What a scenario has that expressions can name."""

    cells: Collection[str]
    buffers: Mapping[str, int]
    """How many pages each has."""
    locks: Collection[str]
    rwsems: Collection[str]

    def all(self) -> list[str]:
        """Every name."""
        return [*self.cells, *self.buffers, *self.locks, *self.rwsems]


class Field(NamedTuple):
    """One documented field of one object: ``fb[0].where``."""

    text: str
    name: str
    page: int | None
    field: str

    @property
    def is_text(self) -> bool:
        """Whether its values are texts; else they are numbers."""
        return self.field == "where"


@dataclass(frozen=True)
class Property:
    """An expression that was read: what it compares, and a predicate once there is a machine."""

    text: str
    fields: tuple[Field, ...]
    _tree: ast.expr = field(repr=False, compare=False)

    def check(self, names: Names) -> None:
        """Raise Misread, with the nearest valid word, unless all that it compares is there."""
        for one in self.fields:
            _check(one, names)

    def bind(self, machine: Machine) -> Always:
        """The predicate over the objects of this machine, and these objects. Raises ScenarioError."""
        try:
            self.check(_names_of(machine))
        except Misread as error:
            raise ScenarioError(f"in the property {shown(self.text)}: {error}") from None
        bound = {one.text: _bound(one, machine) for one in self.fields}
        values = {text: value for text, (value, _, _) in bound.items()}
        return Always(
            self.text,
            _test(self.text, self._tree, values),
            dict.fromkeys(thing for _, things, _ in bound.values() for thing in things),
            dict.fromkeys(thing for _, _, shared in bound.values() for thing in shared),
            lambda: ", ".join(f"{text} is {_worded(value())}" for text, value in values.items()),
        )


def property_of(text: str) -> Property:
    """Read an expression. Raises Misread."""
    if len(text) > LONGEST:
        raise Misread(f"an expression has at most {LONGEST} characters; make several of it")
    source = " ".join(text.split())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "is" with a number, and the like: refused below
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise Misread(f"this is no expression{at}; {_EXAMPLE}") from None
    try:
        fields = dict.fromkeys(_fields(source, tree))
    except RecursionError:
        raise Misread("parentheses are nested too deeply; make several expressions of it") from None
    if not fields:
        raise Misread("it compares nothing that can change; name a cell, a buffer or a lock")
    return Property(source, tuple(fields), tree)


def expressions(texts: Collection[str]) -> tuple[Property, ...]:
    """Read several. Raises Misread, which says which one is wrong."""
    found = []
    for text in texts:
        try:
            found.append(property_of(text))
        except Misread as error:
            raise Misread(f"in {shown(text)}: {error}") from None
    return tuple(found)


# Reading -----------------------------------------------------------------------


def _fields(source: str, tree: ast.expr) -> Iterator[Field]:
    """The fields that are compared, in order. Raises Misread at whatever is not of the language."""
    match tree:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _fields(source, value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _fields(source, operand)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [left, *comparators]
            for op in ops:
                if type(op) not in _RELATIONS:
                    raise Misread("compare with == != < <= > >=")
            for a, b, op in zip(sides, sides[1:], ops, strict=False):
                _matches(source, a, b, op)
            for side in sides:
                one = _side(source, side)
                if isinstance(one, Field):
                    yield one
        case _:
            said = clean(ast.get_source_segment(source, tree) or source)
            raise Misread(f"{said!r} is no comparison; {_EXAMPLE}")


def _matches(source: str, left: ast.expr, right: ast.expr, op: ast.cmpop) -> None:
    """Raise Misread if the two sides cannot be compared so."""
    one, other = _side(source, left), _side(source, right)
    texts = [side.is_text if isinstance(side, Field) else isinstance(side, str) for side in (one, other)]
    if texts[0] != texts[1]:
        wrong = one if texts[0] else other
        told = wrong.text if isinstance(wrong, Field) else shown(wrong)
        raise Misread(f"{told} is a text and stands beside a number; compare like with like")
    if texts[0] and not isinstance(op, ast.Eq | ast.NotEq):
        raise Misread("places are compared with == or !=")
    for side in (one, other):
        if isinstance(side, str) and side not in (*PLACES.values(), "nowhere"):
            places = (*PLACES.values(), "nowhere")
            raise Misread(
                f"there is no place {shown(side)}; {did_you_mean(side, places, f'there are {listed(places)}')}"
            )


def _side(source: str, tree: ast.expr) -> Field | int | str:
    """One side of a comparison. Raises Misread."""
    match tree:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if not isinstance(value, bool):
            return -value
    said = ast.get_source_segment(source, tree) or ""
    found = _FIELD.fullmatch(said)
    if found is None or said in {"true", "false", "True", "False", "None"}:
        raise Misread(
            f"{clean(said)!r} is neither a number, a place in quotes nor a field; fields are {listed(FIELDS)}"
        )
    return Field(said, found["name"], None if found["page"] is None else int(found["page"]), found["field"] or "")


# Names -------------------------------------------------------------------------


def _check(one: Field, names: Names) -> None:
    name = one.name
    if name in names.cells and not one.field and one.page is None:
        return
    has: list[str] = []
    if name in names.buffers:
        has += ["pins", "where"] if one.page is not None else ["pins", "references"]
        pages = names.buffers[name]
        if one.page is not None and one.page >= pages:
            last = f"pages 0 to {pages - 1}" if pages > 1 else "only page 0"
            raise Misread(f"the buffer {shown(name)} has {last}, found {one.page}; take one that it has")
        if one.page is None and one.field == "where":
            raise Misread(f"{one.text} is asked of one page; write {name}[0].where")
    if name in (*names.locks, *names.rwsems) and one.page is None:
        has.append("held")
        has += ["readers"] if name in names.rwsems else []
    if one.field in has:
        return
    if not has and name not in names.cells:
        known = names.all()
        otherwise = f"there are {listed(known)}" if known else "declare a cell, a buffer or a lock"
        raise Misread(f"there is no cell, buffer or lock {shown(name)}; {did_you_mean(name, known, otherwise)}")
    if not has:
        raise Misread(f"{shown(name)} is a cell, which is compared by its name alone; write {name}")
    whole = f"{name}[{one.page}]" if one.page is not None else name
    if not one.field:
        raise Misread(f"{whole} cannot be compared as such; it has {listed([f'{whole}.{word}' for word in has])}")
    hint = did_you_mean(one.field, has, f"it has {listed(has)}")
    raise Misread(f"{whole} has no field {shown(one.field)}; {hint}")


def _names_of(machine: Machine) -> Names:
    things = machine.things.values()
    return Names(
        cells=[thing.name for thing in things if isinstance(thing, Cell)],
        buffers={name: len(buffer.pages) for name, buffer in machine.buffers.items()},
        locks=[thing.name for thing in things if isinstance(thing, AnyLock) and not isinstance(thing, RwSem)],
        rwsems=[thing.name for thing in things if isinstance(thing, RwSem)],
    )


# Binding -----------------------------------------------------------------------


def _worded(value: object) -> str:
    return value if isinstance(value, str) else told(value)


def _bound(one: Field, machine: Machine) -> tuple[Value, tuple[Thing, ...], tuple[Thing, ...]]:
    """How to get the value of a field, what it reads, and what stands for more that it reads."""
    if not one.field:
        cell = next(thing for thing in machine.things.values() if isinstance(thing, Cell) and thing.name == one.name)
        return (lambda: cell.value), (cell,), ()
    if one.field in {"held", "readers"}:
        lock = next(thing for thing in machine.things.values() if isinstance(thing, AnyLock) and thing.name == one.name)
        if one.field == "held":
            return (lambda: len(lock.holders())), (lock,), ()
        assert isinstance(lock, RwSem)
        return (lambda: len(lock.readers)), (lock,), ()
    buffer: Buffer = machine.buffers[one.name]
    if one.field == "references":
        return (lambda: buffer.references), (buffer,), ()
    if one.field == "where":
        page = buffer.pages[one.page or 0]
        return (lambda: "nowhere" if page.where is None else PLACES[page.where.zone.name]), (page,), ()
    number = one.page
    if number is not None:
        return (lambda: len(buffer.pins.holders(number))), (), (buffer.pins,)
    return (lambda: sum(len(pins.ranges) for pins in buffer.pins.of.values())), (), (buffer.pins,)


def _test(source: str, tree: ast.expr, values: Mapping[str, Value]) -> Test:
    """A closure that says whether the expression holds now."""
    match tree:
        case ast.BoolOp(op=op, values=parts):
            tests = [_test(source, part, values) for part in parts]
            if isinstance(op, ast.And):
                return lambda: all(test() for test in tests)
            return lambda: any(test() for test in tests)
        case ast.UnaryOp(operand=operand):
            test = _test(source, operand, values)
            return lambda: not test()
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_value(source, side, values) for side in (left, *comparators)]
            relations = [_RELATIONS[type(op)] for op in ops]
            pairs = list(zip(relations, sides, sides[1:], strict=False))
            return lambda: all(relation(one(), other()) for relation, one, other in pairs)
        case _:  # pragma: no cover - it was refused when it was read
            raise AssertionError(ast.dump(tree))


def _value(source: str, tree: ast.expr, values: Mapping[str, Value]) -> Value:
    side = _side(source, tree)
    if isinstance(side, Field):
        return values[side.text]
    return lambda: side
