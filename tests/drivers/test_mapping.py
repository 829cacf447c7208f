from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.mapping import KernelMaps
from dmabuf_async.machine.kmap import AtomicKmapCall, SleepingKmapCall
from dmabuf_async.machine.machine import Machine
from dmabuf_async.protocol.rfc2012 import dma_buf_put
from tests.harness import execute, filled


def calling(*defects: str, atomic: bool = False, page: int = 0) -> list[str]:
    """The steps of a kmap and a kunmap, after the call itself."""

    def build(machine: Machine) -> None:
        buffer = filled(machine)
        maps = KernelMaps(machine, buffer, defects)

        async def work() -> None:
            mapping: Any = await (AtomicKmapCall if atomic else SleepingKmapCall)(buffer, page, atomic)
            await (maps.kmap_atomic if atomic else maps.kmap)(mapping)
            await (maps.kunmap_atomic if atomic else maps.kunmap)(mapping)

        machine.task("a", work)

    return [text.removeprefix("a: ") for text in execute(build, trace=True, checkers=()).texts()[1:]]


def test_right_code_holds_no_lock() -> None:
    assert calling() == ["look where b[0] is", "map b[0] at ram#0", "kunmap b[0]"]
    assert calling(atomic=True) == ["look where b[0] is", "map b[0] at ram#0, atomic", "kunmap_atomic b[0]"]


def test_a_page_beyond_the_end_is_mapped_nowhere() -> None:
    assert calling(page=5) == ["map a page beyond the end at nothing", "kunmap a page beyond the end"]


@pytest.mark.parametrize(
    ("defect", "atomic", "steps"),
    [
        ("kmap-under-lock", False, "lock look map unlock lock kunmap unlock"),
        ("kmap-under-lock", True, "look map kunmap_atomic"),
        ("kmap-as-atomic", False, "look map kunmap_atomic"),
        ("atomic-takes-mutex", True, "look map lock kunmap_atomic unlock"),
        ("atomic-takes-mutex", False, "look map kunmap"),
    ],
)
def test_a_defect_is_a_small_difference(defect: str, atomic: bool, steps: str) -> None:
    assert " ".join(text.split()[0] for text in calling(defect, atomic=atomic)) == steps


def test_release_frees_every_page_wherever_it_is() -> None:
    def build(machine: Machine) -> Any:
        buffer = filled(machine, pages=2)
        maps = KernelMaps(machine, buffer, ())

        async def work() -> None:
            await dma_buf_put(buffer)
            await maps.release(buffer)  # there is nothing left to free

        machine.task("a", work)
        return lambda: ([page.where for page in buffer.pages], machine.zones["ram"].free)

    ran = execute(build)
    (where, free), whole = ran.observed, Machine().zones["ram"].free
    assert where == [None, None]
    assert whole is not None
    assert free.count == whole.count
    assert ran.findings == []
