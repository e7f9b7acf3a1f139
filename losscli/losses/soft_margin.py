"""Soft margin loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli.guesses import FAR, PERFECT, Guess, Options, Tensors, of_few
from losscli.numerics import room, times
from losscli.parameters import Array, Rows, Tensor
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Undecided everywhere, and every score far on the right side."""
    input, target = tensors["input"], tensors["target"]
    undecided = np.zeros(input.shape)
    yield Guess("scores of 0 everywhere", {"input": undecided}, ("ln 2", float(np.log(2))))
    right = np.broadcast_to(FAR * np.sign(target), input.shape)
    yield Guess(PERFECT, {"input": right}, otherwise="every score far on the right side")


def soft_margin(
    input: Annotated[Array, Tensor("raw scores", "(*)", predicted=True)],
    target: Annotated[
        Array, Tensor("labels 1 and -1", "(*)", differentiable=False, broadcasts="up", boolean=True)
    ],
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", guesses=guesses)]:
    """Logistic loss of a raw score whose label is 1 or -1.

    For yes-or-no questions with labels 1 and -1. It is bce-with-logits of (target + 1) / 2, for labels 1
    and 0. Against hinge-embedding and multi-margin: smooth, and never quite 0.

    Formula
        m = y x                                   with x = input, y = target
        l = ln(1 + e^-m) = max(-m, 0) + ln(1 + e^-|m|)

    Shapes
        input: (*), any shape. target: broadcasts to it.

    Range
        input: any number. target: 1 or -1, which PyTorch does not check. The loss is above 0.

    Gradient
        dl/dinput = -y / (1 + e^m), from -y for a wrong score to 0 for a right one. PyTorch has none for
        target.

    Pitfalls
        PyTorch overflows: beyond m = -88 in float32, -709 in float64, it says inf with a gradient of
        nan. Here the loss is -m there, which is the truth, and the gradient -y.
        A target of 0 costs ln 2 whatever the score is, and has no gradient: labels 0 and 1 are those of
        bce-with-logits.

    Errors
        A target that does not broadcast to the shape of input.

    Source
        torch.nn.SoftMarginLoss.
    """
    m = show("m = target * input", times(target, input), "score on the label's side")
    e = np.negative(m, out=room(m))
    np.exp(e, out=e)
    loss = np.log1p(e, out=room(m))
    far = np.fmax.reduce(e, None, initial=0) == np.inf
    if far:
        beyond = np.isinf(e)  # there 1 is nothing beside e^-m, whose logarithm is -m
        np.negative(m, out=loss, where=beyond)
    show("l = max(-m, 0) + log1p(exp(-abs(m)))", loss, "ln(1 + e^-m), no overflow")

    def gradient(share: Array) -> Gradients:
        def by_input() -> Multiple:
            p = np.add(e, 1, out=room(e))
            np.divide(e, p, out=p)
            if far:
                p[beyond] = 1
            show("p = exp(min(-m, 0)) / (1 + exp(-abs(m)))", p, "probability of the other label")
            d = times(target, p)
            return show("d_input = -share * target * p", Multiple(share, d, -1))

        return {"input": by_input}

    return Terms(loss, gradient)
