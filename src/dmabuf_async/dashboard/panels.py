"""Panels: pure functions from a snapshot to what rich can render, one line a thing.

Each panel returns a :class:`~rich.console.Group` of single lines, so that its height
is known: ``len(panel.renderables)``. ``width`` is in cells; ``rows`` is the most lines it may
have, None for as many as it needs. Names of the scenario are shown literally; what
a colour says is also said in words or by a sign.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group
from rich.text import Text

from dmabuf_async.machine.snapshot import ActorView, BufferView, KmapView, PageView, Snapshot
from dmabuf_async.report.lanes import printable
from dmabuf_async.trace.events import Event, Finding

WIDE: Final = 110
"""From this width on, a panel has room for what is nice to know."""
_LINES_OF_A_FINDING: Final = 3
_STYLES: Final = {"blocked": "yellow", "ended": "dim", "idle": "dim", "deadlock": "bold red"}


def actors(snapshot: Snapshot, *, width: int, rows: int | None = None, current: str = "") -> Group:
    """Who stands where: cpu, state, the op that comes next or what it waits for, what it holds.

    ``current`` made the latest step, and is marked ``>``. If not all fit, those that have
    ended or idle are left out first.
    """
    views = snapshot.actors
    kept = views if rows is None or len(views) <= rows else _foremost(views, max(0, rows - 1), current)
    name = _widest((actor.name for actor in kept), width // 5)
    wide = width >= WIDE
    site = width // 4 if wide else 0
    holds = min(width // 4, max((len(_holds(actor, wide=wide)) for actor in kept), default=0))
    room = width - 2 - name - 2 - 5 - 2 - 8 - 2 - (holds and holds + 2) - (site and site + 2)
    lines = []
    for actor in kept:
        state = "deadlock" if actor.stuck and not actor.ended else actor.state
        dim = "dim" if state in {"ended", "idle"} else ""
        line = _row(
            (2, ">" if actor.name == current else "", "bold"),
            (name + 2, actor.name, "bold" if actor.name == current else dim),
            (7, "" if actor.cpu is None else f"cpu{actor.cpu}", dim),
            (10, state, _STYLES.get(state, "")),
            (room + 2, _stands_before(actor), "red" if actor.failure else dim),
            (holds and holds + 2, _holds(actor, wide=wide), "bold" if actor.atomic else ""),
            (site, actor.site, "dim"),
        )
        lines.append(line)
    return Group(*lines, *_more(len(views) - len(kept)))


def _foremost(views: Sequence[ActorView], count: int, current: str) -> list[ActorView]:
    """The ``count`` actors that matter most now, in their own order."""
    rank = {"blocked": 1, "ready": 1, "idle": 2, "ended": 3}
    order = sorted(views, key=lambda actor: 0 if actor.name == current else rank.get(actor.state, 1))
    chosen = {actor.name for actor in order[:count]}
    return [actor for actor in views if actor.name in chosen]


def _stands_before(actor: ActorView) -> str:
    if actor.state == "ended":
        return f"by {actor.failure}" if actor.failure else ""
    if actor.waits_for:
        return f"waits for {actor.waits_for}"
    return actor.op or "has not begun"


def _holds(actor: ActorView, *, wide: bool) -> str:
    """What it holds; pins and mappings are told by the buffers where there is little room."""
    held = [*actor.locks]
    if wide:
        held += [f"pin {name}" for name in actor.pins] + [f"kmap {name}" for name in actor.kmaps]
    if actor.atomic:
        held.append("atomic")
    return ", ".join(held)


def buffers(snapshot: Snapshot, *, width: int, rows: int | None = None) -> Group:
    """Where each page is and where it is moving to, who pins it, and who has it mapped."""
    lines: list[Text] = []
    for buffer in snapshot.buffers:
        references = f"{buffer.references} reference{'s' * (buffer.references != 1)}"
        lock = f"lock held by {buffer.lock}" if buffer.lock else "lock free"
        lines.append(
            _row(
                (min(20, width // 4), buffer.name, "bold"),
                (12, buffer.exporter or "no exporter", ""),
                (15, references if buffer.references else "released", "" if buffer.references else "bold"),
                (max(0, width - min(20, width // 4) - 27), lock, "" if buffer.lock else "dim"),
            )
        )
        lines += _pages(buffer, width)
    return Group(*_cut(lines, rows)) if lines else Group(Text("no buffers", "dim"))


def _pages(buffer: BufferView, width: int) -> list[Text]:
    """A line a page; pages next to each other that nobody uses share one."""
    runs: list[tuple[int, int, PageView]] = []
    for index, page in enumerate(buffer.pages):
        quiet = not (page.pins or page.kmaps or page.moves) and page.newest == page.words
        if runs and quiet and _alike(runs[-1][2], page):
            runs[-1] = (runs[-1][0], index, page)
        else:
            runs.append((index, index, page))
    where = [_where(page, last - first + 1) for first, last, page in runs]
    place = min(width // 2, max(map(len, where)) + 2)
    return [
        _row(
            (2, "", ""),
            (8, f"[{first}]" if first == last else f"[{first}..{last}]", ""),
            (place, text, "yellow" if page.moves else ""),
        ).append_text(_users(page, max(0, width - 10 - place)))
        for (first, last, page), text in zip(runs, where, strict=True)
    ]


def _alike(one: PageView, other: PageView) -> bool:
    quiet = not (one.pins or one.kmaps or one.moves) and one.newest == one.words
    return quiet and one.where.partition("#")[0] == other.where.partition("#")[0]


def _where(page: PageView, pages: int) -> str:
    """``ram#0``, ``ram#0 > swap#1 (1 of 2 words)``, ``in swap``."""
    if pages > 1:
        return f"{pages} pages in {page.where.partition('#')[0] or 'no place'}"
    text = page.where or "nowhere"
    if page.newest < page.words and page.where:
        text += f" ({_words(page.newest, page.words)})"
    for move in page.moves:
        text += f" > {move.place} ({_words(move.words, page.words)})"
    return text


