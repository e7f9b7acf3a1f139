"""Against PyTorch itself, where it is installed: hundreds of random calls of every loss.

LOSSCLI_REQUIRE_TORCH=1 makes a missing PyTorch a failure. What losscli does otherwise on purpose is
listed in DEVIATIONS, by name and with the reason.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import NUMBERS, Case, any_shapes, apart, cases, examples

from losscli import KindError, LosscliError
from losscli.losses import NAMES

if os.environ.get("LOSSCLI_REQUIRE_TORCH") == "1":
    assert importlib.util.find_spec("torch"), "LOSSCLI_REQUIRE_TORCH is set, but there is no torch"
torch = pytest.importorskip("torch")

from golden.make import INF, NAN, REFUSED, TERMS, answer, of_pytorch  # noqa: E402

TORCH = [loss for loss in NAMES if loss not in TERMS]  # the others have golden cases only


def finite_truth(case: Case) -> bool:
    """Sums of powers overflow in PyTorch where norm and cosine do not; losscli has these."""
    if case.loss == "cosine-embedding":  # four factors under a root
        return largest(case) > (1e70 if double(case) else 1e9)
    triplets = case.loss.startswith("triplet-margin")
    return triplets and largest(case) > (1e90 if double(case) else 1e10)


def square_beside_variance(case: Case) -> bool:
    """The squared residual overflows in PyTorch where the variance makes it finite."""
    return case.loss == "gaussian-nll" and largest(case) > (1e150 if double(case) else 1e18)


def small_beside_overflow(case: Case) -> bool:
    """exp(target) overflows in PyTorch where exp(target) * (target - input) does not."""
    if case.loss != "kl-div" or not case.options.get("log_target"):
        return False
    with np.errstate(all="ignore"):
        small = np.abs(case.tensors["target"] - case.tensors["input"]) < 1
    return bool((small & (case.tensors["target"] > (700 if double(case) else 80))).any())


def infinite_complex_target(case: Case) -> bool:
    """PyTorch subtracts (1 + 0i) target, where an infinity in one part makes the other nan."""
    if case.loss != "l1" or not any(map(np.iscomplexobj, case.tensors.values())):
        return False
    return not np.isfinite(case.tensors["target"]).all()


def complex_next_to_0(case: Case) -> bool:
    """PyTorch divides by way of 1 / |z|, which overflows."""
    if case.loss != "l1" or not any(map(np.iscomplexobj, case.tensors.values())):
        return False
    with np.errstate(all="ignore"):
        length = np.abs(case.tensors["input"] - case.tensors["target"])
    return bool(((length > 0) & (length < (1e-300 if double(case) else 1e-36))).any())


def lost_digits(case: Case) -> bool:
    """Of log-probabilities like -1e300, PyTorch's occupancies do not add up to 1; losscli's do."""
    return case.loss == "ctc" and largest(case) > 1e10


def no_terms(case: Case) -> bool:
    """PyTorch differentiates the norm of a vector also where there is none beside it, as in triplets
    with swap and without an anchor, and makes nan of infinities."""
    losses = ("triplet-margin", "triplet-margin-with-distance", "cosine-embedding")
    return case.loss in losses and not all(a.size for a in case.tensors.values())


def sum_before_product(case: Case) -> bool:
    """PyTorch adds up the copies of a broadcast tensor, then multiplies: inf times 0, or inf - inf."""
    tensors, options = case.tensors, case.problem().options
    with np.errstate(all="ignore"):
        if case.loss == "kl-div":
            of_target = np.exp if options["log_target"] else np.log
            factors = {"target": of_target(tensors["target"])}
        elif case.loss == "poisson-nll":
            x, eps = tensors["input"], options["eps"]
            factors = {"input": np.exp(x) if options["log_input"] else 1 / (x + eps)}
            factors["target"] = np.log(tensors["target"])
        else:
            return False
    rows = case.problem().rows
    return any(f.shape != rows and not np.isfinite(f).all() for f in factors.values())


def infinite_target(case: Case) -> bool:
    """Infinite targets: inf - inf or not depends on the order in which PyTorch adds."""
    return case.loss == "bce-with-logits" and bool(np.isinf(case.tensors["target"]).any())


def ends_in_blank(case: Case) -> bool:
    """PyTorch's gradient overwrites a cell where the last label of a target is the blank index."""
    if case.loss != "ctc":
        return False
    problem = case.problem()
    targets, lengths = (
        problem.laid[name].array.reshape(problem.count, -1)
        for name in ("targets", "target_lengths")
    )
    labelled = lengths[:, 0] > 0
    last = np.take_along_axis(targets[labelled], lengths[labelled] - 1, 1)
    return bool((last == problem.options["blank"]).any())


