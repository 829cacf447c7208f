from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dmabuf_async.checkers.catalogue import CODES, page
from dmabuf_async.explore.replaying import replay
from dmabuf_async.report.explanation import explanation
from dmabuf_async.report.story import explained
from dmabuf_async.scenario.catalogue import load

ROOT = Path(__file__).parents[2]


def told(name: str, schedule: str, *, because: bool = True) -> str:
    program = replace(load(str(ROOT / "scenarios" / name)), name=name)
    execution = replay(program, schedule)
    finding = execution.primary[0]
    why = explained(program, execution, finding) if because else None
    return explanation(program, execution, finding, why, lambda schedule: f"replay {name} {schedule}")


def sections(text: str) -> dict[str, str]:
    found = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(["", *found[1::2]], [found[0], *found[2::2]], strict=True))


def test_it_tells_what_happened_the_order_the_rule_and_the_cure() -> None:
    parts = sections(told("pin/pins-ignored.toml", "dba1:e55g.v3002g"))
    assert list(parts) == [
        "",
        "What happened",
        "The order that matters",
        "The rule",
        "The usual cure",
        "To look at it",
    ]
    assert parts[""].startswith("# moved-while-pinned in pin/pins-ignored.toml\n\nEviction does not look at the pins\n")
    happened = parts["What happened"]
    assert "At step 17, by evictor: fb[0] is pinned by importer, and evictor switches it to swap#0.\n" in happened
    assert re.search(r"^ +17 +switch fb\[0\] to swap#0\n +x moved-while-pinned, ", happened, re.MULTILINE)
    assert "The exporter moved or freed a page that is pinned." in happened
    assert parts["The order that matters"].lstrip().startswith("It hangs on this order: evictor's `switch fb[0] to")
    assert "replay pin/pins-ignored.toml dba1:e55g.v3p0rg" in parts["The order that matters"]
    assert "**V7.**" in parts["The rule"]
    assert "Test the pin count under the lock" in parts["The usual cure"]
    assert "replay pin/pins-ignored.toml dba1:e55g.v3002g\n" in parts["To look at it"]


def test_without_a_reason_there_is_no_order_that_matters() -> None:
    assert "The order that matters" not in sections(told("pin/pins-ignored.toml", "dba1:e55g.v3002g", because=False))


def test_what_else_broke_is_told_apart_from_what_follows() -> None:
    parts = sections(told("pin/swap-out-race.toml", "dba1:bys6.00qf"))
    assert "- as it follows, at step 3: access-without-backing (V1), " in parts["What else broke"]
    assert "by itself" not in parts["What else broke"]


@pytest.mark.parametrize("code", CODES)
def test_every_page_has_what_a_story_takes_from_it(code: str) -> None:
    assert "\n## The rule\n" in page(code)
    assert "\n## The usual cure\n" in page(code)
