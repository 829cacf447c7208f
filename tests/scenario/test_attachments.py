"""Contradictions about devices: each is told where it is, with a way out."""

from __future__ import annotations

import re

import pytest

from tests.scenario.conftest import Complaint, Parse

HEAD = 'title = "x"\n[devices.gpu]\nengines = 2\n[buffers.fb]\npages = 2\n[[tasks]]\nname = "a"\n'
STEPS = {
    "attach": '{ do = "attach", device = "gpu", buffer = "fb", as = "m" }',
    "map": '{ do = "map_dma_buf", at = "m" }',
    "read": '{ do = "dma_read", at = "m", as = "t" }',
    "wait": '{ do = "dma_wait", for = "t" }',
    "unmap": '{ do = "unmap_dma_buf", at = "m" }',
    "detach": '{ do = "detach", at = "m" }',
}


def steps(*names: str, more: str = "") -> str:
    return f"{HEAD}{more}steps = [{', '.join(STEPS.get(name, name) for name in names)}]\n"


def test_the_whole_of_it_is_a_scenario(parse: Parse) -> None:
    assert len(parse(steps(*STEPS)).tasks[0].steps) == 6
    assert parse(steps(*STEPS, *STEPS, more="repeat = 2\n")).tasks[0].repeat == 2


def test_what_is_wrong_and_can_be_simulated_is_no_contradiction(parse: Parse) -> None:
    parse(steps("attach"))
    parse(steps("attach", "map", "read", "unmap", "wait", "detach"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (steps("map"), "there is no attachment 'm' here; attach a device first"),
        (steps("attach", "detach", "map"), "there is no attachment 'm' here"),
        (steps("attach", "attach"), "the attachment 'm' of steps[0] is still there; detach it first"),
        (steps("attach", "map", "map"), "'m' is mapped since steps[1]; unmap it first"),
        (steps("attach", "read"), "'m' is not mapped here; map it first"),
        (steps("attach", "unmap"), "'m' is not mapped here; map it first"),
        (steps("attach", "map", "detach"), "'m' is still mapped here; unmap it first"),
        (steps("wait"), "no transfer 't' is in flight; start one first"),
        (steps("attach", "map", "read", "read"), "the transfer 't' of steps[2] has not been waited for"),
        (steps("attach", "map", "read", "unmap", "detach"), "the transfer 't' of steps[2] has not been waited for"),
        (steps("attach", more="repeat = 2\n"), "the attachment 'm' is still there when the steps are repeated"),
        (steps("attach", "map", STEPS["read"].replace("as", "engine = 2, as")), "the device 'gpu' has engines 0 to 1"),
        (steps("attach", "map", STEPS["read"].replace("as", "page = 2, as")), "the buffer 'fb' has pages 0 to 1"),
        (steps("attach", "map", STEPS["read"].replace("as", "word = 2, as")), "a page has words 0 to 1, found 2"),
        (steps(STEPS["attach"].replace('"gpu"', '"gpo"')), "there is no device 'gpo'; did you mean 'gpu'?"),
        (steps("attach").replace("engines = 2", 'defects = ["no-iotlb-flash"]'), "a device has no defect"),
        (steps("attach").replace('name = "a"', 'name = "gpu-revoke"'), "is the task of a device's driver"),
    ],
)
def test_a_contradiction_is_told(complaint: Complaint, text: str, message: str) -> None:
    said = " ".join(complaint(text).replace('"', "'").split())
    assert re.sub(r"\s+", " ", message) in said
