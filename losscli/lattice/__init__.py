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
        self.emitted = lattice.emitted()
        self.levels = Levels(lattice, self.emitted)
        self.log_likelihood = self.levels.log_likelihood()
        self.rest = ~self.levels.held
        if self.rest.any():
            self.logs = self._logs()
            self.log_likelihood[self.rest] = self.logs.likelihood

    def occupancies(self) -> Iterator[tuple[int, Array | slice, Array]]:
        """For each sample its classes, and the probability of each in each frame, (T, classes).

        Other classes are never passed. Of an impossible sample these are no probabilities.
        """
        passed = self.levels.passed
        for n in np.flatnonzero(self.levels.held).tolist():
            yield n, *self.lattice.occupancy(n, passed[:, :, n])
        if self.levels.held.all():
            return
        if (self.rest == self.levels.held).any():  # more were given up on the way back
            self.rest = ~self.levels.held
            self.logs = self._logs()
        for i, n in enumerate(np.flatnonzero(self.rest).tolist()):
            yield n, *self.lattice.occupancy(n, self.logs.passed[:, :, i])

    def _logs(self) -> Logs:
        """The sums in logarithms of the rest of the samples."""
        if self.rest.all():
            return Logs(self.lattice, self.emitted)
        return Logs(self.lattice.samples(self.rest), self.emitted[:, self.rest])
