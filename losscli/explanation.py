"""The worked calculation as data, from which every format is drawn.

`explain` runs a loss's body once more on the few rows that are shown, this time recording; the totals
come from the engine, which has seen all rows. An `Explanation` holds the steps; renderers compute
nothing.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from losscli.engine import Problem
from losscli.errors import UsageError
from losscli.formula import (
    MANY,
    ROW,
    Arithmetic,
    Formula,
    Names,
    Quantity,
    evaluate,
    number,
    parse,
    written_out,
)
from losscli.illustration import illustrate
from losscli.parameters import plain
from losscli.pictures import Picture
from losscli.reduction import divide
from losscli.references import Reference, references
from losscli.work import Recorder, Step, Terms, names_of

ROWS_SHOWN = 3
WRITTEN_OUT = 24  # so many terms of the final sum are written out
DIVIDED = "sum(l / max(target_lengths, 1))"
CELLS = 600  # so many cells of a step's table are shown at most


@dataclass(frozen=True)
class Line:
    """One number of a step: where it is, the arithmetic that gives it, and its value."""

    at: tuple[int, ...]  # the row's index, then the indices on the step's other axes
    row: int | None  # which of the shown rows
    value: float
    put: Callable[[int | None], Arithmetic] = field(repr=False)  # the numbers put into the formula
    pick: int | None = None  # the row's index among the classes, where the step picks by it

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """The arithmetic with every term written out."""
        return self.put(None)

    @cached_property
    def shortened(self) -> Arithmetic:
        """The arithmetic with only the first and the last terms of long sums."""
        return self.put(MANY)

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON has it; `substituted` is Python that evaluates to `value`."""
        line: dict[str, Any] = {"at": list(self.at)}
        if self.arithmetic.condition:
            line["condition"] = self.arithmetic.condition
        line["substituted"] = evaluable(self.arithmetic, self.value)
        line["value"] = self.value
        return line


@dataclass(frozen=True)
class Worked:
    """A step with its lines."""

    formula: Formula
    note: str
    part: str
    lines: tuple[Line, ...]
    axes: tuple[str, ...] = ()
    quantity: Quantity | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    names: Names = field(default_factory=dict, repr=False)  # what the formula may refer to

    @property
    def name(self) -> str:
        """The left-hand side of the step's equation."""
        return self.formula.name

    def to_dict(self) -> dict[str, Any]:
        """The step as JSON has it."""
        return {
            "name": self.name,
            "equation": self.formula.text,
            "note": self.note,
            "part": self.part,
            "lines": [line.to_dict() for line in self.lines],
        }


@dataclass(frozen=True)
class Ledger:
    """How the terms became one number."""

    kind: str
    numerator: float | None
    denominator: float | None
    why: str
    others: Mapping[str, float]  # what the other reductions would have given
    each: tuple[float, ...] = ()  # what none gives, where these are few
    by_rows: float | None = None  # a mean that leaves rows out or weights them, over all rows alike
    left_out: int = 0  # so many rows count for nothing
    left_out_shown: tuple[int, ...] = ()  # those among the rows that are shown

    def to_dict(self) -> dict[str, Any]:
        """The ledger as JSON has it."""
        return {
            "kind": self.kind,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "why": self.why,
            "others": dict(self.others),
            "none": list(self.each) if self.each else None,
            "by_rows": self.by_rows,
            "left_out": self.left_out,
            "left_out_shown": list(self.left_out_shown),
        }


