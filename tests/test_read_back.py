"""What is printed is true: the rendered text is read back, and every line of it worked out.

The text alone is judged, as a reader would with a calculator: `=` must hold exactly in decimal
arithmetic, `≈` to within the rounding of what is shown, and a condition as it stands.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from strategies import cases

import losscli
from losscli.formula import evaluate
from losscli.losses import NAMES
from losscli.render.numbers import bounds, fraction
from losscli.render.page import build

SPELLED = [
    ("−", "-"),
    ("·", "*"),
    ("²", "**2"),
    ("³", "**3"),
    ("∞", "1e999"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("ln(", "log("),
    ("√", "sqrt"),
    (" mod ", " % "),
    ("^", "**"),
]


def read(text: str, shown: int = 4) -> ast.expr:
    """The arithmetic that a printed text says, every number as the decimal that is printed."""
    for printed, meant in SPELLED:
        text = text.replace(printed, meant)
    text = re.sub(r"\be\*\*(\(|-?[\d.]+(?:e-?\d+)?)", _exponential, text)
    text = re.sub(r"sqrt([\d.]+(?:e-?\d+)?)", r"sqrt(\1)", text)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    text = text.replace("log(1 + ", "log1p(").replace("log(1 - ", "log1p(-")
    tree = ast.parse(text, mode="eval").body
    digits = {float(number): number for number in re.findall(r"[\d.]+(?:e-?\d+)?", text)}

    class Decimals(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> Any:
            value: Any = node.value
            if value == float("inf"):
                return node
            text = digits[float(value)]
            whole = text.isdigit() and len(text) < shown  # 3 is 3, but 81665 may be rounded
            return ast.Constant(Decimal(text), kind=None if whole else "rounded")

        def visit_BinOp(self, node: ast.BinOp) -> Any:
            self.generic_visit(node)
            if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
                node.right.kind = None  # a power is what it is
            return node

    return Decimals().visit(tree)


def _exponential(found: re.Match[str]) -> str:
    return "exp(" if found[1] == "(" else f"exp({found[1]})"


def printed(
    explanation: Any, digits: int, width: int, ascii: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Every arithmetic, sign and result on a page."""
    arithmetic = ""
    for line in build(explanation, digits, width, ascii):
        styles = {style: text for text, style in line}
        arithmetic = f"{arithmetic} {styles.get('arithmetic', '').strip()}".strip()
        if "relation" in styles and "arithmetic" in styles:
            yield arithmetic, styles["relation"].strip(), styles["result"].strip()
            arithmetic = ""
        elif "arithmetic" not in styles:
            arithmetic = ""


def check(arithmetic: str, sign: str, result: str, digits: int = 4) -> None:
    """One printed line, worked out."""
    if "⋯" in arithmetic or "nan" in arithmetic + result or "[" in arithmetic:
        return
    if arithmetic.startswith("since "):
        conditions, arithmetic = arithmetic.removeprefix("since "), ""
    else:
        conditions, _, arithmetic = arithmetic.rpartition(": ")
    for condition in filter(None, conditions.split(" and ")):
        left, relation, right = re.split(r" (=|≠|<|>|≤|≥) ", condition)
        spelled = {"=": "==", "≠": "!=", "≤": "<=", "≥": ">="}.get(relation, relation)
        held = ast.parse(f"a {spelled} b", mode="eval").body
        assert isinstance(held, ast.Compare)
        assert evaluate(ast.Compare(read(left, digits), held.ops, [read(right, digits)])), condition
    if not arithmetic:
        return
    tree, shown = read(arithmetic, digits), read(result, digits)
    if sign == "=":
        exact, told = fraction(tree), fraction(shown)
        if exact is None or told is None:  # an infinity, which nothing finite is
            assert (exact is None) == (told is None)
            assert evaluate(tree) == evaluate(shown)
        else:
            assert exact == told
        return
    found, told = float(evaluate(tree)), float(evaluate(shown))
    if math.isinf(told):  # an overflow
        assert found > 1e38
        return
    low, high = bounds(tree)
    least, most = bounds(shown)
    room = 1e-12 * max(1.0, abs(least), abs(most))
    assert low - room <= most and least <= high + room
    assert abs(found - told) <= 0.006 * abs(told) + 2.0**-126


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("kind", ["ordinary", "ties", "large"])
def test_every_printed_line_is_true(loss: str, kind: str) -> None:
    @settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(cases(loss, kind), st.integers(2, 8), st.sampled_from([60, 80, 120]))
    def all_of_it(case: Any, digits: int, width: int) -> None:
        for arithmetic, sign, result in printed(case.explain(), digits, width):
            try:
                check(arithmetic, sign, result, digits)
            except AssertionError as error:
                line = f"{arithmetic} {sign} {result}"
                raise AssertionError(f"{line}\nof {case!r} at {digits} digits") from error

    all_of_it()


