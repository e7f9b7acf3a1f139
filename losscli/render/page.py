"""The page of a worked calculation, as lines of styled pieces: what text and terminal share.

Every step has a heading (number, what it is, formula), then a line for each row that is shown: its name,
the arithmetic, `=` or `≈`, and the result, each in its own column. Quantities by class or by frame are
tables, with one cell worked out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.formula import PART, ROW
from losscli.render.numbers import digits_for, holds, relation, rounded, short, text_of
from losscli.render.typeset import equation, readable, wrapped

if TYPE_CHECKING:
    from losscli.explanation import Explanation, Line, Worked

# A piece of text and what it is: title, number, heading, formula, label, arithmetic, relation, result,
# note, mark. What that looks like is the renderer's affair.
Piece = tuple[str, str]
PageLine = list[Piece]

MARGIN = 4
PAIRS = 16  # so many pairs of classes are worked out; of more there is a table
_AXES = {"T": "frame", "S": "place", "D": "component", "K": "label"}
_PARTS = ("real", "imaginary")
LABEL = (16, 30)  # the width of the column of names, at least and at most


def build(explanation: Explanation, digits: int = 4, width: int = 100) -> list[PageLine]:
    """The page, in lines no wider than `width`."""
    return list(_Page(explanation, digits, max(width, 48)).lines())


@dataclass
class _Row:
    """A line of a step, ready to be set."""

    label: str
    arithmetic: str
    relation: str
    result: str
    extra: str = ""


class _Page:
    def __init__(self, explanation: Explanation, digits: int, width: int) -> None:
        self.explanation = explanation
        self.digits = digits
        self.width = width
        self.eps = float(np.finfo(explanation.problem.dtype).eps)
        self.steps = [(step, self._rows(step)) for step in explanation.steps]
        labels = [row.label for _, rows in self.steps for row in rows]
        labels += [step.note for step in explanation.steps if len(step.note) <= LABEL[1]]
        low, high = LABEL if width >= 76 else (LABEL[0], 20)
        self.label = min(high, max([low, *(len(text) for text in labels)]))
        results = [len(row.result) for _, rows in self.steps for row in rows]
        extras = [len(row.extra) for _, rows in self.steps for row in rows]
        self.tail = max(results, default=0) + max(extras, default=0) + 4
        room = width - MARGIN - self.label - 2 - self.tail
        widest = [len(row.arithmetic) for _, rows in self.steps for row in rows]
        self.middle = max(12, min(room, max(widest, default=12)))

    def lines(self) -> Iterator[PageLine]:
        yield from self._title()
        part = "value"
        for number, (step, rows) in enumerate(self.steps, 1):
            if step.part != part:
                part = step.part
                yield []
                yield [("gradient", "title")]
            yield []
            yield from self._heading(number, step)
            inner = [axis for axis in step.axes if axis != ROW]
            if inner and step.quantity is not None:
                yield from self._tables(step, rows, inner)
            else:
                for row in rows:
                    yield from self._set(row)
            yield from self._ledger(step)
        yield []
        yield from self._result()

    # ---- the parts of a page

    def _title(self) -> Iterator[PageLine]:
        e = self.explanation
        problem = e.problem
        items = [e.case] if e.case else []
        for tensor, array in problem.tensors.items():
            shape = f"({', '.join(map(str, array.shape))})"
            holds = problem.holds(tensor)
            kind = f" {holds}" if holds.startswith("class") else ""
            origin = e.origins.get(tensor, "")
            source = f" from {_clipped(origin)}" if origin not in ("", e.case, "in place") else ""
            items.append(f"{tensor} {shape}{kind}{source}")
        for option, value in e.parameters.items():
            default = problem.loss.options[option].default
            if value != default or option in {n for s in e.steps for n in s.formula.names}:
                items.append(f"{option} {_option(value)}")
        items.append(f"reduction {problem.reduction}")
        if problem.dtype == np.float32:
            items.append("float32")
        yield from _flow([(e.loss, "title")], items, self.width)
        rows = problem.count
        if len(e.rows) < rows:
            word = problem.loss.rows.row
            shown = ", ".join(e.row_name(k).removeprefix(f"{word} ") for k in range(len(e.rows)))
            text = f"{word}s {shown} of {rows} are shown; totals are over all of them"
            yield from self._note(text)

    def _heading(self, number: int, step: Worked) -> Iterator[PageLine]:
        inline = len(step.note) <= self.label
        start = MARGIN + self.label + 2
        formula = equation(step.formula, self.width - start)
        head: PageLine = [(f"{number:>2}  ", "number")]
        head.append((f"{step.note if inline else '':<{self.label}}  ", "heading"))
        yield [*head, (formula[0], "formula")]
        for more in formula[1:]:
            yield [(" " * start, ""), (more, "formula")]
        if not inline:
            yield from self._note(step.note)

    def _set(self, row: _Row, style: str = "label") -> Iterator[PageLine]:
        """A line of a step; arithmetic that is too long goes on below."""
        pieces = wrapped(row.arithmetic, self.middle)
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            label = row.label if i == 0 else ""
            line: PageLine = [(" " * MARGIN, ""), (f"  {label:<{self.label - 2}}  ", style)]
            line.append((f"{piece:<{self.middle}}", "arithmetic"))
            if last:
                line += [(f"  {row.relation} ", "relation"), (row.result, "result")]
                if row.extra:
                    line.append((row.extra, "note"))
            yield line

    def _note(self, text: str, indent: int = MARGIN) -> Iterator[PageLine]:
        for piece in wrapped(text, self.width - indent):
            yield [(" " * indent, ""), (piece, "note")]

    def _ledger(self, step: Worked) -> Iterator[PageLine]:
        ledger = step.more.get("ledger")
        if ledger is None:
            return
        if ledger.denominator is not None:
            below = text_of(short(ledger.denominator, self.digits))
            yield from self._note(f"divided by {below}: {ledger.why}", MARGIN + 2)
        else:
            yield from self._note(ledger.why, MARGIN + 2)
        others = [
            f"{kind} would be {text_of(short(value, self.digits, self.eps))}"
            for kind, value in ledger.others.items()
        ]
        if others:
            yield from self._note(", ".join(others), MARGIN + 2)

    def _result(self) -> Iterator[PageLine]:
        value = self.explanation.value
        if np.ndim(value):
            yield [("L", "title"), (f"  not reduced, {np.size(value)} in all", "note")]
            return
        shown = short(float(value), self.digits, self.eps)
        exact = float(shown) == float(value) or shown != shown
        yield [
            ("L", "title"),
            (" = " if exact else " ≈ ", "relation"),
            (text_of(shown), "result"),
            ("" if exact else f"   {text_of(float(value))}", "note"),
        ]

    # ---- lines of numbers

    def _rows(self, step: Worked) -> list[_Row]:
        """The lines of a step of one number a row; of a table, the one cell that is worked out."""
        inner = [axis for axis in step.axes if axis != ROW]
        lines = list(step.lines)
        if inner and not _each_pair(step):
            told = lines and not step.more.get("opaque")
            lines = [_telling(step, lines)] if told else []
        if step.name == "L" and len(lines) > 1:
            return [self._row(step, line, self.digits) for line in lines]
        digits = digits_for(
            [(line.arithmetic, line.value) for line in lines], self.digits, self.eps
        )
        rows = [self._row(step, line, digits) for line in lines]
        return _aligned(rows)

    def _row(self, step: Worked, line: Line, digits: int) -> _Row:
        tree = rounded(line.arithmetic.tree, digits, self.eps)
        result = short(line.value, digits, self.eps)
        if not holds(line.arithmetic, line.value, digits, self.eps):
            # what floating point makes of it cannot be worked out on paper
            return _Row(self._label(step, line), "", "≈", text_of(result))
        text, sign = readable(tree), relation(tree, result)
        if text == text_of(result):
            text = _picked(step, line)
        conditions = [readable(rounded(c, digits, self.eps)) for c in line.arithmetic.conditions]
        if len(conditions) > 2:
            conditions = []
        if conditions:
            since = " and ".join(conditions)
            text = f"{since}: {text}" if text else f"since {since}"
        extra = ""
        if step.name == "l" and step.part == "value" and line.row is not None:
            share = self.explanation.shares[line.row]
            extra = f"   {share:4.0%}".replace("%", " %") if share is not None else ""
        return _Row(self._label(step, line), text, sign, text_of(result), extra)

    def _label(self, step: Worked, line: Line) -> str:
        if line.row is None:
            return ""
        e = self.explanation
        label = e.row_name(line.row)
        if line.pick is not None and step.more.get("pairs"):
            true, other = (self._place(step, "C", c, line.row) for c in (line.pick, line.at[-1]))
            return f"{label}, {true} against {other.removeprefix('class ')}"
        if line.pick is not None and len(line.at) == len(e.rows[line.row]):
            label += f"  y = {line.pick}"
            label += f" {e.classes[line.pick]}" if 0 <= line.pick < len(e.classes) else ""
        inner = [axis for axis in step.axes if axis != ROW]
        places = line.at[len(e.rows[line.row]) :]
        named = [
            self._place(step, axis, i, line.row) for axis, i in zip(inner, places, strict=True)
        ]
        return f"{label}, {', '.join(named)}" if named else label

    def _place(self, step: Worked, axis: str, i: int, row: int) -> str:
        """What an index on an axis is called."""
        classes = self.explanation.classes
        if axis == "C":
            return classes[i] if i < len(classes) else f"class {i}"
        if axis == PART:
            return _PARTS[i]
        return f"{_AXES.get(axis, axis.lower())} {i}"

    # ---- tables

    def _tables(self, step: Worked, rows: list[_Row], inner: list[str]) -> Iterator[PageLine]:
        for row in rows:
            yield from self._set(row)
        if _each_pair(step):
            return
        if len(inner) == 1:
            yield from self._table_by_row(step, inner[0])
        else:
            for k in sorted({line.row for line in step.lines if line.row is not None}):
                yield from self._table(step, k, inner)

    def _table_by_row(self, step: Worked, axis: str) -> Iterator[PageLine]:
        """One line a row, one column an index of the step's other axis."""
        cells = {(line.row, line.at[-1]): line.value for line in step.lines}
        columns = sorted({column for _, column in cells})
        names = [self._column(axis, i) for i in columns]
        order = sorted({row for row, _ in cells}, key=lambda row: -1 if row is None else row)
        labels = [self.explanation.row_name(row) if row is not None else "" for row in order]
        body = [[cells.get((row, column)) for column in columns] for row in order]
        yield from self._grid(step, labels, names, columns, body)

    def _table(self, step: Worked, k: int, inner: list[str]) -> Iterator[PageLine]:
        """One table for a row: frames across, the other axis down."""
        across, down = inner
        lines = [line for line in step.lines if line.row == k]
        at = {line.at[-2:]: line.value for line in lines}
        columns = sorted({i for i, _ in at})
        order = sorted({j for _, j in at})
        labels = [self._down(step, down, j, k) for j in order]
        body = [[at.get((i, j)) for i in columns] for j in order]
        if len(self.explanation.rows) > 1:
            yield [(" " * (MARGIN + 2), ""), (self.explanation.row_name(k), "label")]
        picks = {line.at[-2]: line.pick for line in lines}  # of pairs, the true class
        names = [
            self._column(across, i) if pick is None else self._column("C", pick)
            for i, pick in ((i, picks[i]) for i in columns)
        ]
        yield from self._grid(step, labels, names, columns, body)

    def _column(self, axis: str, i: int) -> str:
        classes = self.explanation.classes
        if axis == PART:
            return _PARTS[i]
        return classes[i] if axis == "C" and i < len(classes) else str(i)

    def _down(self, step: Worked, axis: str, j: int, k: int) -> str:
        """The name of a line of a table; a place of the extended target is named by its label."""
        labels = self.explanation.places(k)
        if axis == "S" and j < len(labels):
            return f"  {j}  {labels[j]}"
        return f"  {self._place(step, axis, j, k)}"

    def _grid(
        self,
        step: Worked,
        labels: list[str],
        names: list[str],
        columns: list[int],
        body: list[list[float | None]],
    ) -> Iterator[PageLine]:
        """A table of numbers, in as many columns as fit, with ⋯ where indices are left out."""
        if not columns:
            return
        texts = [
            ["" if v is None else text_of(short(v, self.digits, self.eps)) for v in row]
            for row in body
        ]
        points = [_Column.of([row[j] for row in texts], names[j]) for j in range(len(names))]
        room = self.width - MARGIN - self.label - 2
        keep = _fitting([point.width + 2 for point in points], room, self._wanted(step, columns))
        head: PageLine = [(" " * (MARGIN + self.label), "")]
        for before, j in zip([-1, *keep], keep, strict=False):
            gap = before >= 0 and columns[j] != columns[before] + 1
            head.append((("⋯ " if gap else "  ") + f"{names[j]:>{points[j].width}}", "note"))
        yield head
        for label, row in zip(labels, texts, strict=True):
            line: PageLine = [(" " * MARGIN, ""), (f"  {label:<{self.label - 2}}", "label")]
            line += [(f"  {points[j].set(row[j])}", "result") for j in keep]
            yield line

    def _wanted(self, step: Worked, columns: list[int]) -> set[int]:
        """The columns that must not be left out: the classes that rows pick."""
        picks = {line.pick for line in step.lines}
        return {j for j, column in enumerate(columns) if column in picks}


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


