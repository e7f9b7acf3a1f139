"""How many units in the last place losscli and PyTorch are off; rewrites the table in README.md.

    python tests/accuracy/table.py

Truth is 50-digit arithmetic. The inputs and the truths are those of tests/test_accuracy.py, which
asserts bounds for losscli; here PyTorch stands beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mpmath import mpf

sys.path.insert(0, str(Path(__file__).parents[1]))

import test_accuracy as truth  # noqa: E402

import losscli  # noqa: E402

HERE = Path(__file__).parent
START, END = "<!-- figures -->", "<!-- end of figures -->"
Row = tuple[str, str, Callable[..., Any], dict[str, Any], list[Any]]


def rows() -> Iterator[Row]:
    """Loss, inputs in words, PyTorch's function, tensors, and the truth of every term."""
    x, y = map(np.array, np.transpose(truth.PAIRS))
    yield (
        "mse",
        "residuals from 1e-150 to 1e150",
        F.mse_loss,
        {"input": x, "target": y},
        [(mpf(a) - mpf(b)) ** 2 for a, b in zip(x, y, strict=True)],
    )
    yield (
        "huber",
        "residuals from 1e-150 to 1e150",
        F.huber_loss,
        {"input": x, "target": y},
        [truth.huber(a, b) for a, b in zip(x, y, strict=True)],
    )
    for words, logits, label in (
        ("logits to ±1e4, y = 0.3", truth.LOGITS, 0.3),
        ("confident and right: −30 to −700, y = 0", [-30.0, -36.5, -40.0, -100.0, -700.0], 0.0),
    ):
        yield (
            "bce-with-logits",
            words,
            F.binary_cross_entropy_with_logits,
            {"input": np.array(logits), "target": np.full(len(logits), label)},
            [truth.bce_with_logits(z, label) for z in logits],
        )
    for words, some in (
        ("5 classes, scores N(0, 3)", truth.ROWS[:60]),
        ("around 1e6, 1e-3 apart", [[1e6, 1e6 + 1e-3, 1e6 - 1e-3], [1e6 + 1e-3, 1e6, 1e6 + 2e-3]]),
        (
            "confident and right: 37 to 300 ahead",
            [[40.0, 0.0, 0.0], [0.0, 300.0, 1.0], [37.0, 0.0, 2.0]],
        ),
    ):
        labels = np.argmax(some, 1) if words.startswith("confident") else np.zeros(len(some), int)
        yield (
            "cross-entropy",
            words,
            F.cross_entropy,
            {"input": np.array(some), "target": labels},
            [truth.cross_entropy(row, int(t)) for row, t in zip(some, labels, strict=True)],
        )
    wrong = np.array([1.0, 30.0, 200.0, 700.0, 800.0, 1e4])
    yield (
        "soft-margin",
        "wrong by 1 to 1e4",
        F.soft_margin_loss,
        {"input": wrong, "target": -np.ones(len(wrong))},
        [truth.softplus(mpf(z)) for z in wrong],
    )
    draw = np.random.default_rng(6)
    a = draw.normal(size=(20, 3))
    for apart in (1e-3, 1e-6):
        b = a * draw.uniform(0.1, 10, (20, 1)) + apart * draw.normal(size=a.shape)
        yield (
            "cosine-embedding",
            f"vectors that differ by {apart:g}",
            F.cosine_embedding_loss,
            {"input1": a, "input2": b, "target": np.ones(20)},
            [truth.cosine_embedding(*pair) for pair in zip(a, b, strict=True)],
        )


def worst(found: Any, truths: list[Any]) -> str:
    """The largest distance in ulp of the truth."""
    if not np.isfinite(found).all():
        return f"{found[~np.isfinite(found)][0]}"
    most = max(
        float(abs(mpf(float(v)) - t) / mpf(float(np.spacing(abs(float(t))))))
        for v, t in zip(found, truths, strict=True)
    )
    return f"{most:.1f}" if most < 1000 else f"{most:.0e}".replace("e+", "e")


def main() -> None:
    """Measure and write the table."""
    table = ["| loss | inputs | losscli | PyTorch |", "|---|---|---:|---:|"]
    for loss, words, function, tensors, truths in rows():
        given = {name: torch.from_numpy(np.ascontiguousarray(t)) for name, t in tensors.items()}
        ours = losscli.compute(loss, **tensors, reduction="none")
        theirs = function(**given, reduction="none").numpy()
        table.append(f"| {loss} | {words} | {worst(ours, truths)} | {worst(theirs, truths)} |")
        print(table[-1])
    page = HERE / "README.md"
    before, _, rest = page.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    head = (
        f"NumPy {np.__version__}, PyTorch {torch.__version__}, float64; the worst term of each row."
    )
    page.write_text(f"{before}{START}\n{head}\n\n" + "\n".join(table) + f"\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
