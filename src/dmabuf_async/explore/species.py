"""What a sample tells of what was not seen: estimators from ecology, pure functions of counts.

A species is a happens-before class, an individual an execution. ``n`` executions were drawn independently by one
sampler; ``seen`` classes came, ``once`` of them one time and ``twice`` two times. Böhme ("STADS", TOSEM 2018) tells why
testing may be looked at in this way.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
"""Of every bound that is told."""


def good_turing(n: int, once: float) -> float:
    """The estimated chance that the next execution is of a class not seen before: Good, Biometrika 1953."""
    return min(1.0, once / n) if n else 1.0


def missing_bound(n: int, once: float, confidence: float = CONFIDENCE) -> float:
    """With this confidence, the chance that the next execution is new is not higher.

    McAllester and Schapire, "On the convergence rate of Good-Turing estimators", COLT 2000: it holds for every
    distribution, and is wide until n is some ten thousands.
    """
    return min(1.0, good_turing(n, once) + (2 * sqrt(2) + sqrt(3)) * sqrt(log(3 / (1 - confidence)) / n)) if n else 1.0


def rate_bound(times: float, n: int, confidence: float = CONFIDENCE) -> float:
    """With this confidence, what came ``times`` times in ``n`` executions has no higher probability.

    Chernoff's bound in its form of relative entropy (Hoeffding, JASA 1963, theorem 1). If it never came, it
    is exact, 1 - 0.05^(1/n): about 3/n, the rule of three.
    """
    if times >= n:
        return 1.0
    share = times / n
    nats = -log(1 - confidence) / n
    low, high = share, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _entropy(share, middle) > nats:
            high = middle
        else:
            low = middle
    return high


def _entropy(share: float, chance: float) -> float:
    """Relative entropy of two coins, in nats."""
    if chance >= 1.0:
        return float("inf")
    heads = share * log(share / chance) if share else 0.0
    return heads + (1 - share) * log((1 - share) / (1 - chance))


class Chao(NamedTuple):
    """How many classes there are at least: an estimate, and its standard error."""

    classes: float
    error: float


def chao1(n: int, seen: float, once: float, twice: float) -> Chao:
    """A lower bound, in the mean, for the number of classes that exist, be the distribution what it may.

    Chao, Scandinavian Journal of Statistics 1984, seen + once^2 / (2 twice), in the form without bias that needs no
    class seen twice (Chao 2005); the error is that of Chao 1987.
    """
    if not n:
        return Chao(0.0, 0.0)
    rest, base = (n - 1) / n, twice + 1
    more = rest * once * max(0.0, once - 1) / (2 * base)
    variance = (
        more
        + rest**2 * once * (2 * once - 1) ** 2 / (4 * base**2)
        + rest**2 * once**2 * twice * (once - 1) ** 2 / (4 * base**4)
    )
    return Chao(seen + more, sqrt(variance))


def new_bound(n: int, once: float, later: int, fresh: float, confidence: float = CONFIDENCE) -> float:
    """With this confidence, the chance that the next execution is new is not higher; the better of two bounds.

    One is :func:`missing_bound`. For the other, what was seen in a first part of the sample is held
    against ``later`` executions after it, of which ``fresh`` were of a class that had not come in the first part: that
    is a coin thrown ``later`` times, and by then the chance was no lower than it is now. Each may fail half as
    often, so that both hold together.
    """
    if not n or not later:
        return 1.0
    each = (1 + confidence) / 2
    return min(missing_bound(n, once, each), rate_bound(fresh, later, each))
