"""Audit mode: whether ops, checkers and actors keep what they declare (DESIGN 2).

Exhaustive search believes footprints, and the state graph believes settled values.
What breaks such a promise is found by nobody else: orders are silently missed. So in
audit mode every touch of a ``STATE`` field of a thing is compared with the footprint of
the step that is being made, and every settled value with the frames it stands for.
"""

from __future__ import annotations

import sys
from inspect import CO_COROUTINE
from types import BuiltinFunctionType, CoroutineType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dmabuf_async.errors import AuditError
from dmabuf_async.machine.ledger import Pins
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import told
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.engine.parking import Parking
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Footprint, Op


class Audit:
    """Compares what is touched with what is declared; raises AuditError.

    A Watch that is given one uses it. It may be shared by many executions of one
    program, one after the other: it remembers the frames of settled values.
    """

    def __init__(self) -> None:
        self._classes: dict[type[Thing], type[Thing]] = {}
        self._window: _Window | None = None
        self._settled: dict[tuple[tuple[int, ...], object], tuple[_Frozen, ...]] = {}
        self._turn = 0
        self._raised: AuditError | None = None

    def adopt(self, machine: Machine) -> None:
        """Watch every thing of this machine; those made later are adopted where they turn up."""
        for thing in machine.everything():
            self._adopt(thing)

    def _adopt(self, thing: Thing) -> None:
        cls = type(thing)
        if cls in self._classes:
            thing.__class__ = self._classes[cls]
        elif not getattr(cls, "AUDITED", False):
            self._classes[cls] = audited = _audited(cls, self)
            thing.__class__ = audited

    # Steps -----------------------------------------------------------------------

    def open(self, actor: Actor, op: Op, footprint: Footprint) -> None:
        """A step begins: until :meth:`close` only its footprint may be touched.

        Before it, this op and that of one more actor (each in turn) are asked what the core asks.
        """
        self.check()
        actors = cast("Parking", actor.run).actors
        self._turn += 1
        other = actors[self._turn % len(actors)]
        if other is not actor and other.op is not None:
            self._look(other, other.op, other.op.footprint(other))
        self._look(actor, op, footprint)
        self._window = _Window(actor, op, *footprint, "is performed")

    def _look(self, actor: Actor, op: Op, footprint: Footprint) -> None:
        """What decides about an op, and its footprint itself, may read that footprint only."""
        self._adopt(actor)
        for thing in (*footprint.reads, *footprint.writes):
            self._adopt(thing)
        self._window = _Window(actor, op, footprint.reads | footprint.writes, frozenset(), "is asked")
        op.enabled(actor)
        op.outcomes(actor)
        op.footprint(actor)
        self._window = None

    def close(self, actor: Actor, result: Any) -> None:
        """The step has been made and judged; ``actor`` is resumed next."""
        self._window = None
        if isinstance(result, Thing):
            self._adopt(result)

    def check(self) -> None:
        """Raise what was found in an actor's own code, which may have swallowed it."""
        self._window = None
        error, self._raised = self._raised, None
        if error is not None:
            raise error

    # Touches -----------------------------------------------------------------------

    def touch(self, thing: Thing, field: str, *, write: bool) -> None:
        """A STATE field of ``thing`` is read or written by somebody."""
        window = self._window
        verb = "writes" if write else "reads"
        if window is None:
            coroutine = _own_code(sys._getframe(2))
            if coroutine:
                self._raised = AuditError(
                    f"{coroutine} {verb} {thing.name}.{field} directly: what others may change is touched by ops "
                    f"only, or no scheduler sees it; await an op that {verb} it"
                )
                raise self._raised
        elif not window.allows(thing, write):
            self._window = None
            raise AuditError(
                f"{window.op.kind!r} ({type(window.op).__qualname__}) of {window.actor.name}, or a checker that "
                f"judges it, {verb} {thing.name}.{field} when it {window.when}, and {thing.name} is not among what "
                f"it declares in {verb}(): exhaustive search would miss orders"
            )

    # Settled values ------------------------------------------------------------------

    def settled(self, actor: Actor, value: object) -> None:
        """``actor`` declares that ``value`` describes it in full: equal values have equal frames."""
        self.check()
        frames = tuple(_frames(actor.coroutine))
        first = self._settled.setdefault((actor.path, value), frames)
        if first != frames:
            raise AuditError(
                f"{actor.name} settled twice with {told(value)}, but {_difference(first, frames)}: "
                "a settled value must tell all that the actor's future depends on"
            )


