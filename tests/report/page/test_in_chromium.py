"""The page as a browser shows it, and as its reader moves through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Tab, browser
from tests.report.page.pages import PINS_IGNORED, evil_page, page_of


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page_of(*PINS_IGNORED), encoding="utf-8")
    return path


@pytest.fixture
def tab(started: Tab, file: Path) -> Tab:
    started.look(1280, 900)
    started.open(file)
    return started


WHERE = """[...document.querySelectorAll('#tables tr')].find((row) => row.cells[0].textContent === 'fb[0]')
    .cells[1].textContent"""
NOW = "document.getElementById('now').textContent"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_it_loads_without_a_complaint_and_asks_for_nothing_but_itself(tab: Tab, file: Path) -> None:
    assert tab.complaints == []
    assert tab.requests == [file.as_uri()]
    assert tab.evaluate(NOW).startswith("17 of 26: evictor (cpu1): switch fb[0] to swap#0; x moved-while-pinned")
    assert tab.evaluate(WHERE).startswith("swap#0")
    assert tab.evaluate("scrollY") == 0


def test_the_state_that_the_script_shows_is_the_one_that_stands_in_the_file(tab: Tab, file: Path) -> None:
    scripted = tab.evaluate("document.getElementById('tables').innerText")
    marked = "[...document.querySelectorAll('#tables .changed, #tables .new, #tables .gone')].map((e) => e.innerText)"
    told = tab.evaluate(marked)
    tab.open(file, scripts=False)
    assert tab.evaluate("document.getElementById('tables').innerText") == scripted
    assert tab.evaluate(marked) == told


def test_the_slider_moves_the_state_and_the_step_that_is_marked(tab: Tab) -> None:
    tab.evaluate("slider.value = 16; slider.dispatchEvent(new Event('input'))")
    assert tab.evaluate(WHERE) == "ram#0"
    assert tab.evaluate("document.querySelector('[aria-current=step]').id") == "step-16"
    colour = "getComputedStyle(document.getElementById('step-{}')).backgroundColor"
    assert tab.evaluate(colour.format(16)) != tab.evaluate(colour.format(17))
    assert tab.evaluate("document.querySelector('#moment').textContent").startswith("after step 16 of 26")
    assert tab.evaluate("location.hash") == "#step-16"
    assert tab.complaints == []


@pytest.mark.parametrize(
    ("keys", "step"),
    [(["ArrowRight"], 18), (["ArrowLeft", "ArrowLeft"], 15), (["ArrowLeft"] * 20, 0), (["ArrowRight"] * 12, 26)],
)
def test_left_and_right_go_a_step_back_and_on_and_not_beyond_the_ends(tab: Tab, keys: list[str], step: int) -> None:
    for key in keys:
        tab.press(key)
    assert tab.evaluate(NOW).startswith(f"{step} of 26: ")
    assert tab.complaints == []


def test_the_keys_of_the_slider_are_its_own(tab: Tab) -> None:
    tab.evaluate("slider.focus()")
    tab.press("Home")
    assert tab.evaluate(NOW) == "0 of 26: before the first step"
    tab.press("ArrowRight")
    assert tab.evaluate(NOW).startswith("1 of 26: ")
    tab.press("End")
    assert tab.evaluate(NOW).startswith("26 of 26: ")


def test_up_and_down_move_in_the_steps_and_pass_over_those_that_are_hidden(tab: Tab) -> None:
    tab.evaluate("document.getElementById('step-17').focus()")
    tab.press("ArrowDown")
    assert tab.evaluate("document.activeElement.id") == "step-18"
    tab.press("ArrowUp")
    tab.click("#only")
    tab.evaluate("document.getElementById('step-17').focus()")
    tab.press("ArrowDown")
    assert tab.evaluate("document.activeElement.id") == "step-23"
    assert tab.evaluate(NOW).startswith("23 of 26: ")


def test_buttons_and_steps_can_be_clicked(tab: Tab) -> None:
    for selector, step in (("#first", 0), ("#on", 1), ("#step-9", 9), ("#back", 8), ("#start", 17)):
        tab.click(selector)
        assert tab.evaluate(NOW).startswith(f"{step} of 26: "), selector


def test_an_address_with_a_step_opens_at_it(started: Tab, file: Path) -> None:
    started.look(390, 500)
    started.open(file, anchor="#step-12")
    assert started.evaluate(NOW).startswith("12 of 26: ")
    tops = "['step-12', 'controls'].map((id) => document.getElementById(id).getBoundingClientRect())"
    step, controls = started.evaluate(f"{tops}.map((box) => [box.top, box.bottom])")
    assert controls[1] <= step[0] < step[1] <= 500
    started.evaluate("location.hash = '#step-3'; new Promise((done) => setTimeout(done, 50))")
    assert started.evaluate(NOW).startswith("3 of 26: ")


def test_tab_stops_once_in_the_steps_and_everything_it_stops_at_shows_its_focus(tab: Tab) -> None:
    stops: list[str] = []
    for _ in range(20):
        tab.press("Tab")
        name = tab.evaluate("document.activeElement.id || document.activeElement.textContent")
        if tab.evaluate("document.activeElement === document.body"):
            break  # past the last one
        stops.append(name)
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", name
    assert [name for name in stops if name.startswith("step-")] == ["step-17"]
    assert {"first", "back", "on", "slider", "start", "only"} <= set(stops)


def test_who_listens_is_told_names_of_controls_and_of_what_moves(tab: Tab) -> None:
    found: list[dict[str, Any]] = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = {(one["role"]["value"], one.get("name", {}).get("value", "")) for one in found if not one["ignored"]}
    for wanted in (
        ("slider", "Step"),
        ("button", "One step on"),
        ("button", "One step back"),
        ("region", "Steps"),
        ("region", "State of the machine"),
        ("region", "What was found"),
        ("checkbox", "only the 18 of 26 steps that the finding depends on"),
    ):
        assert wanted in named
    assert {"main", "banner", "contentinfo"} <= {role for role, _ in named}
    assert not any(role in {"button", "link", "slider", "checkbox"} and not name for role, name in named)
    assert tab.evaluate("document.getElementById('now').ariaLive") == "polite"
    heard = next(name for role, name in named if role == "link" and name.startswith("importer (cpu0): put_backing"))
    assert "after step 17 of evictor (cpu1)" in heard


CONTRAST = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const low = [];
  for (const element of document.querySelectorAll('h1,h2,p,dt,dd,a,button,.head,th,td,.note,.who,label')) {
    if (!element.offsetParent || !element.textContent.trim() || element.closest('.idle')) continue;
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([element.className, element.textContent.slice(0, 30), ratio]);
  }
  return low;
})()"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_words_can_be_told_from_what_is_behind_them_in_light_and_dark(
    started: Tab, file: Path, width: int, dark: bool
) -> None:
    started.look(width, 900, dark=dark)
    started.open(file)
    paper = started.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(15, 19, 23)" if dark else "rgb(255, 255, 255)")
    assert started.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 390, 800, 1280, 2560])
def test_nothing_is_wider_than_the_window(started: Tab, file: Path, width: int) -> None:
    started.look(width, 900)
    started.open(file)
    assert started.evaluate(SIDEWAYS) <= 0


@pytest.mark.parametrize(("width", "columns"), [(1280, 2), (390, 1)])
def test_actors_have_columns_where_there_is_room_and_names_before_their_steps_elsewhere(
    started: Tab, file: Path, width: int, columns: int
) -> None:
    started.look(width, 900)
    started.open(file)
    lefts = "new Set([...document.querySelectorAll('a.step')].map((e) => Math.round(e.getBoundingClientRect().x))).size"
    assert started.evaluate(lefts) == columns
    assert started.evaluate("document.querySelector('.who').getBoundingClientRect().width > 9") is (columns == 1)


@pytest.mark.parametrize("width", [1280, 390])
def test_an_arrow_begins_and_ends_at_the_rows_of_its_steps(started: Tab, file: Path, width: int) -> None:
    started.look(width, 900)
    started.open(file)
    found = started.evaluate("""(() => {
      const box = (e) => e.getBoundingClientRect();
      return [...document.querySelectorAll('#steps .arrow')].map((arrow) => {
        const [, first, second] = arrow.querySelector('title').textContent.match(/step (\\d+) before step (\\d+)/);
        const row = (n) => box(document.getElementById(`step-${n}`));
        return [box(arrow).top, box(arrow).bottom, row(first).top, row(second).bottom];
      });
    })()""")
    assert found
    for top, bottom, first, second in found:
        assert first - 3 <= top < bottom <= second + 5


def test_on_paper_there_is_the_finding_the_steps_and_the_state_and_no_controls(started: Tab, file: Path) -> None:
    started.look(800, 1000, media="print")
    started.open(file)
    displayed = "((id) => document.getElementById(id).getClientRects().length > 0)"
    assert [started.evaluate(f"{displayed}('{name}')") for name in ("finding", "steps", "state", "controls")] == [
        True, True, True, False
    ]  # fmt: skip


def test_without_scripts_lanes_finding_and_state_are_there(started: Tab, file: Path) -> None:
    started.look(1280, 900)
    started.open(file, scripts=False)
    assert started.evaluate("document.getElementById('controls').getClientRects().length") == 0
    assert started.evaluate(WHERE).startswith("swap#0")
    assert started.evaluate("document.querySelectorAll('a.step').length") == 26
    assert started.evaluate("document.querySelectorAll('.arrow').length") > 0


def test_names_that_are_markup_and_scripts_do_nothing(started: Tab, tmp_path: Path) -> None:
    path = tmp_path / "evil.html"
    path.write_text(evil_page(), encoding="utf-8")
    started.open(path)
    for _ in range(8):
        started.press("ArrowLeft")
    assert started.complaints == []
    assert started.requests == [path.as_uri()]
    assert started.evaluate("document.title").startswith("unhandled-exception: </script><img")
    assert started.evaluate("document.querySelectorAll('img').length") == 0


def test_even_markup_that_came_in_could_not_run_or_load_anything(tab: Tab) -> None:
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    tab.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert tab.evaluate("document.title") != "1"
    assert any("Content Security Policy" in said for said in tab.complaints)
