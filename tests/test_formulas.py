"""Every printed equality is true: formulas, the numbers put in, and the JSON that carries them.

Each line of an explanation is evaluated twice: its tree by losscli.formula.evaluate, and the Python text
of the JSON by Python itself, with nothing but the functions that the contract names.
"""

from __future__ import annotations

import ast
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from strategies import Case, cases, examples

import losscli
from losscli.formula import evaluate
from losscli.losses import NAMES, load

FUNCTIONS = {
    **{name: getattr(math, name) for name in ("exp", "log", "log1p", "expm1", "sqrt")},
    "abs": abs,
    "max": max,
    "min": min,
}
ALLOWED = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Call,
    ast.BinOp,
    ast.UnaryOp,
    ast.USub,
    ast.Compare,
    ast.BoolOp,
    ast.And,
    ast.operator,
    ast.cmpop,
)
KEYS = ("loss", "value", "reduction", "steps", "gradients", "inputs", "parameters", "diagnostics")
FEW = 8  # ulp


def python_value(arithmetic: str | ast.Expression) -> Any:
    """What Python says, with the functions of the contract only."""
    return eval(compile(arithmetic, "", "eval"), {"__builtins__": {}, **FUNCTIONS})


def largest(tree: ast.AST) -> float:
    """The largest finite number in some arithmetic."""
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return max((abs(float(v)) for v in found if math.isfinite(v)), default=0.0)


def agrees(actual: Any, value: float, size: float, eps: float, more: float = 0) -> bool:
    """Whether two numbers agree to a few ulp of the largest number in the arithmetic, its `size`."""
    actual = float(actual)
    if eps == np.finfo(np.float32).eps and abs(actual) > float(np.finfo(np.float32).max):
        actual = math.copysign(math.inf, actual)  # what float32 cannot hold
    if not (math.isfinite(actual) and math.isfinite(value)):
        return actual == value or (math.isnan(actual) and math.isnan(value))
    return abs(actual - value) <= eps * (FEW * max(abs(value), size) + more)


def lattice_rounding(case: Case, step: str) -> float:
    """How far, in ulp of 1, CTC's gradient may be from the occupancies that are shown.

    The engine's lattice may be in logarithms, the one that is shown in plain probabilities: a logarithm of
    -100 is known to an ulp of 100, and so its exponential to 100 ulp.
    """
    if case.loss != "ctc" or step != "d_log_probs":
        return 0.0
    log_probs = case.tensors["log_probs"]
    return float(len(log_probs) * np.abs(log_probs[np.isfinite(log_probs)]).max(initial=0))


def as_float(value: Any) -> Any:
    """A number of the JSON."""
    if isinstance(value, str) and value.endswith("j"):
        return complex(value)
    return float({"Infinity": "inf", "-Infinity": "-inf"}.get(value, value))


def check(case: Case) -> None:
    """Everything that an explanation says about one call."""
    count = case.problem().count
    explanation = case.explain(rows=range(min(count, 4)))
    eps = float(np.finfo(case.problem().dtype).eps)
    for step in explanation.steps:
        more = lattice_rounding(case, step.name)
        for line in step.lines:
            arithmetic = line.arithmetic
            size = largest(arithmetic.tree)
            found = evaluate(arithmetic.tree)
            shortened = evaluate(line.put(2).tree)  # with what is left out of sums in one number
            for actual in (found, shortened):
                assert agrees(actual, line.value, size, eps, more), (
                    f"{step.formula.text} at {line.at}: {arithmetic.python} is not {line.value}"
                )
    data = json.loads(explanation.to_json(), parse_constant=pytest.fail)
    for step in data["steps"]:
        more = lattice_rounding(case, step["name"])
        for line in step["lines"]:
            tree = ast.parse(line["substituted"], mode="eval")
            only_arithmetic(tree)
            actual = python_value(tree)
            assert agrees(actual, as_float(line["value"]), largest(tree), eps, more), (
                f"{step['equation']}: {line}, but Python says {actual}"
            )
            if "condition" in line:
                condition = ast.parse(line["condition"], mode="eval")
                only_arithmetic(condition)
                assert python_value(condition) is True, f"{step['equation']}: {line}"
    check_contract(data, case)


