"""Arrays one behind the other: in memory while they are small, then in a file of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli import stored
from losscli.stored import Scratch, Stored


class Gathered:
    """Numbers of which more and more are found, of the first type that holds all of them."""

    def __init__(self) -> None:
        self.parts: list[NDArray[Any]] = []
        self.size = 0  # numbers
        self.held = 0  # bytes in memory
        self.scratch: Scratch | None = None
        self.dtype: np.dtype[Any] | None = None

    def append(self, array: NDArray[Any]) -> None:
        """Put an array behind those that are there."""
        kind = array.dtype
        self.dtype = kind if self.dtype is None else np.result_type(self.dtype, kind)
        self.parts.append(array)
        self.size += array.size
        self.held += array.nbytes
        if self.scratch is not None or self.held >= stored.LARGE:
            self._write()

    def array(self, item: tuple[int, ...], origin: str) -> NDArray[Any] | Stored:
        """All of it, as items of that shape; a large one is in a file."""
        if self.scratch is not None:
            self._write()
            length = self.size // max(1, int(np.prod(item)))
            return self.scratch.stored((length, *item), origin)
        parts = self.parts or [np.zeros(0)]
        return np.concatenate([part.ravel() for part in parts]).reshape(-1, *item)

    def _write(self) -> None:
        self.scratch = self.scratch or Scratch()
        for part in self.parts:
            self.scratch.append(part.astype(self.dtype, copy=False))
        self.parts, self.held = [], 0
