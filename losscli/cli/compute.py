"""`losscli compute LOSS`: the value, and checks on it for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from losscli.cli import numbers
from losscli.cli.deliver import delivery
from losscli.cli.exits import CheckFailed
from losscli.cli.group import LossGroup
from losscli.cli.inputs import gather
from losscli.cli.options import Request
from losscli.cli.progress import watched
from losscli.errors import UsageError, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECKS = "Checks"
TOLERANCE = 1e-6


def command() -> LossGroup:
    """The verb with its losses."""
    return LossGroup(compute)


def compute(
    request: Request,
    *,
    form: Annotated[
        Literal["text", "json", "yaml", "csv", "npy"] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text, json, yaml, csv or npy [default text, or by --output]",
        ),
    ] = None,
    max_: Annotated[
        str | None,
        typer.Option(
            "--max",
            metavar="X",
            help="leave with 1 if the value is above X",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(metavar="X", help="leave with 1 if it is not X", rich_help_panel=CHECKS),
    ] = None,
    tolerance: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="how far from X it may be: T, or T times |X| if that is more [default 1e-6]",
            rich_help_panel=CHECKS,
        ),
    ] = None,
) -> None:
    """Compute a loss and print its value."""
    limit = None if max_ is None else numbers.real("--max", max_)
    expected = None if expect is None else numbers.real("--expect", expect)
    allowed = _tolerance(tolerance, expected)
    problem = gather(request).problem
    with delivery(problem, form, request.common) as deliver:
        with watched(problem, request.common):
            value = problem.value()
        for warning in problem.warnings:
            request.talk.warn(warning)
        deliver(value)
    if limit is not None:
        _check_limit(request.loss.name, value, limit)
    if expected is not None:
        _check_expected(request.loss.name, value, expected, allowed)


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
    count = f" ({int(failed.sum())} of {failed.size} values)" if values.ndim else ""
    raise CheckFailed(f"{place(loss, first)} is {values[first]}; {why}{count}.")