class _Window(NamedTuple):
    """A step, while it is made and judged, or an op while it is asked."""

    actor: Actor
    op: Op
    reads: frozenset[Thing]
    writes: frozenset[Thing]
    when: str

    def allows(self, thing: Thing, write: bool) -> bool:
        if thing in self.writes or (thing in self.reads and not write):
            return True
        # A PinTable stands for all its Pins: who reads it shares it, and has its own ones.
        if not isinstance(thing, Pins):
            return False
        own = thing.actor is self.actor and thing.table in self.reads
        return own or (thing.table in self.writes and not write)


def _audited(cls: type[Thing], audit: Audit) -> type[Thing]:
    """A subclass of the same layout whose STATE fields report to ``audit``.

    Bookkeeping of the core (``state``, ``restore``, the fingerprint) touches nothing.
    """
    fields = tuple(field for field in cls.STATE if hasattr(cls, field))
    raw = {field: getattr(cls, field) for field in fields}  # the descriptors of the slots

    def guard(field: str) -> property:
        slot = raw[field]

        def read(thing: Thing) -> Any:
            audit.touch(thing, field, write=False)
            return slot.__get__(thing)

        def write(thing: Thing, value: object) -> None:
            audit.touch(thing, field, write=True)
            slot.__set__(thing, value)

        return property(read, write)

    def state_of(thing: Thing) -> Any:
        values = tuple(slot.__get__(thing) for slot in raw.values())
        return values[0] if len(values) == 1 else values

    def restore(thing: Thing, state: Any) -> None:
        values = (state,) if len(raw) == 1 else state
        for slot, value in zip(raw.values(), values, strict=True):
            slot.__set__(thing, value)

    body: dict[str, Any] = {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    body |= {field: guard(field) for field in fields}
    if raw and cls.restore is Thing.restore:
        body["restore"] = restore
    audited: Any = type(cls.__name__, (cls,), body)
    audited.AUDITED = True
    if raw:
        audited.state_of = staticmethod(state_of)
    return cast("type[Thing]", audited)


RESUMING = ("dmabuf_async.engine.core", "dmabuf_async.engine.parking")
"""The modules that resume actors."""
RESET = Machine.reset.__code__
"""What puts everything back, for nobody; whoever calls it may stand far up."""


def _own_code(frame: FrameType | None) -> str:
    """The name of the actor's async function that the core is running now, or ``""``.

    Code of engines looks as it likes; what a coroutine calls is the coroutine's doing.
    """
    name = ""
    while frame is not None and frame.f_code is not RESET:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("dmabuf_async.engine"):
            return name if module in RESUMING else ""
        if frame.f_code.co_flags & CO_COROUTINE and not name:
            name = frame.f_code.co_qualname
        frame = frame.f_back
    return ""  # nobody runs: a test, or a report, looks


# Frames of a coroutine as plain data --------------------------------------------------


class _Frozen(NamedTuple):
    """One frame: where it is, and its locals."""

    function: str
    position: int
    locals: dict[str, _Plain]


def _frames(coroutine: object) -> list[_Frozen]:
    """The frames down the await chain, outermost first."""
    frames = []
    awaited: Any = coroutine
    while awaited is not None:
        if isinstance(awaited, CoroutineType):
            frame, code, awaited = awaited.cr_frame, awaited.cr_code, awaited.cr_await
        elif isinstance(awaited, GeneratorType):
            frame, code, awaited = awaited.gi_frame, awaited.gi_code, awaited.gi_yieldfrom
        else:
            break
        if frame is not None:
            values = {name: _frozen(value, ()) for name, value in frame.f_locals.items()}
            frames.append(_Frozen(code.co_qualname, frame.f_lasti, values))
    return frames


PLAIN = (type(None), bool, int, float, complex, str, bytes)


class _Plain(NamedTuple):
    """A value of a local as plain data, which compares by type, order and all that it holds."""

    kind: str
    """``list``, ``int``; of a thing, function or method ``named``; else the class of the object."""
    value: Any
    """Of a container or object: a tuple of _Plain, or of pairs of them."""


def _frozen(value: Any, outer: tuple[int, ...]) -> _Plain:
    """Plain data by value, things by name, containers and objects by what they hold."""
    cls = value.__class__
    if cls in PLAIN:
        return _Plain(cls.__name__, value)
    if isinstance(value, Thing):
        return _Plain("named", value.name)
    if isinstance(value, FunctionType | BuiltinFunctionType | type):
        return _Plain("named", value.__qualname__)
    if id(value) in outer:
        return _Plain("cycle", outer.index(id(value)))
    inner = (*outer, id(value))
    if isinstance(value, tuple | list):
        return _Plain(cls.__name__, tuple(_frozen(item, inner) for item in value))
    if isinstance(value, set | frozenset):
        return _Plain(cls.__name__, frozenset(_frozen(item, inner) for item in value))
    if isinstance(value, dict):
        return _Plain("dict", tuple((_frozen(key, inner), _frozen(item, inner)) for key, item in value.items()))
    name = f"{cls.__module__}.{cls.__qualname__}"
    if isinstance(value, MethodType):
        return _Plain("method", (_frozen(value.__func__, inner), _frozen(value.__self__, inner)))
    if isinstance(value, Machine | ModuleType):
        return _Plain(name, ())  # a machine's state is the machine's fingerprint
    fields = getattr(value, "__dict__", {})
    return _Plain(name, tuple((_Plain("field", key), _frozen(item, inner)) for key, item in fields.items()))


def _difference(first: tuple[_Frozen, ...], second: tuple[_Frozen, ...]) -> str:
    """What differs, in words: the local, or the position."""
    for one, other in zip(first, second, strict=False):
        if one[:2] != other[:2]:
            return f"it stood in {one.function} ({one.position}) and then in {other.function} ({other.position})"
        for name in (*one.locals, *other.locals):
            if name not in one.locals or name not in other.locals:
                return f"the local {name!r} of {one.function} was there only once"
            if one.locals[name] != other.locals[name]:
                what, was, became = _inside(name, one.locals[name], other.locals[name])
                return f"the local {what!r} of {one.function} was {_shown(was)} and then {_shown(became)}"
    return f"it stood in {len(first)} functions and then in {len(second)}"


def _inside(name: str, one: _Plain, other: _Plain) -> tuple[str, _Plain, _Plain]:
    """The attribute that differs, if it is one: ``importer.pins``."""
    if one.kind == other.kind and "." in one.kind and len(one.value) == len(other.value):
        for (field, was), (_, became) in zip(one.value, other.value, strict=True):
            if was != became:
                return _inside(f"{name}.{field.value}", was, became)
    return name, one, other


BRACKETS = {"tuple": "()", "list": "[]", "set": "{}", "frozenset": "{}", "dict": "{}"}


def _shown(plain: _Plain) -> str:
    kind: str = plain.kind
    value: Any = plain.value
    if kind in BRACKETS:
        items = [": ".join(map(_shown, item)) if kind == "dict" else _shown(item) for item in value]
        brackets = BRACKETS[kind]
        return brackets[0] + ", ".join(items if isinstance(value, tuple) else sorted(items)) + brackets[1]
    if kind in {cls.__name__ for cls in PLAIN}:
        return told(value)
    return str(value) if kind == "named" else f"a {kind}"
