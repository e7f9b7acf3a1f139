"""Accuracy against 50-digit arithmetic, in units in the last place (ulp) of float64."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from strategies import examples

import losscli
from losscli import engine
from losscli.formula import evaluate
from losscli.losses import NAMES, load

mpmath.mp.dps = 50
Truth = Any  # an mpf


def ulps(found: float, truth: Truth, scale: Truth = 0) -> float:
    """How far a result is off, in ulp of the truth, or of `scale` where that is larger."""
    assert isfinite(found)
    size = max(abs(float(truth)), abs(float(scale)))
    return float(abs(mpf(float(found)) - truth) / mpf(float(np.spacing(size))))


def softplus(x: Truth) -> Truth:
    return mpmath.log1p(mpmath.exp(x))


def huber(x: float, y: float, delta: float = 1.0) -> Truth:
    a = abs(mpf(x) - mpf(y))
    return a * a / 2 if a <= delta else delta * (a - mpf(delta) / 2)


def smooth_l1(x: float, y: float, beta: float = 1.0) -> Truth:
    a = abs(mpf(x) - mpf(y))
    return a * a / (2 * mpf(beta)) if a < beta else a - mpf(beta) / 2


def bce_with_logits(x: float, y: float) -> Truth:
    return mpf(y) * softplus(-mpf(x)) + (1 - mpf(y)) * softplus(mpf(x))


def cross_entropy(row: list[float], target: int) -> Truth:
    others = row[:target] + row[target + 1 :]
    return mpmath.log1p(mpmath.fsum(mpmath.exp(mpf(x) - mpf(row[target])) for x in others))


def softmax(row: list[float]) -> list[Truth]:
    total = mpmath.fsum(mpmath.exp(mpf(x)) for x in row)
    return [mpmath.exp(mpf(x)) / total for x in row]


rng = np.random.default_rng(8)
PAIRS = [(float(x), float(y)) for x, y in rng.normal(0, 2, (60, 2))]
PAIRS += [
    (float(x), float(y))
    for x, y in rng.normal(0, 1, (20, 2)) * 10.0 ** rng.integers(-150, 150, (20, 1))
]
LOGITS = [*map(float, rng.normal(0, 5, 60)), 0.0, 700.0, -700.0, 1e4, -1e4, 1e-10, -30.0, 30.0]
ROWS = [list(map(float, row)) for row in rng.normal(0, 3, (60, 5))]
ROWS += [[700.0, -700.0], [-700.0, 700.0], [1e4, -1e4, 0.0], [-1e4, -1e4], [700.0, 699.0, 698.5]]
ROWS += [[1e6, 1e6 + 1e-3], [1e6 + 1e-3, 1e6, 1e6 - 1e-3], [-1e6, -1e6 - 1e-3]]
CONFIDENT = [
    [40.0, 0.0, 0.0],
    [100.0, 0.0],
    [0.0, 300.0, 1.0],
    [740.0, 0.0],
    [37.0, 0.0, -5.0, 2.0],
]


@pytest.mark.parametrize("delta", [1.0, 0.3, 1e5])
def test_huber(delta: float) -> None:
    x, y = np.transpose(PAIRS)
    found = losscli.compute("huber", input=x, target=y, delta=delta, reduction="none")
    for value, a, b in zip(found, x, y, strict=True):
        # the subtraction rounds once, and where it cancels it is exact
        assert ulps(value, huber(a, b, delta)) <= 4, (a, b)


@pytest.mark.parametrize("beta", [1.0, 0.3, 1e5, 0.0])
def test_smooth_l1(beta: float) -> None:
    x, y = np.transpose(PAIRS)
    found = losscli.compute("smooth-l1", input=x, target=y, beta=beta, reduction="none")
    for value, a, b in zip(found, x, y, strict=True):
        assert ulps(value, smooth_l1(a, b, beta)) <= 4, (a, b)


def test_l1() -> None:
    x, y = np.transpose(PAIRS)
    for value, a, b in zip(
        losscli.compute("l1", input=x, target=y, reduction="none"), x, y, strict=True
    ):
        assert ulps(value, abs(mpf(a) - mpf(b))) <= 4, (a, b)
    z = x + 1j * y[::-1]
    for value, a, b in zip(
        losscli.compute("l1", input=z, target=y, reduction="none"), z, y, strict=True
    ):
        assert ulps(value, abs(mpmath.mpc(complex(a)) - mpf(b))) <= 4, (a, b)


def test_mse() -> None:
    x, y = np.transpose(PAIRS)
    found = losscli.compute("mse", input=x, target=y, reduction="none")
    for value, a, b in zip(found, x, y, strict=True):
        assert ulps(value, (mpf(a) - mpf(b)) ** 2) <= 4, (a, b)


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3, 0.75])
def test_bce(y: float) -> None:
    near = [1e-3, 1e-10, 1e-16, 1e-40]
    inputs = [*map(float, rng.uniform(0, 1, 60)), 0.5, *near, 1 - 1e-3, 1 - 1e-10, 1 - 2**-53]
    target = np.full(len(inputs), y)
    found = losscli.compute("bce", input=inputs, target=target, reduction="none")
    slopes = losscli.grad("bce", input=inputs, target=target, reduction="none")["input"]
    for value, slope, x in zip(found, slopes, inputs, strict=True):
        yes, no = mpf(x), 1 - mpf(x)
        truth = -mpf(y) * mpmath.log(yes) - (1 - mpf(y)) * mpmath.log1p(-yes)
        assert ulps(value, truth) <= 4, x
        if yes * no > mpf("1e-12"):
            assert ulps(slope, (mpf(x) - mpf(y)) / (yes * no)) <= 4, x


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3, 0.75])
def test_bce_with_logits(y: float) -> None:
    found = losscli.compute(
        "bce-with-logits", input=LOGITS, target=np.full(len(LOGITS), y), reduction="none"
    )
    for value, x in zip(found, LOGITS, strict=True):
        assert ulps(value, bce_with_logits(x, y)) <= 4, x


@pytest.mark.parametrize(
    ("x", "y"), [(40.0, 1.0), (-40.0, 0.0), (700.0, 1.0), (36.5, 1.0), (-100.0, 0.0)]
)
def test_bce_with_logits_confident_and_right(x: float, y: float) -> None:
    value = losscli.compute("bce-with-logits", input=x, target=y)
    assert ulps(value, bce_with_logits(x, y)) <= 64
    (gradient,) = losscli.grad("bce-with-logits", input=[x], target=[y])["input"]
    miss = 1 / (1 + mpmath.exp(abs(mpf(x))))
    assert ulps(gradient, -miss if y else miss) <= 64


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
def test_multi_label_soft_margin(y: float) -> None:
    """One class a row: the same bounds as for bce-with-logits, confident and right ones too."""
    column = {"input": np.array(LOGITS)[:, None], "target": np.full((len(LOGITS), 1), y)}
    found = losscli.compute("multi-label-soft-margin", **column, reduction="none")
    for value, x in zip(found, LOGITS, strict=True):
        truth = bce_with_logits(x, y)
        assert truth < 1e-300 or ulps(value, truth) <= 4, x


@pytest.mark.parametrize("y", [1.0, -1.0])
def test_soft_margin(y: float) -> None:
    target = np.full(len(LOGITS), y)
    found = losscli.compute("soft-margin", input=LOGITS, target=target, reduction="none")
    slopes = losscli.grad("soft-margin", input=LOGITS, target=target, reduction="none")["input"]
    for value, slope, x in zip(found, slopes, LOGITS, strict=True):
        truth = softplus(-mpf(y) * mpf(x))
        if truth > 1e-300:
            assert ulps(value, truth) <= 4, x
            assert ulps(slope, -y / (1 + mpmath.exp(mpf(y) * mpf(x)))) <= 4, x
    wrong = np.array([-200.0], np.float32)
    assert losscli.compute("soft-margin", input=wrong, target=np.ones(1, np.float32)) == 200


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_cross_entropy(row: list[float]) -> None:
    for target in range(len(row)):
        truth = cross_entropy(row, target)
        if max(row) == row[target] and truth < 1e-3:
            continue  # confident and right: below
        value = losscli.compute("cross-entropy", input=[row], target=[target])
        assert ulps(value, truth) <= 4, target


def test_nll() -> None:
    """One product; the weight rounds it once."""
    for row in ROWS:
        for target in range(len(row)):
            weights = rng.uniform(0.1, 3, len(row))
            given: dict[str, Any] = {"input": [row], "target": [target], "reduction": "sum"}
            assert losscli.compute("nll", **given) == -row[target]
            value = losscli.compute("nll", **given, weight=weights)
            assert ulps(value, -mpf(float(weights[target])) * mpf(row[target])) <= 1


@pytest.mark.parametrize("row", CONFIDENT, ids=str)
def test_cross_entropy_confident_and_right(row: list[float]) -> None:
    target = int(np.argmax(row))
    value = losscli.compute("cross-entropy", input=[row], target=[target])
    assert ulps(value, cross_entropy(row, target)) <= 64
    (gradient,) = losscli.grad("cross-entropy", input=[row], target=[target])["input"]
    others = mpmath.fsum(p for c, p in enumerate(softmax(row)) if c != target)
    for c, (found, p) in enumerate(zip(gradient, softmax(row), strict=True)):
        assert ulps(found, -others if c == target else p) <= 64, c
    one_hot = np.eye(len(row))[target]
    soft = losscli.compute("cross-entropy", input=[row], target=[one_hot])
    assert ulps(soft, cross_entropy(row, target)) <= 64
    (again,) = losscli.grad("cross-entropy", input=[row], target=[one_hot])["input"]
    assert ulps(again[target], -others) <= 64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 20, 21, 22, 60, 62, 63, 88, 90, 110, 175, 177, 530, 710, 800])
def test_cross_entropy_where_exponentials_leave_their_range(size: float, dtype: type) -> None:
    """Rows that need no shift by the maximum and rows that do, side by side and alone."""
    scores = (np.random.default_rng(int(size)).uniform(-size, size, (40, 5))).astype(dtype)
    scores[:3] = [size, -size, -size, 0, 1], [-size] * 5, [size] * 5
    for target in range(5):
        targets = np.full(len(scores), target)
        given: dict[str, Any] = {"target": targets, "reduction": "none"}
        values = losscli.compute("cross-entropy", input=scores, **given)
        slopes = losscli.grad("cross-entropy", input=scores, wrt=["input"], **given)["input"]
        for row, value, slope in zip(scores, values, slopes, strict=True):
            alone = losscli.compute("cross-entropy", input=row, target=target)
            assert value == alone
            truth = cross_entropy(list(map(float, row)), target)
            if truth > np.finfo(dtype).tiny:
                most = 4 if truth > 1e-3 else 64
                assert abs(mpf(float(value)) - truth) <= most * float(np.spacing(dtype(truth)))
            for c, p in enumerate(softmax(list(map(float, row)))):
                if c != target and p > np.finfo(dtype).tiny / np.finfo(dtype).eps:
                    assert abs(mpf(float(slope[c])) - p) <= (6 + size) * float(np.spacing(dtype(p)))


@pytest.mark.parametrize("full", [False, True])
def test_gaussian_nll(full: bool) -> None:
    for (x, y), v in zip(PAIRS[:60], 10.0 ** rng.uniform(-5, 5, 60), strict=True):
        value = losscli.compute("gaussian-nll", input=x, target=y, var=v, full=full)
        parts = [mpmath.log(v) / 2, (mpf(x) - mpf(y)) ** 2 / (2 * mpf(v))]
        if full:
            parts.append(mpmath.log(2 * mpmath.pi) / 2)
        assert ulps(value, mpmath.fsum(parts), max(map(abs, parts))) <= 4


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e100, 1e200])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 40.0, inf])
def test_triplet_margin(p: float, scale: float) -> None:
    eps = 0.0
    triples = np.random.default_rng(4).normal(0, scale, (20, 3, 3))

    def distance(a: Any, b: Any) -> Truth:
        parts = [abs(mpf(float(x)) - mpf(float(y))) for x, y in zip(a, b, strict=True)]
        return max(parts) if p == inf else mpmath.fsum(z**p for z in parts) ** (1 / mpf(p))

    for a, b, c in triples:
        near, far = distance(a, b), distance(a, c)
        truth = max(mpf(0), 1 + near - far)
        value = losscli.compute("triplet-margin", anchor=a, positive=b, negative=c, p=p, eps=eps)
        assert ulps(value, truth, max(near, far, 1)) <= 4


def stirling(y: float) -> Truth:
    t = mpf(y)
    return t * mpmath.log(t) - t + mpmath.log(2 * mpmath.pi * t) / 2 if y > 1 else mpf(0)


@pytest.mark.parametrize("full", [False, True])
def test_poisson_nll(full: bool) -> None:
    for x, y in zip(
        rng.normal(1, 2, 60), [*rng.poisson(5, 40), *10.0 ** rng.uniform(0, 9, 20)], strict=True
    ):
        value = losscli.compute("poisson-nll", input=x, target=float(y), full=full)
        parts = [mpmath.exp(mpf(x)), -mpf(float(y)) * mpf(x)]
        if full and y > 1:
            parts += [float(y) * mpmath.log(float(y)), -float(y)]
        truth = mpmath.fsum(parts[:2]) + full * stirling(float(y))
        assert ulps(value, truth, max(map(abs, parts))) <= 4, (x, y)


@pytest.mark.parametrize("log_input", [True, False])
@pytest.mark.parametrize(
    ("dtype", "y"), [("float64", 1e306), ("float64", 6e307), ("float32", 1e37)]
)
def test_poisson_nll_of_huge_counts(dtype: Any, y: float, log_input: bool) -> None:
    """y ln y and y x overflow, their difference does not."""
    counts = np.array([y, 0.5], dtype)
    logs = np.array([np.log(y), np.log(y) - 1, 0.25], dtype)[:, None]
    found = losscli.compute(
        "poisson-nll",
        input=logs if log_input else np.exp(logs),
        target=counts,
        log_input=log_input,
        full=True,
        eps=0.0,
        reduction="none",
    )
    assert found.dtype == dtype
    for row, x in zip(found, logs[:, 0], strict=True):
        for value, count in zip(row, counts, strict=True):
            t, rate = mpf(float(count)), mpmath.exp(mpf(float(x)))
            truth = rate - t * mpf(float(x)) + stirling(float(count))
            if abs(truth) > np.finfo(dtype).max:
                assert np.isposinf(value)
            else:  # the logarithm of so large a number is known to 64 ulp of 1
                error = abs(mpf(float(value)) - truth)
                assert error <= 256 * np.finfo(dtype).eps * max(rate, t), (x, count)


@pytest.mark.parametrize("eps", [1e-8, 0.1, 0.11, 0.25, 1.0, 1e-300])
@pytest.mark.parametrize("y", [0.0, 2.0, 1e3, 1e6])
def test_poisson_nll_of_rates(y: float, eps: float) -> None:
    """Around 1 the logarithm is as small as the rounding of x + eps, and y may be large."""
    rates = [*rng.exponential(3, 30), *1 + rng.normal(0, 1e-6, 10), 1.0, 1 - 1e-8, 0.75, 0.0, 1e-12]
    for x in map(float, rates):
        value = losscli.compute("poisson-nll", input=x, target=y, log_input=False, eps=eps)
        parts = [mpf(x), -mpf(y) * mpmath.log(mpf(x) + mpf(eps))]
        assert ulps(value, mpmath.fsum(parts), max(map(abs, parts))) <= 4, x


LOG_PROBS = np.concatenate([-rng.exponential(3, 60), rng.uniform(-1e-3, 0, 20)])
PROBS = np.concatenate([rng.uniform(0, 1, 60), np.exp(LOG_PROBS[60:]) * (1 + 1e-9)])


def test_kl_div() -> None:
    """The two summands cancel where the distributions are alike."""
    found = losscli.compute("kl-div", input=LOG_PROBS, target=PROBS, reduction="none")
    for value, x, p in zip(found, LOG_PROBS, PROBS, strict=True):
        parts = [mpf(p) * mpmath.log(mpf(p)), -mpf(p) * mpf(x)]
        assert ulps(value, mpmath.fsum(parts), max(map(abs, parts))) <= 4, (x, p)


def test_kl_div_of_logarithms() -> None:
    logs = LOG_PROBS + rng.normal(0, 1e-3, len(LOG_PROBS))
    found = losscli.compute(
        "kl-div", input=LOG_PROBS, target=logs, log_target=True, reduction="none"
    )
    for value, x, t in zip(found, LOG_PROBS, logs, strict=True):
        p = mpmath.exp(mpf(t))
        truth = p * (mpf(t) - mpf(x))
        assert ulps(value, truth, abs(p * mpf(t))) <= 4, (x, t)


@pytest.mark.parametrize("t", [800.0, 1e4])
def test_kl_div_of_equal_logarithms_is_0(t: float) -> None:
    assert losscli.compute("kl-div", input=t, target=t, log_target=True) == 0


def cosine_embedding(a: Any, b: Any) -> Truth:
    """1 - cos, with what PyTorch adds to the squared norms: 1e-12 in float32."""
    one, two = ([mpf(float(x)) for x in vector] for vector in (a, b))
    eps = mpf(float(np.float32(1e-12)))
    n1, n2 = (mpmath.fsum(x * x for x in vector) + eps for vector in (one, two))
    return 1 - mpmath.fdot(one, two) / mpmath.sqrt(n1 * n2)


@pytest.mark.parametrize("size", [2, 3, 64])
@pytest.mark.parametrize("apart", [0.0, 1e-8, 1e-6, 1e-4, 1e-3])
def test_cosine_embedding_of_nearly_parallel_vectors(apart: float, size: int) -> None:
    """Right to a few ulp; PyTorch's 1 - cos is off by 1e-16, a thousand times more and worse."""
    pairs = np.random.default_rng(6)
    a = pairs.normal(size=(20, size))
    b = a * pairs.uniform(0.1, 10, (20, 1)) + apart * pairs.normal(size=a.shape)
    given = {"input1": a, "input2": b, "target": np.ones(20)}
    found = losscli.compute("cosine-embedding", **given, reduction="none")
    truths = [cosine_embedding(*pair) for pair in zip(a, b, strict=True)]
    for value, truth in zip(found, truths, strict=True):
        assert ulps(value, truth) <= 8
    torch = pytest.importorskip("torch")
    tensors = {name: torch.tensor(array) for name, array in given.items()}
    theirs = torch.nn.functional.cosine_embedding_loss(**tensors, reduction="none").tolist()
    worst = [max(abs(mpf(v) - t) for v, t in zip(v, truths, strict=True)) for v in (found, theirs)]
    assert worst[1] > 1000 * worst[0]


