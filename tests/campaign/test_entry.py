from __future__ import annotations

import pytest

from dmabuf_async.campaign.entry import Entry, Malformed, parse

ENTRY = Entry(
    scenario="scenarios/pin/put twice.toml",
    signature="unbalanced-put (V6) by importer at step 3 put: put on dma_buf",
    code="unbalanced-put",
    rule="V6",
    schedule="dba1:e55g.v3002g",
    replay="dmabuf-async replay 'scenarios/pin/put twice.toml' dba1:e55g.v3002g",
)


def test_a_file_holds_one_key_a_line_sorted_and_is_read_as_it_was_written() -> None:
    head, *lines = ENTRY.text().splitlines()
    assert head.startswith("# ")
    assert [line.partition(" = ")[0] for line in lines] == sorted(Entry.__struct_fields__)
    assert parse(ENTRY.text()) == ENTRY
    odd = Entry(**{**{name: getattr(ENTRY, name) for name in Entry.__struct_fields__}, "scenario": 'a"\\é\n\x7f.toml'})
    assert parse(odd.text()) == odd


def test_the_name_of_a_file_says_what_it_is_of_and_is_the_same_each_time() -> None:
    assert ENTRY.file == "put-twice-unbalanced-put-ff92174f89.schedule"


@pytest.mark.parametrize("scenario", ["mine.py:one", "sub/mine.py:one", "mine.toml"])
def test_another_scenario_or_another_finding_has_another_name(scenario: str) -> None:
    told = {name: getattr(ENTRY, name) for name in Entry.__struct_fields__}
    names = {
        Entry(**{**told, "scenario": one, "signature": signature}).file
        for one in (scenario, "other.toml")
        for signature in ("a", "b")
    }
    assert len(names) == 4
    assert all(name.startswith(("mine-", "other-")) for name in names)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rule =", "rules =", "unknown field `rules`"),
        ('rule = "V6"', "", "missing required field `rule`"),
        ('rule = "V6"', "rule = 6", "Expected `str`, got `int`"),
        ('code = "unbalanced-put"', 'code = "../../x"', "'../../x' is no code of a finding"),
        ("dba1:e55g.v3002g", "dba1:e55g.v3002h", "schedule"),
        ("code =", "<<<<<<< HEAD\ncode =", "Invalid statement"),
    ],
)
def test_a_text_that_is_no_entry_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(Malformed, match=says.replace("(", r"\(")):
        parse(ENTRY.text().replace(old, new))
