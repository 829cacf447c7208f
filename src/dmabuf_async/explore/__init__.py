"""Explorations: a strategy on an engine within a budget, and the verdict."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Explore(ModuleType):
    """``explore(program)`` reads well, and this package has the name: docs/decisions/20-explore-can-be-called.md."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from importlib import import_module

        return import_module("dmabuf_async.report.exploration").explore(*arguments, **options)


sys.modules[__name__].__class__ = _Explore
