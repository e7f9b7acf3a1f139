"""Pictures: their numbers are those of the loss, and what is drawn fits, is valid, and needs nothing else."""

from __future__ import annotations

import itertools
import math
import re
from contextlib import chdir
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from strategies import cases

import losscli
from losscli.cli import run
from losscli.files import read_case
from losscli.illustration import CURVES, best_alignment
from losscli.losses import NAMES
from losscli.pictures import Bars, Curve, Lattice
from losscli.render import drawing
from losscli.render.sketch import gallery, sketch

ROOT = Path(__file__).parent.parent
WIDTHS = (60, 80, 100, 140, 200)


def sample(loss: str, **more: Any) -> Any:
    """The explanation of a loss's sample."""
    case = read_case(str(ROOT / "samples" / f"{loss}.yaml"))
    names = losscli.losses.load(loss)
    given = {n: v for n, v in case.values.items() if n in names.tensors or n in names.options}
    return losscli.explain(loss, **{**given, **more})


def of_kind(explanation: Any, kind: type) -> list[Any]:
    """The pictures of a kind."""
    return [picture for _, picture in explanation.pictures if isinstance(picture, kind)]


def text_of(lines: Any) -> list[str]:
    """Drawn lines as text."""
    return ["".join(text for text, _ in line) for line in lines]


def log_softmax(scores: Any) -> Any:
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def ctc(frames: int, target: list[int], classes: int = 4, seed: int = 0, **more: Any) -> Any:
    """The explanation of one sample of CTC."""
    logs = log_softmax(np.random.default_rng(seed).normal(size=(frames, classes)))
    return losscli.explain(
        "ctc",
        log_probs=logs,
        targets=target,
        input_lengths=frames,
        target_lengths=len(target),
        **more,
    )


# ---- bars


def test_bars_of_probabilities_are_the_softmax() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]])
    explanation = losscli.explain("cross-entropy", input=scores, target=[2, 0])
    bars = [bar for bar in of_kind(explanation, Bars) if not bar.percent]
    assert [bar.marked for bar in bars] == [{2}, {0}]
    for bar, row in zip(bars, np.exp(log_softmax(scores)), strict=True):
        np.testing.assert_allclose(bar.amounts, row, rtol=1e-14)
        assert bar.labels == ("class 0", "class 1", "class 2")


def test_of_many_classes_the_most_probable_and_the_targets_are_drawn() -> None:
    scores = np.random.default_rng(1).normal(size=(5, 40)) * 2
    target = scores.argmin(1)
    explanation = losscli.explain("cross-entropy", input=scores, target=target)
    p = np.exp(log_softmax(scores))
    bars = [bar for bar in of_kind(explanation, Bars) if not bar.percent]
    assert len(bars) == 3
    for k, bar in enumerate(bars):
        assert len(bar.amounts) == 6 and bar.labels[-1] == "35 others"
        assert math.isclose(sum(bar.amounts), 1)
        assert [bar.labels[i] for i in bar.marked] == [f"class {target[k]}"]
        assert list(bar.amounts[:4]) == pytest.approx(sorted(p[k], reverse=True)[:4])


def test_log_probabilities_are_drawn_where_they_are_some() -> None:
    logs = log_softmax(np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]))
    drawn = losscli.explain("nll", input=logs, target=[0, -100]).pictures
    bars = [picture for _, picture in drawn if isinstance(picture, Bars) and not picture.percent]
    assert len(bars) == 1  # the ignored row has none
    np.testing.assert_allclose(bars[0].amounts, np.exp(logs[0]), rtol=1e-12)
    raw = losscli.explain("nll", input=[[5.0, 2.0]], target=[0])
    assert not of_kind(raw, Bars)


def test_shares_are_of_all_rows() -> None:
    explanation = losscli.explain(
        "mse", input=[1.0, 2.0, 3.0, 4.0, 5.0], target=np.zeros(5), rows=[4, 0]
    )
    (bars,) = of_kind(explanation, Bars)
    assert bars.labels == ("element 4", "element 0", "3 other elements")
    assert bars.amounts == pytest.approx((25 / 55, 1 / 55, 29 / 55))
    again = losscli.explain("mse", input=[1.0, 2.0], target=[0.0, 0.0], rows=[1, 1])
    assert sum(of_kind(again, Bars)[0].amounts) == pytest.approx(1)


@pytest.mark.parametrize("loss", NAMES)
def test_bars_never_add_up_to_anything_but_everything(loss: str) -> None:
    @settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(cases(loss, "ordinary"))
    def all_of_it(case: Any) -> None:
        for bars in of_kind(case.explain(), Bars):
            assert math.isclose(sum(bars.amounts), 1, abs_tol=0.02)
            assert all(0 <= amount <= 1 for amount in bars.amounts)
            assert len(bars.labels) == len(bars.amounts) <= 7

    all_of_it()


