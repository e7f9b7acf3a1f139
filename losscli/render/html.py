"""The explanation as HTML: one page that needs nothing else, or a fragment for a notebook.

Mathematics is MathML. The page has no scripts and fetches nothing; steps fold, colours follow the
reader's light or dark, a narrow screen stacks what a wide one sets side by side, and paper shows everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from losscli.render import mathml
from losscli.render.drawing import svg
from losscli.render.lines import Entry, Number, aside
from losscli.render.numbers import text_of
from losscli.render.sheet import Part, Sheet, Table, sheet
from losscli.render.style import FRAGMENT, PAGE
from losscli.render.typeset import equation, name

if TYPE_CHECKING:
    from losscli.explanation import Explanation

HEADING = 48  # a longer note stands below its step's heading
BROAD = 60  # characters: a longer formula stands below its step's heading
WHOLE = 8  # a step of no more lines stays on one sheet of paper
COLUMNS = 8  # a table of more columns is turned, where it has fewer lines
SECTIONS = {"value": "Value", "gradient": "Gradient"}
TRUTH = "= stands where the numbers as printed are exactly equal, ≈ where they are rounded."


def render(explanation: Explanation, digits: int = 4) -> str:
    """A whole page."""
    shown = sheet(explanation, digits)
    title = f"{escape(shown.loss)}, worked out"
    body = "\n".join(_Body(shown, explanation.problem.loss.summary, 1).lines())
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
        f"<style>\n{PAGE}{FRAGMENT}</style>\n</head>\n<body>\n"
        f'<main class="losscli">\n{body}\n</main>\n</body>\n</html>\n'
    )


def fragment(explanation: Explanation, digits: int = 4) -> str:
    """What a notebook shows; its style touches nothing else there."""
    body = _Body(sheet(explanation, digits), explanation.problem.loss.summary, 3)
    lines = "\n".join(body.lines())
    return f'<div class="losscli">\n<style>\n{FRAGMENT}</style>\n{lines}\n</div>\n'


class _Body:
    """What page and fragment have in common, with headings from level `top` on."""

    def __init__(self, shown: Sheet, summary: str, top: int) -> None:
        self.sheet = shown
        self.summary = summary
        self.top = top

    def lines(self) -> Iterator[str]:
        yield from self._header()
        for part, title in SECTIONS.items():
            parts = [one for one in self.sheet.parts if one.part == part]
            if parts:
                yield f'<section class="{part}">'
                yield self._heading(1, title)
                for one in parts:
                    yield from self._step(one)
                yield "</section>"
        yield from self._footer()

    def _heading(self, below: int, text: str) -> str:
        level = self.top + below
        return f"<h{level}>{escape(text)}</h{level}>"

    # ---- what stands above and below the steps

    def _header(self) -> Iterator[str]:
        yield "<header>"
        yield self._heading(0, self.sheet.loss)
        yield f'<p class="summary">{escape(self.summary)}</p>'
        yield '<ul class="facts">'
        yield from (f"<li>{escape(fact)}</li>" for fact in self.sheet.facts)
        yield "</ul>"
        for remark in self.sheet.remarks:
            yield f'<p class="remark">{escape(remark)}</p>'
        for warning in self.sheet.warnings:
            yield f'<p class="warning"><strong>Warning</strong> {escape(warning)}</p>'
        yield "</header>"

    def _footer(self) -> Iterator[str]:
        yield '<footer class="outcome">'
        value, full = self.sheet.value, self.sheet.full
        if value is None:
            size = self.sheet.size
            yield f'<p class="final"><var>L</var> is not reduced: {size} in all</p>'
        else:
            sign = self.sheet.relation
            yield f'<p class="final"><var>L</var> {sign} <b>{mathml.number(value)}</b></p>'
        if full is not None:
            yield f'<p class="full">in full {text_of(full)}</p>'
        if self.sheet.references:
            yield '<ul class="references">'
            for reference, what in self.sheet.references:
                yield f"<li><b>{mathml.number(reference)}</b> {escape(what)}</li>"
            yield "</ul>"
        yield f'<p class="remark">{escape(TRUTH)}</p>'
        yield "</footer>"

    # ---- a step

    def _step(self, part: Part) -> Iterator[str]:
        short = part.note and len(part.note) <= HEADING
        heading = part.note if short else _title(part.formula.name)
        level = self.top + 2
        lines = equation(part.formula, 10_000)
        formula = mathml.equation(part.indexed, " ".join(lines))
        kind = "step broad" if max(map(len, lines)) > BROAD else "step"
        if len(part.entries) <= WHOLE:
            kind += " whole"
        yield f'<details open class="{kind}">'
        yield (
            f'<summary><h{level}><span class="number">{part.number} </span>{escape(heading)}'
            f'</h{level}><span class="formula scroll">{formula}</span></summary>'
        )
        yield '<div class="numbers">'
        if part.note and not short:
            yield f'<p class="note">{escape(part.note)}</p>'
        if part.entries:
            yield from _worked(part.entries, heading)
        if part.tables:
            yield '<div class="tables">'
            for table in part.tables:
                yield from _table(table, heading)
            yield "</div>"
        if part.pictures:
            yield '<div class="pictures">'
            for picture in part.pictures:
                yield f'<figure class="scroll">{svg(picture)}</figure>'
            yield "</div>"
        for remark in part.remarks:
            yield f'<p class="remark">{escape(remark)}</p>'
        yield "</div>"
        yield "</details>"


def _title(result: str) -> str:
    """The heading of a step without a note."""
    of = result.removeprefix("d_")
    return name(result) if of == result else f"gradient by {of}"


# ---- lines that are worked out


def _worked(entries: Sequence[Entry], heading: str) -> Iterator[str]:
    """A step's lines, their results with the decimal points below one another."""
    tail = max(map(_tail, (entry.result for entry in entries)))
    asides = [aside(entry) for entry in entries]
    shares = any(asides)
    kind = "worked shares" if shares else "worked"
    yield f'<div class="scroll"><table class="{kind}"><caption>{escape(heading)}, worked out</caption>'
    head = "share" if any(entry.share is not None for entry in entries) else "terms"
    heads = ["where", "arithmetic", "result", *[head] * shares]
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield f"<thead><tr>{cells}</tr></thead>"
    yield "<tbody>"
    for entry, beside in zip(entries, asides, strict=True):
        row = f'<th scope="row">{escape(entry.label).replace("  ", "&emsp;")}</th>'
        row += f'<td class="arithmetic">{_arithmetic(entry)}</td>'
        number = f"<span>{_aligned(entry.result, tail)}</span>"
        sign = f'<span class="relation">{entry.relation}</span>'
        row += f'<td class="result"><div>{sign} {number}</div></td>'
        if shares:
            row += f'<td class="share">{escape(beside)}</td>'
        yield f"<tr>{row}</tr>"
    yield "</tbody></table></div>"


