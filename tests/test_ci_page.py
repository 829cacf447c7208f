"""What docs/ci.md shows that needs a folder of its own: what is remembered, and the workflow."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"(?:^(?: {4}.*)?\n)+", PAGE.partition("## What is remembered")[2].partition("## ")[0], re.MULTILINE)
"""Blocks that are indented, and blank lines."""


def plain(block: str) -> str:
    """A block without its indent."""
    return re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip()


def stable(text: str) -> str:
    """Without what depends on the clock."""
    return re.sub(r"in [\d.]+ s \([\d,]+/s\)", "in T s (N/s)", text.strip())


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(command)
    assert program == "dmabuf-async"
    return subprocess.run(
        [sys.executable, "-m", "dmabuf_async", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "GITHUB_ACTIONS": ""},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_finding_is_remembered_and_forgotten_as_the_page_shows(tmp_path: Path) -> None:
    first, entry, last = (plain(block) for block in SHOWN if block.strip())
    scenario = tmp_path / "mine" / "put.toml"
    scenario.parent.mkdir()
    text = (ROOT / "scenarios/pin/put-twice.toml").read_text(encoding="utf-8")
    scenario.write_text(text.partition("[expect]")[0], encoding="utf-8")
    command, _, printed = first.partition("\n")
    told = typed(command.removeprefix("$ "), tmp_path)
    assert (told.returncode, told.stderr) == (1, "")
    assert stable(told.stdout) == stable(printed)
    (file,) = (tmp_path / "corpus").iterdir()
    assert f"This is `corpus/{file.name}`:" in PAGE
    assert file.read_text(encoding="utf-8").strip() == entry
    text = (ROOT / "scenarios/pin/put-twice-repaired.toml").read_text(encoding="utf-8")
    scenario.write_text(text, encoding="utf-8")
    command, _, printed = last.partition("\n")
    told = typed(command.removeprefix("$ "), tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert stable(told.stdout) == stable(printed)
    assert not list((tmp_path / "corpus").iterdir())


def test_the_workflow_runs_a_command_that_there_is(tmp_path: Path) -> None:
    (workflow,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    install, command = re.findall(r"^ +- run: (.*)$", workflow, re.MULTILINE)
    assert install == "python -m pip install -c constraints.txt ."
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    for name in ("put-twice", "put-twice-repaired"):
        text = (ROOT / f"scenarios/pin/{name}.toml").read_text(encoding="utf-8")
        (scenarios / f"{name}.toml").write_text(text, encoding="utf-8")
    told = typed(command.replace("--time 60", "--time 1"), tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "fuzz.sarif", "fuzz.xml", "scenarios"]
    for file in ("fuzz.sarif", "fuzz.xml", "corpus"):
        assert re.search(rf"^ +(sarif_file: )?{file}$", workflow, re.MULTILINE)


@pytest.mark.parametrize("words", ["is shown again by", "is mended", "is not looked for any more", "not decided"])
def test_the_page_tells_what_becomes_of_a_schedule_in_the_words_that_are_printed(words: str) -> None:
    assert f"| `{words}` |" in PAGE
    assert words in (ROOT / "src/dmabuf_async/cli/table.py").read_text(encoding="utf-8")
