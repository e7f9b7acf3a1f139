"""Mean squared error."""

from __future__ import annotations

from typing import Annotated

from losscli.guesses import constants
from losscli.numerics import minus, times
from losscli.parameters import Array, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def mse(
    input: Annotated[Array, Tensor("predictions", "(*)", predicted=True, boolean=True)],
    target: Annotated[Array, Tensor("true values", "(*)", boolean=True)],
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=constants)]:
    """Squared difference between prediction and true value.

    For regression where large errors hurt most: it is least where the prediction is the mean of the
    targets. One wild target can rule the fit; huber, smooth-l1 and l1 bound its pull. With a predicted
    variance use gaussian-nll.

    Formula
        l = (input - target)^2

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        Numbers of any size; the loss is at least 0, and 0 only where input = target. It is in squared
        units of the target: its root is in the target's own.

    Gradient
        dl/dinput = 2 (input - target); dl/dtarget = -dl/dinput.

    Pitfalls
        The square has no factor 0.5, which huber and smooth-l1 have: the slope has a factor 2.
        Shapes (N, 1) and (N) broadcast to (N, N), which is hardly ever meant.
        A residual beyond 1.3e154 (float32: 1.8e19) has a square that overflows to inf.
        PyTorch's gradient is inf where twice the residual is, also where the mean makes it finite.

    Errors
        Shapes that do not broadcast are refused.

    Source
        Legendre, "Nouvelles methodes pour la determination des orbites des cometes", 1805;
        torch.nn.MSELoss.
    """
    r = show("r = input - target", minus(input, target), "residual")
    loss = show("l = r**2", Products(lambda: times(r, r), (1, r, r)), "loss of the element")

    def gradient(share: Array) -> Gradients:
        return {
            "input": lambda: show(
                "d_input = share * 2 * r", Multiple(share, r, 2), "slope of the square: 2 r"
            ),
            "target": lambda: show(
                "d_target = -share * 2 * r", Multiple(share, r, -2), "the opposite"
            ),
        }

    return Terms(loss, gradient)