# ---- curves


@pytest.mark.parametrize("loss", CURVES)
def test_the_curve_is_the_loss_and_its_slope(loss: str) -> None:
    along = CURVES[loss]
    explanation = sample(loss, reduction="none")
    (curve,) = of_kind(explanation, Curve)
    assert np.isfinite([curve.at, curve.loss, curve.slope]).all()
    assert list(curve.at) == sorted(curve.at)
    tensors = {along.moves: np.array(curve.at), **dict(curve.fixed)}
    tensors |= {along.less: 0.0} if along.less else {}
    tensors |= {along.times: 1.0} if along.times else {}
    whole = {name: np.broadcast_to(value, len(curve.at)) for name, value in tensors.items()}
    arguments = {**whole, **explanation.problem.options, "reduction": "none"}
    np.testing.assert_array_equal(curve.loss, losscli.compute(loss, **arguments))
    slope = losscli.grad(loss, wrt=along.moves, **arguments)[along.moves]
    np.testing.assert_array_equal(curve.slope, slope)


@pytest.mark.parametrize("loss", CURVES)
def test_the_points_are_the_rows(loss: str) -> None:
    explanation = sample(loss, reduction="none")
    (curve,) = of_kind(explanation, Curve)
    assert curve.points
    values = explanation.problem.terms()
    names = [explanation.row_name(k) for k in range(len(explanation.rows))]
    for point in curve.points:
        value = values[explanation.rows[names.index(point.name)]]
        assert math.isclose(point.loss, value, rel_tol=1e-12)
        i = curve.at.index(point.at)
        assert (curve.loss[i], curve.slope[i]) == (point.loss, point.slope)


def test_kink_and_point_are_both_seen() -> None:
    explanation = losscli.explain("huber", input=[50.0], target=[0.0], delta=2.0)
    (curve,) = of_kind(explanation, Curve)
    assert curve.at[0] < -2 and curve.at[-1] > 50
    assert {-2.0, 2.0, 0.0, 50.0} <= set(curve.at)


def test_rows_on_another_curve_are_left_out() -> None:
    explanation = losscli.explain("hinge-embedding", input=[0.5, 0.5, 0.2], target=[1, -1, 1])
    (curve,) = of_kind(explanation, Curve)
    assert [point.name for point in curve.points] == ["pair 0", "pair 2"]
    assert curve.fixed == (("target", 1.0),)


# ---- lattices


def alignments(emitted: Any, skips: Any) -> Any:
    """Every way through a small lattice with its log-probability."""
    frames, places = emitted.shape
    for path in itertools.product(range(places), repeat=frames):
        steps = [b - a for a, b in itertools.pairwise(path)]
        able = all(
            d in (0, 1) or (d == 2 and skips[b]) for d, b in zip(steps, path[1:], strict=True)
        )
        if able and path[0] < 2 and path[-1] >= places - 2:
            yield path, sum(emitted[t, s] for t, s in enumerate(path))


@pytest.mark.parametrize("target", [[], [1], [1, 2], [1, 1], [2, 1, 1]])
@pytest.mark.parametrize("frames", [1, 3, 5])
def test_the_best_alignment_is_the_best_of_all(target: list[int], frames: int) -> None:
    labels = np.zeros(2 * len(target) + 1, int)
    labels[1::2] = target
    skips = np.zeros(len(labels), bool)
    skips[2:] = labels[2:] != labels[:-2]
    logs = log_softmax(np.random.default_rng(frames).normal(size=(frames, 3)))
    emitted = logs[:, labels]
    found = list(alignments(emitted, skips))
    pictures = of_kind(
        losscli.explain(
            "ctc",
            log_probs=logs,
            targets=target,
            input_lengths=frames,
            target_lengths=len(target),
        ),
        Lattice,
    )
    if not found:
        assert not pictures  # the target does not fit
        return
    path, logp = best_alignment(emitted, skips)
    best = max(found, key=lambda way: way[1])
    assert tuple(path) == best[0] and math.isclose(logp, best[1])
    (lattice,) = pictures
    assert lattice.best == best[0]
    assert lattice.share == pytest.approx(math.exp(best[1]) / sum(math.exp(p) for _, p in found))
    heat = np.zeros((len(labels), frames))
    for way, p in found:
        heat[way, range(frames)] += math.exp(p)
    np.testing.assert_allclose(lattice.heat, heat / sum(math.exp(p) for _, p in found), atol=1e-12)


