"""Reports for programs: one JSON object a line.

Every object has ``schema``, 1 as long as no key changes its meaning or goes
away, and ``type``. Keys may be added. Lines are ASCII and come without a line
break; sets are sorted lists. `jsonl_schema` has a JSON Schema of all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.explore.species import CONFIDENCE
from dmabuf_async.explore.verdict import Failure, ShownEdge, Verdict
from dmabuf_async.trace.events import Event, Finding, Signature
from dmabuf_async.trace.schedule import digest_text

if TYPE_CHECKING:
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.explore.recording import Recording
    from dmabuf_async.explore.reducing import Reduced
    from dmabuf_async.explore.shrinking import Shrunk
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.orders import Arrow

SCHEMA: Final = 1


def trace_lines(program: Program, recording: Recording, verdict: Verdict) -> Iterator[str]:
    """All of one execution, as ``--trace jsonl`` writes it: what it is, its steps, their order, findings, verdict."""
    execution = recording.execution
    yield execution_line(program, recording)
    yield from map(event_line, execution.trace.events)
    yield from map(order_line, recording.arrows)
    yield from (finding_line(finding, execution.schedule) for finding in execution.findings)
    yield verdict_line(verdict)


def execution_line(program: Program, recording: Recording) -> str:
    """What the lines after it are about, ``"type": "execution"``.

    - ``scenario``: as it was named; ``title``; ``schedule``: ``dba1:...``
    - ``steps``: so many events follow; ``stopped``: why it is over
    - ``actors``: in canonical order, the environment last, objects of ``name`` and ``cpu``
    """
    execution = recording.execution
    cpus = {event.actor: event.cpu for event in execution.trace.events}
    cpus |= {actor.name: actor.cpu for snapshot in recording.snapshots for actor in snapshot.actors}
    return _line(
        "execution",
        scenario=program.name,
        title=program.title,
        schedule=execution.schedule,
        steps=execution.steps,
        stopped=execution.stopped,
        actors=[{"name": name, "cpu": cpus.get(name)} for name in execution.trace.actors],
    )


def order_line(arrow: Arrow) -> str:
    """A step that comes before one of another actor, ``"type": "order"``; what follows from others is left out.

    - ``first``, ``second``: steps, from 1
    - ``synchronises``: by synchronisation order; false: they conflict, and nothing but this execution orders them
    - ``objects``: names of what both touch and one of them writes, sorted
    """
    return _line(
        "order",
        first=arrow.first,
        second=arrow.second,
        synchronises=arrow.synchronises,
        objects=list(arrow.objects),
    )


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
    - ``step``: from 1, 0 if no execution alone shows it; ``actor``; ``objects``: names, as the checker ordered them
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
      ``expected`` (true if the scenario asks for it), ``known`` (true if ``--known`` accepts it), ``by``: the member of
      a portfolio that found it first, or empty, ``until``: how many steps show it if no single one does, else 0,
      ``chance``: the exact probability that a random execution shows it, where ``check`` knows, else null, and
      ``edges``: of a lock order that goes in a circle only over several executions, objects of ``actor``, ``held``,
      ``taken``, ``before``, ``after`` (classes), ``schedule``, ``execution``; else empty; ``least``: null if the
      schedule is as it was found, else object of ``faults``, ``preemptions``, ``switches``, ``steps`` (what the
      schedule takes up to the finding), ``proved`` (nothing cheaper shows it), ``minimal`` (the names, of these four,
      that are proved to be the least), ``bound`` (why not all of them, or empty), ``replays`` and ``states`` (what that
      took)
    - ``counts``: list of objects of ``signature``, ``executions`` that showed it, and ``finders``: of a portfolio, how
      many executions of which member did, else empty
    - ``missing``: expected codes, if none of them was found
    - ``unseen``: witnesses that never came
    - ``witnesses``: object of witness and how many executions, at least, showed it, of ``check``; else empty
    - ``first``: the number of the first execution that showed a finding, expected or not, or null
    - ``sites``: of ``fuzz``, where it tries faults site by site, an object of ``known`` (sites come by) and ``failed``
      (at which a fault was made to happen); else null
    - ``sample``: of ``fuzz``, what its silence is worth, or null: object of ``sampler``, ``drawn`` (executions of
      it), ``looked`` (those looked at), ``classes``, ``every_class`` (false: an estimate), ``states``, ``every_state``
      (false: there were more), ``new_per_thousand``; and, null where they can't be told, ``new`` (the chance that the
      next is of a new class, Good-Turing), ``new_bound``, ``exist`` (classes, Chao1), ``exist_error``,
      ``failure_bound`` (of the chance of an unexpected finding); ``confidence``: of the two bounds
    - ``extent``: what ``check`` covered, in words; ``bound``: where it stopped while something was left, or empty;
      ``left``: what was left then, in words; ``uncovered``: codes that it didn't look for
    - ``proved``: whether nothing was left
    - ``recalled``: with ``--corpus``, what became of remembered schedules: list of objects of ``file``, ``code``,
      ``schedule``, ``became`` (``shown``, ``new``, ``mended``, ``changed``, ``kept``; the file of a ``mended`` or
      ``changed`` one is gone) and ``why``, or empty
    - ``error``: why it could not be explored, or empty
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
            {
                "signature": _signature(signature),
                "executions": count,
                "finders": dict(verdict.finders.get(signature, {})),
            }
            for signature, count in verdict.counts.items()
        ],
        missing=list(verdict.missing),
        unseen=list(verdict.unseen),
        witnesses=dict(verdict.witnesses),
        first=min((failure.execution for failure in verdict.failures), default=None),
        sites=None if verdict.sites is None else verdict.sites._asdict(),
        sample=None if verdict.sample is None else {**asdict(verdict.sample), "confidence": CONFIDENCE},
        extent=verdict.extent,
        bound=verdict.bound,
        left=verdict.left,
        uncovered=list(verdict.uncovered),
        proved=verdict.proved,
        recalled=[asdict(one) for one in verdict.recalled],
        error=verdict.error,
        interrupted=verdict.interrupted,
        exit_code=verdict.exit_code,
    )


def summary_line(verdicts: Sequence[Verdict], *, asked: int, seconds: float, exit_code: int) -> str:
    """What a campaign over several scenarios came to, ``"type": "summary"``, the last line of ``fuzz`` and ``check``.

    - ``scenarios``: how many were asked for; ``judged``: how many have a verdict
    - ``as_expected``: how many of these are
    - ``executions``, ``steps``; ``seconds``: of wall clock
    - ``exit_code``: of the process
    """
    return _line(
        "summary",
        scenarios=asked,
        judged=len(verdicts),
        as_expected=sum(verdict.as_expected for verdict in verdicts),
        executions=sum(verdict.executions for verdict in verdicts),
        steps=sum(verdict.steps for verdict in verdicts),
        seconds=seconds,
        exit_code=exit_code,
    )


def error_line(message: str, exit_code: int) -> str:
    """Why there is no result, ``"type": "error"``: ``message``, one paragraph, and ``exit_code``."""
    return _line("error", message=message, exit_code=exit_code)


def report_line(scenario: str, execution: Execution, file: str) -> str:
    """That ``report`` has written a page, ``"type": "report"``: ``scenario``, ``schedule``, ``steps``, ``file``."""
    return _line("report", scenario=scenario, schedule=execution.schedule, steps=execution.steps, file=file)


def page_line(code: str, page: str) -> str:
    """A page of ``explain``, ``"type": "page"``: ``code``, and ``page`` in Markdown."""
    return _line("page", code=code, page=page)


def explanation_line(scenario: str, schedule: str, code: str, text: str) -> str:
    """The story of an execution, ``"type": "explanation"``.

    ``scenario``, ``schedule``, ``code`` of the finding that it is about, and ``text`` in Markdown.
    """
    return _line("explanation", scenario=scenario, schedule=schedule, code=code, text=text)


def test_line(scenario: str, schedule: str, text: str) -> str:
    """What ``replay --as-test`` prints, ``"type": "test"``: ``scenario``, ``schedule``; ``text``, a Python module."""
    return _line("test", scenario=scenario, schedule=schedule, text=text)


def completion_line(shell: str, script: str) -> str:
    """What ``completion`` prints, ``"type": "completion"``: ``shell``, and ``script``."""
    return _line("completion", shell=shell, script=script)


def schema_line(schema: Mapping[str, Any]) -> str:
    """What ``scenario schema`` prints, ``"type": "schema"``: ``json_schema``, a JSON Schema of scenario files."""
    return _line("schema", json_schema=schema)


def new_line(scenario: str) -> str:
    """What ``scenario new`` prints, ``"type": "new"``: ``text``, a scenario file."""
    return _line("new", text=scenario)


def scenario_line(program: Program, **more: Any) -> str:
    """A scenario, ``"type": "scenario"``.

    - ``scenario``: as it was named; ``title``; ``story``
    - ``findings``: expected codes; ``sometimes``: expected witnesses; ``always``, ``eventually``: properties
    - ``digest``: the characters that stand for it in a schedule
    - ``document``: from ``scenario show``, the file with all defaults; null for Python
    """
    return _line(
        "scenario",
        scenario=program.name,
        title=program.title,
        story=program.story,
        findings=list(program.findings),
        sometimes=list(program.sometimes),
        always=[one.text for one in program.always],
        eventually=[one.text for one in program.eventually],
        digest=digest_text(program.digest),
        **more,
    )


def reduced_line(scenario: str, reduced: Reduced, text: str) -> str:
    """What ``scenario reduce`` left, ``"type": "reduced"``.

    - ``scenario``: as it was named; ``toml``: the text of the file that is left
    - ``finding``: as in `finding_line`, and ``schedule``: ``dba1:...``, which replays it there
    - ``least``: as of a failure in `verdict_line`
    - ``tried``: how many smaller scenarios were; ``bound``: where it was stopped, or empty
    """
    shrunk = reduced.shrunk
    return _line(
        "reduced",
        scenario=scenario,
        toml=text,
        finding=_finding(shrunk.finding),
        schedule=shrunk.schedule,
        least=_least(shrunk),
        tried=reduced.tried,
        bound=reduced.bound,
    )


def generated_line(scenario: str, file: str, text: str, *, scenarios: int, first: int, written: bool) -> str:
    """The smallest drawn scenario that shows something, ``"type": "generated"``, after the verdict on it.

    - ``scenario``: whose exporters it was drawn against, as it was named
    - ``file``: what the schedules of the verdict replay on; ``written``: whether it is there
    - ``text``: of that file, in TOML
    - ``scenarios``: how many were decided, in drawing and in shrinking; ``first``: which of them showed it first
    """
    return _line(
        "generated", scenario=scenario, file=file, text=text, scenarios=scenarios, first=first, written=written
    )


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "finding": _finding(failure.finding),
        "schedule": failure.schedule,
        "execution": failure.execution,
        "expected": failure.expected,
        "known": failure.known,
        "by": failure.by,
        "until": failure.until,
        "chance": failure.chance,
        "edges": [_edge(shown) for shown in failure.edges],
        "least": None if failure.shrunk is None else _least(failure.shrunk),
    }


def _least(shrunk: Shrunk) -> dict[str, Any]:
    costs = shrunk.cost._asdict()
    return {
        **costs,
        "proved": shrunk.proved,
        "minimal": list(costs)[: shrunk.exact],
        "bound": shrunk.bound,
        "replays": shrunk.replays,
        "states": shrunk.states,
    }


def _edge(shown: ShownEdge) -> dict[str, Any]:
    edge = shown.edge
    return {
        "actor": edge.actor,
        "held": edge.held,
        "taken": edge.taken,
        "before": edge.before,
        "after": edge.after,
        "schedule": shown.schedule,
        "execution": shown.execution,
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
