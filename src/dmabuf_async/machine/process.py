"""Processes: how one is forked, what it has mapped at its end, and which of its threads is the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.mm import Mm, Vma
    from dmabuf_async.thing import Thing


class NextRegion(Op):
    """The VMA that a process mapped after ``last``; None at the end."""

    __slots__ = ("last", "thing")
    kind = "next region"
    thing: Mm

    def __init__(self, mm: Mm, last: Vma | None = None) -> None:
        self.thing = mm
        self.last = last

    def apply(self, actor: Actor, outcome: int) -> Vma | None:
        vmas, last = self.thing.vmas, self.last
        at = vmas.index(last) + 1 if last in vmas else 0 if last is None else len(vmas)
        return vmas[at] if at < len(vmas) else None

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        what = "first" if self.last is None else f"next, after {self.last.name},"
        return f"look what {self.thing.name} has mapped {what}"

    def worded(self, result: Vma | None) -> str:
        return "none" if result is None else result.name


class Bear(Op):
    """A forked process begins to run; or it never will, as the parent ends without forking it."""

    __slots__ = ("born", "thing")
    kind = "fork"
    wakes = True
    thing: Mm

    def __init__(self, mm: Mm, *, born: bool) -> None:
        self.thing = mm
        self.born = born or None

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.born = self.born

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"let {self.thing.name} run" if self.born else f"end without forking {self.thing.name}"


class AwaitFork(Op):
    """What the task of a forked process stands before; the result says whether it lives."""

    __slots__ = ("thing",)
    kind = "forked"
    parks = conditional = True
    thing: Mm

    def __init__(self, mm: Mm) -> None:
        self.thing = mm

    def enabled(self, actor: Actor) -> bool:
        return self.thing.born is not False

    def apply(self, actor: Actor, outcome: int) -> bool:
        return bool(self.thing.born)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"begin as {self.thing.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...] | None:
        forker = self.thing.forker
        return None if forker is None else (forker,)


class ExitMm(Op):
    """A thread leaves the process; the result says whether it was the last, which unmaps everything."""

    __slots__ = ("thing",)
    kind = "exit_mm"
    thing: Mm

    def __init__(self, mm: Mm) -> None:
        self.thing = mm

    def apply(self, actor: Actor, outcome: int) -> bool:
        self.thing.users -= 1
        return self.thing.users == 0

    def worded(self, result: bool) -> str:
        return "" if result else "others remain"

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)
