"""Gaussian negative log-likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from losscli.errors import ShapeError
from losscli.guesses import Guess, Options, Tensors, of_few, text_of
from losscli.layout import Laid, shape_text
from losscli.numerics import minus, room, times
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


def variance_by_row(input: Array, target: Array, var: Array) -> dict[str, Laid]:
    """PyTorch's own rule for var: of input's shape, or without its last axis, or with one 1 in it."""
    shape = input.shape
    with_one = var.ndim == input.ndim and sum(n != m for n, m in zip(var.shape, shape, strict=True))
    fits = with_one and all(n in (1, m) for n, m in zip(var.shape, shape, strict=True))
    if var.shape == shape or (with_one == 1 and fits):
        return {"var": Laid(var)}
    if input.ndim and var.shape == shape[:-1]:
        return {"var": Laid(var, lambda a: a[..., None])}
    if not var.ndim:
        return {"var": Laid(var, lambda a: a[(None,) * len(shape)])}
    raise ShapeError(
        f"gaussian-nll: var has shape {shape_text(var.shape)} and input {shape_text(shape)}; expected "
        f"the shape of input, {shape_text(shape[:-1])} for one variance a row, the shape of input with "
        "one of its lengths replaced by 1, or a single number."
    )


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Every mean right, with the variances as they are; and the targets' own mean and variance."""
    input, target, var = tensors["input"], tensors["target"], tensors["var"]
    if target.shape == input.shape:
        yield Guess("these variances with every mean right", {"input": target})
    mean, spread = np.mean(target), np.var(target)
    same = {"input": np.full(input.shape, mean), "var": np.full(var.shape, spread)}
    name = f"mean {text_of(mean)} and variance {text_of(spread)} everywhere, those of the targets"
    yield Guess(name, same)


def gaussian_nll(
    input: Annotated[Array, Tensor("predicted means", "(N, *) or (*)", predicted=True)],
    target: Annotated[Array, Tensor("true values", "(N, *) or (*)")],
    var: Annotated[
        Array,
        Tensor(
            "predicted variances",
            "(N, *) or (N)",
            predicted=True,
            at_least=0,
            hint="A network that predicts the logarithm of the variance needs exp() first.",
        ),
    ],
    *,
    full: Annotated[bool, Option("add the constant 0.5 ln(2 pi)")] = False,
    eps: Annotated[float, Option("the least variance", at_least=0)] = 1e-6,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(N, *)", layout=variance_by_row, guesses=guesses)]:
    """Negative log-density of the target under a normal distribution with predicted mean and variance.

    For regression that also says how sure it is: the model predicts a mean and a variance, and pays for
    being wrong in units of its own uncertainty, and for being unsure. With a fixed variance it is mse up
    to factors and constants.

    Formula
        v = max(var, eps)
        l = 0.5 (ln v + (input - target)^2 / v)          + 0.5 ln(2 pi) with full

    Shapes
        input: (N, *) or any (*); target broadcasts with it.
        var: the shape of input; or input's without the last axis, one variance a row; or input's with
        one axis of length 1; or a single number. (N) beside (N, D) is one variance a row even where
        N = D, which is not how NumPy broadcasts.

    Range
        var at least 0. The loss may be negative: a density may exceed 1.

    Gradient
        dl/dinput = (input - target) / v; dl/dtarget = -dl/dinput.
        dl/dvar = 0.5 (1 - (input - target)^2 / v) / v, at v also where var < eps: PyTorch leaves the clamp
        out of the derivative, and so does losscli.

    Pitfalls
        eps is a floor, max(var, eps), not something that is added.
        Where var < eps the gradient is that at eps, up to 1e12 times the squared error.
        A negative loss is no mistake; without full a constant is missing.
        Where the square overflows PyTorch's loss is inf, also where the variance makes it finite; this
        one is finite then.
        Where eps is 0, maybe in float32 only, and var is, too, the gradients are nan or infinite. Of no
        elements at all that by var is 0; in PyTorch nan where var is.

    Errors
        A negative var, and shapes of var that are none of the above, are refused.

    Source
        Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994;
        torch.nn.GaussianNLLLoss.
    """
    r = show("r = input - target", minus(input, target), "residual")
    v = show("v = max(var, eps)", np.maximum(var, eps, out=room(var)), "variance, at least eps")
    d = np.divide(r, v, out=room(r))
    z = Products(lambda: times(r, d), (1, r, d))
    show("z = r**2 / v", z, "squared residual in units of the variance")
    logs = np.log(v, out=room(v))

    def each() -> Array:
        found = times(r, d)
        found += logs
        found *= 0.5
        return found

    if full:
        loss: Any = show(
            "l = 0.5 * (log(v) + z) + 0.5 * log(2 * pi)",
            each() + 0.5 * math.log(2 * math.pi),
            "with the constant, as full is set",
            constants={"pi": math.pi},
        )
    else:
        loss = show(
            "l = 0.5 * (log(v) + z)",
            Products(each, (0.5, logs), (0.5, r, d)),
            "without 0.5 ln(2 pi)",
        )

    def gradient(share: Array) -> Gradients:
        show("d = r / v", d, "slope in the mean")
        return {
            "input": lambda: show("d_input = share * d", Multiple(share, d)),
            "target": lambda: show("d_target = -share * d", Multiple(share, d, -1)),
            "var": lambda: show(
                "d_var = share * 0.5 * (1 - z) / v",
                share * 0.5 * (1 - times(r, d)) / v,
                "at v, the clamp is not differentiated",
            ),
        }

    return Terms(loss, gradient)
