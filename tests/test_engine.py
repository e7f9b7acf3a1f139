"""The engine: cuts, threads, kinds of arrays, types, sums, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MANY, NUMBERS, SPECIAL, Case, Draw, by_signature, cases, examples

import losscli
from losscli import blocks, engine
from losscli.errors import (
    KindError,
    LosscliError,
    RangeError,
    ShapeError,
    UnknownLoss,
    UsageError,
)
from losscli.losses import NAMES, load
from losscli.numerics import room, row_sums
from losscli.reduction import LOWEST, ExactSum, Total

rng = np.random.default_rng(12)
EPS = float(np.finfo(float).eps)


def many(loss: str) -> list[Case]:
    """Calls of a loss with hundreds of rows."""
    return examples(loss, MANY, least=400)


def cancelled(case: Case) -> float:
    """How much larger the sum would be if no term were negative; 1 where none is."""
    terms = case.compute(reduction="none")
    return float(np.abs(terms).sum() / abs(terms.sum())) if (terms < 0).any() else 1.0


@st.composite
def signature_calls(draw: st.DrawFn, loss: str) -> Any:
    """Tensors and options by the signature, also of losses that have a strategy of their own."""
    return by_signature(load(loss), Draw(draw, draw(st.sampled_from(list(NUMBERS))), float))


# ---- cuts and threads


@pytest.mark.parametrize("block", [320, 800])
@pytest.mark.parametrize("loss", NAMES)
def test_threads_give_the_same_bits(loss: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BLOCK", max(1, block // load(loss).rows.sparse))
    first, *others = many(loss)
    calls = [(first, reduction) for reduction in load(loss).rows.reductions]
    for case, reduction in [*calls, *((other, other.reduction) for other in others)]:
        assert len(list(case.problem().blocks())) > 3
        values = [case.compute(reduction=reduction, threads=n) for n in (1, 2, 4)]
        gradients = [case.grad(reduction=reduction, threads=n) for n in (1, 2, 4)]
        for value, gradient in zip(values[1:], gradients[1:], strict=True):
            assert np.array_equal(value, values[0])
            for name in gradient:
                assert np.array_equal(gradient[name], gradients[0][name]), name


@pytest.mark.parametrize("block", [1, 160, 616, 2400])
@pytest.mark.parametrize("loss", NAMES)
def test_cuts_agree(loss: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reductions = load(loss).rows.reductions
    uncut = engine.BLOCK
    for case in many(loss)[: 1 if block == 1 else None]:
        monkeypatch.setattr(engine, "BLOCK", uncut)
        whole = {r: case.compute(reduction=r) for r in reductions}
        slopes = case.grad(reduction="mean")
        more = cancelled(case)
        monkeypatch.setattr(engine, "BLOCK", max(1, block // load(loss).rows.sparse))
        for reduction in reductions:
            value = case.compute(reduction=reduction)
            if reduction == "none":
                assert np.array_equal(value, whole[reduction])
            else:  # another cut is within an ulp of the same sum, forwards or back
                assert abs(value - whole[reduction]) <= 2 * EPS * more * abs(whole[reduction])
        for name, slope in case.grad(reduction="mean").items():
            size = np.abs(slopes[name]).max()
            assert slope == pytest.approx(slopes[name], rel=1e-14, abs=4e-15 * size), name


@pytest.mark.parametrize(
    ("loss", "narrow", "shape"),
    [
        ("huber", "target", (25,)),
        ("huber", "input", (40, 1)),
        ("gaussian-nll", "target", (25,)),
        ("gaussian-nll", "var", (40,)),
        ("gaussian-nll", "var", (1, 25)),
    ],
)
def test_gradient_of_a_broadcast_tensor_in_blocks(
    loss: str, narrow: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_ = {name: rng.uniform(0.1, 2, (40, 25)) for name in load(loss).tensors}
    given_[narrow] = rng.uniform(0.5, 2, shape)
    whole = losscli.grad(loss, **given_, wrt=narrow)[narrow]
    monkeypatch.setattr(engine, "BLOCK", 2400)
    assert losscli.grad(loss, **given_, wrt=narrow)[narrow] == pytest.approx(whole, rel=1e-12)


@given(
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
    st.integers(1, 30),
)
def test_a_cut_meets_every_element_once(shape: tuple[int, ...], rows: int) -> None:
    met = np.zeros(shape or (1,), int)
    for index in blocks.cut(shape or (1,), rows):
        assert met[index].size <= rows
        met[index] += 1
    assert (met == 1).all()


# ---- what goes in


@pytest.mark.parametrize("loss", sorted({*SPECIAL} - {"margin-ranking", "ctc"}))
@settings(max_examples=20)
@given(data=st.data())
def test_a_signature_says_enough_for_a_call(loss: str, data: st.DataObject) -> None:
    """New losses are drawn by it; margin-ranking and ctc alone need more."""
    tensors, options = data.draw(signature_calls(loss), label="call")
    Case(loss, tensors, options).grad()


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_inputs_are_never_modified(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, data.draw(st.sampled_from(["ordinary", "special"]))))
    before = {name: array.copy() for name, array in case.tensors.items()}
    for array in case.tensors.values():
        array.flags.writeable = False
    case.compute()
    found = case.grad()
    case.explain()
    for name, array in case.tensors.items():
        assert np.array_equal(array, before[name], equal_nan=array.dtype.kind == "f")
    for name, gradient in found.items():
        assert gradient.flags.writeable and not np.shares_memory(gradient, case.tensors[name])


def backwards(array: Any) -> Any:
    """The same numbers with negative strides."""
    return array[(slice(None, None, -1),) * array.ndim].copy()[
        (slice(None, None, -1),) * array.ndim
    ]


def every_other(array: Any) -> Any:
    """The same numbers with gaps between them."""
    return np.repeat(array, 2, -1)[..., ::2] if array.ndim else array


GUISES = {
    "list": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "negative strides": backwards,
    "gaps": every_other,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
}


@pytest.mark.parametrize("guise", GUISES)
@pytest.mark.parametrize("loss", NAMES)
def test_the_same_numbers_in_another_guise(loss: str, guise: str) -> None:
    for case in many(loss)[:3]:
        plain, slopes = case.compute(reduction="mean"), case.grad(reduction="mean")
        dressed = {name: GUISES[guise](array) for name, array in case.tensors.items()}
        # NumPy adds in the order in which the numbers lie in memory
        value = case.compute(reduction="mean", **dressed)
        assert abs(value - plain) <= 2 * EPS * cancelled(case) * abs(plain)
        for name, found in case.grad(reduction="mean", **dressed).items():
            assert found == pytest.approx(slopes[name], rel=1e-13, abs=1e-16), name
            assert found.dtype == slopes[name].dtype and found.dtype.isnative


@pytest.mark.parametrize("loss", NAMES)
def test_memory_maps(loss: str, tmp_path: Path) -> None:
    for case in many(loss)[:2]:
        mapped = {}
        for name, array in case.tensors.items():
            np.save(tmp_path / f"{name}.npy", array)
            mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        assert np.array_equal(case.compute(**mapped), case.compute())
        del mapped  # before the next case writes over the files


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.int32, np.uint64, np.int64])
def test_whole_numbers_of_any_kind(dtype: Any) -> None:
    x, y = np.array([0, 3, 1], dtype), np.array([1, 1, 1], dtype)
    assert losscli.compute("huber", input=x, target=y) == (0.5 + 1.5 + 0) / 3
    rows = np.zeros((3, 4))
    assert losscli.compute("cross-entropy", input=rows, target=x) == pytest.approx(math.log(4))


F32, F64, F16, INT = np.float32, np.float64, np.float16, np.int64


@pytest.mark.parametrize(
    ("input", "target", "dtype", "computed"),
    [
        (F32, F32, "auto", F32),
        (F64, F64, "auto", F64),
        (F32, F64, "auto", F64),
        (F32, INT, "auto", F32),
        (INT, INT, "auto", F64),
        (INT, F32, "auto", F32),
        (F16, F16, "auto", F64),
        (F64, F64, "float32", F32),
        (F32, F32, "float64", F64),
    ],
)
def test_the_computing_type(input: Any, target: Any, dtype: str, computed: Any) -> None:
    given_ = {"input": np.array([1, 2], input), "target": np.array([0, 0], target)}
    assert losscli.compute("huber", **given_, dtype=dtype).dtype == computed
    assert losscli.compute("huber", **given_, dtype=dtype, reduction="none").dtype == computed
    assert losscli.grad("huber", **given_, dtype=dtype)["input"].dtype == computed


def test_class_weights_do_not_choose_the_type() -> None:
    x = np.zeros((2, 2), np.float32)
    found = losscli.compute("cross-entropy", input=x, target=[0, 1], weight=[1.0, 2.0])
    assert found.dtype == np.float32


def test_float32_computes_in_float32() -> None:
    x = np.array([1 + 2.0**-30])
    assert losscli.compute("huber", input=x, target=[0.0], dtype="float32") == np.float32(0.5)


# ---- sums

FLOATS = st.floats(
    allow_nan=False, allow_infinity=False, width=64, max_value=1e150, min_value=-1e150
)


@given(st.lists(FLOATS, min_size=1, max_size=30), st.data())
def test_exact_sums_merge_in_any_grouping(values: list[float], data: st.DataObject) -> None:
    parts = [ExactSum.of(value) for value in values]
    while len(parts) > 1:
        i = data.draw(st.integers(0, len(parts) - 1))
        j = data.draw(st.integers(0, len(parts) - 2))
        one, other = parts.pop(i), parts.pop(j)
        parts.append(one + other)
    assert float(parts[0]) == math.fsum(values)


@given(st.lists(st.lists(FLOATS, max_size=5), min_size=1, max_size=8), st.data())
def test_totals_merge_in_any_grouping(blocks: list[list[float]], data: st.DataObject) -> None:
    totals = [Total.of(np.array(block), np.ones(len(block))) for block in blocks]
    forth = sum(totals, Total())
    order = data.draw(st.permutations(totals))
    at = data.draw(st.integers(0, len(order)))
    back = sum(order[:at], Total()) + sum(order[at:], Total())
    assert (back.rows, back.left_out, back.uneven) == (forth.rows, forth.left_out, forth.uneven)
    for reduction in ("sum", "mean"):
        one, other = (t.reduce(reduction, 1) for t in (forth, back))
        assert one == other or (math.isnan(one) and math.isnan(other))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e16, 1.0, -1e16], 1.0),
        ([0.1] * 10, 1.0),
        ([1.0, math.inf], math.inf),
        ([-math.inf, 1.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([1e308, 1e308], math.inf),
        ([], 0.0),
    ],
)
def test_sums(values: list[float], expected: float) -> None:
    found = float(sum(map(ExactSum.of, values), ExactSum()))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_a_sum_passes_over_the_largest_float_and_back() -> None:
    parts = [ExactSum.of(v) for v in (1e308, 1e308, -1e308, -1e308)]
    back_and_forth = (parts[0] + parts[2]) + (parts[1] + parts[3])
    assert float(back_and_forth) == float(sum(parts, ExactSum())) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 2047, 8 * 2048 - 1, 8 * 2048, 8 * 2048 + 1, 200_001])
def test_a_sum_of_many_is_as_exact_as_a_pairwise_one(size: int, dtype: type) -> None:
    x = np.random.default_rng(size).random(size + 3).astype(dtype)
    # also where they do not lie in order
    for values in (x[3:], x[: size // 2 * 2].reshape(2, -1).T):
        truth = math.fsum(map(float, values.ravel()))
        assert abs(float(ExactSum.of_all(values)) - truth) <= np.finfo(dtype).eps * truth
    for last in (np.inf, np.nan):
        values = np.append(x, dtype(last))
        assert np.array_equal(float(ExactSum.of_all(values)), last, equal_nan=True)
    assert float(ExactSum.of_all(np.ones(size, bool))) == size


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200))
def test_a_sum_of_any_floats_is_the_exact_one(values: list[float]) -> None:
    found = ExactSum.of_all(np.array(values))
    assert Fraction(found.units, 1 << LOWEST) == sum(map(Fraction, values), Fraction(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape", [(3, 1023), (2, 1024), (2, 2, 1025), (1, 5000), (0, 3000), (4, 0)]
)
def test_sums_of_rows_of_any_length(shape: tuple[int, ...], dtype: type) -> None:
    x = np.random.default_rng(1).random(shape).astype(dtype)
    found = row_sums(x)
    assert (found.shape, found.dtype) == (shape[:-1], x.dtype)
    exact = [math.fsum(row) for row in x.reshape(math.prod(shape[:-1]), shape[-1]).tolist()]
    assert np.allclose(found.ravel(), exact, rtol=4 * np.finfo(dtype).eps, atol=0)


# ---- rooms


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0), (3, 7), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_room_is_like_its_model_and_starts_at_a_line(shape: tuple[int, ...], dtype: type) -> None:
    model = np.broadcast_to(np.ones((), dtype), shape)
    found = room(model)
    assert (found.shape, found.dtype) == (model.shape, model.dtype)
    assert found.flags.c_contiguous and found.flags.writeable
    assert found.ctypes.data % 64 == 0


# ---- the largest


def test_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([[1.0, 5.0, np.nan], [5.0, -7.0, 0.0]])
    for block in (1, 2, 100):
        monkeypatch.setattr(engine, "BLOCK", block)
        problem = Case("huber", {"input": x, "target": np.zeros(3)}).problem()
        # NaN first, then |-7|, and of equal ones the one that comes first
        assert problem.largest(4) == [(0, 2), (1, 1), (0, 1), (1, 0)]
        assert len(problem.largest(100)) == 6
    many = np.random.default_rng(0).integers(0, 5, 400).astype(float)
    for block, most in ((64, 1), (64, 7), (800, 150), (10**6, 30)):
        monkeypatch.setattr(engine, "BLOCK", block)
        problem = Case("l1", {"input": many, "target": np.zeros(400)}).problem()
        expected = np.argsort(-many, kind="stable")[:most]
        assert problem.largest(most) == [(i,) for i in expected]
        assert problem.value() == many.mean()


# ---- what it refuses


X23, LABELS = np.zeros((2, 3)), np.array([0, 1])
REFUSED: list[tuple[str, dict[str, Any], type[LosscliError], tuple[str, ...]]] = [
    ("hubber", {}, UnknownLoss, ("'hubber'", "huber")),
    ("huber", {"input": [1.0]}, UsageError, ("huber", "target", "must be given")),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "var": [1.0]},
        UsageError,
        ("huber", "'var'", "delta"),
    ),
    ("huber", {"input": X23, "target": np.zeros(2)}, ShapeError, ("huber", "(2, 3)", "(2,)")),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "delta": 0.0},
        RangeError,
        ("huber", "delta is 0.0", "above 0"),
    ),
    ("huber", {"input": [1.0], "target": [1.0], "delta": math.nan}, RangeError, ("delta is nan",)),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "delta": "x"},
        KindError,
        ("delta", "'x'", "a number"),
    ),
    ("huber", {"input": [1.0], "target": [1.0], "delta": True}, KindError, ("delta", "True")),
    (
        "huber",
        {"input": [[1.0], [1.0, 2.0]], "target": 0},
        ShapeError,
        ("huber", "input", "different lengths"),
    ),
    ("huber", {"input": ["a"], "target": [1.0]}, KindError, ("huber", "input", "words")),
    ("huber", {"input": [True], "target": [1.0]}, KindError, ("huber", "input", "booleans")),
    (
        "huber",
        {"input": np.ma.array([1.0, 2.0], mask=[False, True]), "target": [1.0, 2.0]},
        KindError,
        ("huber", "input", "masked"),
    ),
    ("bce", {"input": [0.5], "target": [True]}, KindError, ("bce", "target", "booleans")),
    ("huber", {"input": [1j], "target": [1.0]}, KindError, ("huber", "input", "complex")),
    *(
        (
            "huber",
            {"input": [1.0], "target": [1.0], name: np.zeros((30, 30))},
            error,
            (name, "ndarray"),
        )
        for name, error in [
            ("delta", KindError),
            ("reduction", UsageError),
            ("dtype", UsageError),
            ("threads", KindError),
            ("size_average", KindError),
        ]
    ),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "threads": 10**400},
        UsageError,
        ("threads", "below a billion"),
    ),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "reduction": "median"},
        UsageError,
        ("huber", "'median'", "mean"),
    ),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "reduction": "batchmean"},
        UsageError,
        ("batchmean",),
    ),
    (
        "huber",
        {"input": [1.0], "target": [1.0], "dtype": "float16"},
        UsageError,
        ("float16", "float32"),
    ),
    ("huber", {"input": [1.0], "target": [1.0], "threads": 0}, UsageError, ("threads is 0",)),
    ("l1", {"input": ["a"], "target": [1.0]}, KindError, ("l1", "input", "words")),
    ("l1", {"input": X23, "target": np.zeros((3, 2))}, ShapeError, ("l1", "(2, 3)", "(3, 2)")),
    ("mse", {"input": X23, "target": np.zeros((3, 2))}, ShapeError, ("mse", "(2, 3)", "(3, 2)")),
    (
        "poisson-nll",
        {"input": X23, "target": np.zeros((3, 2))},
        ShapeError,
        ("poisson-nll", "(2, 3)", "(3, 2)"),
    ),
    (
        "kl-div",
        {"input": [1.0], "target": [1.0], "log_target": 1},
        KindError,
        ("kl-div", "log_target is 1", "true or false"),
    ),
    (
        "smooth-l1",
        {"input": [1.0], "target": [1.0], "beta": -1.0},
        RangeError,
        ("smooth-l1", "beta is -1.0", "at least 0"),
    ),
    (
        "gaussian-nll",
        {"input": [1.0, 1.0], "target": [0.0, 0.0], "var": [1.0, -2.0]},
        RangeError,
        ("gaussian-nll", "var[1]", "-2.0"),
    ),
    (
        "gaussian-nll",
        {"input": X23, "target": X23, "var": np.ones(3)},
        ShapeError,
        ("gaussian-nll", "(3,)", "(2, 3)"),
    ),
    (
        "gaussian-nll",
        {"input": [1.0], "target": [0.0], "var": [1.0], "full": 1},
        KindError,
        ("full", "true or false"),
    ),
    (
        "gaussian-nll",
        {"input": [1.0], "target": [0.0], "var": [1.0], "eps": -1.0},
        RangeError,
        ("eps", "at least 0"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": [0, 3]},
        RangeError,
        ("cross-entropy", "target[1] is 3", "3 classes", "0 to 2"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": [0, -1]},
        RangeError,
        ("target[1] is -1", "ignore_index"),
    ),
    ("cross-entropy", {"input": X23, "target": [1, 3]}, RangeError, ("subtract 1",)),
    (
        "cross-entropy",
        {"input": X23, "target": [0.0, 1.0]},
        KindError,
        ("cross-entropy", "target", "(2,)"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": X23.astype(int)},
        KindError,
        ("cross-entropy", "(2, 3)"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": [[0], [1]]},
        ShapeError,
        ("(2, 1)", "Drop the last axis"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": LABELS, "weight": [1.0, 1.0]},
        ShapeError,
        ("weight", "(2,)", "C = 3"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": LABELS, "label_smoothing": 1.5},
        RangeError,
        ("label_smoothing", "1.5"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": X23, "ignore_index": 1},
        UsageError,
        ("ignore_index", "probabilities"),
    ),
    (
        "cross-entropy",
        {"input": X23, "target": LABELS, "ignore_index": 0.5},
        KindError,
        ("ignore_index", "whole"),
    ),
    ("cross-entropy", {"input": 1.0, "target": 0}, ShapeError, ("cross-entropy", "input")),
    (
        "bce",
        {"input": [[0.5], [1.3]], "target": [[1.0], [0.0]]},
        RangeError,
        ("bce: input[1, 0] is 1.3, outside [0, 1]", "bce-with-logits"),
    ),
    ("bce", {"input": [math.nan], "target": [1.0]}, RangeError, ("input[0] is nan",)),
    ("bce", {"input": [0.5, 0.5], "target": [1.0, 2.0]}, RangeError, ("target[1] is 2.0",)),
    ("nll", {"input": X23, "target": [0, 3]}, RangeError, ("nll: target[1] is 3", "3 classes")),
    ("nll", {"input": X23, "target": [[0], [1]]}, ShapeError, ("(2, 1)", "Drop the last axis")),
    ("nll", {"input": X23, "target": [0.0, 1.0]}, KindError, ("nll: target", "class indices")),
    ("nll", {"input": X23, "target": [0, 1], "weight": [1.0]}, ShapeError, ("weight", "(1,)")),
    ("soft-margin", {"input": np.zeros((3, 1)), "target": np.ones(3)}, ShapeError, ("(3, 1)",)),
    ("multi-margin", {"input": X23, "target": [0, 1], "p": 3}, RangeError, ("p is 3", "1, 2")),
    ("multi-margin", {"input": X23, "target": [0, -1]}, RangeError, ("target[1] is -1",)),
    ("multi-margin", {"input": X23, "target": [0]}, ShapeError, ("(2, 3)", "(1,)", "(2,)")),
    ("multi-margin", {"input": np.zeros((0, 0)), "target": []}, KindError, ("class indices",)),
    (
        "multi-label-margin",
        {"input": X23, "target": [[0, -1, 2], [1, -1, -3]]},
        RangeError,
        ("target[1, 2] is -3", "only -1"),
    ),
    ("multi-label-margin", {"input": X23, "target": [0, 1]}, ShapeError, ("(2, 3)", "(2,)")),
    (
        "multi-label-soft-margin",
        {"input": np.zeros(()), "target": X23},
        ShapeError,
        ("input", "single number"),
    ),
    (
        "bce-with-logits",
        {"input": X23, "target": np.zeros(3)},
        ShapeError,
        ("bce-with-logits", "(2, 3)", "(3,)"),
    ),
    (
        "bce-with-logits",
        {"input": X23, "target": X23, "pos_weight": np.ones(2)},
        ShapeError,
        ("pos_weight", "(2,)"),
    ),
    (
        "triplet-margin",
        {"anchor": X23, "positive": X23, "negative": np.zeros(3)},
        ShapeError,
        ("triplet-margin", "negative", "(3,)"),
    ),
    (
        "triplet-margin",
        {"anchor": X23, "positive": X23, "negative": X23, "margin": 0},
        RangeError,
        ("margin", "above 0"),
    ),
    (
        "ctc",
        {
            "log_probs": np.zeros((2, 1, 3)),
            "targets": [[3]],
            "input_lengths": [2],
            "target_lengths": [1],
        },
        RangeError,
        ("ctc", "targets[0, 0] is 3", "3 classes"),
    ),
    (
        "ctc",
        {
            "log_probs": np.zeros((2, 1, 3)),
            "targets": [[1]],
            "input_lengths": [3],
            "target_lengths": [1],
        },
        RangeError,
        ("input_lengths[0] is 3", "log_probs has 2 frames"),
    ),
    (
        "ctc",
        {
            "log_probs": np.zeros((2, 1, 3)),
            "targets": [[1]],
            "input_lengths": [2],
            "target_lengths": [1],
            "blank": 3,
        },
        RangeError,
        ("blank is 3", "0 to 2"),
    ),
]


@pytest.mark.parametrize(("loss", "given_", "error", "words"), REFUSED)
def test_refused(
    loss: str, given_: dict[str, Any], error: type[LosscliError], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        losscli.compute(loss, **given_)
    assert type(caught.value) is error
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.endswith((".", "?"))
    assert "\n" not in message


@pytest.mark.parametrize("loss", NAMES)
def test_every_loss_refuses_something(loss: str) -> None:
    """A tensor that is missing, and one with a row too few, in sentences that name the loss."""
    with pytest.raises(UsageError, match=f"^{loss}: .* must be given"):
        losscli.compute(loss)
    second = [name for name, one in load(loss).tensors.items() if one.required][1]
    whole = [case for case in many(loss) if second in with_all_rows(case)[1:]]
    assert whole
    for case in whole:
        with pytest.raises(ShapeError, match=f"^{loss}: ") as caught:
            case.replace(**{second: case.tensors[second][:-1]}).compute()
        assert second in str(caught.value)


def with_all_rows(case: Case) -> list[str]:
    """The tensors that are not broadcast."""
    problem = case.problem()
    return [n for n, one in problem.laid.items() if one.rowless or one.rows == problem.rows]


@pytest.mark.parametrize("threads", [1, 3])
def test_positions_are_those_in_the_whole_tensor(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BLOCK", 8)
    x, y = np.zeros((30, 4, 5)), np.zeros((30, 5), int)
    y[23, 3] = 4
    with pytest.raises(RangeError, match=r"target\[23, 3\] is 4, but input has 4 classes"):
        losscli.compute("cross-entropy", input=x, target=y, threads=threads)
    var = np.ones((40, 3))
    var[37, 1] = -0.5
    with pytest.raises(RangeError, match=r"var\[37, 1\] is -0.5"):
        losscli.compute("gaussian-nll", input=np.zeros((40, 3)), target=np.zeros((40, 3)), var=var)
    with pytest.raises(RangeError, match=r"var\[37\] is -0.5"):
        losscli.grad(
            "gaussian-nll", input=np.zeros((40, 3)), target=np.zeros((40, 3)), var=var[:, 1]
        )


def test_gradients_that_do_not_exist() -> None:
    x, y = np.zeros((2, 3)), np.array([0, 1])
    with pytest.raises(UsageError, match="cross-entropy: target has no gradient here; .* input"):
        losscli.grad("cross-entropy", input=x, target=y, wrt=["target"])
    with pytest.raises(UsageError, match="weight was not given"):
        losscli.grad("cross-entropy", input=x, target=x, wrt=["weight"])
    with pytest.raises(ShapeError, match=r"grad_output has shape \(3,\); expected \(2,\)"):
        losscli.grad("cross-entropy", input=x, target=y, reduction="none", grad_output=np.ones(3))
    with pytest.raises(KindError, match="grad_output"):
        losscli.grad("cross-entropy", input=x, target=y, grad_output="big")


HUBER = {"input": [1.0, 2.0], "target": [0, 0]}
CTC = {"log_probs": np.zeros((3, 1, 3)), "targets": ["a"]}
OF_ANOTHER_KIND: list[tuple[Any, Any, dict[str, Any], type[LosscliError], str]] = [
    (losscli.compute, None, {}, KindError, "None is not a loss"),
    (losscli.compute, ["huber"], HUBER, KindError, r"\['huber'\] is not a loss"),
    (losscli.compute, "huber", {**HUBER, "threads": "2"}, KindError, "threads is '2'"),
    (losscli.compute, "huber", {**HUBER, "threads": 1.5}, KindError, "threads is 1.5"),
    (losscli.compute, "huber", {**HUBER, "threads": True}, KindError, "threads is True"),
    (losscli.compute, "huber", {**HUBER, "threads": 0}, UsageError, "threads is 0; at least 1"),
    (losscli.compute, "huber", {**HUBER, "size_average": 0}, KindError, "size_average is 0"),
    (losscli.compute, "huber", {**HUBER, "reduce": "no"}, KindError, "reduce is 'no'"),
    (losscli.compute, "ctc", {**CTC, "alphabet": 3}, KindError, "alphabet is 3"),
    (
        losscli.compute,
        "ctc",
        {"log_probs": [[[1], [2, 3]]], "targets": ["a"], "alphabet": "-a"},
        ShapeError,
        "log_probs is a list whose rows",
    ),
    (
        losscli.grad,
        "huber",
        {**HUBER, "reduction": "none", "grad_output": [[1], [2, 3]]},
        ShapeError,
        "grad_output is a list whose rows have different lengths",
    ),
    (losscli.grad, "huber", {**HUBER, "wrt": 3}, KindError, "wrt is 3"),
    (losscli.value_and_grad, "huber", {**HUBER, "wrt": [["input"]]}, KindError, "wrt is"),
    (losscli.explain, "huber", {**HUBER, "rows": ["a"]}, KindError, "rows has 'a'"),
    (losscli.explain, "huber", {**HUBER, "rows": [(0, "a")]}, KindError, r"rows has \(0, 'a'\)"),
    (losscli.explain, "huber", {**HUBER, "rows": [True]}, KindError, "rows has True"),
    (losscli.explain, "huber", {**HUBER, "rows": 3}, KindError, "rows is 3"),
    (losscli.explain, "huber", {**HUBER, "top": 1.5}, KindError, "top is 1.5"),
    (losscli.explain, "huber", {**HUBER, "top": 0}, UsageError, "top is 0; at least 1"),
    (losscli.explain, "huber", {**HUBER, "ids": 3}, KindError, "ids is 3"),
    (
        losscli.explain,
        "nll",
        {"input": [-1.0], "target": 0, "classes": 3},
        KindError,
        "classes is 3",
    ),
]


@pytest.mark.parametrize(("function", "loss", "given_", "error", "words"), OF_ANOTHER_KIND)
def test_arguments_of_another_kind_are_refused_in_a_sentence(
    function: Any, loss: Any, given_: dict[str, Any], error: type[LosscliError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        function(loss, **given_)
    assert type(caught.value) is error
    assert str(caught.value).endswith(".")


ONE = {"input": [0.5], "target": [0.0]}


@pytest.mark.parametrize(
    ("loss", "given_", "words"),
    [
        ("huber", {**ONE, "ids": ["a", "b"]}, "there are 2 ids, but 1 element."),
        ("huber", {**ONE, "rows": [1]}, "there is 1, counted from 0."),
        ("huber", {**ONE, "rows": [(0, 0)]}, "has 2 indices, but elements have 1 axis."),
        ("nll", {"input": [[-1.0]], "target": [1]}, "input has 1 class, 0 to 0."),
        ("ctc", {**CTC, "alphabet": "-"}, "has 1 character, but log_probs has 3 classes;"),
        (
            "ctc",
            {"log_probs": [[0.0]], "targets": [0], "input_lengths": 2, "target_lengths": 1},
            "input_lengths[0] is 2, but log_probs has 1 frame.",
        ),
    ],
)
def test_messages_count_one_as_one(loss: str, given_: dict[str, Any], words: str) -> None:
    with pytest.raises(LosscliError) as caught:
        losscli.explain(loss, **given_)
    assert words in str(caught.value)


@pytest.mark.parametrize("loss", ["bce", "bce-with-logits"])
@pytest.mark.parametrize(
    ("shapes", "advice"),
    [
        (((3, 1), (3,)), "Reshape target to (3, 1)."),
        (((3,), (1, 3)), "Reshape target to (3,)."),
        (((1,), ()), "Reshape target to (1,)."),
        (((1, 2), ()), "must be equal."),
        (((2,), (3,)), "must be equal."),
        (((3,), (3,), (2, 3)), "does not broadcast to (3,), the shape of the terms."),
    ],
)
def test_only_a_reshape_that_is_possible_is_advised(
    loss: str, shapes: Sequence[tuple[int, ...]], advice: str
) -> None:
    names = ("input", "target", "weight")
    with pytest.raises(ShapeError) as caught:
        losscli.compute(
            loss, **{n: np.ones(shape) for n, shape in zip(names, shapes, strict=False)}
        )
    assert str(caught.value).endswith(advice)


def test_numpy_integers_choose_rows() -> None:
    asked: list[dict[str, Any]] = [
        {"rows": np.array([1])},
        {"rows": [np.int64(1)]},
        {"top": np.int8(1)},
    ]
    for given_ in asked:
        assert losscli.explain("huber", **HUBER, **given_).rows == ((1,),)


@pytest.mark.parametrize(
    "nonsense", ["0", "-1", "two", "1.5", " ", pytest.param("9" * 5000, id="long")]
)
def test_threads_from_the_environment(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSCLI_THREADS", nonsense)
    with pytest.raises(
        UsageError, match=f"LOSSCLI_THREADS is '{nonsense}'; expected a whole number"
    ):
        losscli.compute("huber", input=[1.0], target=[0.0])
    assert losscli.compute("huber", input=[1.0], target=[0.0], threads=1) == 0.5
    monkeypatch.setenv("LOSSCLI_THREADS", "3")
    assert blocks.default_threads() == 3
    monkeypatch.delenv("LOSSCLI_THREADS")
    assert blocks.default_threads() >= 1


@pytest.mark.parametrize(("cores", "threads"), [(7, 7), (None, 1)])
def test_threads_where_the_system_does_not_say_which_cores(
    cores: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOSSCLI_THREADS", raising=False)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert blocks.default_threads() == threads


@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=30)
@given(data=st.data())
def test_float32_is_near_float64(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, "ordinary", np.float32), label="case")
    single, double = case.compute(), case.compute(dtype="float64")
    assert single.dtype == np.float32 and double.dtype == np.float64
    size = np.abs(double[np.isfinite(double)]).max(initial=1)
    assert np.allclose(single, double, rtol=1e-4, atol=1e-5 * size, equal_nan=True)


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
@settings(max_examples=20)
def test_value_and_gradient_in_one_pass_are_those_of_two(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss))
    settled = {**case.tensors, **case.options, "reduction": case.reduction}
    value, gradients = losscli.value_and_grad(loss, **settled)
    assert value.tobytes() == losscli.compute(loss, **settled).tobytes()
    expected = losscli.grad(loss, **settled)
    assert {n: g.tobytes() for n, g in gradients.items()} == {
        n: g.tobytes() for n, g in expected.items()
    }
