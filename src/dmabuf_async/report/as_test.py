"""A schedule as a test: a module for pytest that holds the scenario, and fails as long as the finding is shown."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.report.lanes import printable

if TYPE_CHECKING:
    from dmabuf_async.trace.events import Finding

_MODULE: Final = '''\
"""{headline}

{command}
"""

from dataclasses import replace

from dmabuf_async import load
from dmabuf_async.report.exploration import replayed

SCENARIO = {scenario}

SCHEDULE = "{schedule}"


def test_{name}(tmp_path):
    file = tmp_path / {file}
    file.write_bytes(SCENARIO.encode())
    program = load({argument})
    nothing = replace(program, findings=())  # whatever the scenario expects, the test fails while it is found
    replayed(nothing, SCHEDULE{limit}).raise_on_finding()
'''


def module(
    path: str, function: str, source: str, finding: Finding, schedule: str, command: str, *, max_steps: int = MAX_STEPS
) -> str:
    """The text of the module, which needs nothing but this package and pytest.

    ``source`` is the text of the scenario file ``path``, and ``function`` the scenario in it if it is in Python;
    ``command`` printed the module.
    """
    file = PurePath(path).name
    rule = f" ({finding.rule})" if finding.rule else ""
    return _MODULE.format(
        headline=_docstring(f"{finding.code}{rule}: {finding.message}."),
        command=_docstring(f"Printed by: {command}"),
        scenario=_literal(source),
        schedule=schedule,
        name=re.sub(r"\W+", "_", f"{finding.code} in {PurePath(file).stem} {function}", flags=re.ASCII).strip("_"),
        file=json.dumps(file),
        argument=f'f"{{file}}:{function}"' if function else "str(file)",
        limit="" if max_steps == MAX_STEPS else f", max_steps={max_steps}",
    )


def _docstring(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _literal(text: str) -> str:
    """The text in Python, to be read by people if that keeps every character."""
    plain = all(c.isprintable() or c == "\n" for c in text) and "'''" not in text
    return f"r'''{text}'''" if plain and not text.endswith(("'", "\\")) else repr(text)
