"""Multi-class margin loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli import checks
from losscli.errors import ShapeError
from losscli.guesses import FAR, PERFECT, Guess, Options, Tensors, of_few
from losscli.layout import Laid, shape_text, table_of_scores
from losscli.numerics import by_row, mean_over, one_hot, pick, put, row_sums, times
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.slopes import Multiple, divided
from losscli.work import Gradients, Show, Terms, quiet


def scores_and_label(input: Array, target: Array, weight: Array | None) -> dict[str, Laid]:
    """Scores by class, and one class index for each row, whose shape is that of the result."""
    scores = table_of_scores("multi-margin", input, target.shape)
    if target.ndim > 1 or scores is None:
        rows = input.shape[:1] if input.ndim == 2 else ()
        raise ShapeError(
            f"multi-margin: input has shape {shape_text(input.shape)} and target "
            f"{shape_text(target.shape)}; expected class indices of shape {shape_text(rows)}."
        )
    return {"input": scores, "target": Laid(target)}


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """All scores equal, and the true one far above."""
    input, target = tensors["input"], tensors["target"]
    yield Guess("all scores equal", {"input": np.zeros(input.shape)})
    if input.ndim:
        far = FAR * (1 + abs(options["margin"])) * one_hot(np.asarray(target), input.shape[-1])
        yield Guess(PERFECT, {"input": far.reshape(input.shape)})


def multi_margin(
    input: Annotated[
        Array, Tensor("raw scores, one for each class", "(N, C) or (C)", predicted=True)
    ],
    target: Annotated[Array, Tensor("class indices", "(N) or ()", "indices")],
    weight: Annotated[
        Array | None,
        Tensor("factor of each class", "(C)", differentiable=False, broadcasts="no"),
    ] = None,
    *,
    p: Annotated[int, Option("the power of what is missing", choices=(1, 2))] = 1,
    margin: Annotated[float, Option("how far above the others the true score should be")] = 1.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(N)", row="row", layout=scores_and_label, guesses=guesses)]:
    """How far the true class's score is from beating every other score by a margin.

    For one class out of many when scores need not be probabilities: the hinge loss of support vector
    machines. A row that beats the margin costs nothing and has no gradient; cross-entropy never stops
    pulling. For several true classes use multi-label-margin.

    Formula
        h_c = margin - x_y + x_c                  for every class c but y, with x = input, y = target
        l = w_y / C sum(max(0, h_c)^p)            with w = weight, 1 when not given

    Shapes
        input: (N, C) or (C). target: (N) or (). weight: (C).

    Range
        input: any numbers. Indices 0 to C - 1. The loss is at least 0 for weights that are.

    Gradient
        dl/dx_c = w_y / C p max(0, h_c)^(p-1) where h_c > 0, else 0; dl/dx_y is minus their sum. Exactly
        on the hinge, h_c = 0, it is 0. PyTorch has none for weight.

    Pitfalls
        It divides by C, the number of classes with the true one, though C - 1 terms are added.
        The mean divides by the number of rows, not by the sum of weights, unlike cross-entropy.
        The weight is that of the true class, and multiplies after the power.
        NaN does not show: a comparison with NaN is false, and its term 0.
        Where the sum overflows and its C-th part does not, PyTorch says inf; losscli has the number. Of
        differences beyond the largest float both say inf.
        Of no rows at all the sum is 0 and the mean nan; PyTorch returns what lies in memory.

    Errors
        A target of another shape, an index outside 0 to C - 1, p other than 1 or 2, no classes.

    Source
        Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector
        machines", 2001; torch.nn.MultiMarginLoss.
    """
    classes = input.shape[-1]
    checks.class_indices("multi-margin", "target", target, classes)
    true = pick(input, target)
    h = by_row(np.add, input, margin - true)
    missing = np.fmax(h, 0, out=h if show is quiet else None)  # 0 for nan
    put(missing, target, 0)
    t = missing * missing if p == 2 else missing
    others = np.arange(classes) != target[..., None] if show is not quiet else None
    show(
        "h = margin - pick(input, target) + input",
        h,
        "missing, true against other",
        cells=others,
        picks="target",
        pairs="each",
    )
    show(
        f"t = where(h > 0, h{'**2' if p == 2 else ''}, 0)",
        t,
        "what it costs",
        cells=others,
        picks="target",
        pairs="table",
    )
    cost, text, finite = t, "t", True
    if weight is not None:
        w = show(
            "w = pick(weight, target)", weight[target], "weight of the true class", picks="target"
        )
        finite = bool(np.isfinite(w).all())
        cost, text = times(w[..., None], t), "w * t"
        if not finite:  # PyTorch multiplies only what costs something
            cost, text = np.where(t == 0, 0, cost), "where(t == 0, 0, w * t)"
    loss, text = mean_over(cost, classes, text)
    show(f"l = {text}", loss, "loss of the row", constants={"C": classes})

    def gradient(share: Array) -> Gradients:
        def by_input() -> Array | Multiple:
            u = missing if show is quiet else missing.copy()
            if p == 1:
                np.copyto(u, u > 0)
            show(f"u = where(h > 0, {'h' if p == 2 else '1'}, 0)", u, "slope", cells=others)
            each = f"{'2 * ' if p == 2 else ''}share{'' if weight is None else ' * w'} / C"
            shared = divided(share if weight is None else share * w, classes / p)[..., None]
            slope = "where(c == target, -sum(u), u)"
            lost = row_sums(u)
            if finite and np.isfinite(lost).all():
                d = u if show is quiet else u.copy()
                put(d, target, 0 - lost)  # 0, not -0
                return show(f"d_input = {each} * {slope}", Multiple(shared, d), picks="target")
            d = shared * u  # its sum may be finite where that of u is not
            text = f"{each} * {slope}"
            if not finite:
                d[u == 0] = 0
                text = f"where({slope} == 0, 0, {text})"
            put(d, target, 0 - row_sums(d))
            return show(f"d_input = {text}", d, picks="target")

        return {"input": by_input}

    return Terms(loss, gradient)
