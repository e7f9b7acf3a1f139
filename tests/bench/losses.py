"""Every loss beside PyTorch's: in one process, one thread each, validation and all options in place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from timing import seconds, side_by_side, table

import losscli

MILLION = 1_000_000
HEADS = (
    "loss",
    "size",
    "type",
    "value",
    "PyTorch",
    "ratio",
    "value and gradient",
    "PyTorch",
    "ratio",
)


class Case(NamedTuple):
    """A loss, how large it is in words, PyTorch's function, what makes the tensors, the options."""

    loss: str
    size: str
    function: Callable[..., Any]
    make: Callable[[], dict[str, Any]]
    options: dict[str, Any]


def cases(dtype: Any) -> list[Case]:
    """All that is measured."""
    draw = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return draw.standard_normal(shape, dtype=dtype)

    def uniform(*shape: int) -> Any:
        return draw.random(shape, dtype=dtype)

    def signs(*shape: int) -> Any:
        return (2 * draw.integers(0, 2, shape) - 1).astype(dtype)

    def log_softmax(*shape: int) -> Any:
        return torch.log_softmax(torch.from_numpy(normal(*shape)), -1).numpy()

    n, wide = 10 * MILLION, (100_000, 100)
    large = (20_000 if dtype == np.float32 else 4_000, 32_000)

    def vectors(*names: str) -> dict[str, Any]:
        return {name: normal(*wide) for name in names}

    def two() -> dict[str, Any]:
        return {"input": normal(n), "target": normal(n)}

    def classes(rows: int, count: int, scores: Callable[..., Any] = normal) -> dict[str, Any]:
        return {"input": scores(rows, count), "target": draw.integers(0, count, rows)}

    def labels() -> dict[str, Any]:
        target = np.argsort(uniform(*wide), 1)
        target[:, 5:] = -1
        return {"input": normal(*wide), "target": target}

    makers: list[Any] = [
        ("mse", "10 M", F.mse_loss, two, {}),
        ("l1", "10 M", F.l1_loss, two, {}),
        ("poisson-nll", "10 M", F.poisson_nll_loss, lambda: {"input": normal(n), "target": uniform(n)}, {}),
        ("poisson-nll", "10 M, no log_input", F.poisson_nll_loss,
         lambda: {"input": uniform(n), "target": uniform(n)}, {"log_input": False}),
        ("gaussian-nll", "10 M", F.gaussian_nll_loss, lambda: {**two(), "var": uniform(n) + dtype(0.1)}, {}),
        ("kl-div", "10 M", F.kl_div, lambda: {"input": log_softmax(*wide), "target": uniform(*wide)}, {}),
        ("kl-div", "10 M, log_target", F.kl_div,
         lambda: {"input": log_softmax(*wide), "target": log_softmax(*wide)}, {"log_target": True}),
        ("cosine-embedding", "100,000 × 100", F.cosine_embedding_loss,
         lambda: {**vectors("input1", "input2"), "target": signs(wide[0])}, {}),
        ("triplet-margin", "100,000 × 100", F.triplet_margin_loss,
         lambda: vectors("anchor", "positive", "negative"), {}),
        ("hinge-embedding", "10 M", F.hinge_embedding_loss,
         lambda: {"input": normal(n), "target": signs(n)}, {}),
        ("margin-ranking", "10 M", F.margin_ranking_loss,
         lambda: {"input1": normal(n), "input2": normal(n), "target": signs(n)}, {}),
        ("huber", "10 M", F.huber_loss, two, {}),
        ("smooth-l1", "10 M", F.smooth_l1_loss, two, {}),
        ("bce", "10 M", F.binary_cross_entropy, lambda: {"input": uniform(n), "target": uniform(n)}, {}),
        ("bce-with-logits", "10 M", F.binary_cross_entropy_with_logits,
         lambda: {"input": normal(n), "target": uniform(n)}, {}),
        ("soft-margin", "10 M", F.soft_margin_loss, lambda: {"input": normal(n), "target": signs(n)}, {}),
        ("multi-label-soft-margin", "100,000 × 100", F.multilabel_soft_margin_loss,
         lambda: {"input": normal(*wide), "target": uniform(*wide).round()}, {}),
        ("cross-entropy", "1,000,000 × 100", F.cross_entropy, lambda: classes(MILLION, 100), {}),
        ("cross-entropy", f"{large[0]:,} × 32,000", F.cross_entropy, lambda: classes(*large), {}),
        ("nll", "1,000,000 × 100", F.nll_loss, lambda: classes(MILLION, 100, log_softmax), {}),
        ("multi-margin", "100,000 × 100", F.multi_margin_loss, lambda: classes(*wide), {}),
        ("multi-label-margin", "100,000 × 100", F.multilabel_margin_loss, labels, {}),
        ("ctc", "T 500, N 32, C 64, S 80", F.ctc_loss,
         lambda: {
             "log_probs": log_softmax(500, 32, 64),
             "targets": draw.integers(1, 64, (32, 80)),
             "input_lengths": np.full(32, 500),
             "target_lengths": np.full(32, 80),
         }, {}),
    ]  # fmt: skip
    return [Case(*one) for one in makers]


def measured(place: int, dtype: type) -> list[str]:
    """One row of the table."""
    torch.set_num_threads(1)
    loss, size, function, make, options = cases(dtype)[place]
    tensors = make()
    given = {name: torch.from_numpy(array) for name, array in tensors.items()}
    first = next(iter(given))

    def value() -> Any:
        with torch.no_grad():
            return function(**given, **options)

    def gradient() -> Any:
        leaf = given[first].detach().requires_grad_()
        function(**{**given, first: leaf}, **options).backward()

    ours = {**tensors, **options, "threads": 1}
    v = side_by_side(lambda: losscli.compute(loss, **ours), value)
    g = side_by_side(lambda: losscli.value_and_grad(loss, wrt=first, **ours), gradient)
    kind = "float32" if tensors[first].dtype == np.float32 else "float64"
    shown = [
        cell
        for mine, its in (v, g)
        for cell in (seconds(mine), seconds(its), f"{its / mine:.1f} ×")
    ]
    return [loss, size, kind, *shown]


def section(wanted: list[str]) -> list[str]:
    """The table; each row in a process of its own, where no memory is left from another."""
    rows = []
    alone = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    with alone as pool:
        for dtype in (np.float64, np.float32):
            for place, case in enumerate(cases(dtype)):
                if not wanted or case.loss in wanted:
                    rows.append(pool.submit(measured, place, dtype).result())
                    print(*rows[-1], sep="  ", flush=True)
    return table(HEADS, rows)
