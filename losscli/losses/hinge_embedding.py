"""Hinge embedding loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from losscli.guesses import PERFECT, Guess, Options, Tensors, of_few, same_shape
from losscli.numerics import kept, minus, room
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.slopes import shared
from losscli.work import Gradients, Show, Terms, quiet


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """A distance of 0 everywhere, and that of the margin for pairs that do not belong together."""
    input, target = tensors["input"], tensors["target"]
    yield Guess("a distance of 0 everywhere", {"input": np.zeros(input.shape)})
    best = np.where(target == 1, 0, max(options["margin"], 0))
    yield Guess(
        PERFECT, {"input": same_shape(best, input)}, otherwise="every pair as near as it should be"
    )


def hinge_embedding(
    input: Annotated[Array, Tensor("distances of pairs", "(*)", predicted=True)],
    target: Annotated[
        Array,
        Tensor(
            "1: the pair belongs together; -1: it does not",
            "(*)",
            differentiable=False,
            boolean=True,
        ),
    ],
    *,
    margin: Annotated[float, Option("how far apart other pairs should be")] = 1.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", row="pair", guesses=guesses)]:
    """The distance of a pair that belongs together, and what other pairs lack to a margin.

    For embeddings of pairs with a label, similar or not, where the distance is computed beforehand, for
    example the L1 distance. cosine-embedding takes the vectors themselves; triplet-margin compares two
    distances, and margin-ranking two scores.

    Formula
        l = input                       where target = 1
        l = max(0, margin - input)      where target = -1

    Shapes
        input, target: (*), any shape; they are broadcast to one another.
        result: a number; with reduction none the broadcast shape.

    Range
        input: distances, at least 0, and target 1 or -1; neither is checked, as in PyTorch.

    Gradient
        dl/dinput = 1 where target = 1; -1 where target = -1 and input <= margin, also exactly on the
        hinge; and 0 beyond.

    Pitfalls
        Targets of 0 and 1 instead of -1 and 1: what is neither 1 nor -1 costs both parts,
        input + max(0, margin - input).
        A score that may be negative is no distance: the loss falls below 0 without end where target = 1.
        Shapes (N, 1) and (N) broadcast to (N, N), which is hardly ever meant.

    Errors
        Shapes that do not broadcast are refused.

    Source
        Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", 2006, has
        it with squares; torch.nn.HingeEmbeddingLoss.
    """
    near = show(
        "near = where(target == -1, 0, input)",
        kept(input, target != -1),
        "distance of what matches",
    )
    h = np.subtract(margin, input, out=room(input))
    far = show(
        "far = where(target == 1, 0, max(margin - input, 0))",
        kept(np.maximum(h, 0, out=room(h)), target != 1),
        "missing to the margin",
    )
    loss = show("l = near + far", np.add(near, far, out=room(near)), "loss of the pair")

    def gradient(share: Array) -> Gradients:
        pull = show(
            "pull = where(target == -1, 0, share)", shared(share, target != -1, h), "together"
        )
        push = show(
            "push = where(target == 1, 0, where(margin - input >= 0, share, 0))",
            shared(share, (target != 1) & (h >= 0), h),
            "apart, on the hinge too",
        )
        return {"input": lambda: show("d_input = pull - push", minus(pull, push))}

    return Terms(loss, gradient)
