"""The verb: a step of a task, and the type of each key that several verbs have."""

from __future__ import annotations

from dmabuf_async.scenario.fields import Table


class Verb(Table, frozen=True, kw_only=True, tag_field="do"):
    """A step of a task; the key `do` says which."""
