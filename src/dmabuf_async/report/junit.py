"""Verdicts as JUnit XML, for whatever shows test results in CI.

The format is that of Jenkins, ``junit-10.xsd``, which most readers keep to. A scenario is a suite with one test case,
for only suites have properties there. It has at most one ``failure`` or ``error``, as readers expect; the body tells
all reasons.

========  =====================================================================
failure   an unexpected finding, none of the expected ones, or a witness unseen
error     not valid, interrupted, unfinished, or any other end that is not what was expected
========  =====================================================================

A verdict that is as expected passes: the file and the exit code say the same. What a campaign's silence is worth are
properties of the suite, with the names of :class:`~dmabuf_async.explore.verdict.Sample` and of
:class:`~dmabuf_async.strategies.faults.Sites`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from dmabuf_async.report.reasons import effort, reasons

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.report.reasons import Replays

_SUITE: Final = "dmabuf-async"
_NOT_XML: Final = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 has no way to write most of these; DEL, C1 and carriage returns go too."""


def junit(verdicts: Sequence[Verdict], replay: Replays) -> str:
    """The whole file, to be written as UTF-8.

    ``replay`` gives the command line that shows the execution of a schedule again. Times are in
    seconds. Characters that XML 1.0 cannot hold are left out.
    """
    suites = ET.Element("testsuites", name=_SUITE)
    for verdict in verdicts:
        suite = ET.SubElement(suites, "testsuite", name=_clean(verdict.scenario))
        _properties(suite, verdict)
        _case(suite, verdict, replay)
        _counted(suite, 1, verdict.seconds)
    _counted(suites, len(verdicts), sum(verdict.seconds for verdict in verdicts))
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _counted(element: ET.Element, tests: int, seconds: float) -> None:
    element.set("tests", str(tests))
    element.set("failures", str(sum(1 for _ in element.iter("failure"))))
    element.set("errors", str(sum(1 for _ in element.iter("error"))))
    element.set("time", _time(seconds))


def _properties(suite: ET.Element, verdict: Verdict) -> None:
    told = {f"sample.{name}": value for name, value in asdict(verdict.sample).items()} if verdict.sample else {}
    if verdict.sites is not None:
        told |= {f"sites.{name}": value for name, value in verdict.sites._asdict().items()}
    if told:
        properties = ET.SubElement(suite, "properties")
        for name, value in told.items():
            if value is not None:
                ET.SubElement(properties, "property", name=name, value=_clean(str(value)))


def _case(suite: ET.Element, verdict: Verdict, replay: Replays) -> None:
    folders = [part for part in PurePath(verdict.scenario).parent.parts if part.strip("./")]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(".".join(folders)) or _SUITE,
        name=_clean(verdict.scenario),
        time=_time(verdict.seconds),
    )
    found = reasons(verdict, replay)
    if found:
        first, *others = found
        message = f"{first.message} (and {len(others)} more)" if others else first.message
        element = ET.SubElement(case, first.tag, type=_clean(first.kind), message=_clean(message))
        element.text = _clean("\n\n".join("\n".join((reason.message, *reason.details)) for reason in found))
    ET.SubElement(case, "system-out").text = _clean(effort(verdict))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