@pytest.mark.parametrize("scale", [1.0, 20.0, 200.0])
@pytest.mark.parametrize(("frames", "labels"), [(3, [1]), (6, [1, 2]), (12, [1, 1, 2]), (5, [])])
def test_ctc(scale: float, frames: int, labels: list[int]) -> None:
    scores = np.random.default_rng(frames).normal(0, scale, (frames, 3))
    log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    value = losscli.compute(
        "ctc",
        log_probs=log_probs,
        targets=np.array(labels, int),
        input_lengths=frames,
        target_lengths=len(labels),
        reduction="sum",
    )
    # Every frame adds a logarithm; each partial sum rounds to an ulp of its size, or of the
    # probabilities, up to 1, that are added up.
    truth = ctc(log_probs, labels)
    assert ulps(value, truth, max(truth, 1)) <= 4 + frames


def ctc(log_probs: Any, labels: list[int]) -> Truth:
    """The forward recursion with 50 digits."""
    z = [0]
    for label in labels:
        z += [label, 0]
    frames = [[mpmath.exp(mpf(float(x))) for x in row] for row in log_probs]
    alpha = [frames[0][c] if s < 2 else mpf(0) for s, c in enumerate(z)]
    for row in frames[1:]:
        ways = []
        for s, c in enumerate(z):
            way = alpha[s] + (alpha[s - 1] if s else 0)
            if s > 1 and c != z[s - 2]:
                way += alpha[s - 2]
            ways.append(way * row[c])
        alpha = ways
    return -mpmath.log(alpha[-1] + (alpha[-2] if labels else 0))


