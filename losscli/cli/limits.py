"""Checks on a value for scripts: --max, --expect and --tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from losscli.cli import numbers
from losscli.cli.exits import CheckFailed
from losscli.errors import UsageError, count_of, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECKS = "Checks"
TOLERANCE = 1e-6

Max = Annotated[
    str | None,
    typer.Option(
        "--max",
        metavar="X",
        help="leave with 1 if the value is above X",
        rich_help_panel=CHECKS,
    ),
]
Expect = Annotated[
    str | None,
    typer.Option(metavar="X", help="leave with 1 if it is not X", rich_help_panel=CHECKS),
]
Tolerance = Annotated[
    str | None,
    typer.Option(
        metavar="T",
        help="how far from X it may be: T, or T times |X| if that is more [default 1e-6]",
        rich_help_panel=CHECKS,
    ),
]


class Limits(NamedTuple):
    """What a value must be."""

    most: float | None
    expected: float | None
    tolerance: float

    @property
    def given(self) -> bool:
        """Whether anything is to be checked."""
        return self.most is not None or self.expected is not None

    def check(self, loss: str, value: Any) -> None:
        """CheckFailed unless the value, or every value, is what it must be."""
        if self.most is not None:
            _check_limit(loss, value, self.most)
        if self.expected is not None:
            _check_expected(loss, value, self.expected, self.tolerance)


def read_limits(most: str | None, expect: str | None, tolerance: str | None) -> Limits:
    """The limits as they were typed, checked."""
    limit = None if most is None else numbers.real("--max", most)
    expected = None if expect is None else numbers.real("--expect", expect)
    return Limits(limit, expected, _tolerance(tolerance, expected))


def refuse_value_options(why: str, form: str | None, limits: Limits) -> None:
    """UsageError where options ask for a value that is not printed."""
    if limits.given:
        raise UsageError(f"{why}, not a value; --max and --expect go with losscli merge.")
    if form not in (None, "json"):
        raise UsageError(f"{why}, which is JSON; --format {form} cannot hold it.")


def _tolerance(text: str | None, expected: float | None) -> float:
    if text is None:
        return TOLERANCE
    if expected is None:
        raise UsageError("--tolerance goes with --expect.")
    allowed = numbers.real("--tolerance", text)
    if not allowed >= 0:
        raise UsageError(f"--tolerance is {text}; it must be at least 0.")
    return allowed


def _check_limit(loss: str, value: Any, limit: float) -> None:
    """CheckFailed unless every value is at most `limit`; NaN is not."""
    values = _exact(value)
    _fail_where(~(values <= limit), loss, values, f"--max allows {limit!r}")


def _check_expected(loss: str, value: Any, expected: float, tolerance: float) -> None:
    """CheckFailed unless every value is within the tolerance of `expected`; NaN equals NaN."""
    import numpy as np

    values = _exact(value)
    allowed = tolerance * max(1.0, abs(expected))
    same = (values == expected) | (np.isnan(values) & np.isnan(expected))
    if np.isfinite(expected):
        same |= np.abs(values - expected) <= allowed
    _fail_where(~same, loss, values, f"--expect wants {expected!r} within {allowed:g}")


def _exact(value: Any) -> NDArray[Any]:
    """The values as float64, so that a limit is not rounded to float32."""
    import numpy as np

    return np.asarray(value, np.float64)


def _fail_where(failed: NDArray[Any], loss: str, values: NDArray[Any], why: str) -> None:
    import numpy as np

    if not failed.any():
        return
    first = tuple(int(i) for i in np.argwhere(failed)[0])
    count = f" ({int(failed.sum())} of {count_of(failed.size, 'value')})" if values.ndim else ""
    raise CheckFailed(f"{place(loss, first)} is {values[first]}; {why}{count}.")
