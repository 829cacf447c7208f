from __future__ import annotations

from pathlib import Path

import pytest

from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.scenario.properties import FIELDS, LONGEST, Misread, Names, property_of

NAMES = Names(cells=["flag", "my-flag"], buffers={"fb": 2}, locks=["m"], rwsems=["sem"])


def furnished() -> tuple[Machine, Buffer]:
    machine = Machine()
    buffer = machine.buffer("fb", 2)
    SwappingExporter(machine, buffer, "ram")
    machine.cell("flag", 1)
    machine.cell("my-flag", -3)
    machine.mutex("m")
    machine.rwsem("sem")
    return machine, buffer


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("flag == 1", True),
        ("1 == flag", True),
        ("flag != 1", False),
        ("0 <= flag < 2", True),
        ("0 <= flag < 1", False),
        ("my-flag == -3", True),
        ("my-flag > flag", False),
        ("flag == 0 or fb.pins <= 2", True),
        ("flag == 0 and fb.pins <= 2", False),
        ("not (flag == 0 or fb.pins > 0)", True),
        ("fb.references == 1", True),
        ('fb[0].where == "lowmem"', True),
        ("fb[1].pins == 0", True),
        ("m.held == 0 and sem.held == 0 and sem.readers == 0", True),
        ("flag\n ==\n 1", True),
    ],
)
def test_an_expression_says_what_it_means(text: str, holds: bool) -> None:
    one = property_of(text)
    one.check(NAMES)
    machine, _ = furnished()
    assert one.bind(machine).holds() is holds


def test_a_predicate_follows_the_state_and_names_what_it_reads() -> None:
    machine, buffer = furnished()
    always = property_of('fb[0].where != "nowhere" and flag < 5 and fb.pins == 0').bind(machine)
    assert [thing.name for thing in always.things] == ["fb[0]", "flag"]
    assert [thing.name for thing in always.shared] == ["fb.pins"]
    assert always.holds()
    buffer.pages[0].where = None
    assert not always.holds()
    assert always.values() == "fb[0].where is nowhere, flag is 1, fb.pins is 0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flg == 0", 'there is no cell, buffer or lock "flg"; did you mean "flag"?'),
        ("zzz == 0", 'there are "flag", "my-flag", "fb", "m", "sem"'),
        ("fb.pin == 0", 'fb has no field "pin"; did you mean "pins"?'),
        ("fb.colour == 0", 'it has "pins", "references"'),
        ("fb == 0", 'fb cannot be compared as such; it has "fb.pins", "fb.references"'),
        ("fb[2].pins == 0", "pages 0 to 1, found 2"),
        ('fb.where == "vram"', "is asked of one page; write fb[0].where"),
        ("flag.value == 0", "is a cell, which is compared by its name alone; write flag"),
        ("m.readers == 0", 'm has no field "readers"'),
        ('fb[0].where == "ram"', 'there is no place "ram"; did you mean "vram"?'),
        ("fb[0].where == 1", "compare like with like"),
        ('flag == "vram"', '"vram" is a text and stands beside a number'),
        ('fb[0].where < "vram"', "places are compared with == or !="),
        ("flag", "'flag' is no comparison; write comparisons, as in"),
        ("flag = 0", "this is no expression at character"),
        ("flag == ", "this is no expression"),
        ("", "this is no expression"),
        ("flag is 0", "compare with == != < <= > >="),
        ("flag in (1, 2)", "compare with =="),
        ("flag + 1 == 0", "'flag + 1' is neither a number, a place in quotes nor a field"),
        ("flag - my == 0", "'flag - my' is neither"),
        ("flag == True", "'True' is neither"),
        ("flag == 1.5", "'1.5' is neither"),
        ("f(flag) == 0", "'f(flag)' is neither"),
        ("(lambda: 0)() == 0", "is neither"),
        ("__import__('os').system('true') == 0", "is neither"),
        ("flag.__class__ == 0", "is a cell"),
        ("1 == 1", "compares nothing that can change"),
        ("(" * 240 + "flag == 0" + ")" * 240, "this is no expression"),
        ("not " * 110 + "flag == 0 or", "no expression"),
        ("flag == 0 " * LONGEST, "at most 500 characters"),
        ("flag == 0\0", "this is no expression"),
    ],
)
def test_what_is_no_property_is_told_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(Misread) as caught:
        property_of(text).check(NAMES)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_that_a_machine_lacks_is_told_when_it_is_furnished() -> None:
    with pytest.raises(ScenarioError, match=r"in the property \"flag == 0\": there is no cell, buffer or lock"):
        property_of("flag == 0").bind(Machine())


def test_what_does_not_hold_at_first_is_a_mistake_of_the_scenario() -> None:
    machine, _ = furnished()
    machine.properties.append(property_of("flag == 0").bind(machine))
    with pytest.raises(ScenarioError, match=r"'flag == 0' does not hold before the first step \(flag is 1\)"):
        machine.seal()


def test_the_page_on_scenario_files_lists_the_fields() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenario-files.md").read_text(encoding="utf-8")
    assert [f"| `{name}` | {what} |" for name, what in FIELDS.items() if f"| `{name}` | {what} |" not in page] == []
