from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.checkers.memory import LeakAtExit
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import Signalled
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute

SIZES = Sizes(ram=1, vram=1)
STAYS = [checker for checker in CHECKERS if not isinstance(checker, LeakAtExit)]  # what is mapped here stays so
WAYS = [{"fault": fault, "guard": guard} for fault in ("wait", "retry") for guard in ("lock", "flag")]


def faulting(moves: int = 1, accesses: int = 1, driver: Any = MigratingExporter, **options: Any) -> Any:
    """A process accesses a page while its buffer is moved to and fro; it says what it was told."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = driver(machine, buffer, "ram", **options)
        mm = machine.mm("display")
        vma = mm.region("m", buffer)
        vma.pages, vma.writable, vma.space = 1, True, machine.address_space("fb")
        vma.space.vmas, mm.vmas, buffer.references = (vma,), (vma,), 2  # it has been mapped
        mm.thread(0)
        said: list[str] = []

        async def process() -> None:
            own = UserProcess(mm)
            try:
                for _ in range(accesses):
                    await own.load("m", 0, 0)
                    said.append("loaded")
            except Signalled as signalled:
                said.append(str(signalled))

        async def mover() -> None:
            for turn in range(moves):
                places = exporter.destinations()
                await exporter.move(places[-1] if turn % 2 == 0 else places[0])

        machine.task("display", process, user=True)
        machine.task("mover", mover, cpu=1)
        return lambda: said

    return build


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_fault_during_the_move_cannot_reinstall_the_old_frame(options: Any) -> None:
    for seed in range(150):
        ran = execute(faulting(**options), RandomWalk(seed), sizes=SIZES, checkers=STAYS)
        assert ran.codes == []
        assert ran.stopped == "ended"
        assert ran.observed == ["loaded"]


@pytest.mark.parametrize("driver", [MigratingExporter, SwappingExporter])
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_faults_and_moves_again_and_again(driver: Any, options: Any) -> None:
    for seed in range(60):
        ran = execute(faulting(4, 6, driver, **options), RandomWalk(seed), sizes=SIZES, checkers=STAYS)
        assert ran.codes == []
        assert ran.observed == ["loaded"] * 6


def met(fault: str) -> list[list[str]]:
    """What the process did in executions in which its fault met a held lock."""
    found = []
    for seed in range(200):
        ran = execute(faulting(fault=fault), RandomWalk(seed), sizes=SIZES, trace=True)
        steps = [text.removeprefix("display: ") for text in ran.texts() if text.startswith("display")]
        if fault == "wait" or "dma_buf_get fb" in steps:
            found.append(steps)
    assert found
    return found


def test_a_fault_that_retries_gives_mmap_lock_back_before_it_waits() -> None:
    for steps in met("retry"):
        first = steps.index("dma_buf_get fb")
        assert steps[first - 1 : first + 4] == [
            "trylock fb.lock", "dma_buf_get fb", "up_read display.mmap_lock", "lock fb.lock", "unlock fb.lock",
        ]  # fmt: skip
        assert "down_read display.mmap_lock" in steps[first + 4 :]


def test_a_fault_that_waits_does_so_with_mmap_lock_held() -> None:
    for steps in met("wait"):
        taken = steps.index("lock fb.lock")
        assert "up_read display.mmap_lock" not in steps[:taken]


def test_a_fault_that_finds_no_memory_is_a_sigbus() -> None:
    def build(machine: Machine) -> Any:
        machine.zones["ram"].take(machine.buffer("other").pages[0])
        return faulting(moves=0, driver=Swapped)(machine)

    assert execute(build, sizes=SIZES, checkers=()).observed == ["SIGBUS"]


class Swapped(SwappingExporter):
    """Starts in swap."""

    def __init__(self, machine: Machine, buffer: Any, zone: str) -> None:
        super().__init__(machine, buffer, zone, resident=False)


def test_a_fault_in_vram_that_cpus_do_not_reach_brings_the_buffer_to_ram() -> None:
    hidden = Sizes(ram=1, vram=1, cpu_visible=False)
    for seed in range(40):
        ran = execute(faulting(2, 4), RandomWalk(seed), sizes=hidden, checkers=STAYS)
        assert ran.codes == []
        assert ran.observed == ["loaded"] * 4
