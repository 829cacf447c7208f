"""What the parts of a scenario say about each other and cannot all be true: names that nothing has, a CPU too many."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from dmabuf_async.scenario import fields, schema
from dmabuf_async.scenario.attachments import attachments
from dmabuf_async.scenario.hints import Mistake, did_you_mean, listed, shown
from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.processes import processes, users
from dmabuf_async.scenario.properties import Misread, Names, property_of
from dmabuf_async.scenario.regions import regions, wrong_processes
from dmabuf_async.scenario.schema import Scenario, TaskSpec
from dmabuf_async.scenario.skips import wrong_skips
from dmabuf_async.scenario.verbs import device, exporter, kernel, locks
from dmabuf_async.scenario.verbs.base import Verb


def contradictions(
    scenario: Scenario, defects: Mapping[str, Collection[str]], codes: Collection[str]
) -> Iterator[Mistake]:
    """Every contradiction in a scenario whose types are right, by and large from top to bottom.

    ``defects`` and ``codes`` are as of :func:`~dmabuf_async.scenario.load.load_scenario`.
    """
    yield from _defects(("machine",), scenario.machine.defects, defects["core"], "the kernel's core")
    yield from _buffers(scenario, defects)
    yield from _room(scenario)
    for key in ("evictions", "prefetches"):
        if getattr(scenario.environment, key) and scenario.machine.coherent:
            yield Mistake(
                ("environment", key),
                "on a coherent machine nobody can tell what the cache does; set coherent = false under [machine], or "
                "drop this key",
            )
    if scenario.environment.tlb_fills and not processes(scenario):
        yield Mistake(
            ("environment", "tlb_fills"),
            'TLBs are filled from the page tables of user processes, and there is none; let a task do = "mmap", or '
            "drop this key",
        )
    for name, spec in scenario.devices.items():
        yield from _defects(("devices", name), spec.defects, defects["device"], "a device")
    yield from _twice(((kind,), index, name) for kind, names in _locks(scenario) for index, name in enumerate(names))
    yield from _twice((("tasks", index), "name", task.name) for index, task in enumerate(scenario.tasks))
    for index, task in enumerate(scenario.tasks):
        yield from _task(scenario, ("tasks", index), task, defects["cpu"])
    yield from wrong_processes(scenario)
    for index, code in enumerate(scenario.expect.findings):
        if code not in codes:
            hint = did_you_mean(code, codes, f"the codes are {listed(codes)}")
            yield Mistake(("expect", "findings", index), f"there is no finding {shown(code)}; {hint}")
    for index, witness in enumerate(scenario.expect.sometimes):
        yield from _witness(scenario, ("expect", "sometimes", index), witness)
    names = Names(
        cells=scenario.cells,
        buffers={name: spec.pages for name, spec in scenario.buffers.items()},
        locks=(*scenario.mutexes, *scenario.spinlocks),
        rwsems=scenario.rwsems,
    )
    for key in ("always", "eventually"):
        for index, text in enumerate(getattr(scenario.expect, key)):
            try:
                property_of(text).check(names)
            except Misread as error:
                yield Mistake(("expect", key, index), str(error))


def _twice(names: Iterator[tuple[KeyPath, str | int, str]]) -> Iterator[Mistake]:
    seen = set()
    for path, key, name in names:
        if name in seen:
            yield Mistake((*path, key), f"the name {shown(name)} is taken; give each a name of its own")
        seen.add(name)


def _locks(scenario: Scenario) -> tuple[tuple[str, list[str]], ...]:
    """The locks of each kind: they share one space of names, for reports name them without their kind."""
    return (("mutexes", scenario.mutexes), ("spinlocks", scenario.spinlocks), ("rwsems", scenario.rwsems))


# Buffers -----------------------------------------------------------------------


def _buffers(scenario: Scenario, defects: Mapping[str, Collection[str]]) -> Iterator[Mistake]:
    for name, spec in scenario.buffers.items():
        path: KeyPath = ("buffers", name)
        yield from _defects(path, spec.defects, defects[spec.exporter], f"the {spec.exporter} exporter")
        yield from _options(path, spec)


def _options(path: KeyPath, spec: schema.BufferSpec) -> Iterator[Mistake]:
    """Keys of a buffer that its exporter has no use for."""
    if spec.exporter != "swapping":
        for key, must in (("resident", "be resident"), ("populated", "be populated")):
            if not getattr(spec, key):
                yield Mistake(
                    (*path, key),
                    f"the {spec.exporter} exporter never swaps, so its buffer must {must}; make it exporter = "
                    '"swapping", or drop this key',
                )
    else:
        if not spec.resident and not spec.populated:
            yield Mistake(
                (*path, "populated"),
                "the buffer starts swapped out, and what is nowhere is not in swap; drop this key, or resident",
            )
        if spec.zone == "vram":
            yield Mistake(
                (*path, "zone"),
                'the swapping exporter takes its frames from "lowmem" or "highmem"; take one of these, or make it '
                'exporter = "migrating"',
            )
    if spec.exporter == "static":
        for key, usual in (("fault", "wait"), ("guard", "lock"), ("parallel_copy", False)):
            if getattr(spec, key) != usual:
                yield Mistake(
                    (*path, key),
                    'the static exporter never moves its storage; make it exporter = "swapping" or "migrating", or '
                    "drop this key",
                )


def _defects(path: KeyPath, named: list[str], known: Collection[str], whose: str) -> Iterator[Mistake]:
    for index, defect in enumerate(named):
        if defect not in known:
            hint = did_you_mean(defect, known, f"it has {listed(known)}")
            yield Mistake((*path, "defects", index), f"{whose} has no defect {shown(defect)}; {hint}")


def _room(scenario: Scenario) -> Iterator[Mistake]:
    """Storage that the buffers need before anything runs, and that the machine doesn't have."""
    machine = scenario.machine
    sizes = {"ram": machine.ram, "highmem": machine.highmem, "vram": machine.vram, "swap": machine.swap}
    left = dict(sizes)
    for name, spec in scenario.buffers.items():
        if not spec.populated:
            continue
        key = "swap" if not spec.resident else "ram" if spec.zone_on(machine) == "lowmem" else spec.zone_on(machine)
        if spec.pages > left[key]:
            unit, of = ("slot", "swap") if key == "swap" else ("frame", "lowmem" if key == "ram" else key)
            others = f", of which other buffers have {sizes[key] - left[key]}" if left[key] < sizes[key] else ""
            needs = f"{spec.pages} {unit}{'s' * (spec.pages > 1)} of {of}"
            enough = sizes[key] - left[key] + spec.pages
            yield Mistake(
                ("buffers", name),
                f"it needs {needs}, and the machine has {sizes[key]}{others}; under [machine] set {key} = {enough} or "
                "more, or make the buffer smaller",
            )
        left[key] -= min(spec.pages, left[key])


