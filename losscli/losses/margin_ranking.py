"""Margin ranking loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few, same_shape
from losscli.layout import Laid, as_many_axes
from losscli.numerics import minus, room, times
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.slopes import shared
from losscli.work import Gradients, Show, Terms, quiet


def pairs(input1: Array, input2: Array, target: Array) -> dict[str, Laid]:
    """All three have as many axes, which broadcast to one another."""
    given = {"input1": input1, "input2": input2, "target": target}
    as_many_axes("margin-ranking", given, "(N), or (N, D) and for one target a row (N, 1)")
    return {}


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Equal scores, and every pair in its order by more than the margin."""
    first, second = np.zeros(tensors["input1"].shape), np.zeros(tensors["input2"].shape)
    yield Guess("equal scores in every pair", {"input1": first, "input2": second})
    right = (1 + abs(options["margin"])) * np.sign(tensors["target"])
    ordered = {"input1": same_shape(right, first, second), "input2": second}
    yield Guess(PERFECT, ordered, otherwise="every pair in its order, where it has one")


def margin_ranking(
    input1: Annotated[Array, Tensor("scores of the first of each pair", "(*)", predicted=True)],
    input2: Annotated[Array, Tensor("scores of the second of each pair", "(*)", predicted=True)],
    target: Annotated[Array, Tensor("1: the first ranks higher; -1: the second", "(*)")],
    *,
    margin: Annotated[float, Option("how much higher it should be")] = 0.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", row="pair", layout=pairs, guesses=guesses)]:
    """How far two scores are from standing in the right order, by a margin.

    For learning to rank from pairs: only the order counts, so the scores need no scale of their own.
    For distances of pairs use hinge-embedding; for vectors, triplet-margin.

    Formula
        l = max(0, margin - target (input1 - input2))

    Shapes
        input1, input2, target: as many axes in each, broadcast to one another: (N); or scores (N, D)
        with a target (N, D), or (N, 1) for one a row. result: a number; with reduction none the
        broadcast shape.

    Range
        Scores of any size; target 1 or -1, which is not checked, as in PyTorch. The loss is at least 0.

    Gradient
        dl/dinput1 = -target and dl/dinput2 = target where margin - target (input1 - input2) >= 0, also
        exactly on the hinge, and 0 beyond. dl/dtarget = -(input1 - input2) in the same places.

    Pitfalls
        Targets of 0 and 1 instead of -1 and 1: a pair with target 0 costs the margin, whatever the
        scores are, and its gradient is 0.
        With margin 0, the default, equal scores cost nothing: a model may answer the same for all.
        Shapes (N, 1) and (1, N) broadcast to (N, N): every pair of pairs.

    Errors
        Different numbers of axes, as of (N, D) and (N), and shapes that do not broadcast, are refused.

    Source
        Joachims, "Optimizing search engines using clickthrough data", 2002; torch.nn.MarginRankingLoss.
    """
    r = show("r = input1 - input2", minus(input1, input2), "how much higher the first is")
    h = times(target, r)
    np.subtract(margin, h, out=h)
    show("h = margin - target * r", h, "missing to the margin")
    loss = show("l = max(h, 0)", np.maximum(h, 0, out=room(h)), "loss of the pair")

    def gradient(share: Array) -> Gradients:
        on = shared(share, h >= 0, h)
        show("on = where(h >= 0, share, 0)", on, "on or off the hinge")
        return {
            "input1": lambda: show("d_input1 = -on * target", times(-on, target)),
            "input2": lambda: show("d_input2 = on * target", times(on, target)),
            "target": lambda: show("d_target = -on * r", times(-on, r)),
        }

    return Terms(loss, gradient)
