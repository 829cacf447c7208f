"""Every execution that the tests watch is audited, unless a test says that it is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore import fuzzing
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; processes inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("GITHUB_ACTIONS", None)  # campaigns of the tests annotate nothing where the tests themselves run
    config.addinivalue_line("markers", "unaudited: executions of this test are not audited (it measures time, or many)")


@pytest.fixture
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of garbage before each of hundreds of small campaigns would take longer than they do."""
    monkeypatch.setattr(fuzzing, "quiet_collector", lambda: nullcontext(lambda: 0))


@pytest.fixture(autouse=True)
def audited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Watch that is given no Audit gets one.

    Machines of one ``Program.machines()`` share it, so that settled values are compared
    across the executions of a campaign; any other machine has its own. ``@pytest.mark.unaudited`` turns it off.
    """
    if request.node.get_closest_marker("unaudited"):
        return
    audits: WeakKeyDictionary[Machine, Audit] = WeakKeyDictionary()
    watch, machines = Watch.__init__, Program.machines

    @wraps(watch)
    def audited_watch(self: Watch, machine: Machine, *arguments: Any, audit: Audit | None = None, **named: Any) -> None:
        watch(self, machine, *arguments, audit=audit or audits.setdefault(machine, Audit()), **named)

    @wraps(machines)
    def audited_machines(self: Program) -> Callable[[], Machine]:
        fresh, audit = machines(self), Audit()

        def make() -> Machine:
            machine = fresh()
            audits[machine] = audit
            return machine

        return make

    monkeypatch.setattr(Watch, "__init__", audited_watch)
    monkeypatch.setattr(Program, "machines", audited_machines)
