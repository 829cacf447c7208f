from __future__ import annotations

import pickle
import select
from dataclasses import replace

from dmabuf_async.cli.together import Together, Word
from dmabuf_async.dashboard.panels.campaign import CampaignView, FoundView
from dmabuf_async.explore.verdict import Failure, Sample, Verdict
from dmabuf_async.trace.events import Finding, Signature

FOUND = FoundView("stale-pte", "P1", "mover", 3, 1, expected=True)
VIEW = CampaignView(1.0, 100, 50, 7, ((0.0, 0),), 0.25, 0.5, (FOUND,))
SIGNATURE = Signature("stale-pte", "P1", "mover", "step 1 migrate", "buffer")
WORD = Word("scenarios/mmap/zap-after-move.toml", 0.5, "100 at 100/s", "", 100, VIEW)


def verdict(name: str) -> Verdict:
    failure = Failure(Finding("stale-pte", "P1", "x", 3, "mover", signature=SIGNATURE), "dba1:a.b", 9, expected=True)
    sample = Sample("random", 400, 40, 5, every_class=True, states=9, every_state=True, new_per_thousand=1.0)
    return Verdict(
        name, "sampled 400 (random)", 400, 1, 1.0, 0, (failure,), {failure.finding.signature: 12}, sample=sample
    )


def test_each_that_is_at_work_is_told_by_the_end_of_its_path() -> None:
    together = Together(shown=True)
    together.heard(1, replace(WORD, scenario="a.toml", view=None, detail="12 states, 3 left"))
    together.heard(0, WORD)
    assert [(job.scenario, job.seen) for job in together.jobs()] == [
        ("mmap/zap-after-move", "7 behaviours, 25 % new"),
        ("a", "12 states, 3 left"),
    ]


def test_what_all_have_seen_is_added_up_with_those_that_have_ended() -> None:
    together = Together(shown=True)
    together.heard(0, WORD)
    together.heard(1, replace(WORD, scenario="a.toml"))
    together.ended(0, verdict("scenarios/mmap/zap-after-move.toml"))
    seen = together.campaign()
    assert seen is not None
    assert (seen.executions, seen.looked, seen.classes, seen.scenarios) == (500, 90, 12, 2)
    assert [(one.where, one.times) for one in seen.found] == [
        ("mmap/zap-after-move: mover, step 1 migrate", 12),
        ("a: mover", 3),
    ]
    assert [job.scenario for job in together.jobs()] == ["a"]
    assert together.counts.startswith("500 executions, ")


def test_one_that_is_being_shrunk_keeps_what_its_campaign_has_seen() -> None:
    together = Together(shown=True)
    together.heard(0, WORD)
    together.heard(0, Word(WORD.scenario, None, "shrinking", "down to 1 preemption", 0))
    seen = together.campaign()
    assert seen is not None
    assert (seen.executions, seen.classes) == (100, 7)
    assert [job.told for job in together.jobs()] == ["shrinking"]


def test_a_search_has_no_curve() -> None:
    together = Together(shown=False)
    together.heard(0, replace(WORD, view=None))
    assert together.campaign() is None


def test_a_word_fits_into_a_pipe_with_what_is_not_expected_first() -> None:
    many = [replace(FOUND, code=f"a-code-of-some-length-{number}") for number in range(200)]
    curve = tuple((float(second), second) for second in range(512))
    word = replace(WORD, view=replace(VIEW, curve=curve, found=(*many, replace(FOUND, expected=False)))).shortened()
    assert len(pickle.dumps(word)) < select.PIPE_BUF - 100
    assert word.view is not None
    assert not word.view.found[0].expected
