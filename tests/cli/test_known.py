"""``--known FILE``: what is accepted is told, and fails nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

FUZZ = ("fuzz", "--executions", "40")
VERBS = [FUZZ, ("check",)]
TWO = ('{ do = "swap_out", buffer = "fb" }', '{ do = "put_backing_storage", buffer = "fb" }')
"""Somebody else makes another mistake."""


def accepted(text: str) -> list[str]:
    """The lines to accept what was found."""
    return re.findall(r"^  accept   (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_the_line_that_is_printed_accepts_what_was_found(cli: Any, make: Any, verb: tuple[str, ...]) -> None:
    scenario = make(expect="")
    bad = cli(*verb, scenario)
    assert bad.code == 1
    (line,) = accepted(bad.out)
    Path("known.txt").write_text(line, encoding="utf-8")
    told = cli(*verb, scenario, "--known", "known.txt")
    assert (told.code, told.err) == (0, "")
    assert "access-without-backing, known" in told.out
    assert "1 scenario: 1 as expected" in told.out
    assert not accepted(told.out)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_known_beside_what_is_expected_is_told_beside_it(cli: Any, make: Any, verb: tuple[str, ...]) -> None:
    scenario = make(edit=TWO)
    (line,) = accepted(cli(*verb, scenario).out)
    assert "unbalanced-put" in line
    Path("known.txt").write_text(line, encoding="utf-8")
    told = cli(*verb, scenario, "--known", "known.txt")
    assert told.code == 0
    assert "access-without-backing, as expected; unbalanced-put, known" in told.out


@pytest.mark.parametrize("which", [0, 1])
def test_another_finding_still_fails_and_is_the_one_that_is_shown(cli: Any, make: Any, which: int) -> None:
    scenario = make(expect="", edit=TWO)
    both = accepted(cli(*FUZZ, scenario).out)
    first, second = both[which], both[1 - which]
    Path("known.txt").write_text(first, encoding="utf-8")
    told = cli(*FUZZ, scenario, "--known", "known.txt")
    assert told.code == 1
    assert accepted(told.out) == [second]
    known, code = first.split()[1], second.split()[1]
    assert f"{code}, not expected; {known}, known" in told.out
    assert re.findall(r"^x ([\w-]+)  ", told.out, re.MULTILINE) == [code]


def test_what_is_expected_is_told_as_expected_though_it_is_known(cli: Any, make: Any) -> None:
    (line,) = accepted(cli(*FUZZ, make(expect="")).out)
    Path("known.txt").write_text(line, encoding="utf-8")
    told = cli(*FUZZ, make(), "--known", "known.txt")
    assert told.code == 0
    assert "access-without-backing, as expected" in told.out
    assert "nothing was found for line 1" in told.err, "the line is not needed any more"


def test_what_is_known_of_one_scenario_is_not_known_of_another(cli: Any, make: Any) -> None:
    (line,) = accepted(cli(*FUZZ, make(expect="")).out)
    Path("known.txt").write_text(line, encoding="utf-8")
    other = make("other.toml", expect="")
    told = cli(*FUZZ, other, "--known", "known.txt")
    assert (told.code, told.err) == (1, "")
    Path("known.txt").write_text(line.partition(": ")[2], encoding="utf-8")
    assert cli(*FUZZ, other, "--known", "known.txt").code == 0


def test_a_line_that_nothing_was_found_for_is_a_note(cli: Any, make: Any) -> None:
    Path("known.txt").write_text("# old\ndeadlock (V11) by a at b on c\n", encoding="utf-8")
    told = cli(*FUZZ, make(), "--known", "known.txt")
    assert told.code == 0
    assert told.err == "dmabuf-async: --known: nothing was found for line 2: deadlock (V11) by a at b on c\n"


def test_programs_are_told_what_is_known(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    (line,) = accepted(cli(*FUZZ, scenario).out)
    Path("known.txt").write_text(line, encoding="utf-8")
    verdict, summary = cli(*FUZZ, scenario, "--known", "known.txt", "--json", "--junit", "out.xml").objects
    assert [(failure["expected"], failure["known"]) for failure in verdict["failures"]] == [(False, True)]
    assert verdict["sample"]["failure_bound"] > 0
    assert (verdict["exit_code"], summary["as_expected"]) == (0, 1)
    assert ET.parse("out.xml").find(".//failure") is None  # noqa: S314 - our own file


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello\n", "known.txt: line 1 is no signature: 'hello'"),
        (b"stale-ptes (P1) by a at b on c", "did you mean 'stale-pte'?"),
        (b"\xff\xfe", "known.txt is no text in UTF-8"),
        (None, "known.txt cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_paragraph(
    cli: Any, make: Any, verb: tuple[str, ...], content: bytes | None, says: str
) -> None:
    if content is not None:
        Path("known.txt").write_bytes(content)
    told = cli(*verb, make(), "--known", "known.txt")
    assert (told.code, told.out) == (2, "")
    assert says in told.err
    assert told.err.count("\n") == 1
