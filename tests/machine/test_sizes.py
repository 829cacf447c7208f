from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from dmabuf_async.machine.sizes import PAGE_SIZE, Faults, Sizes


def test_defaults_are_small_and_the_environment_does_nothing_unless_it_is_let() -> None:
    sizes = Sizes()
    assert max(sizes.cpus, sizes.ram, sizes.highmem, sizes.swap, sizes.kmap_slots, sizes.words) <= 4
    assert sizes.words == 2  # a copy can be torn
    assert (sizes.enomem, sizes.eintr, sizes.kills) == (0, 0, 0)
    assert PAGE_SIZE == 4096


def test_sizes_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Sizes().ram = 3  # type: ignore[misc]


def test_what_the_environment_may_still_do_is_state() -> None:
    faults = Faults(Sizes(enomem=1, eintr=2, kills=3))
    assert faults.state() == (1, 2, 3)
    faults.enomem -= 1
    assert faults.state() == (0, 2, 3)