def exp_overflows(case: Case) -> bool:
    """soft-margin's exp(-target * input) overflows in PyTorch; the loss itself does not."""
    if case.loss != "soft-margin":
        return False
    with np.errstate(all="ignore"):
        m = case.tensors["input"] * case.tensors["target"]
    return bool((m < (-709 if double(case) else -88)).any())


def no_rows(case: Case) -> bool:
    """Of no rows, PyTorch's margin losses return what lies in memory."""
    margins = case.loss in ("multi-margin", "multi-label-margin")
    return margins and not case.tensors["input"].size and case.reduction != "none"


VALUE_DEVIATIONS: tuple[Callable[[Case], bool], ...] = (
    finite_truth,
    small_beside_overflow,
    square_beside_variance,
    infinite_complex_target,
    exp_overflows,
    no_rows,
    infinite_target,
)
GRADIENT_DEVIATIONS = (
    *VALUE_DEVIATIONS,
    ends_in_blank,
    lost_digits,
    no_terms,
    sum_before_product,
    complex_next_to_0,
)


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("loss", TORCH)
@given(data=st.data())
def test_as_pytorch(loss: str, kind: str, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["float64", "float32"]), label="dtype")
    case = data.draw(cases(loss, kind, dtype), label="case")
    compare(case, data)


@pytest.mark.parametrize("loss", TORCH)
@settings(max_examples=max(150, settings().max_examples))
@given(data=st.data())
def test_refuses_what_pytorch_refuses(loss: str, data: st.DataObject) -> None:
    case = data.draw(any_shapes(loss), label="case")
    compare(case, data)


def compare(case: Case, data: st.DataObject) -> None:
    """The same value and the same gradients, or both refuse."""
    above = None
    if case.reduction == "none" and data.draw(st.booleans(), label="with grad_output"):
        with contextlib.suppress(LosscliError):
            above = np.resize([1.0, -0.5, 2.0], np.shape(case.compute()))
    try:
        value, gradients = answer(case.loss, case.tensors, case.options, case.reduction, above)
    except REFUSED as error:
        with pytest.raises(LosscliError):
            print(case.compute(), "but PyTorch:", error)
        return
    ours = case.compute()
    assume(not any(deviates(case) for deviates in VALUE_DEVIATIONS))
    dtype = ours.dtype
    tolerance = {"float64": 1e-11, "float32": 3e-5}[str(dtype)]
    # Where large numbers cancel, both are right to a few units in the last place of the largest.
    floor = 32 * np.finfo(dtype).eps * largest(case)
    assert not apart(ours, value, tolerance, floor * max(1, np.size(value)))
    assume(not any(deviates(case) for deviates in GRADIENT_DEVIATIONS))
    found = case.grad(grad_output=above)
    assert set(found) == set(gradients)
    for name, gradient in gradients.items():
        slopes = floor / shortest(case, name)
        assert not apart(found[name], gradient, tolerance, slopes), name


def test_swap_of_narrow_tensors() -> None:
    tensors = {"anchor": np.zeros(3), "positive": np.array([0.7]), "negative": np.array([2.0])}
    case = Case("triplet-margin", tensors, {"swap": True})
    _, expected = answer(case.loss, case.tensors, case.options, "mean")
    for name, found in case.grad().items():
        assert not apart(found, expected[name], 1e-11), name


def as_pytorch(case: Case) -> None:
    """The same value and gradients, NaN and infinities in the same places."""
    value, gradients = answer(case.loss, case.tensors, case.options, case.reduction)
    assert not apart(case.compute(), value, 1e-11)
    found = case.grad()
    for name, gradient in gradients.items():
        assert not apart(found[name], gradient, 1e-11), name


@pytest.mark.parametrize("loss, option", [("smooth-l1", "beta"), ("huber", "delta")])
def test_infinite_corner(loss: str, option: str) -> None:
    x = np.array([INF, -INF, NAN, 1.0, -3.0, 0.0, -0.0, 1e150])
    tensors = {"input": x, "target": np.zeros_like(x)}
    as_pytorch(Case(loss, tensors, {option: INF}, "none"))


SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (3, 1), (1, 3), (3, 2, 3), (0, 3)]


