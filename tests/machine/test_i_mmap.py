from __future__ import annotations

from dmabuf_async.machine.i_mmap import NextVma
from dmabuf_async.machine.mm import LinkVma, UnlinkVma
from tests.mapped import World, run


def walk_after(*links: tuple[str, str | None, bool], unlink: str = "") -> list[str]:
    """The order of a walk, after these were linked: (name, beside which, before it)."""

    async def work(world: World) -> list[str]:
        space = world.machine.address_space("fb")
        vmas = {name: world.mm.region(name, world.fb) for name, _, _ in links}
        for name, beside, before in links:
            await LinkVma(vmas[name], space, None if beside is None else vmas[beside], before=before)
        if unlink:
            await UnlinkVma(vmas[unlink])
        found, vma = [], await NextVma(space, None)
        while vma is not None:
            found.append(vma.region)
            vma = await NextVma(space, vma)
        return found

    [order] = run(work)[2]
    return list(order)


def test_a_new_vma_comes_last_in_walk_order() -> None:
    assert walk_after(("a", None, False), ("b", None, False), ("c", None, False)) == ["a", "b", "c"]


def test_a_forked_vma_comes_right_after_its_parent_or_wrongly_before_it() -> None:
    assert walk_after(("a", None, False), ("b", None, False), ("c", "a", False)) == ["a", "c", "b"]
    assert walk_after(("a", None, False), ("b", None, False), ("c", "b", True)) == ["a", "c", "b"]


def test_a_vma_that_was_unlinked_is_not_found() -> None:
    assert walk_after(("a", None, False), ("b", None, False), unlink="a") == ["b"]
    assert walk_after(("a", None, False), unlink="a") == []
