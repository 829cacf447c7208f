"""Virtual time. Sleeping orders nothing but itself (DESIGN 4).

A deadline is fired by the clock, which is an actor of the environment: it may
fire as soon as one is set, since steps of others take no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dmabuf_async.ops import Op, told
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor


LONGEST: Final = 2**63 - 1
"""Ticks of one sleep: the ``MAX_SCHEDULE_TIMEOUT`` of the kernel."""


class Clock(Thing):
    """Time in ticks, and who sleeps until when. Its state holds relative deadlines only."""

    __slots__ = ("now", "timers")
    STATE = ("timers",)
    KIND = "clock"

    def __init__(self) -> None:
        super().__init__("clock")
        self.now = 0
        self.timers: tuple[tuple[int, Actor], ...] = ()  # (ticks left, who), soonest first

    async def sleep(self, ticks: int) -> None:
        """Sleep for so many ticks, 0 to 2**63 - 1; 0 counts as 1.

        Raises TypeError if they are not whole, ValueError if they are below or above.
        """
        given: object = ticks  # whoever writes a program is not checked
        if not isinstance(given, int) or isinstance(given, bool):
            raise TypeError(
                f"clock.sleep takes whole ticks, and was given {told(given)}: time is virtual, it has no unit and no "
                "parts, and only the order of deadlines matters; give an int"
            )
        if not 0 <= ticks <= LONGEST:
            raise ValueError(
                f"clock.sleep takes 0 to 2**63 - 1 ticks, and was given {told(ticks)}: no deadline lies in the past, "
                "or further off than a timeout of the kernel can"
            )
        await SetTimer(self, ticks)
        await Timeout(self)


class SetTimer(Op):
    __slots__ = ("thing", "ticks")
    kind = "sleep"
    parks = sleeps = wakes = structural = True
    thing: Clock

    def __init__(self, clock: Clock, ticks: int) -> None:
        self.thing = clock
        self.ticks = max(1, ticks)

    def apply(self, actor: Actor, outcome: int) -> None:
        clock = self.thing
        clock.timers = tuple(sorted((*clock.timers, (self.ticks, actor)), key=lambda timer: (timer[0], timer[1].path)))

    def commit(self, actor: Actor) -> None:
        assert actor.run is not None
        actor.run.tick()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"sleep {self.ticks}"


class Timeout(Op):
    __slots__ = ("thing",)
    kind = "wake"
    parks = conditional = booked = True
    thing: Clock

    def __init__(self, clock: Clock) -> None:
        self.thing = clock

    def enabled(self, actor: Actor) -> bool:
        return all(sleeper is not actor for _, sleeper in self.thing.timers)

    def apply(self, actor: Actor, outcome: int) -> None:
        return None

    def abandon(self, actor: Actor) -> None:
        clock = self.thing
        clock.timers = tuple(timer for timer in clock.timers if timer[1] is not actor)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return "wake up"


class Fire(Op):
    """What the clock does: time goes on to the next deadline, and all that are due wake."""

    __slots__ = ("thing",)
    kind = "fire"
    parks = conditional = wakes = True
    thing: Clock

    def __init__(self, clock: Clock) -> None:
        self.thing = clock

    def enabled(self, actor: Actor) -> bool:
        return bool(self.thing.timers)

    def apply(self, actor: Actor, outcome: int) -> None:
        clock = self.thing
        passed = clock.timers[0][0]
        clock.now += passed
        clock.timers = tuple((left - passed, who) for left, who in clock.timers if left > passed)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return "time goes on to the next deadline"
