"""Two things timed in turn, so that a machine whose speed drifts favours neither."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RUNS = 5


def side_by_side(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """The median seconds of both."""
    found = in_turn({"ours": ours, "theirs": theirs})
    return found["ours"], found["theirs"]


def processes(
    commands: Mapping[str, Sequence[str]], cwd: Path, runs: int = RUNS
) -> dict[str, float]:
    """The median seconds of whole processes, whose byte code is kept, as that of what is installed is."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def process(command: Sequence[str]) -> Callable[[], Any]:
        return lambda: subprocess.run(
            command, cwd=cwd, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    return in_turn({name: process(command) for name, command in commands.items()}, runs)


def in_turn(what: Mapping[str, Callable[[], Any]], runs: int = RUNS) -> dict[str, float]:
    """The median seconds of each. A turn is two runs, of which the second counts: the first finds memory
    as another left it, which on a virtual machine the host may have taken back meanwhile."""
    times: dict[str, list[float]] = {name: [] for name in what}
    for _ in range(runs):
        for name, one in what.items():
            one()
            start = time.perf_counter()
            one()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def seconds(value: float) -> str:
    """A time for a table."""
    return f"{1e3 * value:.0f} ms" if value < 10 else f"{value:.1f} s"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, numbers to the right."""
    rule = ["---" if i == 0 else "---:" for i in range(len(heads))]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *rows)]
