"""What ``dmabuf-async --help`` says, kept apart: it is printed without loading anything, click included."""

from __future__ import annotations

from typing import Final

VERBS: Final = {
    "run": "show one execution of a scenario, step by step",
    "fuzz": "sample many executions of files and folders, and judge them",
    "check": "prove what scenarios expect: all executions, not a sample",
    "watch": "look at an execution live: actors, buffers, pins and maps",
    "replay": "show again the execution that a schedule stands for",
    "report": "write one execution as a page to share, or to print",
    "explain": "tell what a finding means, or the story of an execution",
    "scenario": "list scenarios, show, reduce or begin one, print the schema",
    "completion": "print the completion script of a shell",
}
"""Verb to what it does, in one line that fits into 80 columns."""

PAGE: Final = f"""\
Usage: dmabuf-async [--version] [--help] VERB ...

Runs the dma-buf sharing protocol as tasks, decides every interleaving, and
says precisely what broke.

Verbs:
{"".join(f"  {verb:<12}{does}{chr(10)}" for verb, does in VERBS.items())}
Options:
  --version   print the version
  --help      print this; after a verb: what can be said to it

To begin with:
  dmabuf-async fuzz scenarios/
  dmabuf-async scenario list
  dmabuf-async explain moved-while-pinned

Exit codes: 0 as expected, 1 an unexpected finding or none of the expected
ones, 2 usage, 3 not a valid scenario, 4 a replay diverged, 5 a witness never
seen, 6 a check that is not finished, 70 internal error, 130 interrupted.
"""
