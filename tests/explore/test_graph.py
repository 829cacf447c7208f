"""The state graph: every state once, every finding, in as few steps as possible, against brute force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dmabuf_async import Group, Machine, Sizes, execute, from_function, load, replay, settle
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.graph import Graph
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.machine.cells import Cell, Counter
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import scenario
from tests.brute import End, brute, end_of
from tests.effort import seeds
from tests.generated import program, spec_of

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

CATALOGUE = Path(__file__).parents[2] / "scenarios"
SEEDS = seeds(120, 30)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> set[End]:
    """The ends that graphs come to meanwhile."""
    seen: set[End] = set()
    judge = Stepper.judge

    def look(stepper: Stepper) -> None:
        seen.add(_without_paths(end_of(stepper.machine, stepper)))
        judge(stepper)

    monkeypatch.setattr(Stepper, "judge", look)
    return seen


def _without_paths(end: End) -> End:
    """Local states are hashes here and entries of a table there."""
    return end._replace(actors=tuple((actor[0], 0, *actor[2:]) for actor in end.actors))


def complete(program: Program, **options: object) -> Graph:
    graph = Graph(program, **options)  # type: ignore[arg-type]
    while graph.advance():
        pass
    return graph


def stores(cells: int, times: int, *, shared: bool = False) -> Callable[[Machine], None]:
    def furnish(machine: Machine) -> None:
        variables = [machine.counter(f"c{number}", -9) for number in range(1 if shared else cells)]

        async def work(number: int) -> None:
            for value in range(times):
                await variables[0 if shared else number].store(value if not shared else (number, value))

        for number in range(cells):
            machine.task(f"t{number}", work, number)

    return furnish


@pytest.mark.parametrize(("cells", "times"), [(1, 3), (2, 4), (3, 3), (3, 10)])
def test_independent_actors_have_the_product_of_their_states(cells: int, times: int) -> None:
    graph = complete(from_function(stores(cells, times)))
    assert len(graph.edges) == (times + 1) ** cells
    assert graph.progress.steps == cells * times * (times + 1) ** (cells - 1)
    assert graph.strength == "exhaustive"
    assert not graph.progress.failures
    assert list(graph.ends.values()) == ["ended"]


def test_states_findings_and_ends_are_those_of_brute_force(ends: set[End]) -> None:
    compared = live = born = 0
    for seed in SEEDS:
        made = program(seed)
        reference = brute(made, checkers=CHECKERS, limit=1_500)
        if reference is None:
            continue
        ends.clear()
        graph = complete(made)
        assert set(graph.progress.failures) == set(reference.findings), seed
        assert ends == {_without_paths(end) for end in reference.ends}, seed
        groups = "'group'" in repr(spec_of(seed))
        live += graph._live
        born += groups and not graph._live
        if not graph._live and not (groups and reference.findings):  # which may lie on mappings of the newly born
            assert len(graph.edges) == len(reference.states), seed
        compared += 1
    assert compared > 0.8 * len(SEEDS)
    assert live > 0.05 * len(SEEDS)
    assert born > 0.05 * len(SEEDS)


def handed_over(machine: Machine) -> None:
    """Whoever looks before the signal races with the store; whoever waits for it does not."""
    cell, signal = machine.cell("x", 0), machine.counter("signal", 0)

    async def writes() -> None:
        await cell.store(0)  # the cell is as it was, but for who knows of the store
        await signal.add(1)
        await signal.add(-1)

    async def reads() -> None:
        await signal.load()
        await settle("looked", "looked")
        await cell.load()

    machine.task("writes", writes)
    machine.task("reads", reads)


def test_a_key_without_the_memory_of_checkers_loses_states(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = complete(from_function(handed_over))
    assert {signature.code for signature in whole.progress.failures} == {"data-race"}
    monkeypatch.setattr(Machine, "memory", lambda _: None)
    assert len(complete(from_function(handed_over)).edges) < len(whole.edges)


def late(machine: Machine) -> None:
    """Depth first meets the deadlock after all that the first task can do; it takes two steps."""
    left, right = machine.mutex("left"), machine.mutex("right")
    other = machine.counter("other")

    async def first() -> None:
        await left.lock()
        await right.lock()
        await right.unlock()
        await left.unlock()

    async def second() -> None:
        for _ in range(3):
            await other.add(1)
        await right.lock()
        await left.lock()
        await left.unlock()
        await right.unlock()

    machine.task("first", first)
    machine.task("second", second)


def test_each_finding_is_shown_in_as_few_steps_as_possible_and_replays() -> None:
    made = from_function(late)
    graph = complete(made)
    codes = {signature.code: failure for signature, failure in graph.progress.failures.items()}
    assert set(codes) == {"deadlock", "lock-order"}
    assert codes["deadlock"].finding.step == 5  # three additions, and one lock each
    shown = replay(made, codes["deadlock"].schedule)
    assert [finding.signature for finding in shown.primary] == [codes["deadlock"].finding.signature]
    assert shown.steps == 5


def test_actors_that_are_born_in_groups_are_explored_too() -> None:
    def furnish(machine: Machine) -> None:
        cell = machine.cell("x", 0)

        async def child(value: int) -> None:
            await cell.store(value)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child, 1)
                await group.spawn(child, 2)

        machine.task("parent", parent)

    made = from_function(furnish)
    reference = brute(made, checkers=CHECKERS)
    graph = complete(made)
    assert reference is not None
    assert {signature.code for signature in graph.progress.failures} == {"data-race"}
    assert set(graph.progress.failures) == set(reference.findings)


def test_a_thread_born_killed_is_the_one_that_is_killed_when_it_has_been_born() -> None:
    @scenario(sizes=Sizes(kills=1))
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def thread() -> None:
            await counter.add(1)

        async def process() -> None:
            async with Group() as group:
                await group.spawn(thread)

        machine.task("process", process, user=True)

    graph = complete(from_function(furnish))
    places = 6  # before the group is opened, the spawn, the add, the join, the close, and at the end
    assert len(graph.edges) == 2 * places  # killed, or not yet


def test_who_is_born_before_a_lock_that_was_left_behind_is_in_a_deadlock_from_then_on() -> None:
    def furnish(machine: Machine) -> None:
        lock, counter = machine.mutex("m"), machine.counter("c")

        async def takes() -> None:
            await lock.lock()

        async def leaves() -> None:
            async with Group() as group:
                await group.spawn(takes)

        async def comes() -> None:
            await counter.add(1)
            async with Group() as group:
                await group.spawn(takes)

        machine.task("leaves", leaves)
        machine.task("comes", comes)

    made = from_function(furnish)
    graph = complete(made)
    for failure in graph.progress.failures.values():
        again = replay(made, failure.schedule)
        assert failure.finding in again.primary


def families(machine: Machine, parents: int) -> None:
    """Parents, each with children of its own, and who knows of their stores changes as they are joined."""

    async def child(cell: Cell, value: int) -> None:
        await cell.store(value)

    async def parent(cell: Cell) -> None:
        for value in (1, 2):
            async with Group() as group:
                await group.spawn(child, cell, value)
        await cell.load()

    for number in range(parents):
        machine.task(f"parent{number}", parent, machine.cell(f"c{number}"))


def test_which_parent_came_first_is_no_part_of_a_state() -> None:
    alone, both = (complete(from_function(partial(families, parents=parents))) for parents in (1, 2))
    assert not both._live
    assert not both.progress.failures
    assert len(both.edges) == len(alone.edges) ** 2


def test_which_member_of_a_group_spawned_first_is_no_part_of_a_state() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def count() -> None:
            await counter.add(1)

        async def brings(group: Group) -> None:
            await group.spawn(count)

        async def owner() -> None:
            async with Group() as group:
                await group.spawn(brings, group)
                await group.spawn(count)

        machine.task("owner", owner)

    graph = complete(from_function(furnish))
    begun, spawning, closing = 2, 2 * 2 + 2 + 2, 2 + 2 + 2  # of the two children none or one has ended, or both
    assert len(graph.edges) == begun + spawning + closing


@pytest.mark.parametrize("bad", [-1, -2])
def test_tasks_that_were_given_minus_one_and_minus_two_are_not_in_the_same_state(bad: int) -> None:
    """Python's hashes of them are equal."""

    def furnish(machine: Machine) -> None:
        value, done = machine.counter("value", -1), machine.counter("done")

        async def look() -> None:
            seen = await value.load()
            await done.wait("==", 1)
            assert seen != bad

        async def change() -> None:
            await value.store(-2)
            await value.store(0)
            await done.store(1)

        async def cancel(group: Group) -> None:
            await group.cancel()

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(cancel, group)

        for task in (look, change, parent):
            machine.task(task.__name__, task)

    graph = complete(from_function(furnish))
    assert graph._live  # where tables know, they are told apart exactly
    assert {signature.code for signature in graph.progress.failures} == {"assertion"}


