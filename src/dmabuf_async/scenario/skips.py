"""Steps that a trylock leaves out when the lock is not to be had, and which ones it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dmabuf_async.scenario.hints import Mistake
from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.schema import TaskSpec
from dmabuf_async.scenario.verbs import device, kernel, locks, process
from dmabuf_async.scenario.verbs.base import Verb

NAMING: Final = (
    kernel.Kmap, kernel.Kunmap, kernel.KmapAtomic, kernel.KunmapAtomic, process.Mmap, process.Munmap,
    device.Attach, device.Detach, device.MapDmaBuf, device.UnmapDmaBuf, device.DmaRead, device.DmaWrite, device.DmaWait,
)  # fmt: skip
"""What other steps mean by a name is there or not by these: it has to be known which of them are made."""


def skips(step: Verb) -> int:
    """How many of the steps after it are left out if it comes to nothing."""
    return step.skip if isinstance(step, locks.AnyTrylock) else 0


def wrong_skips(path: KeyPath, task: TaskSpec) -> Iterator[Mistake]:
    """Blocks that go on beyond the last step, or in which something gets its name or loses it."""
    for index, step in enumerate(task.steps):
        left = len(task.steps) - index - 1
        if skips(step) > left:
            there = f"only {left} step{'s' * (left != 1)}" if left else "no step"
            yield Mistake(
                (*path, "steps", index, "skip"),
                f"there {'are' if left > 1 else 'is'} {there} after it; set skip = {left}",
            )
        for later in range(index + 1, min(index + skips(step), len(task.steps) - 1) + 1):
            if isinstance(task.steps[later], NAMING):
                yield Mistake(
                    (*path, "steps", later, "do"),
                    f"it may be left out by steps[{index}], and then nobody knows what is mapped; move it on",
                )
