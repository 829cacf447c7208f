"""What is accepted is what a file says, line by line, and no more."""

from __future__ import annotations

import pytest

from dmabuf_async.explore.accepted import Accepted, Malformed, accepting, nothing
from dmabuf_async.trace.events import Signature

PUT = Signature("unbalanced-put", "V7", "importer", "step 3 put_backing_storage: put", "buffer")
PTE = Signature("stale-pte", "P1, P2", "mover", "", "pte")
ASSERTION = Signature("assertion", "", "lost.py", "main", "program")


@pytest.mark.parametrize("signature", [PUT, PTE, ASSERTION])
@pytest.mark.parametrize("scenario", ["a.toml", "scenarios/pin/put twice.toml", "python/lost.py:lost"])
def test_the_line_that_is_printed_accepts_the_finding_in_its_scenario_alone(
    signature: Signature, scenario: str
) -> None:
    accepted = Accepted(accepting(scenario, signature))
    assert accepted.of(scenario)(signature)
    assert not accepted.of("other.toml")(signature)
    others = [other for other in (PUT, PTE, ASSERTION) if other is not signature]
    assert not any(accepted.of(scenario)(other) for other in others)


def test_a_line_without_a_scenario_is_for_all_of_them() -> None:
    accepted = Accepted(str(PUT))
    assert accepted.of("a.toml")(PUT)
    assert accepted.of("b/c.toml")(PUT)


@pytest.mark.parametrize(
    ("written", "named", "same"),
    [
        ("pin/a.toml", "scenarios/pin/a.toml", True),
        ("/x/scenarios/pin/a.toml", "scenarios/pin/a.toml", True),
        ("./pin/a.toml", "pin/a.toml", True),
        ("in/a.toml", "pin/a.toml", False),
        ("a.toml", "scenarios/pin/a.toml", True),
        ("pin/b.toml", "pin/a.toml", False),
    ],
)
def test_the_end_of_a_path_is_enough(written: str, named: str, same: bool) -> None:
    assert Accepted(accepting(written, PUT)).of(named)(PUT) is same


def test_blanks_comments_and_the_ends_of_lines_do_not_count() -> None:
    text = f"\ufeff# all of it\r\n\r\n   {str(PUT).replace(' ', '   ')}\t # until summer\r\n#{PTE}\n  #\n"
    accepted = Accepted(text)
    assert [line.number for line in accepted.lines] == [3]
    assert accepted.of("a.toml")(PUT)
    assert not accepted.of("a.toml")(PTE)


def test_a_line_that_nothing_was_found_for_is_told_if_its_scenario_was_explored() -> None:
    accepted = Accepted("\n".join([str(PUT), accepting("a.toml", PTE), accepting("other/b.toml", PTE), str(ASSERTION)]))
    accepts = accepted.of("x/a.toml")
    assert accepts(PUT)
    assert [line.number for line in accepted.unmatched(["x/a.toml"])] == [2, 4]
    assert accepted.unmatched([]) == []
    assert accepts(PTE)
    assert [line.number for line in accepted.unmatched(["x/a.toml"])] == [4]


def test_lines_that_say_the_same_both_match() -> None:
    accepted = Accepted(f"{PUT}\n{accepting('a.toml', PUT)}")
    accepted.of("a.toml")(PUT)
    assert accepted.unmatched(["a.toml"]) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "line 1 is no signature: 'hello'; expected is"),
        (f"{PUT}\n\nstale-pte by mover", "line 3 is no signature: 'stale-pte by mover'"),
        ("unbalanced_put (V7) by a at b on c", "line 1 is no signature"),
        ("unbalanced-puts (V7) by a at b on c", "'unbalanced-puts'; did you mean 'unbalanced-put'?"),
        ("qqq (V7) by a at b on c", "line 1 names a code that does not exist, 'qqq'"),
        ("a.toml unbalanced-put (V7) by a at b on c", "line 1 is no signature"),
        ("\x00\x1b[2J", r"line 1 is no signature: '\\x00\\x1b[2J'"),
    ],
)
def test_what_is_no_signature_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Malformed) as told:
        Accepted(text)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_nothing_is_accepted_by_default() -> None:
    assert Accepted().lines == []
    assert not Accepted().of("a.toml")(PUT)
    assert not nothing(PUT)
