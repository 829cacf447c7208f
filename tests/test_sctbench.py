"""Each of the programs with a bug has it, and only under some schedules."""

from __future__ import annotations

import pytest

from benchmarks.sctbench import BUGS
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.brute import brute, program_of

pytestmark = pytest.mark.unaudited  # they are many


@pytest.mark.parametrize("name", BUGS)
def test_a_random_walk_finds_the_bug_and_does_not_always(name: str) -> None:
    build, code = BUGS[name]
    machines, walk = program_of(build).machines(), RandomWalk()
    shown = []
    for index in range(400):
        machine = machines()
        watch = Watch(machine, CHECKERS)
        inline.execute(machine, walk, watch=watch, index=index)
        shown.append({finding.code for finding in watch.findings if finding.primary})
    assert any(code in codes for codes in shown)
    assert any(code not in codes for codes in shown)
    assert {one for codes in shown for one in codes} - {"lock-order"} == {code}


@pytest.mark.parametrize("name", ["account", "bluetooth_driver", "deadlock01", "lazy01", "twostage", "reorder_3"])
def test_brute_force_finds_the_bug_in_some_class_and_in_others_not(name: str) -> None:
    build, code = BUGS[name]
    found = brute(build, checkers=CHECKERS)
    assert found is not None
    guilty = [any(one.code == code for one in primary) for shown in found.shown.values() for _, primary in shown]
    assert 0 < sum(guilty) < len(guilty)
