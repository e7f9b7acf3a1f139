"""Against PyTorch itself, where it is installed: hundreds of random calls of every loss.

LOSSCLI_REQUIRE_TORCH=1 makes a missing PyTorch a failure. What losscli does otherwise on purpose is
listed in DEVIATIONS, by name and with the reason.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import NUMBERS, Case, any_shapes, apart, cases

from losscli import LosscliError
from losscli.losses import NAMES

if os.environ.get("LOSSCLI_REQUIRE_TORCH") == "1":
    assert importlib.util.find_spec("torch"), "LOSSCLI_REQUIRE_TORCH is set, but there is no torch"
pytest.importorskip("torch")

from golden.make import REFUSED, answer  # noqa: E402


def finite_truth(case: Case) -> bool:
    """Sums of powers overflow in PyTorch where the norm itself does not; losscli has the norm."""
    return case.loss == "triplet-margin" and largest(case) > 1e90


def infinite_target(case: Case) -> bool:
    """Infinite targets: inf - inf or not depends on the order in which PyTorch adds."""
    return case.loss == "bce-with-logits" and bool(np.isinf(case.tensors["target"]).any())


def last_class_blank(case: Case) -> bool:
    """PyTorch's gradient overwrites a cell when blank is the last class."""
    return case.loss == "ctc" and case.options.get("blank") == case.tensors["log_probs"].shape[-1] - 1


VALUE_DEVIATIONS: tuple[Callable[[Case], bool], ...] = (finite_truth, infinite_target)
GRADIENT_DEVIATIONS = (*VALUE_DEVIATIONS, last_class_blank)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_as_pytorch(loss: str, kind: str, dtype: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, kind, dtype), label="case")
    compare(case, data)


@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=250 if settings().max_examples < 250 else settings().max_examples)
@given(data=st.data())
def test_refuses_what_pytorch_refuses(loss: str, data: st.DataObject) -> None:
    case = data.draw(any_shapes(loss), label="case")
    compare(case, data)


def compare(case: Case, data: st.DataObject) -> None:
    """The same value and the same gradients, or both refuse."""
    try:
        value, _ = answer(case.loss, case.tensors, case.options, case.reduction)
    except REFUSED as error:
        with pytest.raises(LosscliError):
            print(case.compute(), "but PyTorch:", error)
        return
    ours = case.compute()
    assume(not any(deviates(case) for deviates in VALUE_DEVIATIONS))
    dtype = ours.dtype
    tolerance = {"float64": 1e-11, "float32": 3e-5}[str(dtype)]
    # Where large numbers cancel, both are right to a few units in the last place of the largest.
    floor = 8 * np.finfo(dtype).eps * largest(case)
    assert not apart(ours, value, tolerance, floor * max(1, np.size(value)))
    assume(not any(deviates(case) for deviates in GRADIENT_DEVIATIONS))
    above = None
    if case.reduction == "none" and np.size(value) and data.draw(st.booleans()):
        above = np.resize([1.0, -0.5, 2.0], np.shape(value)).astype(dtype)
    _, expected = answer(case.loss, case.tensors, case.options, case.reduction, above)
    found = case.grad(grad_output=above)
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        assert not apart(found[name], gradient, tolerance, floor), name


def largest(case: Case) -> float:
    """The largest finite number in the tensors."""
    found = [1.0]
    for array in case.tensors.values():
        a = np.abs(np.asarray(array, float))
        found.append(float(a[np.isfinite(a)].max(initial=0)))
    return max(found)


def test_deviations_are_only_that() -> None:
    """A predicate that held everywhere would turn the tests above off."""
    plain: dict[str, Any] = {"target": np.zeros(1), "log_probs": np.zeros((1, 1, 3))}
    for loss in NAMES:
        assert not any(d(Case(loss, plain, {"blank": 0})) for d in GRADIENT_DEVIATIONS)
