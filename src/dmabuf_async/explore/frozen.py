"""What a search knows as bytes, and back in another process. Reading runs nothing but the makers of plain data."""

from __future__ import annotations

import io
import pickle
from typing import Any, Final

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
    """``value``, which is made of plain data and of this package's own classes.

    Whoever is nested deeply gives what lies deepest first: pickle calls itself for each level that it has not met.
    """
    return pickle.dumps(value, protocol=5)


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
