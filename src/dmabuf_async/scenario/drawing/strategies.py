"""Drawn scenarios as a strategy of Hypothesis, which draws them at random and shrinks what a test fails for.

Hypothesis is the extra ``generate`` of this package: ``pip install '.[generate]'``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.build import furnish
from dmabuf_async.scenario.drawing.machines import drawn_for
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.scenario.schema import Scenario, digest
from dmabuf_async.scenario.writing import toml

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


@st.composite
def programs(draw: st.DrawFn, function: Callable[[Machine], Any]) -> Program:
    """Programs on a machine that ``function`` furnishes with buffers and their exporters, and drawn importers.

    The function is one that takes a machine, with or without ``@scenario``, which says how large the machine is. Tasks
    that it declares are part of each program: they are to drive the exporters. Nothing may be found. ``story`` is the
    drawn part as a scenario file. Raises ScenarioError if the function makes no buffer.
    """
    plain = from_function(function)
    machine = Machine(plain.sizes)
    function(machine)
    scenario = drawn_for(machine, _Drawn(draw))

    def build(machine: Machine) -> None:
        function(machine)
        furnish(machine, scenario)

    both = hashlib.sha256(plain.digest + digest(scenario)).digest()
    return replace(plain, build=build, digest=both, story=toml(scenario), findings=(), sometimes=())
