"""Who goes next and which outcome: strategies see choice points, and what they attend."""

from __future__ import annotations

SINGLE = ("calm", "random", "pct", "pos", "urw", "surw", "delay")
"""Names of the strategies that can drive one execution."""

SAMPLING = ("portfolio", "random", "pct", "pos", "urw", "surw", "delay")
"""Names of those that can drive many."""

DEPTH = 3
"""Of PCT: with how many ordering constraints a bug is looked for, unless told otherwise."""

DELAYS = 3
"""Of delay bounding: how far the bound grows, unless told otherwise."""
