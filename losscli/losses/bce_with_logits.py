"""Binary cross-entropy of logits."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from losscli.guesses import of_few, yes_or_no
from losscli.numerics import exp_below, flags, minus, room, times
from losscli.parameters import Array, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def bce_with_logits(
    input: Annotated[Array, Tensor("raw scores (logits)", "(*)", predicted=True, broadcasts="no")],
    target: Annotated[Array, Tensor("probability of the positive class", "(*)", broadcasts="no")],
    weight: Annotated[
        Array | None,
        Tensor("factor of each term", "(*)", differentiable=False, broadcasts="up", boolean=True),
    ] = None,
    pos_weight: Annotated[
        Array | None,
        Tensor("factor of the positive part", "(*)", differentiable=False, broadcasts="up"),
    ] = None,
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=of_few(yes_or_no))]:
    """Binary cross-entropy between a target probability and the sigmoid of a raw score.

    For yes-or-no questions, one a column in multi-label tasks. It takes raw scores: bce takes
    probabilities, and loses digits and gradients where the sigmoid saturates. For one class out of many
    use cross-entropy.

    Formula
        l = w (y u v(-x) + (1 - y) v(x))      with v(x) = ln(1 + e^x), x = input, y = target,
                                              w = weight, u = pos_weight, both 1 when not given
        which without u is  w (ln(1 + e^-|x|) - x (y - s)),  s = 1 where x >= 0, else 0

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
        Beside infinite targets it is nan or infinite, not always as in PyTorch, which adds in another order.
        A pos_weight of shape (N) beside an input of (N, C) counts columns, also where N = C.

    Errors
        Unequal shapes of input and target; a weight that does not broadcast to them.

    Source
        torch.nn.BCEWithLogitsLoss.
    """
    e = exp_below(input)
    c = show(
        "c = log1p(exp(-abs(input)))", np.log1p(e, out=room(e)), "what even the right side costs"
    )
    s = show("s = where(input >= 0, 1, 0)", flags(input >= 0, input), "side of the score")
    if pos_weight is None:
        k: Array | float = 1.0
        off = show("off = target - s", minus(target, s), "how far the target is off it")
        own, text = c, "c - input * off"
    else:
        k = 1 + (pos_weight - 1) * target
        show("k = 1 + (pos_weight - 1) * target", k, "factor of both parts")
        off = show(
            "off = where(input >= 0, target - 1, pos_weight * target)",
            np.where(input >= 0, target - 1, pos_weight * target),
            "how far the target is off it",
        )
        own, text = k * c, "k * c - input * off"

    def each() -> Array:
        found = times(input, off)
        np.subtract(own, found, out=found)
        if np.fmin.reduce(input, None, initial=0) == -np.inf:  # PyTorch: -inf + inf
            found = np.where(np.isneginf(input) & ~(target > 1), np.nan, found)
        return found

    loss: Any = Products(each, (1, own), (-1, input, off))
    if weight is not None:
        loss, text = weight * each(), f"weight * ({text})"
    show(f"l = {text}", loss, "loss of the element")

    def gradient(share: Array) -> Gradients:
        shared = share if weight is None else share * weight
        each = "share" if weight is None else "share * weight"

        def by_input() -> Multiple:
            t = np.add(e, 1, out=room(e))
            np.divide(e, t, out=t)
            show(
                "t = exp(-abs(input)) / (1 + exp(-abs(input)))", t, "probability of the other side"
            )
            text = "t" if pos_weight is None else "k * t"
            pull = np.multiply(s, -2, out=room(s))
            pull += 1
            pull *= t  # t on one side, -t on the other, without a branch
            if pos_weight is not None:
                pull *= k
            pull -= off
            return show(
                f"d_input = {each} * (where(input >= 0, -{text}, {text}) - off)",
                Multiple(shared, pull),
                "sigmoid(input) - target" if pos_weight is None else "",
            )

        def by_target() -> Array:
            if pos_weight is None:
                return show(f"d_target = {each} * (-input)", shared * -input)
            yes = show("yes = max(-input, 0) + c", np.maximum(-input, 0) + c, "-ln sigmoid(input)")
            no = show("no = max(input, 0) + c", np.maximum(input, 0) + c, "-ln sigmoid(-input)")
            return show(
                f"d_target = {each} * (pos_weight * yes - no)", shared * (pos_weight * yes - no)
            )

        return {"input": by_input, "target": by_target}

    return Terms(loss, gradient)
