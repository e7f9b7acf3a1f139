"""Kullback-Leibler divergence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few, uniform
from losscli.numerics import flags, minus, room, times
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.products import Products
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """The target itself, and a uniform guess over the last axis of a row or of rows of classes."""
    input, target = tensors["input"], tensors["target"]
    if target.shape != input.shape:
        return
    some = np.log(np.where(target > 0, target, 1))  # of probability 0 nothing counts
    yield Guess(PERFECT, {"input": target if options["log_target"] else some})
    if input.ndim in (1, 2) and input.shape[-1] > 1:
        classes = input.shape[-1]
        yield uniform(classes, {"input": np.full(input.shape, -np.log(classes))})


def kl_div(
    input: Annotated[Array, Tensor("log-probabilities of the model", "(*)", predicted=True)],
    target: Annotated[Array, Tensor("true probabilities, or their logarithms", "(*)")],
    *,
    log_target: Annotated[bool, Option("target holds logarithms, as input does")] = False,
    show: Show = quiet,
) -> Annotated[
    Terms, Rows("(*)", reductions=("none", "mean", "batchmean", "sum"), guesses=guesses)
]:
    """How far the model's distribution is from the true one, from the model's log-probabilities.

    For soft targets: distillation, label distributions, variational terms. Up to the entropy of the
    target it is cross-entropy with class probabilities, which takes raw scores; this takes
    log-softmax output, with reduction batchmean for the divergence itself.

    Formula
        l = p (ln p - ln q)          with ln q = input and p = target; 0 ln 0 counts as 0
        l = e^t (t - ln q)           with log_target, t = target = ln p
        Summed over a row it is KL(p || q): the second argument comes first.

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape, one term for each class.

    Range
        input: at most 0, ln q of a distribution; not checked, as in PyTorch. target: in [0, 1], below 0
        gives nan. Single terms may be negative; their sum over a row is at least 0 where both add up to 1.

    Gradient
        dl/dinput = -p. dl/dtarget = ln p + 1 - ln q; nan at p = 0, as in PyTorch, where it is
        unbounded. With log_target dl/dtarget = e^t (t - ln q) + e^t.

    Pitfalls
        mean divides by the number of elements, classes included, and is no divergence: batchmean divides
        by the length of input's first axis. For a single row (C) that is C, too: use sum there.
        Probabilities as input, without the logarithm, give negative values.
        Logarithms as target without log_target give nan.
        input = -inf where p = 0 is 0 times inf, nan, as in PyTorch. With log_target so is t = -inf.
        Shapes that differ broadcast, without a word. The gradient of what was broadcast is the sum of its
        copies'; PyTorch adds up before it multiplies, which differs where a factor is not finite.
        Where e^t overflows and t - ln q makes up for it, PyTorch says inf or nan; losscli has the number.

    Errors
        Shapes that do not broadcast are refused.

    Source
        Kullback and Leibler, "On information and sufficiency", 1951; torch.nn.KLDivLoss.
    """
    return (_of_logarithms if log_target else _of_probabilities)(input, target, show)


def _of_probabilities(input: Array, target: Array, show: Show) -> Terms:
    """The divergence from probabilities, of which some may be 0."""
    positive = target.min(initial=1) > 0
    certain = target if positive else target + flags(target == 0, target)  # ln 1 stands in for ln 0
    logp = np.log(certain, out=room(target))
    if show is not quiet:
        some = (target == 0).any()
        text = "where(target == 0, 0, log(target))" if some else "log(target)"
        show(f"logp = {text}", logp, "ln p; 0 ln 0 counts as 0" if some else "ln p")
    s = show("s = logp - input", minus(logp, input), "ln p - ln q, log of the ratio")

    def infinite() -> bool:
        """Whether inf - inf is to be nan."""
        return bool(np.fmax.reduce(target, None, initial=0) == np.inf)

    def each() -> Array:
        found: Array = target * logp - target * input if infinite() else times(target, s)
        return found

    loss = Products(each, (1, target, s))
    if show is not quiet:
        text = "target * logp - target * input" if infinite() else "target * s"
        show(f"l = {text}", loss, "loss of the element")

    def gradient(share: Array) -> Gradients:
        def by_target() -> Array:
            plain = show is not quiet and ((target > 0) & (target < np.inf)).all()
            one, note = ("1", "") if plain else ("target / target", "PyTorch: 0/0 where p = 0")
            d = logp + target / target - input
            return show(f"d_target = share * (logp + {one} - input)", share * d, note)

        return {
            "input": lambda: show("d_input = -share * target", Multiple(share, target, -1)),
            "target": by_target,
        }

    return Terms(loss, gradient)


def _of_logarithms(input: Array, target: Array, show: Show) -> Terms:
    """The divergence from the logarithms of probabilities."""
    p = show("p = exp(target)", np.exp(target, out=room(target)), "probability of the target")
    s = show("s = target - input", minus(target, input), "ln p - ln q, log of the ratio")

    def overflows() -> bool:
        """Whether e^t does, where e^t s may not."""
        most = np.log(np.finfo(target.dtype).max)
        return bool(np.fmax.reduce(target, None, initial=0) > most)

    def each() -> Array:
        if overflows():
            half = np.exp(target / 2)
            return np.where(s == 0, 0, half * s * half)
        return times(p, s)

    loss = Products(each, (1, p, s))
    if show is not quiet:
        text = "where(s == 0, 0, exp(target / 2) * s * exp(target / 2))" if overflows() else "p * s"
        show(f"l = {text}", loss, "loss of the element")

    def gradient(share: Array) -> Gradients:
        return {
            "input": lambda: show("d_input = -share * p", Multiple(share, p, -1)),
            # p * s may overflow where its share does not
            "target": lambda: show(
                "d_target = share * p * s + share * p", share * p * s + share * p
            ),
        }

    return Terms(loss, gradient)
