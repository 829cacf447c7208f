"""What kernel code does with a buffer: the calls of the protocol, and accesses through a mapping."""

from __future__ import annotations

from msgspec import field

from dmabuf_async.scenario.fields import Bytes, Name, OnError, Page, WordIndex
from dmabuf_async.scenario.verbs.base import Verb


class GetBackingStorage(Verb, frozen=True, kw_only=True, tag="get_backing_storage"):
    """Pin a range of a buffer in memory (rules V1 to V7); may fail.

    Neither end is checked against the page size or the buffer, for a bad range is a thing to simulate. start: where it
    begins. len: how long it is; left out, it goes on to the end of the buffer. on_error: "unwind" ends the task in
    good order, "ignore" goes on with the next step.
    """

    buffer: Name
    start: Bytes = 0
    len: Bytes | None = None
    on_error: OnError = "unwind"


class PutBackingStorage(Verb, frozen=True, kw_only=True, tag="put_backing_storage"):
    """Unpin a range of a buffer, as it was pinned.

    start: where it begins. len: how long it is; left out, it goes on to the end of the buffer.
    """

    buffer: Name
    start: Bytes = 0
    len: Bytes | None = None


class Kmap(Verb, frozen=True, kw_only=True, tag="kmap"):
    """Map one page of a buffer for the kernel (rules V8 to V11); waits for a slot, never fails.

    page: from 0; whether the buffer has it is not checked, for that is a thing to simulate. as: what later steps call
    the mapping.
    """

    buffer: Name
    page: Page = 0
    as_: Name = field(name="as")


class Kunmap(Verb, frozen=True, kw_only=True, tag="kunmap"):
    """Unmap what kmap mapped.

    at: what kmap called the mapping.
    """

    at: Name


class KmapAtomic(Verb, frozen=True, kw_only=True, tag="kmap_atomic"):
    """Map one page of a buffer without a slot; until kunmap_atomic the task must not sleep (rule V12).

    page: from 0, as of kmap. as: what later steps call the mapping.
    """

    buffer: Name
    page: Page = 0
    as_: Name = field(name="as")


class KunmapAtomic(Verb, frozen=True, kw_only=True, tag="kunmap_atomic"):
    """Unmap what kmap_atomic mapped.

    at: what kmap_atomic called the mapping.
    """

    at: Name


class Load(Verb, frozen=True, kw_only=True, tag="load"):
    """Read one word through a mapping.

    at: what kmap or mmap called the mapping. page: of what mmap mapped, from 0; whether there is one is not checked,
    for that is a thing to simulate. word: below the words of a page.
    """

    at: Name
    page: Page = 0
    word: WordIndex = 0


class Store(Verb, frozen=True, kw_only=True, tag="store"):
    """Write one word through a mapping.

    at: what kmap or mmap called the mapping. page: of what mmap mapped, as of load. word: below the words of a page.
    """

    at: Name
    page: Page = 0
    word: WordIndex = 0


class Memcpy(Verb, frozen=True, kw_only=True, tag="memcpy"):
    """Copy a page, word by word, between two mappings.

    from: what kmap called the one that is read. to: what kmap called the one that is written.
    """

    from_: Name = field(name="from")
    to: Name


class DmaBufGet(Verb, frozen=True, kw_only=True, tag="dma_buf_get"):
    """Take a reference to a buffer (rule V15)."""

    buffer: Name


class DmaBufPut(Verb, frozen=True, kw_only=True, tag="dma_buf_put"):
    """Drop a reference to a buffer; the last one releases it (rule V15)."""

    buffer: Name
