"""CTC's fast sums: right to 50 digits wherever the guard holds them, and given up where it must be."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from strategies import log_softmax

import losscli
from losscli.lattice import Alignments, levels
from losscli.lattice.grid import Lattice
from losscli.lattice.levels import Levels
from losscli.lattice.logs import Logs

EPS = float(np.finfo(float).eps)
SCALES = [1.0, 3.0, 10.0, 100.0, 1e4]


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """Samples with scores of any scale, near-impossible classes, repeats, blanks and short lengths."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples, frames = draw(st.integers(1, 3)), draw(st.integers(1, 24))
    classes, longest = draw(st.integers(2, 5)), draw(st.integers(0, 7))
    scores = rng.normal(size=(samples, frames, classes)) * draw(st.sampled_from(SCALES))
    unlikely = draw(st.sampled_from([0.0, 10.0, 25.0, 45.0, 600.0]))
    scores -= unlikely * (rng.random(scores.shape) < draw(st.sampled_from([0.1, 0.5])))
    log_probs = log_softmax(scores)
    if draw(st.booleans()):
        log_probs[rng.random(scores.shape) < 0.05] = -np.inf
    few = draw(st.integers(1, classes))  # labels, so that they repeat
    targets = rng.permutation(classes)[:few][rng.integers(0, few, (samples, longest))]
    return Lattice.of(
        log_probs,
        targets,
        rng.integers(0 if draw(st.booleans()) else (frames + 1) // 2, frames + 1, samples),
        rng.integers(0, longest + 1, samples),
        draw(st.integers(0, classes - 1)),
    )


def truth(lattice: Lattice, n: int) -> tuple[Any, list[list[Any]]]:
    """The likelihood of a sample with 50 digits, and the share of it that passes each place."""
    frames, end = int(lattice.frames[n]), int(lattice.ends[n])
    z, skips = lattice.labels[n, : end + 1], lattice.skips[n]
    p = [[mpmath.exp(mpmath.mpf(float(x))) for x in row[z]] for row in lattice.log_probs[n]]

    def ways_to(s: int) -> list[int]:
        return [s, *([s - 1] if s else []), *([s - 2] if s > 1 and skips[s] else [])]

    ways = [ways_to(s) for s in range(end + 1)]
    if not frames:
        return mpmath.mpf(end == 0), []
    alpha = [[p[0][s] if s < 2 else mpmath.mpf(0) for s in range(end + 1)]]
    for t in range(1, frames):
        alpha.append([sum(alpha[-1][r] for r in ways[s]) * p[t][s] for s in range(end + 1)])
    beta = [mpmath.mpf(s >= end - 1) for s in range(end + 1)]
    likelihood = sum(a * b for a, b in zip(alpha[-1], beta, strict=True))
    passed = []
    for t in reversed(range(frames)):
        passed.append([a * b / (likelihood or 1) for a, b in zip(alpha[t], beta, strict=True)])
        before = [mpmath.mpf(0)] * (end + 1)
        for s in range(end + 1):
            for r in ways[s]:
                before[r] += beta[s] * p[t][s]
        beta = before
    return likelihood, passed[::-1]


def by_class(lattice: Lattice, n: int, passed: list[list[Any]]) -> Any:
    """The share that passes each class in each frame, (T, C), from that of each place."""
    table = [[mpmath.mpf(0)] * lattice.log_probs.shape[2] for _ in lattice.log_probs[n]]
    for row, places in zip(table, passed, strict=False):
        for label, share in zip(lattice.labels[n], places, strict=False):
            row[label] += share
    return np.array(table, float)


def occupancies(alignments: Alignments) -> Any:
    """The probability of each class in each frame, (n, T, C)."""
    found = np.zeros(alignments.lattice.log_probs.shape)
    with np.errstate(all="ignore"):
        for n, classes, table in alignments.occupancies():
            found[n][:, classes] = table
    return found


def aligned(lattice: Lattice) -> Alignments:
    with np.errstate(all="ignore"):
        return Alignments(lattice)


@given(lattices())
def test_held_is_right_to_50_digits(lattice: Lattice) -> None:
    """Also the smallest occupancy, relative to itself: what has underflowed has been given up."""
    alignments = aligned(lattice)
    found = occupancies(alignments)
    frames = lattice.log_probs.shape[1]
    for n in np.flatnonzero(alignments.levels.held):
        with mpmath.workdps(50):
            likelihood, passed = truth(lattice, n)
            event(f"held, {'possible' if likelihood else 'impossible'}")
            if not likelihood:
                assert alignments.log_likelihood[n] == -np.inf
                continue
            log_likelihood = float(mpmath.log(likelihood))
            shares = by_class(lattice, n, passed)
        off = abs(alignments.log_likelihood[n] - log_likelihood)
        assert off <= 3 * frames * EPS + EPS * abs(log_likelihood)
        assert found[n] == pytest.approx(shares, rel=8 * (frames + 1) * EPS, abs=1e-290)


@given(lattices())
def test_either_way_gives_the_same(lattice: Lattice) -> None:
    """The sums in logarithms, of everything, agree with what is returned, whichever way it came."""
    alignments = aligned(lattice)
    with np.errstate(all="ignore"):
        slow = Logs(lattice, lattice.emitted())
        passed = slow.passed
    expected, found = slow.likelihood, occupancies(alignments)
    held = alignments.levels.held
    event(f"held {held.sum()} of {len(held)}")
    frames, reach = lattice.log_probs.shape[1], np.abs(expected[np.isfinite(expected)])
    off = frames * EPS * (8 + 2 * reach.max(initial=0))  # a logarithm of 1e5 is known to 1e-11
    assert np.array_equal(np.isneginf(alignments.log_likelihood), np.isneginf(expected))
    for n in np.flatnonzero(np.isfinite(expected)):
        assert abs(alignments.log_likelihood[n] - expected[n]) <= off
        classes, table = lattice.occupancy(n, passed[:, :, n])
        slowly = np.zeros_like(found[n])
        slowly[:, classes] = table
        assert found[n][: lattice.frames[n]] == pytest.approx(
            slowly[: lattice.frames[n]], rel=off, abs=off, nan_ok=True
        )


def a_batch(scale: float, frames: int = 60, classes: int = 8, labels: int = 12) -> Lattice:
    rng = np.random.default_rng(7)
    log_probs = log_softmax(rng.normal(size=(16, frames, classes)) * scale)
    return Lattice.of(
        log_probs,
        rng.integers(1, classes, (16, labels)),
        rng.integers(frames // 2, frames + 1, 16),
        rng.integers(0, labels + 1, 16),
        0,
    )


def held_of(lattice: Lattice) -> tuple[list[bool], list[bool]]:
    """Which samples are held on the way forward, and which then on the way back."""
    with np.errstate(all="ignore"):
        one = Levels(lattice, lattice.emitted())
        forward = one.held.tolist()
        assert one.passed.shape
    return forward, one.held.tolist()


def confident(cost: float, labels: int, *, first: bool) -> Lattice:
    """One frame a label, and ten blanks before or behind; what is wrong costs `cost` nats in each frame.

    Of ways that are ahead of the right one every frame is wrong, so that they fall behind without end.
    """
    right = (
        [0] * (10 if first else 0) + [1 + i % 3 for i in range(labels)] + [0] * (0 if first else 10)
    )
    log_probs = np.full((1, len(right), 4), -cost)
    log_probs[0, np.arange(len(right)), right] = np.log1p(-3 * np.exp(-cost))
    targets = np.array([[c for c in right if c]])
    return Lattice.of(log_probs, targets, np.array([len(right)]), np.array([labels]), 0)


def improbable(frames: int, labels: int) -> Lattice:
    """Every class of every frame has a probability around 1e-20, so that all levels fall fast."""
    rng = np.random.default_rng(3)
    targets = rng.integers(1, 4, (1, labels))
    log_probs = rng.normal(size=(1, frames, 4)) - 45
    return Lattice.of(log_probs, targets, np.array([frames]), np.array([labels]), 0)


# Which are held on the way forward, and which then on the way back.
CONFIDENT = {
    "few labels": (confident(40.0, 4, first=True), True, True),
    "many labels": (confident(3.0, 40, first=True), True, True),
    "places are reached at low levels": (improbable(60, 30), True, True),
    "a neighbour is larger": (confident(50.0, 10, first=True), False, False),
    "a neighbour is larger on the way back": (confident(50.0, 10, first=False), True, False),
    "a cell grows": (confident(6.0, 60, first=True), False, False),
    "a cell grows on the way back": (confident(6.0, 60, first=False), True, False),
    "beyond reach": (confident(53.0, 2, first=True), False, False),
}


@pytest.mark.parametrize("why", CONFIDENT)
def test_all_ways_to_fall_back_are_taken(why: str) -> None:
    """Beyond reach from the first, given up on the way forward, and on the way back only."""
    lattice, forward, back = CONFIDENT[why]
    assert held_of(lattice) == ([forward], [back])


@pytest.mark.parametrize("why", CONFIDENT)
def test_whichever_way_it_is_right_to_50_digits(why: str) -> None:
    lattice, *_ = CONFIDENT[why]
    alignments = aligned(lattice)
    with mpmath.workdps(50):
        likelihood, passed = truth(lattice, 0)
        log_likelihood = float(mpmath.log(likelihood))
        shares = by_class(lattice, 0, passed)
    assert alignments.log_likelihood[0] == pytest.approx(log_likelihood, rel=1e-13, abs=1e-13)
    assert occupancies(alignments)[0] == pytest.approx(shares, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("scale", [25.0, 1e4])
def test_each_sample_of_a_block_falls_back_by_itself(scale: float) -> None:
    lattice = a_batch(1.0)
    expected, shares = aligned(lattice).log_likelihood, occupancies(aligned(lattice))
    lattice.log_probs[::3] *= scale
    alignments = aligned(lattice)
    found = occupancies(alignments)
    others = np.arange(16) % 3 > 0
    assert alignments.levels.held[others].all()
    assert not alignments.levels.held[~others].any()
    assert np.array_equal(alignments.log_likelihood[others], expected[others])
    assert np.array_equal(found[others], shares[others])
    alone = lattice.samples(~others)
    assert np.array_equal(alignments.log_likelihood[~others], aligned(alone).log_likelihood)
    assert np.array_equal(found[~others], occupancies(aligned(alone)))


@given(lattices(), st.integers(1, 5))
def test_levelling_rounds_nothing(lattice: Lattice, often: int) -> None:
    """The same bits, however often the levels are set anew."""
    expected = aligned(lattice)
    before, levels.SELDOM = levels.SELDOM, often
    try:
        other = aligned(lattice)
    finally:
        levels.SELDOM = before
    shares = occupancies(expected), occupancies(other)
    for n in np.flatnonzero(expected.levels.held & other.levels.held):
        assert expected.log_likelihood[n] == other.log_likelihood[n]
        assert np.array_equal(shares[0][n], shares[1][n], equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_long_batch_is_held_whole(dtype: Any) -> None:
    """Plain probabilities of 500 frames of 64 classes are around 1e-1000."""
    lattice = a_batch(1.0, frames=500, classes=64, labels=80)
    lattice = lattice._replace(log_probs=lattice.log_probs.astype(dtype))
    assert held_of(lattice) == ([True] * 16, [True] * 16)
    assert (aligned(lattice).log_likelihood < -700).all()


@given(lattices())
def test_float32_is_added_up_in_float64(lattice: Lattice) -> None:
    """Of what is held, the likelihood is that of float64, rounded once."""
    narrow = lattice._replace(log_probs=lattice.log_probs.astype(np.float32))
    wide = narrow._replace(log_probs=narrow.log_probs.astype(float))
    found, expected = aligned(narrow), aligned(wide)
    assert found.log_likelihood.dtype == np.float32
    held = expected.levels.held
    assert np.array_equal(found.levels.held, held)
    rounded = expected.log_likelihood.astype(np.float32)
    assert np.array_equal(found.log_likelihood[held], rounded[held])
    assert np.array_equal(occupancies(found)[held], occupancies(expected)[held], equal_nan=True)


def test_what_other_classes_hold_does_not_matter() -> None:
    """Only the classes of a sample's labels, in its frames, decide whether it is held."""
    lattice = a_batch(1.0, frames=6, classes=8, labels=2)
    lattice.log_probs[np.arange(6) >= lattice.frames[:, None]] = np.nan
    for n, labels in enumerate(lattice.labels):
        others = np.setdiff1d(np.arange(8), labels)
        lattice.log_probs[n][:, others] = [np.nan, -np.inf, np.inf, -1e300, 1e5][n % 5]
    assert all(held_of(lattice)[1])


@pytest.mark.parametrize("scale", [1.0, 40.0, 200.0])
def test_order_of_the_samples_in_a_block(scale: float) -> None:
    """A sample's bits do not hang on its place among the others."""
    lattice = a_batch(scale)
    tensors = {
        "log_probs": lattice.log_probs.transpose(1, 0, 2),
        "targets": lattice.labels[:, 1::2],
        "input_lengths": lattice.frames,
        "target_lengths": lattice.ends // 2,
    }
    turned = {name: a[:, ::-1] if a.ndim == 3 else a[::-1] for name, a in tensors.items()}
    some = losscli.grad("ctc", **tensors, reduction="none")["log_probs"]
    other = losscli.grad("ctc", **turned, reduction="none")["log_probs"]
    assert np.array_equal(some, other[:, ::-1], equal_nan=True)