# Tasks -------------------------------------------------------------------------


class _Mapped(NamedTuple):
    """A mapping of a task, as its steps are read in order."""

    made: int
    """The step that makes it."""
    atomic: bool
    ended: int | None = None
    """The step that unmapped it."""


def _task(scenario: Scenario, path: KeyPath, task: TaskSpec, known: Collection[str]) -> Iterator[Mistake]:
    if task.cpu >= scenario.machine.cpus:
        yield Mistake((*path, "cpu"), _no_cpu(scenario, task.cpu))
    yield from _defects(path, task.defects, known, "a task, which is the CPU importer,")
    services = {_service(step) for one in scenario.tasks for step in one.steps if exporter.asks_service(step)}
    if task.name in services:
        verb = task.name.partition("-")[0]
        yield Mistake((*path, "name"), f"{shown(task.name)} is the {verb} task of a buffer; call this task otherwise")
    if task.name in {f"{name}-revoke" for name in scenario.devices}:
        yield Mistake((*path, "name"), f"{shown(task.name)} is the task of a device's driver; call this task otherwise")
    for index, step in enumerate(task.steps):
        yield from _step(scenario, (*path, "steps", index), step)
    yield from _mappings(path, task, regions(scenario).get(task.name, {}))
    yield from attachments(scenario, path, task)
    yield from wrong_skips(path, task)


_NEVER = {"migrating": "has nothing to do with VRAM", "swapping": "has nothing to do with swap"}


