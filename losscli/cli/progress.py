"""How far long work is: a bar on stderr, for a person who looks, from the second second on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from losscli.cli.talk import on_terminal

if TYPE_CHECKING:
    from losscli.cli.options import Common
    from losscli.engine import Problem

PATIENCE = 1.0  # seconds without a bar


@contextmanager
def bar(doing: str, total: float, common: Common) -> Iterator[Bar | None]:
    """A bar for so many bytes, or None where nobody would see it."""
    if common.quiet or not on_terminal(sys.stderr):
        yield None
        return
    one = Bar(doing, total, common.color)
    try:
        yield one
    finally:
        one.close()


@contextmanager
def watched(problem: Problem, common: Common) -> Iterator[None]:
    """Shows how much of the problem's tensors each pass over them has seen."""
    size = sum(array.size * array.dtype.itemsize for array in problem.tensors.values())
    with bar(problem.loss.name, size, common) as shown:
        if shown is not None and problem.count:
            problem.watch = lambda rows: shown.reach(rows * size / problem.count)
        try:
            yield
        finally:
            problem.watch = None


@contextmanager
def reading(common: Common) -> Iterator[None]:
    """Shows how far each file is read."""
    if common.quiet or not on_terminal(sys.stderr):
        yield
        return
    from losscli.files.raw import watcher

    bars: dict[str, Bar] = {}

    def told(origin: str, done: int, size: int) -> None:
        if origin not in bars:
            for other in bars.values():
                other.close()
            bars[origin] = Bar(f"reading {_short(origin)}", size, common.color)
        bars[origin].reach(done)

    token = watcher.set(told)
    try:
        yield
    finally:
        watcher.reset(token)
        for one in bars.values():
            one.close()


@contextmanager
def writing(result: Any, common: Common) -> Iterator[None]:
    """Shows how much of a result is written, unless the terminal itself shows it."""
    if common.output is None and on_terminal(sys.stdout):
        yield
        return
    to = "the answer" if common.output is None else _short(common.output)
    values = result.values() if isinstance(result, Mapping) else [result]
    size = sum(getattr(value, "nbytes", 0) for value in values)
    with bar(f"writing {to}", size, common) as shown:
        if shown is None:
            yield
            return
        from losscli.files.results import watcher

        token = watcher.set(shown.advance)
        try:
            yield
        finally:
            watcher.reset(token)


def _short(origin: str, most: int = 24) -> str:
    """A file's name, not so long that it leaves no room for the bar."""
    name = os.path.basename(origin)
    return name if len(name) <= most else f"{name[: most - 1]}…"


class Bar:
    """A bar that shows itself when the work turns out to be long."""

    def __init__(self, doing: str, total: float, color: bool | None) -> None:
        self.doing, self.total, self.color = doing, total, color
        self.began = time.monotonic()
        self.done = 0.0
        self.shown: Any = None

    def reach(self, done: float) -> None:
        """So many bytes are done; fewer than before where another pass has begun."""
        self.done = done
        if self.shown is None:
            if time.monotonic() - self.began < PATIENCE:
                return
            self.shown = self._show()
        self.shown.update(0, completed=done)

    def advance(self, more: float) -> None:
        """So many more bytes are done."""
        self.reach(self.done + more)

    def close(self) -> None:
        """Take the bar away."""
        if self.shown is not None:
            self.shown.stop()
            self.shown = None
            self.began = time.monotonic()

    def _show(self) -> Any:
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True, no_color=None if self.color is None else not self.color)
        shown = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        shown.start()
        shown.add_task(self.doing, total=self.total)
        return shown
