from __future__ import annotations

import io
import os
import pty
import sys
import termios
from collections.abc import Iterator

import pytest

from dmabuf_async.dashboard.keyboard import Keyboard, asked


@pytest.mark.parametrize(
    ("typed", "actions"),
    [
        (" ", ["pause"]),
        ("n\r", ["on", "on"]),
        ("\x1b[C\x1bOC", ["on", "on"]),
        ("\x1b[Db\x7f", ["back", "back", "back"]),
        ("+=\x1b[A", ["faster", "faster", "faster"]),
        ("-\x1b[B", ["slower", "slower"]),
        ("fq", ["finding", "quit"]),
        ("xyz", []),
    ],
)
def test_a_key_asks_for_what_it_stands_for(typed: str, actions: list[str]) -> None:
    assert asked(typed) == actions


@pytest.mark.parametrize("typed", ["\x1b[5~", "\x1b[1;5C", "\x1b[?1;2q", "\x1bOp", "\x1b[1;2f"])
def test_a_key_that_is_not_known_is_not_taken_for_letters(typed: str) -> None:
    assert asked(typed) == []
    assert asked(f"{typed}q") == ["quit"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both sides of a terminal that is stdin, and that this process may read."""
    master, slave = pty.openpty()
    with open(slave, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        yield master, slave
    os.close(master)
    os.close(slave)


def test_keys_are_read_one_by_one_and_not_echoed(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    before = termios.tcgetattr(slave)
    with Keyboard() as keyboard:
        assert keyboard.works
        assert keyboard.pressed() == []
        os.write(master, b"nb")
        assert keyboard.pressed() == ["on", "back"]
        flags = termios.tcgetattr(slave)[3]
        assert not flags & (termios.ECHO | termios.ICANON)
        assert flags & termios.ISIG, "Ctrl-C is an interrupt"
    assert termios.tcgetattr(slave) == before


def test_the_terminal_is_as_it_was_after_an_exception(terminal: tuple[int, int]) -> None:
    before = termios.tcgetattr(terminal[1])
    with pytest.raises(ValueError, match="broken"), Keyboard():
        raise ValueError("broken")
    assert termios.tcgetattr(terminal[1]) == before


def test_a_terminal_that_belongs_to_another_program_is_left_alone(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    before = termios.tcgetattr(terminal[1])
    with Keyboard() as keyboard:
        assert not keyboard.works
        assert termios.tcgetattr(terminal[1]) == before
        os.write(terminal[0], b"q\n")
        assert keyboard.pressed() == []


def test_what_is_no_terminal_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for stdin in (io.StringIO("q"), None):
        monkeypatch.setattr(sys, "stdin", stdin)
        with Keyboard() as keyboard:
            assert not keyboard.works
            assert keyboard.pressed() == []
