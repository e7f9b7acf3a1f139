"""Terms into one number: a small record that adds up in any order.

`Total` is what a part of the rows comes to: the sum of the losses, the numerator and the denominator of
their mean. Totals of parts are merged with `+`; as the sums in them are exact expansions (Shewchuk
1997), the same cut into parts gives the same bits however the parts are grouped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from losscli.errors import UsageError
from losscli.numerics import room

COLUMNS = 2048  # sums side by side


@dataclass(frozen=True)
class ExactSum:
    """A sum without rounding: floats that do not overlap, and the sum of what is not finite.

    A sum that overflows, though its mean may not, goes on in units of 2**64.
    """

    parts: tuple[float, ...] = ()
    special: float = 0.0
    shift: int = 0  # the parts are in units of 2**shift, 0 or SHIFT

    SHIFT: ClassVar[int] = 64

    @classmethod
    def of(cls, value: float) -> ExactSum:
        """The sum of one number."""
        return cls((value,)) if math.isfinite(value) else cls((), value)

    @classmethod
    def of_all(cls, values: Any) -> ExactSum:
        """The sum of an array, pairwise."""
        total = pairwise(values)
        if math.isfinite(total) or not np.isfinite(values).all():
            return cls.of(total)
        wide = np.asarray(values, np.float64)
        total = pairwise(wide)
        if math.isfinite(total):
            return cls.of(total)
        return cls((pairwise(np.ldexp(wide, -cls.SHIFT)),), 0.0, cls.SHIFT)

    def __add__(self, other: ExactSum) -> ExactSum:
        if self.shift != other.shift:
            return self._shifted() + other._shifted()
        parts = list(self.parts)
        for x in other.parts:
            kept = []
            for y in parts:
                if abs(x) < abs(y):
                    x, y = y, x
                high = x + y
                if math.isinf(high):
                    return self._shifted() + other._shifted()
                low = y - (high - x)
                if low:
                    kept.append(low)
                x = high
            parts = [*kept, x]
        return ExactSum(tuple(parts), self.special + other.special, self.shift)

    def __float__(self) -> float:
        """The sum, rounded once."""
        return self.over(1.0)

    def over(self, denominator: float) -> float:
        """The sum divided by a number, by IEEE 754: 0/0 is nan."""
        if self.special:
            return divide(self.special, denominator)
        with np.errstate(over="ignore"):
            return float(np.ldexp(divide(math.fsum(self.parts), denominator), self.shift))

    def _shifted(self) -> ExactSum:
        if self.shift:
            return self
        parts = tuple(math.ldexp(part, -self.SHIFT) for part in self.parts)
        return ExactSum(parts, self.special, self.SHIFT)


def pairwise(values: Any) -> float:
    """The sum of an array, pairwise; of a large one as many sums side by side first, which is faster."""
    flat = np.ravel(values)
    rows = flat.size // COLUMNS
    if rows < 8 or flat.dtype.kind != "f":
        return float(np.add.reduce(flat))
    rest = flat[rows * COLUMNS :]
    sums = room(flat[:COLUMNS])
    np.add.reduce(flat[: rows * COLUMNS].reshape(rows, COLUMNS), 0, out=sums)
    sums[: rest.size] += rest
    return float(np.add.reduce(sums))


NOTHING = ExactSum()


@dataclass(frozen=True)
class Total:
    """What some of the rows come to: `rows` of them, of which `left_out` count for nothing in a mean."""

    rows: int = 0
    left_out: int = 0
    uneven: bool = False  # whether some row counts for anything but 1
    sum: ExactSum = NOTHING
    numerator: ExactSum = NOTHING  # the same object where no row has a divisor
    counted: ExactSum = NOTHING

    @classmethod
    def of(cls, values: Any, counts: Any = None, divisor: Any = None) -> Total:
        """The total of a block of terms."""
        rows = int(np.size(values))
        total = ExactSum.of_all(values)
        return cls(
            rows,
            0 if counts is None else rows - int(np.count_nonzero(counts)),
            counts is not None and bool((np.asarray(counts) != 1).any()),
            total,
            total if divisor is None else ExactSum.of_all(values / divisor),
            ExactSum.of(float(rows) if counts is None else pairwise(counts)),
        )

    def __add__(self, other: Total) -> Total:
        total = self.sum + other.sum
        alike = self.numerator is self.sum and other.numerator is other.sum
        return Total(
            self.rows + other.rows,
            self.left_out + other.left_out,
            self.uneven or other.uneven,
            total,
            total if alike else self.numerator + other.numerator,
            self.counted + other.counted,
        )

    @property
    def denominator(self) -> float:
        """What a mean divides by: nan where nothing counts, and yet there is something to divide.

        Only smoothed losses are so. PyTorch divides their two parts one by one, and one is 0/0.
        """
        nothing = self.left_out == self.rows
        return math.nan if nothing and float(self.numerator) else float(self.counted)

    def reduce(self, reduction: str, batch: int) -> float:
        """The result: by `sum`, `mean`, or `batchmean`, which divides by the length of the batch."""
        if reduction == "sum":
            return float(self.sum)
        if reduction == "mean":
            return self.numerator.over(self.denominator)
        if reduction == "batchmean":
            return self.sum.over(float(batch))
        raise UsageError(f"there is no reduction {reduction!r}.")


def divide(numerator: float, denominator: float) -> float:
    """The quotient by IEEE 754: 0/0 is nan."""
    with np.errstate(all="ignore"):
        return float(np.float64(numerator) / np.float64(denominator))


def legacy(size_average: bool | None, reduce: bool | None) -> str | None:
    """The reduction that PyTorch's deprecated flags ask for, or None where neither is given."""
    if size_average is None and reduce is None:
        return None
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"
