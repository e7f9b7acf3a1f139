"""Cross-entropy of raw scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np

from losscli import checks
from losscli.errors import KindError, UsageError
from losscli.guesses import FAR, PERFECT, Guess, Options, Tensors, uniform
from losscli.layout import Laid, classes_last, one_label_a_row, shape_text
from losscli.numerics import by_row, dots, label_weights, labels_of, one_hot, pick, put, row_sums
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.softmax import Softmax, log_probabilities, softmax_parts
from losscli.work import Gradients, Show, Terms, quiet


def scores_and_targets(input: Array, target: Array, weight: Array | None) -> dict[str, Laid]:
    """Scores by class in the last axis; the target's shape decides whether it holds indices."""
    scores = classes_last("cross-entropy", input)
    shape = shape_text(input.shape)
    rows = shape_text(scores.rows)
    if target.shape != input.shape:
        alternative = f", or class probabilities of shape {shape}"
        laid = one_label_a_row("cross-entropy", scores, target, weight, alternative)
        if target.dtype.kind == "f":
            first = checks.number_text(target.flat[0]) if target.size else "none"
            raise KindError(
                f"cross-entropy: target has shape {shape_text(target.shape)} and so holds class "
                f"indices, but its numbers are floating-point numbers (the first is {first}); give "
                f"whole numbers, or class probabilities of shape {shape}."
            )
        return {"input": scores} | laid
    if target.dtype.kind != "f":
        raise KindError(
            f"cross-entropy: target has the shape of input, {shape}, and so holds class "
            "probabilities, but its numbers are whole numbers; give them as floating-point numbers, "
            f"or class indices of shape {rows}."
        )
    return {"input": scores, "target": replace(scores, array=target)}


def row_weights(
    input: Array,
    target: Array,
    weight: Array | None,
    *,
    ignore_index: int,
    label_smoothing: float,
) -> Array | None:
    """What each row counts for in a mean: its target's weight, 0 if ignored; None is 1 everywhere."""
    if target.ndim == input.ndim:
        return None
    classes = input.shape[-1]
    checks.class_indices("cross-entropy", "target", target, classes, ignore_index)
    return label_weights(*labels_of(target, ignore_index), weight, input.dtype)


def guesses(tensors: Tensors, options: Options, few: bool) -> Iterator[Guess]:
    """The least that the targets allow, and the same probability for every class.

    Of class indices one row stands for all, unless smoothing spreads the weights of other classes.
    """
    input, target, weight = tensors["input"], tensors["target"], tensors.get("weight")
    axis, smoothing = min(1, input.ndim - 1), options["label_smoothing"]
    classes = input.shape[axis]
    labels = target.dtype.kind in "iu"
    alike = labels and (weight is None or not smoothing)
    if classes < 2 or not (alike or few):
        return
    row: Tensors = {}
    if alike:
        row, axis = {"target": np.array(1 if options["ignore_index"] == 0 else 0)}, 0
        q = one_hot(row["target"], classes)
    elif labels:
        q = one_hot(target % classes, classes)
    else:
        q = np.moveaxis(target, axis, -1)
    q = q * (1 - smoothing) + smoothing / classes
    wq = q if alike or weight is None else q * weight.reshape(-1)
    shape = np.moveaxis(wq, -1, axis).shape
    yield uniform(classes, {**row, "input": np.zeros(shape)}, alike=alike)
    if (wq >= 0).all():
        best = np.log(np.where(wq > 0, wq, np.exp(-1.0)))
        best = np.where(wq > 0, best, -FAR)
        floor = f"the floor of label smoothing {smoothing:g}" if smoothing else ""
        floor = floor if labels else "the floor of these soft targets"
        least = {**row, "input": np.moveaxis(best, -1, axis)}
        yield Guess(PERFECT, least, otherwise=floor, alike=alike)


