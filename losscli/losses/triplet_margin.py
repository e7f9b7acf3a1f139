"""Triplet margin loss."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from losscli.parameters import Array, Option, Rows, Tensor
from losscli.triplets import by_norm, guesses, laid_out, triplet_terms
from losscli.work import Show, Terms, quiet


def triplet_margin(
    anchor: Annotated[Array, Tensor("what is compared", "(*, D)", predicted=True)],
    positive: Annotated[Array, Tensor("should lie near the anchor", "(*, D)", predicted=True)],
    negative: Annotated[Array, Tensor("should lie far from it", "(*, D)", predicted=True)],
    *,
    margin: Annotated[float, Option("how much farther the negative should be", above=0)] = 1.0,
    p: Annotated[float, Option("the norm: 2 is Euclidean, 1 Manhattan, inf the largest")] = 2.0,
    eps: Annotated[float, Option("added to each difference")] = 1e-6,
    swap: Annotated[
        bool, Option("use the positive's distance to the negative where it is smaller")
    ] = False,
    show: Show = quiet,
) -> Annotated[
    Terms, Rows("(*)", row="triple", layout=partial(laid_out, "triplet-margin"), guesses=guesses)
]:
    """How much nearer an anchor is to its positive than to its negative, as far as a margin asks.

    For embeddings: things that belong together are pulled together until others are `margin` farther
    away. With a distance of your own use triplet-margin-with-distance; for pairs with a label,
    cosine-embedding or hinge-embedding.

    Formula
        d(a, b) = (sum |a - b + eps|^p)^(1/p)
        l = max(0, margin + d(anchor, positive) - d(anchor, negative))
        with swap, d(positive, negative) stands for d(anchor, negative) where it is smaller

    Shapes
        anchor, positive, negative: (N, D) or (D), any number of axes before the last, as many in each;
        they broadcast to one another. result: a number; with reduction none one for each triple, (N).

    Range
        Numbers of any size; the loss is at least 0.

    Gradient
        Follows the norm: u(a, b) = sign(z) |z|^(p-1) / d^(p-1) with z = a - b + eps, and 0 where d = 0.
        d/dpositive = -u(anchor, positive), d/dnegative = u(anchor, negative), d/danchor the difference.
        Exactly on the hinge it passes; where the two distances of swap are equal each gets half.

    Pitfalls
        eps is added to each difference, before the norm: d(x, x) is sqrt(D) 1e-6, and d(1, 0) is not
        d(0, 1).
        The distance is not squared.
        Where powers overflow or underflow and the norm does not, PyTorch says inf, nan or 0; losscli has
        the number. Distances beyond the largest float are inf in both.
        Of no triples at all, what was to be broadcast has a gradient of 0; in PyTorch nan if infinite.
        Equal embeddings everywhere give loss = margin and hardly any gradient: collapse.

    Errors
        margin must be above 0; the three must have as many axes and broadcast.

    Source
        Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
        networks", 2016; torch.nn.TripletMarginLoss.
    """
    tensors = {"anchor": anchor, "positive": positive, "negative": negative}
    return triplet_terms(tensors, by_norm(p, eps, "eps"), margin, swap, show)
