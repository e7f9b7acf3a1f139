"""The page of a worked calculation, as lines of styled pieces: what text and terminal share.

Every step has a heading (number, what it is, formula), then a line for each row that is shown: its name,
the arithmetic, `=` or `≈`, and the result, each in its own column. Quantities by class or by frame are
tables, with one cell worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from losscli.render.lines import Entry, aside
from losscli.render.numbers import text_of
from losscli.render.sheet import Part, Sheet, Table, sheet
from losscli.render.sketch import gallery
from losscli.render.typeset import equation, readable, spelled, wrapped

if TYPE_CHECKING:
    from losscli.explanation import Explanation

# A piece of text and what it is: title, number, heading, formula, label, arithmetic, relation, result,
# note, mark; in pictures bar, curve, slope. What that looks like is the renderer's affair.
Piece = tuple[str, str]
PageLine = list[Piece]

MARGIN = 4
INDENT = 2  # of the names of lines
SCALE = (12, 48)  # the cells of a scale, at least and at most
LABEL = (16, 30)  # the width of the column of names, at least and at most
ARITHMETIC = 10  # the width of the column of arithmetic, at least
NAME = 12  # the longest name of a column, where not all columns fit


def build(
    explanation: Explanation, digits: int = 4, width: int = 100, ascii: bool = False
) -> list[PageLine]:
    """The page, in lines no wider than `width`; in `ascii`, all our signs are ASCII."""
    return list(_Page(sheet(explanation, digits), max(width, 48), ascii).lines())


@dataclass
class _Row:
    """A line of a step, ready to be set."""

    label: str
    arithmetic: str
    relation: str
    result: str
    extra: str = ""


class _Page:
    def __init__(self, shown: Sheet, width: int, ascii: bool) -> None:
        self.sheet = shown
        self.width = width
        self.ascii = ascii
        self.parts = [
            (part, _aligned([_row(entry, ascii) for entry in part.entries])) for part in shown.parts
        ]
        every = [row for _, rows in self.parts for row in rows]
        results = max((len(row.result) for row in every), default=0)
        self.tail = results + max((len(row.extra) for row in every), default=0) + 4
        self.tail += len(self._spelled("≈")) - 1
        room = width - MARGIN - 2 - self.tail
        low, high = LABEL if width >= 76 else (LABEL[0], 20)
        notes = [len(part.note) for part in shown.parts if len(part.note) <= LABEL[1]]
        labels = [INDENT + len(row.label) for row in every]
        labels += [
            _indent(table) + len(label)
            for part in shown.parts
            for table in part.tables
            for label in table.labels
        ]
        # numbers do not break, and what goes on below is indented
        numbers = max((len(n) + 2 for row in every for n in row.arithmetic.split()), default=0)
        most = room - max(ARITHMETIC, min(numbers, room - low))
        least = min(max(labels, default=0), high + INDENT, most)
        self.label = max(least, min(high, max([low, *notes]), most))
        longest = max((len(row.arithmetic) for row in every), default=12)
        self.middle = max(ARITHMETIC, min(room - self.label, longest))

    def lines(self) -> Iterator[PageLine]:
        facts = [self._spelled(fact) for fact in self.sheet.facts]
        yield from _flow([(self.sheet.loss, "title")], facts, self.width)
        for remark in self.sheet.remarks:
            yield from self._note(remark)
        section = "value"
        for part, rows in self.parts:
            if part.part != section:
                section = part.part
                yield []
                yield [(section, "title")]
            yield []
            yield from self._heading(part)
            for row in rows:
                yield from self._set(row)
            for table in part.tables:
                yield from self._table(table)
            yield from self._pictures(part)
            for remark in part.remarks:
                yield from self._note(remark, MARGIN + 2)
        yield []
        yield self._result()
        yield from self._references()
        for warning in self.sheet.warnings:
            yield from self._note(warning, 0)

    # ---- the parts of a page

    def _heading(self, part: Part) -> Iterator[PageLine]:
        inline = len(part.note) <= self.label
        start = MARGIN + self.label + 2
        formula = equation(part.formula, self.width - start, self.ascii)
        head: PageLine = [(f"{part.number:>2}  ", "number")]
        head.append((f"{part.note if inline else '':<{self.label}}  ", "heading"))
        yield [*head, (formula[0], "formula")]
        for more in formula[1:]:
            yield [(" " * start, ""), (more, "formula")]
        if not inline:
            yield from self._note(part.note)

    def _set(self, row: _Row) -> Iterator[PageLine]:
        """A line of a step; arithmetic that is too long goes on below, as it does below a long name."""
        name = self._clipped(row.label, LABEL[1])
        if INDENT + len(name) > self.label:
            yield [(" " * (MARGIN + INDENT), ""), (name, "label")]
            name = ""
        pieces = wrapped(row.arithmetic, self.middle)
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            label = self._label(name if i == 0 else "", INDENT)
            line: PageLine = [(" " * MARGIN, ""), (f"{label}  ", "label")]
            line.append((f"{piece:<{self.middle}}", "arithmetic"))
            if last:
                line += [(f"  {row.relation} ", "relation"), (row.result, "result")]
                if row.extra:
                    line.append((row.extra, "note"))
            yield line

    def _pictures(self, part: Part) -> Iterator[PageLine]:
        if part.pictures:
            yield []
        for drawn in gallery(part.pictures, self.width - MARGIN - 2, ascii=self.ascii):
            yield [(" " * (MARGIN + 2), ""), *drawn]

    def _note(self, text: str, indent: int = MARGIN) -> Iterator[PageLine]:
        for piece in wrapped(self._spelled(text), self.width - indent):
            yield [(" " * indent, ""), (piece, "note")]

    def _label(self, label: str, indent: int) -> str:
        """A name in its column."""
        return f"{' ' * indent}{self._clipped(label, self.label - indent)}".ljust(self.label)

    def _clipped(self, text: str, most: int) -> str:
        """The text, cut where it is too long."""
        dots = self._spelled("…")
        return text if len(text) <= most else text[: most - len(dots)].rstrip() + dots

    def _spelled(self, text: str) -> str:
        return spelled(text, self.ascii)

    def _result(self) -> PageLine:
        value = self.sheet.value
        if value is None:
            return [("L", "title"), (f"  not reduced, {self.sheet.size} in all", "note")]
        full = self.sheet.full
        return [
            ("L", "title"),
            (self._spelled(f" {self.sheet.relation} "), "relation"),
            (self._spelled(text_of(value)), "result"),
            ("" if full is None else self._spelled(f"   {text_of(full)}"), "note"),
        ]

    def _references(self) -> Iterator[PageLine]:
        """The losses to compare with: on a scale where this one lies among them, else in words."""
        references, value = self.sheet.references, self.sheet.value
        if value is None or not references:
            return
        (low, _), (high, _) = references[0], references[-1]
        if not low <= value <= high:
            where = "above" if value > high else "below"
            these = {1: "this", 2: "both of these"}.get(len(references), "all of these")
            yield from self._note(f"{text_of(value)} is {where} {these}:")
        elif low < high:
            ends = [self._spelled(f"{text_of(one)}: {name}") for one, name in references]
            room = self.width - MARGIN - sum(map(len, ends)) - 2
            if len(references) == 2 and room >= SCALE[0]:
                yield self._scale(ends[0], ends[1], room)
                return
            ends = [self._spelled(text_of(one)) for one in (low, high)]
            yield self._scale(ends[0], ends[1], self.width - MARGIN - sum(map(len, ends)) - 2)
        numbers = [self._spelled(text_of(one)) for one, _ in references]
        points = _Column.of(numbers, "")
        for text, (_, name) in zip(numbers, references, strict=True):
            first, *rest = wrapped(self._spelled(name), self.width - MARGIN - 2 - points.width - 2)
            yield [(" " * (MARGIN + 2), ""), (points.set(text), "result"), (f"  {first}", "note")]
            for more in rest:
                yield [(" " * (MARGIN + 4 + points.width), ""), (more, "note")]

    def _scale(self, low: str, high: str, room: int) -> PageLine:
        """`0 ├────●──┤ 1.099`; only what is equal to an end stands on it."""
        cells = min(room, SCALE[1])
        numbers = [float(one) for one, _ in self.sheet.references]
        bar, tick, left, right, spot = "-|||O" if self.ascii else "─┼├┤●"
        line = [bar] * cells
        for number in numbers:
            line[_cell(number, numbers, cells)] = tick
        line[0], line[-1] = left, right
        assert self.sheet.value is not None
        at = _cell(float(self.sheet.value), numbers, cells)
        return [
            (" " * MARGIN, ""),
            (f"{low} ", "note"),
            ("".join(line[:at]), "relation"),
            (spot, "mark"),
            ("".join(line[at + 1 :]), "relation"),
            (f" {high}", "note"),
        ]

    def _table(self, table: Table) -> Iterator[PageLine]:
        """A table of numbers, in as many columns as fit, with ⋯ where indices are left out."""
        if table.caption:
            caption = self._clipped(table.caption, self.width - MARGIN - INDENT)
            yield [(" " * (MARGIN + INDENT), ""), (caption, "label")]
        texts = [
            ["" if v is None else self._spelled(text_of(v)) for v in row] for row in table.body
        ]
        room = self.width - MARGIN - self.label - 2
        dots = self._spelled("⋯ ")
        names: Sequence[str] = table.names
        if sum(len(name) + len(dots) for name in names) > room:
            most = min(NAME, room // 2 - len(dots))
            names = [self._clipped(name, most) for name in names]
        points = [_Column.of([row[j] for row in texts], name) for j, name in enumerate(names)]
        keep = fitting([point.width + len(dots) for point in points], room, table.wanted)
        gaps = left_out(table.columns, keep)
        head: PageLine = [(" " * (MARGIN + self.label), "")]
        for j in keep:
            head.append(((dots if j in gaps else "  ") + f"{names[j]:>{points[j].width}}", "note"))
        yield head
        for label, row in zip(table.labels, texts, strict=True):
            line: PageLine = [(" " * MARGIN, "")]
            line.append((self._label(label, _indent(table)), "label"))
            for j in keep:
                between = " " * len(dots if j in gaps else "  ")
                line.append((between + points[j].set(row[j]), "result"))
            yield line


def _indent(table: Table) -> int:
    """How far the names of a table's lines stand in: below their caption, where there is one."""
    return INDENT + 2 if table.caption else INDENT


