"""Random calls of each loss, for every test of a property.

What a loss's signature says is enough to draw calls of it (`by_signature`). A loss whose tensors must
go together in a way that the signature does not say gets a function here, named after it, in SPECIAL:
from `Draw` it takes shapes, numbers and options, and returns the tensors and the options of one call
that is right. The *kind* of numbers is not its business: the same function serves ordinary numbers,
ties, infinities and the rest, and also the calls of `examples`, which no Hypothesis draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis.extra.numpy import arrays

import losscli
from losscli.engine import Problem
from losscli.losses import load
from losscli.parameters import Loss, OptionParameter, Tensor

# What the floating-point numbers in the tensors are like.
NUMBERS: dict[str, st.SearchStrategy[float]] = {
    "ordinary": st.integers(-4000, 4000).map(lambda i: i / 1000),
    "ties": st.integers(-4, 4).map(lambda i: i / 2),
    "large": st.sampled_from([1.0, 30.0, 700.0, 1e4]).flatmap(
        lambda scale: st.integers(-1000, 1000).map(lambda i: i / 1000 * scale)
    ),
    "special": st.one_of(
        st.integers(-4000, 4000).map(lambda i: i / 1000),
        st.sampled_from([np.inf, -np.inf, np.nan, 0.0, 1.0, -0.0]),
    ),
    "extreme": st.one_of(
        st.sampled_from([1e300, -1e300, 1e-300, -1e-300, 1e155, -1e155, 1e-160, 0.0, 5e-324]),
        st.integers(-4000, 4000).map(lambda i: i / 1000),
    ),
}


@dataclass(frozen=True)
class Case:
    """One call of a loss."""

    loss: str
    tensors: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    reduction: str = "mean"

    def problem(self, **more: Any) -> Problem:
        """The engine's problem for this call."""
        more = {"reduction": self.reduction, **more}
        return Problem(load(self.loss), self.tensors, self.options, **more)

    def compute(self, **more: Any) -> Any:
        """What losscli.compute answers, with arguments changed by `more`."""
        arguments = {**self.tensors, **self.options, "reduction": self.reduction, **more}
        return losscli.compute(self.loss, **arguments)

    def grad(self, **more: Any) -> dict[str, Any]:
        """What losscli.grad answers for every tensor that has a gradient."""
        arguments = {**self.tensors, **self.options, "reduction": self.reduction, "wrt": "all"}
        return losscli.grad(self.loss, **{**arguments, **more})

    def explain(self, **more: Any) -> Any:
        """What losscli.explain answers, with the gradient of every tensor that has one."""
        arguments = {**self.tensors, **self.options, "reduction": self.reduction, "wrt": "all"}
        return losscli.explain(self.loss, **{**arguments, **more})

    def replace(self, **tensors: Any) -> Case:
        """The same call with other tensors."""
        return Case(self.loss, {**self.tensors, **tensors}, self.options, self.reduction)

    def __repr__(self) -> str:
        """The call itself, to be pasted into Python."""
        given = {**self.tensors, **self.options, "reduction": self.reduction}
        text = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"losscli.compute({self.loss!r}, {text})"


