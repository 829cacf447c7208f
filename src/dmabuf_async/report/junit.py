"""Verdicts as JUnit XML, for whatever shows test results in CI.

A scenario is a test case. It has at most one ``failure`` or ``error``, for that is
what all readers of the format understand; the body tells all reasons.

========  =====================================================================
failure   an unexpected finding, none of the expected ones, or a witness unseen
error     not valid, interrupted, unfinished, or any other end that is not what was expected
========  =====================================================================

A verdict that is as expected passes: the file and the exit code say the same. What a campaign's silence is worth are
properties of the test case, with the names of :class:`~dmabuf_async.explore.verdict.Sample` and of
:class:`~dmabuf_async.strategies.faults.Sites`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Final, Literal
from xml.etree import ElementTree as ET

from dmabuf_async.explore.verdict import Failure, Verdict

_SUITE: Final = "dmabuf-async"
_CONCLUSIVE: Final = frozenset({1, 5})
"""Exit codes after which what was not seen may be held against the scenario (DESIGN 10)."""
_NOT_XML: Final = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 has no way to write most of these; DEL, C1 and carriage returns go too."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a scenario did not pass."""

    tag: Literal["failure", "error"]
    kind: str
    """The ``type`` attribute: the code of a finding, or one word."""
    message: str
    details: tuple[str, ...] = ()


def junit(verdicts: Sequence[Verdict], replay: Callable[[Verdict, str], str]) -> str:
    """The whole file, to be written as UTF-8.

    ``replay`` gives the command line that shows the execution of a schedule again. Times are in
    seconds. Characters that XML 1.0 cannot hold are left out.
    """
    suites = ET.Element("testsuites", name=_SUITE)
    suite = ET.SubElement(suites, "testsuite", name=_SUITE)
    for verdict in verdicts:
        _case(suite, verdict, replay)
    for element in (suites, suite):
        element.set("tests", str(len(verdicts)))
        element.set("failures", str(len(suite.findall("testcase/failure"))))
        element.set("errors", str(len(suite.findall("testcase/error"))))
        element.set("time", _time(sum(verdict.seconds for verdict in verdicts)))
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _case(suite: ET.Element, verdict: Verdict, replay: Callable[[Verdict, str], str]) -> None:
    folders = [part for part in PurePath(verdict.scenario).parent.parts if part.strip("./")]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(".".join(folders)) or _SUITE,
        name=_clean(verdict.scenario),
        time=_time(verdict.seconds),
    )
    told = {f"sample.{name}": value for name, value in asdict(verdict.sample).items()} if verdict.sample else {}
    if verdict.sites is not None:
        told |= {f"sites.{name}": value for name, value in verdict.sites._asdict().items()}
    if told:
        properties = ET.SubElement(case, "properties")
        for name, value in told.items():
            if value is not None:
                ET.SubElement(properties, "property", name=name, value=_clean(str(value)))
    reasons = [*_failures(verdict, replay), *_errors(verdict)]
    if not reasons and not verdict.as_expected:
        reasons = [_Reason("error", "exit", f"ended with exit code {verdict.exit_code}")]
    if reasons:
        first, *others = reasons
        message = f"{first.message} (and {len(others)} more)" if others else first.message
        element = ET.SubElement(case, first.tag, type=_clean(first.kind), message=_clean(message))
        element.text = _clean("\n\n".join("\n".join((reason.message, *reason.details)) for reason in reasons))
    ET.SubElement(case, "system-out").text = _clean(_effort(verdict))


def _failures(verdict: Verdict, replay: Callable[[Verdict, str], str]) -> Iterator[_Reason]:
    for failure in verdict.failures:
        if failure.unexpected:
            finding = failure.finding
            rule = f" ({finding.rule})" if finding.rule else ""
            yield _Reason(
                "failure",
                finding.code,
                f"{finding.code}{rule}: {finding.message}",
                (*_shown(verdict, failure, replay), f"explain  dmabuf-async explain {finding.code}"),
            )
    if verdict.interrupted or verdict.exit_code not in _CONCLUSIVE:
        return
    if verdict.missing:
        yield _Reason("failure", "missing", f"none of the expected findings came: {', '.join(verdict.missing)}")
    if verdict.unseen:
        yield _Reason("failure", "vacuous", f"never witnessed: {', '.join(verdict.unseen)}")


def _shown(verdict: Verdict, failure: Failure, replay: Callable[[Verdict, str], str]) -> Iterator[str]:
    """Where it was, and the command that shows it again; for a circle over several executions, of each edge."""
    finding = failure.finding
    if not failure.edges:
        yield f"at step {finding.step}, by {finding.actor}, in execution {failure.execution}"
        yield f"replay   {replay(verdict, failure.schedule)}"
    for shown in failure.edges:
        edge = shown.edge
        yield f"{edge.actor} takes {edge.taken} while it holds {edge.held}, in execution {shown.execution}"
        yield f"replay   {replay(verdict, shown.schedule)}"


def _errors(verdict: Verdict) -> Iterator[_Reason]:
    if verdict.error:
        yield _Reason("error", "scenario", verdict.error)
    elif verdict.interrupted:
        yield _Reason("error", "interrupted", f"interrupted: {_effort(verdict)}")
    elif verdict.strength.startswith("unfinished"):
        left = (f"left: {verdict.left}",) if verdict.left else ()
        yield _Reason(
            "error", "unfinished", f"{verdict.bound or 'stopped before anything was proved'}: {_effort(verdict)}", left
        )


def _effort(verdict: Verdict) -> str:
    cut = f", {verdict.cut} cut at the step limit" if verdict.cut else ""
    extent = f"; {verdict.extent}" if verdict.extent else ""
    return f"{verdict.strength}{extent}; {verdict.executions} executions, {verdict.steps} steps{cut}"


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
