"""Poisson negative log-likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from losscli.guesses import Guess, Options, Tensors, everywhere, of_few, same_shape, text_of
from losscli.numerics import finite, log_of_sum, minus, room, times
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Every rate its count, and the mean of the counts as every rate."""
    input, target = tensors["input"], tensors["target"]
    if not (target >= 0).all():
        return
    rates, mean = np.maximum(same_shape(target, input), 1e-30), np.mean(target)
    if options["log_input"]:
        yield Guess("every rate equal to its count", {"input": np.log(rates)})
        yield Guess(
            f"a rate of {text_of(mean)} everywhere, the mean count",
            {"input": np.full(input.shape, np.log(mean))},
        )
    else:
        yield Guess("every rate equal to its count", {"input": rates})
        yield everywhere("the mean count", mean, input)


def poisson_nll(
    input: Annotated[
        Array, Tensor("logarithms of predicted rates", "(*)", predicted=True, boolean=True)
    ],
    target: Annotated[Array, Tensor("true counts", "(*)", boolean=True)],
    *,
    log_input: Annotated[bool, Option("input holds logarithms of rates, not rates")] = True,
    full: Annotated[bool, Option("add Stirling's approximation of ln target!")] = False,
    eps: Annotated[float, Option("added to a rate before its logarithm")] = 1e-8,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=guesses)]:
    """Negative log-probability of a count under a Poisson distribution with the predicted rate.

    For counts: visits, clicks, photons, goals. The model predicts the logarithm of a rate, or with
    log_input off the rate itself. Errors weigh less where the rate is high; mse weighs them all the same.

    Formula
        l = e^x - y x                  with x = input, y = target
        l = x - y ln(x + eps)          without log_input
        with full, + s:  s = y ln y - y + 0.5 ln(2 pi y)  where y > 1, else 0

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        target: counts, at least 0, not checked. input: any number; without log_input a rate, at least
        0: below -eps the loss is nan. The loss may be negative: without full ln y! is missing, which the
        model does not change.

    Gradient
        dl/dinput = e^x - y; without log_input 1 - y / (x + eps). Either is 0 where the rate is y.
        dl/dtarget = -x; without log_input -ln(x + eps); with full + ln y + 0.5 / y where y > 1. With full
        it is nan for y = 0 and below, as in PyTorch.

    Pitfalls
        log_input is on by default: a rate of 100 given as input is taken for e^100.
        full adds Stirling's approximation, not ln y!, and only for y > 1: 0.2299 at y = 1.5, where ln y!
        is 0.2847; 4.7708 at y = 5, where it is 4.7875.
        eps keeps a rate of 0 finite: with y = 2 it costs -2 ln(1e-8) = 36.84.
        Where y ln y overflows and its difference to y x does not, PyTorch says nan with full; losscli has
        the number.
        Near x = 1 the rounding of x + eps, times a large y, is corrected here; PyTorch lets it stand.
        Shapes that differ broadcast, without a word. The gradient of what was broadcast is the sum of its
        copies'; PyTorch adds up before it multiplies, which differs where a factor is not finite.

    Errors
        Shapes that do not broadcast are refused.

    Source
        torch.nn.PoissonNLLLoss; Stirling, "Methodus differentialis", 1730.
    """
    if log_input:
        rate, logs = (
            show("rate = exp(input)", np.exp(input, out=room(input)), "predicted rate"),
            input,
        )
        rate_text, logs_text = "rate", "input"
    else:
        # infinity times a logarithm of 0 or of 1e-8 differs: beside it as plainly as PyTorch
        plain = not finite(target)
        rate, logs = input, np.log(input + eps) if plain else log_of_sum(input, eps)
        show("g = log(input + eps)", logs, "log of the rate")
        rate_text, logs_text = "input", "g"
    text = f"{rate_text} - target * {logs_text}"

    def each() -> Array:
        found = times(target, logs)
        return np.subtract(rate, found, out=found)

    loss: Any = Products(each, (1, rate), (-1, target, logs))
    if full:
        loss = each()
        on = target > 1
        y = np.maximum(target, 1)
        if target.size and np.fmax.reduce(target, axis=None) > np.finfo(target.dtype).max / 1024:
            # target * log(target) overflows, where times the logarithm of the ratio it may not
            d = np.where(target <= 1, 0, np.log(y) - logs)
            show(f"d = where(target <= 1, 0, log(target) - {logs_text})", d, "log, target to rate")
            stirling = 0.5 * (math.log(2 * math.pi) + np.log(y))
            loss = np.where(target <= 1, loss, rate - y + y * d + stirling)
            stirling_text = "target * d + 0.5 * (log(2 * pi) + log(target))"
            text = f"where(target <= 1, {text}, {rate_text} - target + {stirling_text})"
        else:
            s = on * ((y + 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi))
            stirling_text = "target * log(target) - target + 0.5 * log(2 * pi * target)"
            show(
                f"s = where(target <= 1, 0, {stirling_text})",
                s,
                "Stirling: target above 1 only",
                constants={"pi": math.pi},
            )
            loss, text = loss + s, f"{text} + s"
    show(
        f"l = {text}",
        loss,
        "full: with Stirling's term" if full else "without ln target!",
        constants={"pi": math.pi},
    )

    def gradient(share: Array) -> Gradients:
        def by_input() -> Any:
            if log_input:
                d = minus(rate, target)
                return show("d_input = share * (rate - target)", Multiple(share, d))
            q = target / (input + eps)
            d, text = share * (1 - q), "share * (1 - target / (input + eps))"
            if np.isinf(q).any():  # the quotient overflows, a share of it may not
                d, text = (
                    share - share * target / (input + eps),
                    "share - share * target / (input + eps)",
                )
            return show(f"d_input = {text}", d)

        def by_target() -> Array:
            # the logarithm as PyTorch has it: it stands alone here, and no target multiplies its rounding
            logs, text = (
                (input, "input") if log_input else (np.log(input + eps), "log(input + eps)")
            )
            if not full:
                return show(f"d_target = -share * {text}", -share * logs)
            # 0 times an infinity is nan, as in PyTorch: for a target of 0 or below, and for inf
            k = on * np.log(target) + on * 0.5 / target + 0 * target
            if show is not quiet:
                plain = ((target > 0) & (target < np.inf)).all()
                inner = "0, log(target) + 0.5 / target"
                if not plain:
                    inner = "0 * log(target), log(target) + 0.5 / target + 0 * target"
                show(f"k = where(target <= 1, {inner})", k, "slope of Stirling's term")
            return show(f"d_target = share * (k - {text})", share * (k - logs))

        return {"input": by_input, "target": by_target}

    return Terms(loss, gradient)
