from __future__ import annotations

from dmabuf_async.strategies.calm import Calm
from tests.harness import execute, loads


def test_calm_preempts_nobody() -> None:
    ran = execute(loads(2, 3, 1), Calm())
    assert ran.observed == "aabbbc"
    assert set(ran.choices) == {0}
