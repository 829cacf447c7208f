from __future__ import annotations

import re

import pytest

from dmabuf_async.report.page.steps import Steps
from tests.report.page.pages import PINS_IGNORED, steps_of


@pytest.fixture(scope="module")
def steps() -> Steps:
    return steps_of(*PINS_IGNORED)


def test_every_step_has_a_row_and_those_that_do_not_matter_are_told_from_the_others(steps: Steps) -> None:
    text = steps.markup()
    assert text.count('<a class="step"') == 26
    idle = re.findall(
        r'<span class="number"[^>]*>(\d+)</span>', "".join(re.findall(r"<li class=.row[^>]*idle.*?</li>", text))
    )
    assert idle == [str(step) for step in range(1, 27) if step not in steps.matter]
    assert {17, 23} <= steps.matter


def test_what_the_finding_hangs_on_is_drawn_and_told(steps: Steps) -> None:
    assert list(steps.deciding) == [(17, 23)]
    assert 'class="arrow conflicts deciding"' in steps.markup()
    assert any("on which the finding hangs" in said for said in steps.after(23))


def test_an_unlock_and_the_next_lock_are_joined_by_an_arrow_that_synchronises(steps: Steps) -> None:
    assert steps.after(12) == ["after step 5 of importer (cpu0), synchronised over fb.lock"]


def test_notes_tell_the_finding_the_order_and_the_preemption(steps: Steps) -> None:
    assert steps.notes(17) == ["x moved-while-pinned", "* before step 23"]
    assert steps.notes(12) == ["< preempted here (1 of 1)"]


def test_what_is_waited_for_in_a_deadlock_has_a_row_and_the_deciding_arrow_leads_to_it() -> None:
    found = steps_of("scenarios/kmap/slot-wait-under-lock.toml", "dba1:j2x4.v3001h")
    text = found.markup()
    assert text.count("waits to ") == 2
    assert list(found.deciding) == [(12, 14)]
    assert 'href="#step-0"' not in text


def test_each_step_says_to_who_only_listens_what_it_comes_after(steps: Steps) -> None:
    heard = re.findall(r'<span class="only-heard">([^<]+)</span>', steps.markup())
    assert len(heard) == len({arrow.second for arrow in steps.drawn})


def test_no_line_break_parts_an_arrow(steps: Steps) -> None:
    markup = steps.markup()
    assert '<span class="whole">-&gt;</span>' in markup
    assert markup.count("-&gt;") == markup.count('<span class="whole">-&gt;</span>')
