"""Small programs with one bug each, after SCTBench (Thomson, Donaldson, Betts, PPoPP 2014): how soon is it found?

As in :mod:`benchmarks.textbook`, counters stand for variables without a lock. Each fails by ``assertion``, but for
``deadlock01``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine


def account(machine: Machine) -> None:
    """A deposit, a withdrawal, and a check which has the sign of the former wrong."""
    mutex, balance = machine.mutex("mutex"), machine.cell("balance", 1)
    done = {amount: machine.cell(f"done{amount}", value=False) for amount in (2, -4)}

    async def book(amount: int) -> None:
        await mutex.lock()
        await balance.store(await balance.load() + amount)
        await done[amount].store(value=True)
        await mutex.unlock()

    async def check() -> None:
        await mutex.lock()
        if await done[2].load() and await done[-4].load():
            assert await balance.load() == 1 - 2 - 4, "the balance is wrong"
        await mutex.unlock()

    machine.task("deposit", book, 2)
    machine.task("withdraw", book, -4)
    machine.task("check", check)


def bluetooth_driver(machine: Machine) -> None:
    """A request looks whether the driver is stopping, and counts itself too late. Qadeer and Wu, PLDI 2004."""
    pending, stopping = machine.counter("pendingIo", 1), machine.counter("stoppingFlag")
    event, stopped = machine.counter("stoppingEvent"), machine.counter("stopped")

    async def decrement() -> None:
        if await pending.add(-1) == 0:
            await event.store(1)

    async def add() -> None:
        if await stopping.load() == 0:
            await pending.add(1)
            assert await stopped.load() == 0, "the driver works though it is stopped"
        await decrement()

    async def stop() -> None:
        await stopping.store(1)
        await decrement()
        await event.wait("==", 1)
        await stopped.store(1)

    machine.task("add", add)
    machine.task("stop", stop)


def deadlock01(machine: Machine) -> None:
    """Two locks, taken in both orders."""
    a, b, count = machine.mutex("a"), machine.mutex("b"), machine.counter("count")

    async def both(first: Mutex, second: Mutex, amount: int) -> None:
        await first.lock()
        await second.lock()
        await count.add(amount)
        await second.unlock()
        await first.unlock()

    machine.task("thread1", both, a, b, 1)
    machine.task("thread2", both, b, a, -1)


def lazy01(machine: Machine) -> None:
    """Three actors under one lock; the third must not come last."""
    mutex, data = machine.mutex("mutex"), machine.cell("data")

    async def add(amount: int) -> None:
        await mutex.lock()
        await data.store(await data.load() + amount)
        await mutex.unlock()

    async def check() -> None:
        await mutex.lock()
        assert await data.load() < 3, "both have been there"
        await mutex.unlock()

    machine.task("thread1", add, 1)
    machine.task("thread2", add, 2)
    machine.task("thread3", check)


def token_ring(machine: Machine) -> None:
    """Each of three actors copies what its neighbour has; a fourth wants all to be equal once all have."""
    x = [machine.counter(f"x{number}", value) for number, value in enumerate((1, 2, 1))]
    flag = [machine.counter(f"flag{number}") for number in range(3)]

    async def copy(number: int) -> None:
        value = await x[number - 1].load()
        await x[number].store((value + 1) % 4 if number == 0 else value)
        await flag[number].store(1)

    async def check() -> None:
        if all([await each.load() for each in flag]):
            assert len({await each.load() for each in x}) == 1, "the token was lost"

    for number in range(3):
        machine.task(f"thread{number}", copy, number)
    machine.task("check", check)


def twostage(machine: Machine, stagers: int = 1, checkers: int = 1) -> None:
    """Two variables that belong together, each under a lock of its own."""
    locks = [machine.mutex(f"lock{number}") for number in (1, 2)]
    data = [machine.cell(f"data{number}") for number in (1, 2)]

    async def stage() -> None:
        await locks[0].lock()
        await data[0].store(1)
        await locks[0].unlock()
        await locks[1].lock()
        await data[1].store(2)
        await locks[1].unlock()

    async def check() -> None:
        await locks[0].lock()
        first = await data[0].load()
        await locks[0].unlock()
        if first:
            await locks[1].lock()
            second = await data[1].load()
            await locks[1].unlock()
            assert second == first + 1, "it was seen halfway"

    for number in range(stagers):
        machine.task(f"stager{number}", stage)
    for number in range(checkers):
        machine.task(f"checker{number}", check)


def reorder(machine: Machine, setters: int = 2, checkers: int = 1) -> None:
    """Setters do ``a = 1; b = -1``; a checker that looks twice sees only one of them before any setter is through."""
    a, b = machine.counter("a"), machine.counter("b")

    async def set_both() -> None:
        await a.store(1)
        await b.store(-1)

    async def check() -> None:
        neither = await a.load() == 0 and await b.load() == 0
        assert neither or (await a.load() == 1 and await b.load() == -1), "it was seen halfway"

    for number in range(setters):
        machine.task(f"setter{number}", set_both)
    for number in range(checkers):
        machine.task(f"checker{number}", check)


def wronglock(machine: Machine, right: int = 1, wrong: int = 3) -> None:
    """Some count up under another lock than the rest."""
    mutex, other, data = machine.mutex("dataLock"), machine.mutex("thisLock"), machine.counter("data")

    async def count_and_check() -> None:
        await mutex.lock()
        x = await data.load()
        await data.store(x + 1)
        assert await data.load() == x + 1, "somebody else counted"
        await mutex.unlock()

    async def count() -> None:
        await other.lock()
        await data.add(1)
        await other.unlock()

    for number in range(right):
        machine.task(f"right{number}", count_and_check)
    for number in range(wrong):
        machine.task(f"wrong{number}", count)


BUGS: Final[dict[str, tuple[Callable[[Machine], None], str]]] = {
    "account": (account, "assertion"),
    "bluetooth_driver": (bluetooth_driver, "assertion"),
    "deadlock01": (deadlock01, "deadlock"),
    "lazy01": (lazy01, "assertion"),
    "token_ring": (token_ring, "assertion"),
    "twostage": (twostage, "assertion"),
    "twostage_20": (partial(twostage, stagers=10, checkers=10), "assertion"),
    "reorder_3": (reorder, "assertion"),
    "reorder_4": (partial(reorder, setters=3), "assertion"),
    "reorder_5": (partial(reorder, setters=4), "assertion"),
    "reorder_10": (partial(reorder, setters=9), "assertion"),
    "reorder_20": (partial(reorder, setters=10, checkers=10), "assertion"),
    "wronglock": (wronglock, "assertion"),
}
"""By the names of SCTBench: the program, and the code of what must be found in it."""
