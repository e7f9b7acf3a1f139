"""The distances of triplet-margin-with-distance: by name, or by a function of the user's own.

A `Measure` shows the steps from two vectors to their distance, and has its slopes ready.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from losscli.errors import KindError, ShapeError, UsageError, brief
from losscli.layout import shape_text
from losscli.numerics import cosine_shortfall, dots, norm, norm_slope, shrunk
from losscli.parameters import Array, plain
from losscli.triplets import Distance, Measure, Pair, by_norm
from losscli.work import Show

NAMED = ("euclidean", "manhattan", "chebyshev", "minkowski:P", "cosine", "squared-euclidean")
SHORT = 1e-8  # a norm below it counts as this much in the cosine, as in PyTorch
STEP = float(np.cbrt(np.finfo(np.float64).eps))  # of central differences, in units of the vector

Given = str | Callable[..., Any]  # what --distance, or `distance` in Python, takes


def checked(loss: str, given: Any) -> Given:
    """`given`, if it is one of these distances; UsageError or KindError if not."""
    if not isinstance(given, str) and not callable(given):
        raise KindError(
            f"{loss}: distance is {brief(given)}; expected a name ({', '.join(NAMED)}), module:function, "
            "or in Python a function."
        )
    measured_by(given, loss)
    distance: Given = given
    return distance


def is_function(given: Given) -> bool:
    """Whether it is a function of the user's own."""
    return not isinstance(given, str) or (":" in given and not given.startswith("minkowski:"))


def name_of(given: Given) -> str:
    """What a distance is called."""
    return str(plain(given))


def measured_by(given: Given, loss: str, components: int = 1) -> Measure:
    """The distance that is meant, of vectors that are broadcast to so many components."""
    if is_function(given):
        function = _imported(given, loss) if isinstance(given, str) else given
        return _by_function(function, name_of(given), loss)
    assert isinstance(given, str)
    name, _, order = given.partition(":")
    plain: dict[str, Measure] = {
        "euclidean": by_norm(2.0, 1e-6, "1e-6"),
        "manhattan": by_norm(1.0),
        "chebyshev": by_norm(math.inf),
        "cosine": _Cosine(components),
        "squared-euclidean": _squared,
    }
    if given in plain:
        return plain[given]
    if name == "minkowski":
        return by_norm(_order(given, order, loss))
    import difflib

    near = difflib.get_close_matches(given, NAMED, n=1)
    hint = (
        f"Did you mean {near[0]}?" if near else f"Choose from {', '.join(NAMED)}, module:function."
    )
    raise UsageError(f"{loss}: distance is {given!r}, which is not one. {hint}")


def _order(given: str, text: str, loss: str) -> float:
    try:
        p = float(text)
    except ValueError:
        p = math.nan
    if not p > 0:
        raise UsageError(
            f"{loss}: distance is {given!r}; minkowski needs a number above 0, as in minkowski:3."
        )
    return p


def _imported(given: str, loss: str) -> Callable[..., Any]:
    """The function that `module:function` names; the module may lie in the current folder."""
    module, _, name = given.partition(":")
    here = os.getcwd()
    sys.path.append(here)
    try:
        function = attrgetter(name)(importlib.import_module(module))
    except (ModuleNotFoundError, ValueError, TypeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (None, module):
            raise UsageError(f"{loss}: distance is {given!r}; {error}.") from None
        raise UsageError(
            f"{loss}: distance is {given!r}, but there is no module {module!r}, neither here nor "
            "installed."
        ) from None
    except AttributeError:
        raise UsageError(
            f"{loss}: distance is {given!r}, but module {module} has no {name!r}."
        ) from None
    except Exception as error:
        raise UsageError(
            f"{loss}: distance is {given!r}; importing {module} raised {_said(error)}"
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(function):
        raise UsageError(f"{loss}: distance is {given!r}, which is {function!r}, not a function.")
    found: Callable[..., Any] = function
    return found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).rstrip('.')}."


# ---- distances with a formula


def _squared(pair: Pair, show: Show) -> Distance:
    z = show(
        f"z_{pair.name} = {pair.first} - {pair.second}",
        pair.a - pair.b,
        f"{pair.first} to {pair.second}",
    )
    value = show(f"dist_{pair.name} = sum(z_{pair.name}**2)", dots(z, z), "squared distance")

    @cache
    def slope() -> Array:
        return show(f"u_{pair.name} = 2 * z_{pair.name}", 2 * z, "slope of the distance")

    return Distance(value, slope)


