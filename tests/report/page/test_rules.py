from __future__ import annotations

import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.report.page.rules import anchor, rules


@pytest.mark.parametrize("code", CODES)
def test_each_page_of_explain_is_there_as_markup(code: str) -> None:
    text = rules([code])
    assert text.startswith(f'<article id="{anchor(code)}"><h3>{code}</h3>')
    assert "<h4>The rule" in text
    assert "```" not in text
    assert "<h1" not in text


def test_a_page_stands_once_and_what_has_none_is_left_out() -> None:
    assert rules(["stale-pte", "of my own", "stale-pte"]).count("<article") == 1
