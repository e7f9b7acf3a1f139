"""Smooth L1 loss."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from losscli.guesses import constants
from losscli.numerics import minus, room, sign
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def smooth_l1(
    input: Annotated[Array, Tensor("predictions", "(*)", predicted=True, boolean=True)],
    target: Annotated[Array, Tensor("true values", "(*)", boolean=True)],
    *,
    beta: Annotated[float, Option("where the parabola turns into a line", at_least=0)] = 1.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=constants)]:
    """Absolute error with its corner rounded off within beta.

    For regression with outliers, boxes of object detectors above all: the pull of an element is never
    above 1, whatever beta. Against huber, whose pull grows to delta: smooth-l1 with beta is huber with
    delta = beta, divided by beta. With beta = 0 it is l1.

    Formula
        r = input - target
        l = 0.5 r^2 / beta      where |r| < beta
        l = |r| - 0.5 beta      beyond

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        Numbers of any size; the loss is at least 0, and 0 only where input = target.

    Gradient
        dl/dinput = clip(r / beta, -1, 1), continuous; at |r| = beta both branches agree.
        For beta = 0 it is the sign of r, 0 at r = 0 and where r is nan. dl/dtarget = -dl/dinput.

    Pitfalls
        As beta goes to 0 smooth-l1 goes to l1; huber with delta goes to 0.
        With beta = inf all is 0, but where r is infinite, too, the loss is nan and its slope 1 or -1.
        Where r^2 overflows and r^2 / beta does not, PyTorch says inf or nan; losscli has the number.
        Shapes (N, 1) and (N) broadcast to (N, N), which is hardly ever meant.

    Errors
        beta must be at least 0. Shapes that do not broadcast are refused.

    Source
        Girshick, "Fast R-CNN", 2015; torch.nn.SmoothL1Loss.
    """
    r = show("r = input - target", minus(input, target), "residual")
    if beta:
        # in the computing type, where it may be infinite, but not 0
        b = np.maximum(beta, np.finfo(r.dtype).smallest_subnormal).astype(r.dtype)
        c = np.clip(r, -b, b, out=room(r))
        d, text = c if b == 1 else c / b, "clip(r / beta, -1, 1)"
        if np.isinf(b):  # inf / inf, where PyTorch compares first
            d = np.where(np.isinf(r), sign(r), d)
            text = "where(abs(r) == inf, sign(r), r / beta)"
        loss: Any = show(
            "l = where(abs(r) < beta, 0.5 * r**2 / beta, abs(r) - 0.5 * beta)",
            # (r - c / 2) c / beta is both branches at once
            Products(lambda: (r - c / 2) * d, (1, r, d), (-0.5, c, d)),
            "loss of the element",
        )
    else:
        d, text = sign(r), "sign(r)"
        loss = show("l = abs(r)", np.abs(r, out=room(r)), "no corner to round: l1")

    def gradient(share: Array) -> Gradients:
        show(f"d = {text}", d, "slope of the loss", constants={"inf": np.inf})
        return {
            "input": lambda: show("d_input = share * d", Multiple(share, d)),
            "target": lambda: show("d_target = -share * d", Multiple(share, d, -1)),
        }

    return Terms(loss, gradient)
