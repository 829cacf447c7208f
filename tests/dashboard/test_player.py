from __future__ import annotations

import pytest

from dmabuf_async.dashboard.player import MOST, Player
from dmabuf_async.machine.snapshot import ActorView, Snapshot
from dmabuf_async.trace.events import Event, Finding


def snapshot(step: int, stopped: str = "") -> Snapshot:
    return Snapshot(step, 0, (ActorView("importer", 0, "ready", "", ""),), (), (), stopped=stopped)


def event(step: int) -> Event:
    return Event(step, "importer", 0, "op", f"op {step}")


def finding(step: int, *, primary: bool = True) -> Finding:
    return Finding("stale-pte", "P1", "it is stale", step, "importer", primary=primary)


def played(steps: int, *found: int, speed: float = 4.0, over: bool = False, follow: int = 0) -> Player:
    """At its latest moment, one after each step from 0 on; a rule is broken at those that are ``found``."""
    player = Player(speed)
    for step in range(steps + 1):
        new = [finding(step)] * (step in found) + [finding(step, primary=False)] * (step == follow != 0)
        player.record(snapshot(step), [event(step)] * (step > 0), new, 0.0)
    if over:
        player.record(snapshot(steps, "ended"), [], [], 0.0)
        player.end()
    return player


def step_of(player: Player) -> int:
    assert player.moment is not None
    return player.moment.snapshot.step


def pressed(player: Player, *keys: str, now: float = 0.0) -> Player:
    for key in keys:
        player.press(key, now)
    return player


def test_a_step_is_asked_for_when_it_is_due_and_not_before() -> None:
    player = played(1, speed=2.0)
    assert player.wait(0.1) > 0
    assert player.wait(0.49) > 0
    assert player.wait(0.5) == 0


def test_it_looks_at_the_keyboard_however_slow_it_is() -> None:
    assert played(1, speed=0.01).wait(0.0) <= 0.05


def test_a_pause_asks_for_nothing_until_it_is_ended() -> None:
    player = pressed(played(1), "pause")
    assert player.wait(1000.0) > 0
    assert "paused" in player.status
    assert pressed(player, "pause", now=1000.0).wait(1000.0) == 0


def test_one_step_on_asks_for_one_and_pauses() -> None:
    player = pressed(played(1), "on")
    assert player.wait(0.0) == 0
    player.record(snapshot(2), [event(2)], [], 0.0)
    assert step_of(player) == 2
    assert player.wait(1000.0) > 0


def test_steps_that_are_asked_for_faster_than_they_are_made_are_all_made() -> None:
    player = pressed(played(1), "on", "on")
    for step in (2, 3):
        assert player.wait(0.0) == 0
        player.record(snapshot(step), [event(step)], [], 0.0)
    assert player.wait(0.0) > 0


def test_a_step_back_shows_what_was_known_then() -> None:
    player = pressed(played(3, 3), "back")
    assert step_of(player) == 2
    assert [event.step for event in player.events(10)] == [1, 2]
    assert player.findings() == []
    assert player.wait(1000.0) > 0
    assert "1 back" in player.status
    assert step_of(pressed(player, "on")) == 3
    assert len(player.findings()) == 1


def test_there_is_nothing_before_the_beginning() -> None:
    assert step_of(pressed(played(2), *["back"] * 9)) == 0


def test_what_is_recorded_meanwhile_does_not_move_who_looks_back() -> None:
    player = pressed(played(3), "back", "back")
    player.record(snapshot(4), [event(4)], [], 0.0)
    assert step_of(player) == 1


def test_from_an_earlier_moment_it_plays_what_is_known_and_makes_no_step() -> None:
    player = pressed(played(3, speed=1.0), "back", "back", "pause")
    assert player.wait(0.0) > 0
    assert step_of(player) == 2
    assert player.wait(1.5) > 0
    assert step_of(player) == 3
    assert player.wait(1.6) > 0
    assert player.wait(2.1) == 0


def test_faster_and_slower_change_the_speed_twofold_within_bounds() -> None:
    assert pressed(played(1), "faster").speed == 8
    assert pressed(played(1), "slower", "slower").speed == 1
    assert pressed(played(1), *["faster"] * 30).speed == 1024
    assert pressed(played(1), *["slower"] * 30).speed == 1 / 8


@pytest.mark.parametrize("speed", [0.01, 5000.0])
def test_a_speed_beyond_the_bounds_that_was_asked_for_is_not_turned_round_by_a_key(speed: float) -> None:
    assert pressed(played(1, speed=speed), "faster").speed >= speed
    assert pressed(played(1, speed=speed), "slower").speed <= speed


def test_faster_does_not_wait_for_the_slow_step_to_end() -> None:
    player = pressed(played(1, speed=0.125), "faster", "faster", "faster", "faster", "faster", "faster")
    assert player.wait(0.2) == 0


def test_the_finding_that_is_known_is_jumped_to() -> None:
    player = pressed(played(5, 3), *["back"] * 5, "finding")
    assert step_of(player) == 3
    assert player.wait(1000.0) > 0


def test_a_finding_that_is_not_known_is_run_to_without_a_wait() -> None:
    player = pressed(played(1), "finding")
    assert player.status == "looks for a finding"
    for step in (2, 3):
        assert player.wait(0.0) == 0
        player.record(snapshot(step), [event(step)], [finding(step)] * (step == 3), 0.0)
    assert player.wait(1000.0) > 0
    assert step_of(player) == 3


def test_what_follows_from_a_finding_is_not_jumped_to() -> None:
    player = pressed(played(5, 2, follow=4, over=True), *["back"] * 9, "finding", "finding")
    assert step_of(player) == 2


def test_after_the_last_finding_comes_the_first() -> None:
    player = pressed(played(5, 2, 4, over=True), "back", "back", "finding")
    assert step_of(player) == 4
    assert step_of(pressed(player, "finding")) == 2
    assert step_of(pressed(player, "finding")) == 4


def test_that_nothing_was_found_is_said() -> None:
    player = pressed(played(1), "finding")
    player.record(snapshot(2), [event(2)], [], 0.0)
    player.end()
    assert "nothing was found" in player.status
    assert "nothing was found" not in pressed(player, "back").status


def test_a_key_ends_the_search() -> None:
    player = pressed(played(1), "finding", "pause")
    assert player.wait(1000.0) > 0


def test_at_the_end_it_waits_and_can_be_played_again() -> None:
    player = played(3, over=True)
    assert player.is_last
    assert player.wait(1000.0) > 0
    pressed(player, "pause", now=1000.0)
    assert step_of(player) == 0
    assert player.wait(1000.3) > 0
    assert step_of(player) == 1


def test_what_is_recorded_last_of_a_step_is_what_is_shown_of_it() -> None:
    player = played(3, over=True)
    assert player.moment is not None
    assert player.moment.snapshot.stopped == "ended"
    assert step_of(pressed(player, "back")) == 2


def test_quit_is_left() -> None:
    assert not played(1).left
    assert pressed(played(1), "quit").left


def test_of_a_long_execution_the_first_moments_are_forgotten_and_nobody_is_moved() -> None:
    player = played(MOST)
    pressed(player, "back")
    for step in range(MOST + 1, MOST + 1200):
        player.record(snapshot(step), [event(step)], [], 0.0)
    assert step_of(player) == MOST - 1
    assert player.events(1)[0].step == MOST - 1


def test_moments_share_what_does_not_change() -> None:
    player = played(2)
    last = player.moment
    before = pressed(player, "back").moment
    assert last is not None
    assert before is not None
    assert last.snapshot.actors is before.snapshot.actors