def notes(counter: Counter) -> Callable[[], Awaitable[None]]:
    seen: list[int] = []

    async def task() -> None:
        seen.append(await counter.load())
        seen.append(await counter.load())
        assert seen != [0, 1]

    return task


def notes_in_an_object(counter: Counter) -> Callable[[], Awaitable[None]]:
    seen = SimpleNamespace(first=None)

    async def task() -> None:
        if seen.first is None:
            seen.first = await counter.load()
        assert (seen.first, await counter.load()) != (0, 1)

    return task


def numbers_what_it_sees(counter: Counter) -> Callable[[], Awaitable[None]]:
    numbers = count()

    async def task() -> None:
        seen = {next(numbers): await counter.load()}
        seen[next(numbers)] = await counter.load()
        assert seen != {0: 0, 1: 1}

    return task


IN_THE_MODULE: list[int] = []


def notes_in_its_module(counter: Counter) -> Callable[[], Awaitable[None]]:
    IN_THE_MODULE.clear()

    async def task() -> None:
        IN_THE_MODULE.append(await counter.load())
        IN_THE_MODULE.append(await counter.load())
        assert IN_THE_MODULE != [0, 1]

    return task


@pytest.mark.parametrize("make", [notes, notes_in_an_object, numbers_what_it_sees, notes_in_its_module])
def test_a_task_finds_what_it_keeps_in_python_as_the_program_makes_it(make: Callable[[Counter], Any]) -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def other() -> None:
            await counter.store(1)

        machine.task("task", make(counter))
        machine.task("other", other)

    graph = complete(from_function(furnish))
    assert {signature.code for signature in graph.progress.failures} == {"assertion"}


