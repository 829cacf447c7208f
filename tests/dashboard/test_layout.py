from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dmabuf_async.machine.snapshot import (
    ActorView,
    AttachmentView,
    BufferView,
    CopyView,
    DeviceView,
    KmapView,
    LeadView,
    PageView,
    SharedView,
    Snapshot,
    TransferView,
    VmaView,
    ZoneView,
)
from dmabuf_async.trace.events import Event, Finding
from tests.dashboard.conftest import Moment, drawn, moment_of, program_of
from tests.effort import times

Golden = Callable[[str, str], None]
SIZES = pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50), (40, 10)])

SWAP_OUT = """
title = "The exporter swaps out what is pinned"
[buffers.framebuffer]
exporter = "swapping"
pages = 2
defects = ["ignore-pins"]
[buffers.cursor]
exporter = "static"
[[tasks]]
name = "importer"
cpu = 0
steps = [
  { do = "get_backing_storage", buffer = "framebuffer" },
  { do = "kmap", buffer = "framebuffer", as = "m" },
  { do = "store", at = "m" },
  { do = "load", at = "m" },
  { do = "kunmap", at = "m" },
  { do = "put_backing_storage", buffer = "framebuffer" },
]
[[tasks]]
name = "evictor"
cpu = 1
steps = [{ do = "swap_out", buffer = "framebuffer" }]
[[tasks]]
name = "pressure"
cpu = 1
steps = [{ do = "reclaim", buffer = "framebuffer" }, { do = "sleep", ticks = 3 }]
[expect]
findings = ["moved-while-pinned"]
"""
SLOTS = """
title = "Two importers of two pages each, and 2 slots"
[machine]
highmem = 4
kmap_slots = 2
[buffers.fb]
exporter = "static"
pages = 4
[[tasks]]
name = "one"
cpu = 0
steps = [
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap", buffer = "fb", page = 0, as = "from" },
  { do = "kmap", buffer = "fb", page = 1, as = "to" },
  { do = "kunmap", at = "to" },
  { do = "kunmap", at = "from" },
  { do = "put_backing_storage", buffer = "fb" },
]
[[tasks]]
name = "two"
cpu = 1
steps = [
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap", buffer = "fb", page = 2, as = "from" },
  { do = "kmap", buffer = "fb", page = 3, as = "to" },
  { do = "kunmap", at = "to" },
  { do = "kunmap", at = "from" },
  { do = "put_backing_storage", buffer = "fb" },
]
[expect]
findings = ["deadlock"]
"""
ATOMIC = """
title = "One sleeps in an atomic mapping, another waits for its CPU, a third for its turn"
mutexes = ["order"]
[machine]
cpus = 1
[cells]
turn = 0
[buffers.fb]
exporter = "swapping"
[[tasks]]
name = "copier"
steps = [
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap_atomic", buffer = "fb", as = "m" },
  { do = "sleep", ticks = 5 },
  { do = "kunmap_atomic", at = "m" },
  { do = "put_backing_storage", buffer = "fb" },
]
[[tasks]]
name = "waiter"
steps = [{ do = "lock", mutex = "order" }, { do = "wait", cell = "turn", is = "==", value = 1 }]
[[tasks]]
name = "other"
steps = [{ do = "lock", mutex = "order" }]
[expect]
findings = ["sleep-in-atomic"]
"""
NAME = "a_name_that_is_exactly_forty_characters_x"[:40]


def crowd() -> str:
    tasks = "".join(
        f'[[tasks]]\nname = "{NAME[:-3]}{number:03}"\ncpu = {number % 2}\n'
        f'steps = [{{ do = "lock", mutex = "{NAME}" }}, {{ do = "unlock", mutex = "{NAME}" }},'
        f' {{ do = "get_backing_storage", buffer = "{NAME}" }},'
        f' {{ do = "kmap", buffer = "{NAME}", page = {number * 16}, as = "m" }},'
        f' {{ do = "kunmap", at = "m" }}, {{ do = "put_backing_storage", buffer = "{NAME}" }}]\n'
        for number in range(64)
    )
    return (
        f'title = "A crowd"\nmutexes = ["{NAME}"]\n[machine]\nram = 1024\nhighmem = 0\nswap = 1024\n'
        f'[buffers.{NAME}]\nexporter = "swapping"\npages = 1024\n{tasks}'
    )


@SIZES
@pytest.mark.parametrize(
    ("name", "text", "turns", "at"),
    [
        ("swap-out", SWAP_OUT, [(0, "importer"), (9, "evictor"), (18, "pressure")], 20),
        ("finding", SWAP_OUT, [(0, "importer"), (9, "evictor"), (20, "importer"), (22, "evictor")], 24),
        ("deadlock", SLOTS, [(0, "one"), (5, "two")], None),
        ("atomic", ATOMIC, [(0, "waiter"), (1, "copier")], 11),
        ("ended", ATOMIC, [(0, "copier")], None),
    ],
)
def test_a_moment_of_an_execution_is_a_picture(
    golden: Golden, name: str, text: str, turns: list[tuple[int, str]], at: int | None, width: int, height: int
) -> None:
    moment = moment_of(program_of(text), at, *turns)
    golden(f"{name}-{width}x{height}", drawn(moment, width, height))


@pytest.mark.unaudited
@SIZES
def test_a_crowd_is_still_a_picture(golden: Golden, width: int, height: int) -> None:
    moment = moment_of(program_of(crowd()), 2200, (0, f"{NAME[:-3]}005"))
    golden(f"crowd-{width}x{height}", drawn(moment, width, height, title="A crowd " * 20))


