"""Gradients against central differences, over the settings of every loss.

Where the slopes to the left and to the right differ there is a kink, and nothing is compared. A tensor
whose gradient is that of what stands in front of a log_softmax (ctc) is differentiated through it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Case, cases, examples, log_softmax

import losscli
from losscli.losses import NAMES, load

STEP = 1e-5


def not_differentiated(case: Case) -> bool:
    """Where a number is at an end of its range there is nothing to one side of it.

    And gaussian-nll's floor under var is left out of the derivative, as in PyTorch. Beside a vector of
    zeros the cosine turns within 1e-6.
    """
    if case.loss == "cosine-embedding" or case.options.get("distance") == "cosine":
        vectors = [case.tensors[name] for name in load(case.loss).predicted]
        return any((np.abs(a).max(-1, initial=0) < 0.1).any() for a in vectors)
    for name, parameter in load(case.loss).tensors.items():
        low, high = parameter.tensor.at_least, parameter.tensor.at_most
        array = case.tensors.get(name, np.zeros(0))
        if ((array < low + STEP) | (array > high - STEP)).any():
            return True
    return case.loss == "gaussian-nll" and (case.tensors["var"] <= case.options["eps"] + STEP).any()


def through(case: Case, name: str, array: Any) -> Any:
    """The result, or the sum of the results, as a function of one tensor."""
    if load(case.loss).tensors[name].tensor.behind == "log_softmax":
        array = log_softmax(array)
    return np.sum(case.replace(**{name: array}).compute())


def moved(array: Any, place: tuple[int, ...], step: complex) -> Any:
    """A copy with one number moved."""
    found = array.copy()
    found[place] += step
    return found


def jumps(case: Case, name: str, place: tuple[int, ...]) -> bool:
    """Whether the gradient itself is another one close by: then several kinks meet here, or bend it
    alike to either side. One that is wrong is wrong close by as well."""
    draw = np.random.default_rng(0)
    here, beside = case.grad()[name][place], []
    for size in (STEP, STEP / 1000):
        near = {
            one: array + size * draw.uniform(-1, 1, array.shape)
            if array.dtype.kind == "f"
            else array
            for one, array in case.tensors.items()
        }
        beside.append(case.replace(**near).grad()[name][place])
    return max(abs(one - here) for one in beside) > 1e-3 * max(1.0, abs(here))


def compare(case: Case) -> int:
    """How many slopes agreed; the rest lies on kinks."""
    behind = [n for n, p in load(case.loss).tensors.items() if p.tensor.behind]
    case = case.replace(**{name: log_softmax(case.tensors[name]) for name in behind})
    value = np.sum(case.compute())
    compared = 0
    for name, gradient in case.grad().items():
        array = case.tensors[name]
        ways = (1, 1j) if np.iscomplexobj(array) else (1,)
        for way, place in itertools.product(ways, np.ndindex(array.shape)):
            right, left = (
                (through(case, name, moved(array, place, step * way)) - value) / step
                for step in (STEP, -STEP)
            )
            size = max(1.0, abs(right), abs(left))
            if abs(right - left) > 1e-2 * size:
                continue
            along = (gradient[place] * np.conj(way)).real
            # where the curvature has no bound the slope lies between those to either side
            middle, apart = (right + left) / 2, abs(right - left) / 2
            if abs(along - middle) > 2e-4 * size + apart and jumps(case, name, place):
                continue
            compared += 1
            assert along == pytest.approx(middle, abs=2e-4 * size + apart), (name, place)
    return compared


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_central_differences(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss), label="case")
    assume(not not_differentiated(case) and np.isfinite(case.compute()).all())
    compare(case)


@pytest.mark.parametrize("loss", NAMES)
def test_no_kink_no_excuse(loss: str) -> None:
    """Away from kinks every slope is compared: the search for kinks must not hide a wrong gradient."""
    found = [case for case in examples(loss) if not not_differentiated(case)]
    assert len(found) >= 3
    for case in found:
        slopes = case.grad().values()
        assert compare(case) == sum(a.size * (1 + np.iscomplexobj(a)) for a in slopes), case
        assert any(map(np.any, slopes)), case


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_grad_output(loss: str, data: st.DataObject) -> None:
    """The gradient is linear in what comes from above; 1 everywhere is the default."""
    case = data.draw(cases(loss), label="case")
    case = Case(loss, case.tensors, case.options, "none")
    shape = np.shape(case.compute())
    assume(np.isfinite(case.compute()).all())
    above = np.resize([1.0, -0.5, 2.0], shape)
    assume(all(np.isfinite(gradient).all() for gradient in case.grad().values()))
    for name, once in case.grad(grad_output=above).items():
        assert np.array_equal(case.grad(grad_output=-2 * above)[name], -2 * once)
        plain = case.grad()[name]
        assert np.array_equal(case.grad(grad_output=np.ones(shape))[name], plain)
        rest = case.grad(grad_output=1 - above)[name]
        size = max(1, np.abs(plain).max(initial=0), np.abs(once).max(initial=0))
        assert plain == pytest.approx(once + rest, abs=1e-12 * size)


@pytest.mark.parametrize(
    ("loss", "narrow", "shape", "rest"),
    [
        ("huber", {"input": (3, 1)}, (3, 2), {"target": (3, 2)}),
        ("huber", {"input": (3, 1), "target": (2,)}, (3, 2), {}),
        ("huber", {"input": ()}, (2, 2), {"target": (2, 2)}),
        ("gaussian-nll", {"target": (2,)}, (3, 2), {"input": (3, 2), "var": (3, 2)}),
        ("gaussian-nll", {"var": (3, 1)}, (3, 2), {"input": (3, 2), "target": (3, 2)}),
        ("gaussian-nll", {"var": (1, 2)}, (3, 2), {"input": (3, 2), "target": (3, 2)}),
        ("margin-ranking", {"input1": (3, 1), "input2": (1, 2)}, (3, 2), {"target": (3, 2)}),
        ("margin-ranking", {"target": (3, 1)}, (3, 2), {"input1": (3, 2), "input2": (3, 2)}),
        ("multi-label-soft-margin", {"target": (2,), "weight": (3, 1)}, (3, 2), {"input": (3, 2)}),
        ("multi-label-soft-margin", {"target": ()}, (3, 2), {"input": (3, 2), "weight": (3, 2)}),
        ("triplet-margin", {"anchor": (1, 2)}, (3, 2), {"positive": (3, 2), "negative": (3, 2)}),
        ("triplet-margin", {"negative": (1, 1)}, (3, 2), {"anchor": (3, 2), "positive": (3, 2)}),
        (
            "triplet-margin",
            {"negative": (2, 1, 2)},
            (2, 3, 2),
            {"anchor": (2, 3, 2), "positive": (2, 3, 2)},
        ),
    ],
)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_broadcast_tensors_get_the_sum(
    loss: str, narrow: dict[str, Any], shape: Any, rest: dict[str, Any], reduction: str
) -> None:
    """The gradient of a tensor that is broadcast is the sum over the copies."""
    rng = np.random.default_rng(3)
    small = {name: rng.uniform(0.5, 2, own) for name, own in {**narrow, **rest}.items()}
    wide = {name: np.broadcast_to(array, shape) for name, array in small.items()}
    options = {"margin": 5.0} if loss == "triplet-margin" else {}
    found = losscli.grad(loss, **small, **options, reduction=reduction, wrt=list(small))
    full = losscli.grad(loss, **wide, **options, reduction=reduction, wrt=list(small))
    for name, own in narrow.items():
        missing = len(shape) - len(own)
        copies = (*range(missing), *(i + missing for i, n in enumerate(own) if n == 1))
        expected = full[name].sum(copies).reshape(own)
        assert found[name] == pytest.approx(expected, rel=1e-13), name


@pytest.mark.parametrize("above", [np.inf, np.nan, 2.0])
@pytest.mark.parametrize(
    ("loss", "given", "hinges"),
    [
        (
            "margin-ranking",
            {"input1": [2.0, 0.0], "input2": [0.0, 2.0], "target": [1.0, 1.0], "margin": 1.0},
            {"input1": [0, -1], "input2": [0, 1], "target": [0, 2]},
        ),
        (
            "hinge-embedding",
            {"input": [3.0, 0.5, 0.5], "target": [-1, -1, 1]},
            {"input": [0, -1, 1]},
        ),
        (
            "cosine-embedding",
            {"input1": [[1.0, 0]], "input2": [[0.0, 1]], "target": [-1], "margin": 0.5},
            {"input1": [[0, 0]], "input2": [[0, 0]]},
        ),
    ],
)
def test_what_is_off_the_hinge_is_0_beside_any_upstream_gradient(
    loss: str, given: dict[str, Any], hinges: dict[str, Any], above: float
) -> None:
    rows = len(next(iter(given.values())))
    found = losscli.grad(
        loss, **given, reduction="none", grad_output=[above] * rows, wrt=list(hinges)
    )
    for name, slope in hinges.items():
        expected = [[one and one * above for one in row] for row in np.atleast_2d(slope).tolist()]
        assert np.array_equal(np.atleast_2d(found[name]), expected, equal_nan=True), name


def test_one_variance_for_all_is_that_of_each() -> None:
    tensors = {"input": [[0.5, 1.0], [2.0, 3.0]], "target": [[0.0, 0.0], [0.0, 0.0]]}
    one, slope = losscli.value_and_grad("gaussian-nll", **tensors, var=0.5, wrt="all")
    each, slopes = losscli.value_and_grad(
        "gaussian-nll", **tensors, var=np.full((2, 2), 0.5), wrt="all"
    )
    assert one == each == pytest.approx(3.2159264097)  # PyTorch's, which takes a float there
    assert slope["var"] == pytest.approx(slopes["var"].sum()) and slope["var"].shape == ()
    assert np.array_equal(slope["input"], slopes["input"])
    assert losscli.compute("gaussian-nll", **tensors, var=np.ones((2, 2)), eps=0) == 1.78125
