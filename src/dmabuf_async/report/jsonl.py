"""Reports for programs: one JSON object a line.

Every object has ``schema``, 1 as long as no key changes its meaning or goes
away, and ``type``. Keys may be added. Lines are ASCII and come without a line
break; sets are sorted lists.
"""

from __future__ import annotations

import json
from typing import Any, Final

from dmabuf_async.explore.verdict import Failure, Verdict
from dmabuf_async.trace.events import Event, Finding, Signature

SCHEMA: Final = 1


def event_line(event: Event) -> str:
    """One step of an execution, ``"type": "event"``.

    - ``step``: from 1
    - ``actor``; ``cpu``: number, null for the environment
    - ``kind``: of op, one word; ``text``: the op in words
    - ``result``: what came of it, or empty
    - ``fault``: whether the environment made it fail, or acted
    - ``preempts``: the actor that could have gone on, or null
    - ``site``: the step of the scenario, or the function
    - ``reads``, ``writes``: names of objects, sorted
    """
    return _line(
        "event",
        step=event.step,
        actor=event.actor,
        cpu=event.cpu,
        kind=event.kind,
        text=event.text,
        result=event.result,
        fault=event.fault,
        preempts=event.preempts,
        site=event.site,
        reads=sorted(event.reads),
        writes=sorted(event.writes),
    )


def finding_line(finding: Finding, schedule: str) -> str:
    """A rule that was broken, ``"type": "finding"``.

    - ``code``; ``rule``: ids of PROTOCOL.md, or empty
    - ``message``: one sentence without a full stop
    - ``step``: from 1; ``actor``; ``objects``: names, as the checker ordered them
    - ``signature``: object of ``code``, ``rule``, ``role``, ``site``, ``object_class``
    - ``primary``: false if it follows from another finding
    - ``schedule``: ``dba1:...``, which replays it
    """
    return _line("finding", **_finding(finding), schedule=schedule)


def verdict_line(verdict: Verdict) -> str:
    """What exploring one scenario came to, ``"type": "verdict"``.

    - ``scenario``; ``strength``: what is claimed, in words
    - ``executions``, ``steps``; ``seconds``: of wall clock
    - ``cut``: executions that ended at the step limit
    - ``failures``: list of objects of ``finding`` (as in `finding_line`, without
      ``schema``, ``type``, ``schedule``), ``schedule``, ``execution`` (from 1),
      ``expected`` (true if the scenario asks for it)
    - ``counts``: list of objects of ``signature`` and ``executions`` that showed it
    - ``missing``: expected codes, if none of them was found
    - ``unseen``: witnesses that never came
    - ``interrupted``; ``exit_code``: for this scenario alone
    """
    return _line(
        "verdict",
        scenario=verdict.scenario,
        strength=verdict.strength,
        executions=verdict.executions,
        steps=verdict.steps,
        seconds=verdict.seconds,
        cut=verdict.cut,
        failures=[_failure(failure) for failure in verdict.failures],
        counts=[
            {"signature": _signature(signature), "executions": count} for signature, count in verdict.counts.items()
        ],
        missing=list(verdict.missing),
        unseen=list(verdict.unseen),
        interrupted=verdict.interrupted,
        exit_code=verdict.exit_code,
    )


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "finding": _finding(failure.finding),
        "schedule": failure.schedule,
        "execution": failure.execution,
        "expected": failure.expected,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "rule": finding.rule,
        "message": finding.message,
        "step": finding.step,
        "actor": finding.actor,
        "objects": list(finding.objects),
        "signature": _signature(finding.signature),
        "primary": finding.primary,
    }


def _signature(signature: Signature) -> dict[str, str]:
    return {
        "code": signature.code,
        "rule": signature.rule,
        "role": signature.role,
        "site": signature.site,
        "object_class": signature.object_class,
    }


def _line(name: str, /, **values: Any) -> str:
    return json.dumps({"schema": SCHEMA, "type": name, **values}, allow_nan=False)
