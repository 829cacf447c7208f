from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from dmabuf_async.cli import progress as module
from dmabuf_async.cli.console import Console
from dmabuf_async.cli.progress import Progress
from dmabuf_async.cli.together import Word
from dmabuf_async.explore.progress import Progress as Counts


class Clock:
    """Time as the test has it."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Drawn(Progress):
    """Notes what would be drawn."""

    def __init__(self, *, shows: bool = True, scenarios: int = 3) -> None:
        super().__init__(cast("Console", _Screen(shows)), scenarios)
        self.lines: list[tuple[str, float | None, str, str]] = []

    def _draw(self, name: str, done: float | None, counts: str, detail: str, **_panels: Any) -> None:
        self.lines.append((name, done, counts, detail))


class _Screen:
    def __init__(self, has_progress: bool) -> None:
        self.has_progress = has_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock  # type: ignore[return-value]


def test_it_is_drawn_at_once_and_then_not_more_often_than_somebody_can_see(clock: Clock) -> None:
    progress = Drawn()
    draw = progress.of("a.toml", 500, float("inf"))
    for tick in range(11):
        clock.now = 100.0 + tick / 16
        draw(Counts(executions=tick))
    assert [line[2].partition(" ")[0] for line in progress.lines] == ["0", "4", "8"]


def test_how_much_is_done_is_the_larger_part_of_time_and_executions_and_never_more_than_all(clock: Clock) -> None:
    progress = Drawn()
    draw = progress.of("a.toml", 500, 10.0)
    for seconds, executions in ((0.0, 0), (5.0, 100), (6.0, 450), (20.0, 900)):
        clock.now = 100.0 + seconds
        draw(Counts(executions=executions))
    assert [line[1] for line in progress.lines] == [0.0, 0.5, 0.9, 1.0]


def test_what_has_no_end_has_no_part_that_is_done(clock: Clock) -> None:
    progress = Drawn()
    progress.of("a.toml", None, float("inf"))(Counts(), "12 states; left: 3")
    assert progress.lines == [("a.toml", None, "0 executions, 0/s", "12 states; left: 3")]


def test_the_rate_leaves_out_what_an_earlier_process_had_made(clock: Clock) -> None:
    progress = Drawn()
    draw = progress.of("a.toml", None, float("inf"))
    draw(Counts(executions=10_000))
    clock.now += 2.0
    draw(Counts(executions=10_050))
    assert progress.lines[-1][2] == "10,050 executions, 25/s"


def test_nothing_is_drawn_where_nobody_sees_it(clock: Clock) -> None:
    for progress in (Drawn(shows=False), Drawn().hidden()):
        progress.of("a.toml", 1, 1.0)(Counts())
        progress.shrinking("a.toml")("down to 1 preemption")
        assert progress._live is None
        assert getattr(progress, "lines", []) == []
        progress.clear()


def test_one_of_several_tells_its_words_and_draws_nothing(clock: Clock) -> None:
    told: list[object] = []
    progress = Drawn().telling(told.append)
    progress.of("a.toml", 100, float("inf"))(Counts(executions=50), "half")
    clock.now += 1.0
    progress.shrinking("a.toml")("down to 1 preemption")
    assert told == [
        Word("a.toml", 0.5, "50 at 0/s", "half", 50),
        Word("a.toml", None, "shrinking", "down to 1 preemption", 0),
    ]
    assert progress._live is None


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a.toml", "a.toml"),
        ("x" * 40, "x" * 40),
        ("/" * 20 + "x" * 21, f"...{'/' * 16}{'x' * 21}"),
        ("\x1b[1m", "\\x1b[1m"),
    ],
)
def test_the_end_of_a_long_name_is_shown_and_nothing_that_moves_a_cursor(name: str, end: str) -> None:
    assert module._tail(name) == end
