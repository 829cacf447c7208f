"""Contradictions about devices in a task: attachments and transfers that it names and does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dmabuf_async.scenario.hints import Mistake, did_you_mean, shown
from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.schema import Scenario, TaskSpec
from dmabuf_async.scenario.verbs import device
from dmabuf_async.scenario.verbs.base import Verb


@dataclass
class _Held:
    """What a task has, as its steps are read in order: each name with the step that made it."""

    attached: dict[str, tuple[int, device.Attach]] = field(default_factory=dict)
    mapped: dict[str, int] = field(default_factory=dict)
    started: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The step, and the attachment."""


def attachments(scenario: Scenario, path: KeyPath, task: TaskSpec) -> Iterator[Mistake]:
    """What the steps of ``task`` say about devices and cannot all be true.

    To unmap while a transfer is in flight, or to end with something left, is a thing to simulate and no contradiction.
    """
    held = _Held()
    for index, step in enumerate(task.steps):
        yield from _step(scenario, (*path, "steps", index), held, index, step)
    if task.repeat > 1:
        for kind, names in (("attachment", held.attached), ("transfer", held.started)):
            for name, (made, _) in names.items():
                end = "detach it" if kind == "attachment" else "wait for it"
                yield Mistake(
                    (*path, "steps", made, "as"),
                    f"the {kind} {shown(name)} is still there when the steps are repeated, and is made again; "
                    f"{end} before, or set repeat = 1",
                )


def _step(scenario: Scenario, here: KeyPath, held: _Held, index: int, step: Verb) -> Iterator[Mistake]:
    match step:
        case device.Attach():
            yield from _attach(here, held, step)
            held.attached[step.as_] = (index, step)
        case device.DmaWait():
            if held.started.pop(step.for_, None) is None:
                first = f'start one first: {{ do = "dma_read", as = {shown(step.for_)}, ... }}'
                hint = did_you_mean(step.for_, held.started, first)
                yield Mistake((*here, "for"), f"no transfer {shown(step.for_)} is in flight; {hint}")
        case device.Detach() | device.MapDmaBuf() | device.UnmapDmaBuf() | device.DmaRead() | device.DmaWrite():
            if step.at in held.attached:
                yield from _use(scenario, here, held, index, step)
            else:
                first = f'attach a device first: {{ do = "attach", as = {shown(step.at)}, ... }}'
                hint = did_you_mean(step.at, held.attached, first)
                yield Mistake((*here, "at"), f"there is no attachment {shown(step.at)} here; {hint}")
        case _:
            pass


def _attach(here: KeyPath, held: _Held, step: device.Attach) -> Iterator[Mistake]:
    if step.as_ in held.attached:
        yield Mistake(
            (*here, "as"),
            f"the attachment {shown(step.as_)} of steps[{held.attached[step.as_][0]}] is still there; detach it first, "
            "or give this one another name",
        )


def _use(
    scenario: Scenario,
    here: KeyPath,
    held: _Held,
    index: int,
    step: device.Detach | device.MapDmaBuf | device.UnmapDmaBuf | device.DmaRead | device.DmaWrite,
) -> Iterator[Mistake]:
    """A step that names an attachment which is there."""
    name, mapped = step.at, held.mapped.get(step.at)
    match step:
        case device.MapDmaBuf():
            if mapped is not None:
                yield Mistake(
                    (*here, "at"),
                    f"{shown(name)} is mapped since steps[{mapped}]; unmap it first, or drop the step",
                )
            held.mapped[name] = index
        case device.Detach():
            yield from _detach(here, held, name)
        case _ if mapped is None:
            how = f'{{ do = "map_dma_buf", at = {shown(name)}, ... }}'
            yield Mistake((*here, "at"), f"{shown(name)} is not mapped here; map it first: {how}")
        case device.UnmapDmaBuf():
            del held.mapped[name]
        case _:
            yield from _transfer(scenario, here, held, step)
            held.started[step.as_] = (index, name)


def _detach(here: KeyPath, held: _Held, name: str) -> Iterator[Mistake]:
    if held.mapped.pop(name, None) is not None:
        yield Mistake(
            (*here, "at"),
            f"{shown(name)} is still mapped here; unmap it first, or take the defect "
            '"detach-while-mapped" of the device',
        )
    for transfer, (made, at) in held.started.items():
        if at == name:
            yield Mistake(
                (*here, "at"),
                f"the transfer {shown(transfer)} of steps[{made}] has not been waited for; wait for it first",
            )
    del held.attached[name]


def _transfer(
    scenario: Scenario, here: KeyPath, held: _Held, step: device.DmaRead | device.DmaWrite
) -> Iterator[Mistake]:
    if step.as_ in held.started:
        yield Mistake(
            (*here, "as"),
            f"the transfer {shown(step.as_)} of steps[{held.started[step.as_][0]}] has not been waited for; "
            "wait for it first, or give this one another name",
        )
    attach = held.attached[step.at][1]
    spec, buffer = scenario.devices.get(attach.device), scenario.buffers.get(attach.buffer)
    if spec is not None and step.engine >= spec.engines:
        has = "only engine 0" if spec.engines == 1 else f"engines 0 to {spec.engines - 1}"
        yield Mistake(
            (*here, "engine"),
            f"the device {shown(attach.device)} has {has}, found {step.engine}; take one that it has, or set "
            f"engines = {step.engine + 1} under [devices.{attach.device}]",
        )
    if buffer is not None and step.page >= buffer.pages:
        has = "only page 0" if buffer.pages == 1 else f"pages 0 to {buffer.pages - 1}"
        yield Mistake(
            (*here, "page"),
            f"the buffer {shown(attach.buffer)} has {has}, found {step.page}; take one that it has, or set "
            f"pages = {step.page + 1} under [buffers.{attach.buffer}]",
        )
