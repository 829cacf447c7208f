"""V9 to V12: how many pages may be mapped, in which order they are unmapped, and who may sleep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.kmap import Mapping
from dmabuf_async.machine.ledger import GetCall, PutCall

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.ops import Op
    from dmabuf_async.thing import Thing


class KmapLimit(Checker):
    """At most two mapped pages a task; the third call is the fault, before it waits."""

    __slots__ = ()
    codes = ("kmap-limit",)

    def marked(self, mark: Mark) -> Found | None:
        actor = mark.actor
        message = f"{actor.name} calls for another mapping while it holds {actor.held}, and 2 is the limit"
        return Found("kmap-limit", "V9", message, actor, (mark.thing,))


class KmapOrder(Checker):
    """Atomic mappings are released last first, by the task and CPU that made them."""

    __slots__ = ()
    codes = ("kmap-order",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("kmap-order", "V12", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class SleepInAtomic(Checker):
    """Whoever is in atomic context may not call what may sleep, whether or not it would."""

    __slots__ = ()
    codes = ("sleep-in-atomic",)

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        cpu = actor.cpu
        if not op.sleeps or cpu is None or not cpu.atomic or cpu.atomic[-1].actor is not actor:
            return None
        rule, held = _why(cpu.atomic[-1].thing, cpu)
        if rule != "V10" and isinstance(op, GetCall | PutCall):
            rule = "V5"
        message = f"{actor.name} calls what may sleep ({op.describe()}) while it holds {held}"
        return Found("sleep-in-atomic", rule, message, actor, (cpu,))


def _why(thing: Thing, cpu: Cpu) -> tuple[str, str]:
    """The rule that forbids sleeping, and what is held."""
    if thing is cpu:
        return "P7", f"interrupts of {cpu.name} off"
    if not isinstance(thing, Mapping):
        return "P7", f"the spinlock {thing.name}"
    page = "a page beyond the end" if thing.page is None else thing.page.name
    return (
        ("V12", f"an atomic mapping of {page}")
        if thing.atomic
        else ("V10", f"a mapping of {page} that kmap made atomic")
    )


class KmapLeak(Checker):
    """A kernel task that ends has unmapped what it mapped."""

    __slots__ = ()
    codes = ("kmap-leak",)

    def over(self, machine: Machine, actors: Sequence[Actor]) -> Iterable[Found]:
        for mapping in machine.kmaps.mappings:
            if not mapping.actor.user:
                page = "a page beyond the end" if mapping.page is None else mapping.page.name
                message = f"{mapping.actor.name} ends and has {page} still mapped: kmap without kunmap"
                yield Found("kmap-leak", "V12" if mapping.atomic else "V8", message, mapping.actor, (mapping,))


class StaleKmap(Checker):
    """A kernel mapping is used after kunmap, or after its page has moved."""

    __slots__ = ()
    codes = ("stale-kmap",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("stale-kmap", "V8", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))
