"""The distances of triplet-margin-with-distance that are the user's own, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import losscli
from losscli import LosscliError, cli

LOSS = "triplet-margin-with-distance"
rng = np.random.default_rng(5)
THREE = {name: rng.normal(size=(5, 3)) for name in ("anchor", "positive", "negative")}
GIVEN: dict[str, Any] = {**THREE, "margin": 3.0}


def blocks(a: Any, b: Any) -> Any:
    """The Manhattan distance."""
    return np.abs(a - b).sum(axis=1)


def to_the_right(a: Any, b: Any) -> Any:
    """Not symmetric, and not of the difference alone."""
    return (np.exp(a) * (b - 1) ** 2).sum(axis=1)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    ("own", "name"),
    [
        (blocks, "manhattan"),
        (lambda a, b: ((a - b) ** 2).sum(1), "squared-euclidean"),
        (lambda a, b: np.sqrt(((a - b + 1e-6) ** 2).sum(1)), "euclidean"),
        (
            lambda a, b: 1 - (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)),
            "cosine",
        ),
    ],
)
def test_a_function_is_as_good_as_the_name(own: Any, name: str, swap: bool) -> None:
    given = {**GIVEN, "swap": swap}
    value = losscli.compute(LOSS, **given, distance=own)
    assert value == pytest.approx(losscli.compute(LOSS, **given, distance=name), rel=1e-14)
    named = losscli.grad(LOSS, **given, distance=name)
    for tensor, found in losscli.grad(LOSS, **given, distance=own).items():
        assert found == pytest.approx(named[tensor], abs=1e-9), tensor


def test_slopes_by_either_argument() -> None:
    a, p, n = THREE.values()
    found = losscli.grad(LOSS, **THREE, margin=1e3, distance=to_the_right, reduction="sum")
    by_first = np.exp(a) * ((p - 1) ** 2 - (n - 1) ** 2)
    assert found["anchor"] == pytest.approx(by_first, rel=1e-8, abs=1e-8)
    assert found["positive"] == pytest.approx(np.exp(a) * 2 * (p - 1), rel=1e-8, abs=1e-8)
    assert found["negative"] == pytest.approx(-np.exp(a) * 2 * (n - 1), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e200])
def test_steps_are_in_units_of_the_vectors(scale: float) -> None:
    scaled = {name: scale * array for name, array in THREE.items()}
    found = losscli.grad(LOSS, **scaled, margin=100 * scale, distance=blocks)
    named = losscli.grad(LOSS, **scaled, margin=100 * scale, distance="manhattan")
    for tensor, slopes in named.items():
        assert found[tensor] == pytest.approx(slopes, abs=1e-9)


@pytest.mark.parametrize("distance", [blocks, "cosine"])
def test_one_component_is_broadcast(distance: Any) -> None:
    narrow = {**GIVEN, "positive": THREE["positive"][:, :1]}
    wide = {**narrow, "positive": np.repeat(narrow["positive"], 3, 1)}
    assert losscli.compute(LOSS, **narrow, distance=distance) == pytest.approx(
        losscli.compute(LOSS, **wide, distance=distance), rel=1e-14
    )
    found = losscli.grad(LOSS, **narrow, distance=distance)["positive"]
    summed = losscli.grad(LOSS, **wide, distance=distance)["positive"].sum(1, keepdims=True)
    assert found == pytest.approx(summed, abs=1e-12)


def test_many_axes_are_one_for_the_function() -> None:
    shapes = []

    def seen(a: Any, b: Any) -> Any:
        shapes.append(a.shape)
        return blocks(a, b)

    cube = {name: rng.normal(size=(2, 4, 3)) for name in THREE}
    assert losscli.compute(LOSS, **cube, distance=seen, reduction="none").shape == (2, 4)
    assert set(shapes) == {(8, 3)}
    assert losscli.compute(LOSS, **cube, distance=seen, dtype="float32").dtype == np.float32


def test_the_arrays_stay_as_they_are() -> None:
    def careless(a: Any, b: Any) -> Any:
        a -= b
        return np.abs(a).sum(1)

    before = {name: array.copy() for name, array in THREE.items()}
    value = losscli.compute(LOSS, **GIVEN, distance=careless)
    assert value == losscli.compute(LOSS, **GIVEN, distance="manhattan")
    losscli.grad(LOSS, **GIVEN, distance=careless)
    assert all(np.array_equal(THREE[name], array) for name, array in before.items())


def test_the_explanation_says_so() -> None:
    explanation = losscli.explain(LOSS, **GIVEN, distance=blocks)
    data = json.loads(explanation.to_json())
    assert data["parameters"]["distance"].endswith(":blocks")
    steps = {step["name"]: step for step in data["steps"]}
    assert steps["dist_ap"]["equation"] == "dist_ap = blocks(anchor, positive)"
    assert steps["u_ap"]["note"] == "by central differences"
    for line in steps["dist_ap"]["lines"]:
        assert float(line["substituted"]) == line["value"]
    assert "by central differences" in explanation.to_text()
    assert "distance test_distances:blocks" in explanation.to_text(width=120)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder with a module, and a call on three numbers."""
    (tmp_path / "town_of_blocks.py").write_text(
        "import numpy as np\n\nnumber = 3\n\ndef blocks(a, b):\n    return np.abs(a - b).sum(1)\n"
    )
    (tmp_path / "town_in_ruins.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    return [LOSS, "--anchor", "[[0, 0]]", "--positive", "[[3, 4]]", "--negative", "[[1, 1]]"]


def test_a_function_in_the_current_folder(
    town: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["compute", *town, "--distance", "town_of_blocks:blocks"]) == 0
    assert capsys.readouterr() == ("6.0\n", "")
    assert cli.run(["grad", *town, "--distance", "town_of_blocks:blocks", "--check"]) == 0
    assert "town_of_blocks:blocks is differentiated by central differences" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("distance", "told"),
    [
        ("chebychev", "Did you mean chebyshev?"),
        ("nonsense", "Choose from euclidean"),
        ("minkowski", "as in minkowski:3"),
        ("minkowski:0", "a number above 0"),
        ("minkowski:nan", "a number above 0"),
        ("no_such_town:blocks", "no module 'no_such_town'"),
        ("town_of_blocks:houses", "has no 'houses'"),
        ("town_of_blocks:number", "not a function"),
        ("town_in_ruins:blocks", "ZeroDivisionError"),
        (":blocks", "no module"),
    ],
)
def test_refused(
    town: list[str], capsys: pytest.CaptureFixture[str], distance: str, told: str
) -> None:
    assert cli.run(["compute", *town, "--distance", distance]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"losscli: error: {LOSS}: distance is '{distance}'")
    assert told in err


@pytest.mark.parametrize(
    ("distance", "told"),
    [
        (3.0, "distance is 3.0; expected a name"),
        (lambda a, b: np.abs(a - b), r"an array \(5, 3\) of float64 .* expected \(5,\)"),
        (lambda a, b: 1.0, r"expected \(5,\), one distance for each row"),
        (lambda a, b: ["near"] * len(a), "expected"),
        (lambda a, b: a @ b, "raised ValueError"),
    ],
)
def test_refused_in_python(distance: Any, told: str) -> None:
    with pytest.raises(LosscliError, match=told):
        losscli.compute(LOSS, **GIVEN, distance=distance)
