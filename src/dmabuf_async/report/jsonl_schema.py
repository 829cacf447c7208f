"""The schema of JSON lines: one struct for each kind of line that `jsonl` writes, and what their keys mean.

Programs that read the lines may rely on it as long as ``schema`` in a line is 1. Keys may be added, as `jsonl` says, so
that the JSON Schema lets more keys be there than it names.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from dmabuf_async.report.jsonl import SCHEMA

Step: TypeAlias = Annotated[int, Meta(ge=1, description="a step, from 1")]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Chance: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, description="of wall clock")]
Schedule: TypeAlias = Annotated[str, Meta(pattern="^dba1:", description="replays it: `dba1:...`")]
Code: TypeAlias = Annotated[str, Meta(description="of the finding, as `explain` takes it")]
ExitCode: TypeAlias = Annotated[int, Meta(ge=0, le=255, description="as in `dmabuf-async --help`")]
Scenario: TypeAlias = Annotated[str, Meta(description="the scenario, as it was named")]
Names: TypeAlias = Annotated[tuple[str, ...], Meta(description="names of objects, sorted")]
Cpu: TypeAlias = Annotated[int | None, Meta(description="number of the CPU; null for devices and the environment")]


class Line(msgspec.Struct, tag_field="type", tag=lambda name: name.lower(), frozen=True, kw_only=True):
    """What every line has."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA, description="the version of this schema")]


class Signature(msgspec.Struct, frozen=True):
    """By which two findings are told apart."""

    code: Code
    rule: Annotated[str, Meta(description="ids of rules")]
    role: Annotated[str, Meta(description="the actor, without numbers of spawned children")]
    site: Annotated[str, Meta(description="step of the scenario, and function")]
    object_class: Annotated[str, Meta(description="the kind of the object")]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was broken."""

    code: Code
    rule: Annotated[str, Meta(description="ids of rules, `V7` or `P1, P2`, or empty")]
    message: Annotated[str, Meta(description="one sentence without a full stop")]
    step: Annotated[int, Meta(ge=0, description="from 1; 0 if no execution alone shows it")]
    actor: Annotated[str, Meta(description="who broke it")]
    objects: Annotated[tuple[str, ...], Meta(description="names, the most important first")]
    signature: Signature
    primary: Annotated[bool, Meta(description="false if it follows from another finding")]


class Event(Line, frozen=True, kw_only=True):
    """One step of an execution."""

    step: Step
    actor: Annotated[str, Meta(description="who made it: `display`; a child that it spawned: `display/0`")]
    cpu: Cpu
    kind: Annotated[str, Meta(description="the kind of op: `lock`, `switch`")]
    text: Annotated[str, Meta(description="the op in words")]
    result: Annotated[str, Meta(description="what came of it, or empty")]
    fault: Annotated[bool, Meta(description="whether the environment made it fail, or acted")]
    preempts: Annotated[str | None, Meta(description="the actor that could have gone on, or null")]
    site: Annotated[str, Meta(description="step of the scenario, and function")]
    reads: Names
    writes: Names


class Actor(msgspec.Struct, frozen=True):
    """One that made a step, or could have."""

    name: str
    cpu: Cpu


class Execution(Line, frozen=True, kw_only=True):
    """What the lines after it are about, up to the verdict: the first line of `--trace jsonl`."""

    scenario: Scenario
    title: Annotated[str, Meta(description="of the scenario")]
    schedule: Schedule
    steps: Annotated[int, Meta(ge=0, description="so many events follow")]
    stopped: Annotated[
        Literal["ended", "deadlock", "cut", "stopped", "interrupted"], Meta(description="why it is over")
    ]
    actors: Annotated[tuple[Actor, ...], Meta(description="in canonical order, the environment last")]


class Order(Line, frozen=True, kw_only=True):
    """Two steps of different actors of which one comes before the other; what follows from others is left out."""

    first: Step
    second: Step
    synchronises: Annotated[
        bool, Meta(description="by synchronisation order; false: they conflict, and only this execution orders them")
    ]
    objects: Annotated[tuple[str, ...], Meta(description="what both touch and one of them writes, sorted")]


class Finding(Found, tag_field="type", tag="finding", frozen=True, kw_only=True):
    """A rule that was broken, by itself or in consequence."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA, description="the version of this schema")]
    schedule: Schedule


