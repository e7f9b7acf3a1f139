"""CTC against brute force: every path of classes over the frames, collapsed and counted."""

from __future__ import annotations

from itertools import groupby, product
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import log_softmax

import losscli


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """What a path spells: repeats merged, then blanks dropped."""
    return tuple(c for c, _ in groupby(path) if c != blank)


def brute_force(log_probs: Any, labels: tuple[int, ...], blank: int) -> tuple[float, Any]:
    """The likelihood of the labels, and how much of it passes each class in each frame."""
    frames, classes = log_probs.shape
    likelihood, through = 0.0, np.zeros((frames, classes))
    for path in product(range(classes), repeat=frames):
        if collapsed(path, blank) == labels:
            p = exp(sum(log_probs[t, c] for t, c in enumerate(path)))
            likelihood += p
            through[np.arange(frames), path] += p
    return likelihood, through


def given_to_ctc(log_probs: Any, labels: tuple[int, ...]) -> dict[str, Any]:
    return {
        "log_probs": log_probs,
        "targets": np.array(labels, int),
        "input_lengths": len(log_probs),
        "target_lengths": len(labels),
    }


@st.composite
def samples(draw: st.DrawFn) -> tuple[Any, tuple[int, ...], int]:
    """Log-probabilities (T, C), labels without blanks, and the blank."""
    frames, classes = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    blank = draw(st.integers(0, classes - 1))
    labels = [c for c in range(classes) if c != blank]
    scores = draw(
        st.lists(st.integers(-30, 30), min_size=frames * classes, max_size=frames * classes)
    )
    sequence = draw(st.lists(st.sampled_from(labels), max_size=min(4, frames)))
    log_probs = log_softmax(np.reshape(scores, (frames, classes)) / 10)
    return log_probs, tuple(sequence), blank


@given(samples())
def test_value_and_gradient(sample: tuple[Any, tuple[int, ...], int]) -> None:
    log_probs, labels, blank = sample
    likelihood, through = brute_force(log_probs, labels, blank)
    tensors = given_to_ctc(log_probs, labels)
    value = losscli.compute("ctc", **tensors, blank=blank, reduction="sum")
    found = losscli.grad("ctc", **tensors, blank=blank, reduction="sum")["log_probs"]
    if likelihood == 0:
        assert value == np.inf
        assert np.isnan(found).all()
        assert losscli.compute("ctc", **tensors, blank=blank, zero_infinity=True) == 0
        return
    assert value == pytest.approx(-log(likelihood), rel=1e-13, abs=1e-14)
    assert found == pytest.approx(np.exp(log_probs) - through / likelihood, abs=1e-13)


@given(samples())
def test_explained_occupancy(sample: tuple[Any, tuple[int, ...], int]) -> None:
    log_probs, labels, blank = sample
    likelihood, through = brute_force(log_probs, labels, blank)
    tensors = given_to_ctc(log_probs, labels)
    steps = {s.name: s for s in losscli.explain("ctc", **tensors, blank=blank).steps}
    (line,) = steps["likelihood"].lines
    assert line.value == pytest.approx(likelihood, rel=1e-13)
    if likelihood:
        occupancy = {line.at[-2:]: line.value for line in steps["occupancy"].lines}
        for place, p in np.ndenumerate(through / likelihood):
            assert occupancy[place] == pytest.approx(p, abs=1e-13)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
@pytest.mark.parametrize("classes", [2, 3])
def test_all_label_sequences_together_have_probability_1(frames: int, classes: int) -> None:
    log_probs = log_softmax(np.random.default_rng(5).normal(size=(frames, classes)))
    spelt = {collapsed(path, 0) for path in product(range(classes), repeat=frames)}
    values = [losscli.compute("ctc", **given_to_ctc(log_probs, s), reduction="sum") for s in spelt]
    assert np.exp(-np.array(values)).sum() == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize(
    ("labels", "shortest"),
    [((1,), 1), ((1, 2), 2), ((1, 1), 3), ((1, 2, 1), 3), ((1, 1, 1), 5), ((1, 1, 2, 2), 6)],
)
def test_the_fewest_frames(labels: tuple[int, ...], shortest: int) -> None:
    """As many frames as labels, and one more for each label that repeats the one before it."""
    enough = losscli.compute(
        "ctc", **given_to_ctc(np.full((shortest, 3), -log(3)), labels), reduction="sum"
    )
    assert enough == pytest.approx(shortest * log(3), rel=1e-14)  # a single path
    too_few = np.full((shortest - 1, 3), -log(3))
    if shortest > 1:
        assert losscli.compute("ctc", **given_to_ctc(too_few, labels)) == np.inf


@given(samples())
def test_no_label_is_all_blanks(sample: tuple[Any, tuple[int, ...], int]) -> None:
    log_probs, _, blank = sample
    value = losscli.compute("ctc", **given_to_ctc(log_probs, ()), blank=blank)
    assert value == pytest.approx(-log_probs[:, blank].sum(), rel=1e-14)


@given(samples())
def test_read_backwards(sample: tuple[Any, tuple[int, ...], int]) -> None:
    log_probs, labels, blank = sample
    forth = losscli.compute("ctc", **given_to_ctc(log_probs, labels), blank=blank)
    back = losscli.compute("ctc", **given_to_ctc(log_probs[::-1], labels[::-1]), blank=blank)
    assert forth == back or forth == pytest.approx(back, rel=1e-13)


def test_frames_and_labels_beyond_the_lengths_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    log_probs = log_softmax(rng.normal(size=(5, 1, 3)))
    short = {"targets": [[1, 2]], "input_lengths": [3], "target_lengths": [2]}
    value = losscli.compute("ctc", log_probs=log_probs[:3], **short)
    log_probs[3:] = np.nan
    long = {**short, "targets": [[1, 2, 0, 77]]}
    assert losscli.compute("ctc", log_probs=log_probs, **long) == value
    gradient = losscli.grad("ctc", log_probs=log_probs, **long)["log_probs"]
    assert (gradient[3:] == 0).all()


def test_mean_divides_by_the_labels_first() -> None:
    log_probs = np.full((4, 2, 3), -log(3))
    tensors = {"log_probs": log_probs, "targets": [[1, 2], [0, 0]], "input_lengths": [4, 4]}
    lengths = {"target_lengths": [2, 0]}
    two, none = losscli.compute("ctc", **tensors, **lengths, reduction="none")
    mean = losscli.compute("ctc", **tensors, **lengths)
    assert mean == pytest.approx((two / 2 + none / 1) / 2, rel=1e-15)
