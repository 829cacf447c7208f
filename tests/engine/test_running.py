"""No loop seems to run, whichever does; and afterwards it is there as before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
import sniffio
import trio

from dmabuf_async.engine import on_anyio
from dmabuf_async.engine.running import RunningLoop


def visible() -> set[str]:
    """All by which code could know that a loop is running."""
    seen = set()
    asks: dict[str, Callable[[], object]] = {
        "asyncio loop": asyncio.get_running_loop,
        "asyncio task": asyncio.current_task,
        "trio task": trio.lowlevel.current_task,
        "trio time": trio.current_time,
        "sniffio": sniffio.current_async_library,
        "anyio": anyio.get_current_task,
    }
    for name, ask in asks.items():
        try:
            ask()
        except RuntimeError:
            continue
        seen.add(name)
    return seen


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("asyncio", {"asyncio loop", "asyncio task", "sniffio", "anyio"}),
        ("trio", {"trio task", "trio time", "sniffio", "anyio"}),
    ],
)
def test_whatever_is_called_sees_no_loop_and_the_loop_is_there_again(engine: str, expected: set[str]) -> None:
    async def main() -> None:
        loop, seen = RunningLoop(), list[set[str]]()
        assert (loop.found, loop.is_trio) == (True, engine == "trio")
        for _ in range(2):
            loop.call(lambda: seen.append(visible()))
            assert visible() == expected

        def fails() -> None:
            seen.append(visible())
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            loop.call(fails)
        assert visible() == expected
        assert seen == [set(), set(), set()]
        await anyio.sleep(0.001)

    on_anyio.run(engine, main)
    assert visible() == set()


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
def test_an_actor_may_even_run_a_loop_of_its_own(engine: str) -> None:
    async def nothing() -> None:
        await anyio.lowlevel.checkpoint()

    async def main() -> None:
        loop = RunningLoop()
        loop.call(on_anyio.run, "asyncio", nothing)
        await nothing()

    on_anyio.run(engine, main)


def test_without_a_loop_nothing_is_hidden_and_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, called = RunningLoop(), list[int]()
    assert (loop.found, loop.is_trio) == (False, False)
    loop.call(called.append, 1)
    for name in ("asyncio", "trio._core._run_context", "sniffio"):
        monkeypatch.delitem(sys.modules, name)
    loop = RunningLoop()
    assert not loop.found
    loop.call(called.append, 2)
    assert called == [1, 2]
    assert "sniffio" not in sys.modules
