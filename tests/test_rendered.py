"""Whole pages as they are rendered, kept beside this file in `rendered/`.

`python tests/test_rendered.py` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import re
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

import losscli
from losscli.cli import run
from losscli.explanation import Explanation
from losscli.losses import NAMES
from losscli.render import terminal
from losscli.render.lines import percent

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGES = HERE / "rendered"
EXAMPLE: dict[str, Any] = {
    "input": [[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]],
    "target": [2, 0],
    "weight": [1.0, 2.0, 3.0],
}


def page_of_sample(name: str, folder: Path, ending: str = "txt") -> str:
    """`losscli explain` on the sample of a loss, in the format of an ending."""
    out = folder / f"{name}.{ending}"
    with chdir(ROOT):  # the page names the case as it was typed
        assert run(["explain", name, f"samples/{name}.yaml", "--output", str(out)]) == 0
    return out.read_text("utf-8")


def pages(folder: Path) -> dict[str, str]:
    """Every page that is kept, by the name of its file."""
    found = {f"{name}.txt": page_of_sample(name, folder) for name in NAMES}
    example = losscli.explain("cross-entropy", **EXAMPLE)
    for name in ("cross-entropy", "huber", "ctc"):
        for ending in ("html", "md", "tex"):
            found[f"{name}.{ending}"] = page_of_sample(name, folder, ending)
    found["ascii.txt"] = example.to_text(ascii=True)
    found["narrow.txt"] = example.to_text(width=60)
    found["digits-8.txt"] = example.to_text(digits=8)
    found["colour.ansi"] = terminal.render(example, color=True, width=80)
    found["none.txt"] = losscli.explain(
        "huber", input=[1.0], target=[0.0], reduction="none"
    ).to_text()
    found["complex.txt"] = losscli.explain("l1", input=[1 + 2j, 3 - 4j], target=[0, 0j]).to_text()
    found["empty.txt"] = losscli.explain("huber", input=[], target=[]).to_text()
    found["not-finite.txt"] = losscli.explain(
        "cross-entropy", input=[[float("inf"), 0.0]], target=[0]
    ).to_text()
    found["many.txt"] = losscli.explain(
        "cross-entropy",
        input=[[(i * j) % 17 / 4 for j in range(40)] for i in range(100)],
        target=[(7 * i) % 40 for i in range(100)],
        top=2,
    ).to_text()
    return found


def test_the_pages_are_those_that_are_kept(tmp_path: Path) -> None:
    now = pages(tmp_path)
    kept = {path.name for path in PAGES.iterdir()}
    of_samples = {f"{name}.txt" for name in NAMES}  # a new loss may do without
    assert set(now) - of_samples <= kept <= set(now), (
        "python tests/test_rendered.py writes the pages anew"
    )
    for name in kept:
        assert now[name] == (PAGES / name).read_text("utf-8"), name


LONG = ("a very long class name indeed that goes on", "another rather long class name here", "c")
PAGES_TO_FIT = {
    "example": ("cross-entropy", EXAMPLE),
    "names": ("cross-entropy", {**EXAMPLE, "classes": LONG, "ids": ["x" * 70, "y"]}),
    "pairs": ("multi-margin", {**EXAMPLE, "classes": LONG}),
    "components": (
        "triplet-margin",
        {
            "anchor": [[1.829, -2.819, -6.904, -2.552, 4.536]],
            "positive": [[0.111, 0.222, 0.333, 0.444, 0.555]],
            "negative": [[2.2, 2.123, 5.234, -5.857, 2.409]],
        },
    ),
}


@pytest.mark.parametrize("width", [60, 75, 80, 100, 140, 200])
@pytest.mark.parametrize("page", PAGES_TO_FIT)
def test_no_line_is_wider_than_the_page(page: str, width: int) -> None:
    loss, given = PAGES_TO_FIT[page]
    explanation = losscli.explain(loss, **given)
    for ascii in (False, True):
        for line in explanation.to_text(width=width, ascii=ascii).splitlines():
            assert len(line) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_every_line_begins_and_ends_in_its_column(width: int) -> None:
    explanation = losscli.explain(
        "triplet-margin",
        anchor=[[1, 2]],
        positive=[[1.5, 2.25]],
        negative=[[3, 1]],
        reduction="none",
    )
    lines = explanation.to_text(width=width).splitlines()
    assert any("triple 0, component 0" in line for line in lines)
    assert len({line.index(sign) for line in lines for sign in "≈" if sign in line}) == 1


def test_a_name_that_is_too_long_is_cut() -> None:
    page = losscli.explain("cross-entropy", **EXAMPLE, classes=LONG).to_text(width=80)
    assert re.search("row 1  y = 0 a very long clas…  1 − ", page)
    assert re.search("a very long…  another rat…  +c\n", page)


def test_the_minus_of_a_name_is_that_of_the_page() -> None:
    explanation = losscli.explain("nll", input=[[-1.0], [-2.0]], target=[0, -100])
    assert "row 1  y = −100 " in explanation.to_text()
    ascii = explanation.to_text(ascii=True)
    assert "row 1  y = -100 " in ascii and ascii.isascii()


def test_colour_adds_nothing_but_colour() -> None:
    explanation = losscli.explain("cross-entropy", **EXAMPLE)
    coloured = terminal.render(explanation, color=True, width=90)
    assert "\x1b[" in coloured
    plain = terminal.render(explanation, color=False, width=90)
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain == explanation.to_text(width=90)


def test_an_explanation_shows_itself() -> None:
    from rich.console import Console

    explanation = losscli.explain("huber", input=[1.0], target=[0.0])
    assert isinstance(explanation, Explanation)
    console = Console(width=72, color_system=None)
    with console.capture() as captured:
        console.print(explanation)
    assert captured.get().strip() == explanation.to_text(width=72).strip()
    assert repr(explanation) == str(explanation) == explanation.to_text()


if __name__ == "__main__":
    import tempfile

    fresh = pages(Path(tempfile.mkdtemp()))
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.iterdir():
        old.unlink()
    for page, content in fresh.items():
        (PAGES / page).write_text(content, "utf-8")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (-0.0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0004, "0.04 %"),
        (0.57, "57 %"),
        (0.994, "99 %"),
        (0.998, "99.8 %"),
        (0.99999, "> 99.99 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_say_neither_nothing_nor_all_of_a_part(share: float, text: str) -> None:
    assert percent(share) == text