def test_where_there_is_nothing_yet_there_is_a_picture(golden: Golden) -> None:
    moment = Moment(Snapshot(0, 0, (), (), ()), (), ())
    golden("nothing", drawn(moment, 80, 24, title=""))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_no_boxes_gets_none(golden: Golden, encoding: str) -> None:
    moment = moment_of(program_of(SLOTS), None, (0, "one"), (5, "two"))
    golden("ascii-80x24", drawn(moment, 80, 24, encoding=encoding, title="Zwei Mal \u96e3 \xe9"))


# Any snapshot at any size ---------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    [
        "a",
        "\x1b[2J",
        "\u202e",
        "\u96e3\u3044",
        "e\u0301",
        "[bold]x[/]",
        "\U0001f468\u200d\U0001f469",
        NAME,
        "\n",
        "x\ty",
    ]
)
few = st.integers(0, 3)
shared_names = words | st.sampled_from(["fb", "fb", "gb"])
"""Of buffers: what leads to them has to find them."""
places = st.sampled_from(["", "ram#0", "ram#1", "swap#0", "\x9b#1"])
names = st.lists(words, max_size=2).map(tuple)
actor_views = st.builds(
    ActorView,
    name=words,
    cpu=st.none() | few,
    state=st.sampled_from(["ready", "blocked", "ended", "idle"]),
    op=words,
    waits_for=words,
    locks=names,
    pins=names,
    kmaps=names,
    atomic=st.booleans(),
    stuck=st.booleans(),
    failure=words,
    site=words,
)
page_views = st.builds(
    PageView,
    where=places,
    resident=st.booleans(),
    words=few,
    newest=few,
    pins=names,
    kmaps=st.lists(st.builds(KmapView, words, places, st.booleans(), st.booleans()), max_size=2).map(tuple),
    moves=st.lists(st.builds(CopyView, places, few), max_size=2).map(tuple),
    dirty=few,
)
buffer_views = st.builds(
    BufferView,
    name=shared_names,
    exporter=words,
    references=few,
    lock=words,
    pages=st.lists(page_views, max_size=5).flatmap(lambda few: st.sampled_from([few, few * 4, few * 30])).map(tuple),
)
zone_views = st.builds(ZoneView, name=words, used=few, total=st.sampled_from([0, 1, 3, 40]), owners=names)
shared_views = st.builds(SharedView, words, st.sampled_from(["mutex", "cell", "counter"]), words)
leads = st.lists(st.builds(LeadView, few, places, st.booleans(), st.booleans(), st.booleans()), max_size=3).map(tuple)
transfers = st.builds(TransferView, st.sampled_from(["read", "write"]), few, few, few, few)
attachment_views = st.builds(
    AttachmentView,
    buffer=shared_names,
    actor=words,
    direction=st.sampled_from(["", "to_device"]),
    revoke=st.sampled_from(["", "told", "answered"]),
    ioptes=leads,
    iotlbs=st.lists(leads, max_size=2).map(tuple),
    transfers=st.lists(transfers, max_size=2).map(tuple),
)
device_views = st.builds(
    DeviceView,
    name=words,
    engines=few,
    revoke=st.sampled_from(["at once", "later", "cannot"]),
    attachments=st.lists(attachment_views, max_size=2).map(tuple),
)
vma_views = st.builds(
    VmaView,
    process=words,
    name=words,
    part=words,
    mapped=st.booleans(),
    writable=st.booleans(),
    ptes=leads,
    tlbs=st.lists(st.tuples(few, leads), max_size=3).map(tuple),
    buffer=shared_names,
    first=few,
    pages=few,
)
snapshots = st.builds(
    Snapshot,
    step=st.integers(0, 10**7),
    now=few,
    actors=st.lists(actor_views, max_size=5).map(tuple),
    buffers=st.lists(buffer_views, max_size=4).map(tuple),
    zones=st.lists(zone_views, max_size=3).map(tuple),
    shared=st.lists(shared_views, max_size=6).map(tuple),
    devices=st.lists(device_views, max_size=2).map(tuple),
    vmas=st.lists(vma_views, max_size=3).map(tuple),
    stopped=st.sampled_from(["", "ended", "deadlock", "cut", "stopped"]),
)
events = st.lists(
    st.builds(
        Event,
        step=st.just(0),
        actor=words,
        cpu=st.none() | few,
        kind=st.just("op"),
        text=words,
        result=words,
        fault=st.booleans(),
        preempts=st.none() | words,
    ),
    max_size=6,
).map(lambda found: tuple(replace(event, step=number) for number, event in enumerate(found, 1)))
found = st.lists(
    st.builds(
        Finding,
        code=st.sampled_from(["moved-while-pinned", "assertion"]),
        rule=st.sampled_from(["V7", ""]),
        message=words,
        step=st.integers(0, 6),
        actor=words,
        primary=st.booleans(),
    ),
    max_size=4,
).map(tuple)
moments = st.builds(Moment, snapshots, events, found)


@settings(max_examples=times(150, 40), deadline=None)
@given(
    moments,
    st.integers(1, 200),
    st.integers(1, 60),
    st.sampled_from(["utf-8", "ascii"]),
    words,
)
def test_any_snapshot_fits_any_terminal(moment: Moment, width: int, height: int, encoding: str, title: str) -> None:
    lines = drawn(moment, width, height, encoding=encoding, title=title).split("\n")
    assert len(lines) == height
    for line in lines:
        assert cell_len(line) <= width
        assert line.isprintable()


@settings(max_examples=30, deadline=None)
@given(moments)
def test_what_broke_is_seen_at_any_size_that_people_use(moment: Moment) -> None:
    primary = [finding for finding in moment.findings if finding.primary]
    for width, height in ((40, 10), (80, 24), (160, 50)):
        shown = drawn(moment, width, height)
        assert "findings" in shown
        if primary:
            assert "\nx " in shown
