from __future__ import annotations

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.machine.machine import Machine
from tests.devices import Shared, attached, leave, sharing
from tests.harness import execute, machine_for


async def look_on(shared: Shared, own: DeviceImporter) -> None:
    """Use the device not at all."""
    await shared.buffer.pages[0].look()


async def map_once(shared: Shared, own: DeviceImporter) -> None:
    await attached(shared, own)
    await leave(own)


def test_an_engine_is_a_daemon_on_a_processor_of_its_own() -> None:
    machine, _ = machine_for(sharing(look_on, engines=2))
    engines = [actor for actor in machine.actors if actor.name.startswith("gpu")]
    assert [(actor.name, actor.daemon) for actor in engines] == [("gpu.engine0", True), ("gpu.engine1", True)]
    assert [actor.cpu for actor in engines] == list(machine.devices["gpu"].engines)
    assert set(machine.cpus).isdisjoint(machine.devices["gpu"].engines)


def test_an_idle_device_neither_keeps_a_run_from_ending_nor_is_in_a_deadlock() -> None:
    for revoke in ("at once", "later", "cannot"):
        ran = execute(sharing(look_on, revoke=revoke))
        assert (ran.stopped, ran.codes) == ("ended", [])


def test_the_same_call_makes_the_same_attachment_in_every_execution_and_reset_forgets_it() -> None:
    build = sharing(map_once)
    machine, _ = machine_for(build)
    device, buffer = machine.devices["gpu"], machine.buffers["fb"]
    [actor] = [actor for actor in machine.actors if actor.name == "a"]
    first = device.attachment(buffer, actor)
    first.linked, first.direction, first.past = True, "to_device", 3
    machine.reset()
    assert device.attachment(buffer, actor) is first
    assert first.state() == first.initial
    assert first.past == 0


def test_an_attachment_of_a_spawned_task_is_not_kept_as_that_task_is_born_anew() -> None:
    machine = Machine()
    device, buffer = machine.device("gpu"), machine.buffer("fb")
    parent = machine.task("p", map_once)
    child = machine.task("c", map_once)
    child.parent = parent
    kept = device.attachment(buffer, parent)
    passing = device.attachment(buffer, child)
    device.reset()
    assert device.attachments() == [kept]
    assert device.attachment(buffer, child) is not passing


def test_notices_are_taken_first_come_first_served() -> None:
    taken: list[str] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        for name in ("m", "n"):
            await own.attach(name, shared.device, shared.buffer)
        await shared.buffer.exporter.swap_out()
        for name in ("m", "n"):
            await own.detach(name)

    ran = execute(sharing(use, revoke="later"), trace=True)
    taken = [event.result for event in ran.watch.trace(ran.core).events if event.kind == "take notice"]
    assert taken == ["a.gpu.fb", "a.gpu.fb.1"]
    assert ran.codes == []
