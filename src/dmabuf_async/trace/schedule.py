r"""The pasteable schedule: ``dba1:mv7k.p091``.

A schedule is the list of answers that were given at the choice points of one
execution. Most of them are 0, the calm one; so the text says how many zeros to
skip, then the answer that differs, and after its end a replay goes on with 0.

::

    dba1:mv7k.xxxxxxCC      symbols are base32, lower case, without i, l, o, u
    \__/ \__/ \____/\/
      |    |     |   checksum: two symbols
      |    |     answers, then the end mark 0, twice if that makes their number even
      |    the first 20 bits of the digest of the scenario
      the version of the model

The answers are a sequence of symbols, 0 to 31:

======  =========================================================================
0       end
1       the last answer comes again, as often as the number that follows, plus 1
2..31   ``2 + 5 * zeros + answer - 1``: that many zeros, then that answer. Where
        zeros is 5, a number follows and is added to it; where answer is 5 too
======  =========================================================================

A number is written 16 to the symbol, low part first; a symbol from 16 up says
that it goes on (and that the rest counts from 1, so that no number can be written
in two ways).

What guards it: the end mark makes the code prefix-free, so no beginning of a
schedule is a schedule. The even number of symbols refuses a lost or a doubled
one. The checksum is the number that all symbols spell, modulo the prime 1021: no
single wrong symbol and no swap of two neighbours leaves it as it was. And a text is
accepted only if it is what `encode` would write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from dmabuf_async.errors import ScheduleError

MAX_CHOICES: Final = 1_000_000
MAX_CHOICE: Final = 65_535
MAX_TEXT: Final = 1 << 20
"""Characters; a schedule is ASCII."""

_VERSION: Final = "1"
_PREFIX: Final = f"dba{_VERSION}:"
_EXAMPLE: Final = "dba1:mv7k.p091"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LOOK_ALIKES: Final = {"o": "0", "i": "1", "l": "1"}
_SYMBOLS: Final = {
    written: _ALPHABET.index(meant)
    for lower, meant in [*zip(_ALPHABET, _ALPHABET, strict=True), *_LOOK_ALIKES.items()]
    for written in (lower, lower.upper())
}
_DIGEST_SYMBOLS: Final = 4
_CHECK_SYMBOLS: Final = 2
_LEAST_SYMBOLS: Final = 4
_CHECK_PRIME: Final = 1021
_END: Final = 0
_AGAIN: Final = 1
_SKIP: Final = 2
_WIDE: Final = 5
"""From here on, zeros and answers don't fit into one symbol."""
_COPY_AGAIN: Final = "Copy it again, from 'dba1:' to its end."
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The answers of one execution, and for which scenario they were given."""

    digest: str
    """Compare with `digest_text` of the scenario at hand."""
    choices: tuple[int, ...]
    """Indices into the options of each choice point. After the last one: 0."""


def digest_text(digest: bytes) -> str:
    """The characters that stand for the scenario's digest in a schedule.

    ``digest`` is any hash of the normalised scenario. Its first 20 bits are used,
    which tell one scenario from another but prove nothing.
    """
    number = int.from_bytes(digest[:3].ljust(3, b"\0"), "big") >> 4
    return "".join(_ALPHABET[number >> shift & 31] for shift in (15, 10, 5, 0))


def encode(digest: bytes, choices: Sequence[int]) -> str:
    """The text of a schedule; zeros at its end are dropped.

    Each choice is 0 to 65,535 and at most 1,000,000 of them are kept.

    Raises `ScheduleError` if there are more, one is out of range, or the text
    would be longer than 1 MiB.
    """
    return _write(digest_text(digest), choices)


def decode(text: str) -> Schedule:
    """Read a schedule that somebody pasted.

    White space and quotes around it, upper case, and the look-alikes ``o`` for
    ``0`` and ``i`` or ``l`` for ``1`` are accepted.

    Raises `ScheduleError` for whatever is not a whole schedule of this version;
    its message says what is wrong, where, and what to do.
    """
    if len(text) > MAX_TEXT:
        raise _too_long_to_read(text)
    pasted = text.strip().strip(_QUOTES).strip()
    digest, body = _split(pasted)
    if _checksum(digest + body[:-_CHECK_SYMBOLS]) != _spelled(body[-_CHECK_SYMBOLS:]):
        raise _mistyped(pasted)
    choices = _read(pasted, iter(body[:-_CHECK_SYMBOLS]))
    if _write(_text(digest), choices) != f"{_PREFIX}{_text(digest)}.{_text(body)}":
        raise _mistyped(pasted)
    return Schedule(_text(digest), tuple(choices))


def _write(digest: str, choices: Sequence[int]) -> str:
    last = len(choices)
    while last and choices[last - 1] == 0:
        last -= 1
    if last > MAX_CHOICES:
        raise _too_much_to_write(last, MAX_CHOICES, "choices")
    symbols: list[int] = []
    zeros = done = 0
    for choice, group in groupby(choices[:last]):
        length = sum(1 for _ in group)
        if not 0 <= choice <= MAX_CHOICE:
            raise _out_of_range(done + 1, choice)
        done += length
        if choice:
            symbols += _answer(zeros, choice, length)
        zeros = 0 if choice else length
    symbols.append(_END)
    if len(symbols) % 2:
        symbols.append(_END)
    check = _checksum([_SYMBOLS[character] for character in digest] + symbols)
    text = f"{_PREFIX}{digest}.{_text([*symbols, *divmod(check, 32)])}"
    if len(text) > MAX_TEXT:
        raise _too_much_to_write(len(text), MAX_TEXT, "characters")
    return text


def _answer(zeros: int, choice: int, length: int) -> list[int]:
    """So many zeros, then so many times the choice."""
    symbols = [_SKIP + _WIDE * min(zeros, _WIDE) + min(choice, _WIDE) - 1]
    if zeros >= _WIDE:
        symbols += _number(zeros - _WIDE)
    if choice >= _WIDE:
        symbols += _number(choice - _WIDE)
    if length == 2 and choice < _WIDE:
        symbols.append(_SKIP + choice - 1)
    elif length > 1:
        symbols += [_AGAIN, *_number(length - 2)]
    return symbols


def _read(pasted: str, symbols: Iterator[int]) -> list[int]:
    choices: list[int] = []
    for symbol in symbols:
        if symbol == _END:
            return choices
        zeros, times = 0, 1
        if symbol == _AGAIN:
            choice = choices[-1] if choices else 0
            times += _read_number(pasted, symbols)
        else:
            zeros, choice = divmod(symbol - _SKIP, _WIDE)
            choice += 1
            zeros += _read_number(pasted, symbols) if zeros == _WIDE else 0
            choice += _read_number(pasted, symbols) if choice == _WIDE else 0
        if choice > MAX_CHOICE or len(choices) + zeros + times > MAX_CHOICES:
            raise _bomb(pasted)
        choices += [0] * zeros
        choices += [choice] * times
    raise _mistyped(pasted)


def _number(number: int) -> list[int]:
    symbols = []
    while number >= 16:
        symbols.append(16 + number % 16)
        number = number // 16 - 1
    return [*symbols, number]


def _read_number(pasted: str, symbols: Iterator[int]) -> int:
    number, place = 0, 1
    for symbol in symbols:
        number += symbol % 16 * place
        if symbol < 16 or number > MAX_CHOICES:
            return number
        place *= 16
        number += place
    raise _mistyped(pasted)


def _checksum(symbols: Iterable[int]) -> int:
    check = 0
    for symbol in symbols:
        check = (check * 32 + symbol) % _CHECK_PRIME
    return check


def _spelled(symbols: Sequence[int]) -> int:
    high, low = symbols
    return high * 32 + low


def _text(symbols: Iterable[int]) -> str:
    return "".join(_ALPHABET[symbol] for symbol in symbols)


def _split(pasted: str) -> tuple[list[int], list[int]]:
    """The symbols of the digest, and those after the dot, the checksum with them."""
    prefix = re.match(r"dba([0-9oil]+):", pasted, re.ASCII | re.IGNORECASE)
    if prefix is None:
        raise _no_schedule(pasted)
    version = "".join(_LOOK_ALIKES.get(character, character) for character in prefix[1].lower())
    if version != _VERSION:
        raise _other_version(pasted, version)
    head, dot, tail = pasted[prefix.end() :].partition(".")
    digest = _symbols(pasted, head, prefix.end())
    if not dot:
        raise _no_dot(pasted)
    if len(digest) != _DIGEST_SYMBOLS:
        raise _dot_misplaced(pasted, len(digest))
    body = _symbols(pasted, tail, prefix.end() + len(head) + 1)
    if len(body) < _LEAST_SYMBOLS or len(body) % 2:
        raise _mistyped(pasted)
    return digest, body


def _symbols(pasted: str, part: str, start: int) -> list[int]:
    symbols = [_SYMBOLS.get(character, -1) for character in part]
    if -1 in symbols:
        raise _foreign(pasted, start + symbols.index(-1))
    return symbols


def _no_schedule(pasted: str) -> ScheduleError:
    inside = re.search(r"dba[0-9]+:", pasted, re.IGNORECASE)
    return ScheduleError(
        f"{_shown(pasted)} is not a schedule: it does not begin with {_PREFIX!r}, as {_EXAMPLE!r} does. "
        + (f"Paste it from {inside[0]!r} on." if inside else "Copy the last word of a report's 'replay' line.")
    )


def _other_version(pasted: str, version: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} was made by another version of the model: it begins with "
        f"'dba{version}:', and this version reads {_PREFIX!r}. Replay it with the release that printed it, "
        "or let 'dmabuf-async check' find the failure again."
    )


def _no_dot(pasted: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} has no dot: after {_PREFIX!r} are expected {_DIGEST_SYMBOLS} "
        f"characters for the scenario, a dot, and the choices, as in {_EXAMPLE!r}. {_COPY_AGAIN}"
    )


def _dot_misplaced(pasted: str, found: int) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} is mistyped: it has {found} characters between colon and dot, "
        f"and {_DIGEST_SYMBOLS} are expected, which name the scenario, as in {_EXAMPLE!r}. {_COPY_AGAIN}"
    )


def _foreign(pasted: str, at: int) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} holds {pasted[at]!r} at character {at + 1}, which does not belong "
        f"there: after {_PREFIX!r} are expected digits, letters other than 'u', and one dot, as in "
        f"{_EXAMPLE!r}. {_COPY_AGAIN} It may have been broken over two lines."
    )


def _mistyped(pasted: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} is truncated or mistyped: it has {len(pasted)} characters, and the "
        f"last {_CHECK_SYMBOLS} are not the checksum that is expected after the others. {_COPY_AGAIN}"
    )


def _bomb(pasted: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(pasted)} stands for more than {MAX_CHOICES:,} choices, or for one above "
        f"{MAX_CHOICE:,}, the most that is read: this package did not print it. {_COPY_AGAIN}"
    )


def _too_long_to_read(text: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule {_shown(text)} has {len(text):,} characters, and {MAX_TEXT:,} is the most that is "
        f"read: this package did not print it. {_COPY_AGAIN}"
    )


def _too_much_to_write(size: int, limit: int, unit: str) -> ScheduleError:
    return ScheduleError(
        f"The schedule of this execution takes {size:,} {unit}, and {limit:,} is the most that is written. "
        "Lower --max-steps, so that executions end sooner."
    )


def _out_of_range(at: int, choice: int) -> ScheduleError:
    return ScheduleError(
        f"Choice {at} of the schedule is {choice}, and the index of an option, 0 to {MAX_CHOICE:,}, is "
        "expected. Give the indices that were chosen, in order."
    )


def _shown(pasted: str) -> str:
    return repr(pasted) if len(pasted) <= 60 else repr(f"{pasted[:40]} ... {pasted[-12:]}")
