"""Programs of the literature, as plain functions of a machine, with what is known of them.

Each furnishes a fresh machine; those of a size take it as a second argument. Variables of the papers are counters,
whose accesses are atomic and never race; cells are what a lock guards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import Final

from benchmarks.programs import lock_load_store_unlock as lock_rounds
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine


def own_stores(machine: Machine, n: int = 3, stores: int = 10) -> None:
    """C1: n actors that store to cells of their own: 1 class, (stores + 1)^n states."""

    async def store(cell: Cell) -> None:
        for value in range(1, stores + 1):
            await cell.store(value)

    for number in range(n):
        machine.task(f"writer{number}", store, machine.cell(f"x{number}"))


def increments(machine: Machine, n: int = 3, each: int = 2) -> None:
    """C2: n actors that add to one counter: (n each)! / each!^n classes, all orders of the increments."""
    counter = machine.counter("x")

    async def add() -> None:
        for _ in range(each):
            await counter.add(1)

    for number in range(n):
        machine.task(f"adder{number}", add)


def readers(machine: Machine, n: int = 2) -> None:
    """D: one writer and n readers of a variable: 2^n classes. Abdulla et al., POPL 2014, table 1."""
    x = machine.counter("x")

    async def write() -> None:
        await x.store(1)

    async def read() -> None:
        await x.load()

    machine.task("writer", write)
    for number in range(n):
        machine.task(f"reader{number}", read)


def lastzero(machine: Machine, n: int = 2) -> None:
    """n writers, and a reader that looks for the last zero: (n + 3) 2^(n - 2) classes. Abdulla et al., POPL 2014."""
    array = [machine.counter(f"a{index}") for index in range(n + 1)]

    async def look() -> None:
        index = n
        while await array[index].load() != 0:
            index -= 1

    async def write(index: int) -> None:
        await array[index].store(await array[index - 1].load() + 1)

    machine.task("reader", look)
    for index in range(1, n + 1):
        machine.task(f"writer{index}", write, index)


def writers(machine: Machine, n: int = 3) -> None:
    """n writers of one variable: n! classes."""
    x = machine.counter("x")

    async def write(value: int) -> None:
        await x.store(value)

    for number in range(n):
        machine.task(f"writer{number}", write, number)


def read_then_write(machine: Machine, n: int = 2) -> None:
    """n actors that read a variable and then write it: 4, 36, 576 classes for n = 2, 3, 4."""
    x = machine.counter("x")

    async def increment() -> None:
        await x.store(await x.load() + 1)

    for number in range(n):
        machine.task(f"actor{number}", increment)


def locked_counter(machine: Machine, n: int = 3) -> None:
    """n actors that count up under one lock: n! classes."""
    mutex, cell = machine.mutex("mutex"), machine.cell("count")

    async def count() -> None:
        await mutex.lock()
        await cell.store(await cell.load() + 1)
        await mutex.unlock()

    for number in range(n):
        machine.task(f"actor{number}", count)


def philosophers(machine: Machine, n: int = 3) -> None:
    """n philosophers that all take the fork at their left first: they may deadlock. Dijkstra 1971."""
    forks = [machine.mutex(f"fork{number}") for number in range(n)]

    async def dine(left: Mutex, right: Mutex) -> None:
        await left.lock()
        await right.lock()
        await right.unlock()
        await left.unlock()

    for number in range(n):
        machine.task(f"philosopher{number}", dine, forks[number], forks[(number + 1) % n])


def indexer(machine: Machine, n: int = 12) -> None:
    """n actors insert 4 messages each into a hash table of 128.

    Flanagan and Godefroid, POPL 2005, figure 1. No two collide up to n = 11; then 8^(n - 11) classes.
    """
    table = [machine.counter(f"table{index}") for index in range(128)]

    async def insert(tid: int) -> None:
        for m in range(1, 5):
            w = m * 11 + tid
            h = w * 7 % 128
            while not await table[h].compare_exchange(0, w):
                h = (h + 1) % 128

    for tid in range(n):
        machine.task(f"thread{tid}", insert, tid)


def filesystem(machine: Machine, n: int = 14) -> None:
    """n actors give a block each to an inode of their own.

    Flanagan and Godefroid, POPL 2005, figure 2. No two collide up to n = 13; then 2^(n - 13) classes.
    """
    inodes, blocks = 32, 26
    locki = [machine.mutex(f"locki{number}") for number in range(inodes)]
    inode = [machine.cell(f"inode{number}") for number in range(inodes)]
    lockb = [machine.mutex(f"lockb{number}") for number in range(blocks)]
    busy = [machine.cell(f"busy{number}", value=False) for number in range(blocks)]

    async def allocate(tid: int) -> None:
        i = tid % inodes
        await locki[i].lock()
        if await inode[i].load() == 0:
            b = i * 2 % blocks
            while True:
                await lockb[b].lock()
                if not await busy[b].load():
                    await busy[b].store(value=True)
                    await inode[i].store(b + 1)
                    await lockb[b].unlock()
                    break
                await lockb[b].unlock()
                b = (b + 1) % blocks
        await locki[i].unlock()

    for tid in range(n):
        machine.task(f"thread{tid}", allocate, tid)


COUNTS: Final[dict[str, tuple[Callable[[Machine], None], int]]] = {
    "A: 3 actors, 3 rounds of lock, load, store, unlock": (lock_rounds, 1_680),
    "C1: 3 actors, 10 stores to cells of their own": (own_stores, 1),
    "C2: 3 actors, 2 increments of one counter": (increments, 90),
    **{f"D: one writer, {n} readers": (partial(readers, n=n), 2**n) for n in (2, 3, 4, 5, 8)},
    **{f"lastzero({n})": (partial(lastzero, n=n), (n + 3) * 2**n // 4) for n in (2, 3, 4, 5, 10, 15)},
    **{f"{n} writers": (partial(writers, n=n), factorial(n)) for n in (2, 3, 4, 5)},
    **{f"read-then-write({n})": (partial(read_then_write, n=n), classes) for n, classes in ((2, 4), (3, 36), (4, 576))},
    **{f"{n} counters under one lock": (partial(locked_counter, n=n), factorial(n)) for n in (2, 3, 4, 5)},
    **{f"indexer({n})": (partial(indexer, n=n), classes) for n, classes in ((11, 1), (12, 8), (13, 64), (14, 512))},
    **{f"filesystem({n})": (partial(filesystem, n=n), 2 ** max(0, n - 13)) for n in (13, 14, 16, 19)},
}
"""Published numbers of happens-before classes: the program, and how many it has."""
