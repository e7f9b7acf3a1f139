"""Gradients checked against central differences.

Rows do not know of one another, so one number of every row is moved at the same time: checking a
million rows by ten classes takes forty runs of the loss. What is compared is each row's own derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.errors import count_of
from losscli.softmax import log_softmax

if TYPE_CHECKING:
    from losscli.engine import Problem
    from losscli.parameters import Array

ROWS, PLACES = 256, 64  # at most so many rows, and so many places of each, evenly spread
STEP = 1e-4
TOLERANCE = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-3}


@dataclass(frozen=True)
class GradientCheck:
    """What came of a check: `worst` is the largest difference, relative to the gradient."""

    loss: str
    checked: int
    kinks: int
    skipped: int  # not finite, so that there is nothing to compare
    wrong: int
    worst: float
    where: str

    @property
    def ok(self) -> bool:
        """Whether every number that was compared agrees."""
        return not self.wrong

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        aside = f"; {self.kinks} at kinks left out" if self.kinks else ""
        aside += f"; {self.skipped} not finite left out" if self.skipped else ""
        if self.ok:
            within = f"{self.worst:.1e} at the worst" if self.worst else "within rounding"
            return (
                f"{self.loss}: the gradient agrees with central differences in "
                f"{count_of(self.checked, 'comparison')}, to {within}{aside}."
            )
        return (
            f"{self.loss}: the gradient differs from central differences in {self.wrong} of "
            f"{count_of(self.checked, 'comparison')}, the most at {self.where}{aside}."
        )


def check(problem: Problem, wrt: Sequence[str] | None, grad_output: Any = None) -> GradientCheck:
    """The gradient of `problem` by each tensor in `wrt`, compared with central differences."""
    tally = _Tally(problem)
    names = problem.wrt(wrt)
    spread = np.unique(np.linspace(0, problem.count - 1, min(problem.count, ROWS)).astype(int))
    rows = [tuple(map(int, np.unravel_index(i, problem.rows))) for i in spread]
    if not rows:
        return tally.result()
    block = problem.take(rows)
    with np.errstate(all="ignore"):
        terms = problem.run(block)
        index: Any = (
            tuple(np.array(axis) for axis in zip(*rows, strict=True)) if rows[0] else (...,)
        )
        share = problem.share_of(problem.share(grad_output), index, terms.divisor)
        found = terms.gradient(share)
        for name in names:
            _check_one(problem, block, name, np.asarray(found[name]()), share, rows, tally)
    return tally.result()


def _check_one(
    problem: Problem,
    block: Mapping[str, Any],
    name: str,
    gradient: Array,
    share: Array,
    rows: Sequence[tuple[int, ...]],
    tally: _Tally,
) -> None:
    rowless = problem.laid[name].rowless
    behind = problem.loss.tensors[name].tensor.behind
    exact = {k: _double(v) for k, v in block.items()}
    given = np.array(exact[name])

    def losses(moved: Array) -> Array:
        at = log_softmax(moved) if behind == "log_softmax" else moved
        each = np.asarray(problem.run({**exact, name: at}, checked=False).values) * share
        return each.sum() if rowless else each

    if rowless and gradient.ndim > given.ndim:
        gradient = gradient.sum(0)
    for place in _places(given.shape if rowless else given.shape[1:]):
        cell: Any = place if rowless else (slice(None), *place)
        for way in (1, 1j) if np.iscomplexobj(problem.tensors[name]) else (1,):
            analytic = (gradient[cell] * np.conj(way)).real.astype(float)
            slopes = _slopes(losses, given, cell, way)
            columns = map(np.atleast_1d, (analytic, *slopes))
            for k, (a, *found) in enumerate(zip(*columns, strict=True)):
                where = (*(() if rowless else rows[k]), *place)
                tally.add(name, where, float(a), *map(float, found))


def _slopes(
    losses: Any, given: Array, cell: Any, way: complex
) -> tuple[Array, Array, Array, Array]:
    """The derivative by Richardson's extrapolation, the slopes to the left and to the right, and how
    far rounding may have thrown them; `way` is 1, or 1j along the imaginary axis."""
    step = STEP * np.maximum(np.abs(given[cell]), 1e-2)
    here = losses(given)

    def at(size: Any) -> Array:
        moved = given.copy()
        moved[cell] = given[cell] + size * way
        found: Array = losses(moved)
        return found

    wide = (at(step) - at(-step)) / (2 * step)
    right, left = (at(step / 2) - here) / (step / 2), (here - at(-step / 2)) / (step / 2)
    narrow = (right + left) / 2
    noise = 32 * np.finfo(np.float64).eps * np.abs(here) / step
    return (4 * narrow - wide) / 3, left, right, noise


def _places(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Places of a row, evenly spread if there are many."""
    size = int(np.prod(shape, dtype=int))
    for i in np.unique(np.linspace(0, size - 1, min(size, PLACES)).astype(int)):
        yield tuple(map(int, np.unravel_index(i, shape)))


def _double(value: Any) -> Any:
    kind = getattr(value, "dtype", None)
    if kind == np.complex64:
        return value.astype(np.complex128)
    return value.astype(np.float64) if kind == np.float32 else value


class _Tally:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tolerance = TOLERANCE[problem.dtype]
        self.checked = self.kinks = self.skipped = self.wrong = 0
        self.worst, self.where = 0.0, ""

    def add(
        self,
        name: str,
        at: tuple[int, ...],
        a: float,
        d: float,
        left: float,
        right: float,
        noise: float,
    ) -> None:
        """One number: the gradient `a`, the central difference `d`, and those to either side."""
        if not (np.isfinite(a) and np.isfinite(d)):
            self.skipped += 1
            return
        scale = max(abs(a), abs(d))
        room = self.tolerance * scale + noise
        if abs(a - d) > room and abs(right - left) > 1e-3 * scale + noise:
            self.kinks += 1
            return
        # where only the curvature jumps, the gradient lies between the slopes of both sides
        low, high = min(left, right, d) - room, max(left, right, d) + room
        error = max(0.0, abs(a - d) - noise) / scale if scale else 0.0
        self.checked += 1
        self.wrong += not low <= a <= high
        if error > self.worst or not self.where:
            place = f"{name}[{', '.join(map(str, at))}]" if at else name
            self.worst, self.where = error, f"{place}: {a:.6g} against {d:.6g}"

    def result(self) -> GradientCheck:
        """What all of it comes to."""
        return GradientCheck(
            self.problem.loss.name,
            self.checked,
            self.kinks,
            self.skipped,
            self.wrong,
            self.worst,
            self.where,
        )
