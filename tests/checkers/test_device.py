from __future__ import annotations

from collections.abc import Sequence

import pytest

from dmabuf_async.drivers.device import DeviceImporter, Dma
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.trace.events import Finding
from tests.devices import Shared, attached, leave, sharing, swap_out
from tests.harness import execute

READ = Dma("m", 0, 0, (0,), write=False)


def found(*works: object, seeds: int = 200, **how: object) -> list[Finding]:
    """All primary findings of many executions."""
    return [
        finding
        for seed in range(seeds)
        for finding in execute(sharing(*works, **how), RandomWalk(seed)).findings  # type: ignore[arg-type]
        if finding.primary
    ]


def messages(findings: Sequence[Finding], code: str) -> set[str]:
    return {finding.message for finding in findings if finding.code == code}


async def read(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own, "to_device")
    await own.start("t", READ)
    await own.wait("t")
    await leave(own)


async def write(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own, "from_device")
    await own.start("t", READ._replace(write=True))
    await own.wait("t")
    await leave(own)


def test_an_iopte_is_stale_as_soon_as_its_frame_is_switched_away() -> None:
    findings = found(read, swap_out, defects=["no-revoke"])
    said = "ram#0 is switched away by b while the page table of gpu still leads there for fb[0]"
    assert said in messages(findings, "stale-iotlb")
    assert {finding.rule for finding in findings if finding.message == said} == {"V14"}


def test_an_iotlb_entry_without_an_iopte_is_stale_at_the_free() -> None:
    findings = found(read, swap_out, device_defects=["no-iotlb-flush"])
    said = "ram#0 is freed by b while the IOTLB of gpu.engine0 still leads there for fb[0]"
    assert said in messages(findings, "stale-iotlb")
    assert {finding.rule for finding in findings if finding.message == said} == {"P6"}


def test_an_iotlb_entry_without_an_iopte_is_stale_when_it_is_used() -> None:
    async def cached(shared: Shared, own: DeviceImporter) -> None:
        await read(shared, own)
        place = await shared.buffer.pages[0].look()
        await shared.buffer.pages[0].switch(await shared.machine.zones["swap"].alloc(shared.buffer.pages[0]))
        attachment = shared.attachment()
        transfer = await attachment.start(
            shared.device.engines[0], shared.buffer.pages[0], (0,), write=False, blindly=True
        )
        await transfer.doorbell()
        await transfer.wait()
        await place.zone.release(place)

    codes = [f.code for f in execute(sharing(cached, device_defects=["no-iotlb-flush"])).findings]
    assert "stale-iotlb" in codes


def test_an_iopte_is_stale_when_it_is_set_to_where_the_page_no_longer_is() -> None:
    findings = found(read, swap_out, seeds=600, defects=["map-without-lock"])
    assert {
        "a has an entry in the page table of gpu for fb[0], and sets it to ram#0, where fb[0] no longer is"
    } & messages(findings, "stale-iotlb")


def test_what_a_device_may_write_is_not_copied() -> None:
    findings = found(write, swap_out, defects=["no-revoke"])
    assert {finding.code for finding in findings} <= {"mapped-while-moving", "stale-iotlb", "lost-write", "torn-copy"}
    assert "mapped-while-moving" in {finding.code for finding in findings}


def test_a_device_that_only_reads_does_not_keep_a_move_from_copying() -> None:
    findings = found(read, swap_out, defects=["no-revoke"])
    assert {finding.code for finding in findings} == {"stale-iotlb"}


def test_what_comes_after_a_notice_breaks_the_rule_of_revokes() -> None:
    async def reads(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own, "to_device")
        for _ in range(3):
            await own.start("t", READ._replace(words=(0, 1)))
            await own.wait("t")
        await leave(own)

    findings = found(reads, swap_out, seeds=400, device_defects=["answers-before-stopped"])
    assert {finding.rule for finding in findings if finding.code == "bad-state"} == {"V14"}


@pytest.mark.parametrize("user", [False, True])
def test_what_a_kernel_task_leaves_is_told_at_the_end_and_a_process_is_not_accused(user: bool) -> None:
    async def forget(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)

    def build(machine: Machine) -> None:
        sharing(forget, exporter="static")(machine)
        for actor in machine.actors:
            actor.user = user and actor.name == "a"

    told = {finding.message for finding in execute(build).findings}
    said = "a ends and has fb for gpu still mapped: map_dma_buf without unmap_dma_buf"
    assert (said in told) is not user