def _cell(value: float, numbers: Sequence[float], cells: int) -> int:
    """Where a number lies on a scale of so many cells, from the first to the last of the numbers."""
    low, high = numbers[0], numbers[-1]
    if value in (low, high):
        return 0 if value == low else cells - 1
    share = (value / 2 - low / 2) / (high / 2 - low / 2)  # the halves do not overflow
    return min(max(round(share * (cells - 1)), 1), cells - 2)


def _row(entry: Entry, ascii: bool) -> _Row:
    """A line as text."""
    text = "" if entry.arithmetic is None else readable(entry.arithmetic, ascii)
    if entry.conditions:
        since = " and ".join(readable(condition, ascii) for condition in entry.conditions)
        text = f"{since}: {text}" if text else f"since {since}"
    extra = f"   {found:>5}" if (found := aside(entry)) else ""
    relation = f"{spelled(entry.relation, ascii):>{len(spelled('≈', ascii))}}"
    label = spelled(entry.label, ascii)
    return _Row(label, text, relation, spelled(text_of(entry.result), ascii), extra)


@dataclass(frozen=True)
class _Column:
    """A column of numbers with their decimal points below one another."""

    head: int  # the longest part before the point
    tail: int  # the longest part from the point on
    width: int

    @classmethod
    def of(cls, texts: list[str], name: str) -> _Column:
        heads = [len(text.partition(".")[0]) for text in texts]
        tails = [len(text) - head for text, head in zip(texts, heads, strict=True)]
        head, tail = max(heads, default=0), max(tails, default=0)
        return cls(head, tail, max(head + tail, len(name)))

    def set(self, text: str) -> str:
        """A number in its place."""
        head = len(text.partition(".")[0])
        placed = " " * (self.head - head) + text
        return f"{placed:<{self.head + self.tail}}".rjust(self.width)


