"""What is said of a result that is not finite: where it arose, by which rule, what would avoid it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from strategies import Case

import losscli
from losscli.engine import Problem
from losscli.losses import load
from losscli.record import record_of

INF, NAN = np.inf, np.nan
WHAT = [
    (
        "gaussian-nll",
        {"input": [1.0, 1e200], "target": [0.0, 1.0], "var": [1.0, 1.0]},
        {},
        "the first is inf in element 1, at the step z = r**2 / v: 1e+200 ** 2 overflows, as float64 ends "
        "at 1.8e+308. Scale the numbers down.",
    ),
    (
        "poisson-nll",
        {"input": np.float32([1, 100]), "target": np.float32([1, 1])},
        {},
        "exp(100) overflows, as float32 holds no exponential of more than 88.72. Compute in float64, or "
        "scale the numbers down.",
    ),
    (
        "poisson-nll",
        {"input": [[2.0, -1.0]], "target": [[1.0, 1.0]]},
        {"log_input": False},
        "the first is nan in element 0, 1, at the step g = log(input + eps): log(-1) does not exist. Keep "
        "what the logarithm is taken of above 0.",
    ),
    (
        "cross-entropy",
        {"input": [[1.0, 2.0], [INF, 3.0]], "target": [1, 1]},
        {},
        "cross-entropy: the result is nan: input[1, 0] is inf. Repair that number, or leave its row out.",
    ),
    (
        "cross-entropy",
        {"input": [[1.0, 2.0]], "target": [-100]},
        {},
        "every row is left out, and a mean divides 0 by 0. Keep at least one, or use the reduction sum",
    ),
    ("huber", {"input": [], "target": []}, {}, "there are no elements, and a mean divides 0 by 0."),
    (
        "cross-entropy",
        {"input": [[0.0, 1.7e308, -1.7e308]], "target": [[0.0, 0.5, 0.5]]},
        {},
        "in row 0, class 2, at the step logp = input - lse",
    ),
    (
        "ctc",
        {
            "log_probs": np.log(np.full((2, 1, 3), 1 / 3)),
            "targets": [[1, 1]],
            "input_lengths": [2],
            "target_lengths": [2],
        },
        {},
        "log(0) is -inf. No alignment fits into the frames: give more of them, or ask for zero_infinity.",
    ),
    (  # the class that has no chance is not asked for
        "ctc",
        {
            "log_probs": [[[-0.5, -0.5, -INF]], [[-0.5, -0.5, -INF]]],
            "targets": [[1, 1]],
            "input_lengths": [2],
            "target_lengths": [2],
        },
        {},
        "log(0) is -inf. No alignment fits into the frames: give more of them, or ask for zero_infinity.",
    ),
    (  # of the classes without a chance, the first that is asked for
        "ctc",
        {
            "log_probs": [[[-0.5, -0.5, -INF]], [[-INF, -INF, -0.5]]],
            "targets": [[1]],
            "input_lengths": [2],
            "target_lengths": [1],
        },
        {},
        "ctc: the result is inf: log_probs[1, 0, 1] is -inf. Repair that number, or leave its row out.",
    ),
    (
        "nll",
        {"input": [[-INF, -0.5, -INF], [-INF, -0.5, -INF]], "target": [1, 2]},
        {},
        "nll: the result is inf: input[1, 2] is -inf. Repair that number, or leave its row out.",
    ),
]


@pytest.mark.parametrize(("loss", "tensors", "options", "said"), WHAT)
def test_the_warning_names_place_rule_and_remedy(
    loss: str, tensors: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    tensors = {name: np.asarray(value) for name, value in tensors.items()}
    case = Case(loss, tensors, options)
    problem = case.problem()
    assert not np.isfinite(problem.value())
    (warning,) = problem.warnings
    assert said in warning
    assert warning.endswith(".")
    assert case.explain().to_dict()["diagnostics"][0] == warning
    page = " ".join(case.explain().to_text().split())
    assert " ".join(warning.split()) in page


def test_one_number_is_one() -> None:
    for input, said in (([1.0, NAN], "1 of 2 values is"), ([INF, NAN], "2 of 2 values are")):
        problem = Case(
            "l1", {"input": np.array(input), "target": np.zeros(2)}, {}, "none"
        ).problem()
        problem.value()
        assert f"l1: {said} not finite: input" in problem.warnings[0]


def test_weights_that_add_up_to_nothing() -> None:
    given: dict[str, Any] = {"input": [[1.0, 2.0], [3.0, 4.0]], "target": [0, 1]}
    problem = Problem(load("cross-entropy"), {**given, "weight": [1.0, -1.0]})
    assert np.isinf(problem.value())
    assert "what the rows count for adds up to 0" in problem.warnings[0]
    assert record_of(problem).why_not_finite.startswith("what the rows count for adds up to 0")
    smooth = {"label_smoothing": 0.1}
    problem = Problem(
        load("cross-entropy"), {**given, "target": [0, 0], "weight": [0.0, 1.0]}, smooth
    )
    assert np.isnan(problem.value())
    total = losscli.compute("cross-entropy", **given | {"target": [0, 0]}, weight=[0.0, 1.0],
                            label_smoothing=0.1, reduction="sum")  # fmt: skip
    assert f"the reduction sum, which is {total:.6g} then" in problem.warnings[0]


ODD = [INF, -INF, NAN, 1e308, -1e308, 1e200, 3e38, -3e38, 1e20, 0.5]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("mse", {}),
        ("huber", {}),
        ("huber", {"delta": INF}),
        ("smooth-l1", {}),
        ("smooth-l1", {"beta": 1e-30}),
        ("gaussian-nll", {}),
        ("kl-div", {}),
        ("kl-div", {"log_target": True}),
        ("poisson-nll", {}),
    ],
)
def test_no_gradient_passes_for_finite(loss: str, options: dict[str, Any], dtype: Any) -> None:
    """Among many rows, where what the loss adds up to may say so of the gradient."""
    draw = np.random.default_rng(0)
    names = load(loss).tensors
    told = set()
    for name in names:
        for odd in ODD if name != "var" else [1e-300, 1e-30, INF, NAN]:
            for above in (None, 1e300, NAN):
                given = {one: draw.random(5000).astype(dtype) for one in names}
                with np.errstate(over="ignore"):
                    given[name][1234] = odd
                problem = Problem(load(loss), given, options)
                with np.errstate(all="ignore"):
                    _, found = problem.value_and_gradient(None, above)
                lost = any(not np.isfinite(gradient).all() for gradient in found.values())
                assert any("gradient" in warning for warning in problem.warnings) == lost
                told.add(lost)
    assert told == {False, True}
