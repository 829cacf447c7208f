"""What holds for every strategy that can drive a campaign."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

from dmabuf_async.engine import ENGINES, inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.scenario import catalogue as scenarios
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies import SAMPLING, SINGLE
from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo, Strategy
from dmabuf_async.strategies.catalogue import STRATEGIES, strategy
from dmabuf_async.strategies.replay import Replay
from tests.generated import program

pytestmark = pytest.mark.unaudited  # thousands of executions

SCENARIOS = Path(__file__).parents[2] / "scenarios"


class Asked:
    """The same strategy, asked for every choice."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def start(self, run: RunInfo) -> bool:
        return self._strategy.start(run)

    def attend(self, run: Run) -> None:
        attend = getattr(self._strategy, "attend", None)
        if attend is not None:
            attend(run)
        run.pick = run.roll = None

    def choose(self, point: ChoicePoint) -> int:
        return self._strategy.choose(point)


def campaign(program: Program, strategy: Strategy, executions: int) -> list[list[int]]:
    """The answers of so many executions."""
    machines, answers = program.machines(), []
    for index in range(executions):
        machine = machines()
        core = inline.execute(machine, strategy, watch=Watch(machine), index=index, max_steps=400)
        assert core is not None
        answers.append(core.choices)
    return answers


@pytest.mark.parametrize("name", SAMPLING)
def test_its_executions_are_the_same_on_each_engine_and_replaying_gives_them_again(name: str) -> None:
    for number in range(12):
        there = program(number)
        each = [STRATEGIES[name](5) for _ in ENGINES]
        for _ in range(6):
            one, *others = [
                perform(execution(there, each[at], max_steps=300), engine) for at, engine in enumerate(ENGINES)
            ]
            assert one is not None
            again = perform(execution(there, Replay(one.choices), max_steps=300))
            for other in (*others, again):
                assert other is not None
                assert (other.trace, other.choices, other.steps) == (one.trace, one.choices, one.steps)


@pytest.mark.parametrize("name", SAMPLING)
def test_what_it_picks_is_what_it_would_have_answered(name: str) -> None:
    for number in range(60):
        picked = campaign(program(number), STRATEGIES[name](1), 18)
        assert picked == campaign(program(number), Asked(STRATEGIES[name](1)), 18)


PINNED = {
    "portfolio": 4_284_823_842,
    "random": 2_703_879_777,
    "pct": 1_509_834_674,
    "pos": 3_111_545_506,
    "urw": 58_861_707,
    "surw": 3_511_366_567,
    "delay": 1_420_604_138,
}
"""A number for all answers of twelve campaigns. The tests run on every Python that is supported."""


@pytest.mark.parametrize("name", SAMPLING)
def test_the_same_seed_gives_the_same_campaign_on_every_python(name: str) -> None:
    files = ("pin/swap-out-race.toml", "process/killed.toml")
    said = [campaign(scenarios.load(str(SCENARIOS / file)), strategy(name, 7), 40) for file in files]
    said += [campaign(program(number), strategy(name, 7), 20) for number in range(10)]
    assert crc32(repr(said).encode()) == PINNED[name]


def test_the_command_line_names_every_strategy() -> None:
    assert set(SINGLE) | set(SAMPLING) == set(STRATEGIES)
    assert all(strategy(name).name == name for name in STRATEGIES)  # type: ignore[attr-defined]


def test_an_option_that_it_would_ignore_is_refused() -> None:
    assert strategy("pct", 0, depth=5).depth == 5  # type: ignore[attr-defined]
    assert strategy("delay", 0, delays=1, depth=None).delays == 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="the strategy pos has no depth"):
        strategy("pos", 0, depth=5)
