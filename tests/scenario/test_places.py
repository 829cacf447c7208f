from __future__ import annotations

from pathlib import Path

import pytest

from dmabuf_async.scenario.places import file_of, line_of
from dmabuf_async.trace.events import Signature

TEXT = """\
title = "t"

[buffers.fb]
exporter = "swapping"

[[tasks]]
name = "a"
steps = [{ do = "yield" }]

[[tasks]]
name = "b"
steps = [
  { do = "yield" },
  # two
  { do = "swap_out", buffer = "fb" },
]

[expect]
findings = []
"""
PYTHON = """\
class Exporter:
    async def fault(self): ...

async def bump(count): ...

@scenario
def one(machine):
    async def inner(): ...

def two(machine): ...
"""


def at(role: str, site: str) -> Signature:
    return Signature("deadlock", "V11", role, site, "page")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(TEXT, encoding="utf-8")
    Path("x.py").write_text(PYTHON, encoding="utf-8")


@pytest.mark.parametrize(
    ("role", "site", "line"),
    [
        ("b", "step 2 swap_out: Move.switch", 15),
        ("b/copy", "step 1 yield", 13),
        ("a", "step 1 yield: kernel_steps", 8),
        ("a", "step 9 yield", 8),
        ("b", "exit path: unwind", 10),
        ("reclaim-fb", "reclaim: Move.switch", 3),
        ("environment", "", 1),
    ],
)
def test_a_finding_is_at_the_step_or_the_task_or_the_buffer(role: str, site: str, line: int) -> None:
    assert line_of("x.toml", at(role, site)) == line


@pytest.mark.parametrize(
    ("name", "site", "line"),
    [
        ("x.py:one", "bump", 4),
        ("x.py:one", "label: Exporter.fault", 2),
        ("x.py:one", "one.inner", 8),
        ("x.py:two", "kmap", 10),
        ("x.py", "kmap", 1),
    ],
)
def test_in_python_it_is_at_the_function(name: str, site: str, line: int) -> None:
    assert line_of(name, at("a", site)) == line


def test_what_is_expected_is_under_expect_or_at_the_function() -> None:
    assert line_of("x.toml") == 18
    assert line_of("x.py:two") == 10
    Path("y.toml").write_text(TEXT.partition("[expect]")[0], encoding="utf-8")
    assert line_of("y.toml") == 1


@pytest.mark.parametrize("content", [b"\xff", b"[[", b"a = 1", None])
@pytest.mark.parametrize("name", ["z.toml", "z.py:one"])
def test_a_file_that_says_nothing_of_it_has_a_first_line(name: str, content: bytes | None) -> None:
    if content is not None:
        Path(file_of(name)[0]).write_bytes(content)
    assert line_of(name, at("a", "step 1 yield")) == line_of(name) == 1


def test_a_colon_belongs_to_a_name_unless_it_is_of_python() -> None:
    assert file_of("a:b.toml") == ("a:b.toml", "")
    assert file_of("a:b.py:c") == ("a:b.py", "c")
    assert file_of("a.py") == ("a.py", "")
