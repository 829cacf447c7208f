"""The verdicts of a campaign as a table: a line a scenario, and below it what broke."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from dmabuf_async.cli import exits
from dmabuf_async.cli.shelf import split
from dmabuf_async.cli.worth import share, worth
from dmabuf_async.explore.accepted import accepting
from dmabuf_async.explore.verdict import CORPUS
from dmabuf_async.report.lanes import printable
from dmabuf_async.report.story import brief, first

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.explore.verdict import Failure, Recalled, Verdict
    from dmabuf_async.report.lines import Line

_INDENT: Final = 5
_OTHERS: Final = 4
"""So many other findings are told with their replay lines."""
_MUCH: Final = 0.1
"""If more executions than this share are of a new class, a longer campaign would show more."""
_MARKS: Final = {exits.AS_EXPECTED: "ok", exits.FOUND: "x", exits.VACUOUS: "?", exits.LIMIT: ".."}
_STYLES: Final = {exits.AS_EXPECTED: "plain", exits.FOUND: "finding", exits.VACUOUS: "note", exits.LIMIT: "note"}
_KINDS: Final = {
    exits.AS_EXPECTED: "as expected",
    exits.FOUND: "not as expected",
    exits.LIMIT: "unfinished",
    exits.VACUOUS: "with a witness never seen",
    exits.INVALID: "not valid",
    exits.DIVERGED: "not deterministic",
    exits.INTERRUPTED: "interrupted",
    exits.INTERNAL: "ended by an internal error",
}
_WORDS: Final = {
    exits.INVALID: "is not a valid scenario",
    exits.DIVERGED: "is not deterministic",
    exits.INTERNAL: "internal error",
    exits.INTERRUPTED: "interrupted",
}


class Table:
    """Prints rows as they come, under the folder that they lie in."""

    def __init__(self, console: Console, names: Sequence[str], executions: int | None, sampler: str) -> None:
        self._console = console
        self._asked = len(names)
        self._executions = executions
        self._usual = f"sampled {executions:,} ({sampler})" if executions else ""
        self._folder = ""
        longest = max((len(split(name)[1]) for name in names), default=0)
        self._column = min(longest, max(20, console.width // 2))

    def row(self, verdict: Verdict) -> None:
        """One scenario; what its verdict rests on is told here only if it differs from the others'."""
        folder, name = split(verdict.scenario)
        if folder != self._folder:
            self._folder = folder
            self._console.line(folder, "head")
        mark = f"{_MARKS.get(verdict.exit_code, '!'):{_INDENT}}"
        style = _STYLES.get(verdict.exit_code, "finding")
        usual = effort(verdict) == self._usual or (
            verdict.failures and verdict.executions == self._executions and not verdict.cut
        )
        said = "; ".join(filter(None, (outcome(verdict), "" if usual else effort(verdict))))
        if len(name) <= self._column and _INDENT + self._column + 2 + len(said) <= self._console.width:
            self._console.line(f"{mark}{name:{self._column}}  {said}", style)
        else:
            self._console.line(f"{mark}{name}", style)
            indent = f"{'':{_INDENT}}{'':4}"
            width = max(40, self._console.width - len(indent))
            lines = textwrap.wrap(said, width, break_on_hyphens=False) if verdict.extent else [said]
            for line in lines:
                self._console.line(f"{indent}{line}", style)

    def details(self, verdict: Verdict, go_on: str) -> None:
        """What a search covered and what it left, and the command that goes on."""
        told = []
        if verdict.bound and verdict.left:
            told.append(("left", verdict.left))
        if verdict.uncovered:
            told.append(("no word", f"on {_listed(verdict.uncovered, 'or')}: this search does not look for it"))
        if self._asked == 1 and verdict.witnesses:
            seen = (f"{witness} ({count:,}x or more)" for witness, count in verdict.witnesses.items() if count)
            told.append(("seen", "; ".join(seen)))
        if self._asked == 1 and not verdict.extent:
            expected = [failure for failure in verdict.failures if not failure.unexpected]
            if expected:
                told += _found(verdict, expected)
        if self._asked == 1 and verdict.sites is not None:
            sites = verdict.sites
            told.append(("faults", f"{sites.failed:,} of {sites.known:,} sites failed at least once"))
        if self._asked == 1 and verdict.sample is not None:
            told += worth(verdict.sample, found=bool(verdict.failures))
        told += [("corpus", recollection(one)) for one in verdict.recalled]
        if go_on:
            told.append(("go on", go_on))
        for name, words in told:
            indent = f"{'':{_INDENT}}{'':4}"
            first, others = f"{indent}{name:9}", f"{indent}{'':9}"
            width = max(40, self._console.width)
            lines = (
                [f"{first}{words}"]  # a command must survive being pasted
                if words == go_on
                else textwrap.wrap(words, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
            )
            for line in lines:
                self._console.line(line)

    def broken(self, story: Sequence[Line], verdict: Verdict, failure: Failure, replay: Callable[[str], str]) -> None:
        """What broke, as its ``story`` tells it, and how to see the others."""
        others = [other for other in verdict.failures if other is not failure and other.unexpected]
        self._console.line()
        self._console.lines(story)
        self._acceptable(verdict, failure)
        for other in others[:_OTHERS]:
            self._console.line()
            self._console.lines(brief(verdict, other, replay))
            self._acceptable(verdict, other)
        if len(others) > _OTHERS:
            self._console.line(
                f"  {len(others) - _OTHERS} more findings of other signatures: --json tells them all", "dim"
            )
        self._console.line()

    def _acceptable(self, verdict: Verdict, failure: Failure) -> None:
        """The line for the file of --known."""
        if failure.unexpected:
            line = accepting(verdict.scenario, failure.finding.signature)
            self._console.line(f"  accept   {printable(line)}", "dim")

    def summary(self, verdicts: Sequence[Verdict], seconds: float) -> None:
        """The last line: how many scenarios came out how, and how fast it went."""
        kinds = Counter(verdict.exit_code for verdict in verdicts)
        parts = [f"{kinds[code]} {words}" for code, words in _KINDS.items() if kinds[code]]
        left = self._asked - len(verdicts)
        if left:
            parts.append(f"{left} not explored")
        executions = sum(verdict.executions for verdict in verdicts)
        rate = f" ({executions / seconds:,.0f}/s)" if seconds > 0 and executions else ""
        scenarios = f"{self._asked:,} scenario{'s' * (self._asked != 1)}"
        style = "good" if not left and set(kinds) <= {exits.AS_EXPECTED} else "head"
        if self._asked > 1:
            self._console.line()
        self._console.line(f"{scenarios}: {', '.join(parts) or 'nothing to explore'}", style)
        each = f"{self._usual} each: " if self._usual and verdicts else ""
        made = f"{executions:,} execution{'s' * (executions != 1)}"
        self._console.line(f"{each}{made} in {seconds:.1f} s{rate}", "dim")
        if self._asked > 1:
            self._unseen(verdicts)

    def _unseen(self, verdicts: Sequence[Verdict]) -> None:
        """Which scenarios a longer campaign would still show something new of."""
        chances = [(verdict.sample.new or 0.0, verdict) for verdict in verdicts if verdict.sample is not None]
        many = [(chance, verdict) for chance, verdict in chances if chance > _MUCH]
        if many:
            chance, most = max(many, key=itemgetter(0))
            words = (
                f"left: {len(many):,} of them still show new classes in more than {share(_MUCH)} of random executions, "
                f"{printable(most.scenario)} in {share(chance)}"
            )
            width = self._console.width if self._console.is_terminal else len(words)
            for text in textwrap.wrap(words, width, break_on_hyphens=False, break_long_words=False):
                self._console.line(text, "dim")


def _found(verdict: Verdict, expected: Sequence[Failure]) -> list[tuple[str, str]]:
    """What was found how often; a line each where the codes alone don't tell findings apart."""
    codes = Counter(one.finding.code for one in expected)
    if max(codes.values()) == 1:
        return [("found", "; ".join(f"{one.finding.code} {_times(verdict, one)}" for one in expected))]
    words = [f"{one.finding.code} of {one.finding.signature.place}: {_times(verdict, one)}" for one in expected]
    return [("" if number else "found", said) for number, said in enumerate(words)]


def recollection(one: Recalled) -> str:
    """What became of a remembered schedule, in words."""
    match one.became:
        case "shown":
            return f"{one.code} is shown again by {one.file}"
        case "new":
            return f"{one.code} is remembered in {one.file}"
        case "kept":
            return f"{one.code}, not decided: {one.why}; {one.file} is kept"
        case "mended":
            return f"{one.code} is mended: {one.why}; {one.file} is forgotten"
        case "changed":
            return f"{one.code} is not looked for any more: {one.why}; {one.file} is forgotten"


def outcome(verdict: Verdict) -> str:
    """What came of a scenario, in a few words."""
    if verdict.exit_code in _WORDS and not (verdict.interrupted and verdict.extent):
        return _WORDS[verdict.exit_code]
    unexpected = tuple(dict.fromkeys(failure.finding.code for failure in verdict.failures if failure.unexpected))
    known = tuple(dict.fromkeys(failure.finding.code for failure in verdict.failures if failure.known))
    expected = tuple(dict.fromkeys(failure.finding.code for failure in verdict.failures if failure.expected))
    told = f"{_listed(known)}, known" if known else ""
    if unexpected:
        return "; ".join(filter(None, (f"{_listed(unexpected)}, not expected", told)))
    where = " so far" if verdict.bound else " in any order" if verdict.strength == "exhaustive" else ""
    if verdict.missing:
        return f"{_listed(verdict.missing, 'or')} never found{where}"
    if verdict.unseen:
        return f"never witnessed{where}: {_listed(verdict.unseen)}"
    if expected:
        told = "; ".join(filter(None, (f"{_listed(expected)}, as expected", told)))
    if told:
        return f"{told}{where and ', and nothing else' + where}"
    return f"nothing found{where}"


def effort(verdict: Verdict) -> str:
    """The strength of a verdict, and what it rests on."""
    if verdict.extent:
        strength = f"{verdict.strength} ({verdict.bound})" if verdict.bound else verdict.strength
        return f"{strength}, {verdict.extent}"
    strength = "" if verdict.error or verdict.interrupted else verdict.strength
    if verdict.executions and f"{verdict.executions:,}" not in strength:
        made = f"{verdict.executions:,} execution{'s' * (verdict.executions != 1)}"
        strength = f"{strength}, {made}" if strength else made
    return f"{strength}, {verdict.cut:,} of them cut at the step limit" if verdict.cut else strength


def _times(verdict: Verdict, failure: Failure) -> str:
    """The same in fewer words."""
    count = verdict.counts.get(failure.finding.signature, 1)
    if failure.by == CORPUS:
        return "by what is remembered only"
    return f"{f'{count:,} times' if count > 1 else 'once'}, first by {first(failure)}"


def _listed(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
