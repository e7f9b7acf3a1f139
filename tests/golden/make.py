"""Writes golden values and gradients: what PyTorch answers, one JSON file a loss beside this script.

    python tests/golden/make.py [LOSS ...]

The inputs are drawn with a fixed seed, rounded to two decimals and written out, so that the files say
everything and the tests need no PyTorch. Another loss is one more function here, `@golden` and named
after it. A loss that torch.nn has not says what its terms are, and PyTorch differentiates those:

    def its_terms(input, target):
        return (input - target) ** 4

    @golden(terms=its_terms)
    def quartic(n: Numbers) -> Iterator[Case]:
        yield from reductions("plain", input=n(2, 3), target=n(2, 3))
"""

from __future__ import annotations

import functools
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).parent
INF, NAN = math.inf, math.nan
Case = dict[str, Any]
CASES: dict[str, Callable[[Numbers], Iterator[Case]]] = {}
TERMS: dict[str, Callable[..., torch.Tensor]] = {}  # of the losses that torch.nn has not

# The functions of torch.nn.functional whose name does not follow from the loss's.
FUNCTIONS = {
    "bce": "binary_cross_entropy",
    "bce-with-logits": "binary_cross_entropy_with_logits",
    "cross-entropy": "cross_entropy",
    "kl-div": "kl_div",
    "multi-label-margin": "multilabel_margin_loss",
    "multi-label-soft-margin": "multilabel_soft_margin_loss",
}
# What the names that --distance takes are in PyTorch.
DISTANCES: dict[str, Callable[[Any, Any], Any]] = {
    "euclidean": F.pairwise_distance,
    "manhattan": functools.partial(F.pairwise_distance, p=1.0, eps=0.0),
    "chebyshev": functools.partial(F.pairwise_distance, p=INF, eps=0.0),
    "minkowski:3": functools.partial(F.pairwise_distance, p=3.0, eps=0.0),
    "minkowski:1.5": functools.partial(F.pairwise_distance, p=1.5, eps=0.0),
    "squared-euclidean": lambda a, b: ((a - b) ** 2).sum(-1),
    "cosine": lambda a, b: 1 - F.cosine_similarity(a, b, dim=-1),
}
# What PyTorch raises for arguments that it refuses.
REFUSED = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError)


def answer(
    loss: str,
    tensors: dict[str, Any],
    options: dict[str, Any],
    reduction: str,
    grad_output: Any = None,
) -> tuple[Any, dict[str, Any]]:
    """PyTorch's value, and its gradient by every tensor that it gives one for."""
    function = of_formula(TERMS[loss]) if loss in TERMS else of_pytorch(loss)
    run = functools.partial(function, **_pytorch_options(options), reduction=reduction)
    given = {name: torch.tensor(np.ascontiguousarray(array)) for name, array in tensors.items()}
    given = {name: tensor.reshape(np.shape(tensors[name])) for name, tensor in given.items()}
    key = (loss, *((n, t.dtype) for n, t in given.items()), *sorted(options.items()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if key not in _WITH_GRADIENT:
            _WITH_GRADIENT[key] = [name for name in given if _has_gradient(run, given, name)]
        names = _WITH_GRADIENT[key]
        for name in names:
            given[name].requires_grad_()
        result = run(**given)
        above = torch.ones_like(result)
        if grad_output is not None:
            above = torch.as_tensor(np.asarray(grad_output), dtype=result.dtype)
        gradients = torch.autograd.grad(result, [given[n] for n in names], above)
    return result.detach().numpy()[()], {
        n: g.numpy() for n, g in zip(names, gradients, strict=True)
    }


def of_pytorch(loss: str) -> Callable[..., torch.Tensor]:
    """The function of torch.nn.functional that is this loss."""
    found: Callable[..., torch.Tensor] = getattr(
        F, FUNCTIONS.get(loss, f"{loss.replace('-', '_')}_loss")
    )
    return found


def of_formula(terms: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A loss like those of torch.nn.functional, from its terms."""

    def reduced(reduction: str, **arguments: Any) -> torch.Tensor:
        found = terms(**arguments)
        return found if reduction == "none" else getattr(found, reduction)()

    return reduced


def golden(
    cases: Callable[[Numbers], Iterator[Case]] | None = None,
    *,
    terms: Callable[..., torch.Tensor] | None = None,
) -> Any:
    """Take a function's cases for those of the loss it is named after; see above."""
    if cases is None:
        return functools.partial(golden, terms=terms)
    name = cases.__name__.replace("_", "-")
    CASES[name] = cases
    if terms is not None:
        assert FUNCTIONS.get(name, f"{cases.__name__}_loss") not in vars(F), f"PyTorch has {name}"
        TERMS[name] = terms
    return cases


def _pytorch_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options as PyTorch takes them: a distance is a function there."""
    if "distance" not in options:
        return options
    others = {name: value for name, value in options.items() if name != "distance"}
    return {**others, "distance_function": DISTANCES[options["distance"]]}


_WITH_GRADIENT: dict[Any, list[str]] = {}  # what was found out once, for speed


def _has_gradient(run: Callable[..., Any], given: dict[str, Any], name: str) -> bool:
    """Whether PyTorch has a derivative by this tensor."""
    if not (given[name].is_floating_point() or given[name].is_complex()):
        return False
    try:
        result = run(**{**given, name: given[name].clone().requires_grad_()})
        if not result.requires_grad:
            return False
        result.sum().backward()
    except (RuntimeError, NotImplementedError) as error:
        if "derivative" not in str(error) and "not differentiable" not in str(error):
            raise
        return False
    return True


class Numbers:
    """Numbers with two decimals, the same at every run."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, scale: float = 1.5) -> Any:
        return np.round(self.rng.normal(0, scale, shape), 2) + 0.0

    def above_zero(self, *shape: int) -> Any:
        return np.round(self.rng.uniform(0.1, 2.5, shape), 2)

    def fractions(self, *shape: int) -> Any:
        return np.round(self.rng.uniform(0, 1, shape), 2)

    def distributions(self, *shape: int, axis: int = 1) -> Any:
        """Numbers that add up to 1 along an axis, in steps of 0.05."""
        moved = [*shape[:axis], *shape[axis + 1 :]]
        counts = self.rng.multinomial(20, [1 / shape[axis]] * shape[axis], moved)
        return np.moveaxis(np.round(counts / 20, 2), -1, axis)

    def indices(self, *shape: int, below: int, least: int = 0) -> Any:
        return self.rng.integers(least, below, shape)


def case(name: str, reduction: str = "mean", dtype: str = "float64", **arguments: Any) -> Case:
    """One case; arrays and lists among the arguments are tensors, the rest are options."""
    tensors = {n: np.asarray(a) for n, a in arguments.items() if isinstance(a, (list, np.ndarray))}
    for n, a in tensors.items():
        if a.dtype.kind == "f":
            tensors[n] = a.astype(dtype)
        if a.dtype.kind == "c":
            tensors[n] = a.astype(np.result_type(dtype, np.complex64))
    options = {n: a for n, a in arguments.items() if n not in tensors}
    return {
        "name": name,
        "reduction": reduction,
        "dtype": dtype,
        "tensors": tensors,
        "options": options,
    }


def reductions(name: str, *kinds: str, **arguments: Any) -> Iterator[Case]:
    """The same call with each reduction."""
    for kind in kinds or ("none", "mean", "sum"):
        yield case(f"{name}, {kind}", kind, **arguments)


def scalar(value: float) -> Any:
    """A tensor without axes."""
    return np.array(value, dtype=float)


@golden
def l1(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), n(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=n(5), target=n(5), dtype="float32")
    yield case("0-d", input=scalar(2.5), target=scalar(-0.5))
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n(3, 1), target=n(2))
    yield case("input is broadcast", "sum", input=n(3), target=n(2, 3))
    yield case("equal: slope 0", "none", input=[1.0, -2.5], target=[1.0, -2.5])
    yield from reductions(
        "not finite", input=[INF, -INF, NAN, INF, 1.0], target=[0.0, 0.0, 0.0, INF, NAN]
    )
    yield case("far away", "none", input=[1e308, -1e308, 1e-308], target=[0.0, 1e307, 0.0])
    z, w = n(4) + 1j * n(4), n(4) + 1j * n(4)
    yield from reductions("complex", input=z, target=w)
    yield from reductions("complex, float32", input=z, target=w, dtype="float32")
    yield from reductions("complex, real target", input=z, target=n(4))
    yield case("complex, real input that is broadcast", "none", input=n(1), target=z)
    yield case("complex, equal", "none", input=[1 + 2j, 0j], target=[1 + 2j, 0j])
    yield case("complex, far away", "none", input=[1e300 - 1e300j, 1e-200j], target=[0j, 0j])
    yield from reductions(
        "complex, not finite",
        input=[complex(INF, 1), complex(0, -INF), complex(NAN, 1), complex(INF, NAN), 3 + 4j],
        target=[0j, 0j, 0j, 0j, 0j],
    )


@golden
def mse(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), n(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=n(5), target=n(5), dtype="float32")
    yield case("0-d", input=scalar(2.5), target=scalar(-0.5))
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n(3, 1), target=n(2))
    yield case("target of one number", "none", input=n(2, 2), target=scalar(0.25))
    yield case("input is broadcast", "sum", input=n(3), target=n(2, 3))
    yield case("equal", "none", input=[1.0, -2.5], target=[1.0, -2.5])
    yield from reductions(
        "not finite", input=[INF, -INF, NAN, INF, 1.0], target=[0.0, 0.0, 0.0, INF, NAN]
    )
    yield case("far away", "none", input=[1e200, -1e150, 1e-200], target=[0.0, 0.0, 0.0])
    yield case("inf and -inf meet", "sum", input=[INF, -INF], target=scalar(0.0))
    yield case("the slope does not overflow", "mean", input=[1e308, 1e308], target=[0.0, 0.0])


@golden
def huber(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), n(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=n(5), target=n(5), dtype="float32")
    yield from reductions("delta 0.5", input=x, target=y, delta=0.5)
    yield case("delta 1e-3", input=x, target=y, delta=1e-3)
    yield case("delta 1e6: all parabola", input=x, target=y, delta=1e6)
    yield case("0-d", input=scalar(2.5), target=scalar(-0.5), delta=2.0)
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n(3, 1), target=n(2))
    yield case("target of one number", "none", input=n(2, 2), target=scalar(0.25))
    yield case("input is broadcast", "sum", input=n(3), target=n(2, 3))
    yield from reductions(
        "|r| = delta and r = 0", input=[1.0, -1.0, 0.0, 3.0], target=[0.0, 0.0, 0.0, 2.0]
    )
    yield from reductions(
        "not finite", input=[INF, -INF, NAN, INF, 1.0], target=[0.0, 0.0, 0.0, INF, NAN]
    )
    yield case("far away", "none", input=[1e200, -1e308, 1e-200], target=[0.0, 0.0, 0.0])