@dataclass(frozen=True)
class Explanation:
    """A worked calculation: `value`, `gradients`, `steps`, and what they were computed from.

    It prints itself as text, with Rich as the terminal shows it, and in a notebook as HTML; `to_dict`
    and `to_json` give the data. `rows` are the indices of the rows that are shown.
    """

    problem: Problem = field(repr=False)
    value: Any
    reduction: Ledger
    steps: tuple[Worked, ...] = field(repr=False)
    rows: tuple[tuple[int, ...], ...]
    shares: tuple[float | None, ...] = ()  # of each shown row in the sum of all
    origins: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()  # the names of the rows, where they have some
    case: str = ""
    diagnostics: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()  # smallest first
    pictures: tuple[tuple[str, Picture], ...] = ()  # each with the name of the step it belongs to
    wrt: tuple[str, ...] = ()
    grad_output: Any = None
    parts: Mapping[str, Any] = field(default_factory=dict, repr=False)  # where in files tensors are

    @property
    def loss(self) -> str:
        """The loss's name."""
        return self.problem.loss.name

    @cached_property
    def gradients(self) -> dict[str, Any]:
        """The gradient of the result by each tensor that was asked for, whole."""
        return self.problem.gradient(self.wrt, self.grad_output) if self.wrt else {}

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """What each tensor was taken for: shape, type, what it holds, where it came from."""
        found = {}
        for name, array in self.problem.tensors.items():
            found[name] = {
                "shape": list(array.shape),
                "dtype": str(array.dtype),
                "holds": self.problem.holds(name),
                "source": self.origins.get(name, "given"),
            }
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        """Every option with its value; a function by its name."""
        return {name: plain(value) for name, value in self.problem.options.items()}

    def row_name(self, k: int) -> str:
        """What the k-th shown row is called."""
        index = self.rows[k]
        word = self.problem.loss.rows.row
        places = list(map(str, index))
        if len(index) == 2:
            places[1] = self._column_name(index[1]) or places[1]
        if self.ids:
            word = self.ids[index[0] if index else 0]
            places = places[1:]
        elif len(places) == 1:
            word, places = f"{word} {places[0]}", []
        at = f" [{', '.join(places)}]" if places else ""
        said = self._said(index)
        return f"{word}{at}" + (f' "{said}"' if said else "")

    def _column_name(self, index: int) -> str:
        """What the user called the column that an element is from."""
        names = next(
            (self.columns[n] for n in self.problem.loss.predicted if n in self.columns), ()
        )
        return names[index] if len(names) == self.problem.rows[1] else ""

    def _said(self, row: tuple[int, ...]) -> str:
        """The word that a sample's labels spell, where an alphabet names the classes and it is short."""
        spelled = "blank" in self.problem.options and len("".join(self.classes)) == len(
            self.classes
        )
        if not spelled or not self.classes:
            return ""
        sample = self.problem.take([row])
        labels = sample["targets"][0][: int(sample["target_lengths"][0])]
        return "".join(self.classes[int(label)] for label in labels) if len(labels) <= 12 else ""

    def places(self, k: int) -> list[str]:
        """The names of the places of the k-th row's extended target, for losses that have one."""
        for step in self.steps:
            if step.name == "z" and step.quantity is not None:
                blank = self.problem.options.get("blank")
                return [self._class_name(int(z), blank) for z in step.quantity.array[k]]
        return []

    def _class_name(self, index: int, blank: Any) -> str:
        if index < len(self.classes):
            return self.classes[index]
        return "blank" if index == blank else str(index)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain data; gradients of more than 100,000 numbers only by their shape."""
        gradients = {}
        for name in self.wrt:
            small = self.problem.tensors[name].size <= 100_000
            gradients[name] = self.gradients[name].tolist() if small else None
        return {
            "loss": self.loss,
            "value": np.asarray(self.value).tolist(),
            "dtype": str(self.problem.dtype),
            "reduction": self.reduction.to_dict(),
            "rows": [list(row) for row in self.rows],
            "row_names": [self.row_name(k) for k in range(len(self.rows))],
            "classes": list(self.classes),
            "steps": [step.to_dict() for step in self.steps],
            "gradients": gradients,
            "inputs": self.inputs,
            "parameters": self.parameters,
            "references": [{"value": one.value, "name": one.name} for one in self.references],
            "diagnostics": list(self.diagnostics),
            "torch": self._torch(),
        }

    def _torch(self) -> str | None:
        try:
            return self.to_torch()
        except UsageError:
            return None

    def to_json(self) -> str:
        """The data as JSON text."""
        from losscli.render import json

        return json.render(self)

    def to_torch(self) -> str:
        """PyTorch code that computes the same; UsageError where that cannot be written."""
        from losscli import pytorch

        return pytorch.code(
            self.problem, self.wrt, self.grad_output, parts=self.parts, classes=self.classes
        )

    def to_text(self, digits: int = 4, width: int = 100, ascii: bool = False) -> str:
        """The worked calculation as plain text; with `ascii`, of signs that a keyboard has."""
        from losscli.render import text

        return text.render(self, digits=digits, width=width, ascii=ascii)

    def to_markdown(self, digits: int = 4) -> str:
        """The worked calculation as Markdown, with mathematics between dollar signs."""
        from losscli.render import markdown

        return markdown.render(self, digits=digits)

    def to_latex(self, digits: int = 4) -> str:
        """The worked calculation as a LaTeX document."""
        from losscli.render import latex

        return latex.render(self, digits=digits)

    def to_svg(self, digits: int = 4, width: int = 100) -> str:
        """The page as a picture, in one file that needs nothing else."""
        from losscli.render import svg

        return svg.render(self, digits=digits, width=width)

    def to_html(self, digits: int = 4) -> str:
        """The worked calculation as one HTML page that needs nothing else."""
        from losscli.render import html

        return html.render(self, digits=digits)

    __str__ = to_text

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from losscli.render import terminal

        yield terminal.rich_text(self, digits=4, width=options.max_width)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.to_text())

    def _repr_html_(self) -> str:
        from losscli.render import html

        return html.fragment(self)


def explain(
    problem: Problem,
    *,
    rows: Sequence[int | tuple[int, ...]] | None = None,
    top: int | None = None,
    gradient: bool = True,
    wrt: Sequence[str] | None = None,
    grad_output: Any = None,
    names: Mapping[str, Any] | None = None,
    pictures: bool = True,
) -> Explanation:
    """The worked calculation of a problem, with or without pictures.

    `rows` are the rows to show (an index, or a tuple of them where rows have several axes), `top` shows
    those with the largest loss instead; by default the first three. `names` may hold "origins" and
    "columns" by tensor, "classes", "ids" of the rows, and the name of the "case".
    """
    given = names or {}
    ids = tuple(map(str, given.get("ids", ())))
    if ids and len(ids) != math.prod(problem.rows[:1]):
        raise UsageError(
            f"{problem.loss.name}: there are {len(ids)} ids, but {math.prod(problem.rows[:1])} "
            f"{problem.loss.rows.row}s."
        )
    shown = choose_rows(problem, rows, top)
    value = problem.value()
    wanted = problem.wrt(wrt) if gradient else ()
    recorder = Recorder(names_of(problem, shown), len(shown))
    steps: list[Worked] = []
    shares: tuple[float | None, ...] = ()
    with np.errstate(all="ignore"):
        if shown:
            terms = problem.run(problem.take(shown), recorder)
            shares = _row_shares(problem, terms)
        steps += [_worked(step, shown) for step in recorder.steps]
        ledger = _ledger(problem, terms.counts if shown else None)
        steps.append(_reduction_step(problem, ledger, value, shown, terms if shown else None))
        if shown and wanted:
            recorder.part = "gradient"
            done = len(recorder.steps)
            found = terms.gradient(_show_share(problem, recorder, terms, shown, grad_output))
            for name in wanted:
                found[name]()
            steps += [_worked(step, shown) for step in recorder.steps[done:]]
    explanation = Explanation(
        problem,
        value,
        ledger,
        tuple(steps),
        tuple(shown),
        shares,
        given.get("origins", {}),
        given.get("columns", {}),
        tuple(given.get("classes", ())),
        ids,
        given.get("case", ""),
        references=references(problem, value),
        wrt=wanted,
        grad_output=grad_output,
        parts=given.get("parts", {}),
    )
    return replace(explanation, pictures=illustrate(explanation)) if pictures else explanation


def choose_rows(
    problem: Problem, rows: Sequence[int | tuple[int, ...]] | None, top: int | None
) -> list[tuple[int, ...]]:
    """The indices of the rows that are shown."""
    if rows is not None and top is not None:
        raise UsageError(f"{problem.loss.name}: give rows or top, not both.")
    if not problem.count:
        return []
    if not problem.rows:
        return [_row(problem, row) for row in rows or [()]]
    if top is not None:
        if top < 1:
            raise UsageError(f"{problem.loss.name}: top is {top}; at least 1 is needed.")
        return problem.largest(top)
    if rows is None:
        first = range(min(ROWS_SHOWN, problem.count))
        return [tuple(map(int, np.unravel_index(i, problem.rows))) for i in first]
    return [_row(problem, row) for row in rows]


def evaluable(arithmetic: Arithmetic, value: float) -> str:
    """The arithmetic as Python; the value where Python would refuse (1/0, log(0)) or lose a nan in max()."""
    text = arithmetic.python
    try:
        result = eval(compile(ast.parse(text, mode="eval"), "", "eval"), dict(_PYTHON))
        lost = math.isnan(value) and not math.isnan(float(result))
    except (ArithmeticError, ValueError, TypeError):
        lost = True
    return Arithmetic(number(value)).python if lost else text


_PYTHON = {
    "__builtins__": {},
    **{name: getattr(math, name) for name in ("exp", "log", "log1p", "expm1", "sqrt")},
    "abs": abs,
    "max": max,
    "min": min,
}


def _row(problem: Problem, row: int | tuple[int, ...]) -> tuple[int, ...]:
    index = (row,) if isinstance(row, int) else tuple(row)
    if not problem.rows and index == (0,):
        return ()
    word = problem.loss.rows.row
    if len(index) != len(problem.rows):
        if len(index) == 1 and 0 <= index[0] < problem.count:  # counted through
            return tuple(map(int, np.unravel_index(index[0], problem.rows)))
        if len(index) > 1:
            raise UsageError(
                f"{problem.loss.name}: {word} {list(index)} has {len(index)} indices, but there are "
                f"{len(problem.rows)} axes of {word}s."
            )
    if len(index) != len(problem.rows) or not all(
        0 <= i < n for i, n in zip(index, problem.rows, strict=True)
    ):
        raise UsageError(
            f"{problem.loss.name}: there is no {word} {':'.join(map(str, index))}; "
            f"there are {problem.count}, counted from 0."
        )
    return index


def _worked(step: Step, shown: Sequence[tuple[int, ...]]) -> Worked:
    """A recorded step with its lines."""
    lines = []
    for point in _points(step, len(shown)):
        k = point.get(ROW)
        inner = tuple(point[axis] for axis in step.quantity.axes if axis != ROW)
        lines.append(
            Line(
                (*(shown[k] if k is not None else ()), *inner),
                k,
                step.quantity.at(point),
                partial(_arithmetic, step, point),
                _pick(step, point),
            )
        )
    return Worked(
        step.formula,
        step.note,
        step.part,
        tuple(lines),
        step.quantity.axes,
        step.quantity,
        step.more,
        step.names,
    )


def _arithmetic(step: Step, point: Mapping[str, int], most: int | None) -> Arithmetic:
    """The numbers put into a step's formula.

    There is only the result of what a user's function says, and where nothing but a convention makes a
    value nan, infinite or 0.
    """
    value = step.quantity.at(point)
    if not step.more.get("opaque"):
        arithmetic = step.formula.at(point, step.names, most)
        found = float(evaluate(arithmetic.tree))
        if math.isnan(found) == math.isnan(value) and math.isinf(found) == math.isinf(value):
            return arithmetic
    return Arithmetic(number(value))


def _points(step: Step, rows: int) -> Iterator[dict[str, int]]:
    """The points of a step's quantity that become lines: all of a small table, some of a large one."""
    axes = step.quantity.axes
    inner = [axis for axis in axes if axis != ROW]
    sizes = [step.quantity.size(axis) for axis in inner]
    room = max(1, CELLS // max(1, rows))
    cells: Any = step.more.get("cells")
    every: Sequence[int | None] = range(rows) if ROW in axes else [None]
    picked = {i for k in every if k is not None for i in _picked(step, k)}
    for k in every:
        indices = [_some(size, room, len(sizes), picked) for size in sizes]
        for where in _product(indices):
            if cells is not None and not cells[(k, *where)]:
                continue
            yield {**({ROW: k} if k is not None else {}), **dict(zip(inner, where, strict=True))}


def _picked(step: Step, k: int) -> set[int]:
    """Indices that must not be left out of a long axis: the target's, and that of the largest value."""
    found = set()
    if (pick := _pick(step, {ROW: k})) is not None:
        found.add(pick)
    if len(step.quantity.axes) == 2 and step.quantity.array[k].size:
        found.add(int(np.argmax(step.quantity.array[k])))
    return found


def _pick(step: Step, point: Mapping[str, int]) -> int | None:
    """The index that the step picks at a point: its target's."""
    name = step.more.get("picks")
    picks = step.names[name] if name is not None else None
    return int(picks.at(point)) if picks and {*picks.axes} <= {*point} else None


def _some(size: int, room: int, axes: int, always: set[int]) -> list[int]:
    """All indices of a short axis; of a long one the first, the last and those that matter."""
    most = room if axes == 1 else max(4, math.isqrt(room))
    most = min(most, 24)
    if size <= most:
        return list(range(size))
    chosen = {*range(most - 2), size - 1, *(i for i in always if 0 <= i < size)}
    return sorted(chosen)


def _product(indices: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    if not indices:
        yield ()
        return
    for first in indices[0]:
        for rest in _product(indices[1:]):
            yield (first, *rest)


def _row_shares(problem: Problem, terms: Terms) -> tuple[float | None, ...]:
    """Each shown row's part of the sum of all rows, where that makes sense."""
    total = float(problem.total.sum)
    values = np.asarray(terms.values, float).ravel()
    if problem.reduction == "none" or not math.isfinite(total) or total <= 0 or (values < 0).any():
        return tuple(None for _ in values)
    return tuple(float(v) / total for v in values)


def _ledger(problem: Problem, counts: Any) -> Ledger:
    """Numerator, denominator, and why that denominator; `counts` are those of the rows shown."""
    total, kind = problem.total, problem.reduction
    numerator, denominator, why = _quotient(problem)
    kinds = [k for k in problem.loss.rows.reductions if k != "none"]
    uneven = kind == "mean" and total.uneven
    few = 0 < problem.count <= WRITTEN_OUT
    return Ledger(
        kind,
        numerator,
        denominator,
        why,
        {k: total.reduce(k, problem.batch) for k in kinds if k != kind},
        tuple(np.ravel(problem.every().values).astype(float).tolist()) if few else (),
        divide(float(total.numerator), problem.count) if uneven else None,
        total.left_out,
        () if counts is None else tuple(np.flatnonzero(np.ravel(counts) == 0).tolist()),
    )


def _quotient(problem: Problem) -> tuple[float | None, float | None, str]:
    """What is divided by what, and why."""
    total, loss = problem.total, problem.loss
    word, n = loss.rows.row, problem.count
    rows = f"{n} {word}{'' if n == 1 else 's'}"
    if problem.reduction == "none":
        return None, None, f"not reduced: one value for each of {rows}"
    if problem.reduction == "sum":
        left_out = f"; {total.left_out} of {rows} left out" if total.left_out else ""
        return float(total.sum), None, f"the sum over {rows}, not divided{left_out}"
    if problem.reduction == "batchmean":
        return (
            float(total.sum),
            float(problem.batch),
            f"the length of the first axis, not the {rows}",
        )
    why = rows
    if "batchmean" in loss.rows.reductions:
        why += f", not the {problem.batch} of the first axis, by which batchmean divides"
    if loss.rows.divided:
        why = f"{rows}, after each loss was divided by {loss.rows.divided}"
    elif total.uneven and loss.rows.counted and problem.tensors.get("weight") is not None:
        why = f"{loss.rows.counted}, not the {rows}"
    elif total.uneven:
        why = f"the {word}s that count"
    if total.left_out:
        why += f"; {total.left_out} of {rows} left out"
    if math.isnan(total.denominator) and not float(total.counted):
        why = f"{loss.rows.counted} add up to 0: PyTorch has 0/0 in the part without smoothing"
    return float(total.numerator), total.denominator, why


def _reduction_step(
    problem: Problem,
    ledger: Ledger,
    value: Any,
    shown: Sequence[tuple[int, ...]],
    terms: Terms | None,
) -> Worked:
    """The last value step."""
    if problem.reduction == "none":
        values = np.asarray(terms.values).ravel() if terms else np.zeros(0)
        lines = tuple(
            Line(row, k, float(value), partial(_plain, float(value)))
            for k, (row, value) in enumerate(zip(shown, values, strict=True))
        )
        return Worked(parse("L = l"), ledger.why, "value", lines, (ROW,))
    every = problem.every() if 0 < problem.count <= WRITTEN_OUT else None
    uneven = problem.reduction == "mean" and problem.total.uneven
    divided = problem.reduction == "mean" and bool(problem.loss.rows.divided)
    equation = "L = sum(l)"
    if ledger.denominator is not None:
        equation = f"L = {DIVIDED if divided else 'sum(l)'} / {'sum(w)' if uneven else 'N'}"

    def put(most: int | None) -> Arithmetic:
        tree: ast.expr = number(ledger.numerator or 0.0)
        if every:
            tree = _written(every.values, every.divisor if divided else None, most)
        if ledger.denominator is not None:
            below: ast.expr = number(_whole(ledger.denominator))
            if every and uneven and not math.isnan(ledger.denominator):
                below = _written(every.counts, None, most)
            tree = ast.BinOp(tree, ast.Div(), below)
        overflows = math.isfinite(value) and not np.isfinite(evaluate(tree))
        return Arithmetic(number(float(value)) if overflows else tree)

    line = Line((), None, float(value), put)
    names = {name: Quantity(None, (ROW,)) for name in ("l", "w", "target_lengths")}
    more = {"ledger": ledger}
    return Worked(parse(equation), problem.reduction, "value", (line,), more=more, names=names)


def _plain(value: float, most: int | None) -> Arithmetic:
    """A value by itself."""
    return Arithmetic(number(value))


def _written(values: Any, divisor: Any, most: int | None) -> ast.expr:
    """A sum with its terms written out; every term over its divisor where there is one."""
    above = np.ravel(values)
    below = np.ones(len(above)) if divisor is None else np.ravel(divisor)

    def term(i: int) -> ast.expr:
        top = number(_whole(float(above[i])))
        bottom = _whole(float(below[i]))
        return top if bottom == 1 else ast.BinOp(top, ast.Div(), number(bottom))

    return written_out("sum", len(above), term, lambda: above / below, most)


def _whole(value: float) -> float:
    """A whole number without its point."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _show_share(
    problem: Problem,
    recorder: Recorder,
    terms: Terms,
    shown: Sequence[tuple[int, ...]],
    grad_output: Any,
) -> Any:
    """Each shown row's share in the result, recorded as the first step of the gradient."""
    share = problem.share(grad_output)
    index: Any = tuple(np.array(axis) for axis in zip(*shown, strict=True))
    index = index if problem.rows else (slice(None),)
    each = problem.share_of(share, index, terms.divisor)
    above = np.broadcast_to(share.above, problem.rows or (1,))[index]
    recorder.names["grad_output"] = Quantity(np.asarray(above), (ROW,))
    text = "1" if grad_output is None else "grad_output"
    note = "share in the result, dL/dl"
    if problem.reduction in ("mean", "batchmean"):
        text += " / W" if problem.reduction == "mean" and problem.total.uneven else " / N"
    if problem.reduction == "mean" and terms.divisor is not None:
        text += " / max(target_lengths, 1)"
    if problem.reduction == "none" and grad_output is None:
        note = "share in the sum, as there is no reduction"
    denominator = _whole(share.denominator)
    constants = {"N": denominator, "W": denominator}
    recorder(f"share = {text}", each, note, axes=(ROW,), constants=constants)
    return each
