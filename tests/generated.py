"""Small random programs from a seed, over all that exhaustive searches have to deal with.

They are sized so that brute force executes most of them in full. What goes wrong in them is meant to: locks
taken in both orders, waits that nothing satisfies, children that fail.
"""

from __future__ import annotations

from math import factorial, prod
from random import Random
from typing import Final

from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.program import Program
from tests.programs import BufferSpec, Spec, Step, TaskSpec

Steps = tuple[Step, ...]

SIZE: Final = 400
"""Interleavings of the steps as written, about: faults of the environment and children come on top."""


def program(seed: int, *, size: int = SIZE) -> Program:
    """The program of this number: always the same."""
    spec = spec_of(seed, size=size)
    return Program(
        name=f"generated {seed}",
        title=f"generated {seed}",
        build=spec.furnish,
        digest=seed.to_bytes(32),
        sizes=spec.sizes,
        reusable=True,
    )


def spec_of(seed: int, *, size: int = SIZE) -> Spec:
    """The same as plain data."""
    draw = _Draw(seed)
    tasks = [draw.task(number) for number in range(draw.count)]
    if all(task.daemon for task in tasks):
        tasks[0] = tasks[0]._replace(daemon=False)
    while _interleavings(tasks) > size:
        longest = max(range(len(tasks)), key=lambda number: _length(tasks[number].steps))
        tasks[longest] = tasks[longest]._replace(steps=tasks[longest].steps[:-1])
    sizes = Sizes(
        cpus=2,
        ram=2,
        swap=2,
        kmap_slots=1,
        enomem=int("buffers" in draw.families),
        eintr=int("waits" in draw.families and draw.chance(0.5)),
        kills=int(any(task.user for task in tasks)),
    )
    return Spec(tuple(tasks), draw.buffers(), sizes)


def _interleavings(tasks: list[TaskSpec]) -> int:
    lengths = [_length(task.steps) for task in tasks]
    return factorial(sum(lengths)) // prod(factorial(length) for length in lengths)


LENGTHS: Final = {"sleep": 2, "get": 11, "put": 4, "kmap": 3, "kmap_atomic": 3, "raise": 0}
"""Ops of a step that has more than one, about."""


def _length(steps: Steps) -> int:
    length = 0
    for step in steps:
        if step[0] == "if":
            length += 1 + max(_length(step[3]), _length(step[4]))
        elif step[0] == "try":
            length += 1 + _length(step[3])
        elif step[0] == "group":
            length += 4 + sum(1 + _length(child) for child in step[1])
        else:
            length += LENGTHS.get(step[0], 1)
    return length


FAMILIES: Final = (
    "plain", "plain", "ordered", "atomic", "branches", "locks", "locks", "tries", "spinlocks", "rwsems", "waits",
    "waits", "groups", "groups", "failures", "users", "sleeps", "buffers", "atomic mappings",
)  # fmt: skip

NESTED: Final = {"groups", "branches", "failures"}


class _Draw:
    """Draws one program: first what it is about, then its tasks."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - not for secrets
        self.count = self._random.choice((2, 2, 2, 3, 3, 4))
        self.families = sorted(set(self._random.sample(FAMILIES, self._random.choice((1, 2, 3, 3)))))
        self._cells = ("x", "y")[: self._random.choice((1, 2, 2))]

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def buffers(self) -> tuple[BufferSpec, ...]:
        if "buffers" in self.families:
            return (BufferSpec("swapping", resident=False),)
        return (BufferSpec("static"),) if "atomic mappings" in self.families else ()

    def task(self, number: int) -> TaskSpec:
        parts = [self._part() for _ in range(self._random.choice((1, 1, 2, 2, 3)))]
        return TaskSpec(
            tuple(step for part in parts for step in part),
            cpu=self._random.choice((0, number % 2)),
            user="users" in self.families and self.chance(0.6),
            daemon=self.chance(0.06),
            tolerant=self.chance(0.5),
        )

    def _part(self, depth: int = 0) -> Steps:  # noqa: C901 - a case for each family
        """A few steps that belong together; ``depth``: in so many groups and branches."""
        choose, cell = self._random.choice, self._random.choice(self._cells)
        value = choose((0, 1, 1, 2))
        family = choose(self.families)
        if depth and family in NESTED and (depth > 1 or self.chance(0.6)):
            family = "plain"
        match family:
            case "ordered":
                return (
                    choose((("on", f"cell {cell}", "load_acquire"), ("on", f"cell {cell}", "store_release", value))),
                )
            case "atomic":
                return (
                    choose(
                        (
                            ("add", 1),
                            ("on", "counter n", "load"),
                            ("on", f"cell {cell}", "add", 1),
                            ("exchange", cell, value),
                            ("compare_exchange", cell, 0, value),
                        )
                    ),
                )
            case "branches":
                return (("if", cell, choose((0, 1)), self._part(depth + 1), choose(((), self._plain(cell, value)))),)
            case "locks":
                return self._locks(cell, value)
            case "tries":
                lock = choose(("m", "k"))
                inner = (*self._plain(cell, value), ("unlock", lock))
                return (("try", f"mutex {lock}", "try_lock", inner),)
            case "spinlocks":
                return (("on", "spinlock s", "lock"), *self._plain(cell, value), ("on", "spinlock s", "unlock"))
            case "rwsems":
                mode = choose(("read", "read", "write"))
                return (("on", "rwsem r", f"down_{mode}"), *self._plain(cell, value), ("on", "rwsem r", f"up_{mode}"))
            case "waits":
                wait = ("wait", cell, choose(("==", "==", "!=")), choose((1, 1, 2)), self.chance(0.4))
                return choose(((wait,), (wait, *self._plain(cell, value)), (("store", cell, 1),)))
            case "groups":
                return self._group(depth)
            case "failures":
                if not depth or self.chance(0.7):
                    return self._group(depth, fails=True)
                return (*self._plain(cell, value), ("raise", "wrong"))
            case "users":
                return choose(((("user",),), (("user",), *self._plain(cell, value)), self._plain(cell, value)))
            case "sleeps":
                return (("sleep", choose((1, 1, 2))), *choose(((), self._plain(cell, value))))
            case "buffers":
                return choose(
                    (
                        (("alloc",),),
                        (("alloc",), *self._plain(cell, value)),
                        (("get", 0, 0, 1),),
                        (("get", 0, 0, 1), ("put", 0, 0, 1)),
                        self._plain(cell, value),
                    )
                )
            case "atomic mappings":
                kmap = choose(("kmap", "kmap_atomic"))
                return ((kmap, 0, 0, "p"), *choose(((), (("mload", "p", 0),), (("mstore", "p", 0),))), ("kunmap", "p"))
            case _:
                return self._plain(cell, value)

    def _plain(self, cell: str, value: int) -> Steps:
        return self._random.choice(((("load", cell),), (("store", cell, value),)))

    def _locks(self, cell: str, value: int) -> Steps:
        first, second = self._random.choice((("m", "k"), ("k", "m")))
        if self.chance(0.5):
            return (("lock", first), ("lock", second), ("unlock", second), ("unlock", first))
        return (("lock", first), *self._plain(cell, value), ("unlock", first))

    def _group(self, depth: int, *, fails: bool = False) -> Steps:
        children = [self._part(depth + 1) for _ in range(self._random.choice((1,) if depth else (1, 2)))]
        if fails:
            children[0] = (*children[0], ("raise", "wrong"))
        return (("group", tuple(children), self.chance(0.2)),)
