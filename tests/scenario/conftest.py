from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.schema import Scenario

Parse: TypeAlias = Callable[[str], Scenario]
Complaint: TypeAlias = Callable[[str], str]


@pytest.fixture(scope="session")
def parse() -> Parse:
    """The scenario in a text, which is called x.toml."""
    return lambda text: parse_scenario(text, "x.toml", defects=DEFECTS, codes=CODES)


@pytest.fixture(scope="session")
def complaint(parse: Parse) -> Complaint:
    """What is said about a text that is no scenario."""

    def complain(text: str) -> str:
        with pytest.raises(ScenarioError) as caught:
            parse(text)
        return str(caught.value)

    return complain
