"""The site: every page has its place, and what is made from the code has all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import click
import pytest

import dmabuf_async
from dmabuf_async.checkers.catalogue import CODES, page
from dmabuf_async.cli import exits
from dmabuf_async.cli.verbs import verbs
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.json_schema import json_schema
from docs.generated import ops
from docs.generated.extension import LINE, PARTS, filled

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^```toml\n(# (\S+\.toml)\n.*?)^```$", re.DOTALL | re.MULTILINE)
RULE = re.compile(r"\b[VP]\d+\b")


def entries(at: Path) -> Iterator[Path]:
    """The pages that a page's toctrees name."""
    for tree in TOCTREE.findall(at.read_text(encoding="utf-8")):
        for line in filter(None, tree.splitlines()):
            if not line.startswith(":"):
                named = re.sub(r"^.*<(.+)>$", r"\1", line)
                yield from sorted(at.parent.glob(f"{named}.md")) or [at.parent / f"{named}.md"]


@cache
def generated(part: str) -> str:
    return PARTS[part]()


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """All verbs with their paths."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


def test_every_page_is_in_one_table_of_contents() -> None:
    told = [entry.resolve() for at in PAGES for entry in entries(at)]
    assert sorted(told) == sorted(at.resolve() for at in PAGES if at != DOCS / "index.md")


def test_every_page_begins_with_its_title() -> None:
    for at in PAGES:
        prose = BLOCK.sub("", at.read_text(encoding="utf-8"))
        titles = re.findall(r"^# .+$", prose, re.MULTILINE)
        assert len(titles) == 1, at


def test_every_generated_part_has_a_page() -> None:
    told = [part for at in PAGES for part in LINE.findall(at.read_text(encoding="utf-8"))]
    assert sorted(told) == sorted(PARTS)


def test_a_generated_part_stands_in_the_place_of_its_line() -> None:
    text = filled("# Codes\n\n<!-- generated: exit codes -->\n\nThe end.\n")
    assert text.startswith("# Codes\n\n| exit code |")
    assert text.endswith("\n\nThe end.\n")
    with pytest.raises(KeyError):
        filled("<!-- generated: nothing of the kind -->")


@pytest.mark.parametrize(("path", "command"), [*commands(verbs, "dmabuf-async")])
def test_the_command_line_has_every_verb_and_option(path: str, command: click.Command) -> None:
    _, _, section = generated("command line").partition(f"# {path.partition(' ')[2]}\n")
    section = section.partition("\n```\n")[0]
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert option in section


def test_every_exit_code_is_told() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| `(\d+)`", generated("exit codes"), re.MULTILINE)} == codes


def test_every_finding_has_a_section_with_its_page() -> None:
    text = generated("findings")
    for code in CODES:
        assert f"({code})=\n## {code}\n" in text
        for block in BLOCK.findall(page(code)):
            assert block in text


def test_every_key_of_the_schema_is_told_in_words() -> None:
    text = generated("schema")
    for name, spec in json_schema()["$defs"].items():
        verb = spec["properties"].get("do", {}).get("enum", [None])[0]
        assert verb is None or f"\n### {verb}\n\n{spec['description']}" in text
        for key, value in spec["properties"].items():
            if key == "do":
                continue
            assert value.get("description"), f"{name}.{key}"
            assert f"| `{key}` | " in text


def test_every_op_has_a_row_with_what_it_was_seen_to_touch() -> None:
    text = generated("ops")
    made = [op for *_, found in ops.homes() for op in found]
    assert {op.kind for op in made} <= set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert re.search(r"^\| `clear pte` \| `clear pte [^`]+` \|  \| pte, rmap \| yes or no \|", text, re.MULTILINE)


def test_few_ops_are_not_shown_by_the_catalogue() -> None:
    assert generated("ops").count("no scenario of the catalogue comes here") <= 12


def test_the_python_page_names_all_that_is_public() -> None:
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in set(dmabuf_async.__all__) - {"__version__"}:
        assert re.search(rf"dmabuf_async\.(?:[\w.]+\.)?{name}$", text, re.MULTILINE), name
    assert rfc2012.__name__ in text


def test_the_page_of_rules_has_every_rule_that_is_cited() -> None:
    text = (DOCS / "reference" / "rules.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([VP]\d+) \|", text, re.MULTILINE)
    pages = chain(*(RULE.findall(page(code)) for code in CODES))
    defects = chain(*(RULE.findall(said) for of in DEFECTS.values() for said in of.values()))
    assert len(told) == len(set(told))
    assert {*pages, *defects} <= set(told)


def test_a_block_that_names_its_file_is_that_file() -> None:
    shown = {name: block for at in PAGES for block, name in NAMED.findall(at.read_text(encoding="utf-8"))}
    assert shown
    assert shown == {name: (ROOT / name).read_text(encoding="utf-8") for name in shown}
