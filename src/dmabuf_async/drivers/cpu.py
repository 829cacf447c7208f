"""The CPU importer: kernel code that pins, maps and touches buffers, with its deliberate defects.

It keeps what it holds by name, as a driver does in its own structures, so that it
can give everything back when something fails.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from dmabuf_async.errors import KernelError
from dmabuf_async.protocol import rfc2012

if TYPE_CHECKING:
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.storage import Buffer

DEFECTS: Final = {
    "skip-get": "maps without get_backing_storage (V1)",
    "ignore-errors": "goes on as if a failed get had succeeded (V6)",
    "put-after-failed-get": "its error path puts what it did not get (V6)",
    "double-put": "puts twice (V6)",
    "forget-put": "ends without put_backing_storage (V7)",
    "put-before-kunmap": "puts as soon as it has mapped, and uses the mapping then (V1)",
    "length-in-words": "passes a length that is not a multiple of the page size, and ignores EINVAL (V2)",
    "off-by-one-page": "maps the page after the one that it means (V2, V3)",
    "late-kunmap": "unmaps nothing before its end (V9)",
    "forget-kunmap": "ends without kunmap (V8)",
    "use-after-kunmap": "reads one word more through a mapping that it has unmapped (V8)",
    "atomic-in-order": "releases atomic mappings in the order in which it made them (V12)",
    "sleep-in-atomic": "sleeps while it holds an atomic mapping (V12)",
    "get-in-atomic": "calls get and put once more inside an atomic mapping (V5)",
    "forget-dma-buf-put": "keeps the reference that it took (V15)",
    "double-dma-buf-put": "drops its reference twice (V15)",
}


class CpuImporter:
    """What one task holds, and the calls that it makes."""

    def __init__(self, machine: Machine, defects: Collection[str] = ()) -> None:
        self.machine = machine
        self.defects = frozenset(defects)
        self.mappings: dict[str, Mapping] = {}
        self.pins: list[tuple[Buffer, int, int]] = []
        self.taken: list[Buffer] = []
        self.failed: list[tuple[Buffer, int, int]] = []

    def holds(self) -> tuple[object, ...]:
        """All that this task remembers, as plain data: what it settles with."""
        return (
            tuple(self.mappings.items()),
            tuple((buffer.name, start, length) for buffer, start, length in self.pins),
            tuple(buffer.name for buffer in self.taken),
            tuple((buffer.name, start, length) for buffer, start, length in self.failed),
        )

    async def get(self, buffer: Buffer, start: int, length: int) -> None:
        """get_backing_storage."""
        if "skip-get" in self.defects:
            return
        if "length-in-words" in self.defects:
            length -= 8
        try:
            await rfc2012.get_backing_storage(buffer, start, length)
        except KernelError:
            self.failed.append((buffer, start, length))
            if {"ignore-errors", "length-in-words"} & self.defects:
                return
            raise
        self.pins.append((buffer, start, length))

    async def put(self, buffer: Buffer, start: int, length: int) -> None:
        """put_backing_storage."""
        if {"skip-get", "forget-put", "length-in-words"} & self.defects:
            return
        pin = (buffer, start, length)
        if pin in self.pins:
            self.pins.remove(pin)
        elif "put-before-kunmap" in self.defects:
            return
        await rfc2012.put_backing_storage(*pin)
        if "double-put" in self.defects:
            await rfc2012.put_backing_storage(*pin)

    async def kmap(self, name: str, buffer: Buffer, page: int) -> None:
        """kmap; the mapping is called ``name`` from here on."""
        page += "off-by-one-page" in self.defects
        self.mappings[name] = await rfc2012.kmap(buffer, page)
        if "put-before-kunmap" in self.defects and self.pins:
            await rfc2012.put_backing_storage(*self.pins.pop())

    async def kunmap(self, name: str) -> None:
        """kunmap."""
        if {"forget-kunmap", "late-kunmap"} & self.defects:
            return
        mapping = self.mappings.pop(name)
        await rfc2012.kunmap(mapping)
        if "use-after-kunmap" in self.defects:
            await mapping.load(0)

    async def kmap_atomic(self, name: str, buffer: Buffer, page: int) -> None:
        """kmap_atomic."""
        page += "off-by-one-page" in self.defects
        self.mappings[name] = await rfc2012.kmap_atomic(buffer, page)
        if "sleep-in-atomic" in self.defects:
            await self.machine.clock.sleep(1)
        if "get-in-atomic" in self.defects:
            await rfc2012.get_backing_storage(buffer)
            await rfc2012.put_backing_storage(buffer)

    async def kunmap_atomic(self, name: str) -> None:
        """kunmap_atomic."""
        if "atomic-in-order" in self.defects:
            name = next(other for other, mapping in self.mappings.items() if mapping.atomic)
        if "forget-kunmap" not in self.defects:
            await rfc2012.kunmap_atomic(self.mappings.pop(name))

    async def copy(self, source: str, target: str) -> None:
        """memcpy of one page, word by word, between two mappings."""
        for word in range(self.machine.sizes.words):
            await self.mappings[source].load(word)
            await self.mappings[target].store(word)

    async def take(self, buffer: Buffer) -> None:
        """dma_buf_get."""
        await rfc2012.dma_buf_get(buffer)
        self.taken.append(buffer)

    async def drop(self, buffer: Buffer) -> None:
        """dma_buf_put."""
        if "forget-dma-buf-put" in self.defects:
            return
        if buffer in self.taken:
            self.taken.remove(buffer)
        await rfc2012.dma_buf_put(buffer)
        if "double-dma-buf-put" in self.defects:
            await rfc2012.dma_buf_put(buffer)

    async def unwind(self) -> None:
        """Give back whatever is held, last taken first: after an error, or on the exit of a user process."""
        if "forget-kunmap" not in self.defects:
            for name in reversed(list(self.mappings)):
                mapping = self.mappings.pop(name)
                await (rfc2012.kunmap_atomic if mapping.atomic else rfc2012.kunmap)(mapping)
        if "put-after-failed-get" in self.defects and self.failed:
            await rfc2012.put_backing_storage(*self.failed.pop())
        if "forget-put" not in self.defects:
            while self.pins:
                await rfc2012.put_backing_storage(*self.pins.pop())
        if "forget-dma-buf-put" not in self.defects:
            while self.taken:
                await rfc2012.dma_buf_put(self.taken.pop())