class Least(msgspec.Struct, frozen=True):
    """What the schedule of a failure takes up to the finding, and how much of that is proved."""

    faults: Count
    preemptions: Count
    switches: Count
    steps: Count
    proved: Annotated[bool, Meta(description="nothing cheaper shows it")]
    minimal: Annotated[tuple[str, ...], Meta(description="which of the four are proved to be the least")]
    bound: Annotated[str, Meta(description="why not all of them, or empty")]
    replays: Count
    states: Count


class Edge(msgspec.Struct, frozen=True):
    """A lock that was taken while another one was held."""

    actor: str
    held: str
    taken: str
    before: Annotated[str, Meta(description="the class of the lock that was held")]
    after: Annotated[str, Meta(description="the class of the lock that was taken")]
    schedule: Schedule
    execution: Annotated[int, Meta(ge=1)]


class Failure(msgspec.Struct, frozen=True):
    """One finding of a verdict."""

    finding: Found
    schedule: Schedule
    execution: Annotated[int, Meta(ge=0, description="the first that showed it, from 1; 0: a remembered one")]
    expected: Annotated[bool, Meta(description="the scenario asks for it")]
    known: Annotated[bool, Meta(description="`--known` accepts it")]
    by: Annotated[str, Meta(description="the member of a portfolio that found it first, or empty")]
    until: Annotated[int, Meta(ge=0, description="how many steps show it if no single one does, else 0")]
    chance: Annotated[Chance | None, Meta(description="that a random execution shows it, where `check` knows")]
    edges: Annotated[tuple[Edge, ...], Meta(description="of a lock order that goes in a circle over executions")]
    least: Annotated[Least | None, Meta(description="null: the schedule is as it was found")]


class Counted(msgspec.Struct, frozen=True):
    """How often one kind of finding was seen."""

    signature: Signature
    executions: Count
    finders: Annotated[dict[str, int], Meta(description="of a portfolio, how many executions of which member")]


class Sites(msgspec.Struct, frozen=True):
    """Where faults were tried."""

    known: Annotated[int, Meta(ge=0, description="sites come by")]
    failed: Annotated[int, Meta(ge=0, description="at which a fault was made to happen")]


class Sample(msgspec.Struct, frozen=True):
    """What the silence of `fuzz` is worth; null where it can't be told."""

    sampler: Annotated[str, Meta(description="the strategy that drew")]
    drawn: Count
    looked: Annotated[int, Meta(ge=0, description="executions whose class was looked at")]
    classes: Annotated[int, Meta(ge=0, description="happens-before classes seen")]
    every_class: Annotated[bool, Meta(description="false: `classes` is an estimate")]
    states: Count
    every_state: Annotated[bool, Meta(description="false: there were more")]
    new_per_thousand: float
    new: Annotated[Chance | None, Meta(description="that the next execution is of a new class (Good-Turing)")]
    new_bound: Annotated[float | None, Meta(description="it is not higher")]
    exist: Annotated[float | None, Meta(description="how many classes there are at least (Chao1)")]
    exist_error: Annotated[float | None, Meta(description="its standard error")]
    failure_bound: Annotated[float | None, Meta(description="how likely an unexpected finding is at most")]
    confidence: Annotated[Chance, Meta(description="of the two bounds")]


class Recalled(msgspec.Struct, frozen=True):
    """What became of a schedule that `--corpus` remembered."""

    file: str
    code: Code
    schedule: str
    became: Literal["shown", "new", "mended", "changed", "kept"]
    why: Annotated[str, Meta(description="or empty")]


class Verdict(Line, frozen=True, kw_only=True):
    """What exploring one scenario, or one execution of it, came to."""

    scenario: Scenario
    strength: Annotated[str, Meta(description="what is claimed, in words")]
    executions: Count
    steps: Annotated[int, Meta(ge=0, description="of all executions")]
    seconds: Seconds
    cut: Annotated[int, Meta(ge=0, description="executions that ended at the step limit")]
    failures: tuple[Failure, ...]
    counts: tuple[Counted, ...]
    missing: Annotated[tuple[str, ...], Meta(description="expected codes, if none of them was found")]
    unseen: Annotated[tuple[str, ...], Meta(description="witnesses that never came")]
    witnesses: Annotated[dict[str, int], Meta(description="of `check`: how many executions, at least, showed each")]
    first: Annotated[int | None, Meta(description="the first execution that showed a finding")]
    sites: Annotated[Sites | None, Meta(description="of `fuzz`, where it tries faults site by site")]
    sample: Annotated[Sample | None, Meta(description="of `fuzz`")]
    extent: Annotated[str, Meta(description="what `check` covered, in words")]
    bound: Annotated[str, Meta(description="where it stopped while something was left, or empty")]
    left: Annotated[str, Meta(description="what was left then, in words")]
    uncovered: Annotated[tuple[str, ...], Meta(description="codes that it did not look for")]
    proved: Annotated[bool, Meta(description="nothing was left")]
    recalled: tuple[Recalled, ...]
    error: Annotated[str, Meta(description="why it could not be explored, or empty")]
    interrupted: bool
    exit_code: ExitCode


