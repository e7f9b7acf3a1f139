"""The page as a picture: what the terminal shows, as one SVG file that needs no font and no network.

Text stands on a grid of cells, whatever the viewer's monospace font is like: every word run is set to its
own width. Blocks, braille and lines are drawn, as fonts disagree about them. Colours follow the viewer's
choice of a light or a dark scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rich.cells import cell_len

from losscli.render.page import PageLine, build
from losscli.render.scale import printable

if TYPE_CHECKING:
    from losscli.explanation import Explanation

WIDE, HIGH = 8.4, 20.0  # a cell
SIZE = 14
MARGIN = 20.0
LEAST = 60  # so many columns are there at least
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
BOLD = ("title", "heading", "result", "mark")
# Colours by style, on a light and on a dark ground; what is not named is like text.
COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "edge": ("#d0d7de", "#30363d"),
    "text": ("#1f2328", "#e6edf3"),
    "number": ("#6e7781", "#8b949e"),
    "formula": ("#0550ae", "#79c0ff"),
    "relation": ("#6e7781", "#8b949e"),
    "result": ("#116329", "#7ee787"),
    "note": ("#57606a", "#9198a1"),
    "mark": ("#b0177f", "#ff7bc0"),
    "bar": ("#3b82c4", "#4c9be8"),
    "curve": ("#0550ae", "#79c0ff"),
    "slope": ("#116329", "#7ee787"),
}
SHADES = {"░": 0.22, "▒": 0.45, "▓": 0.7, "█": 1.0}
EIGHTHS = "▏▎▍▌▋▊▉█"
# Lines from the middle of a cell: up, right, down, left.
STROKES = {"─": "rl", "│": "ud", "└": "ur", "┤": "udl", "┬": "rdl"}
BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
RUNS = re.compile(
    rf"(?P<bar>[{EIGHTHS}]+)|(?P<shade>(?P<one>[░▒▓])(?P=one)*)|(?P<lines>[{''.join(STROKES)}]+)"
    r"|(?P<braille>[\u2801-\u28ff]+)|(?P<point>●)|(?P<sign>[▸→↘↷⋯])"
    rf"|(?P<words>[^\s{EIGHTHS}░▒▓{''.join(STROKES)}\u2800-\u28ff●▸→↘↷⋯]+"
    rf"(?: [^\s{EIGHTHS}░▒▓{''.join(STROKES)}\u2800-\u28ff●▸→↘↷⋯]+)*)"
)


def render(explanation: Explanation, digits: int = 4, width: int = 100) -> str:
    """The page as an SVG file."""
    lines = build(explanation, digits, width)
    columns = max(LEAST, *(sum(cell_len(text) for text, _ in line) for line in lines))
    wide, high = columns * WIDE + 2 * MARGIN, len(lines) * HIGH + 2 * MARGIN
    last = "".join(text for text, _ in lines[-1])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" '
        f'height="{high:g}" role="img" aria-labelledby="title about">',
        f'<title id="title">{_text(explanation.loss)}, worked out</title>',
        f'<desc id="about">Every step of the calculation with its numbers. {_text(last)}</desc>',
        f"<style>{_style()}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{wide - 1:g}" height="{high - 1:g}" rx="8"/>',
    ]
    for i, line in enumerate(lines):
        parts += _line(line, MARGIN + i * HIGH)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _style() -> str:
    """The style sheet: light unless the viewer prefers dark."""
    sheets = []
    for scheme in (0, 1):
        rules = [
            f".ground{{fill:{COLOURS['ground'][scheme]};stroke:{COLOURS['edge'][scheme]}}}",
            f"text{{fill:{COLOURS['text'][scheme]}}}",
        ]
        for name, colours in COLOURS.items():
            if name not in ("ground", "edge", "text"):
                rules.append(f".{name}{{fill:{colours[scheme]};stroke:{colours[scheme]}}}")
        sheets.append("".join(rules))
    fixed = f"text{{font:{SIZE}px {FONT};stroke:none!important;white-space:pre}}"
    fixed += ",".join(f"text.{name}" for name in BOLD) + "{font-weight:700}"
    fixed += "rect,circle{stroke:none}path{fill:none!important}.ground{stroke-width:1}"
    return f"{sheets[0]}{fixed}@media(prefers-color-scheme:dark){{{sheets[1]}}}"


def _line(line: PageLine, top: float) -> Iterator[str]:
    """The runs of a line, each where its first cell is."""
    column = 0
    for text, style in line:
        for run in RUNS.finditer(text):
            left = MARGIN + (column + cell_len(text[: run.start()])) * WIDE
            yield _run(run, style, left, top)
        column += cell_len(text)


def _run(run: re.Match[str], style: str, left: float, top: float) -> str:
    text, kind = run[0], run.lastgroup
    named = f' class="{style}"' if style in COLOURS or style in BOLD else ""
    middle = top + HIGH / 2
    match kind:
        case "bar":
            wide = sum((EIGHTHS.index(c) + 1) / 8 for c in text) * WIDE
            return _rect(named, left, top, wide)
        case "one" | "shade":
            return _rect(f'{named} opacity="{SHADES[text[0]]}"', left, top, len(text) * WIDE)
        case "lines":
            path = "".join(_strokes(c, left + i * WIDE, top) for i, c in enumerate(text))
            return f'<path{named} d="{path}"/>'
        case "braille":
            path = "".join(_dots(c, left + i * WIDE, top) for i, c in enumerate(text))
            return f'<path{named} stroke-width="3" stroke-linecap="round" d="{path}"/>'
        case "point":
            return f'<circle{named} cx="{left + WIDE / 2:.1f}" cy="{middle:.1f}" r="4.2"/>'
        case "sign":
            x = left + WIDE / 2
            return f'<text{named} x="{x:.1f}" y="{top + 15:g}" text-anchor="middle">{text}</text>'
    wide = cell_len(text) * WIDE
    size = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"' if len(text) > 1 else ""
    return f'<text{named} x="{left:.1f}" y="{top + 15:g}"{size}>{_text(text)}</text>'


def _rect(named: str, left: float, top: float, wide: float) -> str:
    return f'<rect{named} x="{left:.1f}" y="{top + 3:g}" width="{wide:.1f}" height="{HIGH - 6:g}"/>'


def _strokes(character: str, left: float, top: float) -> str:
    """The lines of a box-drawing character."""
    x, y = left + WIDE / 2, top + HIGH / 2
    ends = {"u": (x, top), "d": (x, top + HIGH), "l": (left, y), "r": (left + WIDE, y)}
    return "".join(
        f"M{x:.1f} {y:.1f}L{ends[way][0]:.1f} {ends[way][1]:.1f}" for way in STROKES[character]
    )


def _dots(character: str, left: float, top: float) -> str:
    """The dots of a braille character."""
    bits = ord(character) - 0x2800
    return "".join(
        f"M{left + (i + 0.5) * WIDE / 2:.1f} {top + (j + 0.5) * HIGH / 4:.1f}h0"
        for i in range(2)
        for j in range(4)
        if bits & BRAILLE[i][j]
    )


def _text(text: str) -> str:
    return escape(printable(text))