def test_python_variables_that_tasks_share_are_told_apart_by_what_the_tasks_were_given() -> None:
    def furnish(machine: Machine) -> None:
        x, y, seen = machine.counter("x"), machine.counter("y"), dict[str, int]()

        async def look(mine: Counter, others: Counter) -> None:
            await mine.store(1)
            seen[mine.name] = await others.load()

        async def main() -> None:
            async with Group() as group:
                await group.spawn(look, x, y)
                await group.spawn(look, y, x)
            assert seen != {"x": 1, "y": 0}

        machine.task("main", main)

    graph = complete(from_function(furnish))
    assert {signature.code for signature in graph.progress.failures} == {"assertion"}


class Outside:
    """What outlives executions."""

    coroutines = 0


def test_what_is_found_and_not_found_again_is_told_to_be_not_deterministic() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def task() -> None:
            Outside.coroutines += 1
            mine = Outside.coroutines
            await counter.load()
            assert mine != 2

        async def other() -> None:
            await counter.store(1)

        machine.task("task", task)
        machine.task("other", other)

    with pytest.raises(ReplayDiverged, match=r"furnish is not deterministic: assertion .* is not found where the same"):
        complete(from_function(furnish))


def test_what_is_read_off_a_graph_is_told_once_however_often_it_is_asked_to_go_on() -> None:
    graph = complete(from_function(polite))
    counts = dict(graph.progress.counts)
    assert not graph.advance()
    assert not graph.advance()
    assert graph.progress.counts == counts
    assert list(counts.values()) == [1]


def endless(machine: Machine) -> None:
    counter = machine.counter("c")

    async def count() -> None:
        while True:
            await counter.add(1)

    machine.task("count", count)


