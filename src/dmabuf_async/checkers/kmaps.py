"""V9 to V12: how many pages may be mapped, in which order they are unmapped, and who may sleep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.ledger import GetCall, PutCall

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.ops import Op


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
    """Who holds an atomic mapping may not call what may sleep, whether or not it would."""

    __slots__ = ()
    codes = ("sleep-in-atomic",)

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        cpu = actor.cpu
        if not op.sleeps or cpu is None or not cpu.atomic or cpu.atomic[-1].actor is not actor:
            return None
        mapping = cpu.atomic[-1]
        page = "a page beyond the end" if mapping.page is None else mapping.page.name
        if not mapping.atomic:
            rule, held = "V10", f"a mapping of {page} that kmap made atomic"
        else:
            rule, held = "V5" if isinstance(op, GetCall | PutCall) else "V12", f"an atomic mapping of {page}"
        message = f"{actor.name} calls what may sleep ({op.describe()}) while it holds {held}"
        return Found("sleep-in-atomic", rule, message, actor, (cpu,))


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
