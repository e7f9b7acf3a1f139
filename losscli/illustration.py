"""The pictures of an explanation: what is drawn for which loss, at which step, from which numbers.

Only the rows that are shown are looked at, so that pictures cost the same beside any input. What is not
finite, or has nothing to show, gets no picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.engine import Problem
from losscli.parameters import Array
from losscli.pictures import Bars, Curve, Lattice, Picture, Point
from losscli.softmax import softmax_parts
from losscli.work import Recorder, names_of

if TYPE_CHECKING:
    from losscli.explanation import Explanation

ROWS = 6  # so many rows are drawn at most
CLASSES = 6  # of more classes than this, the largest and the target's are drawn
SIDE = 24  # so many frames, and so many places, of a lattice are drawn at most
GRID = 160  # places at which a curve is computed
LARGEST = 1e300  # beyond this there is no room for differences
STEEP = 40.0  # a tangent that would rise so many times as high as the picture is left out

Placed = tuple[str, Picture]  # a picture and the name of the step that it belongs to
Values = Mapping[str, Any]


@dataclass(frozen=True)
class _Along:
    """What moves along the curve of an elementwise loss: a tensor, or what alone counts of two of them.

    `turns` are the numbers around which something happens, from the options and the other tensors.
    """

    moves: str = "input"
    less: str = ""  # the tensor it is measured from
    times: str = ""  # the tensor it is multiplied by
    low: float = -math.inf
    high: float = math.inf
    turns: Callable[[Values], Sequence[float]] = lambda _: (0.0,)

    @property
    def name(self) -> str:
        """What moves, as it is written below the curve."""
        if self.less:
            return f"{self.moves} - {self.less}"
        return f"{self.times} * {self.moves}" if self.times else self.moves

    def of(self, row: Values) -> float:
        """Where a row stands on the curve."""
        if self.less:
            return float(row[self.moves] - row[self.less])
        return float(row[self.moves] * (row[self.times] if self.times else 1))

    def others(self, row: Mapping[str, float]) -> dict[str, float]:
        """The numbers that stay fixed."""
        others = {name: row[name] for name in row if name != self.moves}
        if self.less:
            others[self.less] = 0.0
        if self.times:
            others[self.times] = 1.0
        return others

    def fixed(self, others: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
        """Those of them that the loss hangs on."""
        without = (self.less, self.times)
        return tuple((name, value) for name, value in others.items() if name not in without)


def _around(middle: float, reach: float) -> tuple[float, ...]:
    return middle - reach, middle, middle + reach


def _poisson_turns(v: Values) -> Sequence[float]:
    if v["log_input"]:
        return _around(math.log(v["target"]), 1.0) if v["target"] > 0 else (0.0,)
    return v["target"] / 3, v["target"], 2 * v["target"]


CURVES = {
    "l1": _Along(less="target"),
    "mse": _Along(less="target"),
    "huber": _Along(less="target", turns=lambda v: _around(0.0, v["delta"])),
    "smooth-l1": _Along(less="target", turns=lambda v: _around(0.0, v["beta"])),
    "gaussian-nll": _Along(
        less="target", turns=lambda v: _around(0.0, math.sqrt(max(v["var"], v["eps"])))
    ),
    "poisson-nll": _Along(turns=_poisson_turns),
    "bce": _Along(low=0.0, high=1.0, turns=lambda _: (0.1, 0.9)),
    "bce-with-logits": _Along(turns=lambda _: _around(0.0, 3.0)),
    "soft-margin": _Along(times="target", turns=lambda _: _around(0.0, 3.0)),
    "hinge-embedding": _Along(turns=lambda v: (0.0, v["margin"])),
    "margin-ranking": _Along(
        "input1", less="input2", turns=lambda v: (0.0, v["margin"] * v["target"])
    ),
}


def illustrate(explanation: Explanation) -> tuple[Placed, ...]:
    """The pictures of an explanation, each with the name of its step."""
    if not explanation.rows:
        return ()
    with np.errstate(all="ignore"):
        return tuple(_pictures(explanation))


def _pictures(e: Explanation) -> Iterator[Placed]:
    match e.loss:
        case "cross-entropy" | "nll":
            yield from _probabilities(e)
        case "ctc":
            yield from _lattices(e)
        case loss if loss in CURVES:
            yield from _curve(e, CURVES[loss])
    yield from _shares(e)


# ---- bars


def _probabilities(e: Explanation) -> Iterator[Placed]:
    """The probabilities of each row's classes: of scores by softmax, of log-probabilities as they are."""
    block = e.problem.take(e.rows[:ROWS])
    target = block["target"]
    labelled = target.dtype.kind in "iu"
    scores = np.asarray(block["input"], np.float64)
    softmax = e.loss == "cross-entropy"
    rows = softmax_parts(scores).probabilities() if softmax else np.exp(scores)
    for k, p in enumerate(rows):
        label = int(target[k]) if labelled else None
        ignored = label is not None and label == e.problem.options.get("ignore_index")
        if ignored or not (np.isfinite(p).all() and abs(p.sum() - 1) < 0.01 and len(p) > 1):
            continue
        yield "logp", _bars_of_classes(e, k, p, label)


