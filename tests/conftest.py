"""Every execution that the tests watch is audited, unless a test says that it is not."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import pytest

from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import AuditError
from dmabuf_async.explore import fuzzing
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program

if TYPE_CHECKING:
    from dmabuf_async.engine.parking import Parking
    from dmabuf_async.machine.actor import Actor


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; processes inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("GITHUB_ACTIONS", None)  # campaigns of the tests annotate nothing where the tests themselves run
    config.addinivalue_line("markers", "unaudited: executions of this test are not audited (it measures time, or many)")
    config.addinivalue_line("markers", "collected: this test is about the collector of garbage")


def pytest_collection_finish() -> None:
    gc.freeze()  # ten thousand tests, and all that they have loaded, stay to the end: collections need not look at them


class Young(ModuleType):
    """The module gc, but collections leave alone what is old, so that nothing need be frozen."""

    def __getattr__(self, name: str) -> Any:
        return getattr(gc, name)

    def collect(self, generation: int = 1) -> int:
        return gc.collect(min(generation, 1))

    def freeze(self) -> None: ...

    def unfreeze(self) -> None: ...


@pytest.fixture(autouse=True)
def young(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looking through all that ten thousand tests have loaded would take longer than most campaigns.

    ``@pytest.mark.collected`` turns it off: what a search does to the collector is what the test is about.
    """
    if request.node.get_closest_marker("collected"):
        yield
        gc.freeze()  # it has thawed everything
    else:
        monkeypatch.setattr(fuzzing, "gc", Young("gc"))
        yield


class Audits(Audit):
    """The audit of each program that the tests run, in one: only what is settled tells programs apart.

    So the classes that report to it are made once, and not for each of a hundred thousand machines.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: WeakKeyDictionary[Machine, dict[Any, Any]] = WeakKeyDictionary()

    def adopt(self, machine: Machine) -> None:
        self._window = None  # an op of an earlier one may have raised
        super().adopt(machine)

    def settled(self, actor: Actor, value: object) -> None:
        self._settled = self.told.setdefault(cast("Parking", actor.run).machine, {})
        super().settled(actor, value)


@pytest.fixture(scope="session")
def audits() -> Audits:
    return Audits()


@pytest.fixture(autouse=True)
def audited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, audits: Audits) -> None:
    """A Watch that is given no Audit gets one.

    Settled values are compared across the executions of a campaign, which are those of the machines of one
    ``Program.machines()``; on any other machine they stand alone. ``@pytest.mark.unaudited`` turns it off.
    """
    audits.told.clear()  # a settled value may hold things of its machine, which then lives as long as it
    if request.node.get_closest_marker("unaudited"):
        return
    with suppress(AuditError):  # what an earlier test provoked, and no step has told
        audits.check()
    watch, machines = Watch.__init__, Program.machines

    @wraps(watch)
    def audited_watch(self: Watch, machine: Machine, *arguments: Any, audit: Audit | None = None, **named: Any) -> None:
        watch(self, machine, *arguments, audit=audit or audits, **named)

    @wraps(machines)
    def audited_machines(self: Program) -> Callable[[], Machine]:
        fresh, told = machines(self), dict[Any, Any]()

        def make() -> Machine:
            machine = fresh()
            audits.told[machine] = told
            return machine

        return make

    monkeypatch.setattr(Watch, "__init__", audited_watch)
    monkeypatch.setattr(Program, "machines", audited_machines)