def _arithmetic(entry: Entry) -> str:
    """What is worked out, behind what holds for it."""
    shown = "" if entry.arithmetic is None else mathml.arithmetic(entry.arithmetic)
    if entry.conditions:
        since = f"since {mathml.conditions(entry.conditions)}{':' if shown else ''}"
        shown = f'<span class="since">{since}</span> {shown}'
    return f'<div class="scroll">{shown}</div>'


# ---- tables of numbers


def _table(table: Table, heading: str) -> Iterator[str]:
    """A table of numbers; turned where that makes it narrower."""
    gaps = {j for j in range(1, len(table.columns)) if table.columns[j] > table.columns[j - 1] + 1}
    marks = table.marked
    body: Sequence[Sequence[Number | None]] = table.body
    down, across, gaps_down, gaps_across = table.labels, table.names, set[int](), gaps
    if len(across) > max(COLUMNS, len(down)):
        body = list(zip(*body, strict=True))
        marks = frozenset((j, i) for i, j in marks)
        down, across, gaps_down, gaps_across = across, down, gaps, set()
    caption = table.caption or heading
    hidden = "" if table.caption else ' class="unseen"'
    wide = ' class="wide"' if len(across) > COLUMNS else ""
    region = f' tabindex="0" role="region" aria-label="{escape(caption, quote=True)}"'
    tails = [max(_tail(row[j]) for row in body) for j in range(len(across))]
    yield f'<div class="scroll"{region if wide else ""}>'
    yield f"<table{wide}><caption{hidden}>{escape(caption)}</caption>"
    heads = (
        _gap(j in gaps_across) + f'<th scope="col">{escape(n)}</th>' for j, n in enumerate(across)
    )
    yield f"<thead><tr><td></td>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for i, (label, row) in enumerate(zip(down, body, strict=True)):
        if i in gaps_down:
            yield f"<tr><td></td>{_gap(True) * len(across)}</tr>"
        cells = (
            f"{_gap(j in gaps_across)}<td>{_cell(value, tails[j], (i, j) in marks)}</td>"
            for j, value in enumerate(row)
        )
        yield f'<tr><th scope="row">{escape(label).replace("  ", "&emsp;")}</th>{"".join(cells)}</tr>'
    yield "</tbody></table></div>"


def _gap(there: bool) -> str:
    """A cell where indices are left out."""
    return '<td class="gap">⋯</td>' if there else ""


def _cell(value: Number | None, tail: float, marked: bool) -> str:
    text = _aligned(value, tail)
    return f"<mark>{text}</mark>" if marked else text


def _aligned(value: Number | None, tail: float) -> str:
    """A number whose part from the decimal point on is as wide as the widest of its column."""
    if value is None:
        return ""
    head, point, rest = mathml.number(value).partition(".")
    if not point and mathml.THIN in head:  # 2 × 10⁻⁵ has its point behind the 2
        head, _, rest = head.partition(mathml.THIN)
        rest = f"{mathml.THIN}{rest}"
    if not tail:
        return head
    return f'{head}<span class="tail" style="width:{tail:g}ch">{point}{rest}</span>'


def _tail(value: Number | None) -> float:
    """How wide a number is from its decimal point on, in widths of a digit."""
    if value is None:
        return 0
    digits, _, power = text_of(value).partition("e")
    _, point, decimals = digits.partition(".")
    return 0.6 * len(point) + len(decimals) + (4.7 + 0.8 * len(power) if power else 0)
