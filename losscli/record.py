"""What a part of the rows comes to, as one line of JSON that merges with those of the other parts.

A `Record` is a total and what it is a total of: the loss, its options, the reduction, the type. Its sums
are written exactly, as whole numbers times a power of two (`0x3p-1` is 1.5), so that records give the
same bits in whatever order and grouping they are merged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.errors import SourceError, UsageError
from losscli.reduction import LOWEST, ExactSum, Total

if TYPE_CHECKING:
    from losscli.engine import Problem

FORMAT = 1  # goes up when a record means something else
SPECIAL = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
SUM = re.compile(r"(-?)0x([0-9a-f]{1,1200})p([+-][0-9]{1,4})")


@dataclass(frozen=True)
class Record:
    """The total of a part; `of` is all that must be the same in every part that it is merged with."""

    of: dict[str, Any]
    batch: int
    total: Total

    def __add__(self, other: Record) -> Record:
        return replace(self, batch=self.batch + other.batch, total=self.total + other.total)

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return str(self.of["loss"])

    @property
    def value(self) -> Any:
        """The result that the rows come to."""
        with np.errstate(over="ignore"):
            return np.dtype(self.of["dtype"]).type(
                self.total.reduce(self.of["reduction"], self.batch)
            )

    @property
    def is_finite(self) -> bool:
        """Whether the loss of every row is finite."""
        return not (self.total.sum.special or self.total.numerator.special)

    @property
    def why_not_finite(self) -> str:
        """Why the result is not finite though the loss of every row is."""
        if self.total.left_out == self.total.rows:
            return "no row counts, and a mean divides 0 by 0"
        if self.of["reduction"] == "mean" and not self.total.denominator:
            return "what the rows count for adds up to 0, and a mean divides by that"
        return "every loss is finite, but their sum overflows"

    def line(self) -> str:
        """The record as a line of JSON."""
        total = self.total
        counts = {"rows": total.rows, "left_out": total.left_out, "batch": self.batch}
        sums = {name: sum_text(getattr(total, attribute)) for name, attribute in SUMS.items()}
        return json.dumps({"format": FORMAT, **self.of, **counts, **sums}, allow_nan=False)


SUMS = {"sum": "sum", "numerator": "numerator", "denominator": "counted"}
COUNTS = ("rows", "left_out", "batch")


def record_of(problem: Problem, total: Total | None = None) -> Record:
    """The record of a problem's rows; of some of them where the total is given."""
    refuse_none(problem)
    of = {
        "loss": problem.loss.name,
        "reduction": problem.reduction,
        "dtype": problem.dtype.name,
        "options": {name: _plain(value) for name, value in problem.options.items()},
        "shared": _shared(problem),
    }
    return Record(of, problem.batch, problem.total if total is None else total)


def refuse_none(problem: Problem) -> None:
    """UsageError where there is no one value to which parts could add up."""
    if problem.reduction == "none":
        raise UsageError(
            f"{problem.loss.name}: reduction none gives a value for each row, so parts have nothing to "
            "add up; join their outputs instead."
        )


def merged(records: Iterable[tuple[str, Record]]) -> Record:
    """Records, each with where it is from, added up; UsageError where two are not of the same."""
    whole: Record | None = None
    first = ""
    for origin, record in records:
        if whole is None:
            whole, first = record, origin
            continue
        _refuse_other(first, whole.of, origin, record.of)
        whole += record
    if whole is None:
        raise UsageError("there is no record to merge.")
    return whole


