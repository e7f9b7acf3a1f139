"""What an explanation shows, in any medium: labels, arithmetic as it is printed, tables, notes.

Between an `Explanation`, which holds everything at full precision, and the renderers, which set type: here
numbers are rounded, each line gets its `=` or `≈`, and it is settled which lines and tables there are.
Formulas and arithmetic stay trees; each medium writes them in its own way.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.formula import AXES, PART, ROW, Formula
from losscli.render.indices import Equation, indexed
from losscli.render.lines import Entry, Number, Stage, entries, entry, stages
from losscli.render.numbers import short, text_of

if TYPE_CHECKING:
    from losscli.explanation import Explanation
    from losscli.pictures import Picture
    from losscli.worked import Line, Worked

EACH = 6  # so many unreduced values are named beside a reduction
PAIRS = 16  # so many pairs of classes are worked out; of more there is a table
_PARTS = ("real", "imaginary")


@dataclass(frozen=True)
class Table:
    """A table of numbers; an empty cell is None."""

    caption: str
    labels: tuple[str, ...]
    names: tuple[str, ...]  # of the columns
    columns: tuple[int, ...]  # their indices, from which some may be missing
    wanted: frozenset[int]  # those columns, counted from 0, that are left out last
    body: tuple[tuple[Number | None, ...], ...]
    marked: frozenset[tuple[int, int]] = frozenset()  # the cells, by line and column, to look at


@dataclass(frozen=True)
class Part:
    """A step: its formula, its lines, its tables, and what is to be said of it."""

    number: int
    part: str  # value or gradient
    note: str
    formula: Formula
    entries: tuple[Entry, ...]
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    remarks: tuple[str, ...]
    indexed: Equation  # the formula with its indices


@dataclass(frozen=True)
class Sheet:
    """A whole explanation, as it is shown with so many digits."""

    loss: str
    facts: tuple[str, ...]  # what the inputs and parameters are
    remarks: tuple[str, ...]
    parts: tuple[Part, ...]
    value: Number | None  # None where nothing was reduced
    full: float | None  # the value in all its digits, where `value` is rounded
    size: int  # how many values there are
    references: tuple[tuple[Number, str], ...]  # losses to compare with, smallest first
    warnings: tuple[str, ...]

    @property
    def relation(self) -> str:
        """Whether the value is printed exactly, =, or rounded, ≈."""
        return "=" if self.full is None else "≈"


def sheet(explanation: Explanation, digits: int = 4) -> Sheet:
    """What there is to show of an explanation."""
    return _Sheet(explanation, digits).whole()


class _Sheet:
    def __init__(self, explanation: Explanation, digits: int) -> None:
        self.explanation = explanation
        self.digits = digits
        self.eps = float(np.finfo(explanation.problem.dtype).eps)

    def whole(self) -> Sheet:
        e = self.explanation
        value = None if np.ndim(e.value) else self._short(float(e.value))
        exact = value is None or value != value or float(value) == float(e.value)
        return Sheet(
            e.loss,
            tuple(self._facts()),
            tuple(self._remarks()),
            tuple(self._part(number, step) for number, step in enumerate(e.steps, 1)),
            value,
            None if exact else float(e.value),
            int(np.size(e.value)),
            tuple((self._short(one.value), one.name) for one in e.references),
            tuple(e.problem.warnings),
        )

    def _short(self, value: float) -> Number:
        return short(value, self.digits, self.eps)

    # ---- what is said in words

    def _facts(self) -> Iterator[str]:
        e = self.explanation
        problem = e.problem
        if e.case:
            yield e.case
        for tensor, array in problem.tensors.items():
            shape = f"({', '.join(map(str, array.shape))})"
            holds = problem.holds(tensor)
            kind = f" {holds}" if holds.startswith("class") else ""
            if array.dtype.kind in "fc" and array.dtype != problem.type_of(tensor):
                kind += f" {array.dtype}"
            origin = e.origins.get(tensor, "")
            source = f" from {_clipped(origin)}" if origin not in ("", e.case, "in place") else ""
            yield f"{tensor} {shape}{kind}{source}"
        used = {name for step in e.steps for name in step.formula.names}
        for option, value in e.parameters.items():
            if value != problem.loss.options[option].default or option in used:
                yield f"{option} {_option(value)}"
        yield f"reduction {problem.reduction}"
        yield str(problem.dtype)

    def _remarks(self) -> Iterator[str]:
        e = self.explanation
        rows, word = e.problem.count, e.problem.loss.rows.row
        if len(e.rows) < rows:
            shown = ", ".join(e.row_name(k).removeprefix(f"{word} ") for k in range(len(e.rows)))
            named = (
                f"{word} {shown} of {rows} is"
                if len(e.rows) == 1
                else f"{word}s {shown} of {rows} are"
            )
            yield f"{named} shown; totals are over all of them"

    def _ledger(self, step: Worked) -> Iterator[str]:
        ledger = step.more.get("ledger")
        if ledger is None:
            return
        if ledger.denominator is not None:
            yield f"divided by {text_of(self._short(ledger.denominator))}: {ledger.why}"
        else:
            yield ledger.why
        if ledger.left_out_shown:
            names = [self.explanation.row_name(k) for k in ledger.left_out_shown]
            more = ledger.left_out - len(names)
            yield f"left out: {', '.join(names)}{f', and {more} not shown' if more > 0 else ''}"
        others = [
            f"{kind} would be {text_of(self._short(value))}"
            for kind, value in ledger.others.items()
        ]
        if ledger.kind != "none" and 1 < len(ledger.each) <= EACH:
            each = ", ".join(text_of(self._short(value)) for value in ledger.each)
            others.append(f"none would be [{each}]")
        if ledger.by_rows is not None:
            rows = f"{self.explanation.problem.count} {self.explanation.problem.loss.rows.row}s"
            others.append(
                f"over all {rows} alike it would be {text_of(self._short(ledger.by_rows))}"
            )
        if others:
            yield "; ".join(others)

    def _copies(self, step: Worked) -> Iterator[str]:
        """That the lines of a gradient are of the copies of a tensor that was broadcast."""
        problem, name = self.explanation.problem, step.name.removeprefix("d_")
        one = problem.laid.get(name)
        if step.part != "gradient" or one is None or one.rowless or step.quantity is None:
            return
        sizes = [step.quantity.size(axis) for axis in _inner(step)]
        wider = any(size > own for size, own in zip(sizes, one.inner, strict=False))
        if wider or math.prod(one.rows) < problem.count:
            yield f"{name} is broadcast: its gradient adds up what its copies get"

    # ---- steps

    def _part(self, number: int, step: Worked) -> Part:
        return Part(
            number,
            step.part,
            step.note,
            step.formula,
            tuple(self._entries(step)),
            tuple(self._tables(step)),
            tuple(picture for name, picture in self.explanation.pictures if name == step.name),
            (*self._ledger(step), *self._copies(step)),
            indexed(step.formula, step.names, step.axes),
        )

    def _entries(self, step: Worked) -> list[Entry]:
        """The lines of a step of one number a row; of a table, the one cell that is worked out."""
        lines = list(step.lines)
        if _inner(step) and not _each_pair(step):
            told = lines and not step.more.get("opaque")
            lines = [_telling(step, lines)] if told else []
        written = [stage for line in lines for stage in stages(self._stage(step, line))]
        if step.name == "L" and len(lines) > 1:
            return [entry(stage, self.digits, self.eps) for stage in written]
        return entries(written, self.digits, self.eps)

    def _stage(self, step: Worked, line: Line) -> Stage:
        share = None
        if step.name == "l" and step.part == "value" and line.row is not None:
            share = self.explanation.shares[line.row]
        label = self._label(step, line)
        return Stage(label, line.shortened, line.value, _picked(step, line), share)

    # ---- names

    def _label(self, step: Worked, line: Line) -> str:
        if line.row is None:
            return ""
        e = self.explanation
        label = e.row_name(line.row)
        if line.pick is not None and step.more.get("pairs"):
            true, other = (self._place("C", c) for c in (line.pick, line.at[-1]))
            return f"{label}, {true} against {other.removeprefix('class ')}"
        if line.pick is not None and len(line.at) == len(e.rows[line.row]):
            label += f"  y = {text_of(line.pick)}"
            label += f" {e.classes[line.pick]}" if 0 <= line.pick < len(e.classes) else ""
        places = line.at[len(e.rows[line.row]) :]
        named = [self._place(axis, i) for axis, i in zip(_inner(step), places, strict=True)]
        return f"{label}, {', '.join(named)}" if named else label

    def _place(self, axis: str, i: int) -> str:
        """What an index on an axis is called."""
        classes = self.explanation.classes
        if axis == "C" and i < len(classes):
            return classes[i]
        return _PARTS[i] if axis == PART else f"{AXES.get(axis, axis.lower())} {i}"

    def _column(self, axis: str, i: int) -> str:
        """What it is called at the head of a column."""
        named = axis == PART or (axis == "C" and i < len(self.explanation.classes))
        return self._place(axis, i) if named else str(i)

    def _down(self, axis: str, j: int, k: int) -> str:
        """The name of a line of a table; a place of the extended target is named by its label."""
        labels = self.explanation.places(k)
        if axis == "S" and j < len(labels):
            return f"{j}  {labels[j]}"
        return self._place(axis, j)

    # ---- tables

    def _tables(self, step: Worked) -> Iterator[Table]:
        inner = _inner(step)
        if not inner or step.quantity is None or _each_pair(step) or not step.lines:
            return
        if len(inner) == 1:
            yield self._table_by_row(step, inner[0])
            return
        for k in sorted({line.row for line in step.lines if line.row is not None}):
            yield self._table(step, k, inner)

    def _table_by_row(self, step: Worked, axis: str) -> Table:
        """One line a row, one column an index of the step's other axis."""
        cells = {(line.row, line.at[-1]): line.value for line in step.lines}
        columns = sorted({column for _, column in cells})
        order = sorted({row for row, _ in cells}, key=lambda row: -1 if row is None else row)
        return self._of(
            step,
            "",
            [self.explanation.row_name(row) if row is not None else "" for row in order],
            [self._column(axis, i) for i in columns],
            columns,
            [[cells.get((row, column)) for column in columns] for row in order],
            {
                (order.index(line.row), columns.index(line.at[-1]))
                for line in step.lines
                if _own(line)
            },
        )

    def _table(self, step: Worked, k: int, inner: Sequence[str]) -> Table:
        """One table for a row: frames across, the other axis down."""
        across, down = inner
        lines = [line for line in step.lines if line.row == k]
        at = {line.at[-2:]: line.value for line in lines}
        columns = sorted({i for i, _ in at})
        order = sorted({j for _, j in at})
        picks = {line.at[-2]: line.pick for line in lines}  # of pairs, the true class
        return self._of(
            step,
            self.explanation.row_name(k) if len(self.explanation.rows) > 1 else "",
            [self._down(down, j, k) for j in order],
            [
                self._column(across, i) if pick is None else self._column("C", pick)
                for i, pick in ((i, picks[i]) for i in columns)
            ],
            columns,
            [[at.get((i, j)) for i in columns] for j in order],
        )

    def _of(
        self,
        step: Worked,
        caption: str,
        labels: Sequence[str],
        names: Sequence[str],
        columns: Sequence[int],
        body: Sequence[Sequence[float | None]],
        marked: Set[tuple[int, int]] = frozenset(),
    ) -> Table:
        picks = {line.pick for line in step.lines}
        return Table(
            caption,
            tuple(labels),
            tuple(names),
            tuple(columns),
            frozenset(j for j, column in enumerate(columns) if column in picks),
            tuple(tuple(None if v is None else self._short(v) for v in row) for row in body),
            frozenset(marked),
        )