def test_what_has_no_end_is_cut_and_said_to_be() -> None:
    graph = complete(from_function(endless), max_steps=50)
    assert graph.progress.cut == 1
    assert len(graph.edges) == 51


def test_states_have_a_bound_and_what_is_left_out_is_counted() -> None:
    graph = complete(from_function(stores(3, 5)), max_states=40)
    assert graph.progress.cut > 0
    assert len(graph.edges) == 40


def test_an_exception_of_a_task_is_found_and_its_end_is_a_state(ends: set[End]) -> None:
    def furnish(machine: Machine) -> None:
        cell = machine.counter("x", 0)

        async def checks() -> None:
            assert await cell.load() == 0

        async def spoils() -> None:
            await cell.store(1)

        machine.task("checks", checks)
        machine.task("spoils", spoils)

    graph = complete(from_function(furnish))
    assert {signature.code for signature in graph.progress.failures} == {"assertion"}
    assert sorted(end.actors[0][3] for end in ends) == ["AssertionError", "NoneType"]


def test_what_a_task_raises_before_its_first_op_is_found_and_is_certain() -> None:
    def furnish(machine: Machine) -> None:
        count = machine.counter("count")

        async def raises() -> None:
            raise LookupError

        async def works() -> None:
            await count.add(1)

        machine.task("raises", raises)
        machine.task("one", works)
        machine.task("two", works)

    [failure] = complete(from_function(furnish)).progress.failures.values()
    assert (failure.finding.code, failure.finding.step, failure.chance) == ("unhandled-exception", 0, 1.0)


def test_what_is_found_where_a_program_both_begins_and_ends_is_found_together() -> None:
    def furnish(machine: Machine) -> None:
        flag = machine.counter("flag")

        async def raises() -> None:
            raise LookupError

        async def waits() -> None:
            await flag.wait("==", 1)

        machine.task("raises", raises)
        machine.task("waits", waits)

    graph = complete(from_function(furnish))
    assert {signature.code for signature in graph.progress.failures} == {"unhandled-exception", "deadlock"}
    assert graph.extent == "1 state, 0 transitions"


def polite(machine: Machine) -> None:
    """Each takes its own lock and gives it back if it does not get the other's."""
    left, right = machine.mutex("left"), machine.mutex("right")

    async def guest(first: object, second: object) -> None:
        while True:
            await settle("tries", "tries")
            await first.lock()  # type: ignore[attr-defined]
            if await second.try_lock():  # type: ignore[attr-defined]
                break
            await first.unlock()  # type: ignore[attr-defined]
        await second.unlock()  # type: ignore[attr-defined]
        await first.unlock()  # type: ignore[attr-defined]

    machine.task("alice", guest, left, right)
    machine.task("bob", guest, right, left)


def test_a_livelock_is_decided_and_shown_as_a_way_in_and_one_round() -> None:
    made = from_function(polite)
    graph = complete(made)
    (signature,) = graph.progress.failures
    assert (signature.code, signature.rule, signature.role) == ("livelock", "P8", "alice and bob")
    failure = graph.progress.failures[signature]
    assert (failure.finding.step, failure.until) == (6, 6)
    assert "after step 6 all is as it was before step 1" in failure.finding.message
    shown = execute(made, strategy_for(made, failure.schedule), max_steps=6)
    assert shown is not None
    assert [event.kind for event in shown.trace.events] == ["lock", "lock", "trylock", "trylock", "unlock", "unlock"]


def test_who_spins_until_another_acts_is_no_livelock_as_that_one_gets_its_turn() -> None:
    def furnish(machine: Machine) -> None:
        flag = machine.counter("flag")

        async def spins() -> None:
            while not await flag.load():
                await settle("spins", "spins")

        async def sets() -> None:
            await flag.store(1)

        machine.task("spins", spins)
        machine.task("sets", sets)

    assert not complete(from_function(furnish)).progress.failures


