"""Every golden case: value and gradients as PyTorch has them (tests/golden/make.py writes the files)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strategies import apart, as_array

import losscli
from losscli.losses import NAMES, load

TESTS = Path(__file__).parent
TOLERANCE = {"float64": 1e-11, "float32": 2e-5}


def golden_cases(loss: str) -> list[dict[str, Any]]:
    path = TESTS / "golden" / f"{loss}.json"
    return json.loads(path.read_text("utf-8"))["cases"] if path.exists() else []


def every_case() -> Iterator[Any]:
    for loss in NAMES:
        for case in golden_cases(loss):
            yield pytest.param(loss, case, id=f"{loss}: {case['name']}")


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    tensors = {n: as_array(data, case["dtype"]) for n, data in case["inputs"].items()}
    infinite = {"Infinity": np.inf, "-Infinity": -np.inf}
    options = {
        n: infinite.get(v, v) if isinstance(v, str) else v for n, v in case["parameters"].items()
    }
    return {**tensors, **options, "reduction": case["reduction"]}


@pytest.mark.parametrize(("loss", "case"), list(every_case()))
def test_value(loss: str, case: dict[str, Any]) -> None:
    value = losscli.compute(loss, **arguments(case))
    assert value.dtype == case["dtype"]
    expected = as_array(case["value"], case["dtype"])
    assert not apart(value, expected, TOLERANCE[case["dtype"]])


@pytest.mark.parametrize(("loss", "case"), list(every_case()))
def test_gradient(loss: str, case: dict[str, Any]) -> None:
    above = case.get("grad_output")
    given = arguments(case)
    found = losscli.grad(
        loss, **given, wrt="all", grad_output=None if above is None else as_array(above, float)
    )
    assert set(found) == set(case["gradients"])
    for name, expected in case["gradients"].items():
        assert found[name].real.dtype == case["dtype"]
        assert found[name].shape == given[name].shape
        expected = as_array(expected, case["dtype"])
        assert not apart(found[name], expected, TOLERANCE[case["dtype"]]), name


@pytest.mark.parametrize("loss", NAMES)
def test_every_loss_has_golden_cases(loss: str) -> None:
    cases = golden_cases(loss)
    assert cases, (
        f"{loss} has no golden values: write its cases as a function in tests/golden/make.py, "
        f"and run  python tests/golden/make.py {loss}"
    )
    again = f"add a case to {loss} in tests/golden/make.py"
    for reduction in load(loss).rows.reductions:
        assert any(c["reduction"] == reduction for c in cases), f"{reduction} is not used: {again}"
    for dtype in TOLERANCE:
        assert any(c["dtype"] == dtype for c in cases), f"{dtype} is not used: {again}"
    for name, parameter in load(loss).options.items():
        given = [c["parameters"].get(name, parameter.default) for c in cases]
        assert any(v != parameter.default for v in given), f"{name} is never set: {again}"
    for name in load(loss).tensors:
        assert any(name in c["inputs"] for c in cases), f"{name} is never given: {again}"


def test_no_golden_file_is_without_a_loss() -> None:
    assert {path.stem for path in (TESTS / "golden").glob("*.json")} <= set(NAMES)
