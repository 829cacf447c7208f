"""The actor: a task of the simulated system, as the machine and the core see it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from dmabuf_async.machine.order import LANES
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.engine.table import Entry, Table, Trail
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.judged import Judged
    from dmabuf_async.machine.locks import AnyLock
    from dmabuf_async.ops import Op
    from dmabuf_async.tasks import Group


class Run(Protocol):
    """What structural ops may ask of the core that runs their actor."""

    def start(self, parent: Actor, name: str, group: Group, function: Callable[..., Any], arguments: Any) -> Actor:
        """Make a child, parked before its first op, and return it."""
        ...

    def deliver(self, actor: Actor, unwind: BaseException) -> None:
        """Replace the op that ``actor`` stands before by the throwing of ``unwind``."""

    def recheck(self, pending: list[Actor]) -> None:
        """What these actors are parked on has changed: ask again whether they can go on."""

    def tick(self) -> None:
        """A timer has been set: the clock is an actor from now on."""


class Actor(Thing):
    """A task: who it is, where it stands, and what the rules count for it.

    Its state is what others can see of it. Where it stands in its own program is
    its *local state*, ``local``: a hash of the results received since it settled.
    """

    __slots__ = (
        "arguments", "cancelled", "context", "coroutine", "cpu", "daemon", "ended", "ended_by", "entry",
        "epoch", "failure", "function", "group", "groups", "held", "inbox", "judged", "killed", "lane", "last", "local",
        "locks", "mapped", "names", "needs", "op", "parent", "path", "process", "rank", "ready", "resume", "run",
        "settled", "site", "spawned", "stuck", "table", "threads", "trail", "user",
    )  # fmt: skip
    STATE = ("killed", "held", "names")
    MEMORY = ("past", "epoch", "locks")
    SYNCHRONISES = True
    KIND = "task"

    def __init__(
        self, name: str, path: tuple[int, ...], cpu: Cpu | None, function: Callable[..., Any], arguments: Any
    ) -> None:
        super().__init__(name)
        self.path = path
        self.lane = min(path[0] if len(path) == 1 else LANES, LANES - 1)  # see machine.order
        self.cpu = cpu
        self.function = function
        self.arguments = arguments
        self.user = False  # a user process: it can be killed, and its exit path is not a leak
        self.daemon = False  # a service task of a driver: it ends when the others have ended
        self.table: Table | None = None  # what is known of it from earlier executions
        self.parent: Actor | None = None
        self.process: Actor | None = None  # of a child: the user process whose thread it is
        self.group: Group | None = None
        self.judged: Judged | None = None  # the properties of its machine, if there are any
        self.reset()

    def reset(self) -> None:
        """Back to before its first op."""
        self.killed = False
        self.held = 0  # kernel mappings, atomic ones too: V9 counts them over all buffers
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.entry: Entry | None = None  # where on its table it is, as long as no coroutine is needed
        self.trail: Trail | None = None
        self.resume: Callable[[Any], Any] | None = None
        self.inbox: Any = None
        self.op: Op | None = None
        self.needs = 0  # the op's, as of when it was announced
        self.run: Run | None = None
        self.ready = False
        self.rank: Any = None  # what a strategy notes of it
        self.ended = False
        self.stuck = False  # reported as a member of a deadlock
        self.last = 0  # its latest step
        self.threads: list[Actor] = []  # of a user process: its children, and theirs, all that ever lived
        self.cancelled = False
        self.failure: BaseException | None = None
        self.local = self.key
        self.settled: object = None
        self.site = ""
        self.spawned = 0
        self.epoch = 0  # the event that its accesses of cells are until it releases: see machine.order
        self.locks: tuple[AnyLock, ...] = ()  # what it holds, in the order of taking
        self.mapped = 0  # how many mappings it has made
        self.fingerprint = self.past = 0
        self.names = 0  # bit set of the numbers of its mappings
        self.groups: tuple[Group, ...] = ()
        self.ended_by: tuple[Thing, ...] = ()  # its flag of being killed, and the clock that its end may stop
        self.context: tuple[Thing, ...] = () if self.cpu is None else (self.cpu,)

    def rescope(self) -> None:
        """Bring ``context`` up to date: what every op of this actor reads beside its own footprint."""
        groups = self.groups if self.group is None else (self.group, *self.groups)
        self.context = (*(() if self.cpu is None else (self.cpu,)), *groups, *self.ended_by)
