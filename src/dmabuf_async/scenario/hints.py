"""The words of a message about a mistake: what was expected, what was found, and the nearest word that would do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from msgspec import inspect

from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.schema import Environment, Expect, MachineSizes, Scenario

_NEAR = 0.6  # difflib's own idea of "close"
_SHOWN_WORDS = 20
_SHOWN_CHARACTERS = 60
_LONGEST_PATH = 4096

_HOME = dict.fromkeys(Scenario.__struct_encode_fields__, "at the top of the file, above the first [table]") | {
    key: f"under [{table}]"
    for table, struct in (("machine", MachineSizes), ("environment", Environment), ("expect", Expect))
    for key in struct.__struct_encode_fields__
}


class Mistake(NamedTuple):
    """What is wrong, and with which value."""

    path: KeyPath
    text: str


def clean(text: str, longest: int = _SHOWN_CHARACTERS) -> str:
    """``text`` in one line, without control characters, and cut to ``longest`` characters before they are escaped."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:longest])
    return shown + "..." if len(text) > longest else shown


def spelled(path: object) -> str:
    """The name of a file or folder, whole, in one line without control characters."""
    return clean(str(path), _LONGEST_PATH)


def shown(value: object) -> str:
    """A value of a TOML document as a message may show it: short, in TOML's own spelling."""
    match value:
        case str():
            return f'"{clean(value)}"'
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**20:
            return "an integer of more than 20 digits"
        case int() | float():
            return str(value)
        case dict():
            return "a table"
        case list():
            return f"an array of {len(value)}" if value else "an empty array"
        case _:
            return "a date or a time"


def listed(words: Collection[str]) -> str:
    """Some words, quoted: all of them, or the first twenty and how many more there are; "none" if there is none."""
    some = ", ".join(shown(word) for word in list(words)[:_SHOWN_WORDS])
    more = len(words) - _SHOWN_WORDS
    return f"{some} and {more} more" if more > 0 else some or "none"


def nearest(word: str, words: Collection[str]) -> str | None:
    """The one of ``words`` that was probably meant by ``word``, or None if none of them is close.

    Case doesn't count, nor does "-" for "_". A word that holds the other as whole parts is close: "dma_buf_kmap" and
    "kmap". Of several that are equally close, one that begins alike, or the first in alphabetical order.
    """
    meant = _folded(word[:_SHOWN_CHARACTERS])
    best = max(sorted(words), key=lambda known: (_likeness(meant, _folded(known)), known[0] == word[:1]), default=None)
    return best if best is not None and _likeness(meant, _folded(best)) >= _NEAR else None


def did_you_mean(word: str, words: Collection[str], otherwise: str) -> str:
    """The hint after an unknown word: the nearest of the known ``words``, or ``otherwise``."""
    near = nearest(word, words)
    return otherwise if near is None else f"did you mean {shown(near)}?"


def dotted(path: KeyPath) -> str:
    """A path as messages show it: ``tasks[1].steps[2].page``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_written(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def type_mistakes(value: object, wanted: inspect.Type, path: KeyPath = ()) -> Iterator[Mistake]:
    """Every way in which a TOML value is not of the type ``wanted``; of a table, missing keys come last.

    msgspec itself finds that there is a mistake, but names neither the keys of the tables on the way nor what would
    be right.
    """
    wanted, description = _bare(wanted)
    match wanted:
        case inspect.StructType() if isinstance(value, dict):
            yield from _table_mistakes(value, wanted, path)
        case inspect.UnionType() if isinstance(value, dict):
            yield from _tagged_mistakes(value, wanted, path)
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                yield from type_mistakes(key, wanted.key_type, (*path, key))
                yield from type_mistakes(item, wanted.value_type, (*path, key))
        case inspect.ListType() if isinstance(value, list) and _within(
            len(value), wanted.min_length, wanted.max_length
        ):
            for index, item in enumerate(value):
                yield from type_mistakes(item, wanted.item_type, (*path, index))
        case _ if not _fits(value, wanted):
            expected = f"expected {_expected(wanted, description)}, found {shown(value)}"
            cure = _cure(value, wanted, path)
            yield Mistake(path, f"{expected}; {cure}" if cure else expected)
        case _:
            pass


def _table_mistakes(value: dict[str, Any], wanted: inspect.StructType, path: KeyPath) -> Iterator[Mistake]:
    fields = {key.encode_name: key for key in wanted.fields}
    known = ([wanted.tag_field] if wanted.tag_field else []) + list(fields)
    table = _called(wanted, path)
    for key, item in value.items():
        if key in fields:
            yield from type_mistakes(item, fields[key].type, (*path, key))
        elif key not in known:
            home = f"it belongs {_HOME[key]}" if key in _HOME else f"it has {listed(known)}"
            yield Mistake((*path, key), f"{table} has no key {shown(key)}; {did_you_mean(key, known, home)}")
    for key, field in fields.items():
        if field.required and key not in value:
            expected = _expected(*_bare(field.type))
            yield Mistake(path, f"the key {shown(key)} is missing; {table} needs it: {expected}")


def _tagged_mistakes(value: dict[str, Any], wanted: inspect.UnionType, path: KeyPath) -> Iterator[Mistake]:
    """The mistakes of a table whose struct is chosen by the word in its tag field."""
    structs = [one for one in wanted.types if isinstance(one, inspect.StructType)]
    by_tag = {str(one.tag): one for one in structs}
    tag_field = str(structs[0].tag_field)
    words = f"one of {listed(by_tag)}"
    tag = value.get(tag_field)
    if tag is None:
        yield Mistake(path, f"the key {shown(tag_field)} is missing; a step needs it: {words}")
    elif not isinstance(tag, str):
        yield Mistake((*path, tag_field), f"expected {words}, found {shown(tag)}")
    elif tag not in by_tag:
        hint = did_you_mean(tag, by_tag, f"a step does {words}")
        yield Mistake((*path, tag_field), f"there is no verb {shown(tag)}; {hint}")
    else:
        yield from _table_mistakes(value, by_tag[tag], path)


def _bare(wanted: inspect.Type) -> tuple[inspect.Type, str | None]:
    """The type without its metadata and without None, which TOML can't say; and its description."""
    match wanted:
        case inspect.Metadata():
            return wanted.type, (wanted.extra_json_schema or {}).get("description")
        case inspect.UnionType(types=(only, inspect.NoneType()) | (inspect.NoneType(), only)):
            return _bare(only)
        case _:
            return wanted, None


