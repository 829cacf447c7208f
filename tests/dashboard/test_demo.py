from __future__ import annotations

from pathlib import Path

import pytest

from dmabuf_async.dashboard import demo
from dmabuf_async.dashboard.demo import DEMOS, PICTURES, picture

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"


@pytest.mark.parametrize("name", DEMOS)
def test_every_panel_has_a_demo_that_shows_something(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([name, "--width", "80", "--height", "24"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 0 < len(lines) <= 24
    assert any(line.strip() for line in lines)
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_the_documents_is_what_its_demo_draws_today(name: str) -> None:
    told = f"python -m dmabuf_async.dashboard.demo {name} -o docs/pictures/{name}.svg makes it anew"
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == picture(name, *PICTURES[name]), told


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_fetches_nothing(name: str) -> None:
    text = picture(name, *PICTURES[name])
    assert "url(http" not in text
    assert "@import" not in text
    assert "href" not in text


def test_every_picture_is_shown_in_a_document_and_there_is_no_other() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PICTURES)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert all(f"pictures/{name}.svg" in shown for name in PICTURES)


def test_a_picture_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    assert demo.main(["locks", "-o", str(tmp_path / "x.svg")]) == 0
    assert (tmp_path / "x.svg").read_text(encoding="utf-8").startswith("<svg")
