from __future__ import annotations

from dmabuf_async.dashboard import plain
from dmabuf_async.trace.events import Event, Finding
from tests.dashboard.conftest import moment_of, program_of
from tests.dashboard.test_layout import SWAP_OUT

TURNS = (0, "importer"), (9, "evictor"), (20, "importer"), (22, "evictor")


def test_a_finding_stands_behind_the_step_that_broke_the_rule_and_a_consequence_says_so() -> None:
    moment = moment_of(program_of(SWAP_OUT), 21, *TURNS)
    told = "importer maps framebuffer[0], which get_backing_storage left out of memory"
    pinned = "is pinned by importer, and evictor switches it to"
    assert list(plain.lines(moment.events, moment.findings))[17:] == [
        "   18  evictor(cpu1)  copy word 1 of framebuffer[1]: ram#1 to swap#1",
        "   19  evictor(cpu1)  switch framebuffer[0] to swap#0",
        f"x moved-while-pinned  step 19, V7: framebuffer[0] {pinned} swap#0",
        "   20  evictor(cpu1)  switch framebuffer[1] to swap#1",
        f"- moved-while-pinned  step 20, V7 (a consequence): framebuffer[1] {pinned} swap#1",
        "   21  importer(cpu0)  map framebuffer[0] at ram#0 -> importer.kmap0  < preempts evictor",
        f"- access-without-backing  step 21, V1 (a consequence): {told}",
    ]


def test_a_finding_of_the_end_comes_last_and_one_of_the_program_has_no_rule() -> None:
    event = Event(1, "a", None, "fire", "time goes on", fault=True)
    leak = Finding("assertion", "", "it is wrong", 3, "a")
    assert list(plain.lines([event], [leak])) == ["    1  a  time goes on", "x assertion  step 3: it is wrong"]


def test_no_control_character_gets_through() -> None:
    event = Event(1, "\x1b[2J", 0, "op", "a\rb", result="\x9b")
    assert plain.step(event) == "    1  \\x1b[2J(cpu0)  a\\rb -> \\x9b"