@pytest.mark.parametrize("weight", [None, *SHAPES])
@pytest.mark.parametrize("target", SHAPES)
@pytest.mark.parametrize("input", SHAPES)
def test_axes_of_multi_label_soft_margin(
    input: tuple[int, ...], target: tuple[int, ...], weight: tuple[int, ...] | None
) -> None:
    """The class axis is counted from the front, and the tensors are aligned at their ends."""
    shapes = {"input": input, "target": target} | ({"weight": weight} if weight is not None else {})
    tensors = {
        name: np.sin(np.arange(float(np.prod(shape, dtype=int))) + len(name)).reshape(shape)
        for name, shape in shapes.items()
    }
    for reduction in ("none",) if weight else ("none", "mean", "sum"):
        case = Case("multi-label-soft-margin", tensors, {}, reduction)
        try:
            answer(case.loss, case.tensors, case.options, reduction)
        except REFUSED:
            with pytest.raises(LosscliError):
                case.compute()
        else:
            as_pytorch(case)


@pytest.mark.parametrize("beta", [1e-300, 1e-60, 1e60, 1e300])
def test_beta_beyond_float32(beta: float) -> None:
    x = np.array([0.5, -3.0, 1e-40, 1e18, NAN, INF, -INF], np.float32)
    as_pytorch(Case("smooth-l1", {"input": x, "target": np.zeros_like(x)}, {"beta": beta}, "none"))
    zero = Case("smooth-l1", {"input": x[:1], "target": x[:1]}, {"beta": beta}, "none")
    assert zero.compute() == zero.grad()["input"] == 0


def test_gradient_near_the_largest_float() -> None:
    """Twice a difference, or a quotient, may overflow where the gradient does not."""
    tensors = {"input": np.array([[-0.7e308, 0.9e308, -1e308]]), "target": np.array([0])}
    gradients = answer("multi-margin", tensors, {"p": 2}, "sum")[1]
    found = Case("multi-margin", tensors, {"p": 2}, "sum").grad()
    assert np.isfinite(found["input"]).all()
    assert not apart(found["input"], gradients["input"], 1e-11)
    tensors = {"input": np.full(8, -1e308), "target": np.full(8, 0.7)}
    as_pytorch(Case("kl-div", tensors, {"log_target": True}, "mean"))
    tensors = {"input": np.full(4, 0.25), "target": np.array([1e308, 1.0, 2.0, 0.0])}
    for full in (False, True):
        options = {"log_input": False, "full": full}
        gradients = answer("poisson-nll", tensors, options, "mean")[1]
        found = Case("poisson-nll", tensors, options).grad()
        assert not apart(found["input"], gradients["input"], 1e-11)


@pytest.mark.parametrize("loss", ["nll", "cross-entropy"])
def test_index_of_one_row_in_brackets(loss: str) -> None:
    """PyTorch has a value, but its derivative fails."""
    tensors = {"input": np.array([0.5, -1.0, 2.0]), "target": np.array([1])}
    with pytest.raises(RuntimeError, match="size mismatch"):
        answer(loss, tensors, {}, "mean")
    with pytest.raises(LosscliError, match="expected class indices of shape"):
        Case(loss, tensors).compute()


@pytest.mark.parametrize("p", [0.5, 0.25])
def test_zero_beside_infinity(p: float) -> None:
    numbers = np.array([[INF, 0.0], [NAN, 0.0], [1.0, 0.0], [0.0, 0.0], [-INF, 2.0]])
    tensors = {"anchor": numbers, "positive": np.ones((5, 2)), "negative": np.zeros((5, 2))}
    as_pytorch(Case("triplet-margin", tensors, {"p": p, "eps": 0.0}, "none"))
    tensors["positive"] = np.zeros((5, 2))
    as_pytorch(Case("triplet-margin", tensors, {"p": p, "eps": 0.0}, "none"))


