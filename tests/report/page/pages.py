"""Pages for tests, and a scenario with names that should not be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dmabuf_async.explore.execution import Execution, execute
from dmabuf_async.explore.recording import record
from dmabuf_async.explore.replaying import replay
from dmabuf_async.explore.why import why
from dmabuf_async.machine.machine import Machine
from dmabuf_async.report.page.steps import Steps
from dmabuf_async.report.page.whole import Words, page
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.calm import Calm

ROOT: Final = Path(__file__).parents[3]
PINS_IGNORED: Final = "scenarios/pin/pins-ignored.toml", "dba1:e55g.v3002g"
EVIL: Final = "</script><img src=x onerror=document.title='broken'><!--\"'&"


def shown(name: str, schedule: str) -> tuple[Program, Execution]:
    """The execution of a schedule; the calm one, if there is none."""
    program = catalogue.load(str(ROOT / name))
    execution = replay(program, schedule) if schedule else execute(program, Calm())
    assert execution is not None
    return program, execution


def steps_of(name: str, schedule: str) -> Steps:
    program, execution = shown(name, schedule)
    finding = execution.primary[0]
    reason = why(program, execution, finding)
    return Steps(execution.trace, record(program, execution).arrows, finding, reason)


def made(program: Program, execution: Execution, words: Words) -> str:
    finding = execution.primary[0] if execution.primary else None
    reason = None if finding is None else why(program, execution, finding)
    return page(record(program, execution), finding, reason, words)


def page_of(name: str, schedule: str = "") -> str:
    program, execution = shown(name, schedule)
    words = Words(name, program.title, "a verdict", f"dmabuf-async replay {name} {schedule}", "dmabuf-async pass")
    return made(program, execution, words)


def evil_page() -> str:
    """Of a scenario in which whatever has a name has that one."""

    def build(machine: Machine) -> None:
        lock, cell = machine.mutex(f"lock {EVIL}"), machine.cell(f"cell {EVIL}", EVIL)

        async def act() -> None:
            await lock.lock()
            await cell.store(EVIL)
            await lock.unlock()
            raise ValueError(EVIL)

        machine.task(f"one {EVIL}", act, cpu=0)
        machine.task(f"two {EVIL}", act, cpu=1)

    program = from_function(build)
    execution = execute(program, Calm())
    assert execution is not None
    return made(program, execution, Words(EVIL, EVIL, EVIL, EVIL, EVIL))
