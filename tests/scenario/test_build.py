from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import Execution, execute
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import build
from dmabuf_async.scenario.build import program
from dmabuf_async.scenario.contradictions import contradictions
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.steps.base import Objects, act, verb_of
from dmabuf_async.scenario.verbs.base import Verb
from dmabuf_async.scenario.verbs.kernel import Kunmap
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from tests.effort import times

Parse = Callable[[str], Scenario]
Programmed = Callable[[str], Program]

BUFFERS = """
title = "x"
mutexes = ["m"]
[cells]
c = 0
[machine]
ram = 8
[buffers.still]
pages = 2
[buffers.fb]
pages = 2
exporter = "swapping"
[buffers.tex]
zone = "lowmem"
exporter = "migrating"
"""


@pytest.fixture(scope="session")
def programmed(parse: Parse) -> Programmed:
    return lambda text: program(parse(text), "x.toml")


def run(made: Program, strategy: Any = None) -> Execution:
    done = execute(made, strategy or Calm())
    assert done is not None
    return done


def texts(done: Execution, actor: str = "a") -> list[str]:
    """What one actor did, op by op."""
    return [event.text for event in done.trace.events if event.actor == actor]


def one_task(steps: str, more: str = "") -> str:
    return f'{BUFFERS}[[tasks]]\nname = "a"\n{more}\nsteps = [{steps}]\n'


@pytest.mark.parametrize(
    ("steps", "ops"),
    [
        ('{ do = "lock", mutex = "m" }, { do = "unlock", mutex = "m" }', ["lock m", "unlock m"]),
        ('{ do = "set", cell = "c", value = 7 }', ["store_release c 7"]),
        ('{ do = "wait", cell = "c", is = "<", value = 1 }', ["wait c < 1"]),
        ('{ do = "wait", cell = "c", value = 0, interruptible = true }', ["wait c == 0"]),
        ('{ do = "sleep", ticks = 3 }', ["sleep 3", "wake up"]),
        ('{ do = "reclaim", buffer = "fb" }', ["store_release fb.reclaim 1"]),
        ('{ do = "migrate", buffer = "tex", to = "vram" }', ["lock tex.lock"]),
        ('{ do = "migrate", buffer = "tex", to = "ram", by = "daemon" }', ["store_release tex.migrate 1"]),
        ('{ do = "migrate", buffer = "tex", to = "vram", by = "daemon" }', ["store_release tex.migrate 2"]),
    ],
)
def test_a_step_does_what_its_verb_says(steps: str, ops: list[str], programmed: Programmed) -> None:
    assert texts(run(programmed(one_task(steps))))[: len(ops)] == ops


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        ('{ do = "get_backing_storage", buffer = "still" }', "get_backing_storage"),
        ('{ do = "put_backing_storage", buffer = "still" }', "put_backing_storage"),
        ('{ do = "kmap", buffer = "still", page = 1, as = "p" }, { do = "load", at = "p" }', "kmap map load"),
        ('{ do = "kmap", buffer = "still", as = "p" }, { do = "kunmap", at = "p" }', "kmap map kunmap"),
        ('{ do = "kmap_atomic", buffer = "still", as = "p" }, { do = "store", at = "p", word = 1 }', "store"),
        ('{ do = "kmap_atomic", buffer = "still", as = "p" }, { do = "kunmap_atomic", at = "p" }', "kunmap_atomic"),
        (
            '{ do = "kmap", buffer = "still", as = "p" }, { do = "memcpy", from = "p", to = "p" }',
            "load store load store",
        ),
        (
            '{ do = "dma_buf_get", buffer = "still" }, { do = "dma_buf_put", buffer = "still" }',
            "dma_buf_get dma_buf_put",
        ),
        ('{ do = "swap_out", buffer = "fb" }', "copy copy switch free"),
    ],
)
def test_a_step_makes_the_call_of_its_name(steps: str, kinds: str, programmed: Programmed) -> None:
    done = [event.kind for event in run(programmed(one_task(steps))).trace.events if event.actor == "a"]
    left = iter(done)
    assert all(kind in left for kind in kinds.split()), done


def test_every_verb_can_be_performed() -> None:
    for verb in Verb.__subclasses__():
        assert act.dispatch(verb) is not act.dispatch(object), verb
    machine = Machine()
    with pytest.raises(NotImplementedError, match="no task can perform Verb"):
        act(Verb(), Objects(machine, {}, {}, {}, {}, {}, {}, machine.cpus[0]))


