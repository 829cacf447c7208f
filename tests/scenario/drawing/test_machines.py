"""Drawn importers against an exporter of somebody's own, written in Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.generating import decide
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.machines import drawn_for
from dmabuf_async.scenario.drawing.strategies import programs
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.verbs.process import Mmap
from dmabuf_async.strategies import catalogue
from tests.effort import times

pytestmark = pytest.mark.unaudited

SPEC = importlib.util.spec_from_file_location("own_exporter", Path("scenarios/python/own_exporter.py"))
assert SPEC is not None
assert SPEC.loader is not None
own: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(own)


class Forgetful(own.LazyExporter):  # type: ignore[misc] # a module that is loaded has no types
    """The last put frees what was written, as if nobody could come back."""

    async def evict(self, buffer: Buffer) -> None:
        await self.release(buffer)


def lazy(machine: Machine) -> None:
    own.LazyExporter(machine, machine.buffer("fb"))


def static(machine: Machine) -> None:
    StaticExporter(machine, machine.buffer("fb"), "ram")


def hasty(machine: Machine) -> None:
    own.HastyExporter(machine, machine.buffer("fb"))


def forgetful(machine: Machine) -> None:
    Forgetful(machine, machine.buffer("fb"))


def codes(program: Program) -> set[str]:
    result = perform(decide(program, catalogue.strategy("random", 0), executions=10))
    return {failure.finding.code for failure in result.failures}


@given(program=programs(static))
@settings(max_examples=times(20, 5), deadline=None, database=None, derandomize=True)
def test_the_right_one_is_not_accused(program: Program) -> None:
    assert codes(program) == set()


@given(program=programs(lazy))
@settings(max_examples=times(60, 20), deadline=None, database=None, derandomize=True)
def test_one_that_evicts_to_swap_loses_no_write(program: Program) -> None:
    assert codes(program) == set()


def test_the_wrong_one_is_found_and_the_drawn_part_is_told_as_a_file() -> None:
    broken = find(
        programs(hasty),
        lambda program: "missing-lock" in codes(program),
        settings=settings(database=None, derandomize=True, phases=[Phase.generate]),
    )
    assert broken.story.startswith('title = "Drawn importers"')


def test_one_that_frees_what_was_written_and_forgets_it_is_found() -> None:
    quietly = settings(database=None, derandomize=True, phases=[Phase.generate])
    find(programs(forgetful), lambda program: bool(codes(program) & {"lost-write", "stale-read"}), settings=quietly)


def test_an_exporter_without_fault_or_attach_is_neither_mmapped_nor_attached_to() -> None:
    machine = Machine()
    lazy(machine)
    for seed in range(20):
        scenario = drawn_for(machine, Dice(seed))
        assert not scenario.devices
        assert not any(isinstance(step, Mmap) for task in scenario.tasks for step in task.steps)


def test_a_machine_without_buffers_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no buffer was made"):
        drawn_for(Machine(), Dice(0))