@golden
def smooth_l1(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), n(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=n(5), target=n(5), beta=0.5, dtype="float32")
    yield from reductions("beta 0.5", input=x, target=y, beta=0.5)
    yield from reductions("beta 0: l1", input=x, target=y, beta=0.0)
    yield case("beta 1e-3", input=x, target=y, beta=1e-3)
    yield case("beta 1e6: all parabola", input=x, target=y, beta=1e6)
    yield case("0-d", input=scalar(2.5), target=scalar(-0.5), beta=2.0)
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n(3, 1), target=n(2))
    yield case("input is broadcast", "sum", input=n(3), target=n(2, 3))
    for beta in (1.0, 0.0):
        yield from reductions(
            f"|r| = 1 and r = 0, beta {beta}",
            input=[1.0, -1.0, 0.0, 3.0],
            target=[0.0, 0.0, 0.0, 2.0],
            beta=beta,
        )
        yield from reductions(
            f"not finite, beta {beta}",
            input=[INF, -INF, NAN, INF, 1.0],
            target=[0.0, 0.0, 0.0, INF, NAN],
            beta=beta,
        )
    yield case("far away", "none", input=[1e200, -1e308, 1e-200], target=[0.0, 0.0, 0.0])


@golden
def poisson_nll(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), n.indices(2, 3, below=6).astype(float)
    rates = n.above_zero(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("full", input=x, target=y + 0.5, full=True)
    yield from reductions("rates", input=rates, target=y, log_input=False)
    yield from reductions("rates, full", input=rates, target=y + 0.5, log_input=False, full=True)
    yield from reductions("float32", input=x, target=y + 0.5, full=True, dtype="float32")
    yield case("float32, rates", "none", input=rates, target=y, log_input=False, dtype="float32")
    yield case("eps 0.5", "none", input=rates, target=y, log_input=False, eps=0.5)
    yield case("0-d", input=scalar(1.5), target=scalar(2.0), full=True)
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n(3, 1), target=n.above_zero(2), full=True)
    yield case("input is broadcast", "sum", input=n(3), target=y)
    yield case(
        "Stirling's term, or not", "none", input=[0.0] * 4, target=[0.5, 1.0, 1.5, 5.0], full=True
    )
    yield case(
        "counts of 0 and below, full", "none", input=[1.0, 1.0], target=[0.0, -1.0], full=True
    )
    yield case(
        "rates of 0 and below",
        "none",
        input=[0.0, 0.0, -1.0, -1e-8],
        target=[0.0, 2.0, 1.0, 1.0],
        log_input=False,
    )
    yield case(
        "rate 0 without eps",
        "none",
        input=[0.0, 0.0, 1.0],
        target=[0.0, 1.0, 1.0],
        log_input=False,
        eps=0.0,
    )
    odd = {
        "input": [INF, -INF, NAN, 1.0, 1.0, INF, -INF, INF],
        "target": [1.0, 1.0, 1.0, INF, NAN, 0.0, 0.0, -1.0],
    }
    for log_input in (True, False):
        for full in (False, True):
            yield case(
                f"not finite, log_input {log_input}, full {full}",
                "none",
                **odd,
                log_input=log_input,
                full=full,
            )
    yield case("far away", "none", input=[800.0, -800.0, 700.0], target=[1.0, 1.0, 1e300])


