"""Reading text, side by side with numpy.loadtxt and with pandas and Polars where they are installed.

    python tests/bench/text.py [MEGABYTES]

A table of ten columns and one of a thousand, each with few digits and with all that a float64 has. All
readers take turns in one process; each figure is the median of several turns. A ratio above 1 says that
losscli is faster. `losscli` is with Polars where that is installed, `without` is without it.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from losscli.files import fast, read

RUNS = 7
MEGABYTES = 50


def tables(folder: Path, size: int) -> Iterator[tuple[str, Path]]:
    """Tables of about `size` bytes, made one after the other."""
    draw = np.random.default_rng(0)
    for width in (10, 1000):
        for name, form in (("6 decimals", "%.6f"), ("17 digits", "%r")):
            rows = draw.standard_normal((100_000 // width, width)).tolist()
            lines = "".join(",".join(form % x for x in row) + "\n" for row in rows).encode()
            path = folder / "x.csv"
            path.write_bytes(lines * max(1, size // len(lines)))
            yield f"{width:,} columns, {name}", path


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


def seconds(what: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median seconds of each, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in what}
    for run in range(RUNS + 1):
        for name, one in what.items():
            start = time.perf_counter()
            one()
            if run:  # the first one warms up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def rows(size: int) -> Iterator[str]:
    """The lines of a table of figures."""
    yield "| table | reader | MB/s | losscli is faster | without Polars it is |"
    yield "|---|---|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as folder:
        for name, path in tables(Path(folder), size):
            taken = seconds(readers(path))
            for reader, one in taken.items():
                speed = path.stat().st_size / one / 1e6
                ratios = (one / taken[ours] for ours in ("losscli", "without"))
                yield (
                    f"| {name} | {reader} | {speed:.0f} | "
                    + " | ".join(f"{ratio:.2f} ×" for ratio in ratios)
                    + " |"
                )


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    size = int(arguments[0]) if arguments else MEGABYTES
    for row in rows(size * 1_000_000):
        print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
