from __future__ import annotations

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.explore.cost import Cost
from dmabuf_async.explore.shrinking import Shrunk
from dmabuf_async.explore.verdict import Failure, Sample, Verdict
from dmabuf_async.report.jsonl import event_line, finding_line, verdict_line
from dmabuf_async.trace.events import Event, Finding, Signature

GOLDEN = Path(__file__).parent / "golden" / "report.jsonl"
SIGNATURE = Signature("stale-pte", "P1, P2", "mover", "migrate, step 1", "pte")
EVENT = Event(
    6,
    "mover",
    1,
    "switch",
    "switch fb[0] to vram#0",
    preempts="display",
    site="migrate, step 1",
    reads=frozenset({"pte m 0", "iova", "fb lock"}),
    writes=frozenset({"fb[0]"}),
)
FINDING = Finding(
    "stale-pte", "P1, P2", "page 0 points to ram#2", 6, "mover", ("ram#2", "pte m 0"), SIGNATURE, primary=True
)
SHRUNK = Shrunk(FINDING, "dba1:mv7k.p091", (1,), (), Cost(0, 1, 4, 6), 2, "stopped after 5 s", 12, 345)
VERDICT = Verdict(
    "fb.toml",
    "sampled 400 (random)",
    400,
    12_000,
    1.5,
    2,
    failures=(Failure(FINDING, "dba1:mv7k.p091", 17, expected=False, shrunk=SHRUNK),),
    counts={SIGNATURE: 3},
    finders={SIGNATURE: {"surw": 2, "pct": 1}},
    missing=("lost-write",),
    unseen=("fault-during-move",),
    sample=Sample("random", 400, 91, 30, True, 250, True, 330.0, 0.12, 0.25, 44.5, 6.25),
    exit_code=1,
)


def lines() -> list[str]:
    return [
        event_line(EVENT),
        event_line(Event(7, "memory", None, "fail", "no page", "ENOMEM", fault=True)),
        finding_line(FINDING, "dba1:mv7k.p091"),
        verdict_line(VERDICT),
    ]


def test_the_lines_look_as_agreed() -> None:
    shown = "".join(f"{line}\n" for line in lines())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "kind"), [(0, "event"), (2, "finding"), (3, "verdict")])
def test_each_line_names_its_schema_and_type(number: int, kind: str) -> None:
    read = json.loads(lines()[number])
    assert (read["schema"], read["type"]) == (1, kind)


def test_sets_are_sorted_lists() -> None:
    read = json.loads(event_line(EVENT))
    assert (read["reads"], read["writes"]) == (["fb lock", "iova", "pte m 0"], ["fb[0]"])


def test_nothing_that_an_event_or_a_finding_holds_is_left_out() -> None:
    event, finding = json.loads(event_line(EVENT)), json.loads(finding_line(FINDING, "dba1:mv7k.p091"))
    assert event.keys() == {"schema", "type"} | {field.name for field in fields(Event)}
    assert finding.keys() == {"schema", "type", "schedule"} | {field.name for field in fields(Finding)}
    assert finding["signature"] == asdict(SIGNATURE)
    assert finding["objects"] == ["ram#2", "pte m 0"]


def test_a_verdict_holds_its_failures_and_how_often_each_was_seen() -> None:
    read: dict[str, Any] = json.loads(verdict_line(VERDICT))
    assert read.keys() == {"schema", "type", "proved", "first"} | {field.name for field in fields(Verdict)} - {
        "finders"
    }
    (failure,) = read["failures"]
    finding = json.loads(finding_line(FINDING, "dba1:mv7k.p091"))
    assert {"schema": 1, "type": "finding", **failure["finding"], "schedule": failure["schedule"]} == finding
    assert (failure["execution"], failure["expected"]) == (17, False)
    told = {"signature": asdict(SIGNATURE), "executions": 3, "finders": {"surw": 2, "pct": 1}}
    assert read["counts"] == [told]
    assert (read["missing"], read["unseen"], read["exit_code"]) == (["lost-write"], ["fault-during-move"], 1)


def test_an_object_is_one_line_of_ascii_whatever_the_names_are() -> None:
    line = event_line(replace(EVENT, actor="a\nb\u2028c\ud800", text="\x00\x85 \u00e9"))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["actor"] == "a\nb\u2028c\ud800"


def test_a_number_that_json_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        verdict_line(replace(VERDICT, seconds=float("nan")))
