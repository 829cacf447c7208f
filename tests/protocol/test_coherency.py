"""Upkeep of the cache: which ops it makes for each direction, and that a coherent machine makes none."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.protocol import rfc2012
from dmabuf_async.protocol.coherency import sync_for_cpu, sync_for_device
from tests.harness import execute


def kinds(call: Any, direction: str, **sizes: Any) -> list[str]:
    """The ops that a call makes on one page, in words."""

    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "ram")
        machine.task("a", call, machine, [machine.zones["ram"].places[0]], direction)

    ran = execute(build, sizes=Sizes(**sizes), trace=True)
    return [text.removeprefix("a: ") for text in ran.texts()]


DONE = [
    (sync_for_device, "to_device", "clean"),
    (sync_for_device, "from_device", "flush"),
    (sync_for_device, "bidirectional", "flush"),
    (sync_for_cpu, "from_device", "invalidate"),
    (sync_for_cpu, "bidirectional", "invalidate"),
]


@pytest.mark.parametrize(("call", "direction", "kind"), DONE)
def test_each_direction_has_its_upkeep_one_op_a_line(call: Any, direction: str, kind: str) -> None:
    assert kinds(call, direction, coherent=False) == [f"{kind} line 0 of ram#0", f"{kind} line 1 of ram#0"]
    assert kinds(call, direction, coherent=False, line_words=2) == [f"{kind} line 0 of ram#0"]
    assert kinds(call, direction) == []


def test_what_a_device_only_read_is_still_good_in_the_cache() -> None:
    assert kinds(sync_for_cpu, "to_device", coherent=False) == []


@pytest.mark.parametrize("pair", [("kmap", "kunmap"), ("kmap_atomic", "kunmap_atomic")])
def test_kmap_flushes_and_kunmap_cleans_and_on_a_coherent_machine_neither_makes_an_op(pair: tuple[str, str]) -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "ram")

        async def work() -> None:
            await rfc2012.get_backing_storage(buffer)
            await getattr(rfc2012, pair[1])(await getattr(rfc2012, pair[0])(buffer, 0))
            await rfc2012.put_backing_storage(buffer)

        machine.task("a", work)

    def upkeep(*, coherent: bool) -> list[str]:
        texts = execute(build, sizes=Sizes(coherent=coherent, line_words=2), trace=True).texts()
        return [text.split()[1] for text in texts if "line" in text]

    assert upkeep(coherent=False) == ["flush", "clean"]
    assert upkeep(coherent=True) == []