@pytest.mark.parametrize("shape", [(2,), (2, 1), (1, 2), (2, 1, 1)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_lengths_of_any_shape(shape: tuple[int, ...], reduction: str) -> None:
    log_probs = np.log(np.full((4, 2, 3), 1 / 3)) + np.arange(24.0).reshape(4, 2, 3) / 100
    tensors = {"log_probs": log_probs, "targets": np.array([[2, 1], [1, 0]])}
    lengths = {"input_lengths": np.array([4, 3]), "target_lengths": np.array([2, 1])}
    given_ = tensors | {name: array.reshape(shape) for name, array in lengths.items()}
    as_pytorch(Case("ctc", given_, {}, reduction))


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_blank_as_last_label(blank: int) -> None:
    """Of softmax less occupancy each frame adds up to 0, but not so in PyTorch's last frame."""
    scores = np.arange(12.0).reshape(4, 1, 3) % 5
    log_probs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    tensors = {"log_probs": log_probs, "targets": np.array([[(blank + 1) % 3, blank]])}
    lengths = {"input_lengths": np.array([4]), "target_lengths": np.array([2])}
    case = Case("ctc", tensors | lengths, {"blank": blank}, "sum")
    assert ends_in_blank(case)
    value, gradients = answer(case.loss, case.tensors, case.options, case.reduction)
    assert not apart(case.compute(), value, 1e-11)
    ours, theirs = case.grad()["log_probs"], gradients["log_probs"]
    assert not apart(ours[:-1], theirs[:-1], 1e-11)
    assert np.allclose(ours.sum(-1), 0, atol=1e-14)
    assert abs(theirs[-1].sum()) > 0.01


BOOLEAN_INDICES = {("ctc", "targets")}  # which PyTorch takes; here they are a mistake


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("loss", TORCH)
def test_booleans_are_taken_where_pytorch_takes_them(loss: str) -> None:
    case = examples(loss)[0]
    for name, array in case.tensors.items():
        tensors = case.tensors | {name: np.asarray(np.abs(array) > 0.5)}
        boolean = Case(loss, tensors, {}, "mean")
        given = {n: torch.tensor(np.asarray(a)) for n, a in tensors.items()}
        try:
            theirs = of_pytorch(loss)(**given).numpy()
        except RuntimeError:
            theirs = None
        if theirs is None or (loss, name) in BOOLEAN_INDICES:
            with pytest.raises(KindError, match="booleans"):
                boolean.compute()
        else:
            np.testing.assert_allclose(boolean.compute(), theirs, 1e-6, 1e-12, err_msg=name)


@pytest.mark.parametrize("special", [NAN, INF])
@pytest.mark.parametrize("blank", [0, 3])
def test_class_that_is_no_label_of_a_sample(blank: int, special: float) -> None:
    """What it holds stays in its own cell, also if class 0 stands in the padding."""
    log_probs = np.full((4, 2, 4), -1.0)
    log_probs[1, :, 3 - blank] = special
    tensors = {"log_probs": log_probs, "targets": np.array([[2, 1], [0, 0]])}
    lengths = {"input_lengths": np.array([4, 3]), "target_lengths": np.array([2, 0])}
    as_pytorch(Case("ctc", tensors | lengths, {"blank": blank}, "none"))


@pytest.mark.parametrize("weight", [[INF, 2.0, 3.0], [-INF, INF, NAN], [NAN, NAN, NAN]])
@pytest.mark.parametrize("p", [1, 2])
def test_infinite_class_weight(p: int, weight: list[float]) -> None:
    x = np.array([[0.0, 1.0, 2.0], [5.0, 1.0, 2.0], [0.0, 0.0, 0.0], [3.0, -1.0, 1.0], [NAN, 1, 2]])
    tensors = {"input": x, "target": np.array([0, 0, 1, 2, 0]), "weight": np.array(weight)}
    for reduction in ("none", "mean"):
        as_pytorch(Case("multi-margin", tensors, {"p": p}, reduction))


@pytest.mark.parametrize("smoothing", [0.1, 1.0])
@pytest.mark.parametrize("target", [[1], [1, 1], [1, -100], [-100], [-100, -100]])
def test_smoothing_without_weight(target: list[int], smoothing: float) -> None:
    rows = np.arange(2.0 * len(target)).reshape(-1, 2)
    tensors = {"input": rows, "target": np.array(target), "weight": np.array([1.0, 0.0])}
    options = {"label_smoothing": smoothing}
    for reduction in ("mean", "sum", "none"):
        as_pytorch(Case("cross-entropy", tensors, options, reduction))


def double(case: Case) -> bool:
    """Whether it is computed in float64."""
    return case.problem().dtype == np.float64


def shortest(case: Case, name: str) -> float:
    """The norm of the shortest vector, if below 1: a direction changes by one over that.

    Of gaussian-nll's variance the least: it divides 1 - r^2 / v, which may cancel.
    """
    if name == "var":
        least = np.fmin.reduce(np.asarray(case.tensors["var"], float), axis=None, initial=1)
        return float(max(least, case.options.get("eps", 1e-6)))
    if case.loss != "cosine-embedding" and case.options.get("distance") != "cosine":
        return 1.0
    vectors = [array for name, array in case.tensors.items() if name != "target"]
    norms = [np.sqrt((np.clip(a, -1, 1) ** 2).sum(-1) + 1e-12) for a in vectors]
    return float(min(np.fmin.reduce(norm, axis=None, initial=1) for norm in norms))


def largest(case: Case) -> float:
    """The largest finite number in the tensors."""
    found = [1.0]
    for array in case.tensors.values():
        a = np.abs(array).astype(float)
        found.append(float(a[np.isfinite(a)].max(initial=0)))
    return max(found)
