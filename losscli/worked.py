"""Steps with the numbers put in: the lines of a worked calculation, as data."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from losscli.formula import (
    MANY,
    ROW,
    Arithmetic,
    Formula,
    Names,
    Quantity,
    evaluate,
    number,
)
from losscli.work import Step

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


def worked(step: Step, shown: Sequence[tuple[int, ...]]) -> Worked:
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
