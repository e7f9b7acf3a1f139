"""The softmax, kept in parts from which nothing has been rounded away."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from losscli.numerics import pick, put, row_sums
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
        far = self.unit < np.ldexp(0.5, -(np.finfo(self.unit.dtype).maxexp // 4))
        if far.any():  # the odds may be infinite; this class is not the largest, so nothing cancels
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
        p: Array = self.exps / whole[..., None]
        put(p, self.apart, self.unit / whole)
        return p


def softmax_parts(scores: Array, label: Array | None = None) -> Softmax:
    """The parts of a softmax over the last axis, (..., C) with C >= 1.

    Set apart is the class with the largest score, by which all are shifted; or else the `label`, and then
    only those rows are shifted by the largest score whose exps might leave the type's range.
    """
    flat = np.ascontiguousarray(scores.reshape(-1, scores.shape[-1]))
    apart = flat.argmax(-1) if label is None else label.ravel()
    score = pick(flat, apart)
    shift = score if label is None else _shift(flat, score)
    exps = _exps(flat, shift)
    unit, rest = _set_apart(exps, apart)
    info = np.finfo(flat.dtype)
    small = rest < info.tiny / info.eps**2  # underflow may have taken digits from it
    if small.any():  # the class set apart is far ahead
        shift = np.where(small, score, shift)
        again = _tiny_exps(flat[small], score[small])
        unit[small], rest[small] = _set_apart(again, apart[small])
        exps[small] = again
    shape = scores.shape[:-1]
    return Softmax(
        apart.reshape(shape),
        score.reshape(shape),
        shift.reshape(shape),
        exps.reshape(scores.shape),
        unit.reshape(shape),
        rest.reshape(shape),
    )


def _shift(flat: Array, score: Array) -> Array:
    """What each row (N, C) is shifted by: 0, or its largest score where exps or odds might leave the range."""
    info = np.finfo(flat.dtype)
    bits = np.log(2.0) * info.maxexp
    low, high, lost = -bits / 4, bits / 2, np.log(info.eps)
    least = score.min(initial=np.inf)
    if flat.max(initial=-np.inf) <= high and least >= low:
        if least >= lost or np.fmin.reduce(flat, axis=None) >= _least(flat):
            return np.zeros_like(score)
    top = pick(flat, flat.argmax(-1))
    fine = (top <= high) & (score >= low)
    deep = fine & (top < lost)  # probabilities above the type's least may have smaller exps
    fine[deep] = flat[deep].min(-1, initial=np.inf) >= _least(flat)
    shift: Array = np.where(fine, 0, top)
    return shift


def _set_apart(exps: Array, apart: Array) -> tuple[Array, Array]:
    """The exp of the class set apart, which becomes 0, and the sum of the others."""
    unit = pick(exps, apart)
    put(exps, apart, 0)
    return unit, row_sums(exps)


def _exps(flat: Array, shift: Array) -> Array:
    """exp(flat - shift) by rows, with 0 for the least of the normal numbers and below, where exp is slow."""
    z = flat - shift[:, None] if shift.any() else flat
    own = None if z is flat else z
    least = _least(z)
    if not np.fmin.reduce(z, axis=None, initial=0) < least:
        found: Array = np.exp(z, out=own)
        return found
    normal = z >= least
    z = np.maximum(z, least, out=own)
    np.exp(z, out=z)
    z *= normal
    return z


def _tiny_exps(flat: Array, shift: Array) -> Array:
    """exp(flat - shift) by rows, to the last digit, where nearly all underflow."""
    z = flat - shift[:, None]
    above = ~(z < _least(z) + np.log(np.finfo(z.dtype).eps) - 2)
    return np.exp(z, out=np.zeros_like(z), where=above)


def _least(x: Array) -> float:
    """The exp of this is among the least of the normal numbers."""
    return float(np.log(np.finfo(x.dtype).tiny)) + 1


def log_softmax(scores: Array) -> Array:
    """Log-softmax over the last axis."""
    return log_probabilities(scores, softmax_parts(scores))


def log_probabilities(scores: Array, soft: Softmax) -> Array:
    """The logs of the softmax, from the parts whose class set apart has the largest score."""
    logs: Array = scores - soft.score[..., None]
    logs -= soft.surprise()[..., None]
    return logs