@pytest.mark.parametrize(
    ("arithmetic", "sign", "result", "true"),
    [
        ("(0.005 + 4.5) / 2", "=", "2.2525", True),
        ("(0.005 + 4.5) / 2", "=", "2.252", False),
        ("3 − 3.408", "≈", "−0.4076", True),
        ("3 − 3.408", "≈", "−0.4176", False),
        ("−ln(0.3846)", "≈", "0.9555", True),
        ("e^(1 − 3.408)", "≈", "0.09003", True),
        ("e^(1 − 3.408)", "=", "0.09003", False),
        ("0.1 ≤ 1: 0.5 · 0.1²", "=", "0.005", True),
        ("5 ≤ 1: 0.5 · 0.1²", "=", "0.005", False),
        ("√(3² + 4²)", "=", "5", True),
        ("|−2| · 1", "=", "2", True),
    ],
)
def test_the_reader_can_tell_true_from_false(
    arithmetic: str, sign: str, result: str, true: bool
) -> None:
    if true:
        check(arithmetic, sign, result)
    else:
        with pytest.raises(AssertionError):
            check(arithmetic, sign, result)


def test_a_reader_of_the_example_finds_every_line_true() -> None:
    explanation = losscli.explain(
        "cross-entropy", input=[[1, 2, 3], [1, 2, 0]], target=[2, 0], weight=[1, 2, 3]
    )
    lines = list(printed(explanation, 4, 100))
    assert len(lines) > 12
    for line in lines:
        check(*line)
    assert Fraction("0.25") * 3 * (Fraction("0.6652") - 1) == Fraction("-0.2511")


@pytest.mark.parametrize(
    ("loss", "given", "lines"),
    [
        (
            "mse",
            {"input": [100.0043, 1e200], "target": [100.0041, 0.0], "reduction": "none"},
            ["100.0043 − 100.0041 = 0.000200000", "1e200² ≈ ∞"],
        ),
        (
            "bce",
            {"input": 0.0, "target": 0.0},
            ["max(ln(0), −100) = −100", "max(ln(1 − 0), −100) = 0"],
        ),
        (
            "bce-with-logits",
            {"input": [-523.4567, -98.1128], "target": [0.0, 0.0]},
            ["ln(1 + e^(−|−523.46|)) ≈ 4.6307e−228"],
        ),
        ("poisson-nll", {"input": [1000.0, -np.inf], "target": 0.0}, ["e^1000 ≈ ∞", "e^(−∞) = 0"]),
        (
            "smooth-l1",
            {"input": 12664.0, "target": 0.0},
            ["|12664| ≥ 1: |12664| − 0.5 · 1 ≈ 12664"],
        ),
        (
            "hinge-embedding",
            {"input": [1 / 3, 2.0], "target": [1.0, -1.0]},
            ["since 1 ≠ −1 ≈ 0.3333", "since −1 = −1 = 0"],
        ),
        (
            "cross-entropy",
            {"input": [[1.0, 2, 3]], "target": [1], "weight": [0.5, 1 / 3, 2]},
            ["weight[1] ≈ 0.3333"],
        ),
    ],
)
def test_what_cancels_vanishes_or_overflows(
    loss: str, given: dict[str, Any], lines: list[str]
) -> None:
    explanation = losscli.explain(loss, **given)
    found = [" ".join(line) for line in printed(explanation, 4, 100)]
    for line in lines:
        assert any(one.startswith(line) for one in found), (line, found)
