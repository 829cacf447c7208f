from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from lxml import etree

from dmabuf_async.explore.verdict import Failure, Sample, Verdict
from dmabuf_async.report.junit import junit
from dmabuf_async.strategies.faults import Sites
from dmabuf_async.trace.events import Finding

GOLDEN = Path(__file__).parent / "golden" / "junit.xml"
SCHEMA = Path(__file__).parent / "schemas" / "junit-10.xsd"
STALE = Finding("stale-pte", "P1, P2", "frame ram#2 is switched away while page 0 points to it", 13, "mover")
LEAK = Finding("frame-leak", "M4", "frame ram#1 belongs to nobody & is not free", 40, "display")
PASSED = Verdict("scenarios/mmap/zap-after-move.toml", "sampled 400 (random)", 400, 12_000, 1.23456, 0, failures=())


def failure(finding: Finding, *, expected: bool = False) -> Failure:
    return Failure(finding, "dba1:mv7k.p091", 17, expected)


def replay(verdict: Verdict, schedule: str) -> str:
    return f"dmabuf-async replay {verdict.scenario} {schedule}"


def written(*verdicts: Verdict) -> ET.Element:
    return ET.fromstring(junit(verdicts, replay).encode())  # noqa: S314 - our own file


def outcome(verdict: Verdict) -> tuple[str, str, str] | None:
    """Tag, type and message of what stands in the test case, if it did not pass."""
    (case,) = written(verdict).iter("testcase")
    reasons = [element for element in case if element.tag != "system-out"]
    assert len(reasons) <= 1, "readers of the format expect one at most"
    return (reasons[0].tag, reasons[0].attrib["type"], reasons[0].attrib["message"]) if reasons else None


def body(verdict: Verdict) -> str:
    (reason,) = (element for element in written(verdict).iter() if element.tag in {"failure", "error"})
    return reason.text or ""


def test_the_file_looks_as_agreed() -> None:
    verdicts = [
        PASSED,
        replace(PASSED, scenario="leak.toml", failures=(failure(LEAK), failure(STALE)), exit_code=1),
        replace(PASSED, scenario="scenarios/pins.py:two", missing=("pin-leak", "stale-tlb"), exit_code=1),
        replace(PASSED, scenario="./quiet.toml", unseen=("fault-during-move",), exit_code=5),
        replace(PASSED, scenario="long.toml", interrupted=True, cut=2, exit_code=130),
    ]
    shown = junit(verdicts, replay)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


def test_a_scenario_that_is_as_expected_passes() -> None:
    assert outcome(PASSED) is None
    assert outcome(replace(PASSED, failures=(failure(STALE, expected=True),))) is None


def test_an_unexpected_finding_is_a_failure_with_the_line_that_replays_it() -> None:
    verdict = replace(PASSED, failures=(failure(LEAK, expected=True), failure(STALE)), exit_code=1)
    assert outcome(verdict) == ("failure", "stale-pte", f"stale-pte (P1, P2): {STALE.message}")
    assert f"replay   dmabuf-async replay {PASSED.scenario} dba1:mv7k.p091\n" in body(verdict)
    assert "frame-leak" not in body(verdict)


def test_all_unexpected_findings_are_in_the_body_and_the_first_in_the_message() -> None:
    verdict = replace(PASSED, failures=(failure(STALE), failure(LEAK)), exit_code=1)
    assert outcome(verdict) == ("failure", "stale-pte", f"stale-pte (P1, P2): {STALE.message} (and 1 more)")
    assert STALE.message in body(verdict)
    assert LEAK.message in body(verdict)


def test_an_expected_finding_that_does_not_come_is_a_failure() -> None:
    verdict = replace(PASSED, missing=("stale-pte", "stale-tlb"), exit_code=1)
    assert outcome(verdict) == (
        "failure",
        "missing",
        "none of the expected findings came: stale-pte, stale-tlb",
    )


def test_an_expected_finding_that_does_not_come_in_a_single_run_is_no_failure() -> None:
    assert outcome(replace(PASSED, missing=("stale-pte",), exit_code=0)) is None


def test_a_witness_that_never_comes_is_a_failure() -> None:
    verdict = replace(PASSED, unseen=("fault-during-move",), exit_code=5)
    assert outcome(verdict) == ("failure", "vacuous", "never witnessed: fault-during-move")


def test_an_interrupted_scenario_is_an_error_and_nothing_is_held_against_it() -> None:
    verdict = replace(PASSED, interrupted=True, missing=("stale-pte",), unseen=("w",), exit_code=130)
    message = "interrupted: sampled 400 (random); 400 executions, 12000 steps"
    assert outcome(verdict) == ("error", "interrupted", message)