def _own(line: Line) -> bool:
    """Whether a cell is that of the class which its row picks."""
    return line.pick is not None and line.at[-1] == line.pick


def _inner(step: Worked) -> list[str]:
    """A step's axes besides that of the rows."""
    return [axis for axis in step.axes if axis != ROW]


def _picked(step: Worked, line: Line) -> ast.expr | None:
    """`weight[2]`, for a number that is taken as it is from among others."""
    match step.formula.tree:
        case ast.Call(func=ast.Name(id="pick"), args=[ast.Name(id=taken), _]) if (
            line.pick is not None
        ):
            return ast.Subscript(ast.Name(taken), ast.Constant(line.pick))
    return None


def _each_pair(step: Worked) -> bool:
    """Whether each pair of classes is to be worked out, and there are few enough."""
    return step.more.get("pairs") == "each" and len(step.lines) <= PAIRS


def _telling(step: Worked, lines: Sequence[Line]) -> Line:
    """The cell of a table that is worked out: the target's, or the one with most to see."""
    for line in lines:
        if _own(line):
            return line

    def much(line: Line) -> tuple[int, float]:
        constants = [n for n in ast.walk(line.shortened.tree) if isinstance(n, ast.Constant)]
        return sum(n.value != 0 for n in constants), abs(line.value)

    return max(lines, key=much)


def _clipped(origin: str, most: int = 36) -> str:
    return origin if len(origin) <= most else f"{origin[: most - 1]}…"


def _option(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return text_of(str(value).lower().replace("e-0", "e-"))
