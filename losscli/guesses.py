"""Predictions to compare a loss with: a perfect one, a uniform guess, the same number everywhere.

A loss names its own in `Rows(guesses=...)`: a function of its tensors and options, which gives what stands
in place of the predictions. Their losses are computed by the loss itself (losscli.references), so that
they always agree with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from losscli.parameters import Array

FAR = 1e4  # a score so far off that its exponential is 0

Tensors = Mapping[str, Array]
Options = Mapping[str, Any]
Guesses = Callable[[Tensors, Options, bool], Iterator["Guess"]]


class Guess(NamedTuple):
    """A prediction: its name, and the tensors that it puts in place of those that were given.

    formula:   what its loss is called where it has that value: ("ln 3", 1.0986...).
    otherwise: its name where its loss is not 0.
    alike:     that every row costs the same for what it counts; `tensors` are then those of one row, and
               nothing else, so that it costs nothing to look at it.
    """

    name: str
    tensors: Tensors
    formula: tuple[str, float] = ("", 0.0)
    otherwise: str = ""
    alike: bool = False


def of_few(guesses: Callable[[Tensors, Options], Iterator[Guess]]) -> Guesses:
    """Guesses that look at every number, and are made only where there are not too many."""

    @wraps(guesses)
    def made(tensors: Tensors, options: Options, few: bool) -> Iterator[Guess]:
        if few:
            yield from guesses(tensors, options)

    return made


PERFECT = "a perfect prediction"


@of_few
def constants(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Of a regression: perfect, the mean of the targets everywhere, 0 everywhere."""
    yield from _constants(tensors, "mean", np.mean)


@of_few
def constants_with_median(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """The same with the median, which is the best constant for absolute errors."""
    yield from _constants(tensors, "median", np.median)


def _constants(tensors: Tensors, name: str, of_targets: Callable[[Array], Any]) -> Iterator[Guess]:
    input, target = tensors["input"], tensors["target"]
    yield Guess(PERFECT, {"input": same_shape(target, input)})
    yield Guess("predicting 0 everywhere", {"input": np.zeros(input.shape)})
    if not np.iscomplexobj(target):
        yield everywhere(f"the {name} of the targets", of_targets(target), input)


def everywhere(what: str, value: Any, input: Array) -> Guess:
    """The same number everywhere."""
    name = f"predicting {text_of(value)} everywhere, {what}"
    return Guess(name, {"input": np.full(input.shape, value)})


def text_of(value: Any) -> str:
    """A number in a name."""
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{float(value):.4g}").replace("-", "−")


def same_shape(array: Array, *others: Array) -> Array:
    """The array in the shape that all have when they are broadcast to one another."""
    return np.broadcast_to(array, np.broadcast_shapes(array.shape, *(o.shape for o in others)))


def uniform(classes: int, tensors: Tensors, *, alike: bool = False) -> Guess:
    """A uniform guess over the classes, whose cross-entropy is the logarithm of their number."""
    name = f"a uniform guess over {classes} classes"
    return Guess(name, tensors, (f"ln {classes}", float(np.log(classes))), alike=alike)


def yes_or_no(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """Of scores whose sigmoid is the probability of a yes: undecided, and as sure as the targets are."""
    input, target = tensors["input"], tensors["target"]
    formula = ("ln 2", float(np.log(2)))
    yield Guess(
        "scores of 0 everywhere, a probability of 0.5", {"input": np.zeros(input.shape)}, formula
    )
    yes, no = tensors.get("pos_weight", np.float64(1)) * target, 1 - target
    if (yes >= 0).all() and (no >= 0).all() and np.shape(yes + input) == input.shape:
        with np.errstate(all="ignore"):
            best = np.where(no == 0, FAR, np.where(yes == 0, -FAR, np.log(yes / no)))
        best = np.broadcast_to(np.where((no == 0) & (yes == 0), 0, best), input.shape)
        yield Guess(PERFECT, {"input": best}, otherwise="the floor of these soft targets")
