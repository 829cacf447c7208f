"""Annotations of GitHub: workflow commands that put what was found beside the line of the scenario.

They are what the runner reads from the output of a step: ``::error file=F,line=N,title=T::MESSAGE``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.report.reasons import Reason, reasons

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.report.reasons import Replays


def github(
    verdicts: Sequence[Verdict], replay: Replays, place: Callable[[Verdict, Reason], tuple[str, int]]
) -> Iterator[str]:
    """A line for each reason why a scenario is not as expected, without its line break.

    ``replay`` gives the command line that shows the execution of a schedule again, ``place`` the path and the line,
    from 1, that a reason is put beside.
    """
    for verdict in verdicts:
        for reason in reasons(verdict, replay):
            path, line = place(verdict, reason)
            title = f"dmabuf-async: {reason.kind}"
            told = "\n".join((reason.message, *reason.details))
            yield f"::error file={_property(path)},line={line},title={_property(title)}::{_data(told)}"


def _data(text: str) -> str:
    """A message: what would end it is escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a property, which what separates properties would end as well."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