class Summary(Line, frozen=True, kw_only=True):
    """What a campaign came to: the last line of `fuzz` and `check`."""

    scenarios: Annotated[int, Meta(ge=0, description="how many were asked for")]
    judged: Annotated[int, Meta(ge=0, description="how many have a verdict")]
    as_expected: Annotated[int, Meta(ge=0, description="how many of these are")]
    executions: Count
    steps: Count
    seconds: Seconds
    exit_code: ExitCode


class Error(Line, frozen=True, kw_only=True):
    """Why there is no result."""

    message: Annotated[str, Meta(description="one paragraph")]
    exit_code: ExitCode


class Report(Line, frozen=True, kw_only=True):
    """That `report` has written a page."""

    scenario: Scenario
    schedule: Schedule
    steps: Count
    file: str


class Page(Line, frozen=True, kw_only=True):
    """A page of `explain`."""

    code: Code
    page: Annotated[str, Meta(description="in Markdown")]


class Explanation(Line, frozen=True, kw_only=True):
    """The story of an execution: of `explain` with a schedule."""

    scenario: Scenario
    schedule: Schedule
    code: Code
    text: Annotated[str, Meta(description="in Markdown")]


class Test(Line, frozen=True, kw_only=True):
    """What `replay --as-test` prints."""

    scenario: Scenario
    schedule: Schedule
    text: Annotated[str, Meta(description="a Python module")]


class Completion(Line, frozen=True, kw_only=True):
    """What `completion` prints."""

    shell: str
    script: str


class Schema(Line, frozen=True, kw_only=True):
    """What `scenario schema` prints."""

    json_schema: Annotated[dict[str, Any], Meta(description="a JSON Schema")]


class New(Line, frozen=True, kw_only=True):
    """What `scenario new` prints."""

    text: Annotated[str, Meta(description="a scenario file, in TOML")]


class ScenarioLine(Line, tag="scenario", frozen=True, kw_only=True):
    """A scenario: of `scenario list` and `scenario show`."""

    scenario: Scenario
    title: str
    story: str
    findings: Annotated[tuple[str, ...], Meta(description="expected codes")]
    sometimes: Annotated[tuple[str, ...], Meta(description="expected witnesses")]
    always: tuple[str, ...]
    eventually: tuple[str, ...]
    digest: Annotated[str, Meta(description="the characters that stand for it in a schedule")]
    document: Annotated[
        dict[str, Any] | None, Meta(description="of `show`: the file with all defaults; null for Python")
    ] = None


class Reduced(Line, frozen=True, kw_only=True):
    """What `scenario reduce` left."""

    scenario: Scenario
    toml: Annotated[str, Meta(description="the file that is left")]
    finding: Found
    schedule: Schedule
    least: Least
    tried: Annotated[int, Meta(ge=0, description="how many smaller scenarios were")]
    bound: Annotated[str, Meta(description="where it was stopped, or empty")]


class Generated(Line, frozen=True, kw_only=True):
    """The smallest scenario of `fuzz --generate` that shows something, after the verdict on it."""

    scenario: Scenario
    file: Annotated[str, Meta(description="what the schedules of the verdict replay on")]
    text: Annotated[str, Meta(description="of that file, in TOML")]
    scenarios: Annotated[int, Meta(ge=0, description="how many were decided")]
    first: Annotated[int, Meta(ge=0, description="which of them showed it first")]
    written: Annotated[bool, Meta(description="whether the file is there")]


LINES: Final = (
    Execution,
    Event,
    Order,
    Finding,
    Verdict,
    Summary,
    Error,
    Report,
    Page,
    Explanation,
    Test,
    Completion,
    Schema,
    New,
    ScenarioLine,
    Reduced,
    Generated,
)
"""All kinds of lines: first those of a trace, in the order in which they come."""


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every line fulfils."""
    lines, parts = msgspec.json.schema_components(LINES)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line that dmabuf_async prints with --json, or writes with --trace jsonl",
        "oneOf": list(lines),
        "$defs": parts,
    }
