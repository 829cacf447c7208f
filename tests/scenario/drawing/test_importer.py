"""The rules that drawn importers keep, counted on their steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.schema import Scenario, Step, TaskSpec
from dmabuf_async.scenario.verbs import kernel
from tests.effort import times
from tests.scenario.drawing.grounds import ground

IN_ATOMIC = kernel.Load | kernel.Store | kernel.Memcpy | kernel.KmapAtomic | kernel.KunmapAtomic


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    kinds = ("two pages and slots", "one slot", "a cache")
    return [drawn(ground("migrating", kind), Dice(seed)) for kind in kinds for seed in range(times(100, 30))]


def held(task: TaskSpec) -> Iterator[tuple[Step, tuple[kernel.Kmap | kernel.KmapAtomic, ...]]]:
    """Each step, with the kernel mappings that are held when it begins."""
    mapped: dict[str, kernel.Kmap | kernel.KmapAtomic] = {}
    for step in task.steps:
        yield step, tuple(mapped.values())
        if isinstance(step, kernel.Kmap | kernel.KmapAtomic):
            mapped[step.as_] = step
        elif isinstance(step, kernel.Kunmap | kernel.KunmapAtomic):
            del mapped[step.at]


def test_no_more_than_two_mappings_are_held(scenarios: list[Scenario]) -> None:
    most = [len(now) for one in scenarios for task in one.tasks for _, now in held(task)]
    assert max(most) == 2


def test_nothing_sleeps_while_a_mapping_is_atomic(scenarios: list[Scenario]) -> None:
    for one in scenarios:
        for task in one.tasks:
            for step, now in held(task):
                if any(isinstance(mapping, kernel.KmapAtomic) for mapping in now):
                    assert isinstance(step, IN_ATOMIC)


def test_fewer_importers_than_slots_hold_two_kmaps(scenarios: list[Scenario]) -> None:
    for one in scenarios:
        pairs = 0
        for task in one.tasks:
            kmaps = [sum(isinstance(mapping, kernel.Kmap) for mapping in now) for _, now in held(task)]
            pairs += max(kmaps) == 2
        assert pairs < one.machine.kmap_slots or not one.machine.highmem


def test_a_page_is_mapped_in_a_pin_of_it(scenarios: list[Scenario]) -> None:
    for one in scenarios:
        for task in one.tasks:
            pins: list[tuple[str, int, int | None]] = []
            for step in task.steps:
                if isinstance(step, kernel.GetBackingStorage):
                    pins.append((step.buffer, step.start, step.len))
                elif isinstance(step, kernel.PutBackingStorage):
                    assert pins.pop() == (step.buffer, step.start, step.len)
                elif isinstance(step, kernel.Kmap | kernel.KmapAtomic):
                    byte = step.page * 4096
                    assert any(
                        buffer == step.buffer and start <= byte and (length is None or byte < start + length)
                        for buffer, start, length in pins
                    )


def test_where_caches_are_not_coherent_a_buffer_has_one_user(scenarios: list[Scenario]) -> None:
    for one in scenarios:
        importers = [task for task in one.tasks if not task.name.startswith("mover")]
        if not one.machine.coherent:
            assert len(importers) == 1
