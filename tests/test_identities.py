"""What must hold between results, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import Case, cases, log_softmax

from losscli import compute, grad
from losscli.losses import NAMES, load

EXACT = 4 * np.finfo(np.float64).eps


def vectors(least: int = 1, most: int = 6) -> st.SearchStrategy[Any]:
    numbers = st.integers(-4000, 4000).map(lambda i: i / 1000)
    return st.integers(least, most).flatmap(lambda n: arrays(np.float64, n, elements=numbers))


def tables(rows: int, columns: int) -> st.SearchStrategy[Any]:
    numbers = st.integers(-4000, 4000).map(lambda i: i / 1000)
    return arrays(np.float64, (rows, columns), elements=numbers)


def near(actual: Any, expected: Any, terms: Any = 0.0) -> bool:
    """Equal to a few ulp of the largest number that was added up."""
    size = max(np.abs(expected).max(initial=0), np.abs(terms).max(initial=0), 1e-300)
    return bool(np.all(np.abs(np.subtract(actual, expected)) <= 4 * EXACT * size))


# ---- every loss


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_reductions_agree(loss: str, data: st.DataObject) -> None:
    """sum is the sum of none; mean is that of what each term counts for."""
    case = data.draw(cases(loss), label="case")
    none = np.asarray(case.compute(reduction="none"))
    assume(np.isfinite(none).all())
    assert near(case.compute(reduction="sum"), none.sum(), none)
    total = case.problem(reduction="mean").total
    mean = case.compute(reduction="mean")
    counted = float(total.counted)
    if not counted:
        assert not np.isfinite(mean)
        return
    divisor = np.ones_like(none)
    if load(loss).rows.divided:
        divisor = np.maximum(np.broadcast_to(case.tensors["target_lengths"], none.shape), 1)
    assert near(mean * counted, (none / divisor).sum(), none)
    if load(loss).rows.counts is None:
        assert counted == none.size


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_gradient_of_the_mean_is_a_share_of_that_of_the_sum(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss), label="case")
    counted = case.problem(reduction="mean").denominator
    assume(counted and np.isfinite(case.compute(reduction="sum")))
    if load(loss).rows.divided:  # by something of each row's own: there is no one share
        return
    ofsum, ofmean = case.grad(reduction="sum"), case.grad(reduction="mean")
    assume(all(np.isfinite(gradient).all() for gradient in ofsum.values()))
    none = case.grad(reduction="none")
    everything = [np.abs(gradient).max(initial=1) for gradient in ofsum.values()]
    for name, gradient in ofsum.items():
        assert np.array_equal(gradient, none[name])
        assert near(ofmean[name] * counted, gradient, [gradient.size, *everything]), name


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_order_of_the_rows_does_not_matter(loss: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss), label="case")
    rows = case.problem().rows
    assume(rows and rows[0] > 1)
    if loss == "ctc":
        assume(case.tensors["targets"].ndim == 2)
    order = np.array(data.draw(st.permutations(range(rows[0]))))
    axes = {name: axis_of_rows(case, name) for name in case.tensors}
    turned = {
        name: array if axes[name] is None else np.take(array, order, axes[name])
        for name, array in case.tensors.items()
    }
    other = case.replace(**turned)
    none = case.compute(reduction="none")
    assume(np.isfinite(none).all())
    assert np.array_equal(other.compute(reduction="none"), none[order])
    if np.isfinite(case.compute(reduction="mean")):
        assert near(other.compute(reduction="mean"), case.compute(reduction="mean"), none)


def axis_of_rows(case: Case, name: str) -> int | None:
    """The axis along which a tensor has the first axis of the rows."""
    array, rows = case.tensors[name], case.problem().rows
    if name == "log_probs":
        return 1
    if (load(case.loss).tensors[name].tensor.shape == "(C)") or not array.ndim:
        return None
    if case.loss == "gaussian-nll" and name == "var" and array.ndim < len(rows):
        return 0
    inner = len(case.problem().laid[name].letters)
    if case.loss not in ("nll", "cross-entropy", "ctc") and array.ndim - inner < len(rows):
        return None
    return None if array.shape[0] == 1 else 0


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
def test_rows_are_independent(loss: str, data: st.DataObject) -> None:
    """The largest rows that are asked for are the largest, in order, and explain shows their loss."""
    case = data.draw(cases(loss), label="case")
    none = np.asarray(case.compute(reduction="none"))
    assume(none.ndim and none.size and np.isfinite(none).all())
    found = case.problem(reduction="none").largest(3)
    assert [none[row] for row in found] == sorted(none.ravel(), reverse=True)[:3]
    assert len(set(found)) == len(found)


# ---- one by one


@given(tables(4, 2), st.sampled_from([0.5, 2.0, 3.0]), st.sampled_from([0.5, 1.0, 1.5]))
def test_huber_scales(pairs: Any, c: float, delta: float) -> None:
    x, y = pairs.T
    scaled = compute("huber", input=c * x, target=c * y, delta=c * delta, reduction="none")
    plain = compute("huber", input=x, target=y, delta=delta, reduction="none")
    assert scaled == pytest.approx(c * c * plain, rel=1e-11, abs=1e-14)


@given(tables(4, 2))
def test_huber_of_small_and_of_large_residuals(pairs: Any) -> None:
    x, y = pairs.T
    r = x - y
    assert near(compute("huber", input=x, target=y, delta=100, reduction="none"), r * r / 2)
    tiny = 1e-6
    line = compute("huber", input=x, target=y, delta=tiny, reduction="none") / tiny
    assert line == pytest.approx(np.abs(r), abs=tiny)
    assert compute("huber", input=y, target=x) == compute("huber", input=x, target=y)


@given(tables(4, 2), st.sampled_from([0.5, 1.0, 0.3, 2.0]))
def test_smooth_l1_times_beta_is_huber(pairs: Any, beta: float) -> None:
    x, y = pairs.T
    smooth = compute("smooth-l1", input=x, target=y, beta=beta, reduction="none")
    assert near(beta * smooth, compute("huber", input=x, target=y, delta=beta, reduction="none"))
    slope = grad("smooth-l1", input=x, target=y, beta=beta)["input"]
    assert near(beta * slope, grad("huber", input=x, target=y, delta=beta)["input"])


@given(tables(4, 2))
def test_smooth_l1_of_small_beta_is_l1(pairs: Any) -> None:
    x, y = pairs.T
    l1 = compute("smooth-l1", input=x, target=y, beta=0, reduction="none")
    assert np.array_equal(l1, np.abs(x - y))
    assert np.all(l1 - compute("smooth-l1", input=x, target=y, beta=1e-6, reduction="none") <= 1e-6)


@given(tables(4, 2))
def test_huber_of_large_delta_is_half_of_mse(pairs: Any) -> None:
    x, y = pairs.T
    mse = compute("mse", input=x, target=y, reduction="none")
    assert near(mse / 2, compute("huber", input=x, target=y, delta=100, reduction="none"))
    slope = grad("mse", input=x, target=y)["input"]
    assert near(slope / 2, grad("huber", input=x, target=y, delta=100)["input"])


@given(tables(4, 2))
def test_gaussian_nll_of_variance_1_is_half_the_squared_error(pairs: Any) -> None:
    x, y = pairs.T
    value = compute("gaussian-nll", input=x, target=y, var=np.ones(4))
    assert near(value, 0.5 * ((x - y) ** 2).mean(), (x - y) ** 2)
    full = compute("gaussian-nll", input=x, target=y, var=np.ones(4), full=True)
    assert full - value == pytest.approx(0.5 * np.log(2 * np.pi), abs=1e-13)


@given(tables(3, 4), st.integers(-10, 10))
def test_cross_entropy_does_not_see_a_shift(x: Any, shift: int) -> None:
    y = np.array([0, 3, 1])
    moved = (x * 1024).round() / 1024  # so that the sum is exact
    plain = compute("cross-entropy", input=moved, target=y)
    shifted = compute("cross-entropy", input=moved + shift, target=y)
    assert shifted == pytest.approx(plain, rel=4e-15)
    mine = compute("cross-entropy", input=log_softmax(x), target=y)
    assert mine == pytest.approx(compute("cross-entropy", input=x, target=y), rel=1e-13)


@given(tables(3, 4), st.sampled_from(["none", "mean", "sum"]), st.booleans(), st.booleans())
def test_cross_entropy_is_nll_behind_log_softmax(
    x: Any, reduction: str, weighted: bool, ignoring: bool
) -> None:
    more: dict[str, Any] = {"target": [0, -100 if ignoring else 3, 1], "reduction": reduction}
    if weighted:
        more["weight"] = [1.0, 0.5, 0.0, 2.0]
    chained = compute("nll", input=log_softmax(x), **more)
    assert near(chained, compute("cross-entropy", input=x, **more), x)
    through = grad("nll", input=log_softmax(x), **more)["input"]  # then through the log_softmax
    through = through - np.exp(log_softmax(x)) * through.sum(1, keepdims=True)
    assert near(through, grad("cross-entropy", input=x, **more)["input"], [1.0])


@given(tables(3, 4), st.lists(st.integers(0, 3), min_size=3, max_size=3), st.booleans())
def test_one_hot_targets_are_class_indices(x: Any, labels: list[int], weighted: bool) -> None:
    more = {"weight": [1.0, 0.5, 0.0, 2.0]} if weighted else {}
    hot = np.eye(4)[labels]
    for reduction in ("none", "sum"):
        index = compute("cross-entropy", input=x, target=labels, reduction=reduction, **more)
        onehot = compute("cross-entropy", input=x, target=hot, reduction=reduction, **more)
        assert near(onehot, index)
        given_hot = grad("cross-entropy", input=x, target=hot, reduction=reduction, **more)["input"]
        given_index = grad("cross-entropy", input=x, target=labels, reduction=reduction, **more)[
            "input"
        ]
        assert near(given_hot, given_index)


@given(tables(3, 4), st.sampled_from([0.1, 0.5, 1.0]))
def test_smoothed_indices_are_smoothed_distributions(x: Any, smoothing: float) -> None:
    labels = [0, 3, 1]
    q = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    value = compute("cross-entropy", input=x, target=labels, label_smoothing=smoothing)
    assert value == pytest.approx(compute("cross-entropy", input=x, target=q), rel=1e-14)


@given(vectors(2, 5), st.booleans())
def test_two_classes_are_a_yes_or_no(x: Any, yes: bool) -> None:
    target = np.full(len(x), int(yes))
    binary = compute("bce-with-logits", input=x, target=target.astype(float), reduction="none")
    rows = np.stack([np.zeros_like(x), x], 1)
    assert near(binary, compute("cross-entropy", input=rows, target=target, reduction="none"))
    slope = grad("bce-with-logits", input=x, target=target.astype(float))["input"]
    assert near(slope, grad("cross-entropy", input=rows, target=target)["input"][:, 1])


@given(tables(4, 3))
def test_a_weight_of_0_is_ignore_index(x: Any) -> None:
    y = np.array([0, 1, 2, 1])
    weighted = {"input": x, "target": y, "weight": [1.0, 0.0, 1.0]}
    ignored = {"input": x, "target": y, "ignore_index": 1}
    for reduction in ("none", "mean", "sum"):
        one = compute("cross-entropy", **weighted, reduction=reduction)
        assert np.array_equal(one, compute("cross-entropy", **ignored, reduction=reduction))
    assert np.array_equal(*(grad("cross-entropy", **a)["input"] for a in (weighted, ignored)))
    kept = compute("cross-entropy", input=x[[0, 2]], target=y[[0, 2]])
    assert compute("cross-entropy", **ignored) == pytest.approx(kept, rel=1e-15)


@given(tables(3, 2), tables(3, 2))
def test_weights_of_1_are_no_weights(x: Any, scores: Any) -> None:
    y = 1 / (1 + np.exp(-scores))
    plain = compute("bce-with-logits", input=x, target=y, reduction="none")
    for name in ("weight", "pos_weight"):
        found = compute(
            "bce-with-logits", input=x, target=y, reduction="none", **{name: [1.0, 1.0]}
        )
        assert near(found, plain), name
    labels = [0, 1, 1]
    weighted = compute("cross-entropy", input=x, target=labels, weight=[1.0, 1.0])
    assert weighted == compute("cross-entropy", input=x, target=labels)
    twice = compute("cross-entropy", input=x, target=labels, weight=[2.0, 2.0])
    assert twice == pytest.approx(weighted, rel=1e-15)


@given(vectors(), st.integers(0, 100))
def test_yes_and_no_change_places(x: Any, percent: int) -> None:
    y = np.full(len(x), percent / 100)
    value = compute("bce-with-logits", input=x, target=y, reduction="none")
    assert near(compute("bce-with-logits", input=-x, target=1 - y, reduction="none"), value, x)


@given(vectors(), st.integers(0, 100), st.sampled_from(["none", "mean", "sum"]))
def test_bce_with_logits_is_bce_behind_a_sigmoid(x: Any, percent: int, reduction: str) -> None:
    y, p = np.full(len(x), percent / 100), 1 / (1 + np.exp(-x))
    scored = compute("bce-with-logits", input=x, target=y, reduction=reduction)
    chained = compute("bce", input=p, target=y, reduction=reduction)
    assert chained == pytest.approx(scored, rel=1e-13)
    through = grad("bce", input=p, target=y, reduction=reduction)["input"] * p * (1 - p)
    slope = grad("bce-with-logits", input=x, target=y, reduction=reduction)["input"]
    assert near(through, slope, [1.0])


@given(vectors(), st.sampled_from(["none", "mean", "sum"]), st.booleans())
def test_soft_margin_is_bce_with_logits_of_other_labels(x: Any, reduction: str, yes: bool) -> None:
    y = np.full(len(x), 1.0 if yes else -1.0)
    y[0] = 1
    others = {"input": x, "target": (y + 1) / 2, "reduction": reduction}
    mine = {"input": x, "target": y, "reduction": reduction}
    assert near(compute("soft-margin", **mine), compute("bce-with-logits", **others))
    slope = grad("bce-with-logits", **others)["input"]
    assert near(grad("soft-margin", **mine)["input"], slope)


@given(tables(3, 4), st.sampled_from([1, 2]), st.sampled_from(["none", "mean", "sum"]))
def test_margins_of_one_label(x: Any, p: int, reduction: str) -> None:
    """One label in a list is a class index; the plain sum over pairs says the same."""
    labels = np.array([0, 3, 1])
    value = compute("multi-margin", input=x, target=labels, p=p, reduction=reduction)
    terms = np.maximum(1 - x[range(3), labels][:, None] + x, 0) ** p
    terms[range(3), labels] = 0
    reduce: Any = {"none": np.asarray, "mean": np.mean, "sum": np.sum}[reduction]
    assert near(value, reduce(terms.sum(1) / 4), terms)
    if p == 1:
        lists = np.array([[0, -1, 2, 2], [3, -1, -1, -1], [1, -1, 0, 0]])
        listed = {"input": x, "target": lists, "reduction": reduction}
        assert near(compute("multi-label-margin", **listed), value, terms)
        slope = grad("multi-margin", input=x, target=labels, reduction=reduction)["input"]
        assert near(grad("multi-label-margin", **listed)["input"], slope, [1.0])


@given(tables(1, 4), st.lists(st.integers(-1, 3), min_size=4, max_size=4))
def test_multi_label_margin_adds_up_over_pairs(x: Any, labels: list[int]) -> None:
    live = labels[: labels.index(-1)] if -1 in labels else labels
    pairs = [(y, c) for y in live for c in range(4) if c not in live]
    terms = [max(0.0, 1 - x[0, y] + x[0, c]) for y, c in pairs]
    value = compute("multi-label-margin", input=x[0], target=labels)
    assert near(value, sum(terms) / 4, [1.0, *terms])


@given(tables(3, 4), st.integers(0, 100), st.sampled_from(["mean", "sum"]), st.booleans())
def test_multi_label_soft_margin_is_bce_with_logits_by_row(
    x: Any, percent: int, reduction: str, weighted: bool
) -> None:
    given: dict[str, Any] = {"input": x, "target": np.full(4, percent / 100) + np.zeros((3, 1))}
    if weighted:
        given["weight"] = [1.0, 0.5, 0.0, 2.0]
    classes = 4 if reduction == "sum" else 1
    plain = compute("bce-with-logits", **given, reduction=reduction)
    by_row = compute("multi-label-soft-margin", **given, reduction=reduction)
    assert near(by_row * classes, plain)
    slope = grad("bce-with-logits", **given, reduction=reduction)["input"]
    mine = grad("multi-label-soft-margin", **given, reduction=reduction)["input"]
    assert near(mine * classes, slope, [1.0])
    none = compute("bce-with-logits", **given, reduction="none")
    assert near(compute("multi-label-soft-margin", **given, reduction="none"), none.mean(1), none)


@given(tables(3, 4), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_scores_share_the_gradient(x: Any, distributions: bool, smoothing: float) -> None:
    """What one class gains the others lose: each row of the gradient sums to 0."""
    target = np.full((3, 4), 0.25) if distributions else np.array([0, 3, 1])
    d = grad("cross-entropy", input=x, target=target, label_smoothing=smoothing)["input"]
    assert d.sum(1) == pytest.approx(0, abs=1e-15)
    lp = log_softmax(x)[:, None]
    d = grad("ctc", log_probs=lp, targets=[[1, 2]], input_lengths=[3], target_lengths=[2])
    assert d["log_probs"].sum(-1) == pytest.approx(0, abs=1e-14)


@given(tables(4, 2), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_pair_is_ranked_the_same_from_either_side(pairs: Any, margin: float) -> None:
    one, two = pairs.T
    y = np.array([1.0, -1.0, -1.0, 1.0])
    value = compute("margin-ranking", input1=one, input2=two, target=y, margin=margin)
    turned = compute("margin-ranking", input1=two, input2=one, target=-y, margin=margin)
    assert turned == value
    both = compute("margin-ranking", input1=one, input2=two, target=-y, margin=margin)
    total = margin + np.maximum(margin, np.abs(one - two))  # one of the two is on, or both
    assert near(4 * (value + both), total.sum(), total)


@given(vectors(), st.sampled_from([0.5, 1.0]))
def test_both_kinds_of_pairs_are_what_is_neither(x: Any, margin: float) -> None:
    def value(target: float) -> Any:
        targets = np.full(len(x), target)
        return compute("hinge-embedding", input=x, target=targets, margin=margin, reduction="none")

    assert np.array_equal(value(1) + value(-1), value(0))
    assert np.array_equal(value(1), x)


@given(tables(2, 4), st.sampled_from([0.5, 3.0, 1024.0]))
def test_the_cosine_does_not_see_lengths(parts: Any, factor: float) -> None:
    a, b = parts
    assume(min(np.abs(a).max(), np.abs(b).max()) > 0.1)
    for y in (1.0, -1.0):
        value = compute("cosine-embedding", input1=a, input2=b, target=y, margin=-1)
        longer = compute("cosine-embedding", input1=factor * a, input2=b, target=y, margin=-1)
        assert longer == pytest.approx(value, abs=1e-9)  # but for the 1e-12
        turned = compute("cosine-embedding", input1=b, input2=a, target=y, margin=-1)
        assert turned == pytest.approx(value, abs=1e-15)
    both = [compute("cosine-embedding", input1=a, input2=b, target=y, margin=-1) for y in (1, -1)]
    assert sum(both) == pytest.approx(2, abs=1e-15)  # 1 - cos and cos + 1


NORMS = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": np.inf, "minkowski:3": 3.0}


@given(tables(9, 4), st.sampled_from(list(NORMS)), st.booleans())
def test_a_norm_by_name_is_triplet_margin(parts: Any, distance: str, swap: bool) -> None:
    """Euclidean is p = 2 with eps, as in PyTorch; the others have none."""
    three = dict(zip(("anchor", "positive", "negative"), parts.reshape(3, 3, 4), strict=True))
    given_ = {**three, "swap": swap, "margin": 3.0}
    norm = {"p": NORMS[distance], "eps": 1e-6 if distance == "euclidean" else 0.0}
    plain = compute("triplet-margin", **given_, **norm)
    assert compute("triplet-margin-with-distance", **given_, distance=distance) == plain
    slopes = grad("triplet-margin", **given_, **norm)
    for name, found in grad("triplet-margin-with-distance", **given_, distance=distance).items():
        assert np.array_equal(found, slopes[name])


@given(tables(3, 4))
def test_swap_is_the_smaller_of_two(parts: Any) -> None:
    a, p, n = parts
    swapped = compute("triplet-margin", anchor=a, positive=p, negative=n, swap=True, eps=0)
    plain = compute("triplet-margin", anchor=a, positive=p, negative=n, eps=0)
    ap, an, pn = (np.sqrt(((u - v) ** 2).sum()) for u, v in ((a, p), (a, n), (p, n)))
    assert near(plain, max(0, 1 + ap - an), [ap, an, 1])
    assert near(swapped, max(0, 1 + ap - min(an, pn)), [ap, an, pn, 1])
    assert swapped >= plain


@given(tables(3, 4), st.sampled_from([1.0, 1.5, 2.0, 3.0, np.inf]))
def test_triplets_are_moved_together(parts: Any, p: float) -> None:
    """Only differences count, so the three gradients cancel; a common shift changes nothing."""
    names = ("anchor", "positive", "negative")
    exact = (parts * 1024).round() / 1024
    tensors = dict(zip(names, exact, strict=True))
    d = grad("triplet-margin", **tensors, p=p, margin=9.0)
    assert near(d["anchor"] + d["positive"] + d["negative"], 0, [1, 1])
    moved = {name: t + 4 for name, t in tensors.items()}
    assert compute("triplet-margin", **moved, p=p) == compute("triplet-margin", **tensors, p=p)


@given(tables(2, 5))
def test_equal_embeddings_cost_the_margin(parts: Any) -> None:
    a, _ = parts
    assert compute("triplet-margin", anchor=a, positive=a, negative=a, margin=0.75) == 0.75


@given(tables(3, 4), tables(3, 4))
def test_kl_div_by_row_and_in_all(scores: Any, others: Any) -> None:
    """sum is batchmean times the rows; it is cross-entropy without the target's own entropy."""
    logp = log_softmax(scores)
    p = np.exp(log_softmax(others))
    value = compute("kl-div", input=logp, target=p, reduction="sum")
    batchmean = compute("kl-div", input=logp, target=p, reduction="batchmean")
    assert near(3 * batchmean, value, p * logp)
    assert near(12 * compute("kl-div", input=logp, target=p), value, p * logp)
    assert value >= -1e-14
    entropy = -(p * np.log(p)).sum()
    cross = compute("cross-entropy", input=scores, target=p, reduction="sum")
    assert value + entropy == pytest.approx(cross, rel=1e-12)