def only_arithmetic(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED), ast.dump(node)
        if isinstance(node, ast.Name):
            assert node.id in FUNCTIONS
        if isinstance(node, ast.Constant):
            assert type(node.value) in (int, float)


def check_contract(data: dict[str, Any], case: Case) -> None:
    """Section 4 of the design."""
    assert set(KEYS) <= set(data)
    assert data["loss"] == case.loss
    assert set(data["parameters"]) == set(load(case.loss).options)
    assert set(data["inputs"]) == set(case.tensors)
    for name, array in case.tensors.items():
        assert data["inputs"][name]["shape"] == list(np.shape(array))
    parts = [step["part"] for step in data["steps"]]
    assert parts == sorted(parts, key=["value", "gradient"].index)
    for step in data["steps"]:
        assert {"name", "equation", "part", "lines"} <= set(step)
        assert step["equation"].startswith(step["name"])
    last = [step for step in data["steps"] if step["part"] == "value"][-1]
    assert last["name"] == "L"
    ledger = data["reduction"]
    assert ledger["kind"] == case.reduction
    assert ledger["why"]
    value = case.compute()
    flat = np.reshape(np.array(data["value"], object), -1)
    assert np.array_equal(
        [as_float(v) for v in flat], np.ravel(value).astype(float), equal_nan=True
    )
    if case.reduction == "none":
        assert ledger["numerator"] is None and ledger["denominator"] is None
        return
    (line,) = last["lines"]
    assert as_float(line["value"]) == float(value) or np.isnan(value)
    with np.errstate(all="ignore"):
        below = 1.0 if ledger["denominator"] is None else ledger["denominator"]
        quotient = np.float64(as_float(ledger["numerator"])) / np.float64(below)
        if not np.array_equal(value.dtype.type(quotient), value, equal_nan=True):
            # the value is rounded once, as another cut may be no more than an ulp off; the numerator
            # that is told and the quotient here are rounded too
            assert abs(quotient - float(value)) <= 2 * np.spacing(abs(value))
    gradients = case.grad()
    for name, gradient in gradients.items():
        told = [as_float(v) for v in np.reshape(np.array(data["gradients"][name], object), -1)]
        assert np.array_equal(told, gradient.ravel(), equal_nan=True)
    check_gradient_lines(data, case, gradients)


def check_gradient_lines(data: dict[str, Any], case: Case, gradients: dict[str, Any]) -> None:
    """What a step calls d_<tensor> is that tensor's gradient, where nothing was broadcast."""
    problem = case.problem()
    for step in data["steps"]:
        name = step["name"].removeprefix("d_")
        if step["part"] != "gradient" or name not in gradients or not problem.rows:
            continue
        laid = problem.laid[name]
        seen = laid.view(gradients[name])
        if laid.rowless or laid.rows != problem.rows or seen.shape[-1:] < widest(case):
            continue  # a line is one copy's part of the gradient
        for line in step["lines"]:
            if len(line["at"]) == seen.ndim:
                found = float(seen[tuple(line["at"])])
                more = lattice_rounding(case, step["name"])
                assert agrees(found, as_float(line["value"]), abs(found), 1e-6, more)


def widest(case: Case) -> tuple[int, ...]:
    """The longest last axis of the tensors of losses whose components may be broadcast."""
    shapes = [array.shape[-1:] for array in case.tensors.values()]
    broadcast = case.loss in ("triplet-margin", "multi-label-soft-margin")
    return max(shapes) if broadcast else ()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["ordinary", "ties", "large"])
@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_every_line_is_true(loss: str, kind: str, dtype: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, kind, dtype), label="case")
    check(case)


