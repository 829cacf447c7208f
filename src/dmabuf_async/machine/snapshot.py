"""The state of a machine as plain data, for people to look at.

A snapshot is immutable and holds no reference into the machine: dashboards
are pure functions of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActorView:
    """One actor and what it stands before."""

    name: str
    cpu: int
    state: str
    """``ready``, ``blocked``, ``ended`` or ``idle`` (a daemon with nothing to do)."""
    op: str
    """The op it stands before, in words; empty once it has ended."""
    waits_for: str
    """What a blocked actor waits for: ``fb.lock, held by mover``; else empty."""
    held: tuple[str, ...]
    """Mutexes, kernel mappings and pins that it holds, by name."""
    atomic: bool
    """True while it keeps its CPU from scheduling anybody else."""
    site: str
    """The scenario step, or the function, that it is in."""


@dataclass(frozen=True, slots=True)
class PageView:
    """One page of a buffer."""

    where: str
    """``ram#2``, ``swap#0``; empty: nowhere."""
    resident: bool
    pins: tuple[str, ...]
    """One name of an actor for each pin over this page."""
    kmaps: tuple[str, ...]
    """One name of an actor for each live kernel mapping; ``name!`` if atomic."""
    stale: int
    """Number of live kernel mappings that lead somewhere else by now."""


@dataclass(frozen=True, slots=True)
class BufferView:
    """One dma_buf."""

    name: str
    exporter: str
    references: int
    lock: str
    """Who holds the buffer's lock; empty: nobody."""
    pages: tuple[PageView, ...]


@dataclass(frozen=True, slots=True)
class ZoneView:
    """One kind of memory: ``ram``, ``high``, ``swap``, or the kmap slots."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a panel may show, at one moment."""

    step: int
    now: int
    """Virtual time, in ticks."""
    actors: tuple[ActorView, ...]
    buffers: tuple[BufferView, ...]
    zones: tuple[ZoneView, ...]