HUGE: dict[str, dict[str, Any]] = {
    "l1": {"input": [1e308, -1e308j], "target": [1e307, 1e307j]},
    "mse": {"input": [1e154, -1e153], "target": [-1e153, 1e153]},
    "huber": {"input": [1e200, -1e308], "target": [-1e200, 1e307]},
    "smooth-l1": {"input": [1e200, -1e308], "target": [-1e200, 1e307], "beta": 1e250},
    "poisson-nll": {"input": [700.0, -1e100], "target": [1e300, 1e200]},
    "gaussian-nll": {"input": [1e100, 0.0], "target": [-1e100, 0.0], "var": [1e-6, 1e300]},
    "nll": {"input": [[-1e308, 0.0], [1e308, 1e308]], "target": [0, 1]},
    "cross-entropy": {"input": [[1e308, -1e308], [-1e308, -1e308]], "target": [0, 1]},
    "bce": {"input": [0.0, 1.0, 5e-324], "target": [1.0, 0.0, 1.0]},
    "bce-with-logits": {"input": [1e308, -1e308], "target": [0.0, 1.0]},
    "soft-margin": {"input": [1e308, -1e308, -200.0], "target": [-1.0, 1.0, 1.0]},
    "multi-margin": {"input": [[-1e307, 1e307], [1e308, -1e308]], "target": [0, 0]},
    "multi-label-margin": {"input": [[-1e307, 1e307], [1e308, -1e308]], "target": [[0, -1]] * 2},
    "multi-label-soft-margin": {"input": [[1e308, -1e307]], "target": [[0.0, 1.0]]},
    "margin-ranking": {"input1": [1e308, 0.0], "input2": [1e307, 1e308], "target": [-1.0, 1.0]},
    "hinge-embedding": {"input": [1e308, 1e308, -1e308], "target": [1.0, -1.0, -1.0]},
    "cosine-embedding": {
        "input1": [[1e200, 1e200], [1e300, 0.0], [1e-170, 0.0]],
        "input2": [[-1e200, 0.0], [1e300, 1e290], [1e170, 1e3]],
        "target": [1.0, 1.0, -1.0],
    },
    "triplet-margin-with-distance": {
        "anchor": [[1e200, 1e200]],
        "positive": [[-1e200, 0.0]],
        "negative": [[0.0, 0.0]],
        "distance": "cosine",
    },
    "triplet-margin": {
        "anchor": [[1e200, 1e200]],
        "positive": [[-1e200, 0.0]],
        "negative": [[0.0, 0.0]],
    },
    "kl-div": {"input": [706.0, -1e300], "target": [1e307, 1e-5]},
    "ctc": {
        "log_probs": np.full((50, 1, 2), -1e4),
        "targets": [[1]],
        "input_lengths": [50],
        "target_lengths": [1],
    },
}