@pytest.mark.parametrize("loss", NAMES)
@settings(phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False)
@given(data=st.data())
def test_every_line_is_true_of_nan_and_infinities(loss: str, data: st.DataObject) -> None:
    check(data.draw(cases(loss, "special"), label="case"))


INF, NAN = np.inf, np.nan


def of(loss: str, options: dict[str, Any] | None = None, **tensors: Any) -> Case:
    given_ = {name: np.asarray(array) for name, array in tensors.items()}
    return Case(loss, given_, options or {}, "none")


CORNERS = {
    "one class, +inf": of("cross-entropy", input=[[INF]], target=[0]),
    "q of an ignored row": of("cross-entropy", {"ignore_index": 1}, input=[[0.0, 0.0]], target=[1]),
    "-inf + inf": of("bce-with-logits", input=[-INF, 0.0], target=[0.01, 0.0]),
    "impossible, zero_infinity": Case(
        "ctc",
        {
            "log_probs": np.log(np.full((1, 1, 4), 0.25)),
            "targets": np.array([[1, 1]]),
            "input_lengths": np.array([1]),
            "target_lengths": np.array([2]),
        },
        {"zero_infinity": True},
        "mean",
    ),
    **{
        f"{odd} in frame and class {at}, of {length} frames": of(
            "ctc",
            log_probs=[[[odd if (t, c) == at else -1.0 for c in range(3)]] for t in range(3)],
            targets=[[1, 2]],
            input_lengths=[length],
            target_lengths=[2],
        )
        for odd in (NAN, INF)
        for at, length in [((2, 1), 3), ((0, 0), 2), ((1, 0), 2), ((0, 2), 3)]
    },
    "inf in a sample that is impossible": of(
        "ctc",
        {"zero_infinity": True},
        log_probs=[[[-1.0, -1.0, INF]], [[-1.0, -1.0, -1.0]]],
        targets=[[2, 2]],
        input_lengths=[2],
        target_lengths=[2],
    ),
    "raw scores overflow in float32": of(
        "ctc",
        log_probs=np.float32([[[0.0, 88.9]]]),
        targets=[[1]],
        input_lengths=[1],
        target_lengths=[0],
    ),
    **{
        f"powers that overflow or underflow, p = {p}": of(
            "triplet-margin",
            {"p": p, "eps": 0.0},
            anchor=[[1e200, 3e200], [1e100, 3e100], [INF, 1.0], [2e-200, 1e-200]],
            positive=[[0.0, 0.0], [7e99, 1e99], [0.0, 0.0], [0.0, 0.0]],
            negative=[[1.0, 2.0], [1.0, 2.0], [NAN, 2.0], [0.0, 0.0]],
        )
        for p in (2.0, 3.0, -1.5)
    },
    **{
        f"counts of 1e306, log_input {log_input}": of(
            "poisson-nll",
            {"full": True, "log_input": log_input},
            input=[704.0, 0.5, INF, 0.0, 704.0] if log_input else [1e306, 0.5, INF, 0.0, 1e305],
            target=[1e306, 0.5, 1e307, 1.0, NAN],
        )
        for log_input in (True, False)
    },
    **{
        f"class weights {weight}, p = {p}": of(
            "multi-margin",
            {"p": p},
            input=[[0.0, 1.0, 2.0], [5.0, 1.0, 2.0], [0.0, 0.0, 0.0], [NAN, 1.0, 2.0]],
            target=[0, 0, 1, 2],
            weight=weight,
        )
        for p in (1, 2)
        for weight in ([INF, 2.0, 3.0], [-INF, INF, NAN])
    },
    "multi-margin near the largest float": of(
        "multi-margin",
        input=[[-8e307, 9e307, 8e307], [0.5, 1.0, 0.0]],
        target=[0, 2],
        weight=[0.9, 1.0, 0.5],
    ),
    "multi-label-margin near the largest float": of(
        "multi-label-margin",
        input=[[-8e307, 9e307, 8e307], [0.5, 1.0, 0.0]],
        target=[[0, -1, 1], [2, 1, -1]],
    ),
    "multi-label-soft-margin near the largest float": of(
        "multi-label-soft-margin", input=[[1.5e308, -1e308, 1e308]], target=[[0.0, 1.0, 0.0]]
    ),
    **{
        f"smoothed, and no weight: {target}": Case(
            "cross-entropy",
            {
                "input": np.arange(2.0 * len(target)).reshape(-1, 2),
                "target": np.array(target),
                "weight": np.array([1.0, 0.0]),
            },
            {"label_smoothing": 0.25},
            "mean",
        )
        for target in ([1], [1, -100], [-100, -100], [1] * 30)
    },
    "more axes than input": of(
        "multi-label-soft-margin",
        input=[[0.0, 1.0, 2.0], [1.0, -1.0, 0.5]],
        target=np.linspace(0, 1, 12).reshape(2, 2, 3),
        weight=[[0.5], [2.0]],
    ),
    "beta = inf": of("smooth-l1", {"beta": INF}, input=[INF, -INF, NAN, 1.0, -0.0], target=[0.0]),
    "delta = inf": of("huber", {"delta": INF}, input=[INF, -INF, NAN, 1.0, -0.0], target=[0.0]),
    "NaN beyond the frames that count": of(
        "ctc",
        log_probs=[[[-0.7, -0.7]], [[-0.7, -0.7]], [[NAN, NAN]]],
        targets=[[1]],
        input_lengths=[2],
        target_lengths=[1],
    ),
}


