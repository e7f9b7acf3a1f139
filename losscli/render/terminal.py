"""The explanation for a terminal, with Rich: the same page, in colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from losscli.render.page import build

if TYPE_CHECKING:
    from losscli.explanation import Explanation

# Colours that are read on light and on dark backgrounds; meaning never hangs on them.
STYLES = {
    "title": "bold",
    "number": "dim",
    "heading": "bold",
    "formula": "cyan",
    "label": "",
    "arithmetic": "",
    "relation": "dim",
    "result": "bold green",
    "note": "dim",
    "mark": "bold magenta",
    "bar": "cyan",
    "curve": "cyan",
    "slope": "green",
}


def rich_text(
    explanation: Explanation, digits: int = 4, width: int = 100, ascii: bool = False
) -> Text:
    """The page as Rich text."""
    page = Text(no_wrap=True)
    for line in build(explanation, digits, width, ascii):
        drawn = Text()
        for text, style in line:
            drawn.append(text, STYLES.get(style, ""))
        drawn.rstrip()
        page.append(drawn).append("\n")
    return page


def render(
    explanation: Explanation,
    digits: int = 4,
    color: bool | None = None,
    width: int = 100,
    ascii: bool = False,
) -> str:
    """The page with ANSI codes; without them where `color` is False or the terminal has none."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True if color is None else color,
        color_system="auto" if color is not False else None,
        no_color=True if color is False else None,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(rich_text(explanation, digits, width, ascii), end="", soft_wrap=True)
    return capture.get()
