"""Who drives the exporters: what a scenario asks them is kept, and where it asks nothing something is drawn."""

from __future__ import annotations

from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.verbs.exporter import Migrate, SwapOut
from tests.scenario.conftest import Parse
from tests.scenario.drawing.grounds import ground


def test_tasks_that_drive_the_exporter_are_kept_with_the_steps_that_do(parse: Parse) -> None:
    base = parse("""
        title = "driven"
        machine = { vram = 1 }
        cells = { go = 0 }
        [buffers.fb]
        exporter = "swapping"
        [[tasks]]
        name = "evictor"
        cpu = 1
        repeat = 3
        steps = [{ do = "wait", cell = "go", value = 1 }, { do = "swap_out", buffer = "fb" }]
        [[tasks]]
        name = "importer"
        steps = [{ do = "set", cell = "go", value = 1 }]
    """)
    kept = [task for seed in range(20) for task in drawn(base, Dice(seed)).tasks if task.name == "evictor"]
    assert len(kept) > 10
    assert all((task.cpu, task.repeat, task.steps) == (1, 3, [SwapOut(buffer="fb")]) for task in kept)


def test_where_nobody_drives_the_exporter_somebody_is_drawn_who_does() -> None:
    base = ground("migrating", "small")
    scenarios = [drawn(base, Dice(seed)) for seed in range(20)]
    driven = [one for one in scenarios if any(isinstance(step, Migrate) for task in one.tasks for step in task.steps)]
    assert len(driven) > 10
