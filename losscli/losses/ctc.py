"""Connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli import checks
from losscli.errors import KindError, RangeError, ShapeError, count_of
from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few
from losscli.lattice import Alignments
from losscli.lattice.grid import Lattice
from losscli.lattice.logs import exp
from losscli.lattice.steps import Lesson
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
    _at_most("input_lengths", lengths["input_lengths"], frames, "frame", "log_probs")
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
        l = -ln(a[T-1, 2L] + a[T-1, 2L-1]),  computed so that nothing underflows
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
            f"ctc: blank is {blank}, but log_probs has {count_of(log_probs.shape[-1], 'class')}, "
            f"0 to {log_probs.shape[-1] - 1}."
        )
    lattice = Lattice.of(log_probs, targets, input_lengths, target_lengths, blank)
    alignments = Alignments(lattice)
    likelihood = alignments.log_likelihood
    impossible = np.isneginf(likelihood)
    loss = -likelihood
    if zero_infinity:
        loss = np.where(impossible, 0, loss)
    lesson = Lesson(show, lattice, likelihood, zero_infinity) if show is not quiet else None
    if lesson:
        lesson.value(loss)

    def gradient(share: Array) -> Gradients:
        def by_log_probs() -> Array:
            frames = log_probs.transpose(1, 0, 2)
            d = exp(frames)
            for n, classes, occupancy in alignments.occupancies():
                d[:, n, classes] -= occupancy
            d *= share[:, None]
            lost = impossible | np.isnan(likelihood)
            d[:, lost] = np.nan
            np.copyto(d, np.nan, where=np.isneginf(frames) | lattice.infinite())
            for n, length in enumerate(input_lengths):
                d[0 if zero_infinity and impossible[n] else length :, n] = 0
            if lesson:
                lesson.gradient(share, d.transpose(1, 0, 2))
            return d.transpose(1, 0, 2)

        return {"log_probs": by_log_probs}

    return Terms(loss, gradient, divisor=np.maximum(target_lengths, 1).astype(log_probs.dtype))


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
            f"{shape_text(shape)}, has {count_of(samples, 'sample')}; "
            f"expected {shape_text((samples,))}.{hint}"
            if len(shape) == 3
            else f"ctc: {name} has shape {shape_text(whole.shape)}, but log_probs, (T, C) = "
            f"{shape_text(shape)}, is one sample; expected a single number."
        )
    whole = whole.reshape(samples).astype(np.int64)
    if (whole < 0).any():
        n = int(np.argmax(whole < 0))
        raise RangeError(f"ctc: {name}[{n}] is {whole[n]}; a length is at least 0.")
    return whole


def _at_most(name: str, lengths: Array, most: int, what: str, of: str) -> None:
    if (lengths > most).any():
        n = int(np.argmax(lengths > most))
        raise RangeError(f"ctc: {name}[{n}] is {lengths[n]}, but {of} has {count_of(most, what)}.")


def _padded(targets: Array, lengths: Array) -> Array:
    """The labels with one row a sample, (n, S)."""
    labels = checks.whole_numbers("ctc", "targets", targets)
    samples = len(lengths)
    if labels.ndim == 2:
        if len(labels) != samples:
            raise ShapeError(
                f"ctc: targets has shape {shape_text(labels.shape)}, but log_probs has "
                f"{count_of(samples, 'sample')}; expected ({samples}, S), or all labels one after the other."
            )
        _at_most("target_lengths", lengths, labels.shape[1], "label", "a row of targets")
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
        f"ctc: targets{at} is {padded[n, s]}, but log_probs has {count_of(classes, 'class')}, "
        f"0 to {classes - 1}."
    )
