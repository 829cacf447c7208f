"""Verdicts as SARIF 2.1.0 (OASIS), for code scanning: each reason is a result at its line of the scenario.

============  ======================================================================================
rules         the codes that were found, with the page of ``explain`` as help; ``missing`` and ``vacuous``
results       unexpected findings, none of the expected ones, witnesses unseen; what is known is suppressed
invocation    whatever else is not as expected: a scenario that is not valid, a check that is unfinished
============  ======================================================================================

A result is the same as one of another day if its fingerprint is: the signature of the finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from dmabuf_async._version import __version__
from dmabuf_async.checkers.catalogue import page, summary
from dmabuf_async.report.lanes import printable
from dmabuf_async.report.reasons import Reason, of_failure, reasons

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Failure, Verdict
    from dmabuf_async.report.reasons import Replays

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT: Final = "signature/v1"
_WORDS: Final = {
    "missing": (
        "None of the findings that the scenario expects came",
        "Sample more executions, or check the scenario: if none of them can come any more, say so under `[expect]`.",
    ),
    "vacuous": (
        "A witness that the scenario asks for was never seen",
        "What was found is worth little without it. Sample more executions, or change the scenario until it can come.",
    ),
}
"""Rules that are no codes of findings: what they say in short, and as help."""


def sarif(
    verdicts: Sequence[Verdict],
    replay: Replays,
    place: Callable[[Verdict, Reason], tuple[str, int]],
    story: Callable[[Verdict, Failure], str],
    exit_code: int,
) -> str:
    """The whole file, to be written as UTF-8.

    ``replay`` gives the command line that shows the execution of a schedule again, ``place`` the path and the line,
    from 1, of a reason, and ``story`` the execution in columns, or nothing.
    """
    known = [
        (verdict, of_failure(verdict, failure, replay), True)
        for verdict in verdicts
        for failure in verdict.failures
        if failure.known
    ]
    all_reasons = [(verdict, reason, False) for verdict in verdicts for reason in reasons(verdict, replay)]
    found = [one for one in (*all_reasons, *known) if one[1].tag == "failure"]
    errors = [(verdict, reason) for verdict, reason, _ in all_reasons if reason.tag == "error"]
    codes = sorted({reason.kind for _, reason, _ in found})
    rules = {code: index for index, code in enumerate(codes)}
    run = {
        "tool": {
            "driver": {
                "name": "dmabuf-async",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not errors,
                "exitCode": exit_code,
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": "\n".join((reason.message, *reason.details))},
                        "locations": [_location(*place(verdict, reason))],
                    }
                    for verdict, reason in errors
                ],
            }
        ],
        "results": [
            _result(verdict, reason, rules, place(verdict, reason), story, suppressed=suppressed)
            for verdict, reason, suppressed in found
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    if code in _WORDS:
        short, text = _WORDS[code]
    else:
        text = page(code)
        short = summary(text)
    return {
        "id": code,
        "shortDescription": {"text": f"{short}."},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": "error"},
    }


def _result(
    verdict: Verdict,
    reason: Reason,
    rules: Mapping[str, int],
    place: tuple[str, int],
    story: Callable[[Verdict, Failure], str],
    *,
    suppressed: bool,
) -> dict[str, Any]:
    failure = reason.failure
    text = "\n".join((reason.message, *reason.details))
    told = "" if failure is None else story(verdict, failure)
    result: dict[str, Any] = {
        "ruleId": reason.kind,
        "ruleIndex": rules[reason.kind],
        "level": "error",
        "message": {"text": text, "markdown": f"{_escaped(reason.message)}\n\n{_fenced(told or text)}"},
        "locations": [_location(*place)],
        "partialFingerprints": {
            _FINGERPRINT: reason.message if failure is None else str(failure.finding.signature),
        },
    }
    if suppressed:
        result["suppressions"] = [{"kind": "external", "justification": "accepted by --known"}]
    return result


def _location(path: str, line: int) -> dict[str, Any]:
    pure = Path(path)
    artifact = {"uri": quote(pure.as_posix()), "uriBaseId": "%SRCROOT%"}
    if pure.is_absolute():
        artifact = {"uri": pure.as_uri()}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}}}


def _escaped(text: str) -> str:
    """Words that mean nothing in Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_[]<>#&|~" else c for c in printable(text))


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
