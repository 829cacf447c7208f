"""Plugins of pytest that other projects have installed: each process loads them, used or not."""

from __future__ import annotations


def without(*names: str) -> list[str]:
    """Options for pytest, which then doesn't load them."""
    return [word for name in names for word in ("-p", f"no:{name}")]


ALONE = without("cacheprovider", "anyio", "benchmark", "hypothesispytest", "trio")
"""Without those that take longer to be loaded than all the rest does, and without leaving a folder behind."""
