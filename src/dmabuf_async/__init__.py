"""Runs the dma-buf sharing protocol as tasks, decides every interleaving, and says precisely what broke.

What is named here is all that a scenario in Python, or a program that explores one, needs::

    from dmabuf_async import Machine, execute, from_function, fuzz, perform

Nothing is loaded before it is used, and no event loop unless an engine needs one.
"""

from __future__ import annotations

from dmabuf_async._version import __version__

TYPE_CHECKING = False  # known to type checkers; importing typing for it would cost a third of the start

if TYPE_CHECKING:
    from dmabuf_async.errors import DmabufAsyncError as DmabufAsyncError
    from dmabuf_async.errors import KernelError as KernelError
    from dmabuf_async.explore.checking import check as check
    from dmabuf_async.explore.execution import Execution as Execution
    from dmabuf_async.explore.execution import execute as execute
    from dmabuf_async.explore.execution import perform as perform
    from dmabuf_async.explore.execution import perform_async as perform_async
    from dmabuf_async.explore.fuzzing import fuzz as fuzz
    from dmabuf_async.explore.replaying import replay as replay
    from dmabuf_async.explore.verdict import Verdict as Verdict
    from dmabuf_async.machine.machine import Machine as Machine
    from dmabuf_async.machine.sizes import Sizes as Sizes
    from dmabuf_async.ops import settle as settle
    from dmabuf_async.report.exploration import Exploration as Exploration
    from dmabuf_async.report.exploration import FoundError as FoundError
    from dmabuf_async.report.exploration import explore as explore
    from dmabuf_async.scenario.catalogue import load as load
    from dmabuf_async.scenario.python import from_function as from_function
    from dmabuf_async.strategies.calm import Calm as Calm
    from dmabuf_async.strategies.random_walk import RandomWalk as RandomWalk
    from dmabuf_async.tasks import Group as Group

_HOMES = {
    "Calm": "strategies.calm",
    "DmabufAsyncError": "errors",
    "Execution": "explore.execution",
    "Exploration": "report.exploration",
    "FoundError": "report.exploration",
    "Group": "tasks",
    "KernelError": "errors",
    "Machine": "machine.machine",
    "RandomWalk": "strategies.random_walk",
    "Sizes": "machine.sizes",
    "Verdict": "explore.verdict",
    "check": "explore.checking",
    "execute": "explore.execution",
    "from_function": "scenario.python",
    "fuzz": "explore.fuzzing",
    "load": "scenario.catalogue",
    "perform": "explore.execution",
    "perform_async": "explore.execution",
    "replay": "explore.replaying",
    "settle": "ops",
}

__all__ = [
    "Calm",
    "DmabufAsyncError",
    "Execution",
    "Exploration",
    "FoundError",
    "Group",
    "KernelError",
    "Machine",
    "RandomWalk",
    "Sizes",
    "Verdict",
    "__version__",
    "check",
    "execute",
    "explore",
    "from_function",
    "fuzz",
    "load",
    "perform",
    "perform_async",
    "replay",
    "settle",
]


def __getattr__(name: str) -> object:
    if name == "explore":  # the package, which can be called: docs/decisions/20-explore-can-be-called.md
        from importlib import import_module

        return import_module(f"{__name__}.explore")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
