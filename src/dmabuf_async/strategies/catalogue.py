"""The strategies by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dmabuf_async.strategies import DEPTH
from dmabuf_async.strategies.base import Strategy
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.delay import Delay
from dmabuf_async.strategies.pct import Pct
from dmabuf_async.strategies.portfolio import Portfolio
from dmabuf_async.strategies.pos import Pos
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.surw import Surw
from dmabuf_async.strategies.urw import Urw


def portfolio(seed: int = 0, depth: int = DEPTH) -> Portfolio:
    """The default of ``fuzz``: equal shares; each member has dice of its own."""
    seed *= 5
    return Portfolio([RandomWalk(seed), Pct(seed + 1, depth), Pos(seed + 2), Surw(seed + 3), Urw(seed + 4)])


STRATEGIES: Final[dict[str, Callable[..., Strategy]]] = {
    "calm": lambda seed: Calm(),  # noqa: ARG005 - it has no dice
    "random": RandomWalk,
    "pct": Pct,
    "pos": Pos,
    "urw": Urw,
    "surw": Surw,
    "delay": Delay,
    "portfolio": portfolio,
}
"""By name: what makes one, given a seed, and by name what :data:`OWN` says of it."""

OWN: Final[dict[str, tuple[str, ...]]] = {"depth": ("pct", "portfolio"), "delays": ("delay",)}
"""Options that only some strategies have: which ones."""


def strategy(name: str, seed: int = 0, **options: int | None) -> Strategy:
    """The strategy of that name. Raises TypeError if it would ignore an option that is not None."""
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if name not in OWN.get(option, ()):
            raise TypeError(f"the strategy {name} has no {option}")
    return STRATEGIES[name](seed, **given)
