"""Losses to compare with: what the loss itself makes of the guesses that it names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.engine import Problem

if TYPE_CHECKING:
    from losscli.guesses import Guess

FEW = 262_144  # numbers; of more, only guesses that need not look at all of them are made


@dataclass(frozen=True)
class Reference:
    """A loss to compare with: that of a perfect prediction, of a uniform guess."""

    value: float
    name: str


def references(problem: Problem, value: object) -> tuple[Reference, ...]:
    """The losses of the guesses, smallest first; none where the loss is not one finite number."""
    make = problem.loss.rows.guesses
    if make is None or problem.reduction == "none" or not problem.count:
        return ()
    if not math.isfinite(float(value)):  # type: ignore[arg-type]
        return ()
    few = sum(array.size for array in problem.tensors.values()) + problem.count <= FEW
    found: dict[str, Reference] = {}
    with np.errstate(all="ignore"):
        for one in _computed(problem, make(_tensors(problem, few), problem.options, few)):
            found.setdefault(one.name, one)
    return tuple(sorted(found.values(), key=lambda one: one.value))


def _tensors(problem: Problem, few: bool) -> dict[str, np.ndarray]:
    """The tensors; if they are few as arrays, floating-point numbers in the computing type."""

    def as_computed(name: str, array: Any) -> np.ndarray:
        numbers = problem.loss.tensors[name].tensor.holds == "numbers"
        kind = problem.type_of(name) if numbers or array.dtype.kind in "fc" else None
        return np.asarray(array, kind)

    given = problem.tensors.items()
    return {name: as_computed(name, array) if few else array for name, array in given}


def _computed(problem: Problem, guesses: Iterator[Guess]) -> Iterator[Reference]:
    for guess in guesses:
        value = _value(problem, guess)
        if not math.isfinite(value):
            continue
        name = guess.otherwise if guess.otherwise and value else guess.name
        text, number = guess.formula
        near = 8 * float(np.finfo(problem.dtype).eps) * abs(number)
        yield Reference(value, f"{text}, {name}" if text and abs(value - number) <= near else name)


def _value(problem: Problem, guess: Guess) -> float:
    """The loss of a guess, reduced as the problem is; nan where that would not compare."""
    tensors = dict(guess.tensors) if guess.alike else {**problem.tensors, **guess.tensors}
    other = Problem(
        problem.loss,
        tensors,
        problem.options,
        reduction="mean" if guess.alike else problem.reduction,
        dtype=str(problem.dtype),
        threads=problem.threads,
    )
    if not guess.alike:
        if other.rows != problem.rows or other.batch != problem.batch:
            return math.nan
        return float(other.value()) + 0.0
    value = float(other.value()) + 0.0
    return value * float(problem.total.counted) if problem.reduction == "sum" else value