@pytest.mark.parametrize("loss", NAMES)
def test_huge_numbers_do_not_cancel_to_nan(loss: str) -> None:
    """A small check of any loss; what HUGE and TABLE have to say of one goes further."""
    for case in examples(loss):
        tensors = load(loss).tensors
        unbounded = [
            n for n, p in tensors.items() if p.tensor.predicted and p.tensor.at_most == inf
        ]
        huge = case.replace(**{name: case.tensors[name] * 1e100 for name in unbounded})
        assert not np.isnan(huge.compute()).any(), huge
        assert not any(np.isnan(gradient).any() for gradient in huge.grad().values()), huge


@pytest.mark.parametrize("loss", HUGE)
def test_finite_where_the_truth_is(loss: str) -> None:
    """Nothing overflows on the way to a finite result, in value or gradient."""
    given: dict[str, Any] = HUGE[loss]
    values = losscli.compute(loss, **given, reduction="none")
    assert np.isfinite(values).all()
    for name, gradient in losscli.grad(loss, **given, reduction="none").items():
        assert np.isfinite(gradient).all(), name


@pytest.mark.parametrize(
    ("loss", "given", "truth"),
    [
        ("multi-margin", {"input": [[-8e307, 9e307, 8e307]], "target": [0]}, 1.1e308),
        (
            "multi-margin",
            {"input": [[-8e307, 8e307, 8e307]], "target": [0], "weight": [0.75, 1.0, 1.0]},
            8e307,
        ),
        (
            "multi-label-margin",
            {"input": [[-8e307, 9e307, 8e307]], "target": [[0, -1, 0]]},
            1.1e308,
        ),
        (
            "multi-label-margin",
            {"input": [[-8e307, 9e307, -8e307]], "target": [[0, 2, -1]]},
            17e307 / 3 * 2,
        ),
        (
            "multi-label-soft-margin",
            {"input": [[1.5e308, -1e308, 1e308]], "target": [[0.0, 1.0, 0.0]]},
            1.5e308 / 3 + 1e308 / 3 + 1e308 / 3,
        ),
    ],
)
def test_mean_over_classes_of_which_the_sum_overflows(
    loss: str, given: dict[str, Any], truth: float
) -> None:
    assert losscli.compute(loss, **given) == pytest.approx(truth, rel=1e-15)


