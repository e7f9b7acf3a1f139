"""Where a nan or an infinity came from: the first row, step and place at which it arose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.errors import place
from losscli.formula import Quantity
from losscli.work import Recorder, names_of

if TYPE_CHECKING:
    from losscli.engine import Problem


def of_value(problem: Problem, value: Any) -> str:
    """One sentence on a value that is not finite."""
    values = np.asarray(value)
    head = f"{problem.loss.name}: the result is {values[()]}"
    if values.ndim:
        lost = int((~np.isfinite(values)).sum())
        head = f"{problem.loss.name}: {lost} of {values.size} values are not finite"
    elif not problem.count:
        return f"{head}: there are no {problem.loss.rows.row}s, and a mean divides 0 by 0."
    elif problem.reduction == "mean" and problem.total.left_out == problem.count:
        return f"{head}: every {problem.loss.rows.row} is left out, and a mean divides 0 by 0."
    row = problem.first_not_finite()
    if row is None:
        return f"{head}: every loss is finite, but their sum overflows."
    return f"{head}: {_origin(problem, row)}."


def of_gradient(problem: Problem, name: str, gradient: Any) -> str:
    """One sentence on a gradient that is not finite everywhere."""
    lost = ~np.isfinite(gradient)
    where = tuple(map(int, np.unravel_index(int(np.argmax(lost)), lost.shape)))
    return (
        f"{problem.loss.name}: {int(lost.sum())} of {lost.size} numbers of the gradient by {name} are "
        f"not finite; the first is {gradient[where]} at {place(name, where)}."
    )


def _origin(problem: Problem, row: tuple[int, ...]) -> str:
    """Which number of which step was the first that is not finite in a row."""
    block = problem.take([row])
    for name, array in block.items():
        if array is not None and not problem.laid[name].rowless:
            lost = ~np.isfinite(array)
            if lost.any():
                where = problem.position_in_row(name, row, _first(lost)[1:])
                return f"{place(name, where)} is {array[_first(lost)]}"
    recorder = Recorder(names_of(problem, [row]), 1)
    with np.errstate(all="ignore"):
        problem.run(block, recorder)
    word = f"{problem.loss.rows.row} {', '.join(map(str, row))}".strip()
    for step in recorder.steps:
        quantity: Quantity = step.quantity
        lost = ~np.isfinite(quantity.array)
        if lost.any():
            first = _first(lost)
            inner = [
                f"{axis} {i}" for axis, i in zip(quantity.axes, first, strict=True) if axis != "row"
            ]
            at = f", {', '.join(inner)}" if inner else ""
            return f"the first is {quantity.array[first]} in {word}{at}, at the step {step.formula.text}"
    return f"it arises in {word}"


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
