"""Scenarios written in Python: ``file.py:function``, where the function furnishes a machine."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from importlib import util
from importlib.abc import SourceLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple, TypeVar, overload

from dmabuf_async.engine.keeping import enclosed
from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import LONG, told
from dmabuf_async.scenario.hints import clean, did_you_mean, listed, shown, spelled
from dmabuf_async.scenario.load import contents
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.properties import Misread, expressions

Function = TypeVar("Function", bound=Callable[..., Any])

_HOW = "write @scenario above a function that takes a machine"


class Marked(NamedTuple):
    """What the decorator says about a function."""

    title: str = ""
    sizes: Sizes = Sizes()
    findings: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    eventually: tuple[str, ...] = ()


@overload
def scenario(function: Function, /) -> Function: ...


@overload
def scenario(
    *,
    title: str = "",
    sizes: Sizes | None = None,
    findings: Sequence[str] = (),
    sometimes: Sequence[str] = (),
    always: Sequence[str] = (),
    eventually: Sequence[str] = (),
) -> Callable[[Function], Function]: ...


def scenario(
    function: Callable[..., Any] | None = None,
    /,
    *,
    title: str = "",
    sizes: Sizes | None = None,
    findings: Sequence[str] = (),
    sometimes: Sequence[str] = (),
    always: Sequence[str] = (),
    eventually: Sequence[str] = (),
) -> Any:
    """Decorate a function that furnishes a machine: say how large it is, and what is expected.

    The function takes the machine, makes objects, and declares tasks. Left out, the machine has the default sizes, and
    nothing may be found; the title is the first line of the docstring. Raises TypeError for a text in the place of
    several.
    """
    told = {"findings": findings, "sometimes": sometimes, "always": always, "eventually": eventually}
    for name, texts in told.items():
        if isinstance(texts, str):
            raise TypeError(f"{name} must be a list of texts, not {texts!r}: put it in brackets")

    def mark(function: Function) -> Function:
        function.__dict__["dmabuf_async"] = Marked(
            title, sizes or Sizes(), **{name: tuple(texts) for name, texts in told.items()}
        )
        return function

    return mark if function is None else mark(function)


def from_function(function: Callable[[Machine], Any], name: str = "", digest: bytes = b"") -> Program:
    """A program from a function that takes a new machine and declares tasks on it, or a ``functools.partial`` of one.

    It is called anew for each execution, so that nothing which it makes outlives one. Left out, ``digest`` identifies
    the code of the function and the plain values that it was given, but not what it calls. Raises ScenarioError if
    the function is async; the program does so when it is executed, if there is no task in it.
    """
    plain: Any = function.func if isinstance(function, partial) else function
    marked: Marked = getattr(plain, "dmabuf_async", Marked())
    called = getattr(plain, "__name__", "program")
    if inspect.iscoroutinefunction(plain):
        raise ScenarioError(
            f"the function {shown(called)} that furnishes a machine must be a plain one: drop its async, and give "
            "async functions to machine.task"
        )
    if isinstance(function, partial):
        values = [*map(told, function.args), *(f"{key}={told(value)}" for key, value in function.keywords.items())]
        called += f"({', '.join(values)})"
    said = (inspect.getdoc(plain) or "").strip()
    code = getattr(plain, "__code__", None)
    identity = (called, code and _identity(code), *_given(plain), *_long(function))

    def build(machine: Machine) -> None:
        function(machine)
        if not machine.actors:
            raise ScenarioError(
                f"the function {shown(called)} declares no task, so that nothing can be said of it: call "
                "machine.task(NAME, FUNCTION) in it"
            )

    return Program(
        name=name or called,
        title=marked.title or said.split("\n")[0] or called,
        story=said,
        build=build,
        digest=digest or hashlib.sha256(repr(identity).encode()).digest(),
        sizes=marked.sizes,
        findings=marked.findings,
        sometimes=marked.sometimes,
        always=expressions(marked.always),
        eventually=expressions(marked.eventually),
    )


def _given(function: Any) -> tuple[object, ...]:
    """The plain values that a function has from its definition: defaults, and names of what surrounds it."""
    found = [*(getattr(function, "__defaults__", None) or ())]
    found += (getattr(function, "__kwdefaults__", None) or {}).values()
    found += enclosed(function)
    return tuple(_exact(value) for value in found if isinstance(value, int | float | str | bytes))


def _long(function: Any) -> tuple[object, ...]:
    """What the name of a partial function tells only by the number of its digits."""
    given = (*function.args, *function.keywords.values()) if isinstance(function, partial) else ()
    return tuple(_exact(value) for value in given if _exact(value) is not value)


def _exact(constant: Any) -> Any:
    """The same, where Python writes it out in full: of a long integer it does so in hexadecimal only."""
    if isinstance(constant, tuple) and any(_exact(one) is not one for one in constant):
        return tuple(map(_exact, constant))
    return hex(constant) if isinstance(constant, int) and abs(constant) >= LONG else constant


def _identity(code: CodeType) -> tuple[object, ...]:
    """What a function does, without where it stands."""
    constants = (
        _identity(one)
        if isinstance(one, CodeType)
        else sorted(map(repr, map(_exact, one)))
        if isinstance(one, frozenset)
        else _exact(one)
        for one in code.co_consts
    )
    return code.co_code, code.co_names, tuple(constants)


# From files ----------------------------------------------------------------------


def load_python(path: Path, function: str | None, codes: Collection[str]) -> Program:
    """The program that ``function`` of the file ``path`` furnishes; None: the only one that there is.

    Raises ScenarioError, whatever is wrong with it. What the file prints goes to stderr.
    """
    source = contents(path)
    module = _imported(path, source)
    made = _chosen(path, module, function)
    line = f"{spelled(path)}:{_line(made)}"
    called = f"the scenario function {shown(made.__name__)}"
    if inspect.iscoroutinefunction(made) or inspect.isgeneratorfunction(made) or inspect.isasyncgenfunction(made):
        raise ScenarioError(
            f"{line}: {called} must be a plain one: drop async and yield, and give the async functions to machine.task"
        )
    try:
        inspect.signature(made).bind(None)
    except TypeError:
        raise ScenarioError(
            f"{line}: {called} is called with the machine and nothing else; it takes "
            f"{clean(str(inspect.signature(made)))}"
        ) from None
    digest = hashlib.sha256(source + made.__name__.encode()).digest()
    try:
        program = from_function(made, f"{path}:{made.__name__}", digest)
    except Misread as error:
        raise ScenarioError(f"{line}: {called} has a property that cannot be read: {error}") from None
    for code in program.findings:
        if code not in codes:
            hint = did_you_mean(str(code), codes, f"the codes are {listed(codes)}")
            raise ScenarioError(f"{line}: {called} expects a finding {shown(code)} that does not exist; {hint}")
    for witness in program.sometimes:
        if not all(str(witness).partition(" reaches ")):
            raise ScenarioError(
                f"{line}: {called} has a witness {shown(witness)}; expected 'TASK reaches SITE', where the task says "
                "await settle(..., 'SITE')"
            )
    return replace(program, title=clean(program.title, 200), build=_guarded(made, path))


def scenarios(module: ModuleType) -> Mapping[str, Callable[[Machine], Any]]:
    """The functions of a module that are decorated with :func:`scenario` in it."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(getattr(value, "__dict__", {}).get("dmabuf_async"), Marked)
        and getattr(value, "__module__", "") == module.__name__
    }


