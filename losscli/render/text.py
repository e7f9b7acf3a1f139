"""The explanation as plain text: no colour, no boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from losscli.render.page import build

if TYPE_CHECKING:
    from losscli.explanation import Explanation


def render(explanation: Explanation, digits: int = 4, width: int = 100, ascii: bool = False) -> str:
    """The page as text, in lines no wider than `width`."""
    page = build(explanation, digits, width, ascii)
    lines = ("".join(text for text, _ in line).rstrip() for line in page)
    return "\n".join(lines) + "\n"
