from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.panels.findings import findings
from dmabuf_async.trace.events import Finding

BROKEN = Finding("stale-kmap", "V8", "b uses a mapping that leads to ram#0", 2, "b")
FOLLOWS = Finding("frame-leak", "V6", "ram#1 is lost", 4, "b", primary=False)


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_primary_findings_come_before_what_follows() -> None:
    assert told(findings((FOLLOWS, BROKEN), width=80)) == [
        "x stale-kmap  V8  step 2: b uses a mapping that leads to ram#0",
        "- frame-leak  V6  step 4: ram#1 is lost",
    ]
    assert told(findings((FOLLOWS, BROKEN), width=60, rows=1)) == [
        "x stale-kmap  V8  step 2: b uses a mapping that l…  + 1 more"
    ]
    assert told(findings((FOLLOWS, BROKEN, FOLLOWS), width=80, rows=2))[1] == "  + 2 more"


def test_none_so_far_is_said_until_it_is_over() -> None:
    assert told(findings((), width=80)) == ["none so far"]
    assert told(findings((), width=80, over=True)) == ["none"]


def test_words_that_are_left_out_are_marked() -> None:
    long = Finding("stale-kmap", "V8", "b uses a mapping that leads to ram#0, and " * 6, 2, "b")
    for rows in (1, 2, 3):
        assert told(findings((long,), width=60, rows=rows))[-1].endswith(" ...")
