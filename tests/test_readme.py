"""What README.md and the documents say happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from dmabuf_async.cli.front import VERBS
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.scenario import catalogue, schema
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.plugins import ALONE

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r"^```python\n(.*?)^```\n(?:\n+```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block in ``language``."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if kind == language
    ]


def transcripts() -> list[tuple[str, str]]:
    """(command, what is printed) of all but the commands that install, which .ci/run runs as they stand."""
    found = []
    for _, text in blocks("console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            if "pip install" not in command:
                found.append((command, printed))
    return found


def programs() -> list[tuple[str, str, str]]:
    """(page, program, what it prints, or nothing if the page doesn't say).

    In a tutorial or a guide a program goes on from those above it on its page.
    """
    found = []
    for page in PAGES:
        above = said = ""
        for text, printed in PROGRAM.findall(page.read_text(encoding="utf-8")):
            found.append((str(page.relative_to(ROOT)), above + text, said + printed))
            if page.parent.name in {"tutorial", "how-to"} and "@pytest.mark" not in text:
                above, said = f"{above}{text}\n\n", said + printed
    return found


def stable(text: str) -> str:
    """Without what depends on the clock."""
    return re.sub(r"in [\d.]+ s \([\d,]+/s\)|in [\d.]+s$", "in T s (N/s)", text, flags=re.MULTILINE)


def portable(text: str) -> str:
    """Without schedules: a function is identified by its bytecode, which is another for each interpreter.

    And without the name of the file, which is the reader's.
    """
    return re.sub(r"\(\w+\.py:(\d+)\)", r"(:\1)", re.sub(r"dba1:\w+\.\w+", "dba1:...", text))


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    kinds = {kind for page in PAGES for kind, _ in BLOCK.findall(page.read_text(encoding="utf-8"))}
    assert kinds <= {"console", "toml", "python", "text", "yaml"}
    assert transcripts()
    assert len(programs()) == len(blocks("python"))
    shown = [printed for page in PAGES for _, printed in PROGRAM.findall(page.read_text(encoding="utf-8")) if printed]
    assert len(shown) == len(blocks("text")), "text is what a program prints"


@pytest.mark.parametrize(("command", "printed"), transcripts())
def test_a_command_prints_what_the_page_shows(command: str, printed: str) -> None:
    program, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", {"dmabuf-async": "dmabuf_async", "pytest": "pytest"}[program], *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "PYTEST_ADDOPTS": " ".join(ALONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert stable(done.stdout) == stable(printed)


@pytest.mark.parametrize(("page", "text"), blocks("toml"))
def test_a_scenario_on_a_page_gets_what_it_expects(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["title"]
    assert perform(fuzz(catalogue.load(str(file)), RandomWalk(0), executions=200)).exit_code == 0


@pytest.mark.unaudited  # they may be many
@pytest.mark.parametrize(("page", "text", "printed"), programs())
def test_a_program_on_a_page_prints_what_it_shows(
    page: str, text: str, printed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "test_it.py"  # Hypothesis, for one, reads the source of what it runs
    file.write_text(text, encoding="utf-8")
    if "@pytest.mark" in text:
        command = [sys.executable, "-m", "pytest", "-q", *ALONE, "test_it.py"]
        assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
        return
    exec(compile(text, file, "exec"), {"__name__": "__main__"})  # noqa: S102 - it is our own
    shown = capsys.readouterr().out
    assert shown.startswith("dba1:") if page == "README.md" else portable(shown) == portable(printed)


def test_the_verbs_in_the_table_are_all_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `dmabuf-async (\w+)", text, flags=re.MULTILINE))
    assert told == set(VERBS) - {"completion"}


def test_every_path_on_a_page_exists() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"\]\(([^)#]+)\)", text):
            assert (page.parent / path).exists(), f"{page.name} points to {path}"


def test_the_page_on_scenario_files_names_every_verb_key_and_defect() -> None:
    text = (ROOT / "docs" / "scenario-files.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`\"?([\w-]+)\"?`", text))
    verbs = {step.__struct_config__.tag for step in get_args(schema.Step)}
    tables = (
        schema.MachineSizes,
        schema.BufferSpec,
        schema.DeviceSpec,
        schema.TaskSpec,
        schema.Environment,
        schema.Expect,
    )
    keys = {key for table in tables for key in table.__struct_encode_fields__}
    keys |= {key for step in get_args(schema.Step) for key in step.__struct_encode_fields__}
    assert (
        verbs
        | keys
        | set(schema.Scenario.__struct_encode_fields__)
        - {"machine", "buffers", "devices", "environment", "tasks", "expect"}
        <= told
    )
    for driver, defects in DEFECTS.items():
        for defect, words in defects.items():
            assert f"| `{defect}` | {words} |" in text, driver
