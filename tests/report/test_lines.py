from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dmabuf_async.explore.why import Pair, Why
from dmabuf_async.report.lines import Line, parting, reason, text
from dmabuf_async.trace.events import Event, Finding, Trace

GOLDEN = Path(__file__).parent / "golden"
VERDICT = "refuted; this is the least: 2 preemptions, 13 steps"
REPLAY = "dmabuf-async replay scenarios/mmap/zap-after-move.toml dba1:mv7k.vg1wk100km"


def event(
    step: int,
    actor: str,
    words: str,
    *,
    reads: str = "",
    writes: str = "",
    result: str = "",
    preempts: str | None = None,
) -> Event:
    cpu = {"display": 0, "mover": 1, "camera": 1}.get(actor)
    return Event(
        step,
        actor,
        cpu,
        words.split(maxsplit=1)[0],
        words,
        result,
        fault=cpu is None,
        preempts=preempts,
        reads=frozenset(reads.split()),
        writes=frozenset(writes.split()),
    )


MOVED = Finding(
    "stale-pte",
    "P1, P2",
    "frame ram#2 is switched away while display's page 0 still points to it",
    step=13,
    actor="mover",
)
LOST = Finding(
    "lost-write",
    "V9",
    "display stored into ram#2, which nobody will read again, for fb[0] is vram#0",
    step=15,
    actor="display",
    primary=False,
)
RUN = Trace(
    ("display", "mover", "camera", "memory"),
    (
        event(1, "display", "mmap fb at m", writes="vma"),
        event(2, "camera", "allocate a page of cam", writes="ram", result="ram#0"),
        event(3, "display", "lock fb", writes="lock"),
        event(4, "display", "fault page 0: pte = ram#2", reads="fb[0]", writes="pte"),
        event(5, "display", "unlock fb", writes="lock"),
        event(6, "mover", "lock fb", writes="lock", preempts="display"),
        event(7, "mover", "allocate a page in vram", writes="vram", result="vram#0"),
        event(8, "memory", "no page in lowmem", writes="lowmem"),
        event(9, "camera", "store word 1 of cam", writes="ram"),
        event(10, "mover", "copy word 0: ram#2 to vram#0", reads="ram#2", writes="vram#0"),
        event(11, "mover", "copy word 1: ram#2 to vram#0", reads="ram#2", writes="vram#0"),
        event(
            12,
            "camera",
            "map the attachment of fb for DMA",
            reads="fb[0]",
            writes="iova",
            result="iova 0x1000",
            preempts="mover",
        ),
        event(13, "mover", "switch fb[0] to vram#0", reads="pte iova", writes="fb[0]"),
        event(14, "mover", "free ram#2", reads="pte", writes="ram#2"),
        event(15, "display", "store word 0 through m", reads="pte", writes="ram#2"),
    ),
    (MOVED, LOST),
)


def report(run: Trace = RUN, finding: Finding | None = MOVED, *, width: int = 100, every: bool = False) -> list[Line]:
    return text(run, finding, verdict=VERDICT, replay=REPLAY, width=width, steps="all" if every else "some")


def crowd(actors: int) -> Trace:
    """Each of many actors makes one step, and they all depend on one another."""
    names = tuple(f"importer-{number}" for number in range(actors))
    steps = tuple(event(step, name, f"kmap page {step} of fb", writes="fb") for step, name in enumerate(names, 1))
    return Trace(names, steps, ())


@pytest.mark.parametrize(
    ("name", "width", "every"),
    [
        ("lines-60", 60, False),
        ("lines-80", 80, False),
        ("lines-120", 120, False),
        ("lines-160", 160, False),
        ("lines-every-120", 120, True),
    ],
)
def test_the_report_looks_as_agreed(name: str, width: int, every: bool) -> None:
    shown = "".join(f"{line.text}\n" for line in report(width=width, every=every))
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", range(60, 301))
def test_no_line_but_a_command_is_wider_than_asked_and_no_word_is_lost(width: int) -> None:
    lines = report(width=width)
    assert lines[-2] == Line(f"  replay   {REPLAY}", "plain")
    assert all(len(line.text) <= width for line in lines[:-2])
    assert all(line.text == line.text.rstrip() for line in lines)
    written = sorted(word for line in lines for word in line.text.split())
    widest = sorted(word for line in report(width=300) for word in line.text.split())
    assert written == widest


def test_the_width_stays_between_60_and_300() -> None:
    assert report(width=10) == report(width=60)
    assert report(width=1000) == report(width=300)


def test_each_step_begins_in_the_column_of_its_actor() -> None:
    for width in (60, 80, 100, 120, 200):
        lines = [line.text for line in report(width=width)]
        head = next(line for line in lines if "display (cpu0)" in line)
        for step, actor, words in [(1, "display", "mmap"), (6, "mover", "lock"), (12, "camera", "map")]:
            row = next(line for line in lines if line.split()[:1] == [str(step)])
            assert row.index(words) == head.index(actor)


