"""Whatever is typed: one paragraph, the right exit code, never a traceback (issue 2, "Bad input")."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

VERBS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("run",), ()),
    (("watch",), ()),
    (("fuzz",), ("--executions", "2")),
    (("replay",), ("dba1:mv7k.p091",)),
    (("scenario", "show"), ()),
    (("scenario", "list"), ()),
]
TASK = '[[tasks]]\nname = "t"\nsteps = [{ do = "sleep", ticks = 1 }]\n'
FILES: dict[str, bytes] = {
    "empty.toml": b"",
    "binary.toml": bytes(range(256)),
    "elf.toml": b"\x7fELF\0\0\0",
    "broken.toml": b"title = \n",
    "wrong-type.toml": b"title = 3\n" + TASK.encode(),
    "unknown-key.toml": b'title = "x"\ncolour = 1\n' + TASK.encode(),
    "unknown-defect.toml": b'title = "x"\n[buffers.fb]\ndefects = ["ignore-pin"]\n' + TASK.encode(),
    "million.toml": b'title = "x"\n[buffers.fb]\npages = 1000000\n' + TASK.encode(),
    "escape.toml": b'title = "\\u001b[31mred"\n' + TASK.encode(),
    "control\x1b[31m\n.toml": b"",
    "no-memory.toml": b'title = "x"\n[machine]\nram = 1\n[buffers.fb]\npages = 9\n' + TASK.encode(),
    "raises.py": b"raise RuntimeError('\\x1b]0;owned\\x07 two\\nlines')\n",
    "exits.py": b"raise SystemExit(0)\n",
    "syntax.py": b"def f(:\n",
    "nothing.py": b"",
    "makes-nothing.py": b"from dmabuf_async.scenario.python import scenario\n@scenario()\ndef f(machine): pass\n",
    "makes-badly.py": b"from dmabuf_async.scenario.python import scenario\n@scenario()\ndef f(machine): 1 / 0\n",
    "folder.toml/": b"",
    "nowhere.toml": b"",
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("verb", "rest"), VERBS, ids=" ".join)
def test_a_scenario_that_cannot_be_used_is_told_in_one_paragraph(
    cli: Any, tmp_path: Path, file: str, verb: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    if file.endswith("/"):
        (tmp_path / file).mkdir()
    elif file != "nowhere.toml":
        (tmp_path / file).write_bytes(FILES[file])
    told = cli(*verb, file, *rest)
    assert told.code == 3
    assert told.err.startswith("dmabuf-async: ")
    assert told.err.count("\n") == 1
    assert all(character.isprintable() for character in (told.out + told.err).replace("\n", ""))
    assert "Traceback" not in told.err
    assert "bug" not in told.err


@pytest.mark.parametrize(
    "args",
    [
        ["fuz"],
        ["run"],
        ["run", "--engine", "tri", "x"],
        ["run", "x", "y"],
        ["run", "--nonsense"],
        ["replay", "x"],
        ["scenario", "lst"],
        ["explain", "moved-while-pined"],
        ["explain", "\x1b[31mred\n"],
        ["completion", "tcsh"],
        ["watch", "x", "--speed", "0"],
        ["watch", "x", "--speed", "nan"],
        ["fuzz", "x", "--time", "nan"],
        ["check", "x", "--time", "NaN"],
        ["scenario", "reduce", "x", "--time", "nan"],
        ["scenario", "reduce", "x", "--code", "stale-ptee"],
        ["run", "--seed", "\x1b[31m", "x"],
        ["\x1b[31m"],
        ["run", "x", "--seed", 5000 * "1"],
        ["run", 5000 * "-"],
        ["check", "x", "--preemptions", 5000 * "1"],
    ],
)
def test_a_command_that_cannot_be_meant_is_told_in_one_paragraph(cli: Any, args: list[str]) -> None:
    told = cli(*args)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("dmabuf-async: ")
    assert all(character.isprintable() for character in told.err.rstrip("\n"))
    assert len(told.err) < 1000


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["fuzz", "x", "--corpus", ""], "--corpus: the path is empty: name a folder, such as . for this one"),
        (["check", "x", "--corpus="], "--corpus: the path is empty: name a folder, such as . for this one"),
        *(
            ([*verb, option, ""], f"{option}: the path is empty: name a file")
            for verb, options in (
                (("fuzz", "x"), ("--known", "--junit", "--sarif", "-o")),
                (("check", "x"), ("--known", "--junit", "--sarif", "--checkpoint", "--resume")),
                (("run", "x", "--trace", "jsonl"), ("-o",)),
                (("replay", "x", "dba1:mv7k.p091", "--trace", "jsonl"), ("-o",)),
                (("report", "x"), ("-o",)),
                (("scenario", "reduce", "x"), ("-o",)),
            )
            for option in options
        ),
        *(([*verb, ""], "the path is empty: name a scenario") for verb, _ in VERBS),
        *(([*verb, ""], "the path is empty: name a scenario") for verb in (("check",), ("report",), ("fuzz", "x"))),
        *(
            ([*verb, option, "-"], f"{option}: - would be standard output, which is taken: name a file")
            for verb, options in (
                (("fuzz", "x"), ("--junit", "--sarif")),
                (("fuzz", "x", "--generate"), ("-o",)),
                (("check", "x"), ("--checkpoint",)),
                (("scenario", "reduce", "x"), ("-o",)),
            )
            for option in options
        ),
        (["fuzz", "x", "--junit", "y", "--sarif", "./y"], "--junit and --sarif both name y: give each a file"),
    ],
)
def test_a_path_that_is_empty_or_taken_is_a_mistake_and_not_the_current_folder(
    cli: Any, tmp_path: Path, args: list[str], said: str
) -> None:
    told = cli(*args, *(["dba1:mv7k.p091"] if args[0] == "replay" and len(args) == 2 else []))
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"dmabuf-async: {said}")
    assert not [*tmp_path.iterdir()]


def test_a_file_that_may_not_be_read_is_told(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.toml").touch(mode=0o000)
    if os.access(tmp_path / "secret.toml", os.R_OK):
        (tmp_path / "secret.toml").unlink()
        (tmp_path / "secret.toml").symlink_to("secret.toml")  # root may read everything, but no circle
    assert cli("run", "secret.toml").code == 3


def test_the_nearest_word_is_offered(cli: Any) -> None:
    assert "did you mean 'fuzz'?" in cli("fuz").err
    assert "did you mean 'moved-while-pinned'?" in cli("explain", "moved-while-pined").err
    assert "did you mean 'list'?" in cli("scenario", "lst").err


HUGE = """\
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.python import scenario

