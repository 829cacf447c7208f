"""What a search knows as bytes, and back in another process. Reading runs nothing but the makers of plain data."""

from __future__ import annotations

import io
import pickle
import sys
import threading
from typing import Any, Final

_STACK: Final = 1 << 29
"""Bytes of address space, of which only what is used becomes memory."""
_LEVELS: Final = 500_000

_PLAIN: Final = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "object"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("copyreg", "__newobj__"),
    ("copyreg", "_reconstructor"),
}


def frozen(value: Any) -> bytes:
    """``value``, which is made of plain data and of this package's own classes, however deeply nested."""
    try:
        return pickle.dumps(value, protocol=5)
    except RecursionError:
        return _deep(value)


def _deep(value: Any) -> bytes:
    """As pickle calls itself for each level, it is given a stack that holds them.

    The one in Python does: from CPython 3.12 on, the levels of the one in C have a limit that cannot be raised.
    """
    done: list[bytes] = []

    def write() -> None:
        file = io.BytesIO()
        pickle._Pickler(file, protocol=5).dump(value)
        done.append(file.getvalue())

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    try:
        sys.setrecursionlimit(_LEVELS)
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    return done[0]


def thawed(data: bytes) -> Any:
    """What :func:`frozen` was given. Raises ValueError, whatever is wrong with the bytes."""
    try:
        return _Thaw(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError(f"it cannot be read ({type(error).__name__})") from error


class _Thaw(pickle.Unpickler):
    """Knows classes of this package, and no functions: a file may come from anywhere."""

    def find_class(self, module: str, name: str) -> Any:
        ours = module.startswith("dmabuf_async.")
        if ours or (module, name) in _PLAIN:
            found = super().find_class(module, name)
            if not ours or isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")
