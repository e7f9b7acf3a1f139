"""The grid of frames by places in the extended target.

Its places come in W = S + 1 columns: a label and the blank behind it. Column 0 has no label, only the
blank before all labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from losscli.parameters import Array

BLANK, LABEL = 0, 1  # the two places of a column
FEW = 4  # classes for each place in the target, up to which they are all looked at


class Lattice(NamedTuple):
    """The grid of frames by places in the extended target, for each of n samples."""

    log_probs: Array  # (n, T, C)
    labels: Array  # z: (n, E), blank, label, blank, ..., with E = 2 S + 1
    skips: Array  # (n, E), whether a place is reached from two before it, skipping a blank
    frames: Array  # (n,)
    ends: Array  # (n,), 2 L, the last place

    @classmethod
    def of(
        cls,
        log_probs: Array,
        targets: Array,
        input_lengths: Array,
        target_lengths: Array,
        blank: int,
    ) -> Lattice:
        """The lattice of the samples as ctc has them."""
        labels = np.full((len(targets), 2 * targets.shape[1] + 1), blank, np.int64)
        # behind a sample's labels stands blank: a class that is not its own may hold anything
        own = np.arange(targets.shape[1]) < target_lengths[:, None]
        labels[:, 1::2] = np.where(own, targets, blank)
        skips = np.zeros(labels.shape, bool)
        skips[:, 2:] = labels[:, 2:] != labels[:, :-2]
        return cls(log_probs, labels, skips, input_lengths, 2 * target_lengths)

    def samples(self, which: Array) -> Lattice:
        """Some of the samples."""
        return Lattice(*(table[which] for table in self))

    def columns(self) -> Array:
        """The class of each column's label, (n, W); of column 0, blank."""
        return np.concatenate([self.labels[:, :1], self.labels[:, 1::2]], 1)

    def emitted(self) -> Array:
        """The log-probability of each column's label in each frame, (T, n, W).

        0 behind a sample's last frame and last label, whatever stands there.
        """
        frames, columns = self.log_probs.transpose(1, 0, 2), self.columns()
        length, samples, classes = frames.shape
        at = columns + np.arange(samples)[:, None] * classes
        emitted: Array = frames.reshape(length, -1).take(at.ravel(), 1).reshape(length, *at.shape)
        for n in np.flatnonzero(self.frames < length):
            emitted[self.frames[n] :, n] = 0
        beyond = np.arange(columns.shape[1]) > self.ends[:, None] // 2
        if beyond.any():
            emitted[:, beyond] = 0
        return emitted

    def infinite(self) -> Array:
        """Where a log-probability that counts is inf, (T, n, C): a label's; in the last frame an end's."""
        found: Array = self.log_probs.transpose(1, 0, 2) == np.inf
        for n in np.flatnonzero(found.any((0, 2)) & (self.frames > 0)):
            labels, last = self.labels[n, : self.ends[n] + 1], self.frames[n] - 1
            own = np.zeros((len(found), found.shape[2]), bool)
            own[:last, labels] = True
            own[last, labels[-2:]] = True
            found[:, n] &= own
        return found

    def ending(self) -> dict[int, tuple[Array, Array]]:
        """By its number, a frame that is the last one of some samples: these, and their last columns."""
        last = self.frames - 1
        rows = {t: np.flatnonzero(last == t) for t in np.unique(last).tolist()}
        return {t: (some, self.ends[some] // 2) for t, some in rows.items()}

    def occupancy(self, n: int, cells: Array) -> tuple[Array | slice, Array]:
        """The probability of each class in a sample's frames, (T, classes), from its cells, (T, 2, W).

        Returns the classes too: all where these are few, otherwise those that occur.
        """
        labels = self.columns()[n]
        classes: Array | slice = slice(None)
        width = self.log_probs.shape[2]
        if width > FEW * len(labels):
            classes, labels = np.unique(labels, return_inverse=True)
            width = len(classes)
        frames, passed = len(cells), cells[:, LABEL].copy()
        np.add.reduce(cells[:, BLANK], 1, out=passed[:, 0])
        at = np.arange(frames)[:, None] * width + labels
        sums = np.bincount(at.ravel(), passed.ravel(), frames * width)
        return classes, sums.reshape(frames, width)