HUGE = 10**5000


@scenario(always=["c != 1"])
def huge(machine: Machine) -> None:
    c, n = machine.cell("c", HUGE), machine.counter("n", 2)

    async def a() -> None:
        await c.store_release(-HUGE)
        assert await c.exchange((1, HUGE)) == -HUGE
        await c.compare_exchange(HUGE, 1)
        await n.add(HUGE)
        await machine.clock.sleep(3)

    async def b() -> None:
        await c.wait("!=", HUGE)
        await c.load_acquire()
        await c.wait("==", HUGE + 1)

    machine.task("a", a)
    machine.task("b", b, cpu=1)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["run", "--all"],
        ["run", "--json"],
        ["run", "--trace", "jsonl"],
        ["run", "--trace", "perfetto"],
        ["fuzz", "--executions", "5"],
        ["fuzz", "--executions", "5", "--json"],
        ["check", "--search", "dpor", "--sarif", "x.sarif", "--junit", "x.xml"],
        ["check", "--search", "graph", "--json"],
        ["report"],
        ["scenario", "show"],
        ["watch"],
    ],
    ids=" ".join,
)
def test_a_value_that_python_would_not_write_out_is_told_by_the_number_of_its_digits(
    cli: Any, tmp_path: Path, args: list[str]
) -> None:
    (tmp_path / "huge.py").write_text(HUGE, encoding="utf-8")
    told = cli(*args, "huge.py")
    assert told.code in (0, 1)
    assert told.err == ""
    assert re.search(r"integer of\s+5,001", told.out)