@given(tables(3, 4), tables(3, 4))
def test_kl_div_of_logarithms(scores: Any, others: Any) -> None:
    logp, t = log_softmax(scores), log_softmax(others)
    given_log = compute("kl-div", input=logp, target=t, log_target=True, reduction="none")
    plain = compute("kl-div", input=logp, target=np.exp(t), reduction="none")
    assert given_log == pytest.approx(plain, rel=1e-12, abs=1e-14)
    assert not compute("kl-div", input=t, target=t, log_target=True)


@given(tables(4, 2))
def test_poisson_nll_of_rates_and_of_their_logarithms(pairs: Any) -> None:
    x, y = pairs[:, 0], np.abs(pairs[:, 1])
    for full in (False, True):
        more = {"target": y, "full": full, "reduction": "none"}
        of_logs = compute("poisson-nll", input=x, **more)
        of_rates = compute("poisson-nll", input=np.exp(x), log_input=False, eps=0, **more)
        assert of_rates == pytest.approx(of_logs, rel=1e-13, abs=1e-13)
    # the best rate is the count itself
    slope = grad("poisson-nll", input=y + 0.5, target=y + 0.5, log_input=False, eps=0)["input"]
    assert not slope.any()


@given(tables(4, 2))
def test_l1_is_smooth_l1_without_beta(pairs: Any) -> None:
    x, y = pairs.T
    assert compute("l1", input=x, target=y) == compute("smooth-l1", input=x, target=y, beta=0)
    slope = grad("l1", input=x, target=y)["input"]
    assert np.array_equal(slope, grad("smooth-l1", input=x, target=y, beta=0)["input"])


@given(tables(4, 2), tables(4, 2))
def test_l1_of_complex_numbers_is_the_distance_in_the_plane(one: Any, two: Any) -> None:
    z, w = one @ [1, 1j], two @ [1, 1j]
    length = np.sqrt(((one - two) ** 2).sum(1))
    assert near(compute("l1", input=z, target=w, reduction="none"), length, [one, two])
    real = compute("l1", input=z.real + 0j, target=w.real, reduction="none")
    assert np.array_equal(real, compute("l1", input=z.real, target=w.real, reduction="none"))
    # turned by a right angle, the slope turns with the residual
    slope = grad("l1", input=z, target=w)["input"]
    assert near(grad("l1", input=1j * z, target=1j * w)["input"], 1j * slope)
