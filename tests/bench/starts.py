"""Whole processes: how soon there is an answer, and how long a large file takes from start to end."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from timing import processes, seconds, table

PYTHON, LOSSCLI = sys.executable, [sys.executable, "-m", "losscli"]
IN_PLACE = ["--input", "[[1,2,3],[1,2,3]]", "--target", "0,2"]
TORCH = "import torch, torch.nn.functional as F\n"
SMALL = (
    TORCH
    + "print(F.cross_entropy(torch.tensor([[1., 2, 3], [1, 2, 3]]), torch.tensor([0, 2])).item())"
)
FROM_NPY = (
    TORCH + "import numpy as np, sys\n"
    "load = lambda name: torch.from_numpy(np.load(name))\n"
    "print(getattr(F, sys.argv[1])(load('input.npy'), load('target.npy')).item())"
)


def section() -> list[str]:
    """Both tables."""
    return [*small(), "", *large()]


def small() -> list[str]:
    """A start, and an answer for two rows."""
    commands = {
        "`python -c pass`": [PYTHON, "-c", "pass"],
        "`python -c 'import numpy'`": [PYTHON, "-c", "import numpy"],
        "`losscli --version`": [*LOSSCLI, "--version"],
        "`losscli compute cross-entropy`, 2 × 3 in place": [*LOSSCLI, "compute", "cross-entropy", *IN_PLACE],
        "`losscli explain cross-entropy`, the same": [*LOSSCLI, "explain", "cross-entropy", *IN_PLACE],
        "cross-entropy in PyTorch, the same": [PYTHON, "-c", SMALL],
    }  # fmt: skip
    found = processes(commands, Path.cwd())
    torch, numpy = found["cross-entropy in PyTorch, the same"], found["`python -c 'import numpy'`"]
    rows = [
        [name, seconds(one), f"{numpy / one:.2f} ×", f"{torch / one:.1f} ×"]
        for name, one in found.items()
    ]
    return table(["process", "time", "`import numpy` / it", "PyTorch / it"], rows)


def large() -> list[str]:
    """A large NPY file, from start to end, on all cores and on one."""
    draw = np.random.default_rng(0)
    rows = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        where = Path(folder)
        for loss, function, shape in (
            ("mse", "mse_loss", (10_000_000,)),
            ("huber", "huber_loss", (10_000_000,)),
            ("bce-with-logits", "binary_cross_entropy_with_logits", (10_000_000,)),
            ("cross-entropy", "cross_entropy", (20_000, 32_000)),
        ):
            np.save(where / "input.npy", draw.standard_normal(shape, dtype=np.float32))
            target = draw.random(shape, dtype=np.float32)
            if len(shape) > 1:
                target = draw.integers(0, shape[1], shape[0])
            np.save(where / "target.npy", target)
            ours = [*LOSSCLI, "compute", loss, "--input", "input.npy", "--target", "target.npy"]
            commands = {
                "ours": ours,
                "one": [*ours, "--threads", "1"],
                "theirs": [PYTHON, "-c", FROM_NPY, function],
            }
            found = processes(commands, where, 5)
            size = " × ".join(f"{n:,}" for n in shape)
            ratio = [f"{found['theirs'] / found[who]:.1f} ×" for who in ("ours", "one")]
            times = [seconds(found[who]) for who in ("ours", "one", "theirs")]
            rows.append([loss, size, *times, *ratio])
            print(*rows[-1], sep="  ", flush=True)
    heads = ["loss", "float32 from NPY", "losscli", "one thread", "PyTorch", "ratio", "one thread"]
    return table(heads, rows)
