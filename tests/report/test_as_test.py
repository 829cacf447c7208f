"""A test that is printed fails the same way, in a folder where nothing else is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dmabuf_async.report.as_test import module
from dmabuf_async.trace.events import Finding
from tests.plugins import ALONE

FINDING = Finding("stale-pte", "P1", 'a "frame" \\ of \x1b', 13, "mover")
ROOT = Path(__file__).parents[2]


def made(source: str, path: str = "sub/zap.toml", function: str = "", finding: Finding = FINDING, **more: int) -> str:
    return module(path, function, source, finding, "dba1:mv7k.p091", "dmabuf-async replay --as-test x dba1:..", **more)


def constants(text: str) -> dict[str, object]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


@pytest.mark.parametrize(
    "source",
    [
        'title = "t"\nstory = """\na \\u00e9 b\n"""\n',
        "'''",
        "ends with \\",
        "ends with '",
        "\ufeffbom",
        "carriage\r\nreturns\r\n",
        "\x00\x1b[1m\u2028",
        "",
    ],
)
def test_the_scenario_is_in_it_to_the_last_character(source: str) -> None:
    assert constants(made(source)) == {"SCENARIO": source, "SCHEDULE": "dba1:mv7k.p091"}


def test_a_file_without_oddities_stays_legible() -> None:
    assert "SCENARIO = r'''title = \"t\"\nb = 1\n'''\n" in made('title = "t"\nb = 1\n')


def test_it_says_what_it_is_and_how_it_was_made() -> None:
    said = ast.get_docstring(ast.parse(made("x")))
    assert said == ('stale-pte (P1): a "frame" \\ of \\x1b.\n\nPrinted by: dmabuf-async replay --as-test x dba1:..')
    assert "def test_stale_pte_in_zap(tmp_path):" in made("x")
    assert 'load(f"{file}:one")' in made("x", "my zap.py", "one")
    assert "def test_stale_pte_in_my_zap_one(tmp_path):" in made("x", "my zap.py", "one")
    assert "replayed(nothing, SCHEDULE, max_steps=7)" in made("x", max_steps=7)
    assert "(P1)" not in made("x", finding=replace(FINDING, rule=""))


@pytest.mark.parametrize(
    "name",
    [
        "scenarios/pin/pins-ignored.toml",
        "scenarios/python/lost_update.py:lost_update",
        "scenarios/memory/enomem-leaks-frames.toml",
    ],
)
def test_what_is_printed_fails_the_same_way_in_an_empty_folder(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dmabuf_async"]
    found = subprocess.run(
        [*command, "fuzz", "--lanes", name], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout
    replay = re.search(r"^  replay   dmabuf-async replay (\S+) (dba1:\S+)$", found, re.MULTILINE)
    assert replay is not None
    shown = re.search(r"^x ([\w-]+)  ", found, re.MULTILINE)
    assert shown is not None
    printed = subprocess.run(
        [*command, "replay", "--as-test", *replay.groups()], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    (tmp_path / "test_it.py").write_text(printed, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *ALONE, "test_it.py"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    assert "1 failed" in told
    assert re.search(rf"^E +\S+FoundError: .*{shown[1]}.* found; refuted, 1 execution$", told, re.MULTILINE)
    assert re.search(rf"^E +x {shown[1]}  ", told, re.MULTILINE)
