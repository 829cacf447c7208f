"""Drawn importers keep the rules: right exporters are never accused, and each thing that may be drawn is drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.generating import decide
from dmabuf_async.scenario.build import program
from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.load import load_scenario
from dmabuf_async.scenario.processes import users
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.writing import toml
from dmabuf_async.strategies import catalogue
from tests.effort import times
from tests.scenario.conftest import Parse
from tests.scenario.drawing.grounds import KINDS, ground
from tests.scenario.drawing.test_draws import Zeros

RIGHT = [
    path
    for path in sorted(Path("scenarios").rglob("*.toml"))
    if "large" not in path.parts
    and not (read := load_scenario(path, defects=DEFECTS, codes=CODES)).expect.findings
    and read.buffers
]
DRAWN_WITHOUT_HELP = {"get_backing_storage", "kmap", "kmap_atomic", "load", "store", "memcpy", "dma_buf_get", "attach"}
DRAWN_WITHOUT_HELP |= {"dma_read", "dma_write", "dma_wait", "mmap", "munmap", "mremap", "mprotect", "fork"}
DRAWN_WITHOUT_HELP |= {"unmap_dma_buf", "detach", "put_backing_storage", "kunmap", "kunmap_atomic", "dma_buf_put"}


def found(scenario: Scenario, *, executions: int = 10) -> list[str]:
    """The codes of what a few executions show; where memory is short, buffers may be swapped for ever in one."""
    strategy = catalogue.strategy("portfolio", 0)
    result = perform(decide(program(scenario, "drawn"), strategy, executions=executions, max_steps=3000))
    return [failure.finding.code for failure in result.failures]


@pytest.mark.unaudited
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exporter", ["static", "swapping", "migrating"])
def test_a_right_exporter_is_never_accused(exporter: str, kind: str) -> None:
    base = ground(exporter, kind)
    for seed in range(times(10, 3)):
        assert found(drawn(base, Dice(seed))) == [], f"seed {seed}"


@pytest.mark.unaudited
@pytest.mark.parametrize("path", RIGHT, ids=str)
def test_no_right_scenario_of_the_catalogue_has_an_exporter_that_is_accused(path: Path) -> None:
    base = load_scenario(path, defects=DEFECTS, codes=CODES)
    for seed in range(times(2, 1)):
        assert found(drawn(base, Dice(seed)), executions=5) == [], f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exporter", ["static", "swapping", "migrating"])
def test_what_is_drawn_is_a_scenario_file(exporter: str, kind: str, parse: Parse) -> None:
    base = ground(exporter, kind)
    for seed in range(times(40, 10)):
        scenario = drawn(base, Dice(seed))
        assert parse(toml(scenario)) == scenario


def test_everything_that_importers_may_do_is_drawn() -> None:
    base = ground("migrating", "two pages and slots")
    seen: Counter[str] = Counter()
    for seed in range(200):
        scenario = drawn(base, Dice(seed))
        seen.update(str(step.__struct_config__.tag) for task in scenario.tasks for step in task.steps)
        seen.update("thread" for task in scenario.tasks if task.thread_of)
        seen.update("repeat" for task in scenario.tasks if task.repeat > 1)
        seen.update(f"revoke {spec.revoke}" for spec in scenario.devices.values())
        seen.update("stricter" for spec in scenario.devices.values() if not spec.vram)
    wanted = DRAWN_WITHOUT_HELP | {"migrate", "thread", "repeat", "stricter"}
    wanted |= {"revoke at once", "revoke later", "revoke cannot"}
    assert wanted - set(seen) == set()


def test_the_simplest_draws_make_the_simplest_scenario() -> None:
    scenario = drawn(ground("migrating", "small"), Zeros())
    (task,) = scenario.tasks
    assert [step.__struct_config__.tag for step in task.steps] == ["get_backing_storage", "put_backing_storage"]
    assert not scenario.devices


def test_defects_of_exporters_and_core_stay_and_those_of_importers_do_not(parse: Parse) -> None:
    base = parse("""
        title = "of each"
        machine = { defects = ["no-tlb-flush"] }
        [buffers.fb]
        defects = ["no-flush"]
        [devices.gpu]
        defects = ["no-dma-wait"]
        engines = 2
        [[tasks]]
        name = "importer"
        defects = ["skip-get"]
        steps = [{ do = "attach", device = "gpu", buffer = "fb", as = "a" }, { do = "detach", at = "a" }]
    """)
    devices = set()
    for seed in range(40):
        scenario = drawn(base, Dice(seed))
        assert scenario.machine == base.machine
        assert all(spec == base.buffers[name] for name, spec in scenario.buffers.items())
        assert not any(task.defects for task in scenario.tasks)
        devices |= {(name, spec.engines, tuple(spec.defects)) for name, spec in scenario.devices.items()}
    assert devices == {("gpu", 2, ())}


def test_tlbs_are_not_filled_where_no_process_maps_anything() -> None:
    base = ground("static", "small")
    base = msgspec.structs.replace(base, environment=msgspec.structs.replace(base.environment, tlb_fills=2))
    fills = {(bool(users(one)), one.environment.tlb_fills) for one in (drawn(base, Dice(seed)) for seed in range(40))}
    assert (False, 0) in fills
    assert (True, 2) in fills


def test_what_has_no_buffer_has_no_exporter(parse: Parse) -> None:
    base = parse('title = "x"\n[[tasks]]\nname = "one"\nsteps = [{ do = "sleep", ticks = 1 }]')
    with pytest.raises(ScenarioError, match="no buffer"):
        drawn(base, Dice(0))
