"""Scenarios by name: from what the command line is given to programs that are known to be whole."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario import build, python
from dmabuf_async.scenario.hints import clean, did_you_mean, listed, shown
from dmabuf_async.scenario.load import load_scenario
from dmabuf_async.scenario.program import Program

SKIPPED = "__pycache__"
"""A folder in which nobody keeps scenarios; hidden ones are skipped too."""


def load(name: str) -> Program:
    """The program that ``name`` names: ``x.toml``, ``x.py:function``, or ``x.py`` with one scenario in it.

    Its machine has been made once, so that what is wrong with the scenario is known now. Raises ScenarioError, whose
    text is one paragraph, whatever that is.
    """
    program = _program(name)
    try:
        program.machines()()
    except ScenarioError as error:
        text = str(error)
        raise error if text.startswith(clean(name)) else ScenarioError(f"{clean(name)}: {text}") from None
    return program


def _program(name: str) -> Program:
    file, colon, function = name.rpartition(":")
    if colon and file.endswith(".py"):
        return python.load_python(Path(file), function, CODES)
    if name.endswith(".py"):
        return python.load_python(Path(name), "", CODES)
    return build.program(load_scenario(Path(name), defects=DEFECTS, codes=CODES), name)
