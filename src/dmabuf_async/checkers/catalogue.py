"""All checkers that ship, and all codes with their pages."""

from __future__ import annotations

from importlib import resources
from typing import Final

from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.coherence import LostWrite, StaleRead, TornCopy
from dmabuf_async.checkers.deadlock import Deadlock
from dmabuf_async.checkers.device import BadState, StaleIotlb
from dmabuf_async.checkers.kmaps import KmapLeak, KmapLimit, KmapOrder, SleepInAtomic, StaleKmap
from dmabuf_async.checkers.locking import DoubleUnlock, LockOrder, MissingLock
from dmabuf_async.checkers.memory import DoubleFree, FrameLeak, LeakAtExit, UseAfterFree
from dmabuf_async.checkers.pinning import (
    AccessWithoutBacking,
    BadRange,
    MovedWhilePinned,
    PinLeak,
    UnbalancedPut,
)
from dmabuf_async.checkers.program import UnhandledException
from dmabuf_async.checkers.properties import AlwaysViolated
from dmabuf_async.checkers.races import DataRace
from dmabuf_async.checkers.translation import Translations

CHECKERS: Final[tuple[Checker, ...]] = (
    # At one step, the first that applies is told first.
    BadRange(),
    AccessWithoutBacking(),
    MovedWhilePinned(),
    Translations(),
    UnbalancedPut(),
    KmapLimit(),
    KmapOrder(),
    SleepInAtomic(),
    StaleKmap(),
    StaleIotlb(),
    BadState(),
    UseAfterFree(),
    DoubleFree(),
    LostWrite(),
    TornCopy(),
    StaleRead(),
    MissingLock(),
    DoubleUnlock(),
    LockOrder(),
    DataRace(),
    AlwaysViolated(),
    Deadlock(),
    UnhandledException(),
    PinLeak(),
    KmapLeak(),
    LeakAtExit(),
    FrameLeak(),
)

PROGRESS: Final = ("livelock", "eventually-violated")
"""Codes that no step shows, but a fair run that never ends: only the state graph decides them."""

CODES: Final[tuple[str, ...]] = (*(code for checker in CHECKERS for code in checker.codes), *PROGRESS)


def page(code: str) -> str:
    """What ``explain CODE`` prints, in Markdown: what happened, the rule, the smallest scenario, the cure."""
    return resources.files("dmabuf_async.checkers").joinpath(f"pages/{code}.md").read_text(encoding="utf-8")


def summary(written: str) -> str:
    """The first sentence of a page, in one line and without marks."""
    paragraphs = (part for part in written.split("\n\n") if part.strip() and not part.lstrip().startswith("#"))
    text = " ".join(next(paragraphs, "").split())
    return text.partition(". ")[0].rstrip(".").replace("`", "").replace("*", "")
