"""Where a nan or an infinity came from: the first row, step and place, the rule that made it, a remedy."""

from __future__ import annotations

import ast
import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.errors import place
from losscli.formula import AXES, ROW, Quantity, evaluate
from losscli.work import Recorder, Step, names_of

if TYPE_CHECKING:
    from losscli.engine import Problem

FEW = 1 << 20  # numbers that are looked at at once
HARMLESS = 0.5  # a score, a probability, a variance or a target with which every loss is finite


def of_value(problem: Problem, value: Any) -> str:
    """What is to be said of a value that is not finite."""
    values = np.asarray(value)
    word = problem.loss.rows.row
    head = f"{problem.loss.name}: the result is {values[()]}"
    if values.ndim:
        lost = int((~np.isfinite(values)).sum())
        head = f"{problem.loss.name}: {lost} of {values.size} values {_are(lost)} not finite"
    elif not problem.count:
        return f"{head}: there are no {word}s, and a mean divides 0 by 0. Give at least one."
    elif problem.reduction == "mean" and problem.total.left_out == problem.count:
        total = float(problem.total.sum)
        return (
            f"{head}: every {word} is left out, and a mean divides 0 by 0. Keep at least one, or use "
            f"the reduction sum, which is {total:.6g} then."
        )
    row = problem.first_not_finite()
    if row is not None:
        return f"{head}: {_origin(problem, row)}"
    if problem.reduction == "mean" and not problem.total.denominator:
        return (
            f"{head}: what the {word}s count for adds up to 0, and a mean divides by that. Give weights "
            "whose sum is not 0, or use the reduction sum."
        )
    return f"{head}: every loss is finite, but their sum overflows. {_smaller(problem)}."


def of_gradient(problem: Problem, name: str, gradient: Any) -> str:
    """What is to be said of a gradient that is not finite everywhere."""
    count = 0
    where: tuple[int, ...] = ()
    flat = gradient.reshape(-1)
    for start in range(0, flat.size, FEW):
        lost = np.flatnonzero(~np.isfinite(flat[start : start + FEW]))
        if lost.size and not count:
            where = tuple(map(int, np.unravel_index(start + int(lost[0]), gradient.shape)))
        count += lost.size
    return (
        f"{problem.loss.name}: {count} of {gradient.size} numbers of the gradient by {name} {_are(count)} "
        f"not finite; the first is {gradient[where]} at {place(name, where)}."
    )


def _origin(problem: Problem, row: tuple[int, ...]) -> str:
    """Which number of which step was the first that is not finite in a row, and why."""
    block = problem.take([row])
    if cause := _cause(problem, block):
        name, index = cause
        where = problem.position_in_row(name, row, index[1:])
        found = block[name][index]
        return f"{place(name, where)} is {found}. Repair that number, or leave its row out."
    recorder = Recorder(names_of(problem, [row]), 1)
    with np.errstate(all="ignore"):
        problem.run(block, recorder)
    word = problem.loss.rows.row
    word = f"{word} {', '.join(map(str, row))}" if row else f"the {word}"
    for step in recorder.steps:
        quantity: Quantity = step.quantity
        lost = ~np.isfinite(quantity.array)
        if lost.any():
            first = _first(lost)
            point = dict(zip(quantity.axes, first, strict=True))
            inner = [f"{AXES.get(axis, axis)} {i}" for axis, i in point.items() if axis != ROW]
            at = f", {', '.join(inner)}" if inner else ""
            why = _why(problem, step, point)
            return (
                f"the first is {quantity.array[first]} in {word}{at}, at the step "
                f"{step.formula.text}{why and ': ' + why}."
            )
    return f"it arises in {word}."


