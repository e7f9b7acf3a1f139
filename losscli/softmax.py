"""The softmax, kept in parts from which nothing has been rounded away."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from losscli.numerics import by_row, places_of, put, room, row_sums
from losscli.parameters import Array


class Softmax(NamedTuple):
    """Rows of scores as exps, one class of each row set apart.

    They are the exps of scores - shift. That of the class set apart is `unit`, the others sum to `rest`:
    its probability is unit / (unit + rest), that of all the others rest / (unit + rest). A confident row's
    rest may be 1e-40, and log1p(rest / unit) is right to the last digit, where log-softmax has 0.
    """

    apart: Array  # (...), the class set apart
    score: Array  # (...), its score
    shift: Array  # (...)
    exps: Array  # (..., C), with 0 at the class set apart
    unit: Array  # (...)
    rest: Array  # (...)

    def surprise(self) -> Array:
        """Minus the log of the probability of the class set apart."""
        found: Array = np.log1p(self.rest / self.unit)
        limit = _limits(self.unit.dtype).unit
        if _least(self.unit) < limit:  # the odds may be infinite
            far = self.unit < limit
            # the class set apart is not the largest, so nothing cancels
            logs = self.shift - self.score + np.log(self.unit + self.rest)
            found[far] = logs[far]
        return found

    def log_of_sum(self) -> Array:
        """The log of the summed exps of the scores."""
        ahead = self.unit >= self.rest
        logs: Array = np.where(
            ahead,
            self.score + np.log1p(self.rest / self.unit),
            self.shift + np.log(self.unit + self.rest),
        )
        return logs

    def probabilities(self) -> Array:
        """The softmax itself, (..., C)."""
        whole = self.unit + self.rest
        p = by_row(np.divide, self.exps, whole)
        put(p, self.apart, self.unit / whole)
        return p


class _Limits(NamedTuple):
    """Where the exps of a type begin to lose what counts."""

    low: float  # scores of labels and largest scores between `low` and `high` need no shift: their odds
    high: float  # do not overflow
    deep: float  # below this largest score, probabilities above the least may have smaller exps
    least: float  # the exps of this are among the least of the normal numbers; below it exp is slow
    nothing: float  # below this exps are 0
    unit: float  # less than the exp of `low`
    rest: float  # underflow may have taken digits from a smaller sum


@cache
def _limits(dtype: np.dtype[Any]) -> _Limits:
    info = np.finfo(dtype)
    bits, tiny, eps = float(np.log(2) * info.maxexp), float(info.tiny), float(info.eps)
    low, deep, least = -bits / 4, float(np.log(eps)), float(np.log(tiny)) + 1
    return _Limits(
        low, bits / 2, deep, least, least + deep - 2, float(np.exp(low) / 2), tiny / eps**2
    )


def softmax_parts(scores: Array, label: Array | None = None) -> Softmax:
    """The parts of a softmax over the last axis, (..., C) with C >= 1.

    Set apart is the class with the largest score, by which all are shifted; or else the `label`, and then
    only those rows are shifted by the largest score whose exps might leave the type's range.
    """
    flat = np.ascontiguousarray(scores.reshape(-1, scores.shape[-1]))
    limits = _limits(flat.dtype)
    if label is None:
        apart = flat.argmax(-1)
        places = places_of(flat, apart)
        score = shift = flat.reshape(-1).take(places)
    else:
        highest = np.maximum.reduce(flat, None, initial=-np.inf)  # this brings all into the cache
        apart = label.ravel()
        places = places_of(flat, apart)
        score = flat.reshape(-1).take(places)
        shift = _shift(flat, score, highest)
    exps, unit = _exps(flat, shift), np.exp(score - shift)
    exps.reshape(-1)[places] = 0
    rest = row_sums(exps)
    if _least(rest) < limits.rest:  # the class set apart is far ahead
        small = rest < limits.rest
        shift = np.where(small, score, shift)
        unit = np.exp(score - shift)
        exps[small] = _tiny_exps(flat[small], score[small])
        exps.reshape(-1)[places] = 0
        rest[small] = row_sums(exps[small])
    shape = scores.shape[:-1]
    return Softmax(
        apart.reshape(shape),
        score.reshape(shape),
        shift.reshape(shape),
        exps.reshape(scores.shape),
        unit.reshape(shape),
        rest.reshape(shape),
    )


def _least(x: Array) -> Any:
    """The smallest number, nan aside."""
    return np.fmin.reduce(x, None, initial=np.inf)


def _shift(flat: Array, score: Array, highest: float) -> Array:
    """What each row (N, C) is shifted by: 0, or its largest score where exps or odds might be lost."""
    low, high, deep, least, *_ = _limits(flat.dtype)
    lowest = np.minimum.reduce(score, initial=np.inf)
    bounded = highest <= high and lowest >= low
    if bounded and (lowest >= deep or _least(flat) >= least):
        return np.zeros(score.shape, score.dtype)
    top = flat.reshape(-1).take(places_of(flat, flat.argmax(-1)))
    fine = (top <= high) & (score >= low)
    doubtful = fine & (top < deep)
    fine[doubtful] = flat[doubtful].min(-1, initial=np.inf) >= least
    shift: Array = np.where(fine, 0, top)
    return shift


def _exps(flat: Array, shift: Array) -> Array:
    """exp(flat - shift) by rows, with 0 for the least of the normal numbers and below."""
    shifted = shift.any()
    z = by_row(np.subtract, flat, shift) if shifted else flat
    exps = z if shifted else room(flat)
    least = _limits(z.dtype).least
    if not _least(z) < least:
        return np.exp(z, out=exps)
    normal = z >= least
    np.exp(np.maximum(z, least, out=exps), out=exps)
    exps *= normal
    return exps


def _tiny_exps(flat: Array, shift: Array) -> Array:
    """exp(flat - shift) by rows, to the last digit, where nearly all underflow."""
    z = by_row(np.subtract, flat, shift)
    above = ~(z < _limits(z.dtype).nothing)
    found: Array = np.exp(z, out=np.zeros_like(z), where=above)
    return found


def log_softmax(scores: Array) -> Array:
    """Log-softmax over the last axis."""
    return log_probabilities(scores, softmax_parts(scores))


def log_probabilities(scores: Array, soft: Softmax) -> Array:
    """The logs of the softmax, from the parts whose class set apart has the largest score."""
    logs = by_row(np.subtract, scores, soft.score)
    return by_row(np.subtract, logs, soft.surprise(), logs)
