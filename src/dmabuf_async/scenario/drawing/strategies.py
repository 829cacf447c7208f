"""Drawn scenarios as a strategy of Hypothesis, which draws them at random and shrinks what a test fails for.

Hypothesis is the extra ``generate`` of this package: ``pip install 'dmabuf-async[generate]'``.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.schema import Scenario

_DIGIT = 64


class _Drawn:
    """The draws of Hypothesis.

    Small ones only: of larger numbers Hypothesis prefers those that stand in the modules which happen to be loaded.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def below(self, limit: int) -> int:
        if limit <= _DIGIT:
            return self._draw(st.integers(0, limit - 1)) if limit > 1 else 0
        high = self.below(-(-limit // _DIGIT))
        return high * _DIGIT + self.below(min(_DIGIT, limit - high * _DIGIT))


@st.composite
def scenarios(draw: st.DrawFn, scenario: Scenario) -> Scenario:
    """Scenarios with the machine, the exporters and the environment of ``scenario``, and importers that keep the rules.

    See :func:`~dmabuf_async.scenario.drawing.scenario.drawn`.
    """
    return drawn(scenario, _Drawn(draw))
