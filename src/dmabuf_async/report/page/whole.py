"""The page: everything about one execution in one file that asks the network for nothing.

A policy in its head forbids all but its own style and its own script, so that nothing could be loaded or run even if a
name from a scenario did become markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.report.lanes import printable
from dmabuf_async.report.lines import parting, reason
from dmabuf_async.report.page.markup import Html, joined, tag
from dmabuf_async.report.page.rules import anchor, rules
from dmabuf_async.report.page.state import Cell, Row, States, Table, states
from dmabuf_async.report.page.steps import HEADS, Steps

if TYPE_CHECKING:
    from dmabuf_async.explore.recording import Recording
    from dmabuf_async.explore.why import Why
    from dmabuf_async.trace.events import Finding

_BUTTONS: Final = (("first", "|<", "To the start"), ("back", "<", "One step back"), ("on", ">", "One step on"))


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says beside the execution itself."""

    scenario: str
    """As it was named."""
    title: str
    verdict: str
    """What may be claimed, in words."""
    replay: str
    """The command that shows the execution again."""
    passes: str = ""
    """The command that shows the nearest execution that passes, if there is one."""


def page(recording: Recording, finding: Finding | None, why: Why | None, words: Words) -> str:
    """The HTML of a page. ``finding`` is the one to be told, ``why`` its reason."""
    steps = Steps(recording.execution.trace, recording.arrows, finding, why)
    shown = states(recording.snapshots)
    last = len(recording.snapshots) - 1
    start = finding.step if finding is not None and finding.step else last
    style, script = _asset("page.css"), _asset("page.js")
    code = f"{finding.code}: " if finding is not None else ""
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; base-uri 'none'; "
        "form-action 'none'"
    )
    head = joined(
        (
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="generator", content="dmabuf_async"),
            tag("title", f"{code}{words.scenario}"),
            tag("style", Html(style)),
        )
    )
    codes = ([] if finding is None else [finding.code]) + [one.code for one in recording.execution.trace.findings]
    meaning = rules(codes)
    body = joined(
        (
            tag("a", "Skip to the steps", class_="skip", href="#steps"),
            tag("header", tag("p", words.scenario, class_="scenario"), tag("h1", words.title)),
            tag(
                "main",
                _finding(steps, words),
                _controls(last, start, "end" if finding is None else "finding"),
                tag(
                    "div",
                    _lanes(steps),
                    tag(
                        "section",
                        tag("h2", "State of the machine", id="state-title"),
                        tag("p", _moment(start, last), id="moment"),
                        tag("div", _tables(shown, start), id="tables"),
                        id="state",
                        aria_labelledby="state-title",
                    ),
                    class_="stage",
                ),
                tag("section", tag("h2", "What it means"), meaning, id="rules") if meaning else "",
            ),
            tag("footer", tag("p", "Made by dmabuf_async. ", words.verdict)),
            HEADS,
            tag("script", _data(steps, shown, last, start), type="application/json", id="execution"),
            tag("script", Html(script)),
        )
    )
    text = f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'
    return text.encode("ascii", "xmlcharrefreplace").decode()  # whatever becomes of its encoding on the way


def _asset(name: str) -> str:
    return resources.files("dmabuf_async.report.page").joinpath(name).read_text(encoding="utf-8")


# What broke ----------------------------------------------------------------------


def _finding(steps: Steps, words: Words) -> Html:
    finding, why = steps.finding, steps.why
    facts: list[tuple[str, str]] = []
    if finding is None:
        head, message = tag("h2", "Nothing was found"), Html()
    else:
        head = tag("h2", tag("span", "x ", class_="mark", aria_hidden="true"), finding.code, class_="broken")
        message = tag("p", finding.message, class_="message")
        where = tag("a", f"step {finding.step}", href=f"#step-{finding.step}") if finding.step else "in the end"
        rule = f"rule{'s' * (' ' in finding.rule)} {finding.rule}" if finding.rule else "what it means"
        facts.append(("where", joined((where, ", by ", finding.actor))))
        facts.append(("rule", tag("a", rule, href=f"#{anchor(finding.code)}")))
    if why is not None:
        facts.append(("why", _quoted(reason(why))))
    for key, primary in (("also", True), ("then", False)):
        others = [one for one in steps.trace.findings if one.primary is primary and one != finding]
        if others:
            facts.append((key, tag("ul", joined(tag("li", _other(one)) for one in others))))
    facts.append(("verdict", words.verdict))
    facts.append(("replay", _command(words.replay)))
    if why is not None and words.passes:
        facts.append(("passes", joined((tag("p", parting(why)), _command(words.passes)))))
    told = joined(joined((tag("dt", key), tag("dd", value))) for key, value in facts)
    return tag("section", head, message, tag("dl", told), id="finding", aria_label="What was found")


def _quoted(text: str) -> Html:
    """What stands between backticks is what a step says."""
    return joined(tag("code", part) if at % 2 else part for at, part in enumerate(text.split("`")))


