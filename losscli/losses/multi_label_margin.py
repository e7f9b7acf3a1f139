"""Multi-label margin loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli import checks
from losscli.errors import ShapeError
from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few
from losscli.layout import Laid, shape_text, table_of_scores
from losscli.numerics import by_row, flags, pick, row_sums
from losscli.parameters import Array, Rows, Tensor
from losscli.slopes import Multiple, divided
from losscli.work import Gradients, Show, Terms, quiet


def scores_and_labels(input: Array, target: Array) -> dict[str, Laid]:
    """Scores by class and a list of labels, as long; a lone class is a row of one."""
    rows = input.shape[:-1]
    scores = table_of_scores("multi-label-margin", input, rows)
    lone = input.size == target.size == 1 and max(input.ndim, target.ndim) == 1
    if scores is None or not (input.shape == target.shape or lone):
        raise ShapeError(
            f"multi-label-margin: input has shape {shape_text(input.shape)} and target "
            f"{shape_text(target.shape)}; expected equal shapes: as many labels as classes, those that "
            "are too many filled up with -1."
        )
    labels = target.size // max(1, len(input)) if rows else target.size
    return {
        "input": scores,
        "target": Laid(target, lambda a: a.reshape(*rows, labels), ("K",)),
    }


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """All scores equal, and every true one above the others by the margin of 1."""
    input, target = tensors["input"], tensors["target"]
    yield Guess("all scores equal", {"input": np.zeros(input.shape)})
    if target.shape == input.shape and input.ndim:
        before = np.cumprod(target >= 0, axis=-1) > 0  # what stands behind the first -1 is not read
        classes = input.shape[-1]
        true = np.zeros((*input.shape[:-1], classes + 1))
        np.put_along_axis(true, np.where(before, target, classes), 1, axis=-1)
        yield Guess(PERFECT, {"input": true[..., :classes]})


def multi_label_margin(
    input: Annotated[
        Array, Tensor("raw scores, one for each class", "(N, C) or (C)", predicted=True)
    ],
    target: Annotated[Array, Tensor("true class indices, ended by -1", "(N, C) or (C)", "indices")],
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(N)", row="row", layout=scores_and_labels, guesses=guesses)]:
    """How far the scores of the true classes are from beating every other score by 1.

    For several classes at once out of many, given as lists of their indices: the hinge loss of every
    pair of a true class and another one. With targets of 0 and 1 use multi-label-soft-margin or
    bce-with-logits; for one true class, multi-margin.

    Formula
        h = 1 - x_y + x_c                         for every true class y and every class c that is not true
        l = 1 / C sum(max(0, h))

    Shapes
        input: (N, C) or (C). target: the same; a row's labels, then -1, then anything from -1 to C - 1.

    Range
        input: any numbers. Indices 0 to C - 1. The loss is at least 0; a row without labels costs 0.

    Gradient
        dl/dx_c is the number of pairs with h > 0 in which c is the other class, less those in which it is
        the true one, over C. Exactly on the hinge, h = 0, a pair does not count.

    Pitfalls
        The target is a list of class indices, not a 1 for each true class: [1, 0, 0, 1] reads as the
        labels 1, 0, 0, 1.
        What stands behind the first -1 is ignored. A label that is listed twice counts twice.
        It divides by C, not by the number of pairs.
        NaN does not show: a comparison with NaN is false, and its term 0.
        Where the sum overflows and its C-th part does not, PyTorch says inf; losscli has the number. Of
        differences beyond the largest float both say inf.
        Of no rows at all the sum is 0 and the mean nan; PyTorch returns what lies in memory.

    Errors
        Unequal shapes, an index outside -1 to C - 1, also behind the first -1, no classes.

    Source
        torch.nn.MultiLabelMarginLoss.
    """
    classes = input.shape[-1]
    hint = "Below 0 there is only -1, which ends the labels of a row."
    checks.class_indices("multi-label-margin", "target", target, classes, -1, negative=hint)
    ends = target < 0
    first = ends.argmax(-1)
    count = np.where(pick(ends, first), first, target.shape[-1])  # labels of each row
    most = max(1, int(count.max(initial=0)))
    live = np.arange(most) < count[:, None]
    y = np.where(live, target[:, :most], -1)
    order = np.argsort(-count, kind="stable")  # so that rows with a k-th label come first
    reach = np.count_nonzero(live, axis=0)
    others, labels = input[order], y[order]
    true = np.take_along_axis(others, np.maximum(labels, 0), -1)
    row, place = np.nonzero(live[order])
    others[row, labels[row, place]] = -np.inf

    def missing(k: int) -> Array:
        """h of each k-th label against every class, in that order; -inf where that is no pair."""
        return by_row(np.add, others[: reach[k]], 1 - true[: reach[k], k])

    def total(divisor: int = 1) -> Array:
        found = np.zeros(len(input), input.dtype)
        for k in range(most):
            h = missing(k)
            t = np.fmax(h, 0, out=h)  # 0 for nan
            found[order[: reach[k]]] += row_sums(t if divisor == 1 else t / divisor)
        return found

    loss = total() / classes
    huge = np.isinf(loss).any()
    if huge:  # the sum overflows, its C-th part may not
        loss = total(classes)
    if show is not quiet:
        known = (y[..., None] == np.arange(classes)).any(1)
        pairs = live[..., None] & ~known[:, None]
        table = np.full((most, *input.shape), -np.inf, input.dtype)
        for k in range(most):
            table[k, order[: reach[k]]] = missing(k)
        of_pairs, of_labels = ("t / C", "sum(s)") if huge else ("t", "sum(s) / C")
        _show_pairs(y, table, pairs, of_pairs, classes, show)
        show(f"l = {of_labels}", loss, "loss of the row", constants={"C": classes})

    def gradient(share: Array) -> Gradients:
        def by_input() -> Multiple:
            counted = np.zeros(others.shape, np.float32)  # pairs, which are few
            for k in range(most):
                rows = np.arange(reach[k])
                # where h > 0, of which no rounding says otherwise
                pull = others[: reach[k]] > true[: reach[k], k, None] - 1
                on = flags(pull, counted[: reach[k]])
                counted[: reach[k]] += on
                counted[rows, labels[rows, k]] -= row_sums(on)
            d = np.empty_like(others)
            d[order] = counted
            if show is not quiet:
                _show_counts(y, table, pairs, show)
            return show(
                "d_input = share / C * (sum(on, K) - sum(where(y == c, n, 0), K))",
                Multiple(divided(share, classes)[:, None], d),
                "as the other, less as a label",
            )

        return {"input": by_input}

    return Terms(loss, gradient)


def _show_pairs(
    y: Array, missing: Array, pairs: Array, text: str, classes: int, show: Show
) -> None:
    """Every pair of a label and another class."""
    show("y = target", y, "labels before the first -1", axes=("row", "K"), cells=y >= 0)
    h = show(
        "h = 1 - pick(input, y) + input",
        np.moveaxis(missing, 0, 1),
        "missing, true against other",
        cells=pairs,
        picks="y",
        pairs="each",
    )
    t = np.where(pairs, np.fmax(h, 0), 0)
    show("t = where(h > 0, h, 0)", t, "what it costs", cells=pairs, picks="y", pairs="table")
    show(
        f"s = sum({text})",
        t.sum(-1) if text == "t" else (t / classes).sum(-1),
        "cost of each label",
        cells=y >= 0,
        constants={"C": classes},
    )


def _show_counts(y: Array, missing: Array, pairs: Array, show: Show) -> None:
    """Which pairs have a slope, and how many of each label's."""
    on = (pairs & (np.moveaxis(missing, 0, 1) > 0)).astype(missing.dtype)
    show(
        "on = where(h > 0, 1, 0)", on, "on or off the hinge", cells=pairs, picks="y", pairs="table"
    )
    show("n = sum(on)", on.sum(-1), "pairs that each label loses", cells=y >= 0)
