from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dmabuf_async.errors import ScheduleError
from dmabuf_async.trace.schedule import (
    MAX_CHOICE,
    MAX_CHOICES,
    MAX_TEXT,
    Schedule,
    decode,
    digest_text,
    encode,
)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
DIGEST = bytes.fromhex("a6cf3bee")  # its first 20 bits are written mv7k


def runs(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
    """Lists with runs in them, as executions record them."""
    run = st.builds(lambda value, length: [value] * length, values, st.integers(1, 40))
    return st.lists(run, max_size=12).map(lambda parts: list(chain.from_iterable(parts)))


digests = st.binary(min_size=3, max_size=32)
choices = st.one_of(
    runs(st.integers(0, 1)),
    runs(st.integers(0, 7)),
    st.lists(st.integers(0, 3), max_size=200),
    st.lists(st.integers(0, MAX_CHOICE), max_size=20),
)
places = st.integers(0, 10_000)
characters = st.sampled_from(ALPHABET + ALPHABET.upper() + "ilouILOU.:- '\"\n") | st.characters()


def without_trailing_zeros(values: list[int]) -> tuple[int, ...]:
    while values and values[-1] == 0:
        values = values[:-1]
    return tuple(values)


def forged(symbols: list[int]) -> str:
    """A text with a good checksum, worked out apart from the codec: the number it spells, modulo 1021."""
    body = "".join(ALPHABET[symbol] for symbol in symbols)
    check = 0
    for character in f"mv7k{body}":
        check = (check * 32 + ALPHABET.index(character)) % 1021
    return f"dba1:mv7k.{body}{ALPHABET[check // 32]}{ALPHABET[check % 32]}"


def paragraph(text: str) -> str:
    return " ".join(text.split())


def refused(text: str) -> str:
    with pytest.raises(ScheduleError) as caught:
        decode(text)
    message = str(caught.value)
    assert "\n" not in message, "one paragraph"
    return message


def assert_refused_or_same(changed: str, original: str) -> None:
    try:
        decoded = decode(changed)
    except ScheduleError:
        return
    assert decoded == decode(original)


@given(digests, choices)
@example(DIGEST, [])
@example(DIGEST, [0] * 37 + [1])
@example(DIGEST, [MAX_CHOICE])
def test_decoding_gives_back_the_choices_without_the_zeros_at_the_end(digest: bytes, values: list[int]) -> None:
    assert decode(encode(digest, values)) == Schedule(digest_text(digest), without_trailing_zeros(values))


@given(digests, choices, choices)
def test_two_different_schedules_have_different_texts(digest: bytes, one: list[int], other: list[int]) -> None:
    same = without_trailing_zeros(one) == without_trailing_zeros(other)
    assert (encode(digest, one) == encode(digest, other)) is same


@given(digests, choices, st.integers(0, 500))
def test_zeros_at_the_end_take_no_room(digest: bytes, values: list[int], zeros: int) -> None:
    assert encode(digest, values + [0] * zeros) == encode(digest, values)


@given(digests, choices, choices)
def test_recording_more_choices_never_makes_the_text_shorter(digest: bytes, one: list[int], more: list[int]) -> None:
    assert len(encode(digest, one + more)) >= len(encode(digest, one))


@given(digests, choices, choices, st.integers(0, 500))
def test_waiting_longer_before_a_choice_never_makes_the_text_shorter(
    digest: bytes, before: list[int], after: list[int], zeros: int
) -> None:
    shorter = [*before, *[0] * zeros, 1, *after]
    longer = [*before, *[0] * zeros, 0, 1, *after]
    assert zeros == 0 or len(encode(digest, longer)) >= len(encode(digest, shorter))


@pytest.mark.parametrize("at", range(100))
def test_one_preemption_in_a_hundred_steps_is_six_characters_at_most(at: int) -> None:
    body = encode(DIGEST, [0] * at + [1] + [0] * (99 - at)).removeprefix("dba1:mv7k.")
    assert len(body) <= 6


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "dba1:mv7k.00jy"),
        ([1], "dba1:mv7k.20my"),
        ([0, 0, 0, 0, 1], "dba1:mv7k.p091"),
        ([0] * 37 + [1], "dba1:mv7k.vg10cp"),
        ([0] * 37 + [1] + [0] * 40 + [2], "dba1:mv7k.vg1wk100km"),
        ([2, 2, 2, 2, 1, 300], "dba1:mv7k.31226qh0000b"),
    ],
)
def test_the_format_is_frozen(values: list[int], text: str) -> None:
    assert encode(DIGEST, values) == text
    assert decode(text) == Schedule("mv7k", tuple(values))


