"""The pages of ``explain`` within a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from markdown_it import MarkdownIt

from dmabuf_async.checkers.catalogue import CODES, page
from dmabuf_async.report.page.markup import Html, joined, tag

_DEEPER: Final = 2
"""The title of a page is a heading of the third level here."""


def anchor(code: str) -> str:
    """The id of the part that explains a code."""
    return f"explain-{code}"


def rules(codes: Iterable[str]) -> Html:
    """What each of the codes means, those that have a page, once."""
    known = [code for code in dict.fromkeys(codes) if code in CODES]
    return joined(tag("article", _rendered(page(code)), id=anchor(code)) for code in known)


def _rendered(text: str) -> Html:
    """Markdown of ours as markup; what is markup in it already is shown as text."""
    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{int(token.tag[1]) + _DEEPER}"
    return Html(markdown.renderer.render(tokens, markdown.options, {}))
