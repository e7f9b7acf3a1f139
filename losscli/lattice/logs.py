"""The sums over all ways through the lattice in logarithms: slower, but of any numbers."""

from __future__ import annotations

import numpy as np

from losscli.lattice.grid import Lattice
from losscli.parameters import Array


class Logs:
    """The pass forward, the likelihood, and on demand the pass backward."""

    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice
        self.emitted = np.take_along_axis(lattice.log_probs, lattice.labels[:, None, :], 2)
        self.alpha = _ways(self.emitted, lattice.skips)

    def log_likelihood(self) -> Array:
        """Both ways to end, in the last label or in the blank behind it."""
        frames, ends = self.lattice.frames, self.lattice.ends
        rows, last = np.arange(len(ends)), np.maximum(frames - 1, 0)
        in_blank = self.alpha[rows, last, ends]
        in_label = np.where(ends > 0, self.alpha[rows, last, np.maximum(ends - 1, 0)], -np.inf)
        likelihood = _log_sum(in_blank, in_label)
        nothing = np.where(ends > 0, -np.inf, 0)  # no frame at all
        return np.where(frames > 0, likelihood, nothing).astype(self.alpha.dtype)

    def passed(self) -> Array:
        """The probability of each place in each frame, given the labels, (n, T, E)."""
        likelihood = self.log_likelihood()[:, None, None]
        through: Array = np.exp(self.alpha + self._backward() - self.emitted - likelihood)
        return through

    def _backward(self) -> Array:
        """The logarithm of the probability of all ways from each cell to the end, with its own label.

        These are the ways to the cell when everything is read backwards.
        """
        _, labels, skips, frames, ends = self.lattice
        t = np.maximum(frames[:, None] - 1 - np.arange(self.emitted.shape[1]), 0)
        s = ends[:, None] - np.arange(labels.shape[1])
        inside, s = s >= 0, np.maximum(s, 0)

        def turned(table: Array) -> Array:
            by_time = np.take_along_axis(table, t[:, :, None], 1)
            return np.take_along_axis(by_time, s[:, None, :], 2)

        backwards = np.zeros_like(skips)  # a skip from s to s + 2, seen from the other end
        backwards[:, 2:] = np.take_along_axis(skips, s, 1)[:, :-2]
        beta = turned(_ways(turned(self.emitted), backwards))
        beyond = np.arange(self.emitted.shape[1]) >= frames[:, None]
        return np.where(beyond[:, :, None] | ~inside[:, None, :], -np.inf, beta)


def _ways(emitted: Array, skips: Array) -> Array:
    """The logarithm of the probability of all ways to each cell from the first frame, (n, T, E)."""
    alpha = np.full(emitted.shape, -np.inf, emitted.dtype)
    alpha[:, 0, :2] = emitted[:, 0, :2]
    for t in range(1, emitted.shape[1]):
        stay = alpha[:, t - 1]
        step = np.full_like(stay, -np.inf)
        step[:, 1:] = stay[:, :-1]
        skip = np.full_like(stay, -np.inf)
        skip[:, 2:] = np.where(skips[:, 2:], stay[:, :-2], -np.inf)
        alpha[:, t] = _log_sum(stay, step, skip) + emitted[:, t]
    return alpha


def _log_sum(*logs: Array) -> Array:
    """log(sum(exp(x))) of several arrays; all -inf gives -inf."""
    m = logs[0]
    for other in logs[1:]:
        m = np.maximum(m, other)
    m = np.where(np.isneginf(m), 0, m)
    total = np.exp(logs[0] - m)
    for other in logs[1:]:
        total += np.exp(other - m)
    result: Array = m + np.log(total)
    return result