def test_the_digest_is_its_first_20_bits_and_missing_bytes_are_zero() -> None:
    assert digest_text(DIGEST) == "mv7k"
    assert digest_text(DIGEST + b"more") == "mv7k"
    assert digest_text(bytes.fromhex("a6cf30")) == "mv7k"
    assert digest_text(b"") == "0000"
    assert digest_text(bytes.fromhex("a6cf40")) != "mv7k"


@given(digests, choices)
def test_no_beginning_of_a_schedule_is_a_schedule(digest: bytes, values: list[int]) -> None:
    text = encode(digest, values)
    for length in range(len(text)):
        refused(text[:length])


@given(digests, choices)
def test_a_lost_character_is_refused(digest: bytes, values: list[int]) -> None:
    text = encode(digest, values)
    for at in range(len(text)):
        refused(text[:at] + text[at + 1 :])


@given(digests, choices, places, characters)
def test_an_inserted_character_is_refused_or_means_nothing(
    digest: bytes, values: list[int], place: int, character: str
) -> None:
    text = encode(digest, values)
    at = place % (len(text) + 1)
    assert_refused_or_same(text[:at] + character + text[at:], text)


@given(digests, choices, places, characters)
def test_a_wrong_character_is_refused_or_a_look_alike(
    digest: bytes, values: list[int], place: int, character: str
) -> None:
    text = encode(digest, values)
    at = place % len(text)
    assert_refused_or_same(text[:at] + character + text[at + 1 :], text)


@given(digests, choices)
def test_every_wrong_symbol_is_refused(digest: bytes, values: list[int]) -> None:
    text = encode(digest, values)
    at = len(text) // 2 + 2
    for symbol in ALPHABET:
        if symbol != text[at] and text[at] != ".":
            refused(text[:at] + symbol + text[at + 1 :])


@given(digests, choices, places)
def test_two_neighbours_in_the_wrong_order_are_refused(digest: bytes, values: list[int], place: int) -> None:
    text = encode(digest, values)
    at = place % (len(text) - 1)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if swapped != text:
        refused(swapped)


@given(st.text() | st.text(ALPHABET + ".").map("dba1:".__add__) | st.text(ALPHABET).map("dba1:mv7k.".__add__))
@example("dba1:mv7k.\u212a0my")  # the Kelvin sign, of which the lower case is k
def test_whatever_is_pasted_is_a_schedule_or_refused_with_a_schedule_error(text: str) -> None:
    try:
        schedule = decode(text)
    except ScheduleError:
        return
    number = 0
    for character in schedule.digest:
        number = number * 32 + ALPHABET.index(character)
    assert encode((number << 4).to_bytes(3, "big"), schedule.choices) in text.lower()


@given(st.lists(st.integers(0, 31), max_size=12))
def test_a_good_checksum_alone_does_not_make_a_schedule(symbols: list[int]) -> None:
    text = forged(symbols)
    try:
        schedule = decode(text)
    except ScheduleError:
        return
    assert encode(DIGEST, schedule.choices) == text, "each schedule is written in one way only"


@pytest.mark.parametrize(
    "symbols",
    [
        pytest.param([2, 0, 0, 0], id="more after the end"),
        pytest.param([2, 0, 3, 0], id="a choice after the end"),
        pytest.param([1, 0, 2, 0], id="again, before there was a choice"),
        pytest.param([2, 1, 0, 0], id="again, where a second 1 is shorter"),
        pytest.param([2, 2, 2, 0], id="three equal ones, not as a run"),
        pytest.param([2, 2], id="no end"),
        pytest.param([27, 16], id="no end of a number"),
        pytest.param([], id="nothing"),
    ],
)
def test_what_encode_would_not_write_is_refused(symbols: list[int]) -> None:
    assert "truncated or mistyped" in refused(forged(symbols))


@pytest.mark.parametrize(
    "pasted",
    [
        "  dba1:mv7k.p091\n",
        "'dba1:mv7k.p091'",
        '"dba1:mv7k.p091"',
        " `dba1:mv7k.p091` ",
        "\u201cdba1:mv7k.p091\u201d",
        "DBA1:MV7K.P091",
        "dbal:mv7k.pO9l",
        "dbaI:mv7k.po9i",
    ],
)
def test_quotes_blanks_capitals_and_look_alikes_are_forgiven(pasted: str) -> None:
    assert decode(pasted) == Schedule("mv7k", (0, 0, 0, 0, 1))


