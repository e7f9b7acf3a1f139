"""What ctc adds up: all ways through a grid of frames by places in the target.

`levels` adds up probabilities, fast, as long as these stay within what its guard allows; `logs` adds up
logarithms, which holds anything. `steps` shows the sums as they are on paper.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from losscli.lattice.grid import Lattice
from losscli.lattice.levels import Levels
from losscli.lattice.logs import Logs
from losscli.parameters import Array


class Alignments:
    """All alignments of each sample: how likely they are together, and which classes they pass."""

    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice
        self.levels = Levels(lattice)
        self.log_likelihood = self.levels.log_likelihood()
        self.rest = ~self.levels.held
        if self.rest.any():
            self.logs = Logs(lattice.samples(self.rest))
            self.log_likelihood[self.rest] = self.logs.log_likelihood()

    def occupancies(self) -> Iterator[tuple[int, Array | slice, Array]]:
        """For each sample its classes, and the probability of each in each frame, (T, classes).

        Other classes are never passed. Of an impossible sample these are no probabilities.
        """
        self.levels.meet()
        for n in np.flatnonzero(self.levels.held).tolist():
            yield n, *self.lattice.by_class(n, *self.levels.passed(n))
        rest = ~self.levels.held
        if not rest.any():
            return
        if (rest != self.rest).any():  # given up on the way back
            self.logs = Logs(self.lattice.samples(rest))
        for n, passed in zip(np.flatnonzero(rest).tolist(), self.logs.passed(), strict=True):
            yield n, *self.lattice.by_class(n, passed, self.lattice.labels[n])