@pytest.mark.parametrize("gradient", [True, False])
def test_every_frame_is_somewhere(gradient: bool) -> None:
    (lattice,) = of_kind(ctc(8, [1, 2, 2], gradient=gradient), Lattice)
    np.testing.assert_allclose(np.sum(lattice.heat, axis=0), np.ones(8))
    assert (lattice.symbols, lattice.repeats, lattice.shortest) == (3, 1, 4)
    assert lattice.skips == {3}
    assert lattice.labels == ("blank", "1", "blank", "2", "blank", "2", "blank")


def test_the_shortest_that_could_work_works_and_a_shorter_one_does_not() -> None:
    for target in ([1, 2], [1, 1], [1, 2, 1], [2, 2, 2, 1]):
        (lattice,) = of_kind(ctc(9, target), Lattice)
        assert math.isfinite(ctc(lattice.shortest, target).value)
        assert math.isinf(ctc(lattice.shortest - 1, target).value)


def test_of_a_long_lattice_the_ends_are_drawn() -> None:
    (lattice,) = of_kind(ctc(90, [1, 2, 3] * 8), Lattice)
    assert lattice.frames == (*range(12), *range(78, 90))
    assert lattice.places == (*range(12), *range(37, 49))
    assert lattice.length == 90
    assert len(lattice.heat) == 24 and all(len(line) == 24 for line in lattice.heat)
    lines = text_of(sketch(lattice, 100))
    assert all(len(line) <= 100 for line in lines)
    assert "⋯" in lines[0]


# ---- where there is nothing to see


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("kind", ["special", "extreme", "ties"])
def test_nothing_is_drawn_that_is_not_finite(loss: str, kind: str) -> None:
    @settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(cases(loss, kind))
    def all_of_it(case: Any) -> None:
        for _, picture in case.explain().pictures:
            match picture:
                case Bars():
                    assert np.isfinite(picture.amounts).all()
                case Curve():
                    spots = [(p.at, p.loss, p.slope) for p in picture.points]
                    assert np.isfinite([picture.at, picture.loss, picture.slope]).all()
                    assert np.isfinite(spots).all()
                case Lattice():
                    assert np.isfinite(picture.heat).all() and math.isfinite(picture.share)
            assert "nan" not in drawing.svg(picture) and "inf" not in drawing.svg(picture)
            for ascii in (False, True):
                assert all(len(line) <= 60 for line in text_of(sketch(picture, 60, ascii)))

    all_of_it()


def test_no_rows_no_pictures() -> None:
    assert not losscli.explain("huber", input=[], target=[]).pictures
    assert not losscli.explain("mse", input=[np.nan], target=[1.0]).pictures
    assert not losscli.explain("cross-entropy", input=[[np.inf, 0.0]], target=[0]).pictures
    assert not losscli.explain("huber", input=[1.0], target=[0.0], pictures=False).pictures


def test_pictures_cost_no_more_beside_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from losscli.engine import Problem

    seen: list[int] = []
    plain = Problem.terms
    monkeypatch.setattr(Problem, "terms", lambda self: seen.append(self.count) or plain(self))
    for rows in (3, 100_000):
        x = np.linspace(-1, 1, rows)
        losscli.explain("huber", input=x, target=0 * x)
    assert len(seen) == 2 and max(seen) < 200