def test_a_range_without_a_length_goes_to_the_end_of_the_buffer(programmed: Programmed) -> None:
    found = texts(run(programmed(one_task('{ do = "get_backing_storage", buffer = "still", start = 4096 }'))))
    assert (
        found[0]
        == texts(
            run(programmed(one_task('{ do = "get_backing_storage", buffer = "still", start = 4096, len = 4096 }')))
        )[0]
    )


def test_a_range_with_a_length_is_that_long(programmed: Programmed) -> None:
    found = texts(run(programmed(one_task('{ do = "get_backing_storage", buffer = "still", len = 4096 }'))))
    whole = texts(run(programmed(one_task('{ do = "get_backing_storage", buffer = "still" }'))))
    assert found[0] != whole[0]


def test_tasks_stand_on_their_cpus_and_drivers_have_their_defects(programmed: Programmed) -> None:
    text = one_task('{ do = "sleep", ticks = 1 }', 'cpu = 1\nkind = "user"\ndefects = ["skip-get"]')
    text = text.replace("[buffers.still]", '[buffers.still]\ndefects = ["frees-on-put"]')
    text = text.replace("[buffers.fb]", '[buffers.fb]\ndefects = ["ignore-pins"]')
    machine = programmed(text).machines()()
    (actor,) = machine.actors
    assert actor.cpu is machine.cpus[1]
    assert actor.user
    assert machine.buffers["still"].exporter.defects == {"frees-on-put"}
    assert machine.buffers["fb"].exporter.defects == {"ignore-pins"}


def test_sizes_faults_and_expectations_reach_the_program(programmed: Programmed) -> None:
    made = programmed(
        one_task('{ do = "get_backing_storage", buffer = "fb" }')
        .replace("ram = 8", "ram = 9\ncpus = 3\nhighmem = 5\nswap = 7\nkmap_slots = 2\nwords = 1")
        .replace('title = "x"', 'title = "t"\nstory = "s"')
        + "[environment]\nenomem = 1\neintr = 2\nkills = 3\n"
        + '[expect]\nfindings = ["deadlock"]\nsometimes = ["a reaches 1"]'
    )
    sizes = made.sizes
    assert (sizes.cpus, sizes.ram, sizes.highmem, sizes.swap, sizes.kmap_slots, sizes.words) == (3, 9, 5, 7, 2, 1)
    assert (sizes.enomem, sizes.eintr, sizes.kills) == (1, 2, 3)
    assert (made.name, made.title, made.story) == ("x.toml", "t", "s")
    assert (made.findings, made.sometimes) == (("deadlock",), ("a reaches 1",))
    assert made.reusable


def test_a_buffer_lies_where_the_scenario_says(parse: Parse) -> None:
    scenario = parse(
        BUFFERS.replace("ram = 8", "ram = 8\nhighmem = 4")
        + '[buffers.low]\nzone = "lowmem"\n[buffers.out]\nexporter = "swapping"\nresident = false\n'
        + '[[tasks]]\nname = "a"\nsteps = [{ do = "sleep", ticks = 1 }]\n'
    )
    machine = Machine(program(scenario, "x").sizes)
    build.furnish(machine, scenario)
    places = {name: buffer.pages[0].where for name, buffer in machine.buffers.items()}
    assert {name: place and place.zone.name for name, place in places.items()} == {
        "still": "high", "fb": "high", "tex": "ram", "low": "ram", "out": "swap",
    }  # fmt: skip


def test_reclaim_is_served_only_where_a_step_asks_for_it(programmed: Programmed) -> None:
    asked = programmed(one_task('{ do = "reclaim", buffer = "fb" }')).machines()()
    assert [actor.name for actor in asked.actors] == ["a", "reclaim-fb"]
    assert asked.actors[1].daemon
    assert len(programmed(one_task('{ do = "swap_out", buffer = "fb" }')).machines()().actors) == 1


def test_steps_are_repeated_and_every_one_of_them_can_be_witnessed(programmed: Programmed) -> None:
    done = run(programmed(one_task('{ do = "lock", mutex = "m" }, { do = "unlock", mutex = "m" }', "repeat = 3")))
    assert texts(done) == ["lock m", "unlock m"] * 3
    assert done.reached == {("a", "step 1 lock"), ("a", "step 2 unlock")}
    assert done.stopped == "ended"


# Ways out ------------------------------------------------------------------------


FAILS = '{ do = "get_backing_storage", buffer = "fb", start = 1, len = 1 }'
HOLDS = '{ do = "get_backing_storage", buffer = "fb" }, { do = "kmap", buffer = "fb", as = "p" }'


