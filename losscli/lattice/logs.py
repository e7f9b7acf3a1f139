"""The sums over all ways through the lattice in logarithms: of any numbers, in the type that they have."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from losscli.lattice.grid import BLANK, LABEL, Lattice
from losscli.parameters import Array

# The least logarithm whose exponential is far from underflow, and one whose exponential is 0, by size.
NORMAL = {4: -80.0, 8: -700.0}
NONE = {4: -104.0, 8: -746.0}


class Logs:
    """The passes forward and backward through the lattices of n samples."""

    def __init__(self, lattice: Lattice, emitted: Array) -> None:
        self.lattice = lattice
        self.emitted = emitted
        self.cells = np.empty((len(emitted), 2, *emitted.shape[1:]), emitted.dtype)
        self._forward()
        self.likelihood = self._at_end()  # its logarithm

    @cached_property
    def passed(self) -> Array:
        """The probability of each place in each frame, given the labels, (T, 2, n, W).

        The cells are used up for it.
        """
        self._backward()
        self.cells -= self.likelihood[:, None]
        return exp(self.cells)

    # ---- inside

    def _forward(self) -> None:
        """Fills the cells with the logarithm of the probability of all ways that lead there."""
        self.cells[0] = -np.inf
        self.cells[0, BLANK, :, 0] = self.emitted[0, :, 0]
        label = np.where(self.lattice.ends[:, None] > 0, self.emitted[0, :, 1:2], -np.inf)
        self.cells[0, LABEL, :, 1:2] = label
        ways, skips = self._no_ways(), self.lattice.skips[:, 3::2]
        for t in range(1, len(self.cells)):
            x, new = self.cells[t - 1], self.cells[t]
            ways[0] = x
            ways[1, BLANK] = x[LABEL]
            ways[1, LABEL, :, 1:] = x[BLANK, :, :-1]
            np.copyto(ways[2, LABEL, :, 2:], x[LABEL, :, 1:-1], where=skips)
            _log_sum(ways, new)
            self._emit(new, t)

    def _backward(self) -> None:
        """Adds to the cells the logarithm of the probability of all ways from there to the end."""
        x = np.full_like(self.cells[0], -np.inf)
        ways, skips = self._no_ways(), self.lattice.skips[:, 3::2]
        ending = self.lattice.ending()
        for t in reversed(range(len(self.cells))):
            if t + 1 < len(self.cells):
                self._emit(x, t + 1)
                if t + 1 in ending:
                    _only_ends(x, *ending[t + 1])
                ways[0] = x
                ways[1, LABEL] = x[BLANK]
                ways[1, BLANK, :, :-1] = x[LABEL, :, 1:]
                np.copyto(ways[2, LABEL, :, 1:-1], x[LABEL, :, 2:], where=skips)
                _log_sum(ways, x)
            if t in ending:
                rows, ends = ending[t]
                x[:, rows] = 0
                _only_ends(x, rows, ends)
            self.cells[t] += x
            if t in ending:
                _only_ends(self.cells[t], *ending[t])

    def _emit(self, x: Array, t: int) -> None:
        x[BLANK] += self.emitted[t, :, :1]
        x[LABEL, :, 1:] += self.emitted[t, :, 1:]

    def _no_ways(self) -> Array:
        """Room for the three ways to each place."""
        return np.full((3, *self.cells.shape[1:]), -np.inf, self.cells.dtype)

    def _at_end(self) -> Array:
        """Both ends, in the last label and in the blank behind it."""
        frames, ends = self.lattice.frames, self.lattice.ends // 2
        both = self.cells[np.maximum(frames - 1, 0), :, np.arange(len(ends)), ends].T
        likelihood = _log_sum(both, np.empty_like(both[0]))
        likelihood = np.where(ends > 0, likelihood, both[BLANK])  # without labels there is one end
        nothing = np.where(ends > 0, -np.inf, 0)  # no frame at all
        return np.where(frames > 0, likelihood, nothing).astype(self.cells.dtype)


def _only_ends(x: Array, rows: Array, ends: Array) -> None:
    """Leave only both ends of these samples: elsewhere nothing counts, also no nan, as in PyTorch."""
    kept = x[:, rows, ends]
    kept[LABEL, ends == 0] = -np.inf
    x[:, rows] = -np.inf
    x[:, rows, ends] = kept


def _log_sum(ways: Array, out: Array) -> Array:
    """log(sum(exp(x))) along the first axis; all -inf gives -inf."""
    limits = np.finfo(ways.dtype)
    m = np.maximum.reduce(ways)
    less = ways - np.maximum(m, limits.min)
    # beside exp(0) for the largest nothing so small counts, and what underflows takes NumPy long
    np.maximum(less, NORMAL[ways.itemsize], out=less)
    np.exp(less, out=less)
    np.add.reduce(less, out=out)
    np.log(out, out=out)
    out += m
    return out


def exp(x: Array) -> Array:
    """exp(x), of which many may be 0: NumPy takes 20 times as long for a float64 that underflows."""
    least, none = NORMAL[x.itemsize], NONE[x.itemsize]
    if x.min() >= least:
        return np.exp(x)
    result: Array = np.maximum(x, least)
    np.exp(result, out=result)
    result *= x > none
    between = (x < least) & (x > none)
    result[between] = np.exp(x[between])
    return result
