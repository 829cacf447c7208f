from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.checkers import catalogue
from dmabuf_async.checkers.catalogue import summary

PAGE = "# moved-while-pinned\n\nA *pinned* `fb` moved, see V7. More.\n\n## The cure\n\nDon't.\n"


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "page", lambda code: PAGE.replace("moved-while-pinned", code))


def test_a_page_is_plain_in_a_pipe(cli: Any) -> None:
    told = cli("explain", "moved-while-pinned")
    assert (told.code, told.out, told.err) == (0, PAGE, "")


def test_a_page_is_set_where_colour_is_wanted(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = cli("explain", "moved-while-pinned")
    assert "\x1b[" in told.out
    assert "# " not in told.out


@pytest.mark.parametrize("args", [(), ("--list",), ("pin-leak", "--list")])
def test_all_codes_are_listed_one_a_line(cli: Any, args: tuple[str, ...]) -> None:
    told = cli("explain", *args)
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(catalogue.CODES)
    assert all(line.endswith("  A pinned fb moved, see V7") for line in lines)


def test_an_unknown_code_is_a_usage_error_with_the_nearest_one(cli: Any) -> None:
    told = cli("explain", "pin-leek")
    assert told.code == 2
    assert "there is no code 'pin-leek', did you mean 'pin-leak'?" in told.err
    assert "did you mean" not in cli("explain", "xyzzy").err


def test_as_json_a_page_is_an_object(cli: Any) -> None:
    assert cli("explain", "pin-leak", "--json").objects == [
        {"schema": 1, "type": "page", "code": "pin-leak", "page": PAGE.replace("moved-while-pinned", "pin-leak")}
    ]
    assert len(cli("explain", "--json").objects) == len(catalogue.CODES)


def test_a_page_without_a_paragraph_has_no_summary() -> None:
    assert summary("# only\n\n## heads\n") == ""
