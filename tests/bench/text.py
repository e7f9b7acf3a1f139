"""Reading text, side by side with numpy.loadtxt and with pandas and Polars where they are installed.

A table of ten columns and one of a thousand, each with few digits and with all that a float64 has. All
readers take turns in one process; each figure is the median of several turns. A ratio above 1 says that
losscli is faster. `losscli` is with Polars where that is installed, `without` is without it. At last a
table ten times as large, for those that are quick, and whole processes from it.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from timing import RUNS, in_turn, processes, seconds

from losscli.files import fast, read

MEGABYTES = 100
TABLE = "x.csv"
SLOW = ("without", "numpy.loadtxt")
LARGEST = "10 columns, 6 decimals, 10 × as large"


def tables(folder: Path, size: int) -> Iterator[tuple[str, dict[str, Callable[[], Any]]]]:
    """Tables of about `size` bytes and one of ten times as many, one after the other, and who reads them."""
    for width in (10, 1000):
        for name, form in (("6 decimals", "%.6f"), ("17 digits", "%r")):
            yield f"{width:,} columns, {name}", readers(table(folder, width, form, size))
    quick = readers(table(folder, 10, "%.6f", 10 * size))
    yield LARGEST, {who: one for who, one in quick.items() if who not in SLOW}


def table(folder: Path, width: int, form: str, size: int) -> Path:
    """A table of random numbers."""
    rows = np.random.default_rng(0).standard_normal((100_000 // width, width)).tolist()
    lines = "".join(",".join(form % x for x in row) + "\n" for row in rows).encode()
    path = folder / TABLE
    with path.open("wb") as file:
        for _ in range(max(1, size // len(lines))):
            file.write(lines)
    return path


def readers(path: Path) -> dict[str, Callable[[], Any]]:
    """Who can read it."""
    found: dict[str, Callable[[], Any]] = {
        "losscli": lambda: read(str(path), label="table"),
        "without": lambda: _without_polars(path),
        "numpy.loadtxt": lambda: np.loadtxt(path, delimiter=","),
    }
    if importlib.util.find_spec("pandas"):
        import pandas

        found["pandas"] = lambda: pandas.read_csv(path, header=None, engine="c").to_numpy()
    if fast.is_there():
        import polars

        found["Polars"] = lambda: polars.read_csv(path, has_header=False).to_numpy()
    return found


def _without_polars(path: Path) -> Any:
    is_there = fast.is_there
    fast.is_there = lambda: False  # type: ignore[assignment]
    try:
        return read(str(path), label="table")
    finally:
        fast.is_there = is_there


def rows(folder: Path, size: int) -> Iterator[str]:
    """The lines of a table of figures."""
    yield "| table | reader | MB/s | losscli is faster | without Polars it is |"
    yield "|---|---|--:|--:|--:|"
    for name, read_by in tables(folder, size):
        # the largest moves gigabytes of memory, and so is at the mercy of a virtual machine's host
        taken = in_turn(read_by, 2 * RUNS + 1 if name == LARGEST else RUNS)
        for reader, one in taken.items():
            speed = (folder / TABLE).stat().st_size / one / 1e6
            ratios = (
                f"{one / taken[ours]:.2f} ×" if ours in taken else ""
                for ours in ("losscli", "without")
            )
            yield f"| {name} | {reader} | {speed:.0f} | {' | '.join(ratios)} |"


def whole(folder: Path) -> Iterator[str]:
    """From the largest table to a loss, as whole processes."""
    if not importlib.util.find_spec("pandas"):
        return
    yield ""
    yield "| mse, whole process | losscli | pandas and NumPy | ratio |"
    yield "|---|--:|--:|--:|"
    for what, input, target, columns, residual in (
        ("ten columns beside 0", TABLE, "0", "None", "x"),
        ("one column beside another", f"{TABLE}#0", f"{TABLE}#1", "[0, 1]", "x[:, 0] - x[:, 1]"),
    ):
        code = (
            f"import pandas; x = pandas.read_csv('{TABLE}', header=None, usecols={columns}).to_numpy()\n"
            f"print((({residual}) ** 2).mean())"
        )
        words = ["-m", "losscli", "compute", "mse", "--input", input, "--target", target]
        commands = {"ours": [sys.executable, *words], "theirs": [sys.executable, "-c", code]}
        taken = processes(commands, folder)
        times = " | ".join(map(seconds, taken.values()))
        yield f"| {what} | {times} | {taken['theirs'] / taken['ours']:.2f} × |"


def section() -> list[str]:
    """The tables of figures."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row in chain(rows(folder, MEGABYTES * 1_000_000), whole(folder)):
            print(row, flush=True)
            found.append(row)
    return found
