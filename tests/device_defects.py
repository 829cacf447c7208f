"""What tests/test_defects.py has to know of devices: right code for each kind of trouble, and the table of defects."""

from __future__ import annotations

from typing import Any, Final

STEPS: Final = """
          { do = "attach", device = "gpu", buffer = "fb", as = "a" },
          { do = "map_dma_buf", at = "a", direction = "to_device" },
          { do = "dma_read", at = "a", as = "t" },
          { do = "dma_wait", for = "t" },
          { do = "unmap_dma_buf", at = "a" },
          { do = "detach", at = "a" },
"""
BUFFER: Final = '[buffers.fb]\n        exporter = "EXPORTER"'
MOVER: Final = """
        [[tasks]]
        name = "mover"
        cpu = 1
        repeat = 2
        steps = [{ MOVE, buffer = "fb" }]
"""


def user(steps: str = STEPS, name: str = "importer", cpu: int = 0) -> str:
    """A task that uses the buffer through its device."""
    return f'\n        [[tasks]]\n        name = "{name}"\n        cpu = {cpu}\n        steps = [{steps}        ]\n'


def paced(tell: str, before: str, engine: int, done: str = "", revoke: str = "later") -> str:
    """The buffer is moved when the device has come so far; the far engines are flushed last."""
    tells = f'          {{ do = "set", cell = "busy", value = 1 }},\n{tell}'
    steps = STEPS.replace(f'          {{ do = "{before}"', f'{tells}          {{ do = "{before}"', 1)
    waits = '{ do = "wait", cell = "busy", value = 1 }'
    mover = MOVER.replace("repeat = 2\n", "").replace("steps = [", f"steps = [{waits}, ").replace("}]", f"}}{done}]")
    return (
        "cells = { busy = 0 }\n        machine = { words = 1, vram = 4 }\n        "
        f'[devices.gpu]\n        engines = {engine + 1}\n        revoke = "{revoke}"\n        {BUFFER}'
        + user(steps.replace('as = "t" }', f'as = "t", engine = {engine} }}'))
        + mover
    )


def telling(before: str, cell: str, steps: str = STEPS) -> str:
    """The same steps, and another task is told before one of them."""
    return steps.replace(
        f'          {{ do = "{before}"',
        f'          {{ do = "set", cell = "{cell}", value = 1 }},\n          {{ do = "{before}"',
        1,
    )


def moved(revoke: str, more: str = "") -> str:
    """A device that lets go so, while the buffer is moved."""
    device = f'[devices.gpu]\n        revoke = "{revoke}"\n        {more}'
    return f"machine = {{ vram = 4 }}\n        {device}{BUFFER}{user()}{MOVER}"


STRICTER: Final = (
    """
        cells = { mapped = 0 }
        machine = { vram = 2 }
        [devices.gpu]
        revoke = "cannot"
        [devices.camera]
        vram = false
        """
    + BUFFER
    + '\n        zone = "vram"'
    + user(telling("dma_read", "mapped"))
    + user('{ do = "wait", cell = "mapped", value = 1 },' + STEPS.replace("gpu", "camera"), "other", cpu=1)
)

BASES: Final = {
    "device": f"[devices.gpu]\n        {BUFFER}{user()}",
    "device lets go at once": moved("at once"),
    "device lets go later": moved("later"),
    "device of two engines": moved("at once", "engines = 2\n        ").replace('as = "t" }', 'as = "t", engine = 1 }'),
    "device of stricter needs": STRICTER,
    "two devices": moved("later", "[devices.npu]\n        ")
    + user(STEPS.replace("gpu", "npu"), "other", cpu=1),
    "own unmap": paced("", "unmap_dma_buf", 7),
    "device cannot let go": paced(
        '          { do = "wait", cell = "busy", value = 2 },\n', "unmap_dma_buf", 0,
        ', { do = "set", cell = "busy", value = 2 }', "cannot",
    ),
    "device stays": paced(
        '          { do = "wait", cell = "busy", value = 2 },\n', "unmap_dma_buf", 3,
        ', { do = "set", cell = "busy", value = 2 }',
    ),
    "two devices stay": "cells = { busy = 0 }\n        machine = { vram = 4 }\n        [devices.gpu]\n        "
    "[devices.npu]\n        "
    + BUFFER
    + user()
    + user(
        telling("unmap_dma_buf", "busy", STEPS.replace("gpu", "npu")).replace(
            '          { do = "unmap', '          { do = "wait", cell = "busy", value = 2 },\n          { do = "unmap'
        ),
        "other",
        cpu=1,
    )
    + MOVER.replace("repeat = 2\n", "")
    .replace("steps = [", 'steps = [{ do = "wait", cell = "busy", value = 1 }, ')
    .replace("}]", '}, { do = "set", cell = "busy", value = 2 }]'),
    "device and last put": "cells = { attached = 0 }\n        [devices.gpu]\n        " + BUFFER
    + user(telling("map_dma_buf", "attached"))
    + """
        [[tasks]]
        name = "owner"
        cpu = 1
        steps = [{ do = "wait", cell = "attached", value = 1 }, { do = "dma_buf_put", buffer = "fb" }]
        """,
}  # fmt: skip

