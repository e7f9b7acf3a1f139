"""The grid of frames by places in the extended target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from losscli.parameters import Array

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

    def by_class(self, n: int, through: Array, labels: Array) -> tuple[Array | slice, Array]:
        """What passes each place of a sample's frames, (T, places), added up by the places' labels.

        Returns the classes and their sums; all classes where these are few, otherwise those that occur.
        """
        classes: Array | slice = slice(None)
        width = self.log_probs.shape[2]
        if width > FEW * len(labels):
            classes, labels = np.unique(labels, return_inverse=True)
            width = len(classes)
        frames = len(through)
        cells = np.arange(frames)[:, None] * width + labels
        sums = np.bincount(cells.ravel(), through.ravel(), frames * width)
        return classes, sums.reshape(frames, width)
