"""What a user process does with a buffer: it maps it, forks with it, and unmaps it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, field

from dmabuf_async.scenario.fields import Bytes, Name, OnError
from dmabuf_async.scenario.verbs.base import Verb


class Mmap(Verb, frozen=True, kw_only=True, tag="mmap"):
    """Map a part of a buffer into user space (rules V13, P3, P11); load and store then take a page of it.

    The range is not checked against the page size or the buffer, for a bad range is a thing to simulate. as: what later
    steps, those of threads and forked processes too, call the mapping. offset: where in the buffer it begins. len: how
    long it is; left out, it goes on to the end of the buffer. write: false maps it for reading only. shared: false asks
    for a private mapping, which is refused (rule M15). on_error: "unwind" ends the task in good order, "ignore" goes on
    with the next step.
    """

    buffer: Name
    as_: Name = field(name="as")
    offset: Bytes = 0
    len: Bytes | None = None
    write: bool = True
    shared: bool = True
    on_error: OnError = "unwind"


class Munmap(Verb, frozen=True, kw_only=True, tag="munmap"):
    """Unmap what mmap mapped, all of it (rule P4).

    at: what mmap called the mapping.
    """

    at: Name


class Mremap(Verb, frozen=True, kw_only=True, tag="mremap"):
    """Change the length of a mapping; one over a buffer may shrink, and does not grow (rule P11).

    at: what mmap called the mapping. pages: how long it is to be, 1 to 1024. on_error: "unwind" ends the task in good
    order, "ignore" goes on with the next step.
    """

    at: Name
    pages: Annotated[int, Meta(ge=1, le=1024)]
    on_error: OnError = "unwind"


class Mprotect(Verb, frozen=True, kw_only=True, tag="mprotect"):
    """Permit stores to a mapping, or forbid them; what was mapped for reading only stays so, EACCES.

    at: what mmap called the mapping. write: whether stores are permitted; if not, they end in SIGSEGV. on_error:
    "unwind" ends the task in good order, "ignore" goes on with the next step.
    """

    at: Name
    write: bool
    on_error: OnError = "unwind"


class Fork(Verb, frozen=True, kw_only=True, tag="fork"):
    """Fork the process: another task begins, as its child, and has what it has mapped (rule P9).

    task: which one. It has steps and a cpu of its own, and does nothing before.
    """

    task: Name


Call: TypeAlias = Mmap | Munmap | Mremap | Mprotect | Fork
"""What only a process can ask for."""
