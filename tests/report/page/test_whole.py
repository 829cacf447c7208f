from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tests.report.page.pages import EVIL, PINS_IGNORED, evil_page, page_of

VOID = {"meta", "input", "line", "path", "use", "hr", "br"}


class Read(HTMLParser):
    """What elements a page has, and whether they are nested as they should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def text() -> str:
    return page_of(*PINS_IGNORED)


def test_it_is_well_formed_and_every_anchor_leads_somewhere(text: str) -> None:
    read = Read(text)
    assert read.open == []
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {href[1:] for _, attributes in read.tags if (href := attributes.get("href")) is not None}
    assert targets <= set(ids)
    labelled = {value for _, attributes in read.tags if (value := attributes.get("aria-labelledby"))}
    assert labelled | {attributes["for"] for attributes in read.of("label")} <= set(ids)


def test_it_is_ascii_and_names_no_other_place(text: str) -> None:
    assert text.isascii()
    assert not re.search(r"(?:src|href)=\"(?!#)|https?:|url\(|@import", text)


def test_headings_go_down_level_by_level_under_one_title(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in Read(text).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert {"header", "main", "footer"} <= {tag for tag, _ in Read(text).tags}


def test_without_a_script_it_shows_the_state_at_the_finding_and_no_controls(text: str) -> None:
    controls = next(attributes for _, attributes in Read(text).tags if attributes.get("id") == "controls")
    assert "hidden" in controls
    assert "after step 17 of 26" in text
    assert re.search(r'<th class="" scope="row">fb\[0\]</th><td class="changed">swap#0', text)


def test_the_finding_is_told_with_rule_reason_verdict_and_commands(text: str) -> None:
    for said in (
        "fb[0] is pinned by importer, and evictor switches it to swap#0",
        '<a href="#explain-moved-while-pinned">rule V7</a>',
        "it hangs on this order",
        "a verdict",
        "<code>dmabuf-async replay scenarios/pin/pins-ignored.toml dba1:e55g.v3002g</code>",
        "<strong>V7.</strong>",
    ):
        assert said in text


def test_a_page_without_a_finding_says_so() -> None:
    text = page_of("scenarios/pin/pins-ignored-repaired.toml")
    assert "<h2>Nothing was found</h2>" in text
    assert 'id="rules"' not in text
    assert 'id="only"' not in text


def test_no_name_becomes_markup() -> None:
    text = evil_page()
    read = Read(text)
    assert read.of("img") == []
    assert len(read.of("script")) == 2
    assert all("onerror" not in attributes for _, attributes in read.tags)
    assert text.count("</script") == 2
    assert "&lt;img src=x" in text
    data = json.loads(text.partition('id="execution">')[2].partition("</script>")[0])
    assert EVIL in data["said"][1]


def test_the_same_execution_makes_the_same_page(text: str) -> None:
    assert page_of(*PINS_IGNORED) == text
