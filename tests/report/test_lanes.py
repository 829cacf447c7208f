from __future__ import annotations

import pytest

from dmabuf_async.explore.why import Pair, Why
from dmabuf_async.report.lanes import Row, lanes
from dmabuf_async.trace.events import Event, Finding, Trace


def event(
    step: int,
    actor: str,
    cpu: int | None = 0,
    *,
    writes: str = "",
    result: str = "",
    preempts: str | None = None,
) -> Event:
    return Event(step, actor, cpu, "op", f"op {step}", result, preempts=preempts, writes=frozenset(writes.split()))


def finding(step: int, *, primary: bool = True) -> Finding:
    return Finding("stale-pte", "P1", "it broke", step, "mover", primary=primary)


def trace(*events: Event, actors: str = "display mover camera clock") -> Trace:
    return Trace(tuple(actors.split()), events, ())


def test_only_the_causal_past_of_the_finding_is_shown() -> None:
    run = trace(
        event(1, "display", writes="pte"),
        event(2, "camera", writes="elsewhere"),
        event(3, "mover", writes="pte"),
        event(4, "display", writes="pte"),
    )
    table = lanes(run, finding(3))
    assert [row.step for row in table.rows] == [1, 3]
    assert table.columns == ("display (cpu0)", "mover (cpu0)"), "camera has no step to show"
    assert table.hidden == 2


def test_every_shows_the_steps_that_do_not_matter_and_those_after_the_finding() -> None:
    run = trace(event(1, "display"), event(2, "camera"), event(3, "display"))
    table = lanes(run, finding(1), every=True)
    assert [row.step for row in table.rows] == [1, 2, 3]
    assert table.hidden == 0


def test_without_a_finding_every_step_is_shown() -> None:
    table = lanes(trace(event(1, "display"), event(2, "camera")), None)
    assert table.rows == (Row(1, 0, "op 1", ""), Row(2, 1, "op 2", ""))
    assert table.hidden == 0


def test_columns_are_in_canonical_order_and_the_environment_comes_last() -> None:
    run = trace(event(1, "cache", None), event(2, "mover", 1), event(3, "display", 0), actors="cache display mover")
    table = lanes(run, None)
    assert table.columns == ("display (cpu0)", "mover (cpu1)", "cache")
    assert [row.column for row in table.rows] == [2, 1, 0]


def test_a_result_follows_the_op() -> None:
    table = lanes(trace(event(1, "mover", result="ENOMEM"), event(2, "mover")), None)
    assert [row.text for row in table.rows] == ["op 1 -> ENOMEM", "op 2"]


def test_the_step_of_the_finding_is_marked_with_its_code() -> None:
    run = trace(event(1, "mover"), event(2, "mover"), event(3, "mover"))
    assert [row.note for row in lanes(run, finding(2), every=True).rows] == ["", "x stale-pte", ""]


def test_preemptions_are_numbered_over_the_whole_execution_whatever_is_shown() -> None:
    run = trace(
        event(1, "camera"),
        event(2, "display", preempts="camera", writes="elsewhere"),
        event(3, "mover", preempts="display", writes="pte"),
        event(4, "camera", preempts="mover"),
    )
    table = lanes(run, finding(3))
    assert table.rows == (Row(3, 0, "op 3", "x stale-pte, < preempted here (2 of 3)"),)
    assert [row.note for row in lanes(run, None).rows] == [
        "",
        "< preempted here (1 of 3)",
        "< preempted here (2 of 3)",
        "< preempted here (3 of 3)",
    ]


def test_nothing_in_the_table_can_move_a_cursor() -> None:
    evil = Event(1, "a\x1b[2J", 0, "op", "line\nbreak \u2028", "\x07\u202e")
    table = lanes(Trace(("a\x1b[2J",), (evil,), ()), None)
    assert table.columns == (r"a\x1b[2J (cpu0)",)
    assert table.rows[0].text == r"line\nbreak \u2028 -> \x07\u202e"


def test_an_execution_without_a_step_is_an_empty_table() -> None:
    table = lanes(trace(), None)
    assert (table.columns, table.rows, table.hidden) == ((), (), 0)


