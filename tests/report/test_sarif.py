from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from dmabuf_async.checkers.catalogue import CODES, page
from dmabuf_async.explore.verdict import Failure, ShownEdge, Verdict
from dmabuf_async.report.reasons import Reason
from dmabuf_async.report.sarif import sarif
from dmabuf_async.trace.events import Finding, LockEdge, Signature

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
URI = r"^(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*\Z"
VALID = fastjsonschema.compile(SCHEMA, formats={"uri-reference": URI}, use_default=False)
PASSED = Verdict("scenarios/mmap/zap.toml", "sampled 400 (random)", 400, 12_000, 1.23456, 0, failures=())


def failure(code: str = "stale-pte", **more: Any) -> Failure:
    signature = Signature(code, "P1", "mover", "step 2 migrate", "page")
    finding = Finding(code, "P1", "frame `ram#2` is switched away\x1b[1m", 13, "mover", signature=signature)
    return replace(Failure(finding, "dba1:mv7k.p091", 17, expected=False), **more)


def replay(verdict: Verdict, schedule: str) -> str:
    return f"dmabuf-async replay {verdict.scenario} {schedule}"


def place(verdict: Verdict, reason: Reason) -> tuple[str, int]:
    return verdict.scenario, 7


def run_of(*verdicts: Verdict, told: str = "lanes", exit_code: int = 1) -> Any:
    written = json.loads(sarif(verdicts, replay, place, lambda *_: told, exit_code))
    VALID(written)
    (run,) = written["runs"]
    return run


def refuted(*failures: Failure) -> Verdict:
    return replace(PASSED, failures=failures, strength="refuted", exit_code=1)


def test_a_finding_is_a_result_at_its_line_with_its_rule_story_and_replay_line() -> None:
    run = run_of(refuted(failure()))
    (result,), (rule,) = run["results"], run["tool"]["driver"]["rules"]
    assert result["ruleId"] == rule["id"] == "stale-pte"
    assert result["level"] == "error"
    assert rule["help"]["markdown"] == page("stale-pte")
    assert rule["shortDescription"]["text"] == "A PTE leads to a frame that its page has left."
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "scenarios/mmap/zap.toml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 7},
    }
    assert "replay   dmabuf-async replay scenarios/mmap/zap.toml dba1:mv7k.p091" in result["message"]["text"]
    assert result["message"]["markdown"].endswith("\n\n```text\nlanes\n```")
    assert result["partialFingerprints"] == {"signature/v1": "stale-pte (P1) by mover at step 2 migrate on page"}


def test_the_fingerprint_is_the_same_whenever_and_by_whatever_schedule_it_is_found() -> None:
    one = run_of(refuted(failure()))["results"][0]
    other = run_of(refuted(failure(schedule="dba1:mv7k.v3p0rg", execution=3)), told="")["results"][0]
    assert one["partialFingerprints"] == other["partialFingerprints"]
    assert one["message"] != other["message"]


def test_what_is_expected_is_no_result_and_what_is_known_is_suppressed() -> None:
    verdict = replace(PASSED, failures=(failure(expected=True), failure("frame-leak", known=True)))
    (result,) = run_of(verdict, exit_code=0)["results"]
    assert result["ruleId"] == "frame-leak"
    assert result["suppressions"] == [{"kind": "external", "justification": "accepted by --known"}]


def test_what_never_came_is_a_result_with_a_rule_of_its_own() -> None:
    run = run_of(
        replace(PASSED, missing=("stale-pte",), exit_code=1), replace(PASSED, unseen=("a reaches 1",), exit_code=5)
    )
    assert [result["ruleId"] for result in run["results"]] == ["missing", "vacuous"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["missing", "vacuous"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1]


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (replace(PASSED, error="x.toml:3:1: no", exit_code=3), "x.toml:3:1: no"),
        (
            replace(PASSED, strength="unfinished", bound="stopped early", exit_code=6),
            "stopped early: unfinished",
        ),
        (replace(PASSED, interrupted=True, exit_code=130), "interrupted: "),
    ],
)
def test_what_could_not_be_judged_is_a_notification_and_the_run_no_success(verdict: Verdict, says: str) -> None:
    run = run_of(verdict, PASSED, exit_code=verdict.exit_code)
    (invocation,) = run["invocations"]
    assert not run["results"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, verdict.exit_code)
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith(says)


def test_a_campaign_that_is_as_expected_is_an_empty_run() -> None:
    run = run_of(PASSED, exit_code=0)
    assert (run["results"], run["invocations"][0]["executionSuccessful"]) == ([], True)
    assert run_of(exit_code=0)["results"] == []


def test_names_are_uris_and_words_mean_nothing_in_markdown() -> None:
    odd = replace(refuted(failure()), scenario="a b/ü%#.toml")
    (result,) = run_of(odd, told="a ``` b")["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == "a%20b/%C3%BC%25%23.toml"
    assert "frame \\`ram\\#2\\` is switched away\\\\x1b\\[1m" in result["message"]["markdown"]
    assert result["message"]["markdown"].endswith("````text\na ``` b\n````")
    (outside,) = run_of(replace(odd, scenario="/tmp/a b.toml"))["results"]  # noqa: S108 - nothing is there
    assert outside["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///tmp/a%20b.toml"}


def test_a_circle_over_several_executions_names_the_replay_line_of_each() -> None:
    edges = tuple(ShownEdge(LockEdge("a", "b", who, "a", "b"), f"dba1:{who}", 1) for who in ("one", "two"))
    (result,) = run_of(refuted(failure("lock-order", edges=edges)))["results"]
    assert result["message"]["text"].count("replay   dmabuf-async replay") == 2


def test_every_code_has_a_rule_that_is_valid() -> None:
    assert len(run_of(refuted(*map(failure, CODES)))["tool"]["driver"]["rules"]) == len(CODES)
