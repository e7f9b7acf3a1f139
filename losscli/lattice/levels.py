"""The sums over all ways through the lattice in probabilities, in float64: fast.

Plain probabilities underflow within some hundred frames. Here each place in the target has a power of two
of its own, its level: what is at a place is `cells * 2**levels`. Every few frames the levels are set anew,
so that the cells are between a half and 1 again. Powers of two round nothing: the bits are those of a
float64 whose exponent has no bounds, whenever this is done.

What may be computed so, is guarded. No log-probability is beyond REACH, and so few frames lie between two
levellings that no cell shrinks by more than 2**-SHRINK. A place that is reached for the first time gets at
least what the place before it held, at the same level. A sample whose cells have grown by 2**GROW, or have
a neighbour that is larger by so much, is given up. In a sample that is held, therefore, no cell that is
reached is ever below 2**-(SHRINK + 1) or above 2**(GROW + SHRINK), and a product of two is between 2**-302
and 2**1000: each operation rounds a normal number once. All numbers are above 0, so nothing cancels either.
"""

from __future__ import annotations

from functools import cached_property
from math import log

import numpy as np

from losscli.lattice.grid import BLANK, LABEL, Lattice
from losscli.parameters import Array

SHRINK, GROW = 150, 350
SELDOM, OFTEN = 16, 2  # frames from one levelling to the next; for fewer, logarithms are as fast
REACH = SHRINK * log(2) / OFTEN
LEAST, MOST = -1074, 1000
POWERS = np.append(0.0, np.ldexp(1.0, np.arange(LEAST, MOST + 1)))
FROM_LABEL, TO_LABEL, SKIP = 0, 1, 2  # ways: label to blank, blank to label, label to label
LN_2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)  # the first part has 33 bits only