def _cause(problem: Problem, block: Mapping[str, Any]) -> tuple[str, tuple[int, ...]] | None:
    """The first number of a row that is not finite and spoils its loss though all behind it are repaired.

    None where the loss is not finite with all of them repaired: then they are not what it comes from.
    """
    lost = {
        name: np.flatnonzero(~np.isfinite(array))
        for name, array in block.items()
        if array is not None and not problem.laid[name].rowless
    }

    def spoilt(kept: int) -> bool:
        """Whether the loss is not finite where all but so many of these numbers are repaired."""
        repaired = dict(block)
        for name, places in lost.items():
            if places[kept:].size:
                repaired[name] = block[name].copy()
                repaired[name].flat[places[kept:]] = HARMLESS
            kept = max(kept - places.size, 0)
        with np.errstate(all="ignore"):
            values = np.asarray(problem.run(repaired, checked=False).values)
        return not np.isfinite(values).all()

    number = sum(places.size for places in lost.values())
    least = bisect_left(range(number), True, key=spoilt) if number else 0
    if not least:
        return None
    every = [(name, index) for name, places in lost.items() for index in places]
    name, index = every[least - 1]
    return name, tuple(map(int, np.unravel_index(index, block[name].shape)))


def _why(problem: Problem, step: Step, point: Mapping[str, int]) -> str:
    """The operation that made it, and what would avoid it; empty where no single one did."""
    most = float(np.finfo(problem.dtype).max)

    def value(node: ast.expr) -> float:
        found = float(evaluate(node))
        return math.copysign(math.inf, found) if abs(found) > most else found

    def culprit(node: ast.expr) -> tuple[ast.expr, list[float]] | None:
        """The innermost operation that is not finite though what it works on is."""
        parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        parts = node.args if isinstance(node, ast.Call) else parts
        for part in parts:
            if found := culprit(part):
                return found
        values = [value(part) for part in parts]
        made = parts and all(map(math.isfinite, values)) and not math.isfinite(value(node))
        return (node, values) if made else None

    if step.more.get("opaque"):
        return ""
    found = culprit(step.formula.at(point, step.names).tree)
    if not found:
        return ""
    rule, remedy = _rule(problem, *found)
    return f"{rule}. {step.more.get('remedy', remedy)}"


def _rule(problem: Problem, node: ast.expr, values: list[float]) -> tuple[str, str]:
    """The rule by which an operation on these numbers is not finite, and a remedy."""
    numbers = [f"{x:.4g}" for x in values]
    smaller = _smaller(problem)
    match node:
        case ast.Call(func=ast.Name(id="log" | "log1p" as function)):
            inside = f"1 + {numbers[0]}" if function == "log1p" else numbers[0]
            zero = values[0] == (0 if function == "log" else -1)
            told = "is -inf" if zero else "does not exist"
            return f"log({inside}) {told}", "Keep what the logarithm is taken of above 0"
        case ast.Call(func=ast.Name(id="sqrt")):
            return f"sqrt({numbers[0]}) does not exist", "Keep it at 0 or above"
        case ast.Call(func=ast.Name(id="exp" | "expm1")):
            limit = f"{math.log(np.finfo(problem.dtype).max):.4g}"
            told = f"as {problem.dtype} holds no exponential of more than {limit}"
            return f"exp({numbers[0]}) overflows, {told}", smaller
        case ast.BinOp(op=ast.Div()) if values[1] == 0:
            told = "does not exist" if values[0] == 0 else "is infinite"
            return f"{' / '.join(numbers)} {told}", "Keep the divisor away from 0"
        case ast.BinOp(op=ast.Pow()) if values[0] == 0:
            return f"{' ** '.join(numbers)} is infinite", "Keep the number away from 0"
        case ast.BinOp(op=op):
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}.get(type(op), "**")
            told = f"{numbers[0]} {sign} {numbers[1]}"
        case _:
            told = "the sum"
    return (
        f"{told} overflows, as {problem.dtype} ends at {np.finfo(problem.dtype).max:.2g}",
        smaller,
    )


def _smaller(problem: Problem) -> str:
    if problem.dtype == np.float32:
        return "Compute in float64, or scale the numbers down"
    return "Scale the numbers down"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
