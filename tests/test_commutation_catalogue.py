"""The commutation property over the catalogue: with every driver, op and fault of the environment that it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.catalogue import find, load
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.dice import dice
from tests.effort import times
from tests.test_commutation import check_commutation, guided
from tests.test_commutation_mm import spin

ROOT = Path(__file__).parents[1] / "scenarios"
NAMES = [str(Path(name).relative_to(ROOT)) for name in find([str(ROOT)])]
SCHEDULES = times(2, 1)
PLACES = times(8, 2)
"""States of each schedule at which all pairs of steps are tried both ways round."""


class Furnished:
    """A scenario with one task more, on a CPU of its own: see IDLE."""

    def __init__(self, program: Program) -> None:
        def build(machine: Machine) -> None:
            program.build(machine)
            machine.task("idle", spin, machine.cell("spin"), cpu=program.sizes.cpus)

        sizes = replace(program.sizes, cpus=program.sizes.cpus + 1)
        self.machine = replace(program, build=build, sizes=sizes).machines()


@pytest.mark.parametrize("name", NAMES)
def test_steps_of_a_scenario_that_do_not_conflict_commute(name: str) -> None:
    spec = Furnished(load(str(ROOT / name)))
    for seed in range(SCHEDULES):
        roll = dice(seed)
        schedule = [int(roll() * 64) for _ in range(400)]
        [whole, _] = guided(spec, schedule, max_steps=300)
        for _ in range(PLACES):
            check_commutation(spec, schedule[: int(roll() * whole.answered)])
