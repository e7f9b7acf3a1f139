"""The reduction ledger: who is in it, who is not, and what else it might have been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from strategies import as_array

import losscli
from losscli.losses import NAMES, load

from test_golden import arguments, golden_cases  # isort: skip

SCORES = np.random.default_rng(0).normal(size=(5, 3))
GIVEN: dict[str, Any] = {"input": SCORES, "target": [0, -100, 2, 1, -100], "weight": [1, 2, 4.0]}


def test_who_is_left_out() -> None:
    explanation = losscli.explain("cross-entropy", **GIVEN)
    ledger = explanation.reduction
    assert (ledger.left_out, ledger.left_out_shown, ledger.denominator) == (2, (1,), 7)
    each = losscli.compute("cross-entropy", **GIVEN, reduction="none")
    assert ledger.each == pytest.approx(each)
    assert ledger.by_rows == pytest.approx(each.sum() / 5)
    assert ledger.others == {"sum": pytest.approx(each.sum())}
    text = " ".join(explanation.to_text().split())
    assert "divided by 7: the weights of the targets, not the 5 rows; 2 of 5 rows left out" in text
    assert "left out: row 1, and 1 not shown" in text
    assert "over all 5 rows alike it would be" in text and "none would be [" in text


def test_who_is_left_out_by_name() -> None:
    explanation = losscli.explain("cross-entropy", **GIVEN, ids="abcde", rows=[4, 1])
    assert "left out: e, b\n" in explanation.to_text()
    summed = losscli.explain("cross-entropy", **GIVEN, reduction="sum")
    assert "the sum over 5 rows, not divided; 2 of 5 rows left out" in summed.to_text()


@pytest.mark.parametrize("loss", NAMES)
def test_every_other_reduction(loss: str) -> None:
    for case in golden_cases(loss):
        given = arguments(case)
        if not as_array(case["value"]).size or case["dtype"] == "float32":
            continue
        kind = given.pop("reduction")
        ledger = losscli.explain(loss, **given, reduction=kind, gradient=False).reduction
        kinds = set(load(loss).rows.reductions) - {kind, "none"}
        assert set(ledger.others) == kinds
        for other in kinds:
            expected = losscli.compute(loss, **given, reduction=other)
            assert ledger.others[other] == pytest.approx(float(expected), nan_ok=True), other
        if ledger.each:
            expected = losscli.compute(loss, **given, reduction="none").ravel()
            assert ledger.each == pytest.approx(expected.tolist(), nan_ok=True)


def test_what_the_input_was_taken_for() -> None:
    single = np.zeros((2, 3), np.float32)
    text = losscli.explain("cross-entropy", input=single, target=single + 1 / 3).to_text()
    assert "input (2, 3)   target (2, 3) class probabilities   reduction mean   float32" in text
    text = losscli.explain("cross-entropy", input=single, target=[0, 1], dtype="float64").to_text()
    assert "input (2, 3) float32   target (2) class indices   reduction mean   float64" in text


@pytest.mark.parametrize(
    ("target", "copies"), [([[1.0], [0.0]], True), ([[1.0, 2.0], [0.0, 1.0]], False)]
)
def test_lines_of_copies_are_said_to_be_that(target: list[list[float]], copies: bool) -> None:
    for loss in ("mse", "multi-label-soft-margin"):
        page = losscli.explain(
            loss, input=[[1.0, 2.0], [0.0, -1.0]], target=target, wrt="all"
        ).to_text()
        assert ("target is broadcast: its gradient adds up" in page) is copies
        assert "input is broadcast" not in page