# ---- drawn with characters


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_page(loss: str, width: int) -> None:
    explanation = sample(loss)
    lines = explanation.to_text(width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("loss", NAMES)
def test_ascii_is_ascii(loss: str) -> None:
    for _, picture in sample(loss).pictures:
        for width in (50, 90):
            lines = text_of(sketch(picture, width, ascii=True))
            assert all(line.isascii() and len(line) <= width for line in lines)


def test_a_bar_is_as_long_as_its_amount() -> None:
    bars = Bars("p", ("a", "b", "c"), (0.5, 0.0, 0.001), frozenset({1}), "target")
    title, a, b, c, key = text_of(sketch(bars, 100))
    whole = 28
    assert title == "p" and a.count("█") == whole / 2
    assert b == "▸ b   0" and key == "▸ target"
    assert "▏" in c  # what is not 0 is seen


def test_bars_beside_each_other_compare() -> None:
    bars = [Bars("one", ("a",), (1.0,)), Bars("another", ("longer",), (1.0,))]
    (_, line) = text_of(gallery(bars, 70))
    first, second = re.findall("█+", line)
    assert first == second


def test_every_point_is_on_the_curve_that_is_drawn() -> None:
    curve = of_kind(sample("huber"), Curve)[0]
    lines = text_of(sketch(curve, 90))
    assert sum(line.count("●") for line in lines) == 2 * len(curve.points) + 1
    assert lines[-1] == "across: input − target; ● element 0 at −1, element 1 at 2, element 2 at 10"
    assert len(lines) <= 11
    labels = [(i, line.split()[0]) for i, line in enumerate(lines) if "┤" in line]
    assert labels == [(1, "20"), (4, "10"), (7, "0")]  # as far apart as they say


def test_the_lattice_shows_the_way() -> None:
    logs = np.log([[0.2, 0.6, 0.2], [0.3, 0.4, 0.3], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]])
    explanation = losscli.explain(
        "ctc", log_probs=logs, targets=[1, 2], input_lengths=4, target_lengths=2
    )
    lines = [line.rstrip() for line in text_of(sketch(of_kind(explanation, Lattice)[0], 90))]
    assert lines[:6] == [
        "sample      0      1      2      3",
        "0 blank    ░░░░   ░░░░",
        "1 1       [████]→[▒▒▒▒]↘ ░░░░",
        "2 blank           ░░░░   ░░░░",
        "3 2     ↷         ░░░░  [████]↘ ▒▒▒▒",
        "4 blank                  ░░░░  [▓▓▓▓]",
    ]
    assert lines[6] == "sample: best alignment, 19 % of all: 1 1 2 blank"
    assert lines[7] == "sample: needs 2 frames at least: 2 labels; there are 4"


def test_pictures_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", "huber", "-i", "1,2", "-t", "0,0"]
    assert run([*command, "--no-pictures"]) == 0
    without = capsys.readouterr().out
    assert run(command) == 0
    assert "█" not in without and "█" in capsys.readouterr().out


# ---- drawn as vector graphics


def check_svg(text: str) -> ElementTree.Element:
    """Well-formed, and nothing that is fetched or run."""
    root = ElementTree.fromstring(text)
    assert root.tag.rpartition("}")[2] == "svg"
    rest = text.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in rest and "url(" not in rest and "@import" not in rest
    assert not re.search(r"<script|<image|<use|href|\bon\w+=", rest)
    names = [child.tag.rpartition("}")[2] for child in root]
    assert names[:2] == ["title", "desc"]
    return root


@pytest.mark.parametrize("loss", NAMES)
def test_every_picture_is_a_fragment_that_needs_nothing(loss: str) -> None:
    for _, picture in sample(loss).pictures:
        root = check_svg(drawing.svg(picture))
        left, top, wide, high = map(float, root.attrib["viewBox"].split())
        for element in root.iter():
            tag = element.tag.rpartition("}")[2]
            if tag in ("rect", "circle", "text"):
                x = float(element.get("x", element.get("cx", "0")))
                y = float(element.get("y", element.get("cy", "0")))
                assert left <= x <= left + wide and top <= y <= top + high


@pytest.mark.parametrize("loss", NAMES)
def test_the_page_is_a_picture_that_needs_nothing(loss: str) -> None:
    explanation = sample(loss)
    text = explanation.to_svg()
    root = check_svg(text)
    assert "prefers-color-scheme:dark" in text
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        length = float(element.get("textLength", "0"))
        assert float(element.attrib["x"]) + length <= wide
        assert float(element.attrib["y"]) <= high
    words = "".join("".join(root.itertext()).split())
    for line in explanation.to_text(width=100).splitlines():
        said = re.sub(r"[\s─-▟\u2800-\u28ff●]", "", line)
        assert said in words or any(c in line for c in "●▒↷")


def test_a_drawn_page_goes_where_it_is_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "worked.svg"
    with chdir(ROOT):
        assert run(["explain", "ctc", "samples/ctc.yaml", "--output", str(out)]) == 0
    check_svg(out.read_text("utf-8"))


def test_hostile_names_stay_text() -> None:
    name = "</text><script>alert('x')</script>&\"\x00\x1b[31m"
    bars = Bars(name, (name, "b"), (0.5, 0.5), frozenset({0}), name)
    root = check_svg_of_hostile(drawing.svg(bars))
    assert root.get("aria-label", "").startswith("</text><script>")
    from losscli.engine import Problem
    from losscli.explanation import explain
    from losscli.losses import load

    problem = Problem(load("cross-entropy"), {"input": [[1.0, 2.0]], "target": [0]})
    explanation = explain(problem, names={"classes": [name, "b"]})
    check_svg_of_hostile(explanation.to_svg())


def check_svg_of_hostile(text: str) -> ElementTree.Element:
    """Well-formed, without an element that came from a name."""
    root = ElementTree.fromstring(text)
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert "\x00" not in text and "\x1b" not in text
    return root
