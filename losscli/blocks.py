"""Rows cut into blocks, and work on the blocks, on one thread or several."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, TypeVar

import numpy as np

from losscli.errors import UsageError

S = TypeVar("S")
T = TypeVar("T")
BATCH = 4  # blocks that are done one after the other, the first ones before a thread has started
WAVE = 4  # batches for each thread that are handed out at once


def cut(shape: tuple[int, ...], rows: int, seams: Sequence[int] = ()) -> Iterator[Any]:
    """Indices that cut an array of this shape, leading axes first, into blocks of about `rows`.

    No block goes over one of the `seams` in the first axis: the blocks are those of its parts.
    """
    if seams:
        for start, stop in pairwise((0, *seams, shape[0])):
            for first, *rest in cut((stop - start, *shape[1:]), rows):
                low, high, _ = first.indices(stop - start)
                yield (slice(start + low, start + high), *rest)
        return
    if math.prod(shape) <= rows:
        if math.prod(shape):
            yield (slice(None),) * len(shape)
        return
    axis, tail = len(shape) - 1, 1
    while tail * shape[axis] <= rows:
        tail *= shape[axis]
        axis -= 1
    step = max(1, rows // tail)
    rest = (slice(None),) * (len(shape) - axis - 1)
    for lead in np.ndindex(*shape[:axis]):
        whole = tuple(slice(i, i + 1) for i in lead)
        for start in range(0, shape[axis], step):
            yield (*whole, slice(start, start + step), *rest)


def size_of(index: Any, shape: tuple[int, ...]) -> int:
    """How many rows a block has."""
    spans = zip(index, shape, strict=True)
    return math.prod(len(range(*span.indices(length))) for span, length in spans)


def batched(indices: Iterator[T]) -> Iterator[tuple[T, ...]]:
    """Some at a time."""
    while batch := tuple(islice(indices, BATCH)):
        yield batch


def in_turn(work: Callable[[S], T], parts: Iterator[S], threads: int) -> Iterator[tuple[S, T]]:
    """Each part and what `work` gives for it, in order; several are at work where there are many."""
    for part in parts if threads == 1 else islice(parts, 1):
        yield part, work(part)
    if not (wave := list(islice(parts, WAVE * threads))):
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        while wave:
            yield from zip(wave, pool.map(work, wave), strict=True)
            wave = list(islice(parts, WAVE * threads))


def default_threads() -> int:
    """LOSSCLI_THREADS, else as many as the process may use."""
    text = os.environ.get("LOSSCLI_THREADS", "")
    if not text:
        here = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
        return len(here) or os.cpu_count() or 1
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise UsageError(f"LOSSCLI_THREADS is {text!r}; expected a whole number, at least 1.")
    return int(text)