def test_lines_of_a_step_have_the_style_of_what_is_noted_there() -> None:
    styles = {" ".join(line.text.split()[:2]): line.style for line in report(width=80) if line.text}
    assert styles["x stale-pte"] == "finding"
    assert styles["display (cpu0)"] == "head"
    assert (styles["1 mmap"], styles["6 lock"], styles["13 switch"]) == ("step", "note", "finding")
    assert styles["< preempted"] == "note", "a note below its step is styled as the step"
    assert styles["3 hidden"] == "dim"
    assert {styles["then lost-write"], styles["verdict refuted;"], styles["replay dmabuf-async"]} == {"plain"}


def test_what_is_wrapped_in_a_lane_hangs_below_its_first_word() -> None:
    lines = [line.text for line in report(width=80)]
    first, second = next(pair for pair in pairwise(lines) if pair[0].startswith("   10"))
    assert second.index("vram#0") == first.index("copy") + 2


def test_a_note_that_finds_no_room_behind_its_text_goes_below_it() -> None:
    lines = [line.text for line in report(width=60)]
    first, second = next(pair for pair in pairwise(lines) if pair[0].startswith("    6"))
    assert second.strip() == "< preempted here (1 of 2)"
    assert second.index("<") == first.index("lock") + 2


def test_notes_stand_in_a_column_of_their_own_where_there_is_room() -> None:
    notes = [line.text for line in report(width=160) if line.style in {"note", "finding"}][1:]
    assert len({max(note.find("  < "), note.find("  x ")) for note in notes}) == 1


def test_a_word_longer_than_its_column_is_broken_with_a_sign() -> None:
    name = "a_very_long_name_of_a_buffer_that_nobody_can_break_between_words"
    run = replace(crowd(3), events=(*crowd(2).events, event(3, "importer-2", f"kmap {name}", writes="fb")))
    lines = [line.text for line in report(run, None, width=60)]
    cut = [line.strip() for line in lines if line.endswith("\\")]
    assert cut
    at = next(index for index, line in enumerate(lines) if line.endswith("\\"))
    assert "".join(line.strip().rstrip("\\") for line in lines[at : at + len(cut) + 1]) == name


@pytest.mark.parametrize(("actors", "listed"), [(3, False), (4, True), (40, True)])
def test_more_actors_than_fit_become_a_list(actors: int, listed: bool) -> None:
    lines = report(crowd(actors), None, width=60)
    assert (lines[0].text.split() == ["who", "does"]) is listed
    assert all(len(line.text) <= 60 for line in lines[:-1])
    if listed:
        assert lines[1].text.split(maxsplit=2) == ["1", "importer-0", "kmap page 1 of fb"]


def test_hidden_steps_are_counted_and_only_mentioned_if_there_are_any() -> None:
    def hidden(run: Trace, *, every: bool = False) -> list[str]:
        return [line.text.strip() for line in report(run, every=every) if line.style == "dim"]

    assert hidden(RUN) == ["3 hidden steps play no part, or come later: --all"]
    assert hidden(replace(RUN, events=RUN.events[:13])) == ["1 hidden step plays no part, or comes later: --all"]
    assert hidden(RUN, every=True) == []


def test_only_findings_that_are_not_primary_are_told_as_consequences() -> None:
    then = [line.text for line in report(width=200) if line.text.startswith("  then")]
    assert then == [f"  then     lost-write at step 15 (V9): {LOST.message}"]


def test_many_consequences_do_not_bury_the_finding() -> None:
    then = [
        line.text
        for line in report(replace(RUN, findings=(MOVED, *[LOST] * 30)), width=200)
        if line.text.startswith("  then")
    ]
    assert len(then) == 6
    assert then[-1] == "  then     25 more findings that follow from what broke first"


def test_a_finding_without_a_rule_names_none() -> None:
    program = replace(MOVED, code="assertion", rule="", message="the page holds 2")
    assert report(finding=program)[0].text == "x assertion   the page holds 2"


def test_one_rule_is_named_in_the_singular_at_the_right_edge() -> None:
    line = report(finding=replace(MOVED, rule="V7"), width=110)[0].text
    assert line.endswith("   rule V7")
    assert len(line) == 110


def test_a_message_with_no_room_beside_a_long_code_goes_below_it() -> None:
    lines = report(finding=replace(MOVED, code="access-without-backing", rule="V1, V2, V3"), width=60)
    assert lines[0].text == "x access-without-backing                    rules V1, V2, V3"
    assert lines[1].text == "  frame ram#2 is switched away while display's page 0 still"
    assert lines[2].text == "  points to it"


def test_without_a_finding_there_is_neither_headline_nor_explanation() -> None:
    lines = report(replace(RUN, findings=()), None, width=120)
    assert lines[0].style == "head"
    assert [line.text.split()[0] for line in lines[-2:]] == ["verdict", "replay"]
    assert not any(line.style == "finding" for line in lines)