TABLE: list[tuple[str, dict[str, Any], Callable[[], Truth]]] = [
    ("l1", {"input": [0.5, 5.0], "target": [0.0, 2.0]}, lambda: (mpf("0.5") + 3) / 2),
    ("l1", {"input": [3 + 4j, 1j], "target": [0.0, 0.0]}, lambda: (mpf(5) + 1) / 2),
    ("mse", {"input": [0.5, 5.0], "target": [0.0, 2.0]}, lambda: (mpf("0.25") + 9) / 2),
    ("huber", {"input": [0.1, 5.0], "target": [0.0, 0.0]}, lambda: (mpf("0.005") + mpf("4.5")) / 2),
    (
        "smooth-l1",
        {"input": [0.5, 5.0], "target": [0.0, 2.0], "beta": 2.0},
        lambda: (mpf("0.25") / 4 + 3 - 1) / 2,
    ),
    (
        "nll",
        {"input": [[-1.0, -2.0], [-3.0, -0.5]], "target": [1, 0], "weight": [1.0, 2.0]},
        lambda: (2 * mpf(2) + mpf(3)) / 3,
    ),
    (
        "cross-entropy",
        {"input": [[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]], "target": [2, 0]},
        lambda: (cross_entropy([1, 2, 3], 2) + cross_entropy([1, 2, 0], 0)) / 2,
    ),
    ("bce", {"input": [0.25, 0.0], "target": [1.0, 1.0]}, lambda: (mpmath.log(4) + 100) / 2),
    ("bce-with-logits", {"input": [0.0, 0.0], "target": [0.0, 1.0]}, lambda: mpmath.log(2)),
    ("soft-margin", {"input": [0.0, 0.0], "target": [1.0, -1.0]}, lambda: mpmath.log(2)),
    (
        "multi-margin",
        {"input": [[0.5, 0.25, -2.0]], "target": [0], "p": 2, "weight": [3.0, 1.0, 1.0]},
        lambda: 3 * mpf("0.75") ** 2 / 3,
    ),
    (
        "multi-label-margin",
        {"input": [[0.1, 0.2, 0.4, 0.8]], "target": [[3, 0, -1, 1]]},
        lambda: (mpf("0.4") + mpf("0.6") + mpf("1.1") + mpf("1.3")) / 4,
    ),
    (
        "multi-label-soft-margin",
        {"input": [[0.0, 0.0]], "target": [[1.0, 0.0]], "weight": [1.0, 3.0]},
        lambda: 2 * mpmath.log(2),
    ),
    (
        "poisson-nll",
        {"input": [0.0, 1.0], "target": [3.0, 2.0]},
        lambda: (1 + mpmath.e - 2) / 2,
    ),
    (
        "poisson-nll",
        {"input": [0.0], "target": [2.0], "log_input": False, "full": True},
        lambda: 2 * mpmath.log(2) - 2 + mpmath.log(4 * mpmath.pi) / 2 - 2 * mpmath.log(mpf(1e-8)),
    ),
    (
        "gaussian-nll",
        {"input": [0.0], "target": [0.0], "var": [0.0]},
        lambda: mpmath.log(mpf("1e-6")) / 2,
    ),
    (
        "gaussian-nll",
        {"input": [1.0], "target": [0.0], "var": [1.0], "full": True},
        lambda: (1 + mpmath.log(2 * mpmath.pi)) / 2,
    ),
    (
        "margin-ranking",
        {"input1": [0.25, 1.0], "input2": [1.0, 0.0], "target": [1.0, 1.0], "margin": 0.5},
        lambda: (mpf("1.25") + 0) / 2,
    ),
    (
        "hinge-embedding",
        {"input": [0.25, 1.5, 0.25], "target": [1.0, -1.0, -1.0], "margin": 1.25},
        lambda: (mpf("0.25") + 0 + 1) / 3,
    ),
    (
        "cosine-embedding",
        {"input1": [3.0, 4.0], "input2": [4.0, 3.0], "target": -1.0, "margin": 0.5},
        lambda: mpf("0.46") - mpf("0.96") * (1 - 25 / mpmath.sqrt(mpf("25.000000000001") ** 2)),
    ),
    (
        "triplet-margin-with-distance",
        {
            "anchor": [0.0, 0.0],
            "positive": [1.0, -2.0],
            "negative": [0.5, 2.0],
            "distance": "manhattan",
        },
        lambda: 1 + mpf(3) - mpf("2.5"),
    ),
    (
        "triplet-margin",
        {"anchor": [0.0], "positive": [3.0], "negative": [4.0], "eps": 0.0},
        lambda: mpf(0),
    ),
    (
        "kl-div",
        {"input": [-1.0, -1.0], "target": [0.5, 0.0]},
        lambda: mpf("0.5") * (1 - mpmath.log(2)) / 2,
    ),
    (
        "ctc",
        {
            "log_probs": np.log(np.full((2, 1, 2), 0.5)),
            "targets": [[1]],
            "input_lengths": [2],
            "target_lengths": [1],
        },
        lambda: -mpmath.log(mpf("0.75")),
    ),
]