def _service(step: exporter.Reclaim | exporter.Migrate) -> str:
    """The name of the service task that a step asks."""
    return f"{'reclaim' if isinstance(step, exporter.Reclaim) else 'migrate'}-{step.buffer}"


def _step(scenario: Scenario, path: KeyPath, step: Verb) -> Iterator[Mistake]:
    for key, kind, names in (
        ("buffer", "buffer", scenario.buffers),
        ("device", "device", scenario.devices),
        ("mutex", "mutex", scenario.mutexes),
        ("spinlock", "spinlock", scenario.spinlocks),
        ("rwsem", "rwsem", scenario.rwsems),
        ("cell", "cell", scenario.cells),
    ):
        name = getattr(step, key, None)
        if name is not None and name not in names:
            other = next((word for word, among in KINDS.items() if name in getattr(scenario, among)), None)
            hint = _declare(key, name, names) if other is None else f"that is a {other}; {VERBS[other]}"
            yield Mistake((*path, key), f"there is no {kind} {shown(name)}; {hint}")
    if isinstance(step, locks.SmpCallFunction) and step.cpu >= scenario.machine.cpus:
        yield Mistake((*path, "cpu"), _no_cpu(scenario, step.cpu))
    if isinstance(step, exporter.SwapOut | exporter.Reclaim | exporter.Migrate):
        spec = scenario.buffers.get(step.buffer)
        wanted = "migrating" if isinstance(step, exporter.Migrate) else "swapping"
        if spec is not None and spec.exporter != wanted:
            never = "never moves its storage" if spec.exporter == "static" else _NEVER[wanted]
            yield Mistake(
                (*path, "buffer"),
                f"the exporter of buffer {shown(step.buffer)} is {spec.exporter} and {never}; "
                f'make it exporter = "{wanted}", or drop the step',
            )
    words = scenario.machine.words
    if (
        isinstance(step, kernel.Load | kernel.Store | device.DmaRead | device.DmaWrite)
        and step.word is not None
        and step.word >= words
    ):
        has = "only word 0" if words == 1 else f"words 0 to {words - 1}"
        yield Mistake(
            (*path, "word"),
            f"a page has {has}, found {step.word}; take one that it has, or set words = {step.word + 1} "
            "under [machine]",
        )
    for key in ("start", "offset", "len"):
        value = getattr(step, key, None)
        if value is not None and not fields.BYTES_MIN <= value <= fields.BYTES_MAX:
            yield Mistake((*path, key), f"expected a number of bytes from -2**63 to 2**64, found {shown(value)}")


KINDS: Final = {"mutex": "mutexes", "spinlock": "spinlocks", "rwsem": "rwsems"}
VERBS: Final = {
    "mutex": 'take it with do = "lock"',
    "spinlock": 'take it with do = "spin_lock"',
    "rwsem": 'take it with do = "down_read" or "down_write"',
}


def _no_cpu(scenario: Scenario, cpu: int) -> str:
    cpus = scenario.machine.cpus
    has = "only cpu 0" if cpus == 1 else f"cpus 0 to {cpus - 1}"
    return f"the machine has {has}, found {cpu}; take one that it has, or set cpus = {cpu + 1} under [machine]"


def _declare(key: str, name: str, names: Collection[str]) -> str:
    declaration = {
        "buffer": f"[buffers.{name}]",
        "device": f"[devices.{name}]",
        "mutex": f'mutexes = ["{name}"]',
        "spinlock": f'spinlocks = ["{name}"]',
        "rwsem": f'rwsems = ["{name}"]',
        "cell": f"{name} = 0 under [cells]",
    }
    otherwise = f"declare it with {declaration[key]}" + (f", or take {listed(names)}" if names else "")
    return did_you_mean(name, names, otherwise)