def _words(newest: int, words: int) -> str:
    return f"{newest} of {words} words newest"


def _users(page: PageView, width: int) -> Text:
    text = Text(no_wrap=True)
    if page.pins:
        text.append(f"pinned by {_counted(page.pins)}  ")
    kmaps = [_kmap(kmap) for kmap in page.kmaps]
    if kmaps:
        stale = any(kmap.stale for kmap in page.kmaps)
        text.append(f"mapped by {_counted(kmaps)}", "bold red" if stale else "")
    if not page.pins and not kmaps:
        text.append("-", "dim")
    return _fitted(Text(printable(text.plain), spans=text.spans, no_wrap=True), width)


def _kmap(kmap: KmapView) -> str:
    stale = f" STALE, leads to {kmap.place or 'nothing'}" if kmap.stale else ""
    return f"{kmap.actor}{' atomic' * kmap.atomic}{stale}"


def _counted(names: Iterable[str]) -> str:
    """``importer, mover (twice)``."""
    times = {1: "", 2: " (twice)"}
    return ", ".join(name + times.get(count, f" ({count} times)") for name, count in Counter(names).items())


def memory(snapshot: Snapshot, *, width: int, rows: int | None = None) -> Group:
    """Each zone, place by place: the page that owns it, or a dot if it is free."""
    lines = []
    for zone in snapshot.zones:
        if not zone.total:
            continue
        owners = [*(owner or "." for owner in zone.owners), *["."] * (zone.total - len(zone.owners))]
        full = zone.used >= zone.total
        use = f"{zone.used} of {zone.total}{', full' * full}"
        lines.append(
            _row(
                (12, zone.name, ""),
                (14, use, "bold yellow" if full else ""),
                (max(0, width - 26), " ".join(owners), "dim"),
            )
        )
    return Group(*_cut(lines, rows))


def memory_in_brief(snapshot: Snapshot, *, width: int) -> Text:
    """The same in one line: ``ram 2/4   swap 0/4``."""
    zones = [zone for zone in snapshot.zones if zone.total]
    text = "   ".join(f"{zone.name} {zone.used}/{zone.total}{' full' * (zone.used >= zone.total)}" for zone in zones)
    return _fitted(Text(printable(text), no_wrap=True), width)


