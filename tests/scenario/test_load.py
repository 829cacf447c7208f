from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.load import MAX_BYTES, load_scenario, parse_scenario
from dmabuf_async.scenario.schema import Scenario

GOLDEN = Path(__file__).parent / "golden"
LAYERS = ("syntax", "types", "contradictions")
LEAST = 'title = "x"\n[[tasks]]\nname = "a"\nsteps = [{ do = "sleep", ticks = 1 }]\n'

Complaint = Callable[[str], str]


def load(path: Path) -> Scenario:
    return load_scenario(path, defects=DEFECTS, codes=CODES)


def refused(path: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(path)
    return str(caught.value)


def cases(layer: str) -> Iterator[tuple[str, str, str]]:
    """The name, the text and the message of each case in a golden file: ``=== name``, TOML, ``---``, message."""
    for case in (GOLDEN / f"{layer}.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        name, rest = case.split("\n", 1)
        text, _, message = rest.rpartition("---\n")
        yield name, text, message.strip()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_mistake_is_told_with_its_place_and_its_cure(layer: str, complaint: Complaint) -> None:
    told = [(name, text, complaint(text)) for name, text, _ in cases(layer)]
    if os.environ.get("UPDATE_GOLDEN"):
        shown = "".join(f"=== {name}\n{text}---\n{message}\n\n" for name, text, message in told)
        (GOLDEN / f"{layer}.txt").write_text(shown, encoding="utf-8")
    assert told == list(cases(layer))
    assert len(told) > 20


@pytest.mark.parametrize("layer", LAYERS)
def test_every_message_is_one_printable_paragraph_that_begins_with_file_line_and_column(layer: str) -> None:
    for name, _, message in cases(layer):
        assert re.match(r"x\.toml:[1-9][0-9]*:[1-9][0-9]*: [^ ]", message), name
        assert message.isprintable(), name


def test_the_least_scenario_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(LEAST)
    assert load(path).tasks[0].name == "a"


KMAP, KUNMAP = '{ do = "kmap", buffer = "fb", as = "m" }', '{ do = "kunmap", at = "m" }'


@pytest.mark.parametrize("steps", [KMAP, f"{KMAP}, {KUNMAP}, {KMAP}, {KUNMAP}"])
def test_a_name_of_a_mapping_is_free_again_once_it_is_unmapped(steps: str, parse: Callable[[str], Scenario]) -> None:
    text = f'title = "x"\n[buffers.fb]\n[[tasks]]\nname = "a"\nREPEAT\nsteps = [{steps}]\n'
    parse(text.replace("REPEAT", ""))
    if KUNMAP in steps:
        parse(text.replace("REPEAT", "repeat = 2"))


def test_windows_may_have_written_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert load(path).title == "x"


def test_windows_line_ends_do_not_move_the_line(complaint: Complaint) -> None:
    assert complaint('title = "x"\r\n[machine]\r\ncpus = 0\r\n').startswith("x.toml:3:1: machine.cpus: ")
    assert complaint('title = "x"\r\n[machine]\r\ncpus = zero\r\n').startswith("x.toml:3:8: expected a value; ")


# Files ---------------------------------------------------------------------------


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "swap-out.toml").touch()
    assert refused(tmp_path / "swapout.toml") == (
        f'{tmp_path}/swapout.toml: there is no such file; did you mean "swap-out.toml"?'
    )
    assert refused(tmp_path / "zzz").endswith("there is no such file; name a scenario file, such as x.toml")


def test_a_link_to_nowhere_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "x.toml").symlink_to("gone.toml")
    assert refused(tmp_path / "x.toml").endswith("there is no such file; it is a link to gone.toml, which is not there")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere" / "x.toml").endswith(f"nor is there a folder {tmp_path}/nowhere")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path) == (f"{tmp_path}: is a folder, and a file was expected; name a file in it, such as x.toml")


@pytest.mark.parametrize("content", [b"", b" \n\n\t"])
def test_an_empty_file_is_told_what_a_scenario_needs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    assert refused(path) == (f'{path}: is empty; a scenario needs at least title = "..." and one [[tasks]] table')


def test_a_binary_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\x7fELF\x02\x01\x01\x00\x00")
    assert refused(path) == f"{path}: is a binary file (byte 7 is NUL), and TOML text was expected"


def test_a_file_that_is_not_utf_8_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes("title = 'x'\nstory = 'für'".encode("latin-1"))
    assert refused(path) == f"{path}:2:11: expected text in UTF-8, found the byte 0xfc; save the file as UTF-8"


