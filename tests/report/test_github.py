from __future__ import annotations

from dataclasses import replace

import pytest

from dmabuf_async.explore.verdict import Failure, Verdict
from dmabuf_async.report.github import github
from dmabuf_async.report.reasons import Reason
from dmabuf_async.trace.events import Finding

PASSED = Verdict("zap.toml", "sampled 400 (random)", 400, 12_000, 1.23456, 0, failures=())
FOUND = Failure(Finding("stale-pte", "P1", "a sentence", 13, "mover"), "dba1:mv7k.p091", 17, expected=False)
REFUTED = replace(PASSED, failures=(FOUND,), strength="refuted", exit_code=1)


def told(*verdicts: Verdict, path: str = "sub/zap.toml") -> list[str]:
    def place(verdict: Verdict, reason: Reason) -> tuple[str, int]:
        return path, 7

    return list(github(verdicts, lambda verdict, schedule: f"replay {verdict.scenario} {schedule}", place))


def test_a_finding_is_an_error_at_its_line_with_the_line_that_replays_it() -> None:
    (line,) = told(REFUTED)
    assert line == (
        "::error file=sub/zap.toml,line=7,title=dmabuf-async%3A stale-pte::stale-pte (P1): a sentence%0A"
        "at step 13, by mover, in execution 17%0Areplay   replay zap.toml dba1:mv7k.p091%0A"
        "explain  dmabuf-async explain stale-pte"
    )


@pytest.mark.parametrize(
    ("text", "data", "value"),
    [
        ("100%", "100%25", "100%25"),
        ("%0A", "%250A", "%250A"),
        ("a\r\nb", "a%0D%0Ab", "a%0D%0Ab"),
        ("a:b,c::d", "a:b,c::d", "a%3Ab%2Cc%3A%3Ad"),
    ],
)
def test_what_ends_a_message_or_a_property_is_escaped(text: str, data: str, value: str) -> None:
    (line,) = told(replace(PASSED, error=text, exit_code=3), path=text)
    assert line == f"::error file={value},line=7,title=dmabuf-async%3A scenario::{data}"


def test_each_reason_is_a_line_and_what_is_as_expected_or_known_is_none() -> None:
    assert told(PASSED, replace(PASSED, failures=(replace(FOUND, expected=True), replace(FOUND, known=True)))) == []
    assert len(told(REFUTED, replace(REFUTED, missing=("deadlock",)), replace(PASSED, exit_code=4))) == 4