def test_a_daemon_that_goes_round_when_all_others_have_ended_is_no_livelock() -> None:
    def furnish(machine: Machine) -> None:
        flag = machine.counter("flag")

        async def serves() -> None:
            while True:
                await settle("serves", "serves")
                await flag.load()

        async def ends_soon() -> None:
            await flag.store(1)

        machine.task("serves", serves, daemon=True)
        machine.task("ends", ends_soon)

    assert not complete(from_function(furnish)).progress.failures


def test_a_task_that_nobody_lets_in_while_others_go_round_is_a_livelock() -> None:
    def furnish(machine: Machine) -> None:
        lock, flag = machine.mutex("lock"), machine.counter("flag")

        async def spins_under_the_lock() -> None:
            await lock.lock()
            while not await flag.load():
                await settle("spins", "spins")
            await lock.unlock()

        async def would_set() -> None:
            await lock.lock()
            await flag.store(1)
            await lock.unlock()

        machine.task("spinner", spins_under_the_lock)
        machine.task("setter", would_set)

    graph = complete(from_function(furnish))
    assert {(one.code, one.role) for one in graph.progress.failures} == {("livelock", "spinner")}


@pytest.mark.parametrize("seed", [3, 14])
def test_an_audited_graph_resumes_coroutines_and_finds_the_same(seed: int) -> None:
    from dmabuf_async.engine import watch as watching
    from dmabuf_async.engine.audit import Audit

    plain = complete(program(seed))
    audits: dict[int, Audit] = {}
    init = watching.Watch.__init__

    def audited(self: watching.Watch, machine: Machine, *arguments: object, **named: object) -> None:
        init(self, machine, *arguments, audit=audits.setdefault(id(machine), Audit()), **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching.Watch, "__init__", audited)
        graph = complete(program(seed))
    assert graph._live
    assert set(graph.progress.failures) == set(plain.progress.failures)
    assert len(graph.edges) == len(plain.edges)


def test_how_often_an_access_was_tried_again_is_no_part_of_where_a_task_is() -> None:
    """Else each way through walks, faults and moves leads to states of its own, and no table holds them all."""
    graph = complete(load(str(CATALOGUE / "migrate" / "flag-ignored-repaired.toml")))
    assert not graph._live
    assert len(graph.edges) == 27_861
    assert not graph.progress.failures


EVENTUALLY = """
title = "A driver goes idle"
cells = { request = 0, ready = 0 }

[[tasks]]
name = "driver"
repeat = 2
steps = [{ do = "set", cell = "ready", value = 1 }, { do = "set", cell = "ready", value = 0 }]

[[tasks]]
name = "user"
steps = [{ do = "set", cell = "request", value = 1 }]

[expect]
eventually = ["EXPRESSION"]
"""


@pytest.mark.parametrize(
    ("expression", "steps"),
    [
        ("request == 1", None),
        ("ready == 1", None),
        ("request == 1 and ready == 1", 5),
        ("request == 0", None),  # it holds at the beginning
        ("ready == 2", 5),
    ],
)
def test_what_every_fair_run_must_come_to_is_decided(tmp_path: Path, expression: str, steps: int | None) -> None:
    file = tmp_path / "x.toml"
    file.write_text(EVENTUALLY.replace("EXPRESSION", expression), encoding="utf-8")
    graph = complete(load(str(file)))
    told = {(signature.code, failure.until) for signature, failure in graph.progress.failures.items()}
    assert told == (set() if steps is None else {("eventually-violated", steps)})


def test_a_run_that_goes_round_before_a_property_holds_violates_it_unless_it_is_unfair() -> None:
    def program_of(spins: bool) -> Program:
        @scenario(eventually=["done == 1"])
        def furnish(machine: Machine) -> None:
            flag, done = machine.counter("flag"), machine.counter("done")

            async def waits() -> None:
                while not await flag.load():
                    await settle("waits", "waits")
                await done.store(1)

            async def sets() -> None:
                await flag.store(0 if spins else 1)

            machine.task("waits", waits)
            machine.task("sets", sets)

        return from_function(furnish)

    assert not complete(program_of(spins=False)).progress.failures
    codes = {signature.code for signature in complete(program_of(spins=True)).progress.failures}
    assert codes == {"eventually-violated", "livelock"}
