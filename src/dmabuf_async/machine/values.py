"""Values: what a cell may hold, and how two of them are compared."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from dmabuf_async.ops import told

RELATIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def kept(name: str, value: Any) -> Any:
    """A value that a cell may hold. Raises TypeError if it cannot be hashed, ValueError if it does not equal itself."""
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{name} cannot hold {told(value)}: the value of a cell must be immutable and hashable"
        ) from None
    if value != value:  # noqa: PLR0124 - NaN
        raise ValueError(f"{name} cannot hold {told(value)}: nothing is equal to it, so that no state would come again")
    return value
