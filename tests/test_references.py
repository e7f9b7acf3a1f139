"""Reference points: what they say they are, they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import NUMBERS, cases

import losscli
from losscli.guesses import text_of
from losscli.losses import NAMES, load
from losscli.references import FEW

RNG = np.random.default_rng(4)
SCORES = RNG.normal(size=(5, 3))
LABELS = np.array([2, 0, 1, 1, 0])
TARGET = np.array([1.0, 4.0, 2.0, 8.0])
PREDICTED = np.array([1.5, 3.0, 2.0, 6.0])


def references(loss: str, **arguments: Any) -> dict[str, float]:
    explanation = losscli.explain(loss, gradient=False, **arguments)
    return {one.name: one.value for one in explanation.references}


def entropy(q: Any) -> Any:
    q = np.asarray(q, float)
    return -(q * np.log(np.where(q > 0, q, 1))).sum(-1)


def test_a_uniform_guess_of_class_indices() -> None:
    uniform = "ln 3, a uniform guess over 3 classes"
    for loss, guess in (("cross-entropy", np.zeros((5, 3))), ("nll", np.full((5, 3), -np.log(3)))):
        for more in ({}, {"weight": [0.5, 2, 0.0]}, {"ignore_index": 0}, {"ignore_index": 1}):
            found = references(loss, input=SCORES, target=LABELS, **more)
            assert found == {
                "a perfect prediction": 0,
                uniform: pytest.approx(math.log(3), rel=1e-15),
            }
            found = references(loss, input=SCORES, target=LABELS, reduction="sum", **more)
            total = losscli.compute(loss, input=guess, target=LABELS, reduction="sum", **more)
            (name, value) = list(found.items())[1]
            assert name == uniform.removeprefix("ln 3, ") and value == pytest.approx(total)


def test_the_floor_of_label_smoothing() -> None:
    smoothed = np.full((5, 3), 0.1 / 3)
    smoothed[range(5), LABELS] += 0.9
    found = references("cross-entropy", input=SCORES, target=LABELS, label_smoothing=0.1)
    assert list(found) == [
        "the floor of label smoothing 0.1",
        "ln 3, a uniform guess over 3 classes",
    ]
    assert [*found.values()] == pytest.approx([entropy(smoothed).mean(), math.log(3)])


def test_smoothing_with_weights_looks_at_every_row() -> None:
    given = {"target": LABELS, "weight": np.array([0.5, 2.0, 1.0]), "label_smoothing": 0.3}
    found = references("cross-entropy", input=SCORES, **given)
    uniform = losscli.compute("cross-entropy", input=np.zeros((5, 3)), **given)
    assert found["a uniform guess over 3 classes"] == uniform != pytest.approx(math.log(3))
    floor = found["the floor of label smoothing 0.3"]
    for _ in range(50):
        scores = RNG.normal(size=(5, 3), scale=2)
        assert losscli.compute("cross-entropy", input=scores, **given) > floor


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 1.0])])
def test_the_floor_of_class_probabilities(weight: Any) -> None:
    q = RNG.dirichlet([1, 1, 1], 5)
    q[0] = [0, 1, 0]
    given = {"target": q, "weight": weight}
    found = references("cross-entropy", input=SCORES, **given)
    floor = found["the floor of these soft targets"]
    if weight is None:
        assert floor == pytest.approx(entropy(q).mean())
        assert found["ln 3, a uniform guess over 3 classes"] == pytest.approx(math.log(3))
    best = np.log(np.maximum(q if weight is None else q * weight, 1e-300))
    assert floor == pytest.approx(losscli.compute("cross-entropy", input=best, **given))
    by_axes = references("cross-entropy", input=SCORES.T[None], target=q.T[None], weight=weight)
    assert by_axes == pytest.approx(found)


def test_one_hot_probabilities_have_a_perfect_prediction() -> None:
    found = references("cross-entropy", input=SCORES, target=np.eye(3)[LABELS])
    assert found["a perfect prediction"] == 0


@pytest.mark.parametrize("loss", ["bce", "bce-with-logits"])
def test_yes_or_no(loss: str) -> None:
    soft = np.array([0.25, 1.0, 0.5, 0.0])
    found = references(loss, input=np.full(4, 0.3), target=soft)
    floor = entropy(np.stack([soft, 1 - soft], -1)).mean()
    assert found["the floor of these soft targets"] == pytest.approx(floor)
    (half,) = (value for name, value in found.items() if name.startswith("ln 2, "))
    assert half == pytest.approx(math.log(2))
    hard = references(loss, input=np.full(4, 0.3), target=np.round(soft))
    assert hard["a perfect prediction"] == 0
    weighted = references(loss, input=np.full(4, 0.3), target=soft, weight=[1.0, 2, 3, 4])
    assert not any("ln 2" in name for name in weighted)


def test_the_weight_of_a_yes_moves_the_floor() -> None:
    target = {"target": np.array([0.25, 0.5, 1.0]), "pos_weight": np.array([3.0])}
    found = references("bce-with-logits", input=np.zeros(3), **target)
    floor = found["the floor of these soft targets"]
    x = np.linspace(-20, 20, 10001)
    y, u = target["target"], 3.0
    each = u * y[:, None] * np.log1p(np.exp(-x)) + (1 - y[:, None]) * np.log1p(np.exp(x))
    assert floor <= each.min(-1).mean() < floor + 2e-4
    assert found["scores of 0 everywhere, a probability of 0.5"] == pytest.approx(
        np.mean((u * y + 1 - y) * np.log(2))
    )


def test_constants_of_a_regression() -> None:
    given = {"input": PREDICTED, "target": TARGET}
    mean, zero = "predicting 3.75 everywhere, the mean of the targets", "predicting 0 everywhere"
    assert references("mse", **given) == {
        "a perfect prediction": 0,
        mean: pytest.approx(np.var(TARGET)),
        zero: pytest.approx(np.mean(TARGET**2)),
    }
    assert references("l1", **given) == {
        "a perfect prediction": 0,
        "predicting 3 everywhere, the median of the targets": np.abs(TARGET - 3).mean(),
        zero: TARGET.mean(),
    }
    for loss, option in (("huber", "delta"), ("smooth-l1", "beta")):
        found = references(loss, **given, **{option: 2.0})
        same = {"target": TARGET, option: 2.0}
        assert found[mean] == losscli.compute(loss, input=np.full(4, 3.75), **same)
        assert found[zero] == losscli.compute(loss, input=np.zeros(4), **same)
    summed = references("mse", **given, reduction="sum")
    assert summed[mean] == pytest.approx(4 * np.var(TARGET))


def test_likelihoods() -> None:
    given = {"input": np.log(PREDICTED), "target": TARGET}
    found = references("poisson-nll", **given)
    assert found["a rate of 3.75 everywhere, the mean count"] == pytest.approx(
        np.mean(3.75 - TARGET * np.log(3.75))
    )
    exact = np.mean(TARGET - TARGET * np.log(TARGET))
    assert found["every rate equal to its count"] == pytest.approx(exact)
    rates = references("poisson-nll", input=PREDICTED, target=TARGET, log_input=False)
    assert [*rates.values()] == pytest.approx([*found.values()], abs=1e-7)
    var = np.array([1.0, 2.0, 3.0, 0.5])
    found = references("gaussian-nll", input=PREDICTED, target=TARGET, var=var)
    assert found["these variances with every mean right"] == pytest.approx(np.log(var).mean() / 2)
    assert found["mean 3.75 and variance 7.188 everywhere, those of the targets"] == pytest.approx(
        0.5 * (np.log(7.1875) + 1)
    )


@pytest.mark.parametrize("reduction", ["mean", "batchmean", "sum"])
def test_divergence(reduction: str) -> None:
    p = RNG.dirichlet([1, 1, 1], 4)
    p[0] = [0, 0.5, 0.5]
    given = {"input": np.log(RNG.dirichlet([1, 1, 1], 4)), "reduction": reduction}
    found = references("kl-div", target=p, **given)
    share = {"mean": 12, "batchmean": 4, "sum": 1}[reduction]
    assert found == {
        "a perfect prediction": 0,
        "a uniform guess over 3 classes": pytest.approx(
            (np.log(3) - entropy(p)).sum() / share, rel=1e-12
        ),
    }
    again = references(
        "kl-div", target=np.log(p[1:]), **given | {"input": np.log(p[1:])}, log_target=True
    )
    assert again["a perfect prediction"] == 0


def test_margins() -> None:
    found = references("multi-margin", input=SCORES, target=LABELS, margin=1.5, p=2)
    assert found == {"a perfect prediction": 0, "all scores equal": pytest.approx(2.25 * 2 / 3)}
    labels = np.array([[2, 0, -1], [1, -1, 2]])
    found = references("multi-label-margin", input=SCORES[:2], target=labels)
    assert found == {"a perfect prediction": 0, "all scores equal": pytest.approx(2 / 3)}
    found = references("soft-margin", input=PREDICTED, target=[1, -1, 1, 1])
    assert found == {"a perfect prediction": 0, "ln 2, scores of 0 everywhere": math.log(2)}
    signs = np.array([1.0, -1, -1, 1])
    found = references("margin-ranking", input1=PREDICTED, input2=TARGET, target=signs, margin=0.5)
    assert found == {"a perfect prediction": 0, "equal scores in every pair": 0.5}
    found = references("hinge-embedding", input=PREDICTED, target=signs, margin=3)
    assert found == {"a perfect prediction": 0, "a distance of 0 everywhere": 1.5}
    vectors = RNG.normal(size=(4, 3))
    pairs = {"input1": vectors, "input2": vectors[::-1], "target": signs}
    found = references("cosine-embedding", **pairs, margin=0.25)
    assert found == {
        "a cosine of 0 everywhere": 0.5,
        "a cosine of 1 everywhere": pytest.approx(0.375),
    }
    triple = {"anchor": vectors, "positive": vectors + 1, "negative": -vectors, "margin": 0.75}
    for loss in ("triplet-margin", "triplet-margin-with-distance"):
        found = references(loss, **triple)
        assert found == {
            "a perfect prediction": 0,
            "the margin, with all points in one place": 0.75,
        }


def test_ctc() -> None:
    logits = np.log(RNG.dirichlet([1, 1, 1], (5, 2)))
    given = {
        "targets": [[1, 2, 0], [2, 2, 1]],
        "input_lengths": [4, 5],
        "target_lengths": [2, 3],
        "blank": 0,
    }
    found = references("ctc", log_probs=logits, **given)
    uniform = losscli.compute("ctc", log_probs=np.full((5, 2, 3), -np.log(3)), **given)
    assert found == {
        "a perfect prediction": 0,
        "a uniform guess over 3 classes in every frame": uniform,
    }


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=max(20, settings().max_examples // 3))
@given(data=st.data())
def test_they_are_finite_and_in_order(loss: str, kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, kind))
    explanation = case.explain(gradient=False)
    values = [one.value for one in explanation.references]
    assert values == sorted(values) and all(map(math.isfinite, values))
    names = [one.name for one in explanation.references]
    assert len(set(names)) == len(names) and all(names)
    if case.reduction == "none" or not case.problem().count or not np.isfinite(explanation.value):
        assert not names


@pytest.mark.parametrize("loss", NAMES)
def test_every_loss_has_some(loss: str) -> None:
    assert load(loss).rows.guesses is not None


def test_numbers_in_names_are_written_as_on_the_page() -> None:
    found = references("mse", input=[0.0], target=[1e10])
    assert "predicting 1e10 everywhere, the mean of the targets" in " ".join(found)
    numbers = (1e5, 1e-5, -1e-10, 1e100, -2.5, 0)
    assert [text_of(x) for x in numbers] == ["1e5", "1e−5", "−1e−10", "1e100", "−2.5", "0"]


def test_many_numbers_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = FEW // 10 + 1
    scores = np.broadcast_to(0.5, (rows, 10))
    found = references("cross-entropy", input=scores, target=np.arange(rows) % 10)
    assert list(found) == ["a perfect prediction", "ln 10, a uniform guess over 10 classes"]
    assert not references("mse", input=scores, target=scores)
    assert not references("cross-entropy", input=scores, target=np.full((rows, 10), 0.1))


# ---- on the page


def scale(loss: str, width: int = 100, **arguments: Any) -> str:
    page = losscli.explain(loss, gradient=False, **arguments).to_text(width=width)
    return page.rpartition("\nL ")[2].partition("\n")[2]


def test_a_scale_on_one_line() -> None:
    drawn = scale("nll", input=[[-0.5493061443340549, -2.0]], target=[0])
    assert drawn.startswith("    0: a perfect prediction ├")
    assert drawn.rstrip().endswith("┤ 0.6931: ln 2, a uniform guess over 2 classes")
    before, after = (
        drawn.count("─", *part) for part in ((0, drawn.index("●")), (drawn.index("●"),))
    )
    assert before / (before + after) == pytest.approx(0.5493 / 0.6931, abs=0.05)


@pytest.mark.parametrize("width", [48, 60, 80, 100, 200])
def test_a_scale_fits(width: int) -> None:
    drawn = scale("mse", width, input=[4.0, 7.0, 6.0], target=[5.0, 4.0, 6.0])
    first, *rest = drawn.splitlines()
    assert first.startswith("    0 ├") and first.endswith("┤ 25.67")
    assert first.count("┼") == first.count("●") == 1 and first.index("┼") < first.index("●")
    assert [line.split()[0] for line in rest if line[6:11].strip()] == ["0", "0.6667", "25.67"]
    assert all(len(line) <= width for line in drawn.splitlines())


def test_on_the_end_of_a_scale() -> None:
    drawn = scale("cross-entropy", input=[[0.0, 0.0]], target=[0])
    assert "─● 0.6931: ln 2" in drawn


def test_off_the_scale_it_is_said_in_words() -> None:
    drawn = scale("cross-entropy", input=[[0.0, 5.0]], target=[0])
    assert "5.007 is above both of these:" in drawn and "●" not in drawn
    below = scale("kl-div", input=[[0.5, 0.5]], target=[[0.5, 0.5]])
    assert "is below both of these:" in below


@pytest.mark.parametrize("loss", ["cross-entropy", "nll", "multi-margin", "multi-label-margin"])
def test_many_classes_take_little_memory(loss: str) -> None:
    """No table of classes by classes is made: here that would be 20 GB."""
    import tracemalloc

    target = np.array([3] if loss != "multi-label-margin" else [[3] + [-1] * 49_999])
    tracemalloc.start()
    explanation = losscli.explain(loss, input=np.zeros((1, 50_000)), target=target, gradient=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert explanation.references
    assert peak < 100e6