@pytest.mark.parametrize("case", CORNERS.values(), ids=CORNERS)
def test_corners(case: Case) -> None:
    check(case)
    check(Case(case.loss, case.tensors, case.options, "sum"))  # and its gradient


@pytest.mark.parametrize("loss", NAMES)
def test_every_step_has_a_line(loss: str) -> None:
    """A step that is never written out would never be checked."""
    for case in examples(loss):
        explanation = case.explain()
        assert all(step.lines for step in explanation.steps), case
        names = {step.name for step in explanation.steps if step.part == "gradient"}
        assert names >= {"share", *(f"d_{name}" for name in case.grad())}, case


@pytest.mark.parametrize("real", ["input", "target"])
def test_gradient_of_real_numbers_beside_complex_ones(real: str) -> None:
    """Only its real part is shown, and it is the gradient that is returned."""
    numbers_ = {"input": np.array([1 + 2j, 0.5j]), "target": np.array([0.5 - 1j, 2.0])}
    case = Case("l1", {**numbers_, real: numbers_[real].real}, {}, "mean")
    check(case)
    explanation = case.explain()
    (step,) = (step for step in explanation.steps if step.name == f"d_{real}")
    assert [line.value for line in step.lines] == explanation.gradients[real].tolist()


def test_nan_and_infinities_are_words() -> None:
    case = Case(
        "huber", {"input": [np.nan, np.inf, -np.inf], "target": [0.0, 0.0, 0.0]}, {}, "none"
    )
    data = json.loads(case.explain().to_json(), parse_constant=pytest.fail)
    assert data["value"] == ["NaN", "Infinity", "Infinity"]
    assert data["gradients"]["input"] == ["NaN", 1.0, -1.0]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("rows", [1, 24, 25, 400])
def test_a_long_sum_is_still_equal(rows: int, reduction: str) -> None:
    x = np.random.default_rng(2).normal(size=rows)
    check(Case("huber", {"input": x, "target": np.zeros(rows)}, {}, reduction))


def test_many_classes_are_all_in_the_sum() -> None:
    x = np.random.default_rng(2).normal(size=(3, 300))
    check(Case("cross-entropy", {"input": x, "target": np.array([0, 299, 5])}))


def test_a_sum_over_very_many_classes_can_be_evaluated() -> None:
    scores = np.linspace(-3, 3, 45_000)
    explanation = losscli.explain("cross-entropy", input=scores, target=7)
    for step in explanation.steps:
        line = step.lines[0].to_dict()
        assert python_value(line["substituted"]) == pytest.approx(line["value"], rel=1e-12)