def test_a_scenario_interrupted_after_a_finding_is_a_failure_that_says_so() -> None:
    verdict = replace(PASSED, interrupted=True, failures=(failure(STALE),), exit_code=130)
    assert outcome(verdict) == ("failure", "stale-pte", f"stale-pte (P1, P2): {STALE.message} (and 1 more)")
    assert "interrupted" in body(verdict)


def test_an_unfinished_check_is_an_error() -> None:
    verdict = replace(PASSED, strength="unfinished", unseen=("w",), cut=3, exit_code=6)
    message = "stopped before anything was proved: unfinished; 400 executions, 12000 steps, 3 cut at the step limit"
    assert outcome(verdict) == ("error", "unfinished", message)


@pytest.mark.parametrize("exit_code", [1, 3, 4, 5, 6, 70])
def test_no_verdict_that_is_not_as_expected_passes(exit_code: int) -> None:
    assert outcome(replace(PASSED, exit_code=exit_code)) == (
        "error",
        "exit",
        f"ended with exit code {exit_code}",
    )


def test_the_numbers_of_a_suite_are_those_of_its_case_and_all_together_those_of_the_file() -> None:
    root = written(
        PASSED,
        replace(PASSED, failures=(failure(STALE), failure(LEAK)), exit_code=1),
        replace(PASSED, interrupted=True, exit_code=130),
    )
    numbers = [
        tuple(element.attrib[key] for key in ("tests", "failures", "errors", "time"))
        for element in (root, *root.iter("testsuite"))
    ]
    assert numbers == [
        ("3", "1", "1", "3.704"),
        ("1", "0", "0", "1.235"),
        ("1", "1", "0", "1.235"),
        ("1", "0", "1", "1.235"),
    ]


def test_times_have_three_decimals() -> None:
    times = [element.attrib["time"] for element in written(PASSED, replace(PASSED, seconds=0)).iter("testcase")]
    assert times == ["1.235", "0.000"]


@pytest.mark.parametrize(
    ("scenario", "classname"),
    [
        ("scenarios/mmap/fb.toml", "scenarios.mmap"),
        ("fb.toml", "dmabuf-async"),
        ("./fb.toml", "dmabuf-async"),
        ("../other/fb.py:build", "other"),
        ("/srv/x/fb.toml", "srv.x"),
    ],
)
def test_the_folder_of_a_scenario_is_its_class(scenario: str, classname: str) -> None:
    (case,) = written(replace(PASSED, scenario=scenario)).iter("testcase")
    assert (case.attrib["name"], case.attrib["classname"]) == (scenario, classname)


def test_what_xml_cannot_hold_is_left_out_and_the_rest_survives() -> None:
    every = "".join(map(chr, [*range(0x120), 0x2028, 0xD800, 0xDFFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F600]))
    verdict = replace(
        PASSED,
        scenario=f"a{every}".replace("/", ""),
        strength=every,
        failures=(failure(replace(STALE, message=every)),),
        exit_code=1,
    )
    root = written(verdict)
    (text,) = (element.text or "" for element in root.iter("failure"))
    (case,) = root.iter("testcase")
    kept = "\t\n" + "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x120), 0x2028, 0xFFFD, 0x1F600]))
    assert kept in text
    assert case.attrib["name"] == "a" + kept.replace("/", "")


def test_no_verdicts_make_an_empty_suite() -> None:
    assert written().attrib["tests"] == "0"


def test_what_silence_is_worth_is_told_as_properties() -> None:
    sample = Sample("random", 500, 111, 40, True, 900, True, 360.0, new=0.1, new_bound=0.2)
    (suite,) = written(replace(PASSED, sample=sample)).iter("testsuite")
    told = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert told["sample.looked"] == "111"
    assert told["sample.new_bound"] == "0.2"
    assert "sample.failure_bound" not in told
    assert suite.find("properties") is suite[0], "readers of the format want them first"
    assert written(PASSED).find(".//properties") is None


def test_the_file_is_valid() -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    sample = Sample("random", 500, 111, 40, True, 900, True, 360.0, new=0.1, new_bound=0.2)
    verdicts = [
        replace(PASSED, seconds=123_456.7, sample=sample, sites=Sites(3, 2)),
        replace(PASSED, failures=(failure(LEAK), failure(STALE)), exit_code=1),
        replace(PASSED, error="x.toml:3: no\n", exit_code=3),
        replace(PASSED, interrupted=True, exit_code=130),
    ]
    for some in ([], verdicts[:1], verdicts):
        schema.assertValid(etree.fromstring(junit(some, replay).encode()))
    strange = etree.fromstring(junit(verdicts, replay).replace("<testcase ", "<testcase odd='1' ").encode())
    assert not schema.validate(strange), "it looks"