def _bars_of_classes(e: Explanation, k: int, p: Array, label: int | None) -> Bars:
    """All classes of few; of many the most probable and the target's, the rest in one bar."""
    kept = list(range(len(p)))
    if len(p) > CLASSES:
        most = np.argpartition(-p, CLASSES - 1)[: CLASSES - 1].tolist()
        if label is not None and label not in most:
            most = [*sorted(most, key=lambda c: -p[c])[:-1], label]
        kept = sorted(most, key=lambda c: (-p[c], c))
    labels = [e.classes[c] if c < len(e.classes) else f"class {c}" for c in kept]
    amounts = [float(p[c]) for c in kept]
    if len(p) > len(kept):
        labels.append(f"{len(p) - len(kept)} others")
        amounts.append(float(np.delete(p, kept).sum()))
    marked = frozenset() if label is None else frozenset({kept.index(label)})
    title = f"{e.row_name(k)}: probabilities"
    return Bars(title, tuple(labels), tuple(amounts), marked, "target" if marked else "")


def _shares(e: Explanation) -> Iterator[Placed]:
    """What part of the total each row is, and all rows that are not shown."""
    rows, count = dict(zip(e.rows, enumerate(e.shares), strict=True)), e.problem.count
    parts = [(k, share) for k, share in rows.values() if share is not None]
    if count < 2 or len(parts) < len(rows):
        return
    if len(parts) > ROWS:
        parts = sorted(sorted(parts, key=lambda part: -part[1])[:ROWS])
    labels = [e.row_name(k) for k, _ in parts]
    amounts = [share for _, share in parts]
    if (rest := count - len(parts)) > 0:
        word = e.problem.loss.rows.row
        labels.append(f"{rest} other {word}{'' if rest == 1 else 's'}")
        amounts.append(1 - sum(amounts))
    if not all(-1e-9 <= amount <= 1 + 1e-9 for amount in amounts):
        return  # some of the others are below 0
    amounts = [min(max(amount, 0.0), 1.0) for amount in amounts]
    yield "l", Bars("shares in the sum", tuple(labels), tuple(amounts), percent=True)


# ---- curves


def _curve(e: Explanation, along: _Along) -> Iterator[Placed]:
    """The loss and its slope along the first row's number, and the rows that stand on the same curve."""
    block = e.problem.take(e.rows[:ROWS])
    given = {name: array.reshape(-1) for name, array in block.items() if array is not None}
    if any(np.iscomplexobj(array) for array in given.values()):
        return
    rows = [
        {name: float(array[k if array.size > 1 else 0]) for name, array in given.items()}
        for k in range(len(e.rows[:ROWS]))
    ]
    usable = [k for k, row in enumerate(rows) if all(map(math.isfinite, row.values()))]
    while usable:
        others = along.others(rows[usable[0]])
        same = [k for k in usable if along.others(rows[k]) == others]
        curve = _computed(e, along, others, {k: along.of(rows[k]) for k in same})
        if curve is not None:
            yield "l", curve
            return
        usable = [k for k in usable if k not in same]


def _computed(
    e: Explanation, along: _Along, others: Mapping[str, float], at: Mapping[int, float]
) -> Curve | None:
    """The curve with points on it, less those that are too steep to be seen; None where nothing is left."""
    turns = [x for x in along.turns({**e.problem.options, **others}) if math.isfinite(x)]
    while at:
        grid = _grid([*at.values()], turns, along)
        loss, slope = _along_grid(e.problem, along, others, grid)
        good = np.max(np.abs([grid, loss, slope]), axis=0) < LARGEST  # false for nan, too
        if not good[np.isin(grid, [*at.values()])].all() or good.sum() < GRID // 4:
            return None
        grid, loss, slope = grid[good], loss[good], slope[good]
        inside = _worth_seeing(grid, loss, slope, [*at.values(), *turns])
        height = float(np.ptp(loss[inside])) or 1.0
        width = float(np.ptp(grid[inside]))
        points = {k: int(np.searchsorted(grid, x)) for k, x in at.items()}
        steep = {k for k, i in points.items() if abs(slope[i]) * width > STEEP * height}
        if not steep:
            return Curve(
                along.name,
                along.fixed(others),
                tuple(grid[inside].tolist()),
                tuple(loss[inside].tolist()),
                tuple(slope[inside].tolist()),
                tuple(
                    Point(e.row_name(k), float(grid[i]), float(loss[i]), float(slope[i]))
                    for k, i in points.items()
                ),
            )
        at = {k: x for k, x in at.items() if k not in steep}
    return None