def test_an_execution_without_a_step_is_only_the_tail() -> None:
    lines = report(Trace((), (), ()), None)
    assert [line.text.split()[0] for line in lines] == ["verdict", "replay"]


def explained(*steps: int, **changed: object) -> Why:
    """What hangs on the order of two steps of RUN; 0 is a step that never came."""
    never = replace(RUN.events[11], step=0)
    first, second = (RUN.events[step - 1] if step else never for step in steps or (0, 0))
    pairs = (Pair(first, second, ("fb[0]",)),) if steps else ()
    plain = Why(pairs, (), "", parts=0, instead=None, alone=False, tried=12)
    return replace(plain, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (
            explained(4, 13),
            (
                "it hangs on this order: display's `fault page 0: pte = ram#2` (4) comes before mover's `switch fb[0] "
                "to vram#0` (13); the other way round it holds"
            ),
        ),
        (
            explained(4, 0),
            (
                "it hangs on this order: display's `fault page 0: pte = ram#2` (4) comes before camera's `map the "
                "attachment of fb for DMA`; the other way round it holds"
            ),
        ),
        (
            explained(faults=(RUN.events[7],)),
            "it hangs on memory's `no page in lowmem` (8); without that it holds",
        ),
        (
            explained(faults=(replace(RUN.events[6], result="ENOMEM"),)),
            "it hangs on mover's `allocate a page in vram` (7) with ENOMEM; without that it holds",
        ),
        (
            explained(alone=True),
            (
                "it is no race: it depends on no step of any other actor, and 12 other orders of conflicting ops still "
                "show it"
            ),
        ),
        (
            explained(alone=True, tried=1),
            (
                "it is no race: it depends on no step of any other actor, and 1 other order of conflicting ops still "
                "shows it"
            ),
        ),
        (explained(alone=True, tried=0), "it is no race: it depends on no step of any other actor"),
        (
            explained(),
            "no order of two ops was seen to matter: 12 other orders of conflicting ops still show it",
        ),
        (explained(tried=0), "no other order of conflicting ops was seen"),
    ],
)
def test_the_reason_is_told_in_words_and_claims_what_was_seen(why: Why, words: str) -> None:
    assert reason(why) == words


def test_where_the_nearest_passing_execution_parts_is_told_with_the_command_that_shows_it() -> None:
    why = explained(4, 13, passing="dba1:x", parts=13, instead=RUN.events[13])
    told = [line.text for line in text(RUN, MOVED, verdict=VERDICT, replay=REPLAY, why=why, passes="dmabuf-async pass")]
    at = next(n for n, line in enumerate(told) if line.startswith("  passes"))
    assert told[at] == "  passes   it parts from this one at step 13, where mover goes on:"
    assert told[at + 1] == "           dmabuf-async pass"
    assert any("switch fb[0] to vram#0   x stale-pte, * after step 4" in line for line in told)
    ends = explained(4, 13, passing="dba1:x", parts=13)
    assert parting(ends) == "it ends before step 13:"


def test_without_a_passing_execution_none_is_told() -> None:
    told = [line.text for line in text(RUN, MOVED, verdict=VERDICT, replay=REPLAY, why=explained(), passes="x")]
    assert not any(line.startswith("  passes") for line in told)


def test_several_steps_in_a_row_are_numbered_from_the_first_to_the_last_and_it_is_said_how_to_see_each() -> None:
    steps = [replace(event(n, "mover", "copy", writes="x"), site="step 1 move") for n in range(1, 100)]
    run = Trace(("mover",), (*steps, event(100, "mover", "switch", writes="y")), ())
    finding = replace(MOVED, step=100)
    told = [line.text for line in text(run, finding, verdict=VERDICT, replay=REPLAY)]
    assert " 1-99   .. step 1 move: copy x99" in told
    assert "        every step in a row of its own: --all" in told
    every = [line.text for line in text(run, finding, verdict=VERDICT, replay=REPLAY, steps="all")]
    assert "   99   copy" in every
    assert not any("--all" in line for line in every)


def test_of_a_deadlock_what_each_waits_to_do_is_the_last_of_its_column() -> None:
    waiting = (event(0, "display", "lock b"), event(0, "mover", "lock a"))
    run = Trace(("display", "mover"), (event(1, "display", "lock a"), event(2, "mover", "lock b")), (), waiting)
    told = [line.text for line in text(run, replace(MOVED, code="deadlock", step=2), verdict=VERDICT, replay=REPLAY)]
    at = next(n for n, line in enumerate(told) if "waits to" in line)
    assert told[at : at + 2] == ["        waits to lock b", "                          waits to lock a"]
    others = [line.text for line in text(run, replace(MOVED, step=2), verdict=VERDICT, replay=REPLAY)]
    assert not any("waits to" in line for line in others)