def _mappings(path: KeyPath, task: TaskSpec, mmapped: Collection[str]) -> Iterator[Mistake]:
    """Kernel mappings that steps name before they exist, after they have gone, or twice; ``mmapped`` are none."""
    mapped: dict[str, _Mapped] = {}
    for index, step in enumerate(task.steps):
        here = (*path, "steps", index)
        if isinstance(step, kernel.Kmap | kernel.KmapAtomic):
            old = mapped.get(step.as_)
            if old is not None and old.ended is None:
                yield Mistake(
                    (*here, "as"),
                    f"the mapping {shown(step.as_)} of steps[{old.made}] is still there; unmap it first, or give this "
                    "one another name",
                )
            mapped[step.as_] = _Mapped(index, isinstance(step, kernel.KmapAtomic))
            if step.as_ in mmapped:
                yield Mistake(
                    (*here, "as"), f"the process maps something as {shown(step.as_)} with mmap; take another name"
                )
        for key, name in _uses(step, mmapped):
            found = mapped.get(name)
            if found is None or found.ended is not None:
                yield Mistake((*here, key), _missing(task, index, name, mapped))
            elif isinstance(step, kernel.Kunmap | kernel.KunmapAtomic):
                if found.atomic != isinstance(step, kernel.KunmapAtomic):
                    verbs = ("kmap_atomic", "kunmap_atomic") if found.atomic else ("kmap", "kunmap")
                    yield Mistake(
                        (*here, "do"),
                        f"the mapping {shown(name)} was made by {verbs[0]} in steps[{found.made}]; "
                        f'unmap it with do = "{verbs[1]}"',
                    )
                mapped[name] = found._replace(ended=index)
    for name, left in mapped.items():
        if left.ended is None and task.repeat > 1:
            yield Mistake(
                (*path, "steps", left.made, "as"),
                f"the mapping {shown(name)} is still there when the steps are repeated, and is made again; unmap it in "
                "the last step, or set repeat = 1",
            )


def _uses(step: Verb, mmapped: Collection[str]) -> Iterator[tuple[str, str]]:
    """The keys under which a step names kernel mappings that exist, with the names."""
    match step:
        case kernel.Load() | kernel.Store() if step.at in mmapped:
            pass
        case kernel.Memcpy():
            yield from (("from", step.from_), ("to", step.to))
        case kernel.Load() | kernel.Store() | kernel.Kunmap() | kernel.KunmapAtomic():
            yield "at", step.at
        case _:
            pass


def _missing(task: TaskSpec, index: int, name: str, mapped: Mapping[str, _Mapped]) -> str:
    gone = mapped.get(name)
    if gone is not None:
        return f"the mapping {shown(name)} was unmapped in steps[{gone.ended}]; map the page again, or drop the step"
    for later, step in enumerate(task.steps[index:], index):
        if isinstance(step, kernel.Kmap | kernel.KmapAtomic) and step.as_ == name:
            return f"the mapping {shown(name)} is made only later, in steps[{later}]; map the page first"
    live = [other for other, one in mapped.items() if one.ended is None]
    hint = did_you_mean(
        name,
        live,
        f'map a page first: {{ do = "kmap", buffer = "...", as = {shown(name)} }}, or the buffer with "mmap"',
    )
    return f"the task {shown(task.name)} has no mapping {shown(name)}; {hint}"


# Witnesses ---------------------------------------------------------------------


def _witness(scenario: Scenario, path: KeyPath, witness: str) -> Iterator[Mistake]:
    name, step = schema.split_witness(witness)
    task = next((task for task in scenario.tasks if task.name == name), None)
    if task is None:
        names = [task.name for task in scenario.tasks]
        yield Mistake(
            path, f"there is no task {shown(name)}; {did_you_mean(name, names, f'there are {listed(names)}')}"
        )
    elif step.isdecimal():
        if str(step) not in map(str, range(1, len(task.steps) + 1)):
            yield Mistake(path, f"the task {shown(name)} has the steps 1 to {len(task.steps)}, found {step[:20]}")
    else:
        words = [*dict.fromkeys(str(one.__struct_config__.tag) for one in task.steps), *_ways_out(scenario, task)]
        if step not in words:
            hint = did_you_mean(step, words, f"it has {listed(words)}, and numbers from 1")
            yield Mistake(path, f"the task {shown(name)} has no step {shown(step)}; {hint}")


def _ways_out(scenario: Scenario, task: TaskSpec) -> Iterator[str]:
    if any(getattr(step, "on_error", "") == "unwind" for step in task.steps):
        yield "error"
    if task.name in users(scenario):
        yield "exit"
        if scenario.environment.kills:
            yield "kill"
