"""Terms into one number: a small record that adds up in any order.

`Total` is what a part of the rows comes to: the sum of the losses, the numerator and the denominator of
their mean. Totals of parts are merged with `+`; as the sums in them are exact, the same cut into parts
gives the same bits however the parts are grouped. The sum of a part is known to a small fraction of an
ulp, unless a few terms outweigh all others, and a result is rounded once: another cut agrees to an ulp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from losscli.errors import UsageError

LOWEST = 1074  # 2**-1074 is the least float, of which all others are multiples
FEW = 64  # numbers that are added exactly


@dataclass(frozen=True)
class ExactSum:
    """A sum without rounding: a whole number of 2**-1074, and the sum of what is not finite."""

    units: int = 0
    special: float = 0.0

    @classmethod
    def of(cls, value: float) -> ExactSum:
        """The sum of one number."""
        return cls(_units(value)) if math.isfinite(value) else cls(0, value)

    @classmethod
    def of_all(cls, values: Any) -> ExactSum:
        """The sum of an array, in two floats: the second is what the first has lost to rounding."""
        flat = np.ravel(values)
        if flat.dtype.kind != "f":
            flat = flat.astype(np.float64)
        for kind in dict.fromkeys((flat.dtype, np.dtype(np.float64))):
            parts = few_parts(flat.astype(kind, copy=False))
            if math.isfinite(sum(parts)):
                total = math.fsum(parts)
                return cls(_units(total) + _units(math.fsum([*parts, -total])))
        lost = flat[~np.isfinite(flat)]
        if lost.size:
            return cls(0, sum(_floats(lost)))
        return cls(sum(map(_units, flat.tolist())))  # it overflows, though its mean may not

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units, self.special + other.special)

    def __float__(self) -> float:
        """The sum, rounded once."""
        return self.over(ONE)

    def over(self, other: ExactSum) -> float:
        """The quotient of two sums, rounded once, by IEEE 754: 0/0 is nan."""
        if self.special or other.special or not other.units:
            return divide(self._outline, other._outline)
        try:
            return self.units / other.units
        except OverflowError:
            return math.copysign(math.inf, self._outline * other._outline)

    @property
    def _outline(self) -> float:
        """What is not finite, else 1, -1 or 0 by the sign."""
        return self.special or float((self.units > 0) - (self.units < 0))


ONE = ExactSum(1 << LOWEST)


def _units(value: float) -> int:
    """A finite float in units of 2**-1074."""
    above, below = value.as_integer_ratio()  # below is a power of two
    return above << (LOWEST + 1 - below.bit_length())


def few_parts(flat: Any) -> list[float]:
    """About a hundred numbers whose sum is that of all, the rounding errors on the way averaged out."""
    rest: list[float] = []
    width = 16
    if flat.size > 4096 and not _repeats(flat):
        width = 512 if flat.size > 32_768 else 64
    while flat.size > FEW:
        whole = flat.size - flat.size % width
        rest += _floats(flat[whole:])
        # faster than add.reduce, which begins anew for each group
        flat = np.einsum("ij->i", flat[:whole].reshape(-1, width))
        width = 16
    return _floats(flat) + rest


def _repeats(flat: Any) -> bool:
    """Whether some number seems to stand there often: its errors are then alike, and add up."""
    seen = [value for value in _floats(flat[:: flat.size // 16]) if value]
    return len({*seen}) < len(seen)


def _floats(array: Any) -> list[float]:
    floats: list[float] = array.tolist()
    return floats


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
            ExactSum.of(float(rows)) if counts is None else ExactSum.of_all(counts),
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
            return math.nan if math.isnan(self.denominator) else self.numerator.over(self.counted)
        if reduction == "batchmean":
            return self.sum.over(ExactSum.of(float(batch)))
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
