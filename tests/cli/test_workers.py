from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.cli.workers import Died, Tell, in_order
from tests.cli.conftest import COMMAND, environment


def never() -> None:
    """No interrupt comes."""


def forked(index: int) -> tuple[int, int]:
    return index, os.getpid()


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_answers_come_in_order_and_from_other_processes(jobs: int) -> None:
    def work(index: int, _tell: Tell) -> tuple[int, int]:
        time.sleep(0.02 * (3 - index % 3))  # the first of three is the last to end
        return forked(index)

    told = list(in_order(7, jobs, work, never))
    assert [index for index, _ in told] == list(range(7))
    assert len({pid for _, pid in told} | {os.getpid()}) == 8


def test_so_many_are_at_work_at_a_time_and_no_more(tmp_path: Path) -> None:
    met, folder = tmp_path / "met", tmp_path / "at work"
    folder.mkdir()

    def work(index: int, _tell: Tell) -> int:
        (folder / str(index)).touch()
        end = time.monotonic() + 20
        while not met.exists() and len(list(folder.iterdir())) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        met.touch()
        time.sleep(0.05)  # a fourth would be seen
        at_work = len(list(folder.iterdir()))
        (folder / str(index)).unlink()
        return at_work

    assert max(in_order(8, 3, work, never)) == 3


def test_a_large_answer_arrives_whole() -> None:
    assert [len(text) for text in in_order(2, 2, lambda index, _: "x" * (3_000_000 + index), never)] == [
        3_000_000,
        3_000_001,
    ]


def test_what_is_told_on_the_way_is_heard_before_the_answer_comes() -> None:
    def work(index: int, tell: Tell) -> str:
        for number in range(3):
            tell((index, number))
        return "x" * 100_000

    heard: list[tuple[int, Any]] = []
    for index, answer in enumerate(in_order(3, 2, work, never, lambda index, word: heard.append((index, word)))):
        assert answer == "x" * 100_000
        assert [word for who, word in heard if who == index] == [(index, number) for number in range(3)]


def test_nobody_waits_for_room_to_tell_and_no_answer_is_lost_for_it() -> None:
    heard = 0

    def work(_index: int, tell: Tell) -> str:
        tell("x" * (1 << 20))  # never fits
        for _ in range(1000):
            tell("y" * 1000)  # more than a pipe holds while its reader waits
        return "answer"

    def count(_index: int, word: str) -> None:
        nonlocal heard
        heard += 1
        assert word == "y" * 1000
        time.sleep(0.001)

    assert list(in_order(1, 1, work, never, count)) == ["answer"]
    assert 0 < heard < 1000


def test_one_that_is_killed_or_ends_without_an_answer_is_told_and_the_others_go_on() -> None:
    def work(index: int, _tell: Tell) -> int:
        if index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 2:
            os._exit(7)
        return index

    zero, one, two, three = in_order(4, 2, work, never)
    assert (zero, three) == (0, 3)
    assert isinstance(one, Died)
    assert isinstance(two, Died)
    assert str(one) == "its process was killed by SIGKILL, perhaps for want of memory"
    assert str(two) == "its process ended with the exit code 7 and no answer"


def test_an_interrupt_is_passed_on_once_and_what_was_begun_is_still_told() -> None:
    def work(index: int, _tell: Tell) -> str:
        if index == 0:
            return "done"
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            return f"{index} so far"
        return "late"

    looks = iter([None, None, KeyboardInterrupt()])

    def look() -> None:
        answer = next(looks)
        if answer is not None:
            raise answer

    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    told: list[Any] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            told.extend(in_order(9, 2, work, look))
    finally:
        signal.signal(signal.SIGINT, former)
    assert told == ["done", "1 so far", "2 so far"]
    assert next(looks, "asked no more") == "asked no more"


def test_children_end_with_whoever_listens() -> None:
    pids = []

    def work(index: int, _tell: Tell) -> int:
        if index:
            time.sleep(60)
        return os.getpid()

    answers = in_order(2, 2, work, never)
    pids.append(next(answers))
    answers.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def stable(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.endswith("/s)")]


@pytest.mark.parametrize("verb", ["fuzz", "check --search graph"])
def test_a_campaign_says_the_same_whether_or_not_it_is_made_side_by_side(
    cli: Callable[..., Any], make: Callable[..., Path], tmp_path: Path, verb: str
) -> None:
    for name in "abc":
        make(f"{name}.toml", repaired=name == "b")
    (tmp_path / "e.toml").write_text("[[tasks]]\n", encoding="utf-8")
    one, two = (cli(*verb.split(), ".", "--jobs", jobs) for jobs in ("1", "3"))
    assert one.code == two.code == 3
    assert stable(one.out) == stable(two.out)
    assert one.err == two.err
    assert "is not a valid scenario" in two.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_what_each_knows_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    names = [str(root / "benchmarks" / "eight-at-once.toml"), str(root / "scenarios" / "mmap" / "killed-repaired.toml")]
    command = [*COMMAND, "fuzz", *names, "--executions", "100000000", "--jobs", "2"]
    made = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True)
    children: list[str] = []
    listed = Path(f"/proc/{made.pid}/task/{made.pid}/children")
    for _ in range(600):
        children = listed.read_text(encoding="ascii").split()
        if len(children) == 2:
            break
        time.sleep(0.1)
    made.send_signal(number)
    told, _ = made.communicate(timeout=60)
    assert made.returncode == 130
    assert told.count("interrupted") >= 2
    assert "2 scenarios: 2 interrupted" in told
    assert len(children) == 2
    assert not any(Path(f"/proc/{child}").exists() for child in children)
