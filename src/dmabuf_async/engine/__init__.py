"""Engines: one core that parks, chooses, applies and observes; inline, or hosted by asyncio and trio."""

from __future__ import annotations

ENGINES = ("inline", "asyncio", "trio")
"""What may resume the tasks of an execution; the trace is the same on each."""

MAX_STEPS = 10_000
"""Where an execution is cut, unless told otherwise (DESIGN 7)."""