def _other(finding: Finding) -> Html:
    rule = f" ({finding.rule})" if finding.rule else ""
    at = joined((" at ", tag("a", f"step {finding.step}", href=f"#step-{finding.step}"))) if finding.step else Html()
    return joined((tag("a", finding.code, href=f"#{anchor(finding.code)}"), at, f"{rule}: {finding.message}"))


def _command(command: str) -> Html:
    button = tag("button", "Copy", type="button", class_="copy", hidden="", aria_label=f"Copy: {command}")
    return tag("div", tag("code", command), button, class_="command")


# Steps ---------------------------------------------------------------------------


def _lanes(steps: Steps) -> Html:
    matter, all_of_them = len(steps.matter), len(steps.trace.events)
    only = Html()
    if matter < all_of_them:
        only = tag(
            "p",
            tag("input", type="checkbox", id="only"),
            tag("label", f" only the {matter} of {all_of_them} steps that the finding depends on", for_="only"),
            class_="only",
        )
    legend = [
        tag("li", _sample("synchronises"), "synchronisation: a lock, a signal, an answer put them in this order"),
        tag("li", _sample("conflicts"), "conflict: both touch something, and nothing but this execution orders them"),
    ]
    if steps.deciding:
        legend.append(tag("li", _sample("conflicts deciding"), "what the finding hangs on"))
    return tag(
        "section",
        tag("h2", "Steps", id="steps-title"),
        tag("ul", joined(legend), class_="legend", aria_label="Arrows"),
        only,
        steps.markup(),
        id="steps",
        aria_labelledby="steps-title",
        tabindex="-1",
    )


def _sample(kind: str) -> Html:
    line = tag("line", x1="0", y1="50%", x2="100%", y2="50%")
    head = tag("use", href="#to-the-right", x="100%", y="50%")
    return tag("svg", line, head, class_=f"sample {kind}", aria_hidden="true")


def _controls(last: int, start: int, goal: str) -> Html:
    buttons = joined(
        tag("button", sign, type="button", id=name, aria_label=said, title=said) for name, sign, said in _BUTTONS
    )
    range_ = {"type": "range", "id": "slider", "min": "0", "max": str(last), "value": str(start)}
    return tag(
        "div",
        buttons,
        tag("label", "Step", for_="slider"),
        tag("input", attributes=range_),
        tag("button", goal, type="button", id="start"),
        tag("p", id="now", aria_live="polite"),
        id="controls",
        role="group",
        aria_label="Move through the execution",
        hidden="",
    )


# State ---------------------------------------------------------------------------


def _moment(step: int, last: int) -> str:
    return f"after step {step} of {last}; what that step has changed is marked"


def _tables(shown: States, step: int) -> Html:
    now, before = shown.at(step), shown.at(step - 1) if step else [{} for _ in shown.tables]
    return joined(_table(*one, marked=step > 0) for one in zip(shown.tables, now, before, strict=True))


def _table(table: Table, now: dict[int, Row], before: dict[int, Row], *, marked: bool) -> Html:
    rows = [
        _row(now.get(number), before.get(number), len(table.heads), marked=marked) for number in sorted({*now, *before})
    ]
    heads = joined(tag("th", head, scope="col") for head in table.heads)
    return tag(
        "div",
        tag(
            "table",
            tag("caption", table.title),
            tag("thead", tag("tr", heads)),
            tag("tbody", joined(rows)),
        ),
        class_="table",
    )


def _row(now: Row | None, before: Row | None, width: int, *, marked: bool) -> Html:
    """A row as ``page.js`` makes it: what is new or gone is marked, and the cells that differ."""
    shown = now or before or ()
    old = before if now is not None and before is not None else shown
    cells = []
    for at in range(width):
        words, bad = shown[at]
        kind = "bad " * bad + "changed" * (marked and old[at] != shown[at])
        cells.append(
            tag("td" if at else "th", words, attributes={"class": kind.strip(), **({} if at else {"scope": "row"})})
        )
    kind = "gone" if now is None else "new" if before is None else "changed" if now != before else ""
    return tag("tr", joined(cells), attributes={"class": kind if marked else ""})


# For the script --------------------------------------------------------------------


def _data(steps: Steps, shown: States, last: int, start: int) -> Html:
    data = {
        "start": start,
        "tables": [len(table.names) for table in shown.tables],
        "changes": [
            [[change.table, change.row, change.cells and [*map(_cell, change.cells)]] for change in changes]
            for changes in shown.changes
        ],
        "said": ["before the first step", *(_said(steps, step) for step in range(1, last + 1))],
    }
    # The text of a script ends at the first "</script", and "<!--" would change how it is read
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return Html(text.replace("&", "\\u0026"))


def _cell(cell: Cell) -> Any:
    return [cell.words] if cell.bad else cell.words


def _said(steps: Steps, step: int) -> str:
    who, what = steps.said(step)
    parts: Sequence[str] = (f"{who}: {what}", *steps.notes(step), *steps.after(step))
    return printable("; ".join(parts))