def read_record(text: str, origin: str) -> Record:
    """The record in a line of JSON; SourceError where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "format" not in found:
        raise SourceError(f"{origin} is no record of losscli compute --partial.")
    version = found.pop("format")
    if version != FORMAT:
        raise SourceError(
            f"{origin} is a record of format {version!r}; this losscli reads format {FORMAT}. "
            "Make it again with this one."
        )
    try:
        counts = {name: _count(found.pop(name)) for name in COUNTS}
        sums = {name: read_sum(found.pop(name)) for name in SUMS}
        _check(found)
        _check_counts(counts, float(sums["denominator"]), weighted="weight" in found["shared"])
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{origin} is a damaged record: {_problem(error)}.") from None
    total = Total(
        counts["rows"],
        counts["left_out"],
        False,
        sums["sum"],
        sums["numerator"],
        sums["denominator"],
    )
    return Record(found, counts["batch"], total)


def sum_text(total: ExactSum) -> str:
    """A sum as a text that says it exactly."""
    if total.special:
        return next((t for t, v in SPECIAL.items() if v == total.special), "NaN")
    odd = total.units
    zeros = (odd & -odd).bit_length() - 1 if odd else LOWEST
    return f"{odd >> zeros:#x}p{zeros - LOWEST:+d}"


def read_sum(text: str) -> ExactSum:
    """The sum that a text says."""
    if text in SPECIAL:
        return ExactSum(0, SPECIAL[text])
    found = SUM.fullmatch(text)
    if not found or int(found[3]) < -LOWEST:
        raise ValueError(f"{text[:40]!r} is not a sum")
    units = int(found[2], 16) << (int(found[3]) + LOWEST)
    return ExactSum(-units if found[1] else units)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _check_counts(counts: dict[str, int], denominator: float, *, weighted: bool) -> None:
    """ValueError where no rows come to these counts; without class weights a row counts for 0 or 1."""
    rows, left_out = counts["rows"], counts["left_out"]
    if left_out > rows:
        raise ValueError(f"left_out is {left_out}, of {rows} rows")
    if not (weighted or 0 <= denominator <= rows):
        raise ValueError(f"denominator is {denominator:g}, of {rows} rows without weights")


def _check(of: dict[str, Any]) -> None:
    """ValueError unless this is what a record may be of."""
    names = ("loss", "reduction", "dtype", "options", "shared")
    kinds = {"options": dict, "shared": dict}
    for name in names:
        if not isinstance(of[name], kinds.get(name, str)):
            raise ValueError(f"{name} is {of[name]!r}")
    if of["reduction"] not in ("mean", "sum", "batchmean"):
        raise ValueError(f"there is no reduction {of['reduction']!r}")
    if of["dtype"] not in ("float32", "float64"):
        raise ValueError(f"there is no dtype {of['dtype']!r}")
    if more := of.keys() - {*names}:
        raise ValueError(f"there is no {min(more)!r} in a record")


def _problem(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _plain(value: Any) -> Any:
    """An option as JSON can hold it: infinity as a text, a function by its name."""
    if callable(value):
        return f"{value.__module__}:{value.__qualname__}"
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _shared(problem: Problem) -> dict[str, Any]:
    """What must be the same for all rows: how many classes, and the factors that have no rows."""
    shared: dict[str, Any] = {}
    for name, one in problem.laid.items():
        factors = not problem.loss.tensors[name].required
        if factors and (one.rowless or len(one.rows) < len(problem.rows)):
            numbers = np.asarray(one.array, np.result_type(one.array.dtype, np.float64))
            shared[name] = hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
        sizes = dict(zip(one.letters, one.inner, strict=True))
        if "C" in sizes and not one.rowless:
            shared["classes"] = max(sizes["C"], shared.get("classes", 0))
    return shared


def _refuse_other(first: str, one: dict[str, Any], origin: str, other: dict[str, Any]) -> None:
    """UsageError unless two records are of the same."""
    for name, (mine, its) in _flat(one, other).items():
        if mine != its:
            raise UsageError(
                f"{first} is of {_said(name, mine)}, but {origin} of {_said(name, its)}; "
                "only records of the same add up."
            )


def _flat(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What stands at each name in two records, options and shared tensors by their own names."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in one:
        if isinstance(one[name], dict):
            found |= _flat(
                {key: one[name].get(key) for key in {**one[name], **other[name]}}, other[name]
            )
        else:
            found[name] = one[name], other.get(name)
    return found


def _said(name: str, value: Any) -> str:
    return f"{'no ' + name if value is None else name + ' ' + str(value)}"