def cross_entropy(
    input: Annotated[
        Array, Tensor("raw scores (logits), one for each class", "(N, C, *) or (C)", predicted=True)
    ],
    target: Annotated[
        Array,
        Tensor(
            "class indices, or class probabilities", "(N, *) or (N, C, *)", "indices or numbers"
        ),
    ],
    weight: Annotated[
        Array | None,
        Tensor("factor of each class", "(C)", differentiable="target", broadcasts="no"),
    ] = None,
    *,
    ignore_index: Annotated[int, Option("rows with this target are left out")] = -100,
    label_smoothing: Annotated[
        float, Option("share of each target spread over all classes", at_least=0, at_most=1)
    ] = 0.0,
    show: Show = quiet,
) -> Annotated[
    Terms,
    Rows(
        "(N, *)",
        row="row",
        layout=scores_and_targets,
        counts=row_weights,
        counted="the weights of the targets",
        guesses=guesses,
    ),
]:
    """Minus the log-probability that a softmax of raw scores gives to the true class.

    For one class out of many. It takes raw scores and does the softmax itself: nll takes log-softmax
    output. For several labels at once use bce-with-logits or multi-label-soft-margin.

    Formula
        ln p = x - m - ln(sum(exp(x - m)))        with x = input, m = max(x)
        l = -w[y] ln p[y]                         for a class index y
        l = -sum(w q ln p)                        for class probabilities q
        with label smoothing e:  l = (1 - e) l + e / C sum(-w ln p)

    Shapes
        input: (N, C), (N, C, d1, ...) or (C); the class axis is the second one.
        target: as input without the class axis for class indices, exactly as input for probabilities.
        weight: (C).

    Range
        input: any numbers. Indices 0 to C - 1, or ignore_index. Probabilities are not checked, as in
        PyTorch. The loss is at least 0 for weights and probabilities that are.

    Gradient
        dl/dinput = w[y] (p - q), q the one-hot or given target, smoothed if asked for.
        For probabilities also dl/dtarget = -w ln p and dl/dweight = -q ln p.
        Where the prediction is confident and right, value and gradient keep all their digits: losses
        like 1e-40, where PyTorch says 0.

    Pitfalls
        The mean over class indices divides by the sum of their weights, and leaves ignored rows out; the
        mean over probabilities divides by the number of rows, also with weights.
        Softmax output as input: the loss cannot fall below ln(1 + (C - 1)/e).
        All rows ignored, or only targets of weight 0: the mean is 0/0 = nan, also with smoothing.
        With smoothing, weights that are infinite or cancel give nan where PyTorch gives inf, or inf for nan.
        ignore_index leaves rows out; its class stays in the softmax.
        With smoothing and scores near the largest float PyTorch's sums may be inf where this is finite.

    Errors
        A target of another shape, an index outside 0 to C - 1, ignore_index of 0 or more with
        probabilities.
        Beside input (C) PyTorch takes a target (1), too, but fails to differentiate; here it is refused.

    Source
        torch.nn.CrossEntropyLoss; label smoothing: Szegedy et al., "Rethinking the inception
        architecture", 2016.
    """
    if target.ndim < input.ndim:
        classes = input.shape[-1]
        checks.class_indices("cross-entropy", "target", target, classes, ignore_index)
        if not label_smoothing:
            return _of_labels(input, target, weight, ignore_index, show)
    elif ignore_index >= 0:
        raise UsageError(
            f"cross-entropy: ignore_index is {ignore_index}, but target holds class probabilities, "
            "where no row can be ignored; leave it out."
        )
    return _of_distributions(input, target, weight, ignore_index, label_smoothing, show)


def _of_labels(
    input: Array, target: Array, weight: Array | None, ignore_index: int, show: Show
) -> Terms:
    """The loss of class indices without smoothing: only the target's class enters."""
    label, ignored = labels_of(target, ignore_index)
    weighted = weight is not None or ignored is not None
    counts = label_weights(label, ignored, weight, input.dtype) if weighted else None
    soft = softmax_parts(input, label)
    _show_log_of_sum(input, soft, show)

    def unless_ignored(text: str) -> str:
        return text if ignored is None else f"where(target == ignore_index, 0, {text})"

    logp = -soft.surprise()
    if ignored is not None:
        logp[ignored] = 0
    show(
        f"logp = {unless_ignored('pick(input, target) - lse')}",
        logp,
        "log-probability of the target",
        picks="target",
    )
    if weighted:
        text = "1" if weight is None else "pick(weight, target)"
        show(f"w = {unless_ignored(text)}", counts, "weight of the row", picks="target")
    text = "-w * logp" if weighted else "-logp"
    costs = logp if counts is None else counts * logp
    loss = show(f"l = {text}", 0 - costs, "loss of the row")  # 0, not -0, where ignored

    def gradient(share: Array) -> Gradients:
        def by_input() -> Array:
            s = share if counts is None else share * counts
            if ignored is not None:
                s[ignored] = 0
            part = s / (soft.unit + soft.rest)
            less = _show_less_target(soft, target, show) if show is not quiet else ""
            d = by_row(np.multiply, soft.exps, part, soft.exps)
            # p - 1 of the target's class is -rest / (unit + rest), without rounding
            put(d, label, -part * soft.rest)
            each = "share * w" if weighted else "share"
            return show(f"d_input = {unless_ignored(f'{each} * {less}')}", d, picks="target")

        return {"input": by_input}

    return Terms(loss, gradient, counts)


