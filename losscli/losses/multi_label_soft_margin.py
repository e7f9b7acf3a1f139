"""Multi-label soft margin loss."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from losscli.errors import ShapeError
from losscli.guesses import of_few, yes_or_no
from losscli.layout import Laid
from losscli.numerics import exp_below, mean_over, room, sigmoid
from losscli.parameters import Array, Rows, Tensor
from losscli.work import Gradients, Show, Terms, quiet


def classes_behind(input: Array, target: Array, weight: Array | None) -> dict[str, Laid]:
    """The classes are input's last axis; a tensor with fewer axes, also a lone number, is broadcast.

    Beside more axes PyTorch counts that axis from the front, where it then is another one.
    """
    if not input.ndim:
        raise ShapeError(
            "multi-label-soft-margin: input is a single number; expected scores by class, (N, C) or (C)."
        )
    given = {"input": input, "target": target} | ({} if weight is None else {"weight": weight})
    axes = max(array.ndim for array in given.values())

    def classes_last(array: Array) -> Array:
        return np.moveaxis(array[(None,) * (axes - array.ndim)], input.ndim - 1, -1)

    if axes > input.ndim:
        return {name: Laid(array, classes_last, ("C",)) for name, array in given.items()}
    return {
        name: Laid(array, lambda a: a[None], ("C",))
        for name, array in given.items()
        if not array.ndim
    }


def number_of_classes(input: Array, **others: Array) -> dict[str, int]:
    """How many scores a row of input has."""
    return {"classes": input.shape[-1]}


def multi_label_soft_margin(
    input: Annotated[Array, Tensor("raw scores, one for each class", "(*, C)", predicted=True)],
    target: Annotated[Array, Tensor("labels 1 and 0, one for each class", "(*, C)")],
    weight: Annotated[Array | None, Tensor("factor of each class", "(*, C)")] = None,
    *,
    classes: int,
    show: Show = quiet,
) -> Annotated[
    Terms,
    Rows(
        "(*)",
        row="row",
        layout=classes_behind,
        told=number_of_classes,
        guesses=of_few(yes_or_no),
    ),
]:
    """Binary cross-entropy of the raw scores of many labels, averaged over the classes of each row.

    For several classes at once, given as a 1 for each true class and a 0 for every other. It is
    bce-with-logits, except that a row is one term: reduction none gives one number a row, and there is no
    pos_weight. With lists of class indices use multi-label-margin.

    Formula
        v(x) = ln(1 + e^x)
        l = 1 / C sum(w (y v(-x) + (1 - y) v(x)))   with x = input, y = target, w = weight, 1 when not
                                                    given

    Shapes
        input: (N, C), (C), any number of axes before the last. target and weight broadcast with it; a
        weight of (C) is one for each class. result: a number; with reduction none (N).

    Range
        input: any number. target: 1 or 0, or a probability, which PyTorch does not check.

    Gradient
        dl/dinput = w / C ((1 - y) s(x) - y s(-x)) with s(x) = 1 / (1 + e^-x).
        dl/dtarget = -w x / C; dl/dweight = (y v(-x) + (1 - y) v(x)) / C.

    Pitfalls
        A target of class indices ended by -1 is that of multi-label-margin; here -1 gives garbage.
        An infinite score is nan, also where it is right: 0 times infinity.
        It divides by the number of classes, not by the sum of weights.
        Shapes (N, 1) and (C) broadcast to (N, C), which is hardly ever meant.
        Beside a target or a weight with more axes than input, the class axis is counted from the front,
        as in PyTorch: of input (N, C) and target (B, N, C) the sum runs over N, and is divided by C.

    Errors
        A single number as input; shapes that do not broadcast.

    Source
        torch.nn.MultiLabelSoftMarginLoss.
    """
    e = exp_below(input)
    c = np.log1p(e, out=room(e))
    yes = show(
        "yes = max(-input, 0) + log1p(exp(-abs(input)))",
        np.maximum(-input, 0) + c,
        "cost of a yes, ln(1 + e^-x)",
    )
    no = show(
        "no = max(input, 0) + log1p(exp(-abs(input)))",
        np.maximum(input, 0) + c,
        "cost of a no, ln(1 + e^x)",
    )
    mixed, text = target * yes + (1 - target) * no, "target * yes + (1 - target) * no"
    cost = mixed if weight is None else weight * mixed
    show(f"cost = {text if weight is None else f'weight * ({text})'}", cost, "loss of each class")
    loss, mean_text = mean_over(cost, classes, "cost")
    show(f"l = {mean_text}", loss, "loss of the row", constants={"C": classes})

    def gradient(share: Array) -> Gradients:
        each = (share / classes)[..., None]
        shared = each if weight is None else each * weight
        on = "share / C" if weight is None else "share / C * weight"

        def by_input() -> Array:
            p = show(
                "p = exp(min(input, 0)) / (1 + exp(-abs(input)))",
                sigmoid(input > 0, e),
                "sigmoid(input)",
            )
            q = show(
                "q = exp(min(-input, 0)) / (1 + exp(-abs(input)))",
                sigmoid(input < 0, e),
                "1 - p, to all its digits",
            )
            d = shared * ((1 - target) * p - target * q)
            return show(f"d_input = {on} * ((1 - target) * p - target * q)", d)

        return {
            "input": by_input,
            "target": lambda: show(f"d_target = {on} * (-input)", shared * -input, "yes - no"),
            "weight": lambda: show(f"d_weight = share / C * ({text})", each * mixed),
        }

    return Terms(loss, gradient)
