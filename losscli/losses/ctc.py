"""Connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from losscli import checks
from losscli.errors import KindError, RangeError, ShapeError
from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few
from losscli.layout import Laid, shape_text
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.work import Gradients, Show, Terms, quiet


def one_sample_a_row(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array
) -> dict[str, Laid]:
    """Samples first; concatenated targets are padded to one row a sample."""
    if log_probs.ndim not in (2, 3):
        raise ShapeError(
            f"ctc: log_probs has shape {shape_text(log_probs.shape)}; expected (T, N, C), or (T, C) for "
            "one sample."
        )
    frames, classes = log_probs.shape[0], log_probs.shape[-1]
    samples = log_probs.shape[1] if log_probs.ndim == 3 else 1
    if not log_probs.size:
        raise ShapeError(
            f"ctc: log_probs has shape {shape_text(log_probs.shape)}; at least one frame, sample and "
            "class are needed."
        )
    lengths = {
        "input_lengths": _lengths("input_lengths", input_lengths, samples, log_probs.shape),
        "target_lengths": _lengths("target_lengths", target_lengths, samples, log_probs.shape),
    }
    _at_most("input_lengths", lengths["input_lengths"], frames, "frames in log_probs")
    padded = _padded(targets, lengths["target_lengths"])
    inside = np.arange(padded.shape[1]) < lengths["target_lengths"][:, None]
    _check_labels(targets, padded, inside, classes)
    padded = np.where(inside, padded, 0)
    if log_probs.ndim == 2:
        return {
            "log_probs": Laid(log_probs, letters=("T", "C")),
            "targets": Laid(padded[0], letters=("S",)),
            **{name: Laid(array[0]) for name, array in lengths.items()},
        }
    return {
        "log_probs": Laid(log_probs, lambda a: a.transpose(1, 0, 2), ("T", "C")),
        "targets": Laid(padded, letters=("S",)),
        **{name: Laid(array) for name, array in lengths.items()},
    }


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """The same probability for every class in every frame, and one alignment that is certain."""
    log_probs = tensors["log_probs"]
    classes = log_probs.shape[-1]
    same = np.full(log_probs.shape, -np.log(classes))
    yield Guess(f"a uniform guess over {classes} classes in every frame", {"log_probs": same})
    laid = one_sample_a_row(**tensors)
    frames = np.asarray(laid["log_probs"].array).reshape(len(log_probs), -1, classes)
    certain = np.full(frames.shape, -np.inf)
    targets = np.atleast_2d(laid["targets"].array)
    lengths = np.atleast_1d(laid["target_lengths"].array)
    for n, (labels, length) in enumerate(zip(targets, lengths, strict=True)):
        path = _alignment(labels[:length].tolist(), options["blank"])
        path += [options["blank"]] * (len(log_probs) - len(path))
        certain[range(len(log_probs)), n, path[: len(log_probs)]] = 0
    yield Guess(PERFECT, {"log_probs": certain.reshape(log_probs.shape)})


def _alignment(labels: list[int], blank: int) -> list[int]:
    """The shortest way to say the labels: one frame each, with a blank between equal ones."""
    path: list[int] = []
    for label in labels:
        path += [blank, label] if path[-1:] == [label] else [label]
    return path


def ctc(
    log_probs: Annotated[
        Array,
        Tensor(
            "log-probabilities of each class in each frame, from log_softmax",
            "(T, N, C) or (T, C)",
            predicted=True,
            behind="log_softmax",
        ),
    ],
    targets: Annotated[
        Array,
        Tensor(
            "class indices of the labels, padded or one after the other",
            "(N, S) or (S)",
            "whole numbers",
            differentiable=False,
        ),
    ],
    input_lengths: Annotated[
        Array, Tensor("frames of each sample", "(N) or ()", "whole numbers", differentiable=False)
    ],
    target_lengths: Annotated[
        Array, Tensor("labels of each sample", "(N) or ()", "whole numbers", differentiable=False)
    ],
    *,
    blank: Annotated[int, Option("the class that stands for no label", at_least=0)] = 0,
    zero_infinity: Annotated[
        bool, Option("count impossible samples as 0, and give them no gradient")
    ] = False,
    show: Show = quiet,
) -> Annotated[
    Terms,
    Rows(
        "(N)",
        row="sample",
        layout=one_sample_a_row,
        least=32,
        divided="the length of its target",
        guesses=guesses,
    ),
]:
    """Minus the log-probability of a label sequence, summed over all its alignments to the frames.

    For speech and handwriting, where it is known which labels come, but not when: each frame gives a
    class or blank, repeats are merged, then blanks dropped. Where frame and label are already aligned,
    use cross-entropy.

    Formula
        z = blank, label 1, blank, label 2, ..., blank                       (extended target)
        a[0, s] = p[0, z[s]] for s = 0, 1
        a[t, s] = (a[t-1, s] + a[t-1, s-1] + a[t-1, s-2] if z[s] != z[s-2]) p[t, z[s]]
        l = -ln(a[T-1, 2L] + a[T-1, 2L-1]),  computed in logarithms
        mean: each l divided by its target's length (at least 1), then by the number of samples

    Shapes
        log_probs: (T, N, C), frames first; (T, C) for one sample.
        targets: (N, S) padded, or all labels of all samples one after the other.
        input_lengths, target_lengths: (N), or any shape of as many; a single number for one sample.

    Range
        log_probs: logarithms of probabilities, which is not checked, as in PyTorch. Labels: 0 to C - 1,
        usually not blank. The loss is at least 0 for true log-probabilities, and inf where the labels do
        not fit: a sample needs as many frames as labels, plus one for each label that repeats the one
        before it.

    Gradient
        dl/dlog_probs = exp(log_probs) - occupancy, where occupancy[t, c] is the probability, given the
        labels, of being at class c in frame t. This is PyTorch's convention: it is the derivative by
        the scores in front of a log_softmax. The plain derivative is -occupancy; explain shows both.
        nan for an impossible sample (0 with zero_infinity), and where log_probs is -inf, as in PyTorch.

    Pitfalls
        Raw scores instead of log-probabilities: no error, a meaningless and often negative number.
        The mean divides by target lengths first; it is not the mean of what none prints.
        The blank index among the labels gives a meaningless value. Where it is the last label, PyTorch's
        gradient of the last frame lacks a summand, and no longer adds up to 0; losscli's does.
        Of log-probabilities like -1e300 PyTorch's occupancies do not add up to 1; losscli's do.
        With zero_infinity an impossible sample still counts in the mean's denominator.

    Errors
        Lengths beyond the frames or the labels there are; labels outside 0 to C - 1; shapes other than
        these; blank outside 0 to C - 1.

    Source
        Graves et al., "Connectionist temporal classification", 2006; torch.nn.CTCLoss.
    """
    if blank >= log_probs.shape[-1]:
        raise RangeError(
            f"ctc: blank is {blank}, but log_probs has {log_probs.shape[-1]} classes, "
            f"0 to {log_probs.shape[-1] - 1}."
        )
    lattice = _lattice(log_probs, targets, input_lengths, target_lengths, blank)
    alpha = _forward(lattice)
    likelihood = _at_end(alpha, lattice)
    impossible = np.isneginf(likelihood)
    loss = -likelihood
    if zero_infinity:
        loss = np.where(impossible, 0, loss)
    lesson = _Lesson(show, lattice, likelihood, zero_infinity) if show is not quiet else None
    if lesson:
        lesson.value(loss)

    def gradient(share: Array) -> Gradients:
        def by_log_probs() -> Array:
            beta = _backward(lattice)
            occupancy = _occupancy(alpha, beta, likelihood, lattice)
            here = np.arange(log_probs.shape[1]) < input_lengths[:, None]
            d = np.exp(log_probs) - occupancy
            lost = impossible | np.isnan(likelihood)
            d = np.where(lost[:, None, None] | np.isneginf(log_probs), np.nan, d)
            if zero_infinity:
                here = here & ~impossible[:, None]
            d = np.where(here[..., None], share[:, None, None] * d, 0)
            if lesson:
                lesson.gradient(share, d)
            return d

        return {"log_probs": by_log_probs}

    return Terms(loss, gradient, divisor=np.maximum(target_lengths, 1).astype(log_probs.dtype))


class Lattice(NamedTuple):
    """The grid of frames by places in the extended target, for each of n samples."""

    log_probs: Array  # (n, T, C)
    labels: Array  # z: (n, E), blank, label, blank, ..., with E = 2 S + 1
    emitted: Array  # (n, T, E), the log-probability of each place's label in each frame
    skips: Array  # (n, E), whether a place is reached from two before it, skipping a blank
    frames: Array  # (n,)
    ends: Array  # (n,), 2 L, the last place


def _lattice(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, blank: int
) -> Lattice:
    labels = np.full((len(targets), 2 * targets.shape[1] + 1), blank, np.int64)
    # behind a sample's labels stands blank: a class that is not its own may hold anything
    own = np.arange(targets.shape[1]) < target_lengths[:, None]
    labels[:, 1::2] = np.where(own, targets, blank)
    emitted = np.take_along_axis(log_probs, labels[:, None, :], 2)
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = labels[:, 2:] != labels[:, :-2]
    return Lattice(log_probs, labels, emitted, skips, input_lengths, 2 * target_lengths)


def _forward(lattice: Lattice) -> Array:
    """The logarithm of the probability of all ways to each cell, (n, T, E)."""
    emitted, skips = lattice.emitted, lattice.skips
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


def _backward(lattice: Lattice) -> Array:
    """The logarithm of the probability of all ways from each cell to the end, its own label included.

    These are the ways to the cell when everything is read backwards.
    """
    _, labels, emitted, skips, frames, ends = lattice
    t = np.maximum(frames[:, None] - 1 - np.arange(emitted.shape[1]), 0)
    s = ends[:, None] - np.arange(labels.shape[1])
    inside, s = s >= 0, np.maximum(s, 0)

    def turned(table: Array) -> Array:
        by_time = np.take_along_axis(table, t[:, :, None], 1)
        return np.take_along_axis(by_time, s[:, None, :], 2)

    backwards = np.zeros_like(skips)  # a skip from s to s + 2, seen from the other end
    backwards[:, 2:] = np.take_along_axis(skips, s, 1)[:, :-2]
    forth = _forward(lattice._replace(emitted=turned(emitted), skips=backwards))
    beta = turned(forth)
    beyond = np.arange(emitted.shape[1]) >= frames[:, None]
    return np.where(beyond[:, :, None] | ~inside[:, None, :], -np.inf, beta)


def _at_end(alpha: Array, lattice: Lattice) -> Array:
    """The log-likelihood: both ways to end, in the last label or in the blank behind it."""
    rows = np.arange(len(alpha))
    last = np.maximum(lattice.frames - 1, 0)
    in_blank = alpha[rows, last, lattice.ends]
    in_label = np.where(
        lattice.ends > 0, alpha[rows, last, np.maximum(lattice.ends - 1, 0)], -np.inf
    )
    likelihood = _log_sum(in_blank, in_label)
    nothing = np.where(lattice.ends > 0, -np.inf, 0)  # no frame at all
    return np.where(lattice.frames > 0, likelihood, nothing).astype(alpha.dtype)


def _occupancy(alpha: Array, beta: Array, likelihood: Array, lattice: Lattice) -> Array:
    """The probability of each class in each frame, given the labels, (n, T, C)."""
    through = np.exp(alpha + beta - lattice.emitted - likelihood[:, None, None])
    occupancy = np.zeros_like(lattice.log_probs)
    for n, labels in enumerate(lattice.labels):
        order = np.argsort(labels, kind="stable")
        classes, starts = np.unique(labels[order], return_index=True)
        occupancy[n][:, classes] = np.add.reduceat(through[n][:, order], starts, axis=1)
    return occupancy


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


def _lengths(name: str, lengths: Array, samples: int, shape: tuple[int, ...]) -> Array:
    """The lengths of all samples, (n,), from an array of any shape."""
    whole = checks.whole_numbers("ctc", name, lengths) if lengths.dtype.kind in "iu" else None
    if whole is None:
        raise KindError(
            f"ctc: {name} holds {checks.kind_text(lengths)}; expected whole numbers, one for each sample."
        )
    if whole.size != samples:
        swapped = len(shape) == 3 and whole.shape == (shape[0],)
        hint = " Frames come first in log_probs: did you swap T and N?" if swapped else ""
        raise ShapeError(
            f"ctc: {name} has shape {shape_text(whole.shape)}, but log_probs, (T, N, C) = "
            f"{shape_text(shape)}, has {samples} samples; expected {shape_text((samples,))}.{hint}"
            if len(shape) == 3
            else f"ctc: {name} has shape {shape_text(whole.shape)}, but log_probs, (T, C) = "
            f"{shape_text(shape)}, is one sample; expected a single number."
        )
    whole = whole.reshape(samples).astype(np.int64)
    if (whole < 0).any():
        n = int(np.argmax(whole < 0))
        raise RangeError(f"ctc: {name}[{n}] is {whole[n]}; a length is at least 0.")
    return whole


def _at_most(name: str, lengths: Array, most: int, what: str) -> None:
    if (lengths > most).any():
        n = int(np.argmax(lengths > most))
        raise RangeError(f"ctc: {name}[{n}] is {lengths[n]}, but there are {most} {what}.")


def _padded(targets: Array, lengths: Array) -> Array:
    """The labels with one row a sample, (n, S)."""
    labels = checks.whole_numbers("ctc", "targets", targets)
    samples = len(lengths)
    if labels.ndim == 2:
        if len(labels) != samples:
            raise ShapeError(
                f"ctc: targets has shape {shape_text(labels.shape)}, but there are {samples} samples; "
                f"expected ({samples}, S), or all labels one after the other."
            )
        _at_most("target_lengths", lengths, labels.shape[1], "labels in a row of targets")
        return labels
    if labels.ndim != 1 or labels.size != lengths.sum():
        raise ShapeError(
            f"ctc: targets has shape {shape_text(labels.shape)}, but target_lengths add up to "
            f"{lengths.sum()}; expected that many labels one after the other, or ({samples}, S)."
        )
    padded = np.zeros((samples, int(lengths.max(initial=0))), np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = labels
    return padded


def _check_labels(targets: Array, padded: Array, inside: Array, classes: int) -> None:
    outside = inside & ((padded < 0) | (padded >= classes))
    if not outside.any():
        return
    n, s = np.argwhere(outside)[0]
    at = f"[{n}, {s}]" if targets.ndim == 2 else f"[{int(inside[:n].sum()) + s}]"
    raise RangeError(
        f"ctc: targets{at} is {padded[n, s]}, but log_probs has {classes} classes, 0 to {classes - 1}."
    )


class _Lesson:
    """The steps that are shown: the same recursions with plain probabilities, as they are on paper.

    Where these underflow, they are shown relative to each frame's most probable class; where that
    underflows too, the lattice is left out, as it was computed in logarithms.
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
        self.shown = not ((self.alike < 1e-280) & np.isfinite(likelihood)).any()

    def value(self, loss: Array) -> None:
        show, (_, labels, _, skips, frames, ends) = self.show, self.lattice
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
            show("l = -log_likelihood", loss, "computed in logarithms", given=given)
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
                "in logarithms",
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
        _, _, _, skips, _, _ = self.lattice
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
        _, _, _, skips, frames, ends = self.lattice
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