def test_an_error_gives_back_what_is_held_and_ends_the_task(programmed: Programmed) -> None:
    done = run(programmed(one_task(f'{HOLDS}, {FAILS}, {{ do = "set", cell = "c", value = 1 }}')))
    assert "store_release c 1" not in texts(done)
    assert ("a", "error path") in done.reached
    assert not done.findings


def test_an_error_that_is_ignored_goes_on_with_the_next_step(programmed: Programmed) -> None:
    ignored = FAILS.replace("len = 1", 'len = 1, on_error = "ignore"')
    done = run(programmed(one_task(f'{ignored}, {{ do = "set", cell = "c", value = 1 }}')))
    assert texts(done)[-1] == "store_release c 1"
    assert ("a", "error path") not in done.reached


def test_a_swap_out_that_is_refused_is_no_reason_to_stop_unless_it_says_so(programmed: Programmed) -> None:
    pinned = '{ do = "get_backing_storage", buffer = "fb" }, { do = "swap_out", buffer = "fb" MORE }, '
    pinned += '{ do = "put_backing_storage", buffer = "fb" }'
    assert not run(programmed(one_task(pinned.replace("MORE", "")))).findings
    done = run(programmed(one_task(pinned.replace("MORE", ', on_error = "unwind"'))))
    assert ("a", "error path") in done.reached
    assert ("a", "step 3 put_backing_storage") not in done.reached


def test_a_kernel_task_answers_for_what_it_leaves_behind_and_a_user_task_does_not(programmed: Programmed) -> None:
    kernel = run(programmed(one_task(HOLDS)))
    assert {finding.code for finding in kernel.findings} == {"pin-leak", "kmap-leak"}
    user = run(programmed(one_task(HOLDS, 'kind = "user"')))
    assert not user.findings
    assert ("a", "exit path") in user.reached


def test_a_killed_task_leaves_by_its_exit_path(programmed: Programmed) -> None:
    made = programmed(one_task(HOLDS, 'kind = "user"') + "[environment]\nkills = 1\n")
    ways = set()
    for strategy in (Calm(), *map(RandomWalk, range(20))):
        done = run(made, strategy)
        assert not done.findings
        assert done.stopped == "ended"
        ways |= {site for _, site in done.reached if "path" in site}
    assert ways == {"exit path", "exit path after kill"}


def test_an_interrupted_wait_ends_the_task_in_good_order(programmed: Programmed) -> None:
    made = programmed(
        one_task(f'{HOLDS}, {{ do = "wait", cell = "c", value = 1, interruptible = true }}')
        + '[[tasks]]\nname = "b"\nsteps = [{ do = "sleep", ticks = 1 }, { do = "set", cell = "c", value = 1 }]\n'
        + "[environment]\neintr = 1\n"
    )
    reached = set().union(*(run(made, RandomWalk(seed)).reached for seed in range(30)))
    assert ("a", "error path") in reached


def test_a_late_kunmap_comes_at_the_end(programmed: Programmed) -> None:
    steps = f'{HOLDS}, {{ do = "kunmap", at = "p" }}, {{ do = "put_backing_storage", buffer = "fb" }}'
    done = run(programmed(one_task(steps, 'defects = ["late-kunmap"]')))
    assert ("a", "end") in done.reached
    assert "kunmap" in [event.kind for event in done.trace.events][-1]
    assert "kmap-leak" not in {finding.code for finding in done.findings}


def test_what_a_task_holds_belongs_to_what_it_settles_with(programmed: Programmed) -> None:
    get = (
        '{ do = "get_backing_storage", buffer = "fb", on_error = "ignore" LEN }, { do = "set", cell = "c", value = 1 }'
    )
    settled = []
    for length in ("", ", len = 1"):
        made = programmed(one_task(get.replace("LEN", length)))

        def see(machine: Machine, watch: Watch) -> Callable[[], None]:
            return lambda: settled.append(machine.actors[0].settled) if watch.reached else None

        assert execute(made, Calm(), see=see) is not None
    last = [value for value in settled if isinstance(value, tuple) and value[:2] == (0, 1)]
    assert len(set(last)) == 2


# Any scenario ---------------------------------------------------------------------

