"""How the terms become one number: numerator, denominator, why, and each term's share."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from losscli.engine import Problem
from losscli.errors import count_of
from losscli.formula import ROW, Arithmetic, Quantity, evaluate, number, parse, written_out
from losscli.reduction import divide
from losscli.work import Recorder, Terms
from losscli.worked import Line, Worked

WRITTEN_OUT = 24  # so many terms of the final sum are written out
DIVIDED = "sum(l / max(target_lengths, 1))"


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


def row_shares(problem: Problem, terms: Terms) -> tuple[float | None, ...]:
    """Each shown row's part of the sum of all rows, where that makes sense."""
    total = float(problem.total.sum)
    values = np.asarray(terms.values, float).ravel()
    if problem.reduction == "none" or not math.isfinite(total) or total <= 0 or (values < 0).any():
        return tuple(None for _ in values)
    return tuple(float(v) / total for v in values)


def ledger_of(problem: Problem, counts: Any) -> Ledger:
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
    rows = count_of(n, word)
    if problem.reduction == "none":
        each = "the value" if n == 1 else "one value for each"
        return None, None, f"not reduced: {each} of {rows}"
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


def reduction_step(
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


def show_share(
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
