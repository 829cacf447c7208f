"""The story of one execution, for somebody who wants to understand it: in Markdown, as the pages of ``explain`` are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.catalogue import page
from dmabuf_async.report.lanes import printable
from dmabuf_async.report.lines import columns, parting, reason

if TYPE_CHECKING:
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.explore.why import Why
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

_TOLD: Final = 5
"""So many of a kind are told one by one."""


def explanation(
    program: Program,
    execution: Execution,
    finding: Finding,
    why: Why | None,
    replay: Callable[[str], str],
    *,
    width: int = 100,
) -> str:
    """What happened, the rule, the order that matters, the usual cure, and what else broke.

    ``why`` is the reason as far as it is known, ``replay`` the command that shows a schedule. Columns are set in
    ``width`` characters.
    """
    sections = _sections(page(finding.code))
    lanes = columns(execution.trace, finding, why=why, width=width)
    where = f"At step {finding.step}, by {printable(finding.actor)}" if finding.step else "At no single step"
    title = [printable(program.title), ""] if program.title else []
    told = [
        f"# {finding.code} in {printable(program.name)}",
        "",
        *title,
        "## What happened",
        "",
        f"{where}: {printable(finding.message)}.",
        "",
        "```text",
        *(line.text for line in lanes),
        "```",
        "",
        sections[""],
        *_section("The order that matters", _order(why, replay)),
        *_section("The rule", sections.get("The rule", "")),
        *_section("The usual cure", sections.get("The usual cure", "")),
        *_section("What else broke", "\n".join(_others(execution, finding))),
        *_section(
            "To look at it",
            f"```text\n{replay(execution.schedule)}\ndmabuf-async explain {finding.code}\n```",
        ),
    ]
    return "\n".join(told) + "\n"


def _section(head: str, text: str) -> list[str]:
    return ["", f"## {head}", "", text] if text else []


def _sections(page: str) -> dict[str, str]:
    """The parts of a page by their headings; what comes before the first one has none."""
    first, *others = re.split(r"^## +", page, flags=re.MULTILINE)
    found = {"": first.partition("\n")[2].strip()}
    for part in others:
        head, _, text = part.partition("\n")
        found[head.strip()] = text.strip()
    return found


def _order(why: Why | None, replay: Callable[[str], str]) -> str:
    if why is None:
        return ""
    told = f"{printable(reason(why))}."
    told = f"{told[:1].upper()}{told[1:]}"
    if why.passing:
        told += (
            f" The nearest execution in which it holds is this one with one thing changed: {printable(parting(why))}"
            f"\n\n```text\n{replay(why.passing)}\n```"
        )
    return told


def _others(execution: Execution, finding: Finding) -> Iterator[str]:
    for words, primary in (("by itself", True), ("as it follows", False)):
        found = [other for other in execution.findings if other.primary is primary and other != finding]
        for other in found[:_TOLD]:
            rule = f" ({other.rule})" if other.rule else ""
            yield f"- {words}, at step {other.step}: {other.code}{rule}, {printable(other.message)}"
        if len(found) > _TOLD:
            yield f"- {words}: {len(found) - _TOLD} more"