BUFFER = st.sampled_from(["fb", "cam"])
MAPPING = st.sampled_from(["p", "q", "r"])
PAGE = st.integers(0, 2)
BYTES = st.sampled_from([0, 1, 4096, 8192, -4096, 2**64])
STEPS = st.one_of(
    st.fixed_dictionaries(
        {"do": st.just("get_backing_storage"), "buffer": BUFFER},
        optional={"start": BYTES, "len": BYTES, "on_error": st.sampled_from(["ignore", "unwind"])},
    ),
    st.fixed_dictionaries(
        {"do": st.just("put_backing_storage"), "buffer": BUFFER}, optional={"start": BYTES, "len": BYTES}
    ),
    st.fixed_dictionaries(
        {"do": st.sampled_from(["kmap", "kmap_atomic"]), "buffer": BUFFER, "page": PAGE, "as": MAPPING}
    ),
    st.fixed_dictionaries({"do": st.sampled_from(["kunmap", "kunmap_atomic"]), "at": MAPPING}),
    st.fixed_dictionaries({"do": st.sampled_from(["load", "store"]), "at": MAPPING, "word": st.integers(0, 1)}),
    st.fixed_dictionaries({"do": st.just("memcpy"), "from": MAPPING, "to": MAPPING}),
    st.fixed_dictionaries({"do": st.sampled_from(["lock", "unlock"]), "mutex": st.just("m")}),
    st.fixed_dictionaries({"do": st.just("set"), "cell": st.just("c"), "value": st.integers(0, 2)}),
    st.fixed_dictionaries(
        {"do": st.just("wait"), "cell": st.just("c"), "value": st.integers(0, 2)},
        optional={"is": st.sampled_from(["!=", "<=", ">"]), "interruptible": st.booleans()},
    ),
    st.fixed_dictionaries({"do": st.just("sleep"), "ticks": st.integers(1, 3)}),
    st.fixed_dictionaries(
        {"do": st.sampled_from(["dma_buf_get", "dma_buf_put", "swap_out", "reclaim"]), "buffer": BUFFER}
    ),
)
TASKS = st.lists(
    st.fixed_dictionaries(
        {"steps": st.lists(STEPS, min_size=1, max_size=6)},
        optional={"cpu": st.integers(0, 1), "kind": st.just("user"), "repeat": st.integers(1, 3)},
    ),
    min_size=1,
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "title": st.just("x"),
        "mutexes": st.just(["m"]),
        "cells": st.just({"c": 0}),
        "machine": st.fixed_dictionaries({"highmem": st.sampled_from([0, 4]), "kmap_slots": st.integers(1, 2)}),
        "buffers": st.fixed_dictionaries(
            {
                "fb": st.fixed_dictionaries(
                    {"pages": st.integers(1, 2), "exporter": st.sampled_from(["static", "swapping"])}
                ),
                "cam": st.fixed_dictionaries({"exporter": st.just("swapping"), "resident": st.booleans()}),
            }
        ),
        "tasks": TASKS.map(lambda tasks: [{"name": "abc"[index], **task} for index, task in enumerate(tasks)]),
        "environment": st.fixed_dictionaries(
            {}, optional={"enomem": st.just(1), "eintr": st.just(1), "kills": st.just(1)}
        ),
    }
)


def repaired(document: dict[str, Any]) -> Scenario:
    """The scenario without the steps that contradict the rest."""
    while True:
        scenario = msgspec.convert(document, Scenario)
        mistake = next(contradictions(scenario, DEFECTS, CODES), None)
        if mistake is None:
            return scenario
        _, task, _, step, *_ = mistake.path
        steps = document["tasks"][task]["steps"]
        steps[step] = {"do": "sleep", "ticks": 1}


@settings(deadline=None, max_examples=times(60, 20))
@given(DOCUMENTS, st.integers(0, 2**32))
def test_whatever_is_accepted_runs_and_settles_with_all_that_matters(document: dict[str, Any], seed: int) -> None:
    made = program(repaired(document), "x.toml")
    for strategy in (Calm(), RandomWalk(seed), RandomWalk(seed + 1)):
        done = run(made, strategy)
        assert done.stopped in {"ended", "deadlock"}
        assert "unhandled-exception" not in {finding.code for finding in done.findings}
        again = run(made, Replay(done.choices))
        assert again.trace == done.trace


@pytest.mark.unaudited
def test_a_reused_machine_is_as_new(programmed: Programmed) -> None:
    made = programmed(one_task(f'{HOLDS}, {{ do = "reclaim", buffer = "fb" }}'))
    machines = made.machines()
    first = machines()
    before = {name: thing.state() for name, thing in first.things.items()}
    from dmabuf_async.engine import inline

    inline.execute(first, RandomWalk(1))
    assert {name: thing.state() for name, thing in first.things.items()} != before
    assert machines() is first
    assert {name: thing.state() for name, thing in first.things.items()} == before


def test_the_verb_of_a_step_is_its_word_in_the_file() -> None:
    assert verb_of(Kunmap(at="p")) == "kunmap"
