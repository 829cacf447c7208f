"""A scenario written out for people, what it leaves to defaults too."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.ops import told
from dmabuf_async.report.lanes import printable
from dmabuf_async.report.lines import Line, Style
from dmabuf_async.scenario.processes import users
from dmabuf_async.trace.schedule import digest_text

if TYPE_CHECKING:
    from dmabuf_async.machine.sizes import Sizes
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.scenario.schema import BufferSpec, DeviceSpec, MachineSizes, Scenario, TaskSpec

_KEY: Final = 13
_WIDEST: Final = 100
_QUIET: Final = {
    "start": 0, "offset": 0, "len": None, "interruptible": False, "write": True, "shared": True, "word": None,
    "engine": 0, "by": "task",
}  # fmt: skip
"""Keys of steps that are not worth a word with these values."""


def of_file(program: Program, scenario: Scenario, width: int) -> list[Line]:
    """A scenario file."""
    page = _Page(width)
    page.head(program, f"rules {scenario.rules}")
    page.add("machine", _machine(program.sizes))
    page.add("buffers", *(_buffer(name, spec, scenario.machine) for name, spec in scenario.buffers.items()))
    for name, spec in scenario.buffers.items():
        page.add("", *_defects(name, spec.exporter, spec.defects))
    page.add("", *_defects("the kernel's core", "core", scenario.machine.defects))
    page.add("devices", *(_device(name, device) for name, device in scenario.devices.items()))
    for name, device in scenario.devices.items():
        page.add("", *_defects(name, "device", device.defects))
    page.add("cells", *(f"{name} = {value}" for name, value in scenario.cells.items()))
    page.add("mutexes", *scenario.mutexes)
    members = users(scenario)
    for key, task in zip(_keys("tasks"), scenario.tasks, strict=False):
        page.add(key, _task(task, task.name in members))
        page.add("", *(f"  {number:>3}  {_step(step)}" for number, step in enumerate(task.steps, 1)))
        page.add("", *_defects(task.name, "cpu", task.defects))
    page.foot(program)
    return page.lines


def of_python(program: Program, width: int) -> list[Line]:
    """A scenario written in Python: what it makes; what its tasks do, only the file can tell."""
    page = _Page(width)
    page.head(program, "written in Python")
    machine = program.machines()()
    page.add("machine", _machine(program.sizes))
    for key, buffer in zip(_keys("buffers"), machine.buffers.values(), strict=False):
        exporter = getattr(buffer.exporter, "name", None)
        page.add(key, f"{buffer.name}: {_many(len(buffer.pages), 'page')}, {exporter or 'no'} exporter")
    shared = machine.things.values()
    page.add("cells", *(f"{cell.name} = {told(cell.value)}" for cell in shared if isinstance(cell, Cell)))
    page.add("mutexes", *(mutex.name for mutex in shared if isinstance(mutex, Mutex)))
    page.add("devices", *(f"{one.name}: {_many(len(one.engines), 'engine')}" for one in machine.devices.values()))
    for key, actor in zip(_keys("tasks"), machine.actors, strict=False):
        kind = "a daemon" if actor.daemon else "a user process" if actor.user else "a kernel task"
        where = actor.cpu.name.replace("cpu", "cpu ") if actor.cpu else "cpu ?"
        page.add(key, f"{actor.name}: {kind} on {where}")
    page.foot(program)
    return page.lines


class _Page:
    def __init__(self, width: int) -> None:
        self.lines: list[Line] = []
        self._width = max(50, min(width, _WIDEST))

    def head(self, program: Program, kind: str) -> None:
        self._wrap(program.title, "head")
        self._wrap(f"{program.name}, {kind}, digest {digest_text(program.digest)}", "dim")
        for paragraph in program.story.strip().split("\n\n"):
            if paragraph.strip():
                self.lines.append(Line("", "plain"))
                self._wrap(paragraph, "plain", "  ")
        self.lines.append(Line("", "plain"))

    def foot(self, program: Program) -> None:
        sizes = program.sizes
        faults = [
            _many(count, kind)
            for count, kind in (
                (sizes.enomem, "failed allocation"),
                (sizes.eintr, "interrupted wait"),
                (sizes.kills, "killed process"),
            )
            if count
        ]
        self.add("environment", *([f"in one execution at most {', '.join(faults)}"] if faults else []))
        wanted = " or ".join(program.findings)
        self.add("expects", f"{wanted}, and no other finding" if wanted else "that nothing is found")
        self.add("", *(f"that some execution shows: {witness}" for witness in program.sometimes))
        self.add("", *(f"that in every state {one.text}" for one in program.always))
        self.add("", *(f"that every fair execution comes to {one.text}" for one in program.eventually))

    def add(self, key: str, *values: str) -> None:
        """One entry a value; the key before the first."""
        for value in values:
            text = printable(value)
            hang = " " * (_KEY + len(text) - len(text.lstrip()) + 2)
            wrapped = textwrap.wrap(
                text, self._width, initial_indent=f"{key:{_KEY}}", subsequent_indent=hang, break_on_hyphens=False
            )
            self.lines += [Line(line, "plain") for line in wrapped]
            key = ""

    def _wrap(self, text: str, style: Style, indent: str = "") -> None:
        told = printable(" ".join(text.split()))
        lines = textwrap.wrap(
            told, self._width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        self.lines += [Line(line, style) for line in lines]


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _keys(first: str) -> Iterator[str]:
    yield first
    while True:
        yield ""


def _machine(sizes: Sizes) -> str:
    frames = f"{sizes.ram} frames of lowmem, {sizes.highmem or 'none'} of highmem"
    if sizes.vram:
        frames += f", {sizes.vram} of vram{'' if sizes.cpu_visible else ' that CPUs cannot reach'}"
    return (
        f"{_many(sizes.cpus, 'cpu')}, {frames}, {_many(sizes.swap, 'swap slot')}, "
        f"{_many(sizes.kmap_slots, 'kmap slot')}, {_many(sizes.words, 'word')} a page"
    )


def _buffer(name: str, spec: BufferSpec, machine: MachineSizes) -> str:
    zone = spec.zone_on(machine)
    where = (
        f"of {zone}, not there yet"
        if not spec.populated
        else f"in {zone}"
        if spec.resident
        else f"of {zone}, swapped out"
    )
    how = [
        words
        for words, told in (
            ("faults retry", spec.fault == "retry"),
            ("a flag guards moves", spec.guard == "flag"),
            ("pages are copied in parallel", spec.parallel_copy),
        )
        if told
    ]
    return ", ".join((f"{name}: {_many(spec.pages, 'page')} {where}", f"{spec.exporter} exporter", *how))


def _device(name: str, device: DeviceSpec) -> str:
    lets_go = {"at once": "lets go at once", "later": "lets go later", "cannot": "cannot let go"}[device.revoke]
    reaches = "" if device.vram else ", does not reach vram"
    return f"{name}: {_many(device.engines, 'engine')}, {lets_go}{reaches}"


def _defects(owner: str, driver: str, names: list[str]) -> list[str]:
    return [f"  {owner} has the defect {name}: {DEFECTS[driver][name]}" for name in names]


def _task(task: TaskSpec, user: bool) -> str:
    rounds = "" if task.repeat == 1 else f", {task.repeat} rounds of"
    kind = f"a thread of {task.thread_of}" if task.thread_of else "a user process" if user else "a kernel task"
    return f"{task.name}: {kind} on cpu {task.cpu}{rounds}"


def _step(step: Any) -> str:
    told: dict[str, Any] = msgspec.to_builtins(step)
    verb = told.pop("do")
    usual = {field.encode_name: field.default for field in msgspec.structs.fields(step)}
    words = (
        f"{key} {str(value).lower() if isinstance(value, bool) else value}"
        for key, value in told.items()
        if not (key in _QUIET and value == _QUIET[key]) and not (key == "on_error" and value == usual[key])
    )
    return f"{verb:20} {', '.join(words)}".rstrip()


def _many(count: int, thing: str) -> str:
    plural = thing if count == 1 else f"{thing}es" if thing.endswith("ss") else f"{thing}s"
    return f"{count or 'no'} {plural}"
