"""Binary cross-entropy of logits."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from losscli.parameters import Array, Rows, Tensor
from losscli.work import Gradients, Show, Terms, quiet


def bce_with_logits(
    input: Annotated[Array, Tensor("raw scores (logits)", "(*)", predicted=True, broadcasts="no")],
    target: Annotated[Array, Tensor("probability of the positive class", "(*)", broadcasts="no")],
    weight: Annotated[
        Array | None,
        Tensor("factor of each term", "(*)", differentiable=False, broadcasts="up"),
    ] = None,
    pos_weight: Annotated[
        Array | None,
        Tensor("factor of the positive part", "(*)", differentiable=False, broadcasts="up"),
    ] = None,
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)")]:
    """Binary cross-entropy between a target probability and the sigmoid of a raw score.

    For yes-or-no questions, one a column in multi-label tasks. It takes raw scores: bce takes
    probabilities, and loses digits and gradients where the sigmoid saturates. For one class out of many
    use cross-entropy.

    Formula
        l = w (y u v(-x) + (1 - y) v(x))      with v(x) = ln(1 + e^x), x = input, y = target,
                                              w = weight, u = pos_weight, both 1 when not given
        which without u is  w (|x| b + ln(1 + e^-|x|)),  b = 1 - y where x >= 0, else y

    Shapes
        input, target: (*), equal. weight, pos_weight: broadcast to them from the last axis on: (C) is
        one for each column, (N, 1) one for each row.

    Range
        input: any number. target: usually in [0, 1], which PyTorch does not check here.

    Gradient
        dl/dinput = w ((1 - y) s(x) - u y s(-x)) with s(x) = 1 / (1 + e^-x).
        dl/dtarget = w (u v(-x) - v(x)). PyTorch has none for weight and pos_weight.
        Sharper than PyTorch's where a prediction is confident and right: at x = 40, y = 1 it is
        -4.2e-18, for which PyTorch says 0.

    Pitfalls
        Fed with probabilities instead of scores it cannot go below 0.3133 (y = 1) or 0.6931 (y = 0).
        The mean divides by the number of elements, not by the sum of weights, unlike cross-entropy.
        A pos_weight of shape (N) beside an input of (N, C) counts columns, also where N = C.

    Errors
        Unequal shapes of input and target; a weight that does not broadcast to them.

    Source
        torch.nn.BCEWithLogitsLoss.
    """
    positive = "target" if pos_weight is None else "pos_weight * target"
    y = target if pos_weight is None else pos_weight * target
    a = show("a = abs(input)", np.abs(input), "size of the score")
    e = np.exp(-a)
    c = show("c = log1p(exp(-a))", np.log1p(e), "what even a right sign costs")
    b = show(
        f"b = where(input >= 0, 1 - target, {positive})",
        np.where(input >= 0, 1 - target, y),
        "part on the other side",
    )
    k: Array | float = 1.0
    smooth, rest = "c", "t"
    if pos_weight is not None:
        k = show("k = 1 + (pos_weight - 1) * target", 1 + (pos_weight - 1) * target, "both factors")
        smooth, rest = "k * c", "k * t"
    loss = a * b + k * c
    if input.size and np.fmin.reduce(input, axis=None) == -np.inf:
        loss = np.where(np.isneginf(input) & ~(target > 1), np.nan, loss)  # PyTorch: -inf + inf
    if weight is None:
        loss = show(f"l = a * b + {smooth}", loss, "loss of the element")
    else:
        loss = show(f"l = weight * (a * b + {smooth})", weight * loss, "loss of the element")

    def gradient(share: Array) -> Gradients:
        s = share if weight is None else share * weight
        each = "share" if weight is None else "share * weight"

        def by_input() -> Array:
            t = show("t = exp(-a) / (1 + exp(-a))", e / (1 + e), "probability of that side")
            f = k * t
            return show(
                f"d_input = {each} * where(input >= 0, b - {rest}, {rest} - b)",
                s * np.where(input >= 0, b - f, f - b),
                "sigmoid(input) - target" if pos_weight is None else "",
            )

        def by_target() -> Array:
            if pos_weight is None:
                return show(f"d_target = {each} * (-input)", s * -input)
            yes = show("yes = max(-input, 0) + c", np.maximum(-input, 0) + c, "-ln sigmoid(input)")
            no = show("no = max(input, 0) + c", np.maximum(input, 0) + c, "-ln sigmoid(-input)")
            return show(f"d_target = {each} * (pos_weight * yes - no)", s * (pos_weight * yes - no))

        return {"input": by_input, "target": by_target}

    return Terms(loss, gradient)
