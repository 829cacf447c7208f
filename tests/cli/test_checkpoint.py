from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.cli import checkpoint
from dmabuf_async.cli.checkpoint import Keeper, Refused, identity, place, read
from dmabuf_async.cli.console import Console
from dmabuf_async.scenario.program import Program
from tests.backtracking import Backtracking


def program(name: str = "folder/two tasks.toml", digest: bytes = bytes(32)) -> Program:
    def build(machine: Any) -> None:
        cell = machine.counter("c")

        async def adds() -> None:
            await cell.add(1)
            await cell.add(1)

        machine.task("one", adds)
        machine.task("two", adds)

    return Program(name=name, title="t", build=build, digest=digest)


def keeper(path: Path) -> Keeper:
    return Keeper(Console(), path, program(), identity(program(), "dpor", 100))


def begun() -> Backtracking:
    search = Backtracking(program(), slice_of=1)
    search.advance()
    return search


def test_a_search_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    keeper(tmp_path / "x").keep(begun())
    after = Backtracking(program())
    after.resume(read(tmp_path / "x", program(), "dpor", 100))
    assert after.progress.executions == 1
    while after.advance():
        pass
    assert after.progress.executions == 6


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ((program(digest=b"1" * 32), "dpor", 100), "is of another scenario, or of this one before it was changed"),
        ((program(), "graph", 100), "is of --search dpor, and this is graph: say --search dpor"),
        ((program(), "dpor", 50), "was kept with --max-steps 100, and this is 50"),
    ],
)
def test_what_is_of_something_else_is_refused_in_one_paragraph(tmp_path: Path, other: Any, words: str) -> None:
    keeper(tmp_path / "x").keep(begun())
    with pytest.raises(Refused) as caught:
        read(tmp_path / "x", *other)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper(tmp_path / "x").keep(begun())
    monkeypatch.setattr(checkpoint, "__version__", "99")
    with pytest.raises(Refused, match="and this is 99: check anew"):
        read(tmp_path / "x", program(), "dpor", 100)


def test_what_is_no_whole_checkpoint_is_refused(tmp_path: Path) -> None:
    keeper(tmp_path / "x").keep(begun())
    whole = (tmp_path / "x").read_bytes()
    head, _, body = whole.partition(b"}\n")
    for broken in (b"", b"nonsense", whole[:-1], whole[: len(head)], head + b"}\n" + b"x" + body[1:], b"[1]\n" + body):
        (tmp_path / "y").write_bytes(broken)
        with pytest.raises(Refused, match="is no checkpoint, or not a whole one"):
            read(tmp_path / "y", program(), "dpor", 100)
    with pytest.raises(Refused, match="cannot be read"):
        read(tmp_path / "none", program(), "dpor", 100)


def test_one_is_kept_when_it_is_time_and_taken_away_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = keeper(tmp_path / "x")
    one.look(begun())
    assert one.kept is None
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    one = keeper(tmp_path / "x")
    one.look(begun())
    assert one.kept == tmp_path / "x"
    one.drop()
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_was_named_is_not_taken_away(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    one = keeper(tmp_path / "x")
    one.kept = pipe
    one.drop()
    assert pipe.exists()


def test_a_full_disk_is_told_once_and_leaves_the_last_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = keeper(tmp_path / "x")
    one.keep(begun())
    before = (tmp_path / "x").read_bytes()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        one.keep(begun())
    monkeypatch.undo()
    assert (tmp_path / "x").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written (No space left on device): the last one that was kept is whole" in said


def test_a_search_that_has_nothing_to_keep_keeps_nothing(tmp_path: Path) -> None:
    class Forgetful(Backtracking):
        def checkpoint(self) -> bytes:
            return b""

    one = keeper(tmp_path / "x")
    one.keep(Forgetful(program()))
    assert one.kept is None
    assert list(tmp_path.iterdir()) == []


def test_the_usual_place_is_a_folder_that_git_ignores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = place(program())
    assert path == Path(".dmabuf-async/two-tasks.toml-00000000.checkpoint")
    keeper(path).keep(begun())
    assert Path(".dmabuf-async/.gitignore").read_text() == "*\n"
    assert json.loads(path.read_bytes().split(b"\n")[1])["scenario"] == "folder/two tasks.toml"
