"""Two enabled steps of different actors that don't conflict commute, on machines that are not coherent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.engine import inline
from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.protocol.coherency import sync_for_cpu, sync_for_device
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.effort import times
from tests.programs import answers
from tests.test_commutation import check_commutation
from tests.versions import Access

Step = tuple[Any, ...]
DEFECTS: Final = ("no-flush", "no-invalidate", "invalidate-without-clean")


@dataclass(frozen=True)
class Spec:
    """Tasks that map, access, do DMA and see to the cache, over a static and a swapping buffer of one page each."""

    tasks: tuple[tuple[Step, ...], ...]
    zone: str = "ram"
    defects: tuple[str, ...] = ()
    sizes: Sizes = Sizes(ram=3, highmem=2, coherent=False)
    spinner: bool = True

    def machine(self) -> Machine:
        machine = Machine(replace(self.sizes, cpus=3))
        machine.cell("spin")
        machine.mutex("m")
        StaticExporter(machine, machine.buffer("a"), self.zone, self.defects)
        swapping = (*self.defects, "dirty-line-on-free") if "no-flush" in self.defects else self.defects
        SwappingExporter(machine, machine.buffer("b"), "ram", swapping)
        for number, steps in enumerate(self.tasks):
            machine.task(f"t{number}", perform, machine, steps, cpu=number % 2)
        if self.spinner:
            machine.task("spinner", spin, machine, cpu=2)
        machine.seal()
        return machine


async def spin(machine: Machine) -> None:
    while True:
        await machine.things["cell spin"].load()  # type: ignore[attr-defined]


async def perform(machine: Machine, steps: tuple[Step, ...]) -> None:
    importer = CpuImporter(machine)
    for step in steps:
        with suppress(KernelError):
            await do(machine, importer, *step)
    await importer.unwind()


async def do(machine: Machine, importer: CpuImporter, verb: str, which: int, word: int) -> None:  # noqa: C901 - a table
    buffer = machine.buffers["ab"[which]]
    name = buffer.name
    page = buffer.pages[0]
    mutex: Any = machine.things["mutex m"]
    if verb in {"lock", "unlock"}:
        await getattr(mutex, verb)()
    elif verb in {"kmap", "kmap_atomic"} and name not in importer.mappings:
        await getattr(importer, verb)(name, buffer, 0)
    elif verb == "get":
        await importer.get(buffer, 0, PAGE_SIZE)
    elif verb == "put":
        await importer.put(buffer, 0, PAGE_SIZE)
    elif verb == "swap_out":
        await machine.buffers["b"].exporter.swap_out()
    elif verb in {"load", "store", "kunmap"}:
        mapping = importer.mappings.get(name)
        if mapping is not None and verb != "kunmap":
            await getattr(mapping, verb)(word)
        elif mapping is not None:
            await (importer.kunmap_atomic if mapping.atomic else importer.kunmap)(name)
    else:
        place = await page.look()
        if place is not None and place.zone.resident:
            if verb in {"dma_load", "dma_store"}:
                await Access(verb.removeprefix("dma_"), place, word, False)
            elif verb == "sync_for_device":
                await sync_for_device(machine, [place], "to_device" if word else "from_device")
            elif verb == "sync_for_cpu":
                await sync_for_cpu(machine, [place], "from_device")


which = st.integers(0, 1)
verbs = st.sampled_from([
    "get", "put", "kmap", "kmap_atomic", "kunmap", "load", "store", "store", "dma_load", "dma_store", "dma_store",
    "sync_for_device", "sync_for_cpu", "swap_out", "lock", "unlock",
])  # fmt: skip
steps = st.tuples(verbs, which, which)
mapped = which.map(lambda one: (("get", one, 0), ("kmap", one, 0), ("store", one, 0)))
parts = st.lists(st.one_of(steps.map(lambda step: (step,)), mapped), min_size=1, max_size=5)
specs = st.builds(
    Spec,
    tasks=st.lists(parts.map(lambda lists: tuple(step for part in lists for step in part)), min_size=2, max_size=3).map(
        tuple
    ),
    zone=st.sampled_from(["ram", "high"]),
    defects=st.lists(st.sampled_from(DEFECTS), max_size=2, unique=True).map(tuple),
    sizes=st.builds(
        Sizes,
        ram=st.just(3),
        highmem=st.just(2),
        kmap_slots=st.integers(1, 2),
        coherent=st.sampled_from([False, False, False, True]),
        line_words=st.integers(1, 2),
        evictions=st.integers(0, 2),
        prefetches=st.integers(0, 2),
    ),
)


@settings(max_examples=times(100, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, answers)
def test_steps_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, st.integers(0, 1000))
def test_ops_touch_what_they_declare(spec: Spec, seed: int) -> None:
    machine = replace(spec, spinner=False).machine()
    inline.execute(machine, RandomWalk(seed), watch=Watch(machine, CHECKERS, audit=Audit()), max_steps=200)


@pytest.mark.parametrize("line_words", [1, 2])
def test_an_eviction_races_with_a_device_and_with_the_upkeep_of_kmap(line_words: int) -> None:
    sizes = Sizes(ram=3, highmem=2, coherent=False, line_words=line_words, evictions=2, prefetches=1)
    tasks = (
        (("get", 0, 0), ("kmap", 0, 0), ("store", 0, 0), ("kunmap", 0, 0)),
        (("dma_store", 0, 0), ("dma_store", 0, 1), ("dma_load", 0, 0)),
    )
    for length in range(0, 30, 2):
        check_commutation(Spec(tasks, "high", ("no-flush",), sizes), [0, 1] * length)