class Draw:
    """What a loss's strategy draws from."""

    def __init__(self, draw: st.DrawFn, kind: str, dtype: Any) -> None:
        self.draw, self.kind, self.dtype = draw, kind, np.dtype(dtype)

    def size(self, least: int = 1, most: int = 4) -> int:
        """A length."""
        return self.draw(st.integers(least, most))

    def rows(self) -> int:
        """A number of rows."""
        return self.size(1, 3)

    def shape(self, most: int = 3, least: int = 0) -> tuple[int, ...]:
        """A shape of `least` to `most` axes, of which some may be empty."""
        axes = st.lists(st.sampled_from([2, 3, 1, 4, 0]), min_size=least, max_size=most)
        return tuple(self.draw(axes))

    def maybe(self) -> bool:
        """Yes or no."""
        return self.draw(st.booleans())

    def among(self, *choices: Any) -> Any:
        """One of the choices; the simplest comes first."""
        return self.draw(st.sampled_from(choices))

    def numbers(self, shape: Sequence[int]) -> Any:
        """Any numbers of the kind that is drawn."""
        return self._array(shape, NUMBERS[self.kind])

    def complex(self, real: Any) -> Any:
        """Complex numbers with this real part, or the part alone."""
        if self.maybe():
            return real
        found = np.empty(real.shape, np.result_type(self.dtype, np.complex64))
        found.real, found.imag = real, self.numbers(real.shape)
        return found

    def positive(self, shape: Sequence[int]) -> Any:
        """Numbers of the kind that is drawn, at least 0 (or NaN)."""
        return np.asarray(np.abs(self.numbers(shape)))

    def fractions(self, shape: Sequence[int]) -> Any:
        """Numbers from 0 to 1, the ends included."""
        if self.kind == "ties":
            return self._array(shape, st.sampled_from([0.0, 0.5, 1.0]))
        return self._array(shape, st.integers(0, 100).map(lambda i: i / 100))

    def probabilities(self, shape: Sequence[int]) -> Any:
        """Numbers from 0 to 1, many of them next to the ends."""
        near = st.sampled_from([0.0, 1.0, 1e-300, 5e-324, 1e-50, 1e-13, 1e-7, 1 - 1e-16, 1 - 1e-7])
        return self._array(shape, st.one_of(near, st.integers(0, 100).map(lambda i: i / 100)))

    def weights(self, shape: Sequence[int]) -> Any:
        """Factors, some of them 0."""
        return self.picked(shape, [1.0, 0.5, 2.0, 0.0, 0.3])

    def picked(self, shape: Sequence[int], numbers: Sequence[float]) -> Any:
        """Some of these numbers."""
        return self._array(shape, st.sampled_from(numbers))

    def indices(self, shape: Sequence[int], classes: Sequence[int]) -> Any:
        """Whole numbers out of `classes`."""
        return self.draw(arrays(np.int64, tuple(shape), elements=st.sampled_from(list(classes))))

    def narrowed(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`: axes replaced by 1, or left out in front."""
        if self.maybe():
            return tuple(shape)
        kept = [1 if self.maybe() else n for n in shape]
        return tuple(kept[self.size(0, len(kept)) :])

    def with_ones(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape of as many axes that broadcasts to `shape`."""
        narrow = self.narrowed(shape)
        return (1,) * (len(shape) - len(narrow)) + narrow

    def signs(self, shape: Sequence[int]) -> Any:
        """1 and -1, the targets of pairs; with numbers that are not ordinary also what is neither."""
        neither = {"ties": [0.0], "special": [0.0, 0.5, np.nan, np.inf], "extreme": [2.0]}
        return self.picked(shape, [1.0, -1.0, *neither.get(self.kind, [])])

    def _array(self, shape: Sequence[int], elements: st.SearchStrategy[float]) -> Any:
        found = self.draw(arrays(np.float64, tuple(shape), elements=elements, fill=st.nothing()))
        with np.errstate(all="ignore"):
            return found.astype(self.dtype)


class Rolled(Draw):
    """The same without Hypothesis: ordinary numbers, of these shapes, from a seed; an odd one broadcasts."""

    def __init__(self, seed: int, shapes: Sequence[tuple[int, ...]]) -> None:
        self.rng, self.broadcasts = np.random.default_rng(seed), seed % 2 == 1
        self.kind, self.dtype, self.shapes = "ordinary", np.dtype(float), shapes

    def size(self, least: int = 1, most: int = 4) -> int:
        return int(self.rng.integers(max(least, min(2, most)), most, endpoint=True))

    def narrowed(self, shape: Sequence[int]) -> tuple[int, ...]:
        narrow = [tuple(shape[1:]), (1, *shape[1:]), (*shape[:-1], 1)] if self.broadcasts else []
        return self.among(tuple(shape), *narrow)

    def rows(self) -> int:
        return self.shapes[0][0]

    def shape(self, most: int = 3, least: int = 0) -> tuple[int, ...]:
        return self.among(*(shape for shape in self.shapes if least <= len(shape) <= most))

    def maybe(self) -> bool:
        return bool(self.rng.integers(2))

    def among(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def numbers(self, shape: Sequence[int]) -> Any:
        return self.rng.normal(0, 1.5, shape)

    def fractions(self, shape: Sequence[int]) -> Any:
        return self.rng.uniform(0.01, 0.99, shape)

    def picked(self, shape: Sequence[int], numbers: Sequence[float]) -> Any:
        return self.rng.choice(numbers, shape)

    indices = picked


Drawn = tuple[dict[str, Any], dict[str, Any]]


def by_signature(loss: Loss, draw: Draw) -> Drawn:
    """A call that is right by what the signature says: shapes, what they hold, ranges, options."""
    shapes = {name: p.tensor.shape.split(" or ")[0].strip("()") for name, p in loss.tensors.items()}
    letters = [axis for shape in shapes.values() for axis in shape.split(", ")]
    sizes = {axis: (draw.size(),) for axis in dict.fromkeys(letters) if axis != "*"}
    sizes |= {"N": (draw.rows(),)} if "N" in letters else {}
    sizes |= {"*": draw.shape(2 if "N" in letters else 3)} if "*" in letters else {}
    # One tensor has all the rows, so that the others may be broadcast to it.
    whole = draw.among(*(n for n, p in loss.tensors.items() if p.required and _wide(p.tensor)))
    tensors, options = {}, {}
    for name, parameter in loss.tensors.items():
        if parameter.required or draw.maybe():
            shape = tuple(n for axis in shapes[name].split(", ") for n in sizes[axis])
            if name != whole and shapes[name] == "*" and parameter.tensor.broadcasts != "no":
                shape = draw.narrowed(shape)
            tensors[name] = _held(parameter.tensor, shape, *sizes.get("C", (4,)), draw)
    for name, option in loss.options.items():
        options[name] = draw.among(*_choices(option))
    return tensors, options


def _wide(tensor: Tensor) -> bool:
    """Whether the others may be broadcast to this one."""
    return tensor.broadcasts != "up"


def _held(tensor: Tensor, shape: Sequence[int], classes: int, draw: Draw) -> Any:
    """What a tensor may hold."""
    if tensor.holds != "numbers":
        return draw.indices(shape, range(classes))
    low, high = tensor.at_least, tensor.at_most
    if math.isfinite(low) and math.isfinite(high):
        return np.asarray(
            draw.dtype.type(low) + draw.fractions(shape) * draw.dtype.type(high - low)
        )
    if math.isfinite(low):
        return np.asarray(draw.positive(shape) + draw.dtype.type(low))
    if math.isfinite(high):
        return np.asarray(draw.dtype.type(high) - draw.positive(shape))
    return draw.numbers(shape)


def _choices(parameter: OptionParameter) -> list[Any]:
    """The default of an option, and other values that it may have."""
    option, default = parameter.option, parameter.default
    if parameter.type is bool:
        return [default, not default]
    found = [default, *option.choices]
    if parameter.type is float and not option.choices:
        found += [default / 2 or 1.0, default * 2.5 or 0.5, 0.0, option.at_least, option.at_most]
    return [v for v in dict.fromkeys(found) if v == default or math.isfinite(v) and option.holds(v)]


def pair(draw: Draw) -> Drawn:
    """Two tensors, of which one may be broadcast."""
    shape = draw.shape()
    tensors = {"input": draw.numbers(shape), "target": draw.numbers(draw.narrowed(shape))}
    if draw.maybe():
        tensors = {"input": tensors["target"], "target": tensors["input"]}
    return tensors, {}


def l1(draw: Draw) -> Drawn:
    tensors, _ = pair(draw)
    for name in tensors if draw.among(False, False, True) else ():
        tensors[name] = draw.complex(tensors[name])
    return tensors, {}


def poisson_nll(draw: Draw) -> Drawn:
    tensors, _ = pair(draw)
    options = {"log_input": draw.maybe(), "full": draw.maybe(), "eps": draw.among(1e-8, 0.5)}
    if draw.kind == "ordinary":  # counts and rates where there is a slope
        tensors["target"] = np.asarray(np.abs(tensors["target"]) + draw.dtype.type(0.25))
        if not options["log_input"]:
            tensors["input"] = np.asarray(np.abs(tensors["input"]) + draw.dtype.type(0.25))
    return tensors, options


def gaussian_nll(draw: Draw) -> Drawn:
    shape = draw.shape()
    of_var = [shape, shape[:-1]]
    of_var += [(*shape[:i], 1, *shape[i + 1 :]) for i in range(len(shape))]
    tensors = {
        "input": draw.numbers(shape),
        "target": draw.numbers(shape),
        "var": draw.positive(draw.among(*of_var)),
    }
    return tensors, {"full": draw.maybe(), "eps": draw.among(1e-6, 0.5)}


def nll(draw: Draw) -> Drawn:
    classes, rows = draw.size(), draw.shape(2)
    ignored = draw.among(-100, 1, -1)
    shape = (*rows[:1], classes, *rows[1:])
    tensors = {
        "input": draw.numbers(shape),
        "target": draw.indices(rows, [*range(classes), ignored]),
    }
    if draw.maybe():
        tensors["weight"] = draw.weights((classes,))
    return tensors, {"ignore_index": ignored}


def cross_entropy(draw: Draw) -> Drawn:
    classes, rows = draw.size(), draw.shape(2)
    shape = (*rows[:1], classes, *rows[1:])
    tensors = {"input": draw.numbers(shape)}
    options = {"label_smoothing": draw.among(0.0, 0.1, 1.0)}
    if draw.maybe():
        tensors["target"] = draw.fractions(shape)
    else:
        options["ignore_index"] = draw.among(-100, 1, -1)
        choices = [*range(classes), options["ignore_index"]]
        tensors["target"] = draw.indices(rows, choices)
    if draw.maybe():
        tensors["weight"] = draw.weights((classes,))
    return tensors, options


def bce(draw: Draw) -> Drawn:
    shape = draw.shape()
    tensors = {"input": draw.fractions(shape), "target": draw.fractions(shape)}
    if draw.kind not in ("ordinary", "ties"):
        tensors["input"] = draw.probabilities(shape)
    if draw.maybe():
        tensors["weight"] = draw.weights(draw.narrowed(shape))
    return tensors, {}


def bce_with_logits(draw: Draw) -> Drawn:
    shape = draw.shape()
    tensors = {"input": draw.numbers(shape), "target": draw.fractions(shape)}
    for name in ("weight", "pos_weight"):
        if draw.maybe():
            tensors[name] = draw.weights(draw.narrowed(shape))
    return tensors, {}


def soft_margin(draw: Draw) -> Drawn:
    shape = draw.shape()
    target = draw.narrowed(shape)
    labels = draw.indices(target, [1, -1]) if draw.maybe() else draw.numbers(target)
    return {"input": draw.numbers(shape), "target": labels}, {}


def multi_margin(draw: Draw) -> Drawn:
    classes, rows = draw.size(), draw.shape(1)
    tensors = {
        "input": draw.numbers((*rows, classes)),
        "target": draw.indices(rows, range(classes)),
    }
    if rows in ((), (1,)) and draw.maybe():  # PyTorch takes one for the other
        tensors["target"] = tensors["target"].reshape(draw.among((1,), ()))
    if classes == 1 and not rows and draw.maybe():
        tensors["input"] = tensors["input"].reshape(())
    if draw.maybe():
        tensors["weight"] = draw.weights((classes,))
    return tensors, {"p": draw.among(1, 2), "margin": draw.among(1.0, 0.25, 0.0, -0.5)}


def multi_label_margin(draw: Draw) -> Drawn:
    shape = (*draw.shape(1), draw.size())
    tensors = {"input": draw.numbers(shape), "target": draw.indices(shape, range(-1, shape[-1]))}
    return tensors, {}


def multi_label_soft_margin(draw: Draw) -> Drawn:
    shape = (*draw.shape(2), draw.size(0, 4))
    narrow = draw.narrowed(shape)
    target = draw.fractions(narrow) if draw.maybe() else draw.numbers(narrow)
    tensors = {"input": draw.numbers(shape), "target": target}
    if draw.maybe():
        tensors["weight"] = draw.weights(draw.narrowed(shape))
    if len(narrow) == len(shape) and narrow != shape and "weight" not in tensors and draw.maybe():
        tensors = {"input": tensors["target"], "target": tensors["input"]}
    return tensors, {}


def margin_ranking(draw: Draw) -> Drawn:
    shape = draw.shape()
    tensors = {
        "input1": draw.numbers(draw.with_ones(shape)),
        "input2": draw.numbers(draw.with_ones(shape)),
        "target": draw.signs(draw.with_ones(shape)),
    }
    return tensors, {"margin": draw.among(0.0, 1.0, 0.5, -0.25)}


def hinge_embedding(draw: Draw) -> Drawn:
    shape = draw.shape()
    tensors = {"input": draw.numbers(shape), "target": draw.signs(draw.narrowed(shape))}
    if draw.maybe():
        narrow = draw.narrowed(shape)
        tensors = {"input": draw.numbers(narrow), "target": draw.signs(shape)}
    return tensors, {"margin": draw.among(1.0, 0.5, 0.0, -0.5)}


def cosine_embedding(draw: Draw) -> Drawn:
    rows, size = draw.shape(1), draw.size()
    tensors = {
        "input1": draw.numbers(draw.with_ones((*rows, size))),
        "input2": draw.numbers(draw.with_ones((*rows, size))),
        "target": draw.signs(draw.with_ones(rows)),
    }
    if draw.maybe():
        tensors["input2"] = tensors["input1"] * 2
    return tensors, {"margin": draw.among(0.0, 0.5, -1.0)}


def triplet_margin(draw: Draw) -> Drawn:
    shape = (*draw.shape(2), draw.size())
    tensors = {"anchor": draw.numbers(shape)}
    for name in ("positive", "negative"):
        tensors[name] = draw.numbers(draw.with_ones(shape))
    if draw.kind == "ties" and draw.maybe():
        tensors["negative"] = tensors["positive"].copy()
    options = {
        "margin": draw.among(1.0, 0.25),
        "p": draw.among(2.0, 1.0, 3.0, 1.5, np.inf, 0.5),
        "eps": draw.among(1e-6, 0.0, 0.25),
        "swap": draw.maybe(),
    }
    return tensors, options


def kl_div(draw: Draw) -> Drawn:
    shape, log_target = draw.shape(), draw.maybe()
    narrow = draw.narrowed(shape)
    if log_target or draw.kind in ("special", "extreme"):
        target = draw.numbers(narrow)
    else:
        target = draw.fractions(narrow)
    if draw.kind == "ordinary" and not log_target:
        target = np.asarray(np.maximum(target, draw.dtype.type(0.01)))  # at 0 there is no slope
    return {"input": draw.numbers(shape), "target": target}, {"log_target": log_target}


def triplet_margin_with_distance(draw: Draw) -> Drawn:
    tensors, options = triplet_margin(draw)
    norms = ("euclidean", "manhattan", "chebyshev", "minkowski:3")
    options = {name: options[name] for name in ("margin", "swap")}
    return tensors, {**options, "distance": draw.among(*norms, "squared-euclidean", "cosine")}


def ctc(draw: Draw) -> Drawn:
    frames, classes, samples = draw.size(1, 5), draw.size(2, 4), draw.rows()
    blank = draw.among(0, classes - 1, 1)
    labels = [c for c in range(classes) if c != blank]
    longest = draw.size(0, 3)
    scores = draw.numbers((frames, samples, classes))
    scores[np.isposinf(scores)] = 0  # no probability has this logarithm
    least = draw.among(1, frames) if draw.kind == "ordinary" else 1  # long enough for all, or not
    input_lengths = draw.indices((samples,), range(least, frames + 1))
    target_lengths = draw.indices((samples,), range(longest + 1))
    targets = draw.indices((samples, longest), labels)
    if draw.kind == "ordinary" or draw.maybe():
        scores = log_softmax(scores)
    form = draw.among("padded", "one after the other", "one sample")
    if form == "one sample":
        scores, targets = scores[:, 0], targets[0, : target_lengths[0]]
        input_lengths, target_lengths = input_lengths[0], target_lengths[0]
    elif form == "one after the other":
        targets = np.concatenate([t[:n] for t, n in zip(targets, target_lengths, strict=True)])
    tensors = {
        "log_probs": scores,
        "targets": targets,
        "input_lengths": np.asarray(input_lengths),
        "target_lengths": np.asarray(target_lengths),
    }
    return tensors, {"blank": blank, "zero_infinity": draw.maybe()}


# Losses whose tensors must go together in a way that their signature does not say, or whose corners are
# elsewhere; every other loss is drawn by its signature.
SPECIAL: dict[str, Callable[[Draw], Drawn]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        l1,
        poisson_nll,
        gaussian_nll,
        nll,
        cross_entropy,
        bce,
        bce_with_logits,
        soft_margin,
        multi_margin,
        multi_label_margin,
        multi_label_soft_margin,
        margin_ranking,
        hinge_embedding,
        cosine_embedding,
        triplet_margin,
        triplet_margin_with_distance,
        kl_div,
        ctc,
    )
}


def call(loss: str, draw: Draw) -> Case:
    """One call of a loss, with any of its reductions."""
    tensors, options = SPECIAL[loss](draw) if loss in SPECIAL else by_signature(load(loss), draw)
    return Case(loss, tensors, options, draw.among(*load(loss).rows.reductions))


@cache
def cases(loss: str, kind: str = "ordinary", dtype: Any = np.float64) -> st.SearchStrategy[Case]:
    """Calls of a loss with numbers of one kind, over its settings and reductions."""

    @st.composite
    def one(draw: st.DrawFn) -> Case:
        return call(loss, Draw(draw, kind, dtype))

    return one()


FEW, MANY = ((2,), (2, 3), (3, 2, 2)), ((400,), (20, 20), (5, 4, 20))


@cache
def examples(loss: str, shapes: Sequence[tuple[int, ...]] = FEW, least: int = 1) -> list[Case]:
    """Calls of a loss that are always the same; with MANY they have hundreds of rows.

    Of the calls that forty seeds roll, those whose result is finite and not 0, whose largest tensor has
    `least` numbers or more, and that bring something new: a tensor that may be left out, numbers of
    another type, another value of an option.
    """
    found: list[Case] = []
    seen: set[Any] = set()
    for seed in range(40):
        case = call(loss, Rolled(seed, shapes))
        new = {(name, array.dtype) for name, array in case.tensors.items()} | {
            *case.options.items()
        }
        if tells(case, least) and (len(found) < 3 or not new <= seen):
            found.append(case)
            seen |= new
    return found


def tells(case: Case, least: int) -> bool:
    """Whether there is something to be seen in a case."""
    value = case.compute()
    large = max(array.size for array in case.tensors.values()) >= least
    return bool(large and np.isfinite(value).all() and np.any(value))


def any_shapes(loss: str) -> st.SearchStrategy[Case]:
    """Calls with shapes that seldom fit, drawn from the signature alone: who refuses what?"""

    @st.composite
    def one(draw: st.DrawFn) -> Case:
        base = draw(st.lists(st.sampled_from([2, 3, 1]), max_size=3))
        tensors: dict[str, Any] = {}
        for name, parameter in load(loss).tensors.items():
            if not parameter.required and draw(st.booleans()):
                continue
            shape = list(base)
            for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
                change = draw(st.sampled_from(["drop", "one", "two", "add"]))
                place = draw(st.integers(0, max(0, len(shape) - 1)))
                if change == "add":
                    shape.insert(place, draw(st.sampled_from([1, 2, 3])))
                elif shape:
                    shape[place : place + 1] = {"drop": [], "one": [1], "two": [2]}[change]
            holds = parameter.tensor.holds
            whole = holds != "numbers" and (holds != "indices or numbers" or draw(st.booleans()))
            if whole:
                array = draw(arrays(np.int64, tuple(shape), elements=st.integers(0, 3)))
            else:
                fractions = st.integers(0, 8).map(lambda i: i / 8)
                array = draw(arrays(np.float64, tuple(shape), elements=fractions))
            tensors[name] = array
        return Case(loss, tensors)

    return one()


def log_softmax(scores: Any) -> Any:
    """The logarithm of the softmax over the last axis, as plainly as can be."""
    with np.errstate(all="ignore"):
        shifted = scores - scores.max(-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def as_array(data: Any, dtype: Any = None) -> Any:
    """An array from JSON, where NaN and infinities are words and empty arrays give their shape."""
    if isinstance(data, dict):
        return np.zeros(data["shape"], data["dtype"])
    array = np.array(data, dtype=object)
    if any(isinstance(number, str) and number.endswith("j") for number in array.flat):
        array = np.vectorize(complex, [complex])(array)
        return array.astype(np.result_type(dtype or float, np.complex64))
    whole = all(isinstance(number, int) for number in array.flat)
    return array.astype(int) if whole else array.astype(float).astype(dtype or float)


def apart(actual: Any, expected: Any, tolerance: float, floor: float = 0.0) -> str:
    """Why two arrays differ, or an empty text.

    Each number may be off by `tolerance` relative to itself, or to a thousandth of the largest number
    of the array where that is more, plus `floor`. NaN and infinities must be in the same places.
    """
    if np.iscomplexobj(actual) and np.iscomplexobj(expected):
        actual, expected = ([np.real(a), np.imag(a)] for a in (actual, expected))
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    if actual.shape != expected.shape:
        return f"the shape is {actual.shape}, not {expected.shape}"
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected[finite]).max(initial=0))
        near = finite & (np.abs(actual - expected) <= tolerance * scale + floor)
    if (same | near).all():
        return ""
    return f"{actual.tolist()}\nis not\n{expected.tolist()}"
