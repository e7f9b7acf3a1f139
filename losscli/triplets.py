"""What the triplet losses share: how triples lie, distances by a norm, the hinge and the swap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from losscli.guesses import FAR, PERFECT, Guess, Options, Tensors, of_few
from losscli.layout import Laid, as_many_axes
from losscli.numerics import (
    minus,
    norm,
    norm_slope,
    norm_slope_text,
    norm_text,
    summed_like,
    summed_text,
)
from losscli.parameters import Array
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet


class Pair(NamedTuple):
    """Two of the three, as the steps call them and as they are."""

    name: str  # ap, an or pn
    first: str
    second: str
    a: Array
    b: Array


class Distance(NamedTuple):
    """The distance of each row's two vectors, and what gives its slopes, by the first and the second.

    The slopes show themselves as u_ and v_ with the pair's name, once. Without `second` only the
    difference of the two counts, and the slope by the second is minus that by the first.
    """

    value: Array
    first: Callable[[], Array]
    second: Callable[[], Array] | None = None


Measure = Callable[[Pair, Show], Distance]  # shows the steps to the distance, the last as dist_


def laid_out(loss: str, anchor: Array, positive: Array, negative: Array) -> dict[str, Laid]:
    """All three have as many axes; the last holds the components, a lone number is one component."""
    given = {"anchor": anchor, "positive": positive, "negative": negative}
    as_many_axes(loss, given, "(N, D), or (D) for one triple")
    if anchor.ndim:
        return {}
    return {name: Laid(array, lambda a: a[None], ("D",)) for name, array in given.items()}


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """All points in one place, which costs the margin; and negatives on the other side of the anchor."""
    distance = options.get("distance", "")
    if callable(distance) or (":" in distance and not distance.startswith("minkowski:")):
        return  # what a function of the user's would make of these points, nobody knows
    here = {name: np.ones(array.shape) for name, array in tensors.items()}
    yield Guess("the margin, with all points in one place", here)
    if tensors["anchor"].size:
        far = np.full(tensors["negative"].shape, -FAR * (1 + options["margin"]))
        yield Guess(PERFECT, {**here, "negative": far}, otherwise="negatives as far as can be")


def by_norm(p: float, eps: float = 0.0, eps_text: str = "") -> Measure:
    """The p-norm of the difference, to which eps is added first; eps_text is what it is called."""

    def measure(pair: Pair, show: Show) -> Distance:
        z_text, text = f"z_{pair.name}", f"dist_{pair.name}"
        z = minus(pair.a, pair.b)
        if eps:
            z += eps
        show(
            f"{z_text} = {pair.first} - {pair.second}{f' + {eps_text}' if eps else ''}",
            z,
            f"{pair.first} to {pair.second}",
        )
        value = norm(z, p)
        if show is not quiet:
            constants = {"p": p, "inf": np.inf}
            equation = f"{text} = {norm_text(p, z_text, value)}"
            show(equation, value, "distance", constants=constants)

        @cache
        def slope() -> Array:
            equation = f"u_{pair.name} = {norm_slope_text(p, z_text, text)}"
            return show(equation, norm_slope(z, value, p), "slope of the distance")

        return Distance(value, slope)

    return measure


def triplet_terms(
    tensors: Mapping[str, Array], measure: Measure, margin: float, swap: bool, show: Show
) -> Terms:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) for any distance."""

    def between(first: str, second: str) -> Distance:
        name = first[0] + second[0]
        return measure(Pair(name, first, second, tensors[first], tensors[second]), show)

    ap, an = between("anchor", "positive"), between("anchor", "negative")
    far, pn = an.value, an
    if swap:
        pn = between("positive", "negative")
        far = show(
            "far = min(dist_an, dist_pn)",
            np.minimum(an.value, pn.value),
            "swap: the smaller of the two",
        )
    h = show(
        f"h = margin + dist_ap - {'far' if swap else 'dist_an'}",
        margin + ap.value - far,
        "missing to the margin",
    )
    loss = show("l = max(h, 0)", np.maximum(h, 0), "loss of the triple")

    def gradient(share: Array) -> Gradients:
        on = show("on = where(h >= 0, share, 0)", np.where(h >= 0, share, 0), "on or off the hinge")
        parts = {"ap": _Part("+", "", None, ap), "an": _Part("-", "", None, an)}
        if swap:
            k = show(
                "k = where(dist_an == dist_pn, 0.5, where(dist_an > dist_pn, 0, 1))",
                np.where(an.value == pn.value, 0.5, np.where(an.value > pn.value, 0, 1)),
                "which one the minimum took",
            ).astype(on.dtype)
            parts["an"] = _Part("-", "k", k, an)
            parts["pn"] = _Part("-", "(1 - k)", 1 - k, pn)

        def by(tensor: str) -> Multiple:
            like, letter = tensors[tensor], tensor[0]
            found = [_slope(part, n, letter, like) for n, part in parts.items() if letter in n]
            total = found[0].array if found[0].sign == "+" else -found[0].array
            for other in found[1:]:
                total = total + other.array if other.sign == "+" else minus(total, other.array)
            return show(f"d_{tensor} = {_text(found)}", Multiple(on[..., None], total))

        return {tensor: lambda tensor=tensor: by(tensor) for tensor in tensors}  # type: ignore[misc]

    return Terms(loss, gradient)


class _Part(NamedTuple):
    """One distance in h: its sign, and the share of it that the swap has left."""

    sign: str
    factor: str
    share: Array | None
    distance: Distance


class _Slope(NamedTuple):
    sign: str
    text: str
    array: Array


def _slope(part: _Part, name: str, letter: str, like: Array) -> _Slope:
    """The slope of one distance by the tensor that begins with `letter`, over its own components."""
    sign, text, distance = part.sign, f"u_{name}", part.distance
    if letter == name[0]:
        slope = distance.first()
    elif distance.second is None:
        sign, slope = "-" if sign == "+" else "+", distance.first()
    else:
        text, slope = f"v_{name}", distance.second()
    text, slope = summed_text(text, slope, like), summed_like(slope, like)
    if part.share is None:
        return _Slope(sign, text, slope)
    return _Slope(sign, f"{part.factor} * {text}", part.share[..., None] * slope)


def _text(slopes: list[_Slope]) -> str:
    """on * (u_ap - k * u_an); of negative slopes only, -on * (...)."""
    negative = all(slope.sign == "-" for slope in slopes)
    first, *rest = [(("+" if negative else s.sign), s.text) for s in slopes]
    inside = ("-" if first[0] == "-" else "") + first[1]
    inside += "".join(f" {sign} {text}" for sign, text in rest)
    return f"{'-' if negative else ''}on * {f'({inside})' if rest or '-' in first[0] else inside}"
