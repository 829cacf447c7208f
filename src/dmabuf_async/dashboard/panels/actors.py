"""The panel of actors: where each stands, what it waits for, what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import (
    BROKEN,
    SMALL,
    WAITING,
    WIDE,
    Cell,
    called,
    fitted,
    hues,
    line,
    listed,
    more,
    row,
    widest,
)
from dmabuf_async.machine.snapshot import ActorView, Snapshot

_STYLES: Final = {"ready": "green", "blocked": WAITING, "ended": "dim", "idle": "dim", "deadlock": BROKEN}


def actors(snapshot: Snapshot, *, width: int, rows: int | None = None, current: str = "") -> list[Text]:
    """Who stands where: cpu, state, the op that comes next or what it waits for, what it holds.

    ``current`` made the latest step, and is marked ``>``. If not all fit, those that have
    ended or idle are left out first.
    """
    views = snapshot.actors
    kept = views if rows is None or len(views) <= rows else _foremost(views, max(0, rows - 1), current)
    hue = hues(snapshot)
    before = [_stands_before(actor) for actor in kept]
    holds = [_holds(actor, all_of_it=True) for actor in kept]
    name = widest((actor.name for actor in kept), width // 5)
    cpu = widest((_cpu(actor) for actor in kept), 5) if width >= SMALL else 0
    room = max(0, width - 2 - (2 + name) - (cpu and 2 + cpu) - (2 + 8) - 2)
    if width < SMALL:
        holds = [line("")] * len(kept)
    elif 2 + widest(before, room) + widest(holds, room) > room:
        holds = [_holds(actor, all_of_it=False) for actor in kept]
    held = min(widest(holds, room), max(room // 4, room - 2 - widest(before, room)))
    site = widest((actor.site for actor in kept), width * 2 // 5) if width >= WIDE else 0
    site = min(site, max(0, room - held - 4 - widest(before, room // 2)))
    site = site if site > 12 else 0  # less says nothing
    room -= (held and held + 2) + (site and site + 2)
    lines = []
    for actor, words, holding in zip(kept, before, holds, strict=True):
        state = "deadlock" if actor.stuck and actor.state != "ended" else actor.state
        dim = "dim" if state in {"ended", "idle"} else ""
        now = actor.name == current
        lines.append(
            line("> " if now else "  ", "bold").append_text(
                row(
                    width - 2,
                    Cell(name, called(actor.name, name), f"{hue.get(actor.name, '')} {'bold' if now else dim}"),
                    Cell(cpu, _cpu(actor), dim),
                    Cell(8, state, _STYLES.get(state, "")),
                    Cell(room, words),
                    Cell(held, holding),
                    Cell(site, actor.site, "dim"),
                )
            )
        )
    lines = [fitted(text, width) for text in lines]
    return [*lines, more(len(views) - len(kept), "actor")] if len(kept) < len(views) else lines


def _foremost(views: Sequence[ActorView], count: int, current: str) -> list[ActorView]:
    """The ``count`` actors that matter most now, in their own order."""
    rank = {"idle": 3, "ended": 4}
    order = sorted(
        views, key=lambda actor: 0 if actor.name == current else 1 if actor.stuck else rank.get(actor.state, 2)
    )
    chosen = {actor.name for actor in order[:count]}
    return [actor for actor in views if actor.name in chosen]


def _cpu(actor: ActorView) -> str:
    return "" if actor.cpu is None else f"cpu{actor.cpu}"


def _stands_before(actor: ActorView) -> Text:
    if actor.state == "ended":
        return line(f"by {actor.failure}", BROKEN) if actor.failure else line("")
    if actor.waits_for:
        return line(f"waits for {actor.waits_for}", "dim" if actor.state == "idle" else "")
    if actor.op:
        return line(actor.op, "dim" if actor.state == "idle" else "")
    return line("goes to its next step" if actor.site else "has not begun", "dim")


def _holds(actor: ActorView, *, all_of_it: bool) -> Text:
    """Pins and mappings are also told by the buffers, so they can be left out."""
    held = [line("atomic", "bold")] if actor.atomic else []
    held += [line(name, WAITING) for name in actor.locks]
    if all_of_it:
        held += [line(name) for name in _counted(f"pin {name}" for name in actor.pins)]
        held += [line(name) for name in _counted(f"kmap {name}" for name in actor.kmaps)]
    return listed(held)


def _counted(names: Iterable[str]) -> list[str]:
    """``importer``, ``mover (twice)``."""
    times = {1: "", 2: " (twice)"}
    return [name + times.get(count, f" ({count} times)") for name, count in Counter(names).items()]