def reason(first: Event, second: Event, *objects: str, faults: tuple[Event, ...] = ()) -> Why:
    return Why((Pair(first, second, objects),), faults, "dba1:x", parts=1, instead=None, alone=False, tried=1)


def at(step: int, actor: str, site: str, *, writes: str = "") -> Event:
    return Event(step, actor, 0, "op", f"op {step}", site=site, writes=frozenset(writes.split()))


def test_the_steps_whose_order_matters_are_marked_and_shown_even_if_they_come_after_the_finding() -> None:
    run = trace(event(1, "display"), event(2, "mover", writes="pte"), event(3, "display", writes="pte"))
    table = lanes(run, finding(2), why=reason(run.events[1], run.events[2], "pte"))
    assert [(row.step, row.note) for row in table.rows] == [
        (2, "x stale-pte, * before step 3"),
        (3, "* after step 2"),
    ]


def test_of_a_step_that_never_came_the_actor_is_told() -> None:
    run = trace(event(1, "mover", writes="pte"))
    never = event(0, "display", writes="pte")
    assert lanes(run, finding(1), why=reason(run.events[0], never)).rows[0].note == "x stale-pte, * before display"


def test_a_fault_that_matters_is_marked() -> None:
    run = trace(event(1, "mover", result="ENOMEM"), event(2, "mover"))
    why = Why((), (run.events[0],), "dba1:x", parts=1, instead=None, alone=False, tried=1)
    assert [row.note for row in lanes(run, finding(2), why=why).rows] == ["* matters", "x stale-pte"]


def test_steps_at_one_place_that_do_not_touch_what_it_is_about_share_a_row() -> None:
    run = trace(*(at(step, "mover", "step 1 mmap") for step in range(1, 5)), at(5, "mover", "step 2 migrate"))
    table = lanes(run, finding(5))
    assert table.rows == (
        Row(1, 0, ".. step 1 mmap: op x4", "", 4),
        Row(5, 0, "op 5", "x stale-pte"),
    )
    assert [row.last for row in lanes(run, finding(5), every=True).rows] == [0] * 5
    assert [row.last for row in lanes(run, None).rows] == [0] * 5


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        ("aa", 2),  # two are not worth it
        ("aaa", 1),
        ("aabaa", 5),  # another place in between
        ("aaaXaaa", 3),  # one that touches what the order is about
    ],
)
def test_only_three_or_more_in_a_row_do(steps: str, rows: int) -> None:
    events = [
        at(n, "mover", site, writes="pte" if site == "X" else "") for n, site in enumerate(steps.replace("X", "a"), 1)
    ]
    if "X" in steps:
        n = steps.index("X")
        events[n] = at(n + 1, "mover", "a", writes="pte")
    events += [at(len(steps) + 1, "mover", "end"), at(len(steps) + 2, "display", "end", writes="pte")]
    why = reason(events[-2], events[-1], "pte")
    assert len(lanes(trace(*events), finding(len(steps) + 1), why=why).rows) == rows + 2


def test_a_preempted_step_is_never_hidden_in_a_row_of_several() -> None:
    events = [at(n, "mover", "a") for n in range(1, 8)]
    events[3] = Event(4, "mover", 0, "op", "op 4", site="a", preempts="display")
    table = lanes(trace(*events, at(8, "mover", "end")), finding(8))
    assert [(row.step, row.last) for row in table.rows] == [(1, 3), (4, 0), (5, 7), (8, 0)]


def test_all_steps_at_the_place_of_the_finding_have_rows_of_their_own() -> None:
    run = trace(*(at(step, "mover", "step 2 migrate") for step in range(1, 5)))
    assert [row.step for row in lanes(run, finding(4)).rows] == [1, 2, 3, 4]


def test_a_row_of_several_steps_says_of_what_kinds_they_are() -> None:
    kinds = ("lock", "look", "look", "copy", "unlock")
    events = [Event(n, "mover", 0, kind, f"{kind} it", site="step 1 move") for n, kind in enumerate(kinds, 1)]
    table = lanes(trace(*events, at(6, "mover", "end")), finding(6))
    assert table.rows[0].text == ".. step 1 move: lock, look x2, copy, unlock"
