from __future__ import annotations

import pytest

from dmabuf_async.drivers import static, swapping
from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.drivers.sharing import DEFECTS, MOVING_DEFECTS
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.devices import Shared, attached, leave, sharing, swap_out
from tests.harness import execute


async def use(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own, "to_device")
    await leave(own)


def executions(**how: object) -> list[list[str]]:
    """The texts of executions of a task that maps, and of one that moves the buffer."""
    return [
        execute(sharing(use, swap_out, **how), RandomWalk(seed), trace=True).texts()  # type: ignore[arg-type]
        for seed in range(100)
    ]


@pytest.mark.parametrize("revoke", ["at once", "later"])
def test_a_move_holds_the_lock_from_the_notice_to_the_switch_and_copies_when_nothing_is_mapped(revoke: str) -> None:
    told = 0
    for texts in executions(revoke=revoke):
        notices = [index for index, text in enumerate(texts) if text == "b: notify gpu: let go of fb"]
        if not notices:
            continue
        told += 1
        switch = next(index for index, text in enumerate(texts) if text.startswith("b: switch fb[0]"))
        between = texts[notices[0] : switch]
        assert not any("lock fb.lock" in text for text in between)
        assert not any("iopte of gpu" in text for text in between)
        copy = next(index for index, text in enumerate(texts) if text.startswith("b: copy word 0"))
        answered = [index for index, text in enumerate(texts) if "answer: gpu has let go" in text]
        assert answered
        assert answered[0] < copy
    assert told > 10


def test_a_mapping_that_cannot_be_revoked_keeps_the_buffer_where_it_is() -> None:
    refused = 0
    for seed in range(100):
        ran = execute(sharing(use, swap_out, revoke="cannot"), RandomWalk(seed), trace=True)
        mapped = [index for index, text in enumerate(ran.texts()) if "iopte of gpu: fb[0]" in text]
        switched = [index for index, text in enumerate(ran.texts()) if text.startswith("b: switch")]
        cleared = ran.texts().index("a: clear iopte of gpu: fb[0]")
        assert not [index for index in switched if mapped[0] < index < cleared]
        refused += "unhandled-exception" in ran.codes  # EBUSY
    assert refused


def test_on_a_machine_that_is_coherent_a_map_makes_no_op_for_the_cache() -> None:
    for coherent in (True, False):
        texts = execute(sharing(use), sizes=Sizes(coherent=coherent), trace=True).texts()
        assert any("clean line" in text for text in texts) is not coherent


def test_the_static_exporter_has_the_defects_that_need_no_move() -> None:
    assert set(DEFECTS) <= set(static.DEFECTS)
    assert set(MOVING_DEFECTS).isdisjoint(static.DEFECTS)
    assert {*DEFECTS, *MOVING_DEFECTS} <= set(swapping.DEFECTS)
