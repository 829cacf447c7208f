from __future__ import annotations

import re

import pytest

from dmabuf_async.drivers.catalogue import DEFECTS


@pytest.mark.parametrize(("driver", "defect"), [(driver, name) for driver in DEFECTS for name in DEFECTS[driver]])
def test_a_defect_has_a_name_of_plain_words_and_one_line_that_cites_a_rule(driver: str, defect: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", defect)
    line = DEFECTS[driver][defect]
    assert re.search(r"\([VP]\d+(, [VP]\d+)*\)$", line) or defect in {"free-before-copy", "leak-slot"}
    assert "\n" not in line
    assert line[0].islower()


def test_a_name_means_the_same_mistake_in_every_driver() -> None:
    for one, lines in DEFECTS.items():
        for other, others in DEFECTS.items():
            for name in lines.keys() & others.keys():
                rules = [re.findall(r"[VP]\d+", described[name]) for described in (lines, others)]
                assert rules[0] == rules[1], (one, other, name)