@pytest.mark.parametrize(("loss", "given", "truth"), TABLE)
def test_by_hand(loss: str, given: dict[str, Any], truth: Callable[[], Truth]) -> None:
    assert float(losscli.compute(loss, **given)) == pytest.approx(
        float(truth()), rel=1e-15, abs=1e-15
    )


@pytest.mark.parametrize("block", [1, 2, 10**6])
@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 3e38), (np.float64, 1.6e308)])
def test_a_mean_whose_sum_overflows(
    monkeypatch: pytest.MonkeyPatch, block: int, dtype: type, large: float
) -> None:
    monkeypatch.setattr(engine, "BLOCK", block)
    given: dict[str, Any] = {"input": np.full(5, large, dtype), "target": np.zeros(5, dtype)}
    given["input"][3] = 1
    truth = dtype(sum(float(x) / 5 for x in given["input"]))
    assert losscli.compute("l1", **given) == pytest.approx(
        truth, rel=2 * float(np.finfo(dtype).eps)
    )
    assert losscli.compute("l1", **given, reduction="sum") == np.inf
    (line,) = next(s for s in losscli.explain("l1", **given).steps if s.name == "L").lines
    assert evaluate(line.arithmetic.tree) == pytest.approx(line.value, rel=1e-7)


@pytest.mark.parametrize("size", [1e20, 1e78, 1e99, 1e150, 1e300])
def test_nearly_parallel_vectors_of_any_length(size: float) -> None:
    a = np.array([[1.0, 2.0, 3.0]])
    b = a + [[2.0**-20, 0, 0]]
    truth = losscli.compute("cosine-embedding", input1=a * 2.0**60, input2=b * 2.0**60, target=[1])
    scale = 2.0 ** round(np.log2(size))
    found = losscli.compute("cosine-embedding", input1=a * scale, input2=b * scale, target=[1])
    assert ulps(found, truth) <= 4


@pytest.mark.parametrize(
    ("dtype", "r", "v"), [(np.float64, 1e200, 1e300), (np.float32, 1e25, 1e35)]
)
def test_a_square_that_overflows_beside_its_variance(dtype: type, r: float, v: float) -> None:
    given = {"input": np.array([r], dtype), "target": np.array([0], dtype)}
    value = losscli.compute("gaussian-nll", **given, var=np.array([v], dtype))
    truth = 0.5 * (np.log(v) + r * (r / v))
    assert value == pytest.approx(truth, rel=4 * float(np.finfo(dtype).eps))
