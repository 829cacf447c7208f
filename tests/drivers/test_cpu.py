from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.cpu import DEFECTS, CpuImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute

SIZES = Sizes(ram=6, swap=6, enomem=1)


def copier(*defects: str, three: bool = False) -> Any:
    """Takes, gets, copies a page with two mappings and again with two atomic ones, and gives everything back."""

    def build(machine: Machine) -> Any:
        source, target = machine.buffer("src", 3), machine.buffer("dst", 3)
        SwappingExporter(machine, source, "ram", resident=False)
        StaticExporter(machine, target, "ram")
        own = CpuImporter(machine, defects)

        async def work() -> None:
            try:
                for _ in range(2):
                    await own.take(source)
                for buffer in (source, target):
                    await own.get(buffer, 0, PAGE_SIZE)
                await own.kmap("from", source, 0)
                await own.kmap("to", target, 0)
                await own.copy("from", "to")
                await own.kunmap("to")
                await own.kunmap("from")
                if three:
                    await own.kmap("more", source, 0)
                    await own.kunmap("more")
                await own.kmap_atomic("from", source, 0)
                await own.kmap_atomic("to", target, 0)
                await own.copy("from", "to")
                await own.kunmap_atomic("to")
                await own.kunmap_atomic("from")
                for buffer in (target, source):
                    await own.put(buffer, 0, PAGE_SIZE)
                for _ in range(2):
                    await own.drop(source)
            except KernelError:
                await own.unwind()

        machine.task("copier", work)
        return own.holds

    return build


def found(build: Any, sizes: Sizes = SIZES) -> set[str]:
    walk = RandomWalk(0)
    return {finding.code for _ in range(40) for finding in execute(build, walk, sizes=sizes).findings}


def test_the_right_code_is_never_accused_and_holds_nothing_in_the_end() -> None:
    walk = RandomWalk(1)
    for _ in range(30):
        ran = execute(copier(three=True), walk, sizes=SIZES)
        assert ran.findings == []
        assert ran.observed[:3] == ((), (), ())


SIGNS = {
    "skip-get": "access-without-backing",
    "ignore-errors": "access-without-backing",
    "put-after-failed-get": "unbalanced-put",
    "double-put": "unbalanced-put",
    "forget-put": "pin-leak",
    "put-before-kunmap": "access-without-backing",
    "length-in-words": "bad-range",
    "off-by-one-page": "access-without-backing",
    "late-kunmap": "kmap-limit",
    "forget-kunmap": "kmap-leak",
    "use-after-kunmap": "stale-kmap",
    "atomic-in-order": "kmap-order",
    "sleep-in-atomic": "sleep-in-atomic",
    "get-in-atomic": "sleep-in-atomic",
    "forget-dma-buf-put": "leak-at-exit",
    "double-dma-buf-put": "use-after-free",
}


@pytest.mark.unaudited  # tests/engine/test_audit.py audits each defect
@pytest.mark.parametrize(("defect", "code"), SIGNS.items())
def test_every_defect_is_found(defect: str, code: str) -> None:
    assert code in found(copier(defect, three=True))


def test_every_defect_has_a_test() -> None:
    assert set(SIGNS) == set(DEFECTS)


def test_what_it_holds_is_plain_data_and_tells_all() -> None:
    machine = Machine()
    buffer = machine.buffer("fb")
    own = CpuImporter(machine)
    own.pins.append((buffer, 0, PAGE_SIZE))
    own.taken.append(buffer)
    own.failed.append((buffer, 8, 8))
    assert own.holds() == ((), (("fb", 0, PAGE_SIZE),), ("fb",), (("fb", 8, 8),))
    assert hash(own.holds()) == hash(own.holds())


def test_a_failed_get_is_raised_and_remembered_and_unwinding_gives_back_the_rest() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "ram")
        own = CpuImporter(machine)
        said: list[Any] = []

        async def work() -> None:
            await own.take(buffer)
            await own.get(buffer, 0, PAGE_SIZE)
            await own.kmap("m", buffer, 0)
            try:
                await own.get(buffer, 0, 8)
            except KernelError as error:
                said.append((error.errno, len(own.failed)))
            await own.unwind()

        machine.task("a", work)
        return lambda: (said, own.holds()[:3])

    ran = execute(build, trace=True)
    assert ran.observed == ([("EINVAL", 1)], ((), (), ()))
    assert ran.findings == []
    assert [text.split("(")[0] for text in ran.texts()[-3:]] == [
        "a: kunmap fb[0]", "a: put_backing_storage", "a: dma_buf_put fb",
    ]  # fmt: skip
