"""Negative log-likelihood of class log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli import checks
from losscli.guesses import PERFECT, Guess, Options, Tensors, uniform
from losscli.layout import Laid, classes_last, one_label_a_row
from losscli.numerics import label_weights, labels_of, pick
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.slopes import Picked
from losscli.work import Gradients, Show, Terms, quiet


def log_probs_and_labels(input: Array, target: Array, weight: Array | None) -> dict[str, Laid]:
    """Log-probabilities by class in the last axis, and one class index for each row."""
    scores = classes_last("nll", input)
    return {"input": scores} | one_label_a_row("nll", scores, target, weight)


def row_weights(input: Array, target: Array, weight: Array | None, *, ignore_index: int) -> Array:
    """What each row counts for in a mean: its target's weight, 0 if ignored."""
    checks.class_indices("nll", "target", target, input.shape[-1], ignore_index)
    return label_weights(*labels_of(target, ignore_index), weight, input.dtype)


def guesses(tensors: Tensors, options: Options, few: bool) -> Iterator[Guess]:
    """All the probability on the true class, and the same for every class; one row stands for all."""
    input = tensors["input"]
    classes = input.shape[min(1, input.ndim - 1)]
    label = np.array(1 if options["ignore_index"] == 0 else 0)
    if classes < 2:
        return
    row = {"input": np.zeros(classes), "target": label}
    yield Guess(PERFECT, row, alike=True)
    yield uniform(classes, {**row, "input": np.full(classes, -np.log(classes))}, alike=True)


def nll(
    input: Annotated[
        Array, Tensor("log-probabilities, one for each class", "(N, C, *) or (C)", predicted=True)
    ],
    target: Annotated[Array, Tensor("class indices", "(N, *) or ()", "indices")],
    weight: Annotated[
        Array | None,
        Tensor("factor of each class", "(C)", differentiable=False, broadcasts="no"),
    ] = None,
    *,
    ignore_index: Annotated[int, Option("rows with this target are left out")] = -100,
    show: Show = quiet,
) -> Annotated[
    Terms,
    Rows(
        "(N, *)",
        row="row",
        layout=log_probs_and_labels,
        counts=row_weights,
        counted="the weights of the targets",
        guesses=guesses,
        sparse=16,
    ),
]:
    """Minus the log-probability that was given for the true class.

    For one class out of many, behind a log_softmax. It takes no logarithm itself: the input must be
    log-probabilities. For raw scores use cross-entropy, which is this behind a log_softmax, and
    sharper where a prediction is confident and right.

    Formula
        l = -w[y] x[y]                            with x = input, y = target, w = weight, 1 when not given

    Shapes
        input: (N, C), (N, C, d1, ...) or (C); the class axis is the second one.
        target: as input without the class axis. weight: (C).

    Range
        input: log-probabilities, at most 0, which PyTorch does not check. Indices 0 to C - 1, or
        ignore_index. The loss of log-probabilities is at least 0.

    Gradient
        dl/dinput = -w[y] in the target's class, 0 in the others. PyTorch has none for weight.

    Pitfalls
        Fed with probabilities it is minus the probability, between -1 and 0; fed with raw scores it has
        no lower bound.
        The mean divides by the sum of the targets' weights, and leaves ignored rows out.
        All rows ignored, or only weights of 0: the mean is 0/0 = nan.
        A weight of 0 times a log-probability of -inf is nan; an ignored row is 0 whatever it holds.

    Errors
        A target of another shape, or an index outside 0 to C - 1; a target of floating-point numbers.
        Beside input (C) PyTorch takes a target (1), too, but fails to differentiate; here it is refused.

    Source
        torch.nn.NLLLoss.
    """
    checks.class_indices("nll", "target", target, input.shape[-1], ignore_index)
    label, ignored = labels_of(target, ignore_index)
    weighted = weight is not None or ignored is not None
    counts = label_weights(label, ignored, weight, input.dtype) if weighted else None

    def unless_ignored(text: str) -> str:
        return text if ignored is None else f"where(target == ignore_index, 0, {text})"

    logp = pick(input, label)
    if ignored is not None:
        logp[ignored] = 0
    show(
        f"logp = {unless_ignored('pick(input, target)')}",
        logp,
        "log-probability of the target",
        picks="target",
    )
    if weighted:
        text = "1" if weight is None else "pick(weight, target)"
        show(f"w = {unless_ignored(text)}", counts, "weight of the row")
    text = "-w * logp" if weighted else "-logp"
    costs = logp if counts is None else counts * logp
    loss = show(f"l = {text}", 0 - costs, "loss of the row")  # 0, not -0, where ignored

    def gradient(share: Array) -> Gradients:
        def by_input() -> Picked:
            slopes = -share if counts is None else -share * counts
            if ignored is not None:
                slopes[ignored] = 0
            d = Picked(slopes, label, input.shape[-1])
            if show is not quiet:
                text = f"where(c == target, {'-share * w' if weighted else '-share'}, 0)"
                show(f"d_input = {unless_ignored(text)}", np.asarray(d), picks="target")
            return d

        return {"input": by_input}

    return Terms(loss, gradient, counts)