def fitting(widths: Sequence[float], room: float, wanted: frozenset[int]) -> list[int]:
    """The columns that fit: those that are wanted and the last, then from the first on."""
    kept: set[int] = set()
    for j in [*sorted(wanted), len(widths) - 1, *range(len(widths))]:
        if sum(widths[i] for i in {*kept, j}) <= room or len(kept) < 2:
            kept.add(j)
        elif j not in wanted:
            break
    return sorted(kept)


def left_out(columns: Sequence[int], keep: Sequence[int]) -> set[int]:
    """Those of the columns kept before which indices are left out."""
    pairs = zip(keep, keep[1:], strict=False)
    return {j for before, j in pairs if columns[j] != columns[before] + 1}


def _aligned(rows: list[_Row]) -> list[_Row]:
    """Results with their decimal points below one another."""
    heads = [row.result.split(".")[0].split("e")[0] for row in rows]
    most = max((len(head) for head in heads), default=0)
    for row, head in zip(rows, heads, strict=True):
        row.result = " " * (most - len(head)) + row.result
    widest = max((len(row.result) for row in rows), default=0)
    for row in rows:
        if row.extra:
            row.result = f"{row.result:<{widest}}"
    return rows


def _flow(first: PageLine, items: Sequence[str], width: int) -> Iterator[PageLine]:
    """The items behind a title, three blanks between, in as many lines as it takes."""
    line, used = list(first), sum(len(text) for text, _ in first)
    indent = used
    for item in items:
        if used + 3 + len(item) > width and used > indent:
            yield line
            line, used = [(" " * indent, "")], indent
        line += [("   ", ""), (item, "note")]
        used += 3 + len(item)
    yield line
