"""Triplet margin loss."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from losscli.errors import ShapeError
from losscli.layout import Laid, shape_text
from losscli.numerics import norm, norm_slope, norm_slope_text, norm_text
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.work import Gradients, Show, Terms, quiet


def vectors(anchor: Array, positive: Array, negative: Array) -> dict[str, Laid]:
    """All three have as many axes; the last holds the components, a lone number is one component."""
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"triplet-margin: anchor has shape {shape_text(anchor.shape)}, positive "
            f"{shape_text(positive.shape)} and negative {shape_text(negative.shape)}; "
            "expected as many axes in each: (N, D), or (D) for one triple."
        )
    if anchor.ndim:
        return {}
    given = {"anchor": anchor, "positive": positive, "negative": negative}  # each one component
    return {name: Laid(array, lambda a: a[None], ("D",)) for name, array in given.items()}


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
) -> Annotated[Terms, Rows("(*)", row="triple", layout=vectors)]:
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
        Equal embeddings everywhere give loss = margin and hardly any gradient: collapse.

    Errors
        margin must be above 0; the three must have as many axes and broadcast.

    Source
        Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
        networks", 2016; torch.nn.TripletMarginLoss.
    """

    between = {"anchor": anchor, "positive": positive, "negative": negative}

    def distance(name: str, first: str, second: str) -> tuple[Array, Array]:
        z = show(
            f"z_{name} = {first} - {second} + eps",
            between[first] - between[second] + eps,
            f"{first} to {second}",
        )
        return z, show(f"dist_{name} = {norm_text(p, f'z_{name}')}", norm(z, p), "distance")

    z_ap, d_ap = distance("ap", "anchor", "positive")
    z_an, d_an = distance("an", "anchor", "negative")
    far = d_an
    if swap:
        z_pn, d_pn = distance("pn", "positive", "negative")
        far = show(
            "far = min(dist_an, dist_pn)", np.minimum(d_an, d_pn), "swap: the smaller of the two"
        )
    h = show(
        f"h = margin + dist_ap - {'far' if swap else 'dist_an'}",
        margin + d_ap - far,
        "missing to the margin",
    )
    loss = show("l = max(0, h)", np.maximum(h, 0), "loss of the triple")

    def gradient(share: Array) -> Gradients:
        def slope(name: str, z: Array, d: Array) -> Array:
            equation = norm_slope_text(p, f"z_{name}", f"dist_{name}")
            return show(f"u_{name} = {equation}", norm_slope(z, d, p), "slope of the distance")

        on = show("on = where(h >= 0, share, 0)", np.where(h >= 0, share, 0), "on or off the hinge")
        u_ap = slope("ap", z_ap, d_ap) * on[..., None]
        u_an = slope("an", z_an, d_an)
        if not swap:
            u_an = u_an * on[..., None]
            return {
                "anchor": lambda: show("d_anchor = on * (u_ap - u_an)", u_ap - u_an),
                "positive": lambda: show("d_positive = -on * u_ap", -u_ap),
                "negative": lambda: show("d_negative = on * u_an", u_an),
            }
        chosen = show(
            "k = where(dist_an == dist_pn, 0.5, where(dist_an > dist_pn, 0, 1))",
            np.where(d_an == d_pn, 0.5, np.where(d_an > d_pn, 0, 1)).astype(on.dtype),
            "which one the minimum took",
        )
        u_an = u_an * (on * chosen)[..., None]
        u_pn = slope("pn", z_pn, d_pn) * (on * (1 - chosen))[..., None]
        return {
            "anchor": lambda: show("d_anchor = on * (u_ap - k * u_an)", u_ap - u_an),
            "positive": lambda: show("d_positive = -on * (u_ap + (1 - k) * u_pn)", -u_ap - u_pn),
            "negative": lambda: show("d_negative = on * (k * u_an + (1 - k) * u_pn)", u_an + u_pn),
        }

    return Terms(loss, gradient)
