"""Absolute error."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from losscli.guesses import constants_with_median
from losscli.numerics import minus, room, sign, unit
from losscli.parameters import Array, Rows, Tensor
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def l1(
    input: Annotated[Array, Tensor("predictions", "(*)", predicted=True, complex=True)],
    target: Annotated[Array, Tensor("true values", "(*)", complex=True)],
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=constants_with_median)]:
    """Absolute difference between prediction and true value.

    For regression where outliers should not count more than they must: it is least where the prediction
    is the median of the targets. Its slope does not fade near the target; smooth-l1 and huber round off
    the corner, mse pulls harder the farther one is off.

    Formula
        l = |input - target|
        of complex numbers the modulus, sqrt(re^2 + im^2)

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        Numbers of any size, real or complex; the loss is real and at least 0, and 0 only where
        input = target.

    Gradient
        r = input - target; dl/dinput = sign(r), 0 at r = 0 and where r is nan; dl/dtarget = -dl/dinput.
        Of complex numbers r / |r|, 0 at r = 0: the direction of steepest ascent, dl/dre + i dl/dim, as in
        PyTorch. A real tensor beside a complex one gets the real part.

    Pitfalls
        The slope is 1 however near the target is: the last steps of a fit need a small learning rate.
        Shapes (N, 1) and (N) broadcast to (N, N), which is hardly ever meant.
        Of complex numbers next to 0, below 1e-308, PyTorch's gradient is nan; losscli has the number.
        Of a complex target that is infinite in both parts PyTorch's loss is nan; losscli's is inf.

    Errors
        Shapes that do not broadcast are refused.

    Source
        Boscovich, "De litteraria expeditione per pontificiam ditionem", 1757; torch.nn.L1Loss.
    """
    r = show("r = input - target", minus(input, target), "residual")
    pairs = np.iscomplexobj(r)  # shown as a real and an imaginary part
    loss = np.abs(r) if pairs else np.abs(r, out=room(r))
    if show is not quiet:
        text = _modulus(loss) if pairs else "abs(r)"
        show(f"l = {text}", loss, "loss of the element", constants={"inf": np.inf})

    def gradient(share: Array) -> Gradients:
        if pairs:
            nan = "" if show is quiet or np.isfinite(loss).all() else " + sum(0 * r)"
            d = show(f"d = where(l == 0, 0, r / l{nan})", unit(r), "direction of the residual")
        else:
            d = show("d = sign(r)", sign(r), "slope of the loss")

        def by(tensor: str, given: Array, sign: str, slope: Multiple) -> Any:
            if pairs and not np.iscomplexobj(given):
                note = "its real part: real numbers move along that axis only"
                return show(f"d_{tensor} = {sign}share * d[0]", np.asarray(slope).real, note)
            return show(f"d_{tensor} = {sign}share * d", slope)

        return {
            "input": lambda: by("input", input, "", Multiple(share, d)),
            "target": lambda: by("target", target, "-", Multiple(share, d, -1)),
        }

    return Terms(loss, gradient)


def _modulus(loss: Array) -> str:
    """The formula of |r| from its parts, in a form that does not overflow for these losses."""
    if np.isinf(loss).any():  # also where the other part is nan
        return "where(sum(where(abs(r) == inf, 1, 0)) > 0, inf, sqrt(sum(r**2)))"
    if ((loss > 1e150) | ((loss < 1e-150) & (loss > 0))).any():
        return "where(max(abs(r)) == 0, 0, max(abs(r)) * sqrt(sum((r / max(abs(r)))**2)))"
    return "sqrt(sum(r**2))"
