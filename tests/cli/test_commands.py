from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from dmabuf_async.cli.commands import quoted, replay

NAMES = ["plain.toml", "two words.toml", "it's.toml", '"double".toml', "$HOME`id`.toml", "-x.toml", "a\tb\x1b[31m.toml"]


@pytest.mark.parametrize("name", [*NAMES, "café.toml", "back\\slash'\n.toml", "\udcff.toml", "new\nline \u202e.toml"])
def test_a_name_survives_being_pasted_into_a_shell(name: str) -> None:
    said = subprocess.run(["bash", "-c", f"printf %s {quoted(name)}"], capture_output=True, check=True).stdout  # noqa: S607
    assert Path(said.decode(errors="surrogateescape")) == Path(name)
    assert quoted(name).isprintable()


def test_a_name_that_looks_like_an_option_does_not_when_pasted() -> None:
    assert quoted("-x.toml") == "./-x.toml"


def test_a_replay_line_says_only_what_is_not_usual() -> None:
    assert replay("a b.toml", "dba1:x") == "dmabuf-async replay 'a b.toml' dba1:x"
    assert shlex.split(replay("a.toml", "dba1:x", max_steps=7)) == [
        *("dmabuf-async", "replay", "--max-steps", "7", "a.toml", "dba1:x"),
    ]
