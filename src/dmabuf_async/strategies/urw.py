"""URW, uniform random walk: uniform over interleavings, as far as it is known how long each actor goes on.

Zhao, Wolff, Mathur, Roychoudhury: Selectively Uniform Concurrency Testing, ASPLOS 2025.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.strategies.profile import Profile
from dmabuf_async.strategies.sampler import Sampler
from dmabuf_async.strategies.weights import Weights

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.strategies.base import Run, RunInfo


class Left:
    """What URW keeps of an actor: the steps that it has left, its unborn descendants' among them."""

    __slots__ = ("counted", "slot", "steps")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.slot = -1
        self.counted = True  # its weight is in the tree; else it was found not to be ready


class Urw(Sampler):
    """An actor is picked in proportion to the steps that it has left, which were measured.

    With exact counts, and as long as nobody waits, all interleavings are equally probable. A parent counts for its
    unborn descendants. Who has made more steps than were measured, or was not measured, counts as if one were left.
    """

    name = "urw"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._profile = Profile()
        self._subtrees: dict[tuple[int, ...], int] = {}

    def start(self, run: RunInfo) -> bool:
        if self.measuring:
            self._profile.end()
            self._subtrees = self._profile.subtrees()
        return super().start(run)

    def attend(self, run: Run) -> None:
        super().attend(run)
        if self.measuring:
            run.alone = self._profile.step
            return
        run.alone = self._step
        self._actors = self.woken.copy()
        self.woken.clear()
        for slot, actor in enumerate(self._actors):
            actor.rank = note = Left(self._subtrees.get(actor.path, 1))
            note.slot = slot
        self._weights = Weights([actor.rank.steps for actor in self._actors])

    def wander(self, current: Actor) -> Actor:
        actor = super().wander(current)
        self._profile.step(actor)
        return actor

    def pick(self, current: Actor) -> Actor:
        if self.woken:
            self._admit()
        weights = self._weights
        while not (actor := self._actors[weights.draw(self.roll())]).ready:
            actor.rank.counted = False
            weights.set(actor.rank.slot, 0)
        self._step(actor)
        return actor

    def _step(self, actor: Actor) -> None:
        """``actor`` is about to make a step."""
        note: Left | None = actor.rank
        if note is None:
            self._admit()
            note = actor.rank
        if note is not None and note.steps > 1:
            note.steps -= 1
            if note.counted:
                self._weights.set(note.slot, note.steps)

    def _admit(self) -> None:
        """Count those who became ready."""
        for actor in self.woken:
            note: Left | None = actor.rank
            if note is None:
                self._born(actor)
            elif not note.counted:
                note.counted = True
                self._weights.set(note.slot, note.steps)
        self.woken.clear()

    def _born(self, actor: Actor) -> None:
        steps = self._subtrees.get(actor.path, 1)
        actor.rank = note = Left(steps)
        note.slot = self._weights.add(steps)
        self._actors.append(actor)
        above: Left | None = None if actor.parent is None else actor.parent.rank
        if above is not None:
            above.steps = max(1, above.steps - steps)
            if above.counted:
                self._weights.set(above.slot, above.steps)
