"""Huber loss."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from losscli.guesses import constants
from losscli.numerics import minus, room
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def huber(
    input: Annotated[Array, Tensor("predictions", "(*)", predicted=True)],
    target: Annotated[Array, Tensor("true values", "(*)", boolean=True)],
    *,
    delta: Annotated[float, Option("where the parabola turns into a line", above=0)] = 1.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=constants)]:
    """Squared error near zero, absolute error beyond delta.

    For regression with outliers: smooth at the bottom like mse, linear in the tails like l1, so that a
    few wild targets do not rule the fit. delta is in the units of the target. Against smooth-l1: huber
    with delta is delta times smooth-l1 with beta = delta.

    Formula
        r = input - target
        l = 0.5 r^2                     where |r| <= delta
        l = delta (|r| - 0.5 delta)     beyond

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        Numbers of any size; the loss is at least 0, and 0 only where input = target.

    Gradient
        dl/dinput = clip(r, -delta, delta), continuous everywhere; at |r| = delta both branches agree.
        dl/dtarget = -dl/dinput.

    Pitfalls
        The square has a factor 0.5, which mse has not.
        As delta goes to 0 huber goes to 0, while smooth-l1 goes to l1.
        Shapes (N, 1) and (N) broadcast to (N, N), which is hardly ever meant.

    Errors
        delta must be above 0. Shapes that do not broadcast are refused.

    Source
        Huber, "Robust estimation of a location parameter", 1964; torch.nn.HuberLoss.
    """
    r = show("r = input - target", minus(input, target), "residual")
    d = np.clip(r, -delta, delta, out=room(r))
    # (r - d / 2) d = r d - d d / 2 is both branches at once
    loss = Products(lambda: (r - d / 2) * d, (1, r, d), (-0.5, d, d))
    below = "<=" if delta < np.inf else "<"  # PyTorch: nan where r and delta are infinite
    show(
        f"l = where(abs(r) {below} delta, 0.5 * r**2, delta * (abs(r) - 0.5 * delta))",
        loss,
        "loss of the element",
    )

    def gradient(share: Array) -> Gradients:
        show("d = clip(r, -delta, delta)", d, "slope of the loss")
        return {
            "input": lambda: show("d_input = share * d", Multiple(share, d)),
            "target": lambda: show("d_target = -share * d", Multiple(share, d, -1)),
        }

    return Terms(loss, gradient)