class Levels:
    """The passes forward and backward through the lattices of n samples side by side.

    A column is a label with the blank behind it; column 0 is the blank before all labels. Samples lie
    one after the other in arrays of n W columns, so that a step to the next column is one place on; from
    a sample's last column no way leads to the next one's first.
    """

    def __init__(self, lattice: Lattice, emitted: Array) -> None:
        self.lattice = lattice
        _, self.samples, self.width = emitted.shape
        reach = np.maximum(emitted.max(0), -emitted.min(0)).max(1)
        self.held = (reach <= REACH) & (lattice.frames > 0)
        self.some = bool(self.held.any())
        self.cells = np.empty((len(emitted), 2, self.samples * self.width))
        if self.some:
            self.every = int(min(SELDOM, OFTEN * REACH / max(reach[self.held].max(), 1)))
            self.p = self._probabilities(emitted)
            self.ways = _ways(lattice, self.width)
            self._forward()

    def log_likelihood(self) -> Array:
        """The logarithm of each sample's likelihood; nan for those that are not held."""
        result = np.full(self.samples, np.nan, self.lattice.log_probs.dtype)
        if self.some:
            m, exponent = self.likelihood
            small = m < 0.7  # from 0.7 to 1.4: nothing cancels where the likelihood is nearly 1
            m, exponent = np.where(small, 2 * m, m), exponent - small
            result[:] = exponent * LN_2[0] + (np.log(m) + exponent * LN_2[1])
        return result

    @cached_property
    def passed(self) -> Array:
        """The probability of each place in each frame, given the labels, (T, 2, n, W).

        It takes the place of what is in the cells. The pass backward may give up more samples.
        """
        if self.some:
            self._backward()
        return self._tables(self.cells)

    # ---- inside

    def _tables(self, flat: Array) -> Array:
        """What lies side by side, with an axis for the samples."""
        return flat.reshape(*flat.shape[:-1], self.samples, self.width)

    def _probabilities(self, emitted: Array) -> Array:
        """The probability of each place's class in each frame; 1 in samples that are not held."""
        p = np.empty(self.cells.shape)
        table = self._tables(p)
        np.exp(emitted, out=table[:, LABEL], dtype=np.float64)
        table[:, LABEL, ~self.held] = 1
        table[:, BLANK] = table[:, LABEL, :, :1]
        return p

    def _forward(self) -> None:
        """Fills the cells with the probability of all ways that lead there."""
        start, p = self._tables(self.cells[0]), self._tables(self.p[0])
        start[:] = 0
        start[BLANK, :, 0] = p[BLANK, :, 0]
        start[LABEL, :, 1:2] = np.where(self.lattice.ends[:, None] > 0, p[LABEL, :, 1:2], 0)
        self.cells[:, LABEL, 0] = 0
        level = np.zeros(start.shape, np.intp).reshape(2, -1)
        self.levels = [level]
        weights, come = self.ways, np.empty((2, level.shape[1] - 1))
        all_reached = 2 * self.width
        for t in range(1, len(self.cells)):
            x, new = self.cells[t - 1], self.cells[t]
            if t % self.every == 0:
                front = self._last(x) if t <= all_reached else None
                x, level, weights = self._levelled(x, level, front)
                self.levels.append(level)
            np.multiply(x[LABEL], weights[FROM_LABEL], out=new[BLANK])
            np.multiply(x[:, :-1], weights[TO_LABEL:, 1:], out=come)
            np.add(come[BLANK], come[LABEL], out=new[LABEL, 1:])
            new += x
            new *= self.p[t]
        self._give_up(self.cells[-1], weights)
        self.likelihood = self._at_end()

    def _backward(self) -> None:
        """Multiplies the cells by the probability of all ways from there to the end."""
        m, exponent = (part[:, None] for part in self.likelihood)
        x = np.zeros(self.cells.shape[1:])
        level = np.zeros(x.shape, np.intp)
        weights, go = self.ways, np.empty((2, x.shape[1] - 1))
        all_reached, stop = self.lattice.frames.min() - 2 * self.width, len(self.p)
        ending = self.lattice.ending()
        for t in reversed(range(stop)):
            if t + 1 < len(self.p):
                if (t + 1) % self.every == 0:
                    front = self._first(x) if t >= all_reached else None
                    x, level, weights = self._levelled(x, level, front, back=True)
                x *= self.p[t + 1]
                np.multiply(x[LABEL, 1:], weights[TO_LABEL:, 1:], out=go)
                x[LABEL] += x[BLANK] * weights[FROM_LABEL]
                x[:, :-1] += go
            if t in ending:
                rows, ends = ending[t]
                self._tables(x)[BLANK, rows, ends] = 1
                self._tables(x)[LABEL, rows, ends] = ends > 0
            self.cells[t] *= x
            if t % self.every == 0:
                group = self._tables(self.cells[t:stop])
                group *= _power(self._tables(self.levels[t // self.every] + level) - exponent) / m
                stop = t
        self._give_up(x, weights)

    def _at_end(self) -> tuple[Array, Array]:
        """The likelihood, at both ends, in the last label and in the blank behind it.

        A number from a half to 1, or 0, and the exponent of 2 that goes with it.
        """
        rows, ends = np.arange(self.samples), self.lattice.ends // 2
        last = np.maximum(self.lattice.frames - 1, 0)
        cells = self._tables(self.cells)[last, :, rows, ends]
        levels = self._tables(np.stack(self.levels))[last // self.every, :, rows, ends]
        most = levels.max(1)
        m, exponent = np.frexp((cells * _power(levels - most[:, None])).sum(1))
        return m, exponent + most

    def _levelled(
        self, x: Array, level: Array, front: Array | None, back: bool = False
    ) -> tuple[Array, Array, Array]:
        """The cells between a half and 1, their levels, and what the ways weigh between such levels.

        What is not yet reached gets the level of the place before it, the front's.
        """
        cells, exponent = np.frexp(x)
        level = level + exponent
        if front is not None:
            table, rows = self._tables(level), np.arange(self.samples)
            behind = table[front % 2, rows, (front + 1) // 2]
            np.copyto(table, behind[:, None], where=self._tables(x) == 0)
        steps = np.empty((3, len(x[0])), np.intp)
        np.subtract(level[LABEL], level[BLANK], out=steps[FROM_LABEL])
        np.subtract(level[:, :-1], level[LABEL, 1:], out=steps[TO_LABEL:, 1:])
        steps[TO_LABEL:, 0] = 0
        if back:
            np.negative(steps, out=steps)
        weights = _power(np.minimum(steps, GROW, out=steps))
        weights *= self.ways
        if self._give_up(x, weights):
            self._tables(cells)[:, ~self.held] = 0
        return cells, level, weights

    def _last(self, x: Array) -> Array:
        """The last place of each sample that a way has reached."""
        last: Array = np.count_nonzero(self._tables(x), (0, 2)) - 1
        return np.maximum(last, 0)

    def _first(self, x: Array) -> Array:
        """The first place of each sample that a way back has reached."""
        first: Array = self.lattice.ends + 1 - np.count_nonzero(self._tables(x), (0, 2))
        return np.minimum(first, self.lattice.ends)

    def _give_up(self, x: Array, weights: Array) -> bool:
        """Gives up samples whose cells or weights have grown too much; whether there were any."""
        most = 2.0**GROW
        if x.max() < most and weights.max() < most:
            return False
        worst = [self._tables(table).max((0, 2)) for table in (x, weights)]
        self.held &= np.maximum(*worst) < most
        return True


def _ways(lattice: Lattice, width: int) -> Array:
    """Which ways there are into each column, (3, n W), 1 or 0; none behind a sample's last label."""
    column = np.arange(width)
    ways = np.zeros((3, len(lattice.ends), width))
    ways[:2] = (column > 0) & (column <= lattice.ends[:, None] // 2)
    ways[SKIP, :, 2:] = lattice.skips[:, 3::2]
    ways[SKIP] *= ways[TO_LABEL]
    return ways.reshape(3, -1)


def _power(exponent: Array) -> Array:
    """2**exponent; 2**MOST at most, and 0 below what a float64 holds."""
    powers: Array = POWERS.take(exponent + (1 - LEAST), mode="clip")
    return powers
