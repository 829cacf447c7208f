from __future__ import annotations

from dmabuf_async.strategies.pct import Pct
from dmabuf_async.strategies.portfolio import Portfolio
from dmabuf_async.strategies.pos import Pos
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute, loads


def test_members_take_turns_and_each_does_what_it_would_do_alone() -> None:
    def members() -> list[RandomWalk | Pct | Pos]:
        return [RandomWalk(1), Pct(2), Pos(3)]

    portfolio = Portfolio(members())
    turns = []
    for _ in range(30):
        choices = execute(loads(3, 3, 2), portfolio).choices
        turns.append((portfolio.playing, tuple(choices)))
    for offset, member in enumerate(members()):
        alone = [(member.name, tuple(execute(loads(3, 3, 2), member).choices)) for _ in range(10)]
        assert turns[offset::3] == alone
