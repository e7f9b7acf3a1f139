"""What a call costs against how much it is given, and what a process takes of memory."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from timing import side_by_side, table

import losscli

sys.path.append(str(Path(__file__).parent.parent))
from own_memory import MIB, peak

SIZES = [10**k for k in range(3, 9)]


def section() -> list[str]:
    """Both tables."""
    return [*costs(), "", *memory()]


def costs() -> list[str]:
    """Nanoseconds an element in Python, float32, one thread each."""
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    rows = []
    for size in SIZES:
        x, y = draw.standard_normal(size, dtype=np.float32), draw.random(size, dtype=np.float32)
        given = torch.from_numpy(x), torch.from_numpy(y)
        row = [f"{size:,}"]
        for loss, function in (
            ("mse", F.mse_loss),
            ("huber", F.huber_loss),
            ("bce", F.binary_cross_entropy),
        ):
            input_, torch_input = (y, given[1]) if loss == "bce" else (x, given[0])
            tensors = {"input": input_, "target": y}
            ours, theirs = side_by_side(
                lambda: losscli.compute(loss, threads=1, **tensors),  # noqa: B023
                lambda: function(torch_input, given[1]),  # noqa: B023
            )
            row += [f"{1e9 * ours / size:.2f}", f"{1e9 * theirs / size:.2f}"]
        rows.append(row)
        print(*row, sep="  ", flush=True)
    return table(["elements", "mse", "PyTorch", "huber", "PyTorch", "bce", "PyTorch"], rows)


def memory() -> list[str]:
    """The most memory of its own that a process takes."""
    draw = np.random.default_rng(0)
    rows = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        where = Path(folder)
        given = ["--input", "x.npy", "--target", "y.npy", "--quiet"]
        commands = {
            "compute": ["compute", "cross-entropy", *given],
            "grad to NPY": ["grad", "cross-entropy", *given, "--output", "g.npy", "--force"],
            "explain": ["explain", "cross-entropy", *given],
            "explain --top 3": ["explain", "cross-entropy", *given, "--top", "3"],
        }
        for count in (1_000, 100_000, 1_000_000):
            np.save(where / "x.npy", draw.standard_normal((count, 1000), dtype=np.float32))
            np.save(where / "y.npy", draw.integers(0, 1000, count))
            size = (where / "x.npy").stat().st_size / 1e9
            found = [f"{peak(*words, cwd=where) / MIB:.0f} MiB" for words in commands.values()]
            rows.append([f"{count:,} × 1,000, {size:.3g} GB", *found])
            print(*rows[-1], sep="  ", flush=True)
    return table(["float32 from NPY", *commands], rows)