@golden
def gaussian_nll(n: Numbers) -> Iterator[Case]:
    x, y, v = n(2, 3), n(2, 3), n.above_zero(2, 3)
    yield from reductions("plain", input=x, target=y, var=v)
    yield from reductions("full", input=x, target=y, var=v, full=True)
    yield from reductions("float32", input=x, target=y, var=v, full=True, dtype="float32")
    yield case("eps 1: a floor", "none", input=x, target=y, var=v, eps=1.0)
    yield from reductions("one variance a row", input=x, target=y, var=n.above_zero(2))
    yield case(
        "one variance a row, N = D", "none", input=n(2, 2), target=n(2, 2), var=n.above_zero(2)
    )
    yield case("var (N, 1)", "sum", input=x, target=y, var=n.above_zero(2, 1))
    yield case("var (1, D)", "mean", input=x, target=y, var=n.above_zero(1, 3))
    yield case("0-d", input=scalar(1.5), target=scalar(0.5), var=scalar(0.8))
    yield case("1-d with one variance", "none", input=n(3), target=n(3), var=n.above_zero(1))
    yield case("three axes", "none", input=n(2, 2, 2), target=n(2, 2, 2), var=n.above_zero(2, 2))
    yield from reductions(
        "empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)), var=np.zeros((0, 3))
    )
    yield case("target is broadcast", "mean", input=n(2, 3), target=n(3), var=v)
    yield case(
        "input and var are broadcast", "none", input=n(3), target=n(2, 3), var=n.above_zero(3)
    )
    yield from reductions(
        "var = 0 and below eps",
        input=[0.0, 1.0, 1.0],
        target=[0.0, 0.0, 0.5],
        var=[0.0, 1e-9, 1e-6],
    )
    yield from reductions(
        "not finite",
        input=[INF, NAN, 1.0, 1.0, INF],
        target=[0.0, 0.0, 0.0, 0.0, INF],
        var=[1.0, 1.0, INF, NAN, 1.0],
    )


@golden
def nll(n: Numbers) -> Iterator[Case]:
    x, y, w = -abs(n(3, 4)), n.indices(3, below=4), [0.5, 2.0, 1.0, 0.3]
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, weight=w, dtype="float32")
    yield from reductions("weight", input=x, target=y, weight=w)
    yield from reductions("a weight of 0", input=n(3, 2), target=[0, 1, 0], weight=[0.0, 2.0])
    yield from reductions("weights of 0 only", input=n(2, 2), target=[0, 0], weight=[0.0, 2.0])
    yield case("a weight below 0", "none", input=x, target=y, weight=[-1.0, 2.0, 1.0, 0.3])
    yield from reductions("ignored", input=x, target=[1, -100, 3])
    yield from reductions(
        "ignore_index 1 with weight", input=x, target=[1, 1, 2], ignore_index=1, weight=w
    )
    yield from reductions("all ignored", input=n(2, 3), target=[-100, -100])
    yield from reductions("unbatched", input=n(4), target=np.array(2))
    yield from reductions("unbatched with weight", input=n(4), target=np.array(2), weight=w)
    yield case("unbatched, ignored", input=n(3), target=np.array(-100))
    yield from reductions(
        "(N, C, d1)", input=n(2, 3, 2), target=n.indices(2, 2, below=3), weight=[1.0, 2.0, 0.5]
    )
    yield case("(N, C, d1) with ignored", "none", input=n(2, 3, 2), target=[[0, -100], [2, 1]])
    yield case(
        "(N, C, d1), weight (1, C)", input=n(1, 3, 2), target=[[0, 2]], weight=[[1.0, 2.0, 0.5]]
    )
    yield from reductions("(N, C, d1, d2)", input=n(1, 2, 2, 2), target=n.indices(1, 2, 2, below=2))
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros(0, int))
    yield case("no positions", "none", input=np.zeros((2, 3, 0)), target=np.zeros((2, 0), int))
    yield case("one class", "none", input=n(2, 1), target=[0, 0])
    yield case("probabilities", "none", input=[[0.9, 0.1], [0.0, 1.0]], target=[0, 0])
    odd = [[-1.0, -INF], [NAN, 0.0], [INF, -2.0], [NAN, INF]]
    yield from reductions("not finite", input=odd, target=[1, 0, 0, 1])
    yield from reductions("not finite, not the target's", input=odd, target=[0, 1, 1, -100])
    yield case("weights of 0 for inf", "none", input=odd, target=[1, 0, 0, 1], weight=[0.0, 0.0])
    yield case("far away", "none", input=[[-1e308, 1e300], [1e-300, 0.0]], target=[0, 0])


