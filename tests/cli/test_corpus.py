"""``--corpus DIR``: failing schedules are remembered, replayed first the next time, and forgotten when they are old."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.explore import fuzzing

FUZZ = ("fuzz", "--executions", "40")
VERBS = [FUZZ, ("check",)]


def files(folder: str = "corpus") -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).iterdir())}


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_found_is_remembered_and_shown_by_one_execution_the_next_time(
    cli: Any, make: Any, verb: tuple[str, ...]
) -> None:
    scenario = make("cases/race.toml", expect="")
    told = cli(*verb, scenario, "--corpus", "corpus")
    assert told.code == 1
    ((name, text),) = files().items()
    assert re.search(rf"corpus +access-without-backing is remembered in\s+corpus/{name}", told.out)
    replay = re.search(r"^replay = \"dmabuf-async (replay \S+ \S+)\"$", text, re.MULTILINE)
    assert replay is not None
    assert cli(*replay[1].split()).code == 1
    again = cli("fuzz", "--executions", "1", scenario, "--corpus", "corpus")
    assert again.code == 1
    assert "access-without-backing, not expected" in again.out
    assert re.search(rf"corpus +access-without-backing is shown again by\s+corpus/{name}", again.out)
    assert files() == {name: text}


def test_no_file_names_the_machine_or_the_day(cli: Any, make: Any, tmp_path: Path) -> None:
    scenario = make("cases/race.toml", expect="")
    cli(*FUZZ, str(tmp_path / scenario), "--corpus", str(tmp_path / "corpus"))
    by_absolute = files()
    cli(*FUZZ, scenario, "--corpus", "other/../second")
    assert files("second") == by_absolute
    (text,) = by_absolute.values()
    assert str(tmp_path) not in text
    assert 'scenario = "cases/race.toml"' in text


def test_what_is_mended_is_told_and_forgotten(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    cli(*FUZZ, scenario, "--corpus", "corpus")
    (name,) = files()
    make(expect="", repaired=True)
    told = cli(*FUZZ, scenario, "--corpus", "corpus")
    assert told.code == 0
    assert re.search(rf"corpus +access-without-backing is .*corpus/{name}\s+is\s+forgotten", told.out, re.DOTALL)
    assert files() == {}


def test_a_scenario_that_is_gone_from_a_folder_that_was_named_is_forgotten(cli: Any, make: Any) -> None:
    make("cases/race.toml", expect="")
    make("cases/right.toml", repaired=True)
    cli(*FUZZ, "cases", "--corpus", "corpus")
    (name,) = files()
    Path("cases/race.toml").rename("race.toml")
    assert (cli(*FUZZ, "cases/right.toml", "--corpus", "corpus").err, len(files())) == ("", 1)
    told = cli(*FUZZ, "cases", "--corpus", "corpus")
    assert told.code == 0
    assert told.err == f"dmabuf-async: --corpus: corpus/{name} is forgotten: the scenario cases/race.toml is gone\n"
    assert files() == {}


@pytest.mark.parametrize("expects", [True, False])
def test_what_another_campaign_may_miss_need_not_be_found_again(cli: Any, expects: bool) -> None:
    text = (Path(__file__).parents[2] / "scenarios/pin/pinned-after-unlock.toml").read_text(encoding="utf-8")
    Path("twin.toml").write_text(text if expects else text.partition("[expect]")[0], encoding="utf-8")
    once = ("fuzz", "--executions", "1", "--strategy", "random", "--seed", "3", "twin.toml")
    assert cli(*once).code == expects, "this one misses it"
    assert cli("fuzz", "--executions", "100", "--lanes", "--no-shrink", "twin.toml", "--corpus", "corpus").code == (
        not expects
    )
    names = files()
    assert bool(expects) == (len(names) == 1)
    again = cli(*once, "--lanes", "--no-shrink", "--corpus", "corpus")
    assert again.code == (not expects)
    assert re.search(r"shown\s+again by what is\s+remembered,\s+and\s+by\s+none\s+of\s+1\s+other", again.out)
    assert files().keys() == names.keys(), "though a shorter schedule may have come"


def test_what_is_expected_and_found_all_the_time_is_not_remembered(cli: Any, make: Any) -> None:
    assert cli(*FUZZ, make(), "--corpus", "corpus").code == 0
    assert cli("check", make(), "--corpus", "corpus").code == 0
    assert files() == {}


def test_several_at_a_time_remember_the_same(cli: Any, make: Any) -> None:
    for name in ("a", "b", "c"):
        make(f"cases/{name}.toml", expect="")
    one = cli(*FUZZ, "cases", "--corpus", "corpus")
    several = cli(*FUZZ, "--jobs", "3", "cases", "--corpus", "second")
    assert one.code == several.code == 1
    assert files() == files("second")
    assert len(files()) == 3
    assert (
        cli("fuzz", "--executions", "1", "--jobs", "2", "cases", "--corpus", "second").out.count("shown again by") >= 3
    )


def test_programs_are_told_what_became_of_each(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    verdict, _ = cli(*FUZZ, scenario, "--corpus", "corpus", "--json").objects
    (name,) = files()
    schedule = verdict["failures"][0]["schedule"]
    told = {
        "file": f"corpus/{name}",
        "code": "access-without-backing",
        "schedule": schedule,
        "became": "new",
        "why": "",
    }
    assert verdict["recalled"] == [told]
    verdict, _ = cli(*FUZZ, scenario, "--corpus", "corpus", "--json").objects
    assert verdict["recalled"] == [{**told, "became": "shown"}]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("corpus", "--corpus: corpus is no folder: name one, which may be new"),
        ("corpus/below", "--corpus: the folder corpus/below cannot be used (Not a directory)"),
        ("there", "--corpus: there/x.schedule is no schedule that a campaign has remembered"),
    ],
)
def test_a_folder_that_cannot_be_used_is_told_in_one_paragraph_before_anything_is_explored(
    cli: Any, make: Any, verb: tuple[str, ...], path: str, says: str
) -> None:
    Path("corpus").write_text("mine", encoding="utf-8")
    Path("there").mkdir()
    Path("there/x.schedule").write_text("<<<<<<< ours\n", encoding="utf-8")
    told = cli(*verb, make(), "--corpus", path)
    assert (told.code, told.out) == (2, "")
    assert says in told.err
    assert told.err.count("\n") == 1
    assert Path("corpus").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_is_told_at_the_end_and_takes_nothing_away(
    cli: Any, make: Any, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(*FUZZ, make("a.toml", expect=""), "--corpus", "corpus")
    before = files()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    told = cli(*verb, "a.toml", make("b.toml", expect=""), make("c.toml", expect=""), "--corpus", "corpus")
    assert told.code == 2
    assert "3 scenarios: 3 not as expected" in told.out
    assert (
        "dmabuf-async: --corpus: corpus cannot be written (No space left on device): what was found in b.toml and "
        "after it is not remembered; what lies there is whole" in told.err
    )
    assert told.err.count("\n") == 1
    assert files() == before


def test_nothing_is_forgotten_when_a_campaign_is_interrupted(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = make(expect="")
    cli(*FUZZ, scenario, "--corpus", "corpus")
    before = files()
    make(expect="", repaired=True)

    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(fuzzing, "guarded", interrupted)
    told = cli(*FUZZ, scenario, "--corpus", "corpus")
    assert told.code == 130
    assert files() == before


def test_generating_has_no_use_for_it(cli: Any, make: Any) -> None:
    told = cli("fuzz", "--generate", make(), "--corpus", "corpus")
    assert told.code == 2
    assert "--corpus is of no use to --generate" in told.err
