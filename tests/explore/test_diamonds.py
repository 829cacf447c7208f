"""Diamonds: what is known of a move from its footprint is what making it shows, and a footprint that lies is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dmabuf_async import Machine, from_function, load
from dmabuf_async.engine.stepper import Move, Stepper, Taken
from dmabuf_async.errors import AuditError
from dmabuf_async.explore import diamonds
from dmabuf_async.explore.graph import Graph
from dmabuf_async.machine.cells import Add, Cell
from dmabuf_async.machine.machine import Machine as AnyMachine
from dmabuf_async.scenario.program import Program
from tests.effort import seeds
from tests.generated import program

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SEEDS = seeds(40, 10)
CATALOGUE = Path(__file__).parents[2] / "scenarios"


def complete(program: Program) -> Graph:
    graph = Graph(program)
    while graph.advance():
        pass
    return graph


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each diamond is closed by making the step."""
    monkeypatch.setattr(diamonds, "EVERY", 1)


def steps_made(monkeypatch: pytest.MonkeyPatch) -> list[Move]:
    """The steps that are made from now on."""
    made: list[Move] = []
    make = Stepper.make

    def noted(stepper: Stepper, move: Move) -> Taken | None:
        made.append(move)
        return make(stepper, move)

    monkeypatch.setattr(Stepper, "make", noted)
    return made


def own_cells(machine: Machine) -> None:
    cells = [machine.counter(f"c{number}") for number in range(3)]

    async def work(cell: Cell) -> None:
        for value in range(1, 11):
            await cell.store(value)

    for number, cell in enumerate(cells):
        machine.task(f"t{number}", work, cell)


def test_independent_steps_are_made_about_once_for_each_state(monkeypatch: pytest.MonkeyPatch) -> None:
    made = steps_made(monkeypatch)
    graph = complete(from_function(own_cells))
    assert (len(graph.edges), graph.progress.steps) == (11**3, 3 * 10 * 11**2)
    checked = 12 + (3_630 - 1_330) // 128  # the first, second, fourth..., and one in 128
    assert len(made) <= 1_330 + checked


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("seed", SEEDS)
def test_diamonds_of_generated_programs_close(seed: int) -> None:
    checked = complete(program(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diamonds, "EVERY", 128)
        graph = complete(program(seed))
    assert graph.edges == checked.edges
    assert graph.ends == checked.ends
    assert graph.shows == checked.shows
    assert set(graph.progress.failures) == set(checked.progress.failures)
    assert graph.progress.steps == checked.progress.steps


SCENARIOS = [
    "cache/dirty-line-on-free-repaired", "device/map-does-not-pin-repaired", "device/stop-is-not-gone-repaired",
    "kmap/three-importers-repaired", "locks/reclaim-against-get-repaired", "migrate/word-not-copied-repaired",
    "mmap/freed-before-flushed-repaired", "mmap/one-cpu-flushed-repaired", "pin/reclaim-daemon-repaired",
    "process/killed", "references/put-twice",
]  # fmt: skip


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("name", SCENARIOS)
def test_diamonds_of_scenarios_close(name: str) -> None:
    assert complete(load(str(CATALOGUE / f"{name}.toml"))).strength == "exhaustive"


@pytest.mark.parametrize(("other", "known"), [((1,), {((0,), 0): 3}), ((0,), {})])
def test_two_outcomes_of_one_actor_are_no_diamond(other: tuple[int, ...], known: dict[object, int]) -> None:
    one, two = ((0,), 0), (other, 1)
    edges = [[(one, 1), (two, 2)], [(two, 3)], [], []]
    reads: diamonds.Print = (1, 0, Add)
    sides = diamonds.Diamonds().closed(edges, {}, 0, [reads, reads])
    assert {label: side[0] for label, side in sides.items()} == known


class Hides(Add):
    """It writes the cell and does not say so."""

    __slots__ = ()

    def writes(self, actor: object) -> tuple[()]:
        return ()


def two_that_hide(machine: AnyMachine) -> Callable[[], None]:
    counter = machine.counter("c")

    async def adds() -> None:
        await Hides(counter, 1)

    machine.task("one", adds)
    machine.task("two", adds)
    return lambda: None


def test_an_op_that_touches_more_than_it_says_is_named() -> None:
    with pytest.raises(AuditError, match=r"add c 1 and the add that came just before it do not conflict"):
        complete(from_function(two_that_hide))


def test_nothing_is_taken_as_known_after_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows from what decides which findings are primary, whatever the footprints."""

    def racing(machine: Machine) -> None:
        cell, others = machine.cell("x"), [machine.counter("y"), machine.counter("z")]

        async def stores(other: Cell) -> None:
            await cell.store(1)
            await other.store(1)
            await other.store(2)

        for number, other in enumerate(others):
            machine.task(f"t{number}", stores, other)

    made = steps_made(monkeypatch)
    graph = complete(from_function(racing))
    assert {signature.code for signature in graph.progress.failures} == {"data-race"}
    found = {state for state, _ in graph.shows}
    assert found
    assert len(made) == graph.progress.steps