def test_a_file_of_more_than_a_megabyte_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    filler = "#" * (MAX_BYTES - len(LEAST) - 1) + "\n"
    path.write_text(filler + LEAST)
    assert load(path).title == "x"
    path.write_text("#" + filler + LEAST)
    assert refused(path) == f"{path}: is larger than 1,048,576 bytes, which no scenario needs; split it"


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.toml")
    assert refused(tmp_path / "x.toml").endswith(
        "is a pipe or a device, and a file was expected; save the scenario as a file"
    )


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_file(device: str) -> None:
    assert refused(Path(device)).startswith(f"{device}: is a pipe or a device, and a file was expected")


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.toml"
    path.touch()

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert refused(path) == f"{path}: cannot be read (Permission denied); name a scenario file that you may read"


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.toml"
    path.touch()

    def fail(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdopen", fail)
    assert refused(path) == f"{path}: cannot be read (Input/output error); copy it to another disk"


def test_no_file_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(LEAST)
    before = len(list(Path("/proc/self/fd").iterdir()))
    load(tmp_path / "x.toml")
    refused(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n\udcff.toml"
    path.touch()
    assert refused(path).startswith(f"{tmp_path}/a\\x1b[31m\\n\\udcff.toml: is empty; ")
    assert refused(Path("a\0b")).startswith("a\\x00b: cannot be read (")


# What would take all memory, all time, or the stack ------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 5000, "expected a key"),
        ("x = " + "[" * 100_000, "arrays or inline tables are nested too deeply"),
        ("a." * 100_000 + "b = 1", "this key has more than 32 parts"),
        ("[" + "a . " * 100_000 + "b]", "this key has more than 32 parts"),
        ('"a".' * 100_000 + "b = 1", "this key has more than 32 parts"),
        ("x = " + "9" * 1_000_000, "this number has thousands of digits"),
        ("x = " + "9" * 4299, 'a scenario has no key "x"'),
        (("9" * 4200 + " ") * 240, 'expected "="'),
        ("x = {" * 10_000, "nested too deeply"),
        ("#" + "a" * 1_000_000, 'the key "title" is missing'),
        ("\n" * 1_000_000, 'the key "title" is missing'),
        ("x = [" + "1," * 100_000 + "]", 'a scenario has no key "x"'),
        ("tasks = [" + "1," * 50_000 + "]", "expected 1 to 64 tables"),
        ("mutexes = [" + "'a'," * 20_000 + "1]", "mutexes[20000]: expected a name"),
        ("[[t]]\n" * 50_000, 'a scenario has no key "t"'),
    ],
)
def test_a_hostile_text_is_refused_soon(text: str, said: str, complaint: Complaint) -> None:
    began = time.process_time()
    message = complaint(text)
    assert time.process_time() - began < 10
    assert said in message
    assert len(message) < 500


def test_what_tomllib_never_said_before_is_passed_on(complaint: Complaint, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise tomllib.TOMLDecodeError("Something\nnew")

    monkeypatch.setattr(tomllib, "loads", refuse)
    assert complaint(LEAST) == "x.toml:1:1: is not valid TOML: Something\\nnew"


def test_a_number_that_this_python_does_not_read_is_told(complaint: Complaint) -> None:
    import sys

    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert "x.toml:1:1: is not valid TOML: Exceeds the limit (640 digits)" in complaint("x = " + "9" * 700)
    finally:
        sys.set_int_max_str_digits(limit)


TOKENS = """title machine tasks steps do kmap buffer = [ ] [[ ]] { } , . " ' "x" 'y' \\ # 1 -5 1_0 true nan 0x é"""
WORDS = st.sampled_from([*TOKENS.split(), '"""', "\n", "\r\n", "\t", "\0", "1979-05-27"])


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(WORDS).map("".join), st.lists(WORDS).map(" ".join)))
@example(LEAST)
@example('title="x"\n"\\u0000" = 1')
@example('title = "\\U0010FFFF"')
@example("x = 1\n[x]")
@example("\ud800")
def test_any_text_is_a_scenario_or_ends_in_one_printable_paragraph(text: str) -> None:
    try:
        parse_scenario(text, "x.toml", defects=DEFECTS, codes=CODES)
        return
    except ScenarioError as error:
        message = str(error)
    assert message.isprintable()
    place = re.match(r"x\.toml:([0-9]+):([0-9]+): ", message)
    assert place
    lines = text.split("\n")
    assert 1 <= int(place[1]) <= len(lines)
    assert 1 <= int(place[2]) <= len(lines[int(place[1]) - 1]) + 1