@golden
def cross_entropy(n: Numbers) -> Iterator[Case]:
    x, y, w = n(3, 4), n.indices(3, below=4), [0.5, 2.0, 1.0, 0.3]
    q = n.distributions(3, 4)
    yield from reductions("plain", input=x, target=y)
    yield from reductions(
        "float32", input=x, target=y, weight=w, label_smoothing=0.1, dtype="float32"
    )
    yield from reductions("float32, probabilities", input=x, target=q, dtype="float32")
    yield from reductions("weight", input=x, target=y, weight=w)
    yield from reductions("a weight of 0", input=n(3, 2), target=[0, 1, 0], weight=[0.0, 2.0])
    yield from reductions("weights of 0 only", input=n(2, 2), target=[0, 0], weight=[0.0, 2.0])
    yield from reductions("ignored", input=x, target=[1, -100, 3])
    yield from reductions(
        "ignore_index 1 with weight", input=x, target=[1, 1, 2], ignore_index=1, weight=w
    )
    yield from reductions(
        "ignore_index -1, smoothed",
        input=x,
        target=[0, -1, 2],
        ignore_index=-1,
        label_smoothing=0.2,
    )
    yield from reductions("all ignored", input=n(2, 3), target=[-100, -100])
    yield from reductions("smoothed", input=x, target=y, label_smoothing=0.1)
    yield from reductions("smoothed with weight", input=x, target=y, label_smoothing=0.1, weight=w)
    yield case("smoothed to the full", "none", input=x, target=y, label_smoothing=1.0)
    yield from reductions("probabilities", input=x, target=q)
    yield from reductions("probabilities with weight", input=x, target=q, weight=w)
    yield from reductions(
        "probabilities, smoothed with weight", input=x, target=q, weight=w, label_smoothing=0.3
    )
    yield case("probabilities that do not add up", "none", input=x, target=n(3, 4))
    yield from reductions("unbatched", input=n(4), target=np.array(2))
    yield case("unbatched, ignored", input=n(3), target=np.array(-100))
    yield case(
        "unbatched, probabilities", input=n(3), target=[0.2, 0.5, 0.3], weight=[1.0, 2.0, 3.0]
    )
    yield from reductions(
        "(N, C, d1)", input=n(2, 3, 2), target=n.indices(2, 2, below=3), weight=[1.0, 2.0, 0.5]
    )
    yield case("(N, C, d1) with ignored", "none", input=n(2, 3, 2), target=[[0, -100], [2, 1]])
    yield from reductions(
        "(N, C, d1), probabilities",
        input=n(2, 3, 2),
        target=n.distributions(2, 3, 2),
        weight=[1.0, 2.0, 0.5],
    )
    yield case("(N, C, d1, d2)", input=n(1, 2, 2, 2), target=n.indices(1, 2, 2, below=2))
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros(0, int))
    yield case("one class", "none", input=n(2, 1), target=[0, 0])
    yield case("equal logits", "none", input=[[2.0, 2.0, 2.0]], target=[1])
    masked = [[-INF, 0.5, 1.0], [0.0, -INF, -INF]]
    yield from reductions("-inf logits, not the target's", input=masked, target=[1, 0])
    yield case("-inf logit of the target", "none", input=masked, target=[0, 1])
    yield case("-inf logits, smoothed", "none", input=masked, target=[1, 0], label_smoothing=0.1)
    yield case(
        "-inf logits, probabilities",
        "none",
        input=masked,
        target=[[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]],
    )
    yield case(
        "all -inf, +inf and NaN",
        "none",
        input=[[-INF, -INF], [INF, 0.0], [NAN, 0.0], [INF, INF]],
        target=[0, 0, 1, 1],
    )
    yield case(
        "not finite but ignored",
        "mean",
        input=[[NAN, 0.0], [INF, 1.0], [0.5, 1.0]],
        target=[-100, -100, 1],
    )


