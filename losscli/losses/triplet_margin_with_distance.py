"""Triplet margin loss with any distance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np

from losscli.distances import NAMED, checked, is_function, measured_by, name_of
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.triplets import guesses, laid_out, triplet_terms
from losscli.work import Show, Terms, quiet

NAME = "triplet-margin-with-distance"


def triplet_margin_with_distance(
    anchor: Annotated[Array, Tensor("what is compared", "(*, D)", predicted=True)],
    positive: Annotated[Array, Tensor("should lie near the anchor", "(*, D)", predicted=True)],
    negative: Annotated[Array, Tensor("should lie far from it", "(*, D)", predicted=True)],
    *,
    distance: Annotated[
        str | Callable[..., Any],
        Option(f"{', '.join(NAMED)} or module:function", read=partial(checked, NAME)),
    ] = "euclidean",
    margin: Annotated[float, Option("how much farther the negative should be", above=0)] = 1.0,
    swap: Annotated[
        bool, Option("use the positive's distance to the negative where it is smaller")
    ] = False,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)", row="triple", layout=partial(laid_out, NAME), guesses=guesses)]:
    """How much nearer an anchor is to its positive than to its negative, by a distance of your choice.

    For embeddings where another distance than a norm is meant: the cosine distance, or one of your own.
    For Euclidean and other norms triplet-margin does the same; for pairs with a label use
    cosine-embedding or hinge-embedding.

    Formula
        l = max(0, margin + d(anchor, positive) - d(anchor, negative))
        with swap, d(positive, negative) stands for d(anchor, negative) where it is smaller
        euclidean          sqrt(sum (a - b + 1e-6)^2), PyTorch's default
        manhattan          sum |a - b|
        chebyshev          max |a - b|
        minkowski:P        (sum |a - b|^P)^(1/P), P above 0
        squared-euclidean  sum (a - b)^2
        cosine             1 - sum(a / max(|a|, 1e-8) b / max(|b|, 1e-8)), PyTorch's cosine_similarity
        module:function    a function of your own

    Shapes
        anchor, positive, negative: (N, D) or (D), any number of axes before the last, as many in each;
        they broadcast to one another. result: a number; with reduction none one for each triple, (N).
        A function of your own takes two NumPy arrays (N, D) and returns their distances, (N). It is
        called for a part of the triples at a time, perhaps on several threads at once.

    Range
        Numbers of any size; the loss is at least 0.

    Gradient
        With u(a, b) the slope of d by a, and v(a, b) that by b: d/danchor = u(anchor, positive) -
        u(anchor, negative), d/dpositive = v(anchor, positive), d/dnegative = -v(anchor, negative).
        That of a norm is 0 where d = 0, and shared by the components that are equally large.
        That of a function of your own is taken by central differences: right to about 9 digits.
        Exactly on the hinge it passes; where the two distances of swap are equal each gets half.

    Pitfalls
        A similarity in place of a distance turns the loss around: the good triples cost most. The
        distance is 1 - similarity.
        Only euclidean has eps, and adds it to each difference, before the norm: d(x, x) is sqrt(D) 1e-6.
        Squared distances grow faster, and so want another margin.
        Where powers overflow or underflow and the norm does not, also in the cosine, PyTorch says inf, nan
        or 0; losscli has the number. Distances beyond the largest float are inf in both.
        Of no triples at all, what was to be broadcast has a gradient of 0; in PyTorch nan if infinite.
        cosine of nearly parallel vectors keeps its digits, where PyTorch's is rounding noise of 1e-16.

    Errors
        margin must be above 0; the three must have as many axes and broadcast. An unknown distance, a
        module or function that is not there, or one that does not return one number for each row.

    Source
        Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
        networks", 2016; torch.nn.TripletMarginWithDistanceLoss, whose distance_function this distance is.
    """
    tensors = {"anchor": anchor, "positive": positive, "negative": negative}
    (components,) = np.broadcast_shapes(*(array.shape[-1:] for array in tensors.values()))
    measure = measured_by(distance, NAME, components)
    terms = triplet_terms(tensors, measure, margin, swap, show)
    if not is_function(distance):
        return terms
    return terms._replace(remark=f"{name_of(distance)} is differentiated by central differences.")
