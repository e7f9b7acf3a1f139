"""The lattice as it is shown, step by step."""

from __future__ import annotations

import numpy as np

from losscli.lattice.grid import Lattice
from losscli.parameters import Array
from losscli.work import Show


class Lesson:
    """The steps that are shown: the same recursions with plain probabilities, as they are on paper.

    Where these underflow, they are shown relative to each frame's most probable class; where that
    underflows too, or meets inf - inf, the lattice is left out.
    """

    def __init__(
        self, show: Show, lattice: Lattice, likelihood: Array, zero_infinity: bool
    ) -> None:
        self.show = show
        self.zero_infinity = zero_infinity
        self.lattice = lattice
        self.likelihood = likelihood
        logs = lattice.log_probs.astype(np.float64)
        self.best = logs.max(2)
        most = 650 if likelihood.dtype == np.float64 else 80  # what an exponential can hold
        extreme = np.abs(likelihood[np.isfinite(likelihood)]) > most
        self.relative = bool(extreme.any() or (self.best > most).any())
        self.p = np.exp(logs - self.best[..., None]) if self.relative else np.exp(logs)
        self.emitted = np.take_along_axis(self.p, lattice.labels[:, None, :], 2)
        n, frames, places = self.emitted.shape
        within = np.arange(places) <= lattice.ends[:, None]
        self.cells = (np.arange(frames) < lattice.frames[:, None])[:, :, None] & within[:, None, :]
        self.within = within
        self.alpha = self._forward()
        self.alike = self._alike()
        underflows = (self.alike < 1e-280) & np.isfinite(likelihood)
        # inf - inf, where the logarithms met none
        strays = np.isnan(self.alike) & ~np.isnan(likelihood)
        self.shown = not (underflows | strays).any()

    def value(self, loss: Array) -> None:
        show, (_, labels, skips, frames, ends) = self.show, self.lattice
        show(
            "z = where(s % 2 == 0, blank, targets[(s - 1) / 2])",
            labels,
            "the target with blanks between",
            axes=("row", "S"),
            cells=self.within,
        )
        show(
            "skip = where(s < 2, 0, where(z[s] == z[s - 2], 0, 1))",
            skips.astype(int),
            "whether a blank may be skipped",
            axes=("row", "S"),
            cells=self.within,
        )
        if not self.shown:
            given = {"log_likelihood": self.likelihood}
            show("l = -log_likelihood", loss, "computed without underflow", given=given)
            return
        if self.relative:
            show("best = max(log_probs)", self.best, "most probable class")
            show("p = exp(log_probs - best)", self.p, "relative to the best")
        else:
            show("p = exp(log_probs)", self.p, "probabilities")
        show(
            "alpha = where(t == 0 and s < 2, p[t, z[s]], "
            "(alpha[t - 1, s] + alpha[t - 1, s - 1] + skip[s] * alpha[t - 1, s - 2]) * p[t, z[s]])",
            self.alpha,
            "all ways here: stay, step, skip",
            axes=("row", "T", "S"),
            cells=self.cells,
        )
        show("last = input_lengths - 1", frames - 1, "the last frame")
        show("end = 2 * target_lengths", ends, "the last place")
        text = "alpha[last, end] + alpha[last, end - 1]"
        if not frames.all():
            text = f"where(input_lengths == 0, where(target_lengths == 0, 1, 0), {text})"
        show(f"likelihood = {text}", self.alike, "ends in last label or blank")
        text = "-log(likelihood)"
        if self.relative:
            text = "-log(likelihood) - sum(where(t < input_lengths, best, 0))"
        if self.zero_infinity:
            text = f"where(likelihood == 0, 0, {text})"
        show(
            f"l = {text}",
            loss,
            "loss of the sample",
            remedy="No alignment fits into the frames: give more of them, or ask for zero_infinity",
        )

    def gradient(self, share: Array, d: Array) -> None:
        show = self.show
        if not self.shown:
            share_given = {"computed": d}
            show(
                "d_log_probs = computed",
                d,
                "computed without underflow",
                given=share_given,
                axes=("row", "T", "C"),
            )
            return
        beta = show(
            "beta = where(t == last and s >= end - 1, 1, "
            "beta[t + 1, s] * p[t + 1, z[s]] + beta[t + 1, s + 1] * p[t + 1, z[s + 1]]"
            " + skip[s + 2] * beta[t + 1, s + 2] * p[t + 1, z[s + 2]])",
            self._backward(),
            "all ways from here to the end",
            axes=("row", "T", "S"),
            cells=self.cells,
        )
        o = show(
            "o = alpha * beta / likelihood",
            self.alpha * beta / self.alike[:, None, None],
            "being at each place",
            cells=self.cells,
        )
        classes = np.arange(self.p.shape[2])
        of_class = self.lattice.labels[:, :, None] == classes
        frames = self.cells[:, :, :1].repeat(len(classes), 2)
        occupancy = np.where(of_class[:, None], np.where(self.cells, o, 0)[..., None], 0).sum(2)
        show(
            "occupancy = sum(where(z == c, o, 0), S)",
            occupancy,
            "of being at each class",
            axes=("row", "T", "C"),
            cells=frames,
        )
        p = "exp(log_probs)" if self.relative else "p"
        log_probs = self.lattice.log_probs.astype(np.float64)
        worked = share[:, None, None] * (np.exp(log_probs) - occupancy)
        text = f"where(t < input_lengths, share * ({p} - occupancy), 0)"
        if self.zero_infinity:
            worked = np.where((self.alike == 0)[:, None, None], 0, worked)
            text = f"where(likelihood == 0, 0, {text})"
        worked = np.where(np.isfinite(worked) & ~np.isinf(d), worked, d)
        frames &= ~np.isnan(d) | np.isnan(worked)  # what PyTorch makes nan has no arithmetic
        show(
            f"d_log_probs = {text}",
            np.where(self.cells[:, :, :1], worked, 0),
            "as PyTorch returns it: the derivative by the scores in front of a log_softmax",
            axes=("row", "T", "C"),
            cells=frames,
        )
        show(
            "partial = -occupancy",
            -occupancy,
            "for comparison: the plain derivative of l by log_probs, which PyTorch does not return",
            cells=frames,
        )

    def _forward(self) -> Array:
        skips = self.lattice.skips
        alpha = np.zeros_like(self.emitted)
        alpha[:, 0, :2] = self.emitted[:, 0, :2]
        for t in range(1, alpha.shape[1]):
            ways = alpha[:, t - 1].copy()
            ways[:, 1:] += alpha[:, t - 1, :-1]
            ways[:, 2:] += skips[:, 2:] * alpha[:, t - 1, :-2]
            alpha[:, t] = ways * self.emitted[:, t]
        return np.where(self.cells, alpha, 0)

    def _alike(self) -> Array:
        """The likelihood, from the alphas at the end."""
        frames, ends = self.lattice.frames, self.lattice.ends
        rows = np.arange(len(ends))
        last = np.maximum(frames - 1, 0)
        in_label = self.alpha[rows, last, np.maximum(ends - 1, 0)]
        alike: Array = self.alpha[rows, last, ends] + np.where(ends > 0, in_label, 0)
        return np.where(frames > 0, alike, ends == 0)

    def _backward(self) -> Array:
        _, _, skips, frames, ends = self.lattice
        beta = np.zeros_like(self.emitted)
        places = np.arange(beta.shape[2])
        start = (places >= ends[:, None] - 1) & self.within
        for t in reversed(range(beta.shape[1])):
            if t + 1 < beta.shape[1]:
                on = beta[:, t + 1] * self.emitted[:, t + 1]
                ways = on.copy()
                ways[:, :-1] += on[:, 1:]
                ways[:, :-2] += skips[:, 2:] * on[:, 2:]
                beta[:, t] = ways
            beta[:, t] = np.where((frames == t + 1)[:, None], start, beta[:, t])
        return np.where(self.cells, beta, 0)