class _Cosine:
    """1 - cosine, as PyTorch's cosine_similarity has it: each vector is divided by its length first.

    A vector of one component is broadcast before that. Lengths and directions of the vectors that were
    seen are kept, for each is in two pairs.
    """

    def __init__(self, components: int) -> None:
        self.components = components
        self.seen: dict[str, tuple[Array, Array]] = {}

    def __call__(self, pair: Pair, show: Show) -> Distance:
        a, b = self._wide(pair.a), self._wide(pair.b)
        (n_a, e_a), (n_b, e_b) = (
            self._direction(name, x, x.shape != given.shape, show)
            for name, x, given in ((pair.first, a, pair.a), (pair.second, b, pair.b))
        )
        cos = show(
            f"cos_{pair.name} = sum(e_{pair.first} * e_{pair.second})",
            dots(e_a, e_b),
            f"cosine, {pair.first} to {pair.second}",
        )
        value = 1 - cos
        near = (cos > 0.9) & (n_a > SHORT) & (n_b > SHORT)
        if near.any():
            value[near] = cosine_shortfall(shrunk(a[near])[0], shrunk(b[near])[0], 0.0, 0.0)
        show(f"dist_{pair.name} = 1 - cos_{pair.name}", value, "distance")

        def slope(letter: str, own: str, x: Array, n: Array, other: str, e: Array) -> Array:
            unit = f"e_{own}"
            if not (n > SHORT).all():
                unit = f"where(len_{own} == 0, 0, {own} / len_{own})"
            turn = show(
                f"turn_{letter}_{pair.name} = cos_{pair.name} * {unit} - e_{other}",
                cos[..., None] * norm_slope(x, n, 2) - e,
                "away from the other",
            )
            return show(
                f"{letter}_{pair.name} = turn_{letter}_{pair.name} / max(len_{own}, 1e-8)",
                turn / np.maximum(n, SHORT)[..., None],
                f"slope by {own}",
            )

        return Distance(
            value,
            cache(lambda: slope("u", pair.first, a, n_a, pair.second, e_b)),
            cache(lambda: slope("v", pair.second, b, n_b, pair.first, e_a)),
        )

    def _wide(self, x: Array) -> Array:
        narrow = x.shape[-1] == 1 != self.components
        return np.broadcast_to(x, (*x.shape[:-1], self.components)) if narrow else x

    def _direction(self, name: str, x: Array, narrow: bool, show: Show) -> tuple[Array, Array]:
        if name not in self.seen:
            times = f"{self.components} * " if narrow else ""
            n = show(f"len_{name} = sqrt({times}sum({name}**2))", norm(x, 2), f"length of {name}")
            e = x / np.maximum(n, SHORT)[..., None]
            show(f"e_{name} = {name} / max(len_{name}, 1e-8)", e, f"direction of {name}")
            self.seen[name] = n, e
        return self.seen[name]


# ---- functions of the user's own


def _by_function(function: Callable[..., Any], name: str, loss: str) -> Measure:
    """The distance by a function of two arrays (N, D); its slopes by central differences."""
    text = name.rpartition(":")[2].rpartition(".")[2]
    text = text if text.isidentifier() else "distance"

    def distances(a: Array, b: Array) -> Array:
        rows, size = a.shape[:-1], a.shape[-1]
        # copies, for it may write into what it gets
        x, y = (np.array(v).reshape(math.prod(rows), size) for v in (a, b))
        try:
            found = np.asarray(function(x, y))
        except Exception as error:
            raise UsageError(f"{loss}: {name} raised {_said(error)}") from error
        expected = (math.prod(rows),)
        if found.dtype.kind not in "fiub" or found.shape != expected:
            what = f"an array {shape_text(found.shape)} of {found.dtype}"
            raise ShapeError(
                f"{loss}: {name} returned {what} for two arrays {shape_text((*expected, size))}; "
                f"expected {shape_text(expected)}, one distance for each row."
            )
        return found.astype(np.float64).reshape(rows)

    def slope(a: Array, b: Array, second: bool) -> Array:
        """By the first argument, or by the second."""
        a, b = a.astype(np.float64), b.astype(np.float64)
        size = np.maximum(np.abs(a).max(-1, initial=0), np.abs(b).max(-1, initial=0))
        step = STEP * np.where(size > 0, size, 1)
        slopes = np.empty(a.shape)
        for i in range(a.shape[-1]):
            ends = []
            for sign in (1, -1):
                moved = np.array(b if second else a)
                moved[..., i] += sign * step
                ends.append((moved[..., i], distances(*((a, moved) if second else (moved, b)))))
            (right, more), (left, less) = ends
            slopes[..., i] = (more - less) / (right - left)
        return slopes

    def measure(pair: Pair, show: Show) -> Distance:
        a, b = np.broadcast_arrays(pair.a, pair.b)
        dist = f"dist_{pair.name}"
        more: dict[str, Any] = {"opaque": True}
        value = show(
            f"{dist} = {text}({pair.first}, {pair.second})",
            distances(a, b).astype(a.dtype),
            f"distance by {name}",
            axes=("row",),
            **more,
        )

        def shown(letter: str, own: str, second: bool) -> Array:
            return show(
                f"{letter}_{pair.name} = slope({dist}, {own})",
                slope(a, b, second).astype(a.dtype),
                "by central differences",
                axes=("row", "D"),
                **more,
            )

        return Distance(
            value,
            cache(lambda: shown("u", pair.first, False)),
            cache(lambda: shown("v", pair.second, True)),
        )

    return measure