def _grid(points: Sequence[float], turns: Sequence[float], along: _Along) -> Array:
    """Numbers around the points and the turns, these among them, and both sides of every kink."""
    low, high = min(*points, *turns, math.inf), max(*points, *turns, -math.inf)
    span = high - low or abs(high) or 1.0
    low = max(along.low, low - (0.25 if low in turns else 0.08) * span)
    high = min(along.high, high + (0.25 if high in turns else 0.08) * span)
    if math.isfinite(along.high - along.low):
        low, high = along.low, along.high
    beside = [turn + side * 1e-6 * span for turn in turns for side in (-1, 1)]
    every = np.concatenate([np.linspace(low, high, GRID), points, turns, beside])
    return np.unique(every[(along.low <= every) & (every <= along.high)])


def _along_grid(
    problem: Problem, along: _Along, others: Mapping[str, float], grid: Array
) -> tuple[Array, Array]:
    """The loss itself, and its slope, at every number of the grid."""
    tensors = {name: np.full(len(grid), value) for name, value in others.items()}
    moved = Problem(
        problem.loss, {along.moves: grid, **tensors}, problem.options, reduction="none", threads=1
    )
    return moved.terms(), moved.gradient([along.moves])[along.moves]


def _worth_seeing(grid: Array, loss: Array, slope: Array, marks: Sequence[float]) -> Any:
    """Which of the grid lie where the picture is not ruled by a spike far above all that is marked."""
    marked = np.isin(grid, marks)
    above, steep = loss - loss.min(), np.abs(slope)
    highest = max(1.6 * above[marked].max(), 1.5 * np.quantile(above, 0.9))
    steepest = max(2 * steep[marked].max(), 1.5 * np.quantile(steep, 0.9))
    return (above <= highest) & (steep <= steepest)


# ---- lattices


def _lattices(e: Explanation) -> Iterator[Placed]:
    """Each sample's frames by the places of its extended target."""
    steps = _recorded(e)
    if "o" not in steps:
        return
    tensors = e.problem.take(e.rows)
    for k in range(min(ROWS, len(e.rows))):
        frames, symbols = int(tensors["input_lengths"][k]), int(tensors["target_lengths"][k])
        places = 2 * symbols + 1
        heat = steps["o"][k, :frames, :places]
        skips = steps["skip"][k, :places] > 0
        labels = steps["z"][k, :places]
        if not frames or not np.isfinite(heat).all() or not heat.any():
            continue
        emitted = np.asarray(tensors["log_probs"][k], np.float64)[:frames, labels]
        path, logp = best_alignment(emitted, skips)
        share = float(np.exp(logp + steps["l"][k]))
        if not math.isfinite(share):
            continue
        kept, across = _ends(places), _ends(frames)
        names = e.places(k)
        seen = {s: i for i, s in enumerate(kept)}
        drawn = np.clip(heat[np.ix_(across, kept)].T, 0, 1)
        yield (
            "likelihood",
            Lattice(
                e.row_name(k),
                tuple(names[s] for s in kept),
                tuple(kept),
                tuple(across),
                tuple(tuple(map(float, line)) for line in drawn),
                tuple(seen.get(path[t]) for t in across),
                min(share, 1.0),
                frozenset(i for s, i in seen.items() if skips[s]),
                symbols,
                int((labels[1::2][1:] == labels[1::2][:-1]).sum()),
                frames,
            ),
        )


def best_alignment(emitted: Array, skips: Array) -> tuple[list[int], float]:
    """The most probable way through a lattice: its place in each frame, and its log-probability.

    `emitted` are the log-probabilities of each place's label, (frames, places); `skips` tells which places
    may be reached from two before them.
    """
    frames, places = emitted.shape
    score = np.full(places, -np.inf)
    score[:2] = emitted[0, :2]
    came = np.zeros((frames, places), int)
    for t in range(1, frames):
        ways = np.full((3, places), -np.inf)
        ways[0] = score
        ways[1, 1:] = score[:-1]
        ways[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        came[t] = ways.argmax(0)
        score = ways.max(0) + emitted[t]
    s = int(places - 2 + score[-2:].argmax()) if places > 1 else 0
    logp, path = float(score[s]), [s]
    for t in range(frames - 1, 0, -1):
        s -= int(came[t, s])
        path.append(s)
    return path[::-1], logp


def _recorded(e: Explanation) -> dict[str, Array]:
    """What was recorded, by name; without a gradient, what would have been with it."""
    steps = {step.name: step.quantity for step in e.steps}
    if "o" not in steps:
        recorder = Recorder(names_of(e.problem, e.rows), len(e.rows))
        terms = e.problem.run(e.problem.take(e.rows), recorder)
        terms.gradient(np.ones(len(e.rows), e.problem.dtype))["log_probs"]()
        steps = {step.name: step.quantity for step in recorder.steps}
    return {name: quantity.array for name, quantity in steps.items() if quantity is not None}


def _ends(size: int) -> list[int]:
    """All indices of a short axis, the first and the last of a long one."""
    if size <= SIDE:
        return list(range(size))
    return [*range(SIDE // 2), *range(size - SIDE // 2, size)]
