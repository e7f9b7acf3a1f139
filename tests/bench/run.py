"""losscli beside PyTorch, one thread each, in one process and run; rewrites the table in README.md.

    python tests/bench/run.py [LOSS ...]

Each figure is the median of several runs that alternate between the two, so that a machine whose speed
drifts does not favour either. A ratio above 1 says that losscli is faster.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import losscli

HERE = Path(__file__).parent
MILLION = 1_000_000
RUNS = 5
START, END = "<!-- figures -->", "<!-- end of figures -->"


def problems(
    draw: np.random.Generator, dtype: Any
) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    """Name, size in words, PyTorch's function and the tensors, made one after the other."""

    def normal(*shape: int) -> Any:
        return draw.standard_normal(shape, dtype=dtype)

    def uniform(*shape: int) -> Any:
        return draw.random(shape, dtype=dtype)

    n = 10 * MILLION
    yield "huber", "10 M", F.huber_loss, {"input": normal(n), "target": normal(n)}
    yield (
        "gaussian-nll",
        "10 M",
        F.gaussian_nll_loss,
        {"input": normal(n), "target": normal(n), "var": uniform(n) + dtype(0.1)},
    )
    yield (
        "bce-with-logits",
        "10 M",
        F.binary_cross_entropy_with_logits,
        {"input": normal(n), "target": uniform(n)},
    )
    for rows, classes in ((MILLION, 100), (2000, 32_000)):
        target = draw.integers(0, classes, rows)
        yield (
            "cross-entropy",
            f"{rows:,} × {classes:,}",
            F.cross_entropy,
            {"input": normal(rows, classes), "target": target},
        )
    vectors = {name: normal(100_000, 100) for name in ("anchor", "positive", "negative")}
    yield "triplet-margin", "100,000 × 100", F.triplet_margin_loss, vectors
    scores = normal(500, 32, 64)
    yield (
        "ctc",
        "T 500, N 32, C 64, S 80",
        F.ctc_loss,
        {
            "log_probs": torch.log_softmax(torch.from_numpy(scores), 2).numpy(),
            "targets": draw.integers(1, 64, (32, 80)),
            "input_lengths": np.full(32, 500),
            "target_lengths": np.full(32, 80),
        },
    )


def side_by_side(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """The median seconds of both, run in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        for kept, what in zip(times, (ours, theirs), strict=True):
            start = time.perf_counter()
            what()
            if run:  # the first one warms up
                kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def measure(loss: str, size: str, function: Any, tensors: dict[str, Any]) -> str:
    """One row of the table."""
    given = {name: torch.from_numpy(array) for name, array in tensors.items()}
    first = next(iter(given))

    def value() -> Any:
        with torch.no_grad():
            return function(**given)

    def gradient() -> Any:
        leaf = given[first].detach().requires_grad_()
        function(**{**given, first: leaf}).backward()

    kind = "float32" if tensors[first].dtype == np.float32 else "float64"
    v = side_by_side(lambda: losscli.compute(loss, threads=1, **tensors), value)
    g = side_by_side(lambda: losscli.grad(loss, threads=1, wrt=first, **tensors), gradient)
    return (
        f"| {loss} | {size} | {kind} | {1e3 * v[0]:.0f} ms | {1e3 * v[1]:.0f} ms | {v[1] / v[0]:.2f} × "
        f"| {1e3 * g[0]:.0f} ms | {1e3 * g[1]:.0f} ms | {g[1] / g[0]:.2f} × |"
    )


def main(wanted: list[str]) -> None:
    """Measure and write the table."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (np.float64, np.float32):
        for one in problems(np.random.default_rng(0), dtype):
            if not wanted or one[0] in wanted:
                rows.append(measure(*one))
                print(rows[-1], flush=True)
    if wanted:
        return
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    )
    table = [
        f"{platform.machine()}, {versions}, one thread each, medians of {RUNS} runs.",
        "",
        "| loss | size | type | value | PyTorch | ratio | gradient | PyTorch | ratio |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
        *rows,
    ]
    page = HERE / "README.md"
    before, _, rest = page.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n" + "\n".join(table) + f"\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