def shared(snapshot: Snapshot, *, width: int, rows: int | None = None) -> Group:
    """Mutexes with their holder, cells and counters with their value."""
    name = _widest((view.name for view in snapshot.shared), width // 2)
    lines = []
    for view in snapshot.shared:
        free = view.kind == "mutex" and not view.value
        value = "free" if free else f"held by {view.value}" if view.kind == "mutex" else view.value
        lines.append(
            _row(
                (name + 2, view.name, ""),
                (9, view.kind, "dim"),
                (max(0, width - name - 11), value, "dim" if free else ""),
            )
        )
    return Group(*_cut(lines, rows)) if lines else Group(Text("nothing", "dim"))


def steps(events: Sequence[Event], findings: Sequence[Finding] = (), *, width: int, rows: int | None = None) -> Group:
    """The latest steps, newest last; ``x`` marks those at which a rule broke."""
    if not events:
        return Group(Text("nobody has made a step", "dim"))
    shown = events if rows is None or len(events) <= rows else events[len(events) - max(1, rows - 1) :]
    codes: dict[int, list[str]] = {}
    for finding in findings:
        codes.setdefault(finding.step, []).append(finding.code)
    number = max(4, len(str(shown[-1].step)))
    who = _widest((_who(event) for event in shown), width // 4)
    notes = {event.step: _note(event, codes.get(event.step, ())) for event in shown}
    note = min(width // 3, max(map(len, notes.values())))
    room = max(0, width - 2 - number - 2 - who - 2 - (note and note + 2))
    lines = []
    for event in shown:
        broken = event.step in codes
        style = "bold" if event is events[-1] else ""
        lines.append(
            _row(
                (2, "x" if broken else "", "bold red"),
                (number + 2, str(event.step).rjust(number), "dim"),
                (who + 2, _who(event), style),
                (room, f"{event.text} -> {event.result}" if event.result else event.text, style),
                (note and 2, "", ""),
                (note, notes[event.step], "bold red" if broken else "yellow"),
            )
        )
    earlier = shown[0].step - 1 if len(shown) < len(events) else 0
    return Group(*([Text(f"  + {earlier} earlier", "dim")] if earlier else []), *lines)


def _who(event: Event) -> str:
    return event.actor if event.cpu is None else f"{event.actor} (cpu{event.cpu})"


def _note(event: Event, codes: Iterable[str]) -> str:
    notes = [f"x {code}" for code in codes]
    if event.preempts is not None:
        notes.append(f"< preempts {event.preempts}")
    elif event.fault and event.cpu is not None:
        notes.append("< a fault of the environment")
    return " ".join(notes)


def findings(found: Sequence[Finding], *, width: int, rows: int | None = None, over: bool = False) -> Group:
    """What broke: primary findings, marked ``x``, before what follows from them, marked ``-``.

    ``over``: the execution has ended, so nothing more will come.
    """
    if not found:
        return Group(Text("nothing" if over else "nothing so far", "dim"))
    blocks = [_finding(finding, width) for finding in sorted(found, key=lambda finding: not finding.primary)]
    if rows is None or sum(map(len, blocks)) <= rows:
        return Group(*(line for block in blocks for line in block))
    lines: list[Text] = []
    told = 0
    for block in blocks:
        if lines and len(lines) + len(block) > rows - 1:
            break
        lines += block[: max(1, rows - 1)]
        told += 1
    return Group(*lines, *_more(len(blocks) - told))


def _finding(finding: Finding, width: int) -> list[Text]:
    head = f"{'x' if finding.primary else '-'} {finding.code}"
    rule = f", {finding.rule}" if finding.rule else ""
    words = printable(f"{head}  step {finding.step}{rule}: {finding.message}")
    wrapped = textwrap.wrap(
        words, max(20, width), subsequent_indent="  ", max_lines=_LINES_OF_A_FINDING, placeholder=" ..."
    )
    lines = [Text(line, no_wrap=True) for line in wrapped]
    lines[0].stylize("bold red" if finding.primary else "", 0, len(head))
    if not finding.primary:
        for line in lines:
            line.stylize("dim")
    return lines


# Lines -----------------------------------------------------------------------------


def _row(*cells: tuple[int, str, str]) -> Text:
    """One line of (width, words, style); words that are too long end in an ellipsis."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for width, words, style in cells:
        if width > 0:
            gap = 1 if width > 2 else 0  # what was cut must not touch what follows
            line.append_text(_fitted(Text(printable(words), style), width - gap, pad=True))
            line.append(" " * gap)
    line.rstrip()
    return line


def _fitted(text: Text, width: int, *, pad: bool = False) -> Text:
    text.truncate(width, overflow="ellipsis", pad=pad)
    return text


def _widest(words: Iterable[str], most: int) -> int:
    return min(most, max((Text(printable(word)).cell_len for word in words), default=0))


def _cut(lines: list[Text], rows: int | None) -> list[Text]:
    if rows is None or len(lines) <= rows:
        return lines
    kept = lines[: max(0, rows - 1)]
    return [*kept, *_more(len(lines) - len(kept))]


def _more(count: int) -> list[Text]:
    return [Text(f"  + {count} more", "dim")] if count > 0 else []