def _fitting(widths: list[int], room: int, wanted: set[int]) -> list[int]:
    """The columns that fit: those that are wanted and the last, then from the first on."""
    kept: set[int] = set()
    for j in [*sorted(wanted), len(widths) - 1, *range(len(widths))]:
        if sum(widths[i] for i in {*kept, j}) <= room or len(kept) < 2:
            kept.add(j)
        elif j not in wanted:
            break
    return sorted(kept)


def _picked(step: Worked, line: Line) -> str:
    """`weight[2]`, for a number that is taken as it is from among others."""
    match step.formula.tree:
        case ast.Call(func=ast.Name(id="pick"), args=[ast.Name(id=taken), _]) if (
            line.pick is not None
        ):
            return f"{taken}[{line.pick}]"
    return ""


def _each_pair(step: Worked) -> bool:
    """Whether each pair of classes is to be worked out, and there are few enough."""
    return step.more.get("pairs") == "each" and len(step.lines) <= PAIRS


def _telling(step: Worked, lines: Sequence[Line]) -> Line:
    """The cell of a table that is worked out: the target's, or the one with most to see."""
    for line in lines:
        if line.pick is not None and line.at[-1] == line.pick:
            return line

    def much(line: Line) -> tuple[int, float]:
        constants = [n for n in ast.walk(line.arithmetic.tree) if isinstance(n, ast.Constant)]
        return sum(n.value != 0 for n in constants), abs(line.value)

    return max(lines, key=much)


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


def _clipped(origin: str, most: int = 36) -> str:
    return origin if len(origin) <= most else f"{origin[: most - 1]}…"


def _option(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return text_of(str(value).lower().replace("e-0", "e-"))


def _flow(first: PageLine, items: list[str], width: int) -> Iterator[PageLine]:
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