@golden
def bce(n: Numbers) -> Iterator[Case]:
    x, y = n.fractions(2, 3), n.fractions(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, weight=[0.5, 2.0, 3.0], dtype="float32")
    yield from reductions("labels", input=x, target=[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    yield from reductions("weight (C)", input=x, target=y, weight=[0.5, 0.0, 2.0])
    yield case("weight (N, 1)", "none", input=x, target=y, weight=[[0.5], [2.0]])
    yield case("weight of one number", "sum", input=x, target=y, weight=scalar(2.5))
    yield case("weight below 0", "none", input=x, target=y, weight=[-1.0, 1.0, 2.0])
    yield case("0-d", input=scalar(0.25), target=scalar(0.75))
    yield from reductions("empty", input=np.zeros((2, 0)), target=np.zeros((2, 0)))
    ends = {"input": [0.0, 1.0, 0.0, 1.0, 0.0, 1.0], "target": [0.0, 1.0, 1.0, 0.0, 0.5, 0.25]}
    yield from reductions("at the ends", **ends)
    yield case("at the ends, float32", "none", **ends, dtype="float32")
    yield case("at the ends, weights of 0", "none", **ends, weight=scalar(0.0))
    yield case(
        "next to the ends",
        "none",
        input=[1e-50, 1e-300, 1e-43, 1e-44, 1e-13, 1e-12, 1 - 1e-13, 1 - 2e-16],
        target=[1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 0.0, 0.0],
    )


@golden
def bce_with_logits(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3, scale=3), n.fractions(2, 3)
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, pos_weight=[0.5, 2.0, 3.0], dtype="float32")
    yield from reductions("labels", input=x, target=[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    yield from reductions("weight (C)", input=x, target=y, weight=[0.5, 0.0, 2.0])
    yield case("weight (N, 1)", "none", input=x, target=y, weight=[[0.5], [2.0]])
    yield from reductions("pos_weight (C)", input=x, target=y, pos_weight=[0.5, 1.0, 3.0])
    yield case("pos_weight (N, 1)", "none", input=x, target=y, pos_weight=[[0.5], [3.0]])
    yield case("pos_weight of one number", "sum", input=x, target=y, pos_weight=scalar(2.5))
    yield case(
        "pos_weight (N) beside (N, N): columns",
        "none",
        input=n(2, 2),
        target=n.fractions(2, 2),
        pos_weight=[1.0, 10.0],
    )
    yield from reductions(
        "weight and pos_weight",
        input=x,
        target=y,
        weight=[1.0, 2.0, 0.5],
        pos_weight=[3.0, 0.0, 0.7],
    )
    yield case("0-d", input=scalar(-1.25), target=scalar(0.75))
    yield from reductions("empty", input=np.zeros((2, 0)), target=np.zeros((2, 0)))
    yield case("x = 0", "none", input=[0.0, 0.0, -0.0], target=[0.0, 1.0, 0.3])
    yield case("targets outside of [0, 1]", "none", input=[0.5, -0.5, 2.0], target=[2.0, -1.0, 1.5])
    yield case(
        "far, and wrong", "none", input=[700.0, -700.0, 1e4, -1e4], target=[0.0, 1.0, 0.25, 0.75]
    )
    yield from reductions(
        "not finite", input=[INF, -INF, NAN, 1.0, INF, -INF], target=[0.0, 1.0, 0.5, NAN, 1.0, 0.0]
    )


@golden
def soft_margin(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3, scale=3), [[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, dtype="float32")
    yield case("labels that are whole numbers", "none", input=n(3), target=[1, -1, 1])
    yield case("0-d", input=scalar(-1.25), target=scalar(1.0))
    yield from reductions("empty", input=np.zeros((2, 0)), target=np.zeros((2, 0)))
    yield from reductions("one target a column", input=x, target=[1.0, -1.0, 1.0])
    yield case("one target a row", "none", input=x, target=[[1.0], [-1.0]])
    yield case("one target for all", "sum", input=x, target=scalar(-1.0))
    yield case("x = 0", "none", input=[0.0, -0.0], target=[1.0, -1.0])
    yield case("neither 1 nor -1", "none", input=n(4), target=[0.0, 0.5, 2.0, -3.0])
    yield case(
        "right, by far", "none", input=[40.0, 700.0, -1e4, 1e300], target=[1.0, 1.0, -1.0, 1.0]
    )
    yield case("wrong, by far", "none", input=[-30.0, 700.0, -80.0], target=[1.0, -1.0, 1.0])
    yield from reductions(
        "not finite", input=[INF, NAN, 1.0, INF, 0.0], target=[1.0, 1.0, NAN, 0.0, INF]
    )


@golden
def multi_margin(n: Numbers) -> Iterator[Case]:
    x, y, w = n(3, 4), n.indices(3, below=4), [0.5, 2.0, 0.0, 0.3]
    for p in (1, 2):
        yield from reductions(f"p = {p}", input=x, target=y, p=p)
        yield from reductions(f"p = {p}, weight", input=x, target=y, p=p, weight=w)
        yield case(f"p = {p}, margin 0", "none", input=x, target=y, p=p, margin=0.0)
        yield case(f"p = {p}, margin -1", "none", input=x, target=y, p=p, margin=-1.0)
        yield from reductions(f"p = {p}, unbatched", input=n(4), target=np.array(2), p=p, weight=w)
        yield from reductions(
            f"p = {p}, on the hinge", input=[[1.0, 0.0, 2.0], [0.5, 0.5, 1.5]], target=[0, 2], p=p
        )
        yield from reductions(
            f"p = {p}, not finite",
            input=[
                [INF, 0.0, 1.0],
                [0.0, INF, -INF],
                [-INF, -INF, 0.0],
                [NAN, 0.0, 0.0],
                [0.0, NAN, 1.0],
                [INF, INF, 0.0],
            ],
            target=[0, 0, 0, 0, 0, 0],
            p=p,
        )
        far = [[-1e150, 1e150], [1e300, -1e300]]
        yield case(f"p = {p}, far away", "none", input=far, target=[0, 0], p=p)
    yield from reductions("float32", input=x, target=y, weight=w, margin=0.5, p=2, dtype="float32")
    yield case("a weight below 0", "none", input=x, target=y, weight=[-1.0, 2.0, -0.5, 0.3])
    yield case("margin inf", "none", input=[[0.0, 1.0]], target=[1], margin=INF)
    yield case("one row as a vector", "none", input=n(4), target=[2])
    yield case("one row, target of one number", "none", input=n(1, 4), target=np.array(1))
    yield case("one class", "none", input=n(2, 1), target=[0, 0])
    yield case("0-d", "sum", input=scalar(1.5), target=np.array(0))
    yield case("empty", "none", input=np.zeros((0, 3)), target=np.zeros(0, int))


@golden
def multi_label_margin(n: Numbers) -> Iterator[Case]:
    x = n(3, 4)
    yield from reductions("plain", input=x, target=[[3, 0, -1, 1], [2, -1, -1, -1], [0, 1, 3, -1]])
    yield from reductions(
        "float32", input=x, target=[[3, 0, -1, 1], [2, -1, 0, 0], [0, 1, 3, -1]], dtype="float32"
    )
    yield from reductions("unbatched", input=n(4), target=[3, 0, -1, 1])
    yield case("no labels", "none", input=n(2, 3), target=[[-1, 0, 1], [-1, -1, -1]])
    yield case("no label in any row", "mean", input=n(2, 3), target=[[-1, 0, 1], [-1, -1, -1]])
    yield case("all labels", "none", input=n(1, 3), target=[[2, 0, 1]])
    yield from reductions("repeated labels", input=n(2, 3), target=[[0, 0, -1], [2, 2, 2]])
    yield case("a 1 for each label", "none", input=[[0.1, 0.2, 0.4, 0.8]], target=[[1, 0, 0, 1]])
    yield from reductions(
        "on the hinge", input=[[1.0, 0.0, 2.0], [0.5, -0.5, 1.5]], target=[[0, -1, 0], [2, 0, -1]]
    )
    odd = [
        [INF, 0.0, 1.0],
        [0.0, INF, -INF],
        [-INF, -INF, 0.0],
        [NAN, 0.0, 0.0],
        [0.0, NAN, 1.0],
        [INF, INF, 0.0],
    ]
    yield from reductions("not finite, one label", input=odd, target=[[0, -1, -1]] * 6)
    yield from reductions("not finite, two labels", input=odd, target=[[0, 1, -1]] * 6)
    yield case("far away", "none", input=[[-1e300, 1e300], [1e300, -1e300]], target=[[0, -1]] * 2)
    yield case("one class", "none", input=n(2, 1), target=[[0], [-1]])
    yield case("one class, unbatched", "none", input=n(1), target=np.array(0))
    yield case("0-d", "sum", input=scalar(1.5), target=np.array(0))
    yield case("empty", "none", input=np.zeros((0, 3)), target=np.zeros((0, 3), int))


@golden
def multi_label_soft_margin(n: Numbers) -> Iterator[Case]:
    x, y = n(2, 3), [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, weight=[0.5, 2.0, 3.0], dtype="float32")
    yield from reductions("weight (C)", input=x, target=y, weight=[0.5, 0.0, 2.0])
    yield case("weight (N, 1)", "none", input=x, target=y, weight=[[0.5], [2.0]])
    yield case("weight of one number", "sum", input=x, target=y, weight=scalar(2.5))
    yield case("probabilities", "none", input=x, target=n.fractions(2, 3))
    yield case("targets outside of [0, 1]", "none", input=x, target=n(2, 3))
    yield from reductions("unbatched", input=n(4), target=[0.0, 1.0, 1.0, 0.0])
    yield case("three axes", "none", input=n(2, 2, 3), target=n.fractions(2, 2, 3))
    yield case("one target for all rows", "mean", input=x, target=[1.0, 0.0, 1.0])
    yield case("one target for all", "none", input=x, target=scalar(1.0))
    yield case("one score for all classes", "none", input=n(2, 1), target=y, weight=[1.0, 2.0, 3.0])
    yield case("one row of scores", "none", input=n(1, 3), target=y)
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("no classes", input=np.zeros((2, 0)), target=np.zeros((2, 0)))
    yield case(
        "far, right and wrong",
        "none",
        input=[[40.0], [-40.0], [700.0], [1e4], [-700.0]],
        target=[[1.0], [0.0], [0.0], [0.25], [1.0]],
    )
    yield from reductions(
        "not finite",
        input=[[INF], [-INF], [INF], [-INF], [INF], [NAN], [1.0]],
        target=[[1.0], [0.0], [0.0], [1.0], [0.5], [0.0], [NAN]],
        weight=[2.0],
    )


@golden
def margin_ranking(n: Numbers) -> Iterator[Case]:
    one, two, y = n(2, 3), n(2, 3), [[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]
    yield from reductions("plain", input1=one, input2=two, target=y, margin=0.5)
    yield from reductions("float32", input1=one, input2=two, target=y, margin=0.5, dtype="float32")
    yield from reductions("margin 0", input1=one, input2=two, target=y)
    yield case("a margin below 0", "none", input1=one, input2=two, target=y, margin=-1.0)
    yield case("0-d", input1=scalar(0.5), input2=scalar(0.75), target=scalar(1.0))
    empty = np.zeros((0, 2))
    yield from reductions("empty", input1=empty, input2=empty, target=empty)
    yield from reductions(
        "one target a row", input1=n(2, 3), input2=n(2, 3), target=[[1.0], [-1.0]], margin=1.0
    )
    yield case(
        "every pair of pairs", "none", input1=n(3, 1), input2=n(1, 2), target=[[1.0]], margin=2.0
    )
    yield from reductions(
        "on the hinge",
        input1=[0.5, 1.0, 2.0, 1.0],
        input2=[0.0, 1.5, 2.0, 1.0],
        target=[1.0, -1.0, 1.0, -1.0],
        margin=0.5,
    )
    yield case(
        "equal scores, margin 0", "none", input1=[1.0, 1.0], input2=[1.0, 1.0], target=[1.0, -1.0]
    )
    yield case(
        "targets that are neither 1 nor -1",
        "none",
        input1=n(4),
        input2=n(4),
        target=[0.0, 0.5, 2.0, -3.0],
        margin=1.0,
    )
    yield from reductions(
        "not finite",
        input1=[INF, -INF, NAN, INF, 0.0, INF, 0.0],
        input2=[0.0, 0.0, 0.0, INF, INF, 0.0, 0.0],
        target=[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, NAN],
    )
    yield case(
        "far away", "none", input1=[1e200, -1e308], input2=[-1e200, 1e307], target=[-1.0, 1.0]
    )


@golden
def hinge_embedding(n: Numbers) -> Iterator[Case]:
    x, y = n.above_zero(2, 3), [[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]
    yield from reductions("plain", input=x, target=y)
    yield from reductions("float32", input=x, target=y, margin=2.0, dtype="float32")
    yield from reductions("margin 2", input=x, target=y, margin=2.0)
    yield case("a margin below 0", "none", input=n(2, 3), target=y, margin=-0.5)
    yield case("0-d", input=scalar(0.25), target=scalar(-1.0))
    yield from reductions("empty", input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("column against row", input=n.above_zero(3, 1), target=[1.0, -1.0])
    yield case("one distance for all", "sum", input=scalar(0.4), target=y)
    yield from reductions("on the hinge", input=[1.0, 1.0, 0.0, 0.0], target=[1.0, -1.0, 1.0, -1.0])
    yield case("negative distances", "none", input=[-3.0, -3.0], target=[1.0, -1.0])
    yield from reductions(
        "targets that are neither 1 nor -1",
        input=[0.3, 0.3, 1.5, 1.0, 0.5],
        target=[0.0, 0.5, 2.0, 0.0, NAN],
    )
    yield from reductions(
        "not finite",
        input=[INF, INF, -INF, -INF, NAN, NAN, INF, NAN],
        target=[1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.0],
    )
    yield case("far away", "none", input=[1e300, 1e300, -1e300], target=[1.0, -1.0, -1.0])


@golden
def cosine_embedding(n: Numbers) -> Iterator[Case]:
    one, two, y = n(4, 3), n(4, 3), [1.0, -1.0, 1.0, -1.0]
    yield from reductions("plain", input1=one, input2=two, target=y, margin=-0.5)
    yield from reductions("float32", input1=one, input2=two, target=y, margin=-0.5, dtype="float32")
    yield from reductions("margin 0", input1=one, input2=two, target=y)
    yield case("all alike", "none", input1=one, input2=two, target=[1.0, 1.0, 1.0, 1.0])
    yield case(
        "none alike", "none", input1=one, input2=two, target=[-1.0, -1.0, -1.0, -1.0], margin=-1.0
    )
    yield from reductions("one pair", input1=n(3), input2=n(3), target=scalar(1.0))
    yield case("targets of whole numbers", "none", input1=one, input2=two, target=[1, -1, 1, -1])
    yield from reductions(
        "empty", input1=np.zeros((0, 2)), input2=np.zeros((0, 2)), target=np.zeros(0)
    )
    yield case(
        "no components",
        "none",
        input1=np.zeros((2, 0)),
        input2=np.zeros((2, 0)),
        target=[1.0, -1.0],
    )
    yield case("one for all", "sum", input1=n(1, 2), input2=n(3, 2), target=[1.0, -1.0, 1.0])
    yield case("one target for all", "none", input1=n(3, 2), input2=n(3, 2), target=[1.0])
    yield case(
        "one component against three",
        "none",
        input1=[[1e-6], [-2e-6]],
        input2=n(2, 3),
        target=[1.0, -1.0],
        margin=-1.0,
    )
    yield case(
        "one component",
        "none",
        input1=[[1e-6], [3e-6]],
        input2=[[2e-6], [-1e-6]],
        target=[1.0, 1.0],
    )
    yield case(
        "targets that are neither 1 nor -1",
        "none",
        input1=one,
        input2=two,
        target=[0.0, 2.0, 0.5, NAN],
    )
    yield case(
        "vectors of zeros and short ones",
        "none",
        input1=[[0.0, 0.0], [0.0, 0.0], [1e-7, 0.0], [1e-7, 1e-7]],
        input2=[[0.0, 0.0], [1.0, 2.0], [1.0, 0.0], [-1e-9, 1e-6]],
        target=[1.0, 1.0, 1.0, -1.0],
        margin=-1.0,
    )
    yield case(
        "at a right angle: on the hinge",
        "none",
        input1=[[1.0, 0.0], [0.0, 2.0]],
        input2=[[0.0, 3.0], [-1.0, 0.0]],
        target=[-1.0, -1.0],
    )
    yield from reductions(
        "not finite",
        input1=[[INF, 0.0], [NAN, 0.0], [0.0, 0.0], [1.0, 0.0], [INF, 1.0]],
        input2=[[1.0, 1.0], [0.0, 0.0], [INF, 0.0], [-INF, NAN], [1.0, 1.0]],
        target=[1.0, 1.0, -1.0, -1.0, 0.0],
    )


@golden
def triplet_margin(n: Numbers) -> Iterator[Case]:
    three = {"anchor": n(2, 3), "positive": n(2, 3), "negative": n(2, 3)}
    yield from reductions("plain", **three, margin=2.5)
    yield from reductions("float32", **three, margin=2.5, dtype="float32")
    yield from reductions("swap", **three, margin=2.5, swap=True)
    for p in (1.0, 3.0, 1.5, INF, 0.5):
        yield case(f"p = {p}", "none", **three, p=p, margin=3.0)
    yield case("p = inf with swap", "none", **three, p=INF, margin=3.0, swap=True)
    yield case("eps 0.25", "none", **three, eps=0.25, margin=3.0)
    yield case("one triple", anchor=n(3), positive=n(3), negative=n(3), margin=3.0)
    yield case(
        "three axes",
        "none",
        anchor=n(2, 2, 2),
        positive=n(2, 2, 2),
        negative=n(2, 2, 2),
        margin=3.0,
    )
    yield from reductions(
        "empty", anchor=np.zeros((0, 2)), positive=np.zeros((0, 2)), negative=np.zeros((0, 2))
    )
    yield case(
        "one anchor for all", "sum", anchor=n(1, 2), positive=n(3, 2), negative=n(3, 2), margin=4.0
    )
    yield case(
        "one negative and one component",
        "none",
        anchor=n(3, 2),
        positive=n(3, 1),
        negative=n(1, 2),
        margin=4.0,
    )
    yield case(
        "hinge exactly 0",
        "none",
        anchor=[[0.0], [0.0]],
        positive=[[1.0], [1.0]],
        negative=[[2.0], [2.5]],
        eps=0.0,
    )
    tied = {"anchor": [[0.0]], "positive": [[2.0]], "negative": [[1.0]]}
    yield case("swap, both distances equal", "none", **tied, eps=0.0, swap=True)
    yield case(
        "swap, positive and negative equal",
        "none",
        anchor=[[0.0, 1.0]],
        positive=[[2.0, 1.0]],
        negative=[[2.0, 1.0]],
        eps=0.0,
        swap=True,
    )
    same = {"anchor": [[1.0, 2.0]], "positive": [[1.0, 2.0]], "negative": [[1.0, 2.0]]}
    for p in (2.0, 1.0, 3.0, 1.5, INF):
        yield case(f"all equal, p = {p}", "none", **same, p=p)
        yield case(f"all equal without eps, p = {p}", "none", **same, p=p, eps=0.0)
    yield case(
        "p = inf, components tied",
        "none",
        anchor=[[1.0, -1.0, 0.5]],
        positive=[[0.0, 0.0, 0.0]],
        negative=[[2.0, -2.0, 1.5]],
        p=INF,
        eps=0.0,
    )
    yield from reductions(
        "not finite",
        anchor=[[INF, 0.0], [NAN, 0.0], [0.0, 0.0], [0.0, 0.0]],
        positive=[[0.0, 0.0], [0.0, 0.0], [INF, 0.0], [0.0, 0.0]],
        negative=[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [-INF, 0.0]],
    )


@golden
def kl_div(n: Numbers) -> Iterator[Case]:
    kinds = ("none", "mean", "batchmean", "sum")

    def log_probs(*shape: int) -> Any:
        x = n(*shape)
        return np.round(x - np.log(np.exp(x).sum(-1, keepdims=True)), 4)

    x, p = log_probs(2, 3), n.distributions(2, 3)
    yield from reductions("plain", *kinds, input=x, target=p)
    yield from reductions("float32", *kinds, input=x, target=p, dtype="float32")
    t = log_probs(2, 3)
    yield from reductions("log_target", *kinds, input=x, target=t, log_target=True)
    yield case("float32, log_target", input=x, target=t, log_target=True, dtype="float32")
    yield from reductions("one row: batchmean is mean", *kinds, input=x[0], target=p[0])
    yield from reductions("0-d", *kinds, input=scalar(-1.25), target=scalar(0.5))
    yield from reductions("empty", *kinds, input=np.zeros((0, 3)), target=np.zeros((0, 3)))
    yield from reductions("no classes", *kinds, input=np.zeros((3, 0)), target=np.zeros((3, 0)))
    yield from reductions("three axes", *kinds, input=n(2, 2, 2), target=n.fractions(2, 2, 2))
    yield from reductions(
        "input is broadcast: its own first axis counts", *kinds, input=x[0], target=p
    )
    yield case("target is broadcast", "batchmean", input=x, target=p[:1])
    yield case("equal", "none", input=[-0.5, -2.0], target=[-0.5, -2.0], log_target=True)
    yield from reductions(
        "probabilities of 0 and 1",
        *kinds,
        input=[-0.5, -3.0, 0.0, 2.0],
        target=[0.0, 1.0, 0.0, 1.0],
    )
    yield case("targets outside of [0, 1]", "none", input=[-1.0, -1.0], target=[-0.5, 2.0])
    yield case(
        "not finite",
        "none",
        input=[-INF, INF, NAN, -INF, INF, NAN, -1.0, 0.0, 1.0, -1.0, -INF],
        target=[0.0, 0.0, 0.0, 0.5, 0.5, 0.5, INF, INF, INF, NAN, -1.0],
    )
    yield case(
        "not finite, log_target",
        "none",
        input=[-1.0, -INF, -INF, INF, -1.0, INF, NAN, -1.0],
        target=[-INF, -INF, -1.0, -1.0, INF, INF, -1.0, NAN],
        log_target=True,
    )
    yield case("tiny probabilities", "none", input=[-700.0, -1.0], target=[1e-300, 1e-310])


@golden
def triplet_margin_with_distance(n: Numbers) -> Iterator[Case]:
    three = {"anchor": n(3, 3), "positive": n(3, 3), "negative": n(3, 3)}
    yield from reductions("plain", **three, margin=2.5)
    yield from reductions("float32", **three, distance="cosine", dtype="float32")
    yield from reductions("swap", **three, margin=2.5, swap=True)
    for distance in DISTANCES:
        given = {**three, "distance": distance, "margin": 4.0}
        yield from reductions(distance, **given)
        yield case(f"{distance} with swap", "none", **given, swap=True)
        yield case(f"{distance} in float32", "none", **given, swap=True, dtype="float32")
        narrow = {"anchor": n(2, 3), "positive": n(2, 1), "negative": n(1, 1)}
        if distance != "cosine":  # it does not change with a vector of one component
            yield case(f"{distance}, one component", "sum", **{**given, **narrow}, swap=True)
        one = {"anchor": n(3), "positive": n(3), "negative": n(3)}
        yield case(f"{distance}, one triple", **{**given, **one})
    yield case(
        "cosine of vectors of zeros and short ones",
        "none",
        anchor=[[0.0, 0.0], [1e-9, 1e-9], [1.0, 1.0]],
        positive=[[1.0, 2.0], [0.0, 3.0], [0.0, 0.0]],
        negative=[[0.0, 0.0], [1.0, 0.0], [1e-9, -2e-9]],
        distance="cosine",
    )
    equal = [[1.0, 2.0], [0.0, 0.0]]
    for distance in ("manhattan", "chebyshev", "minkowski:3", "squared-euclidean"):
        yield case(
            f"{distance} of equal vectors and ties",
            "none",
            anchor=equal,
            positive=equal,
            negative=[[2.0, 3.0], [1.0, -1.0]],
            distance=distance,
            margin=3.0,
            swap=True,
        )
    yield from reductions(
        "empty", anchor=np.zeros((0, 2)), positive=np.zeros((0, 2)), negative=np.zeros((0, 2))
    )
    yield case(
        "on the hinge",
        "none",
        anchor=[[0.0], [0.0]],
        positive=[[1.0], [1.0]],
        negative=[[2.0], [2.5]],
        distance="manhattan",
    )
    for distance in ("euclidean", "cosine", "squared-euclidean"):
        yield case(
            f"{distance} of what is not finite",
            "none",
            anchor=[[INF, 0.0], [NAN, 0.0], [0.0, 1.0], [0.0, 1.0]],
            positive=[[0.0, 1.0], [0.0, 1.0], [INF, 0.0], [0.0, 1.0]],
            negative=[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [-INF, 0.0]],
            distance=distance,
        )


@golden
def ctc(n: Numbers) -> Iterator[Case]:
    def scores(*shape: int) -> Any:
        x = n(*shape)
        return np.round(x - np.log(np.exp(x).sum(-1, keepdims=True)), 4)

    lp = scores(5, 2, 4)
    padded = {
        "log_probs": lp,
        "targets": [[1, 2, 3], [3, 1, 0]],
        "input_lengths": [5, 4],
        "target_lengths": [3, 2],
    }
    yield from reductions("padded", **padded)
    yield from reductions("float32", **padded, dtype="float32")
    yield from reductions("one after the other", **{**padded, "targets": [1, 2, 3, 3, 1]})
    yield from reductions(
        "one sample",
        log_probs=lp[:, 0],
        targets=[1, 2],
        input_lengths=np.array(5),
        target_lengths=np.array(2),
    )
    yield from reductions("repeated labels", **{**padded, "targets": [[1, 1, 2], [2, 2, 1]]})
    yield from reductions(
        "blank is the last class", **{**padded, "targets": [[1, 2, 0], [0, 0, 1]]}, blank=3
    )
    yield case(
        "blank in the middle", "none", **{**padded, "targets": [[1, 3, 0], [0, 3, 1]]}, blank=2
    )
    yield from reductions(
        "no labels", **{**padded, "targets": [[1, 2, 3], [0, 0, 0]], "target_lengths": [3, 0]}
    )
    yield case(
        "no labels at all",
        "none",
        log_probs=lp,
        targets=np.zeros((2, 0), int),
        input_lengths=[5, 3],
        target_lengths=[0, 0],
    )
    tight = {
        "log_probs": lp,
        "targets": [[1, 1, 2], [1, 2, 3]],
        "input_lengths": [4, 3],
        "target_lengths": [3, 3],
    }
    yield from reductions("as short as can be", **tight)
    impossible = {**tight, "input_lengths": [3, 3]}
    yield from reductions("impossible", **impossible)
    yield from reductions("impossible, zero_infinity", **impossible, zero_infinity=True)
    yield case("plain, zero_infinity", "mean", **padded, zero_infinity=True)
    yield case(
        "one frame",
        "none",
        log_probs=scores(1, 1, 3),
        targets=[[2]],
        input_lengths=[1],
        target_lengths=[1],
    )
    yield case(
        "raw scores",
        "none",
        log_probs=n(4, 1, 3),
        targets=[[1, 2]],
        input_lengths=[4],
        target_lengths=[2],
    )
    off = lp.copy()
    off[1, :, 1] = -INF
    yield from reductions("-inf in a frame", **{**padded, "log_probs": off})
    off = lp.copy()
    off[1, 0, :] = -INF
    yield from reductions("all -inf in a frame", **{**padded, "log_probs": off})
    off = lp.copy()
    off[2, 0, 1] = NAN
    yield from reductions("NaN", **{**padded, "log_probs": off})
    off = lp.copy()
    off[4, 0, 1] = off[3, 1, 2] = NAN
    yield case("NaN in the last frame, where no way ends", "none", **{**padded, "log_probs": off})
    off = lp.copy()
    off[0, 0, 0] = NAN
    tight = {**padded, "input_lengths": [3, 4], "targets": [[1, 2, 3], [3, 1, 0]]}
    yield case("NaN in the first frame, off the only way", "none", **{**tight, "log_probs": off})
    off = lp.copy()
    off[3, 1, 0] = off[0, 0, 1] = INF
    yield case("inf", "none", **{**padded, "target_lengths": [3, 0], "log_probs": off})


def written(loss: str) -> str:
    """The text of a loss's file."""
    header = {
        "loss": loss,
        "made_by": "tests/golden/make.py",
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    cases = [_solved(loss, one) for one in CASES[loss](Numbers(seed=20))]
    names = [one["name"] for one in cases]
    assert len(set(names)) == len(names), "two cases have the same name"
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in header.items()]
    blocks = []
    for one in cases:
        inner = [f"   {json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in one.items()]
        blocks.append("  {\n" + ",\n".join(inner) + "\n  }")
    return "\n".join(["{", *lines, ' "cases": [', ",\n".join(blocks), " ]", "}"]) + "\n"


def _solved(loss: str, one: Case) -> Case:
    """A case with PyTorch's answer, as plain data."""
    tensors, options, reduction = one["tensors"], one["options"], one["reduction"]
    value, _ = answer(loss, tensors, options, reduction)
    above = None
    if reduction == "none":
        above = np.resize([1.0, -0.5, 2.0], np.shape(value)).astype(one["dtype"])
    value, gradients = answer(loss, tensors, options, reduction, above)
    solved = {
        "name": one["name"],
        "inputs": {name: _plain(array) for name, array in tensors.items()},
        "parameters": {name: _plain(option) for name, option in options.items()},
        "reduction": reduction,
        "dtype": one["dtype"],
        "value": _plain(value),
    }
    if above is not None:
        solved["grad_output"] = _plain(above)
    return solved | {"gradients": {name: _plain(array) for name, array in gradients.items()}}


def _plain(value: Any) -> Any:
    """An array or a number as JSON has it; of an empty array, its shape and type."""
    if isinstance(value, (bool, str)):
        return value
    array = np.asarray(value)
    if not array.size:
        return {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.ndim:
        return [_plain(inner) for inner in array]
    if array.dtype.kind in "iu":
        return int(array)
    if array.dtype.kind == "c":
        return str(array[()]).strip("()")
    number = float(array)
    if array.dtype == np.float32 and math.isfinite(number):
        number = float(str(np.float32(number)))  # in the digits that float32 needs
    return (
        number if math.isfinite(number) else {INF: "Infinity", -INF: "-Infinity"}.get(number, "NaN")
    )


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        text = written(name)
        (HERE / f"{name}.json").write_text(text, "utf-8")
        print(f"{name}: {len(text):,} bytes")
