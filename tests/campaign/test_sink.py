from __future__ import annotations

import os
from pathlib import Path

import pytest

from dmabuf_async.campaign.sink import Sink


def test_the_file_is_there_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    with Sink(tmp_path / "report.xml") as sink:
        assert not (tmp_path / "report.xml").exists()
        sink.write("é" * 100_000)
    assert (tmp_path / "report.xml").read_text(encoding="utf-8") == "é" * 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]


def test_without_a_text_the_old_file_stays_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("old")

    class Failed(Exception):
        pass

    with pytest.raises(Failed), Sink(tmp_path / "report.xml"):
        raise Failed
    assert (tmp_path / "report.xml").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]


@pytest.mark.parametrize("path", ["no/folder/report.xml", ".", "sub"])
def test_a_place_that_takes_no_file_is_refused_at_once(tmp_path: Path, path: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(OSError, match="directory"):
        Sink(tmp_path / path)


def test_the_mode_is_that_of_the_old_file_or_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "old").touch(mode=0o600)
    for name in ("old", "new"):
        with Sink(tmp_path / name) as sink:
            sink.write("")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    with Sink(tmp_path / "link") as sink:
        sink.write("text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with Sink(tmp_path / "pipe") as sink:
        sink.write("text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
