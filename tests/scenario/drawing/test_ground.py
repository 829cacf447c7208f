"""What drawn importers stand on."""

from __future__ import annotations

import pytest

from dmabuf_async.scenario.drawing.ground import ground, may_stall
from tests.scenario.drawing import grounds


@pytest.mark.parametrize(("exporter", "stalls"), [("static", False), ("swapping", False), ("migrating", True)])
def test_only_a_buffer_that_may_lie_in_vram_makes_devices_wait_for_pins(exporter: str, stalls: bool) -> None:
    assert may_stall(grounds.ground(exporter, "small")) == stalls


def test_devices_that_are_kept_from_vram_are_offered_where_importers_know_of_it() -> None:
    base = grounds.ground("migrating", "small")
    assert all(spec.vram for spec in ground(base, set(), stalls=False).offered.values())
    assert not all(spec.vram for spec in ground(base, set(), stalls=True).offered.values())


def test_where_caches_are_not_coherent_who_uses_a_buffer_has_it_alone() -> None:
    floor = ground(grounds.ground("static", "a cache"), set(), stalls=False)
    floor.use("fb", "one")
    assert floor.open_to("one") == ["fb"]
    assert floor.open_to("other") == []


def test_no_task_is_called_as_a_task_of_a_driver() -> None:
    floor = ground(grounds.ground("swapping", "small"), {"user"}, stalls=False)
    assert floor.name("user") == "user2"
    assert floor.name("reclaim-fb") != "reclaim-fb"
    assert floor.name("camera-revoke") != "camera-revoke"
