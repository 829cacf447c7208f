"""HTML that is escaped by construction: text becomes markup in one place, and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Final

from dmabuf_async.report.lanes import printable

_VOID: Final = frozenset({"input", "line", "meta", "path", "use"})


class Html(str):
    """Markup: whatever came into it as text has been escaped."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Text of whatever origin as markup; what is not printable stands there as an escape of Python."""
    return text if isinstance(text, Html) else Html(html.escape(printable(text)))


def joined(parts: Iterable[str]) -> Html:
    """Parts one after another, those that are not markup escaped."""
    return Html("".join(map(escaped, parts)))


def tag(name: str, /, *children: str, attributes: Mapping[str, str] | None = None, **more: str) -> Html:
    """An element. ``class_`` stands for ``class``; names of attributes are ours, values may be anybody's."""
    given = {**(attributes or {}), **{key.rstrip("_").replace("_", "-"): value for key, value in more.items()}}
    words = "".join(f' {key}="{escaped(value)}"' for key, value in given.items())
    if name in _VOID:
        return Html(f"<{name}{words}>" if name in {"input", "meta"} else f"<{name}{words}/>")
    return Html(f"<{name}{words}>{joined(children)}</{name}>")