class _Loader(SourceLoader):
    """Imports what has been read, and leaves no ``__pycache__`` beside it."""

    def __init__(self, path: Path, source: bytes) -> None:
        self.path = path
        self.source = source

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str) -> bytes:
        return self.source


def _imported(path: Path, source: bytes) -> ModuleType:
    name = f"dmabuf_async_scenario_{hashlib.sha256(bytes(path.absolute()) + source).hexdigest()[:16]}"
    spec = util.spec_from_file_location(name, path, loader=_Loader(path, source))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses and pickle look
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, SyntaxError) and error.filename == str(path):
            place = f"{spelled(path)}:{error.lineno or 1}:{error.offset or 1}"
            raise ScenarioError(f"{place}: is not valid Python: {clean(error.msg)}; repair the file") from None
        raise ScenarioError(f"{where(error, path)}: importing it raises {said(error)}; repair the file") from error
    return module


def _chosen(path: Path, module: ModuleType, function: str | None) -> Any:
    """The function that is meant."""
    known = scenarios(module)
    if function is None:
        if len(known) == 1:
            return next(iter(known.values()))
        has = (
            f"has {len(known)} scenarios: {listed(known)}; name one, as in {path}:{next(iter(known))}" if known else ""
        )
        raise ScenarioError(f"{spelled(path)}: {has or f'has no scenario; {_HOW}'}")
    if function in known:
        return known[function]
    found = getattr(module, function, None) if function.isidentifier() else None
    if inspect.isfunction(found) and found.__module__ == module.__name__:
        return found
    if inspect.isfunction(found):
        raise ScenarioError(f"{spelled(path)}:{_line(found)}: {shown(function)} is not a scenario; {_HOW}")
    hint = did_you_mean(function, known, f"it has {listed(known)}") if known else _HOW
    raise ScenarioError(f"{spelled(path)}: there is no scenario function {shown(function)}; {hint}")


def _line(function: Any) -> int:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return 1 if code is None else int(code.co_firstlineno)


def _guarded(function: Callable[[Machine], Any], path: Path) -> Callable[[Machine], Any]:
    name = shown(function.__name__)

    def build(machine: Machine) -> None:
        try:
            function(machine)
        except KeyboardInterrupt:
            raise
        except ScenarioError as error:
            raise ScenarioError(f"{where(error, path)}: in {name}: {error}") from error
        except BaseException as error:
            raise ScenarioError(f"{where(error, path)}: {name} raises {said(error)}; repair the function") from error
        if not machine.actors:
            raise ScenarioError(
                f"{spelled(path)}:{_line(function)}: {name} declares no task; call machine.task(NAME, FUNCTION) in it"
            )

    return build


def starts(actor: Actor) -> None:
    """Raise ScenarioError unless ``actor`` runs an async function with the arguments that it takes."""
    try:
        coroutine = actor.function(*actor.arguments)
        coroutine.close()  # nothing of it has run
    except Exception as error:
        raise ScenarioError(
            f"the task {shown(actor.name)} cannot be started ({said(error)}); give machine.task an async function and "
            "what that takes"
        ) from error


def said(error: BaseException) -> str:
    """An exception in one line of bounded length."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - it is somebody's class
        text = ""
    return clean(f"{type(error).__name__}{text and ': ' + text}", 300)


def where(error: BaseException, path: Path) -> str:
    """``file:line`` of the innermost frame of ``error`` that lies in ``path``."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    return f"{spelled(path)}:{lines[-1]}" if lines else spelled(path)
