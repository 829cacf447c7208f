from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dmabuf_async.campaign.corpus import Corpus
from dmabuf_async.campaign.recall import Recollection, recall
from dmabuf_async.campaign.remember import rare, remember
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.verdict import CORPUS, Failure, Recalled, ShownEdge, Verdict
from dmabuf_async.scenario.catalogue import load
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.trace.events import Finding, LockEdge, Signature
from dmabuf_async.trace.schedule import encode

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "pin"
NOTHING = Verdict("x.toml", "sampled 400 (random)", 400, 12_000, 1.0, 0, failures=())
remembered = partial(remember, command=lambda scenario, schedule: f"replay {scenario} {schedule}", sampled=True)


def failure(code: str = "pin-leak", *, expected: bool = False) -> Failure:
    finding = Finding(code, "V7", "a sentence", 3, "a", signature=Signature(code, "V7", "a", "step 1 put", "page"))
    return Failure(finding, "dba1:e55g.v3002g", 1, expected)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text((SCENARIOS / "pins-ignored.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return replace(load("x.toml"), findings=())


@pytest.fixture
def corpus(program: Program) -> Corpus:
    """What a campaign has left."""
    corpus = Corpus(Path("corpus"))
    verdict = perform(fuzz(program, RandomWalk(0), executions=60))
    assert verdict.exit_code == 1
    told = remembered(corpus, verdict)
    assert [one.became for one in told.recalled] == ["new"] * len(verdict.failures)
    return Corpus(Path("corpus"))


def edited(old: str, new: str) -> Program:
    text = Path("x.toml").read_text(encoding="utf-8")
    assert old in text
    Path("x.toml").write_text(text.replace(old, new), encoding="utf-8")
    return replace(load("x.toml"), findings=())


def test_what_was_found_is_shown_by_one_replay_each(program: Program, corpus: Corpus) -> None:
    recollection = recall(corpus, program)
    entries = corpus.of("x.toml")
    assert [one.became for one in recollection.recalled] == ["shown"] * len(entries)
    assert [one.schedule for one in recollection.recalled] == [entry.schedule for entry in entries]
    assert {str(failure.finding.signature) for failure in recollection.failures} >= {one.signature for one in entries}
    assert all(failure.unexpected and failure.by == CORPUS for failure in recollection.failures)


def test_what_is_expected_or_accepted_is_so_in_a_replay(program: Program, corpus: Corpus) -> None:
    expects = replace(program, findings=("moved-while-pinned",))
    failures = recall(corpus, expects, accepts=lambda one: one.code == "lost-write").failures
    assert {failure.finding.code for failure in failures if failure.expected} == {"moved-while-pinned"}
    assert {failure.finding.code for failure in failures if failure.known} == {"lost-write"}


def test_a_change_that_leaves_the_execution_be_leaves_the_schedule_be(program: Program, corpus: Corpus) -> None:
    changed = edited("[buffers.fb]", "[machine]\nvram = 7\n\n[buffers.fb]")
    assert changed.digest != program.digest
    told = remembered(corpus, recall(corpus, changed).within(NOTHING))
    assert {one.became for one in told.recalled} == {"shown"}
    again = Corpus(Path("corpus"))
    assert [entry.schedule for entry in again.of("x.toml")] == [one.schedule for one in told.recalled]
    assert {one.became for one in recall(again, changed).recalled} == {"shown"}


def test_what_is_mended_and_what_fits_no_more_is_forgotten_and_it_is_said_why(corpus: Corpus) -> None:
    mended = edited('defects = ["ignore-pins"]', "")
    (first, *_) = corpus.of("x.toml")
    corpus.keep(msgspec.structs.replace(first, schedule=encode(mended.digest, ())))
    corpus.keep(msgspec.structs.replace(first, signature="0", schedule=encode(b"before", ())))
    told = remembered(corpus, recall(corpus, mended).within(NOTHING)).recalled
    assert [one.became for one in told[:2]] == ["mended", "mended"]
    assert [one.why for one in told[:2]] == [
        "its schedule shows nothing any more, and the scenario has changed since",
        "its schedule shows nothing any more",
    ]
    assert {one.became for one in told[2:]} == {"changed"}
    assert all(one.why.startswith("its schedule fits no more (x.toml") for one in told[2:])
    assert not Corpus(Path("corpus")).of("x.toml")


def test_what_the_simulator_does_no_more_is_mended_though_the_scenario_is_the_same(
    program: Program, corpus: Corpus
) -> None:
    entry = corpus.of("x.toml")[0]
    (one, *_) = recall(corpus, program).recalled
    assert one.code == entry.code
    Path(corpus.path(entry)).write_text(entry.text().replace(" on ", " on another "), encoding="utf-8")
    again = recall(Corpus(Path("corpus")), program).recalled
    (mended,) = [one for one in again if one.became == "mended"]
    assert re.fullmatch(f"its schedule shows .*{entry.code}.* elsewhere", mended.why)


def test_an_execution_that_is_cut_decides_nothing(program: Program, corpus: Corpus) -> None:
    told = remembered(corpus, recall(corpus, program, max_steps=5).within(NOTHING)).recalled
    assert {(one.became, one.why) for one in told} == {("kept", "its execution was cut at the limit of steps")}
    assert len(Corpus(Path("corpus")).of("x.toml")) == len(told)


def test_nothing_is_forgotten_when_the_campaign_is_interrupted(corpus: Corpus) -> None:
    mended = edited('defects = ["ignore-pins"]', "")
    verdict = replace(NOTHING, strength="unfinished", interrupted=True, exit_code=130)
    told = remembered(corpus, recall(corpus, mended).within(verdict)).recalled
    assert {one.became for one in told} == {"kept"}
    assert len(Corpus(Path("corpus")).of("x.toml")) == len(told)


def test_what_is_found_again_in_another_order_is_kept_with_that_order(program: Program, corpus: Corpus) -> None:
    entry = corpus.of("x.toml")[0]
    calm = encode(program.digest, ())
    corpus.keep(msgspec.structs.replace(entry, schedule=calm))
    verdict = perform(fuzz(program, RandomWalk(0), executions=60))
    told = remembered(corpus, recall(corpus, program).within(verdict)).recalled
    assert told[0].became == "shown"
    assert corpus.of("x.toml")[0].schedule == told[0].schedule != calm


def recollection(*failures: Failure) -> Recollection:
    return Recollection((), failures)


def test_an_unexpected_finding_refutes_what_did_not_find_it() -> None:
    verdict = recollection(failure()).within(NOTHING)
    assert (verdict.strength, verdict.exit_code, verdict.failures) == ("refuted", 1, (failure(),))


@pytest.mark.parametrize("code", [3, 4, 70, 130])
def test_what_could_not_be_explored_stays_that(code: int) -> None:
    verdict = recollection(failure()).within(replace(NOTHING, strength="none", exit_code=code))
    assert (verdict.strength, verdict.exit_code) == ("none", code)


def test_what_is_expected_need_not_be_found_again() -> None:
    missed = replace(NOTHING, missing=("pin-leak",), exit_code=1)
    verdict = recollection(failure(expected=True)).within(missed)
    assert (verdict.missing, verdict.exit_code, verdict.strength) == ((), 0, NOTHING.strength)
    assert recollection(failure(expected=True)).within(replace(missed, unseen=("w",))).exit_code == 5
    assert recollection().within(missed).exit_code == 1


def test_what_is_found_again_counts_once() -> None:
    verdict = replace(NOTHING, failures=(failure(),), strength="refuted", exit_code=1)
    assert recollection(failure()).within(verdict) == verdict


def test_what_is_expected_is_remembered_if_the_next_sample_may_miss_it() -> None:
    often, seldom = failure("frame-leak", expected=True), failure(expected=True)
    counts = {often.finding.signature: 40, seldom.finding.signature: 39}
    both = replace(NOTHING, failures=(seldom, often), counts=counts)
    assert rare(both) is None
    assert rare(replace(both, failures=(seldom,))) is seldom
    assert rare(replace(both, executions=401)) is often
    assert rare(replace(NOTHING, failures=(failure(),))) is None, "it is remembered anyway"


@pytest.mark.parametrize("more", [{"until": 7}, {"edges": (ShownEdge(LockEdge("a", "b", "t", "a", "b"), "", 1),)}])
def test_what_no_schedule_alone_shows_is_not_remembered(program: Program, more: Any) -> None:
    corpus = Corpus(Path("corpus"))
    verdict = replace(NOTHING, failures=(replace(failure(), **more),), exit_code=1)
    assert remembered(corpus, verdict).recalled == ()
    assert not list(Path("corpus").iterdir())


def test_a_shorter_schedule_takes_the_place_of_a_longer_one_and_no_other_does(program: Program) -> None:
    corpus = Corpus(Path("corpus"))
    remembered(corpus, replace(NOTHING, failures=(failure(),)))
    for schedule, kept in (("dba1:e55g.v3p0rg", "v3002g"), ("dba1:e55g.h0g8", "h0g8"), ("dba1:e55g.v3002g", "h0g8")):
        (entry,) = corpus.of("x.toml")
        one = recollection(replace(failure(), schedule=entry.schedule)).within(NOTHING)
        told = replace(
            one,
            failures=(replace(failure(), schedule=schedule),),
            recalled=(remembered_as(corpus, entry.schedule),),
        )
        remembered(corpus, told)
        assert corpus.of("x.toml")[0].schedule == f"dba1:e55g.{kept}"


def remembered_as(corpus: Corpus, schedule: str) -> Recalled:
    (entry,) = corpus.of("x.toml")
    return Recalled(str(corpus.path(entry)), entry.code, schedule, "shown")