def _fits(value: object, wanted: inspect.Type) -> bool:
    match wanted:
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _within(value, wanted.ge, wanted.le)
        case inspect.StrType():
            return (
                isinstance(value, str)
                and _within(len(value), wanted.min_length, wanted.max_length)
                and re.search(wanted.pattern or "", value) is not None
            )
        case inspect.LiteralType():
            return value in wanted.values
        case _:
            return isinstance(wanted, inspect.BoolType) and isinstance(value, bool)


def _within(size: int, least: int | None, most: int | None) -> bool:
    return (least is None or size >= least) and (most is None or size <= most)


def _expected(wanted: inspect.Type, description: str | None) -> str:
    match wanted:
        case _ if description:
            return description
        case inspect.IntType(ge=least, le=most):
            return f"an integer from {least} to {most}"
        case inspect.LiteralType():
            words = list(wanted.values)
            return f"one of {listed([str(word) for word in words])}" if len(words) > 1 else shown(words[0])
        case inspect.StrType():
            return "a text in quotes"
        case inspect.BoolType():
            return "true or false"
        case inspect.ListType():
            return "an array"
        case _:
            return "a table"


def _cure(value: object, wanted: inspect.Type, path: KeyPath) -> str:
    """What to do about a value that doesn't fit, where that can be told; else nothing."""
    match wanted, value:
        case inspect.IntType(), str() if re.fullmatch(r"[+-]?[0-9]+", value):
            return "write it without quotes"
        case inspect.BoolType(), str() if value.lower() in ("true", "false"):
            return f"write {value.lower()} without quotes"
        case inspect.LiteralType(values=words), str():
            return did_you_mean(value, [str(word) for word in words], "")
        case inspect.ListType(item_type=inspect.StructType()), dict():
            return f"write [[{_header(path)}]], in double brackets"
        case inspect.ListType(), _ if not isinstance(value, list):
            return "put it in brackets: [ ... ]"
        case inspect.DictType(value_type=inspect.StructType()), list():
            return f"write [{_header(path)}.NAME], in single brackets"
        case ((inspect.StructType() | inspect.DictType()), list()):
            return f"write [{_header(path)}], in single brackets"
        case ((inspect.StrType() | inspect.LiteralType()), _) if not isinstance(value, str | list | dict):
            return "put it in quotes"
        case _:
            return ""


def _called(table: inspect.StructType, path: KeyPath) -> str:
    if not path:
        return "a scenario"
    if table.tag:
        return f"a {shown(table.tag)} step"
    return f"[[{_header(path)}]]" if isinstance(path[-1], int) else f"[{_header(path)}]"


def _header(path: KeyPath) -> str:
    return ".".join(_written(part) for part in path if isinstance(part, str))


def _written(key: str) -> str:
    """A key as TOML writes it: in quotes only where it needs them."""
    return clean(key) if re.fullmatch(r"[A-Za-z0-9_-]+", key) else shown(key)


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")


def _likeness(word: str, other: str) -> float:
    """From 0 to 1."""
    ratio = SequenceMatcher(None, word, other).ratio()
    short, long = sorted((f"_{word}_", f"_{other}_"), key=len)
    return 0.9 + ratio / 10 if short in long else ratio