def test_the_largest_schedule_can_be_written_and_read() -> None:
    values = [0] * (MAX_CHOICES - 1) + [MAX_CHOICE]
    assert decode(encode(DIGEST, [*values, 0, 0])).choices == tuple(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(
            [0] * MAX_CHOICES + [1],
            """The schedule of this execution takes 1,000,001 choices, and 1,000,000 is the most that is
            written. Lower --max-steps, so that executions end sooner.""",
            id="too many",
        ),
        pytest.param(
            [MAX_CHOICE, MAX_CHOICE - 1] * 150_000,
            """The schedule of this execution takes 1,500,014 characters, and 1,048,576 is the most that is
            written. Lower --max-steps, so that executions end sooner.""",
            id="too long",
        ),
        pytest.param(
            [0, 0, MAX_CHOICE + 1],
            """Choice 3 of the schedule is 65536, and the index of an option, 0 to 65,535, is expected. Give
            the indices that were chosen, in order.""",
            id="too large",
        ),
        pytest.param(
            [0, -1, 0],
            """Choice 2 of the schedule is -1, and the index of an option, 0 to 65,535, is expected. Give the
            indices that were chosen, in order.""",
            id="negative",
        ),
    ],
)
def test_encode_refuses_what_could_not_be_read_again(values: list[int], message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        encode(DIGEST, values)
    assert str(caught.value) == paragraph(message)


@pytest.mark.parametrize(
    "symbols",
    [
        pytest.param([2, 1, 31, 31, 31, 31, 31, 15, 0, 0], id="a run of one choice"),
        pytest.param([27, 31, 31, 31, 31, 31, 15, 0], id="a run of zeros"),
        pytest.param([6, 31, 31, 31, 15, 0], id="a choice that is too large"),
        pytest.param([2, 1, *[31] * 1_000_000, 0, 0], id="a number without end"),
        pytest.param([2, *[1, 31, 31, 31, 15] * 20, 0], id="many runs"),
    ],
)
def test_a_short_text_cannot_stand_for_a_huge_schedule(symbols: list[int]) -> None:
    message = refused(forged(symbols))
    assert "stands for more than 1,000,000 choices, or for one above 65,535" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "stale-pte",
            """'stale-pte' is not a schedule: it does not begin with 'dba1:', as 'dba1:mv7k.p091' does. Copy
            the last word of a report's 'replay' line.""",
            id="something else",
        ),
        pytest.param(
            "replay fb.toml dba1:mv7k.p091",
            """'replay fb.toml dba1:mv7k.p091' is not a schedule: it does not begin with 'dba1:', as
            'dba1:mv7k.p091' does. Paste it from 'dba1:' on.""",
            id="more of the line",
        ),
        pytest.param(
            "dba2:mv7k.p091",
            """The schedule 'dba2:mv7k.p091' was made by another version of the model: it begins with 'dba2:',
            and this version reads 'dba1:'. Replay it with the release that printed it, or let 'dmabuf-async
            check' find the failure again.""",
            id="another version",
        ),
        pytest.param(
            "dba1:mv7k",
            """The schedule 'dba1:mv7k' has no dot: after 'dba1:' are expected 4 characters for the scenario,
            a dot, and the choices, as in 'dba1:mv7k.p091'. Copy it again, from 'dba1:' to its end.""",
            id="no dot",
        ),
        pytest.param(
            "dba1:mv7.kp091",
            """The schedule 'dba1:mv7.kp091' is mistyped: it has 3 characters between colon and dot, and 4 are
            expected, which name the scenario, as in 'dba1:mv7k.p091'. Copy it again, from 'dba1:' to its
            end.""",
            id="dot in the wrong place",
        ),
        pytest.param(
            "dba1:mv7k.p\n091",
            r"""The schedule 'dba1:mv7k.p\n091' holds '\n' at character 12, which does not belong there: after
            'dba1:' are expected digits, letters other than 'u', and one dot, as in 'dba1:mv7k.p091'. Copy it
            again, from 'dba1:' to its end. It may have been broken over two lines.""",
            id="foreign character",
        ),
        pytest.param(
            "dba1:mv7k.p09",
            """The schedule 'dba1:mv7k.p09' is truncated or mistyped: it has 13 characters, and the last 2 are
            not the checksum that is expected after the others. Copy it again, from 'dba1:' to its end.""",
            id="truncated",
        ),
        pytest.param(
            "dba1:" + "0" * MAX_TEXT,
            """The schedule 'dba1:00000000000000000000000000000000000 ... 000000000000' has 1,048,581
            characters, and 1,048,576 is the most that is read: this package did not print it. Copy it
            again, from 'dba1:' to its end.""",
            id="too long",
        ),
    ],
)
def test_a_refusal_says_what_where_what_was_expected_and_what_to_do(text: str, message: str) -> None:
    assert refused(text) == paragraph(message)


def test_a_long_schedule_is_not_repeated_in_full_in_a_refusal() -> None:
    text = encode(DIGEST, [1, 2, 3, 4] * 1000)
    assert len(refused(text[:-1])) < 300
