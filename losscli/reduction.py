"""Terms into one number: a small record that adds up in any order.

`Total` is what a part of the rows comes to: the sum of the losses, the numerator and the denominator of
their mean. Totals of parts are merged with `+`; as the sums in them are exact, the same cut into parts
gives the same bits however the parts are grouped. The sum of a part is known to a small fraction of an
ulp, unless a few terms outweigh all others, and a result is rounded once: another cut agrees to an ulp.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from losscli.errors import UsageError
from losscli.products import Products

LOWEST = 1074  # 2**-1074 is the least float, of which all others are multiples
MANY = 64  # arrays that wait before their numbers are added up
# Numbers are added up in groups, whose sums are then added exactly. The groups are short for the sake of
# equal numbers, whose rounding errors do not cancel.
GROUP_BYTES = 256
PRODUCTS_BYTES = 512  # BLAS keeps more partial sums than NumPy, on most machines
FEW = 1024  # up to so many numbers are all added exactly
FEW_PRODUCTS = 4096  # up to so many are written down
LEFT = 0.49  # of the largest of several sums so much must be left, or their terms are written down


class ExactSum:
    """A sum without rounding: a whole number of 2**-1074, and the sum of what is not finite.

    Arrays of finite numbers wait until there are many, as adding exactly has a price for each call.
    """

    __slots__ = ("_units", "_waiting", "special")

    def __init__(self, units: int = 0, special: float = 0.0) -> None:
        self._units = units
        self._waiting: list[Any] = []
        self.special = special

    @classmethod
    def of(cls, value: float) -> ExactSum:
        """The sum of one number."""
        return cls.of_all(np.array([value], np.float64))

    @classmethod
    def of_all(cls, values: Any) -> ExactSum:
        """The sum of an array or of `Products`."""
        total = cls()
        total.add(values)
        return total

    def add(self, values: Any) -> None:
        """Add an array or `Products`, whose numbers are added up in groups, and those exactly."""
        if isinstance(values, Products):
            if values.size > FEW_PRODUCTS:
                parts = [_grouped_product(*product) for product in values.products]
                if _stand_alone(parts):
                    values.finite = True
                    self._wait(parts)
                    return
            values = values.each()
        flat = values.ravel()
        if flat.dtype.kind != "f":
            flat = flat.astype(np.float64)
        for kind in (flat.dtype, np.float64):
            sums = grouped(flat.astype(kind, copy=False))
            if _all_finite(sums):
                self._wait([sums])
                return
        lost = flat[~np.isfinite(flat)]
        if lost.size:
            self.special += sum(lost.tolist())
        else:  # a sum that overflows, though the mean may not
            self._wait([flat.copy()])

    @property
    def units(self) -> int:
        """What is finite, in units of 2**-1074."""
        self._add_up()
        return self._units

    def _add_up(self) -> None:
        """Add up what waits."""
        if self._waiting:
            self._units += _units(np.concatenate(self._waiting, dtype=np.float64))
            self._waiting = []

    def _wait(self, arrays: list[Any]) -> None:
        """Let arrays of finite numbers wait."""
        self._waiting += arrays
        if len(self._waiting) >= MANY:
            self._add_up()

    def __iadd__(self, other: ExactSum) -> ExactSum:
        self._units += other._units
        self.special += other.special
        self._wait(other._waiting)
        return self

    def __add__(self, other: ExactSum) -> ExactSum:
        both = ExactSum()
        both += self
        both += other
        return both

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


def _units(numbers: Any) -> int:
    """The exact sum of finite numbers, in units of 2**-1074; the array is used up.

    Of all numbers the leading digits are split off that a float can add up without rounding, then the
    next ones, until nothing is left: Rump, Ogita and Oishi, "Accurate floating-point summation", 2008.
    """
    total = 0
    while largest := float(max(numbers.max(initial=0), -numbers.min(initial=0))):
        _, exponent = math.frexp(largest)
        exponent += numbers.size.bit_length()
        if exponent > 1023:  # too large for a float; the large ones are added up as smaller ones
            big = np.abs(numbers) > 1
            total += _units(numbers[big] * 2.0**-512) << 512
            numbers = numbers[~big]
            continue
        above = math.ldexp(1.0, max(exponent, -1022))  # above any sum of them
        digits = numbers + above
        digits -= above
        numbers -= digits
        top, bottom = float(digits.sum()).as_integer_ratio()
        total += (top << LOWEST) // bottom
    return total


def grouped(flat: Any) -> Any:
    """Fewer numbers with the same sum, in an array of their own; few numbers as they are."""
    if flat.size <= FEW:
        return flat.copy()
    width = GROUP_BYTES // flat.itemsize
    whole = flat.size - flat.size % width
    # faster than add.reduce, which begins anew for each group
    groups = np.einsum("ij->i", flat[:whole].reshape(-1, width))
    return groups if whole == flat.size else np.concatenate([groups, flat[whole:]])


def _grouped_product(k: float, x: Any, y: Any = None) -> Any:
    """Fewer numbers with the sum of k x y, in an array of their own; of k x, where y is None."""
    x = x.ravel()
    groups = grouped(x) if y is None else _dots(x, y.ravel())
    return groups if k == 1 else k * groups


def _dots(x: Any, y: Any) -> Any:
    """The dot products of groups of two arrays."""
    width = PRODUCTS_BYTES // x.itemsize
    whole = x.size - x.size % width
    groups = np.vecdot(*(z[:whole].reshape(-1, width) for z in (x, y)))
    if whole < x.size:
        groups = np.concatenate([groups, x[whole:] * y[whole:]])
    return groups


def _stand_alone(parts: Sequence[Any]) -> bool:
    """Whether arrays are finite, and their sums cancel so little that rounding errors stay where they are."""
    sums = [float(np.einsum("i->", part)) for part in parts]
    whole = sum(sums)
    return math.isfinite(whole) and abs(whole) >= LEFT * max(map(abs, sums))


def _all_finite(numbers: Any) -> bool:
    """Whether all are finite, and their sum as well; einsum does not warn where it is not."""
    return math.isfinite(np.einsum("i->", numbers))


@dataclass(slots=True)
class Total:
    """What some of the rows come to: `rows` of them, of which `left_out` count for nothing in a mean."""

    rows: int = 0
    left_out: int = 0
    uneven: bool = False  # whether some row counts for anything but 1
    sum: ExactSum = field(default_factory=ExactSum)
    quotients: ExactSum | None = None  # of losses and their divisors; None: no row has one
    weights: ExactSum | None = None  # None: each row counts for 1

    def count(self, values: Any, counts: Any = None, divisor: Any = None) -> None:
        """Count a block of terms in."""
        if counts is divisor is self.weights is self.quotients is None:
            self.rows += values.size
            self.sum.add(values)
        else:
            self += Total.of(values, counts, divisor)

    @classmethod
    def of(cls, values: Any, counts: Any = None, divisor: Any = None) -> Total:
        """The total of a block of terms."""
        total = cls(values.size, sum=ExactSum.of_all(values))
        if counts is not None:
            total.left_out = total.rows - int(np.count_nonzero(counts))
            total.uneven = bool((counts != 1).any())
            total.weights = ExactSum.of_all(counts)
        if divisor is not None:
            total.quotients = ExactSum.of_all(values / divisor)
        return total

    def __iadd__(self, other: Total) -> Total:
        if self.quotients is not None or other.quotients is not None:
            self.quotients = self.numerator + other.numerator
        if self.weights is not None or other.weights is not None:
            self.weights = self.counted + other.counted
        self.sum += other.sum
        self.rows += other.rows
        self.left_out += other.left_out
        self.uneven |= other.uneven
        return self

    def __add__(self, other: Total) -> Total:
        both = Total()
        both += self
        both += other
        return both

    @property
    def numerator(self) -> ExactSum:
        """What a mean divides."""
        return self.sum if self.quotients is None else self.quotients

    @property
    def counted(self) -> ExactSum:
        """What the rows count for in a mean."""
        return ExactSum(self.rows << LOWEST) if self.weights is None else self.weights

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


def added(totals: Iterable[Total]) -> Total:
    """The total of all."""
    whole = Total()
    for total in totals:
        whole += total
    return whole


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
