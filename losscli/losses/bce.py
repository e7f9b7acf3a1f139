"""Binary cross-entropy of probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few
from losscli.numerics import minus, room, times
from losscli.parameters import Array, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet

TINY = float(np.float32(1e-12))  # PyTorch keeps its 1e-12 in single precision, for float64 too


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Undecided everywhere, and the targets themselves."""
    half = np.full(tensors["input"].shape, 0.5)
    yield Guess("a probability of 0.5 everywhere", {"input": half}, ("ln 2", float(np.log(2))))
    sure = {"input": tensors["target"]}
    yield Guess(PERFECT, sure, otherwise="the floor of these soft targets")


def bce(
    input: Annotated[
        Array,
        Tensor(
            "predicted probabilities",
            "(*)",
            predicted=True,
            broadcasts="no",
            at_least=0,
            at_most=1,
            nan=False,
            hint="For raw scores use bce-with-logits.",
        ),
    ],
    target: Annotated[
        Array,
        Tensor(
            "probability of the positive class",
            "(*)",
            broadcasts="no",
            at_least=0,
            at_most=1,
            nan=False,
            hint="A target is a probability, 0 for no and 1 for yes.",
        ),
    ],
    weight: Annotated[
        Array | None,
        Tensor("factor of each term", "(*)", differentiable=False, broadcasts="up", boolean=True),
    ] = None,
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=guesses)]:
    """Binary cross-entropy between a target probability and a predicted probability.

    For yes-or-no questions where the model answers in probabilities. Where it ends in a sigmoid, leave
    that out and use bce-with-logits, which keeps the digits and gradients that the sigmoid rounds away.

    Formula
        l = -w (y ln x + (1 - y) ln(1 - x))       with x = input, y = target, w = weight, 1 when not given,
                                                  and both logarithms at least -100

    Shapes
        input, target: (*), equal. weight: broadcasts to them from the last axis on: (C) is one for each
        column, (N, 1) one for each row.

    Range
        input and target in [0, 1]. Without weight the loss is from 0 to 100.

    Gradient
        dl/dinput = w (x - y) / max(x (1 - x), 1e-12): at the clamp neither 0 nor infinite, but up to
        1e12, with PyTorch's 1e-12 in single precision, which is 9.99999996e-13.
        dl/dtarget = w (ln(1 - x) - ln x), not clamped: infinite at x = 0 and x = 1. PyTorch has none for
        weight.

    Pitfalls
        Certain and wrong costs 100, not infinity, and pushes with a gradient of 1e12.
        Where a sigmoid has rounded to 0 or 1, the loss and the gradient are no longer those of the score.
        The mean divides by the number of elements, not by the sum of weights, unlike nll.

    Errors
        An input or a target outside [0, 1], or nan; unequal shapes; a weight that does not broadcast to
        them.

    Source
        torch.nn.BCELoss.
    """
    yes = np.log(input, out=room(input))
    np.maximum(yes, -100, out=yes)
    show("yes = max(log(input), -100)", yes, "ln of a yes, clamped")
    no = np.negative(input, out=room(input))
    np.log1p(no, out=no)
    np.maximum(no, -100, out=no)
    show("no = max(log1p(-input), -100)", no, "ln of a no, clamped")
    other = np.subtract(1, target, out=room(target))

    def each() -> Array:
        found = times(other, no)
        found += times(target, yes)
        return np.subtract(0, found, out=found)

    loss: Any = Products(each, (-1, target, yes), (-1, other, no))
    text = "-(target * yes + (1 - target) * no)"
    if weight is not None:
        loss, text = weight * each(), text.replace("-", "-weight * ", 1)
    show(f"l = {text}", loss, "loss of the element")

    def gradient(share: Array) -> Gradients:
        shared = share if weight is None else share * weight
        each = "share" if weight is None else "share * weight"

        def by_input() -> Multiple:
            v = np.subtract(1, input, out=room(input))
            v *= input
            np.maximum(v, TINY, out=v)
            note = "1e-12 at least, in float32"
            show("v = max(input * (1 - input), tiny)", v, note, constants={"tiny": TINY})
            d = minus(input, target)
            d /= v
            return show(f"d_input = {each} * (input - target) / v", Multiple(shared, d))

        return {
            "input": by_input,
            "target": lambda: show(
                f"d_target = {each} * (log1p(-input) - log(input))",
                shared * (np.log1p(-input) - np.log(input)),
                "the logarithms not clamped",
            ),
        }

    return Terms(loss, gradient)
