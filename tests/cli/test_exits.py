from __future__ import annotations

from itertools import permutations

import pytest

from dmabuf_async.cli import exits
from dmabuf_async.errors import AuditError, ReplayDiverged, ScenarioError, ScheduleError

IN_ORDER = (70, 130, 3, 4, 1, 6, 5)


def test_of_several_codes_the_first_of_the_design_applies() -> None:
    for codes in permutations([0, *IN_ORDER], 3):
        expected = next((code for code in IN_ORDER if code in codes), 0)
        assert exits.first_that_applies(codes) == expected


def test_all_as_expected_is_nought() -> None:
    assert exits.first_that_applies([]) == exits.first_that_applies([0, 0]) == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [(ScheduleError(""), 2), (ScenarioError(""), 3), (ReplayDiverged(""), 4), (AuditError(""), 70), (KeyError(1), 70)],
)
def test_an_error_has_the_code_of_what_is_at_fault(error: Exception, code: int) -> None:
    assert exits.of(error) == code