WAITS: Final = {"told": "V14|P6", "also": ("mapped-while-moving", "deadlock", "bad-state")}
"""Of a mapping that is made while its device has been told to let go: it waits for itself, or is copied under."""

OF_DEVICES: Final[tuple[dict[str, Any], ...]] = tuple(
    {"rule": rule, "driver": "device", "defect": defect, "code": code, "base": base, **more}
    for rule, defect, code, base, more in (
        ("V0", "starts-dma-before-map", "bad-state", "device", {}),
        ("V0", "no-dma-wait", "bad-state", "device", {}),
        ("V0", "dma-after-unmap", "bad-state", "device", {}),
        ("V0", "forget-unmap", "bad-state", "device", {}),
        ("V0", "unmap-twice", "bad-state", "device", {}),
        ("V0", "detach-while-mapped", "bad-state", "device", {}),
        ("V15", "forget-detach", "leak-at-exit", "device", {}),
        ("V15", "no-reference", "use-after-free", "device and last put", {}),
        ("P1", "no-iotlb-flush", "stale-iotlb", "device lets go at once", {"told": "P6"}),
        ("P1", "late-iotlb-flush", "stale-iotlb", "own unmap", {"told": "P6"}),
        ("P6", "flush-one-engine", "stale-iotlb", "device of two engines", {}),
        ("V14", "cannot-let-go", "deadlock", "device lets go at once", {}),
        ("V14", "answers-before-stopped", "bad-state", "device lets go at once", {"also": ("stale-iotlb",)}),
        ("V14", "stops-one-engine", "bad-state", "device of two engines", {}),
        ("V14", "answers-before-flush", "stale-iotlb", "device stays", {"told": "P6"}),
        ("V14", "revoke-unmaps-twice", "bad-state", "device lets go at once", {"told": "V14|V0"}),
        ("V14", "starts-while-revoked", "bad-state", "device lets go at once", {"told": "V14|V0"}),
    )
)

OF_MOVERS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"rule": rule, "driver": driver, "defect": defect, "code": code, "base": base, **more}
    for driver in ("swapping", "migrating")
    for rule, defect, code, base, more in (
        ("V0", "unmap-keeps-iopte", "leak-at-exit", "device lets go at once", {"also": ("stale-iotlb",)}),
        ("V0", "map-without-lock", "stale-iotlb", "two devices", WAITS),
        ("V7", "map-does-not-pin", "moved-while-pinned", "device cannot let go", {"also": ("stale-iotlb",)}),
        ("V14", "no-revoke", "stale-iotlb", "device lets go at once", {"told": "V14|P6"}),
        ("V14", "revoke-first-only", "stale-iotlb", "two devices stay", {"told": "V14|P6"}),
        ("V14", "revoke-does-not-wait", "stale-iotlb", "device stays", {"told": "V14|P6"}),
        ("V14", "revoke-waits-for-stop-only", "stale-iotlb", "own unmap", {"told": "V14|P6"}),
        ("V14", "revoke-waits-for-unmap-only", "stale-iotlb", "device stays", {"told": "P6"}),
        ("V14", "map-during-revoke", "stale-iotlb", "two devices", WAITS),
        ("V14", "attach-during-revoke-missed", "stale-iotlb", "two devices", WAITS),
    )
)  # fmt: skip

ROWS: Final[tuple[dict[str, Any], ...]] = (
    {
        "rule": "V0",
        "driver": "migrating",
        "defect": "out-of-reach",
        "code": "bad-state",
        "base": "device of stricter needs",
    },
    {
        "rule": "V0",
        "driver": "migrating",
        "defect": "map-does-not-stall",
        "code": "moved-while-pinned",
        "base": "device of stricter needs",
        "told": "V7",
        "also": ("stale-iotlb",),
    },
    *OF_DEVICES,
    *OF_MOVERS,
    {"rule": "V0", "driver": "static", "defect": "unmap-keeps-iopte", "code": "leak-at-exit", "base": "device"},
)