def _of_distributions(
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    show: Show,
) -> Terms:
    """The loss of class probabilities, given or made from class indices by smoothing."""
    classes = input.shape[-1]
    input, target = np.ascontiguousarray(input), np.ascontiguousarray(target)
    soft = softmax_parts(input)
    _show_log_of_sum(input, soft, show)
    of_labels = target.ndim < input.ndim
    counts, ignored, label, text = None, None, target, "target"
    spread = label_smoothing / classes
    if of_labels:
        label, ignored = labels_of(target, ignore_index)
        counts = label_weights(label, ignored, weight, input.dtype)
        on = 1 - label_smoothing + spread
        q = one_hot(target, classes, input.dtype, on=on, off=spread)
        text = "where(c == target, 1, 0)"
    else:
        q = target * (1 - label_smoothing) + spread if label_smoothing else target
    if label_smoothing:
        text = f"(1 - label_smoothing) * {text} + label_smoothing / C"
    show(f"q = {text}", q, "target distribution", constants={"C": classes})
    logp = show("logp = input - lse", log_probabilities(input, soft), "log-probabilities")
    wq, wq_text = (q, "q") if weight is None else (weight * q, "weight * q")
    loss = -dots(wq, logp)
    if of_labels and label_smoothing == 1:
        loss += 0 * pick(logp, label)  # PyTorch: 0 times the unsmoothed loss
    text = f"-sum({wq_text} * logp)"
    if ignored is not None:
        loss[ignored] = 0
        text = f"where(target == ignore_index, 0, {text})"
    show(f"l = {text}", loss, "loss of the row")
    if of_labels and (weight is not None or ignored is not None):
        inner = "1" if weight is None else "pick(weight, target)"
        text = inner if ignored is None else f"where(target == ignore_index, 0, {inner})"
        show(f"w = {text}", counts, "weight of the row in the mean")

    def gradient(share: Array) -> Gradients:
        s = (share if ignored is None else np.where(ignored, 0, share))[..., None]
        on = "share" if ignored is None else "where(target == ignore_index, 0, share)"

        def by_input() -> Array:
            if show is not quiet:
                show("p = exp(logp)", soft.probabilities(), "softmax")
                show(f"t = sum({wq_text})", row_sums(wq), "the target's mass")
            top = pick(wq, soft.apart)
            others = np.array(wq, order="C")
            put(others, soft.apart, 0)
            left, whole = row_sums(others), soft.unit + soft.rest
            d = by_row(np.multiply, soft.exps, (left + top) / whole, soft.exps)
            d -= others
            # of the class set apart, 1 - p is rest / whole without rounding
            put(d, soft.apart, (left * soft.unit - top * soft.rest) / whole)
            d *= s
            text = f"{on} * (p * t - {wq_text})"
            if of_labels and not np.isfinite(s).all():
                d += 0 * s  # PyTorch: infinity times a weight of 0, of the loss without smoothing
                text += f" + 0 * {on}"
            return show(f"d_input = {text}", d)

        def by_target() -> Array:
            factor, w = (1 - label_smoothing), 1 if weight is None else weight
            text = "-share" + (" * (1 - label_smoothing)" if label_smoothing else "")
            text += " * weight * logp" if weight is not None else " * logp"
            return show(f"d_target = {text}", -s * factor * w * logp)

        return {
            "input": by_input,
            "target": by_target,
            "weight": lambda: show(
                "d_weight = -share * q * logp", -s * q * logp, "summed over rows"
            ),
        }

    return Terms(loss, gradient, counts)


def _show_log_of_sum(input: Array, soft: Softmax, show: Show) -> None:
    """Shows the largest score and the log of the summed exps, by the textbook's formulas."""
    if show is quiet:
        return
    show("m = max(input)", input.max(-1, keepdims=True), "largest score")
    show("lse = m + log(sum(exp(input - m)))", soft.log_of_sum(), "log of the summed exps")


def _show_less_target(soft: Softmax, target: Array, show: Show) -> str:
    """Shows p and q; the formula of p - q, in which no digits are lost for a confident row."""
    p = show("p = exp(input - lse)", soft.probabilities(), "softmax", picks="target")
    q = one_hot(target, p.shape[-1], p.dtype)
    if (soft.rest > 1e-6 * soft.unit).all():
        show("q = where(c == target, 1, 0)", q, "the target as 0 and 1", picks="target")
        return "(p - q)"
    others = np.where(q == 1, 0, p).sum(-1)
    show("miss = sum(where(c == target, 0, p))", others, "1 - p of the target")
    return "where(c == target, -miss, p)"
