from __future__ import annotations

import subprocess
from typing import Any

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_the_variable(cli: Any, shell: str) -> None:
    told = cli("completion", shell)
    assert told.code == 0
    assert "_DMABUF_ASYNC_COMPLETE" in told.out
    assert cli("completion", shell, "--json").objects[0]["script"].rstrip("\n") == told.out.rstrip("\n")


def test_bash_accepts_the_script(cli: Any) -> None:
    script = cli("completion", "bash").out
    told = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)  # noqa: S607
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("dmabuf-async f", "fuzz"),
        ("dmabuf-async explain moved", "moved-while-pinned"),
        ("dmabuf-async run --eng", "--engine"),
        ("dmabuf-async run --engine tr", "trio"),
        ("dmabuf-async scenario sh", "show"),
    ],
)
def test_words_are_completed(typed: str, completed: str, process: Any) -> None:
    words = typed.split()
    more = {
        "_DMABUF_ASYNC_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    told = process(more=more)
    assert told.returncode == 0
    assert f"plain,{completed}" in told.stdout.split()


def test_scenarios_are_completed_as_files(process: Any) -> None:
    more = {"_DMABUF_ASYNC_COMPLETE": "bash_complete", "COMP_WORDS": "dmabuf-async run sc", "COMP_CWORD": "2"}
    assert "file," in process(more=more).stdout
