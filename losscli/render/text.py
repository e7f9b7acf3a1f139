"""The explanation as plain text: no colour, no boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from losscli.render.page import build

if TYPE_CHECKING:
    from losscli.explanation import Explanation


def render(explanation: Explanation, digits: int = 4, width: int = 100) -> str:
    """The page as text, in lines no wider than `width`."""
    lines = (
        "".join(text for text, _ in line).rstrip() for line in build(explanation, digits, width)
    )
    return "\n".join(lines) + "\n"
