from __future__ import annotations

import fcntl
import os
from pathlib import Path
from threading import Event, Thread, current_thread

import msgspec
import pytest

from dmabuf_async.campaign.corpus import Corpus, Unusable
from dmabuf_async.campaign.entry import Entry
from dmabuf_async.cli.workers import in_order

ENTRY = Entry(
    "a.toml", "signature", "deadlock", "V11", "dba1:e55g.v3002g", "dmabuf-async replay a.toml dba1:e55g.v3002g"
)


def other(**changes: str) -> Entry:
    return msgspec.structs.replace(ENTRY, **changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_kept_is_there_for_the_next_one_and_nothing_lies_beside_it() -> None:
    Corpus(Path("deep/corpus")).keep(other(scenario="../a.toml"))
    assert Corpus(Path("deep/corpus")).of("a.toml") == [other(scenario="../a.toml")]
    assert names(Path("deep/corpus")) == [other(scenario="../a.toml").file]


def test_a_name_means_the_same_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Corpus(Path("corpus")).name("./sub/x.toml") == "sub/x.toml"
    Path("sub").mkdir()
    monkeypatch.chdir("sub")
    corpus = Corpus(Path("../corpus"))
    assert corpus.name("x.toml") == corpus.name(str(tmp_path / "sub" / "x.toml")) == "sub/x.toml"
    assert corpus.name("x.py:one") == "sub/x.py:one"
    assert corpus.name("../a:b.toml") == "a:b.toml"


def test_a_finding_has_one_file_and_the_latest_is_kept() -> None:
    corpus = Corpus(Path("corpus"))
    corpus.keep(ENTRY)
    corpus.keep(other(schedule="dba1:e55g.v3p0rg"))
    assert corpus.of("a.toml") == [other(schedule="dba1:e55g.v3p0rg")]
    assert names(Path("corpus")) == [ENTRY.file]


def test_a_file_under_another_name_is_replaced_by_one_under_its_own() -> None:
    Path("corpus").mkdir()
    Path("corpus/mine.schedule").write_text(ENTRY.text())
    corpus = Corpus(Path("corpus"))
    assert corpus.path(ENTRY) == Path("corpus/mine.schedule")
    corpus.keep(other(schedule="dba1:e55g.v3p0rg"))
    assert names(Path("corpus")) == [ENTRY.file]


def test_what_another_campaign_has_written_meanwhile_is_not_taken_away() -> None:
    mine = Corpus(Path("corpus"))
    mine.keep(ENTRY)
    Corpus(Path("corpus")).keep(other(schedule="dba1:e55g.v3p0rg"))
    mine.forget(ENTRY)
    assert Corpus(Path("corpus")).of("a.toml") == [other(schedule="dba1:e55g.v3p0rg")]


def test_what_another_campaign_writes_while_it_is_taken_away_is_there_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus, others = Corpus(Path("corpus")), Corpus(Path("corpus"))
    corpus.keep(ENTRY)
    there = Event()  # the other one waits, or is through
    read, lock = Path.read_text, fcntl.flock

    def write() -> None:
        others.keep(other(schedule="dba1:e55g.v3p0rg"))
        there.set()

    writer = Thread(target=write)

    def locking(folder: int, kind: int) -> None:
        if current_thread() is writer:
            there.set()
        lock(folder, kind)

    def reading(path: Path, encoding: str) -> str:
        text = read(path, encoding=encoding)
        writer.start()
        there.wait()
        return text

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", locking)
        patched.setattr(Path, "read_text", reading)
        corpus.forget(ENTRY)
        writer.join()
    assert Path("corpus", ENTRY.file).read_text() == other(schedule="dba1:e55g.v3p0rg").text()


def test_what_another_campaign_has_forgotten_is_forgotten() -> None:
    mine, others = Corpus(Path("corpus")), Corpus(Path("corpus"))
    mine.keep(ENTRY)
    Path("corpus", ENTRY.file).unlink()
    mine.forget(ENTRY)
    assert not mine.of("a.toml")
    assert not others.of("a.toml")


def _keep(number: int, _tell: object) -> None:
    corpus = Corpus(Path("corpus"))
    for finding in range(20):
        corpus.keep(other(signature=f"{finding}"))
        corpus.keep(other(signature=f"{number} {finding}"))


def test_several_writers_at_once_lose_nothing() -> None:
    assert list(in_order(4, 4, _keep, lambda: None)) == [None] * 4
    assert len(Corpus(Path("corpus")).of("a.toml")) == len(names(Path("corpus"))) == 20 + 4 * 20


def test_other_files_are_left_alone() -> None:
    Path("corpus").mkdir()
    Path("corpus/README.md").write_text("ours")
    Path("corpus/sub").mkdir()
    Corpus(Path("corpus")).keep(ENTRY)
    assert names(Path("corpus")) == sorted(["README.md", "sub", ENTRY.file])


def test_a_folder_that_is_a_file_is_refused() -> None:
    Path("corpus").write_text("ours")
    with pytest.raises(Unusable, match=r"^corpus is no folder: name one, which may be new$"):
        Corpus(Path("corpus"))
    assert Path("corpus").read_text() == "ours"
    with pytest.raises(Unusable, match=r"^the folder corpus/below cannot be used"):
        Corpus(Path("corpus/below"))


@pytest.mark.parametrize("content", [b"hello", b"\xff\xfe", ENTRY.text().replace("code", "kode").encode(), b""])
def test_a_foreign_file_is_refused_and_stays(content: bytes) -> None:
    Path("corpus").mkdir()
    Path("corpus/mine.schedule").write_bytes(content)
    with pytest.raises(Unusable, match=r"^corpus/mine.schedule is no schedule that a campaign has remembered \("):
        Corpus(Path("corpus"))
    assert Path("corpus/mine.schedule").read_bytes() == content


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_place_without_rights_is_refused() -> None:
    Path("corpus").mkdir(mode=0o555)
    with pytest.raises(Unusable, match="Permission denied"):
        Corpus(Path("corpus"))


def test_a_file_that_cannot_be_read_is_refused() -> None:
    Path("corpus/x.schedule").mkdir(parents=True)
    with pytest.raises(Unusable, match=r"^corpus/x.schedule cannot be read \(Is a directory\)"):
        Corpus(Path("corpus"))


def test_what_cannot_be_written_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(Path("corpus"))
    corpus.keep(ENTRY)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        corpus.keep(other(schedule="dba1:e55g.v3p0rg"))
    assert corpus.of("a.toml") == Corpus(Path("corpus")).of("a.toml") == [ENTRY]
    assert names(Path("corpus")) == [ENTRY.file]


def test_only_a_scenario_that_was_looked_for_and_is_not_there_is_gone() -> None:
    corpus = Corpus(Path("corpus"))
    for name in ("sub/gone.toml", "sub/here.toml", "elsewhere/gone.toml", "sub/mine.py:one", "sub/mine.py:two"):
        corpus.keep(other(scenario=name))
    Path("sub").mkdir()
    Path("sub/here.toml").touch()
    Path("sub/mine.py").touch()

    def gone(paths: list[str], explored: list[str]) -> list[str]:
        return [entry.scenario for entry in corpus.gone(paths, explored)]

    assert gone(["sub"], ["sub/here.toml", "sub/mine.py:one"]) == ["sub/gone.toml", "sub/mine.py:two"]
    assert gone(["sub"], ["sub/here.toml", "sub/mine.py"]) == ["sub/gone.toml"], "it could not be read"
    assert gone(["."], []) == ["elsewhere/gone.toml", "sub/gone.toml"]
    assert gone(["sub/here.toml"], ["sub/here.toml"]) == []
    assert gone(["corpus"], []) == []
