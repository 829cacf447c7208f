from __future__ import annotations

import pytest

from dmabuf_async.drivers.device import DeviceImporter, Dma
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.devices import Shared, attached, leave, sharing, swap_out
from tests.harness import Ran, execute

READ = Dma("m", 0, 0, (0, 1), write=False)
WRITE = READ._replace(write=True)


async def write_once(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own, "from_device")
    await own.start("t", WRITE)
    await own.wait("t")
    await leave(own)


async def write_twice(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own, "from_device")
    for _ in range(2):
        await own.start("t", WRITE)
        await own.wait("t")
    await leave(own)


def texts_of(ran: Ran) -> str:
    return "\n".join(ran.texts())


@pytest.mark.parametrize("revoke", ["at once", "later", "cannot"])
@pytest.mark.parametrize("engines", [1, 2])
def test_right_importers_are_never_accused_while_the_buffer_moves(revoke: str, engines: int) -> None:
    for seed in range(60):
        ran = execute(sharing(write_twice, swap_out, revoke=revoke, engines=engines), RandomWalk(seed))
        assert [code for code in ran.codes if code != "unhandled-exception"] == []  # EBUSY of a device that cannot


def runs(revoke: str, seeds: int = 200) -> list[str]:
    """What happened, in executions in which the buffer was to move between the map and the unmap."""
    found = []
    for seed in range(seeds):
        texts = texts_of(execute(sharing(write_once, swap_out, revoke=revoke), RandomWalk(seed), trace=True))
        if "notify gpu" in texts and "claim the unmap" in texts:
            found.append(texts)
    assert found
    return found


def test_at_once_the_exporters_task_stops_the_engines_and_what_was_stopped_is_started_again() -> None:
    again = [texts for texts in runs("at once") if texts.count("start dma write") > 1]
    assert again
    for texts in again:
        assert "b: stop gpu.engine0 on fb" in texts
        assert texts.count("map_dma_buf(fb, gpu, from_device)\n") >= 2 + texts.count("unmap_dma_buf") - 2


def test_later_a_task_of_the_driver_waits_for_what_is_in_flight() -> None:
    for texts in runs("later"):
        assert "stop gpu.engine0" not in texts
        assert "gpu-revoke: answer: gpu has let go of fb" in texts
        assert "b: answer" not in texts


def test_one_that_cannot_let_go_is_never_asked_to() -> None:
    for seed in range(50):
        texts = texts_of(execute(sharing(write_once, swap_out, revoke="cannot"), RandomWalk(seed), trace=True))
        assert "notify" not in texts


def test_what_a_task_holds_is_plain_data_and_tells_all_that_it_has() -> None:
    held: list[tuple[object, ...]] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        held.append(own.holds())
        attachment = await attached(shared, own)
        await own.start("t", READ)
        held.append(own.holds())
        transfer = own.dmas["t"][1]
        assert held[-1] == ((("m", attachment),), (("m", "bidirectional"),), (("t", (READ, transfer)),))
        await own.unwind()
        held.append(own.holds())

    assert execute(sharing(use)).codes == []
    assert held[0] == held[2] == ((), (), ())


@pytest.mark.parametrize("seed", range(30))
def test_unwinding_waits_for_what_is_in_flight_and_leaves_nothing(seed: int) -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)
        await own.start("t", WRITE)
        await own.unwind()

    ran = execute(sharing(use, swap_out, revoke="later"), RandomWalk(seed))
    assert (ran.stopped, ran.codes) == ("ended", [])


def test_a_map_that_finds_no_memory_leaves_nothing_mapped_and_the_lock_free() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await own.attach("m", shared.device, shared.buffer)
        await swap_out(shared, own)
        await own.map("m", "to_device")

    ran = execute(sharing(use, revoke="cannot"), [1], sizes=Sizes(enomem=1), trace=True)
    assert ran.codes[0] == "unhandled-exception"  # KernelError: ENOMEM
    [attachment] = ran.machine.devices["gpu"].attachments()
    assert attachment.direction is None
    assert ran.machine.buffers["fb"].lock.owner is None  # type: ignore[union-attr]
