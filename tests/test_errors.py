from __future__ import annotations

import re

import pytest

from dmabuf_async import errors


def test_the_tree_that_is_drawn_is_the_tree() -> None:
    parents: list[tuple[int, str]] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.search(r"\+-- (\w+)", line)
        if found is None:
            if line.strip() == "BaseException":
                parents = [(line.index("B"), "BaseException")]
            continue
        column = line.index("+--")
        while parents[-1][0] >= column:
            parents.pop()
        drawn[found[1]] = parents[-1][1]
        parents.append((column, found[1]))
    own = {name: cls for name, cls in vars(errors).items() if isinstance(cls, type)}
    assert drawn.pop("Exception") == "BaseException"
    assert drawn == {name: cls.__base__.__name__ for name, cls in own.items() if cls.__base__}
    assert drawn


@pytest.mark.parametrize("unwind", [errors.Cancelled, errors.Killed, errors.RunOver])
def test_except_exception_lets_an_unwind_pass(unwind: type[BaseException]) -> None:
    assert issubclass(unwind, errors.Unwind)
    assert not issubclass(unwind, Exception)


def test_a_kernel_error_carries_its_symbol() -> None:
    error = errors.KernelError("ENOMEM")
    assert (error.errno, str(error)) == ("ENOMEM", "ENOMEM")
    assert not isinstance(error, errors.DmabufAsyncError)  # a program may catch it; it is no mistake of the user


def test_a_foreign_await_says_who_awaited_what_and_what_to_do() -> None:
    said = str(errors.ForeignAwait("display", object()))
    assert said.startswith("display awaited 'object', which is not an op: an actor may await only ops")
    assert "\n" not in said
