"""Scenarios written in Python: ``file.py:function``, where the function furnishes a machine."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from importlib import util
from pathlib import Path
from typing import Any, TypeVar

from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.program import Program

Function = TypeVar("Function", bound=Callable[..., Any])


def scenario(
    *,
    title: str = "",
    sizes: Sizes | None = None,
    findings: Sequence[str] = (),
    sometimes: Sequence[str] = (),
) -> Callable[[Function], Function]:
    """Decorate a function that furnishes a machine: say how large it is, and what is expected.

    Without it, the machine has the default sizes and nothing may be found.
    """

    def mark(function: Function) -> Function:
        function.__dict__["dmabuf_async"] = (title, sizes or Sizes(), tuple(findings), tuple(sometimes))
        return function

    return mark


def from_function(function: Callable[[Machine], Any], name: str = "", digest: bytes = b"") -> Program:
    """A program from a function that takes a new machine and declares tasks on it.

    It is called anew for each execution, so that nothing which it makes outlives one.
    """
    title, sizes, findings, sometimes = getattr(function, "dmabuf_async", ("", Sizes(), (), ()))
    called = getattr(function, "__name__", "program")
    said = (inspect.getdoc(function) or "").strip().split("\n")[0]
    if not digest:
        code = getattr(function, "__code__", None)
        digest = hashlib.sha256(repr((called, None if code is None else code.co_code)).encode()).digest()
    return Program(
        name=name or called,
        title=title or said or called,
        build=function,
        digest=digest,
        sizes=sizes,
        findings=findings,
        sometimes=sometimes,
    )


def load_python(path: Path, function: str, codes: Collection[str]) -> Program:
    """The program ``function`` of the file ``path``. Raises ScenarioError, whatever is wrong with it."""
    name = f"{path}:{function}"
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ScenarioError(
            f"{path}: cannot be read ({error.strerror}): name a Python file and one of its functions"
        ) from error
    spec = util.spec_from_file_location(f"dmabuf_async_scenario_{hashlib.sha256(source).hexdigest()[:8]}", path)
    if spec is None or spec.loader is None:
        raise ScenarioError(f"{path}: is not a Python file: name a file that ends in .py")
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pickle look
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ScenarioError(f"{where(error, path)}: importing it raises {said(error)}: repair the file") from error
    made = getattr(module, function, None)
    if not callable(made):
        names = ", ".join(
            key for key, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == spec.name
        )
        raise ScenarioError(f"{path}: has no function {function!r}: it has {names or 'no function at all'}")
    program = from_function(made, name, hashlib.sha256(source + function.encode()).digest())
    unknown = [code for code in program.findings if code not in codes]
    if unknown:
        raise ScenarioError(
            f"{name}: expects the finding {unknown[0]!r}, which does not exist: see 'dmabuf-async explain'"
        )
    return Program(
        **{
            **{field: getattr(program, field) for field in Program.__slots__},
            "build": _guarded(made, path, name),
        }
    )


def _guarded(function: Callable[[Machine], Any], path: Path, name: str) -> Callable[[Machine], Any]:
    def build(machine: Machine) -> None:
        try:
            function(machine)
        except ScenarioError as error:
            raise ScenarioError(f"{name}: {error}") from error
        except Exception as error:
            raise ScenarioError(f"{where(error, path)}: {name} raises {said(error)}: repair the function") from error
        if not machine.actors:
            raise ScenarioError(f"{name}: declares no task: call machine.task(name, async_function) in it")

    return build


def said(error: BaseException) -> str:
    """An exception in one line of bounded length."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{text and ': ' + text}"[:300]


def where(error: BaseException, path: Path) -> str:
    """``file:line`` of the innermost frame of ``error`` that lies in ``path``."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)
