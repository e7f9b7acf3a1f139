"""The PyTorch code of an explanation: it compiles, runs, and gives what losscli gives.

Running it needs PyTorch, and LOSSCLI_REQUIRE_TORCH=1 makes a missing one a failure.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from contextlib import chdir
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import apart, as_array, cases
from test_golden import TOLERANCE, arguments, every_case

import losscli
from losscli import LosscliError
from losscli.cli import run
from losscli.engine import Problem
from losscli.explanation import explain
from losscli.losses import NAMES, load
from losscli.parameters import Array, Rows, Tensor, read_signature
from losscli.pytorch import FEW, MOST, class_of
from losscli.work import Show, Terms, quiet

ROOT = Path(__file__).parent.parent
if os.environ.get("LOSSCLI_REQUIRE_TORCH") == "1":
    assert importlib.util.find_spec("torch"), "LOSSCLI_REQUIRE_TORCH is set, but there is no torch"
needs_torch = pytest.mark.skipif(
    not importlib.util.find_spec("torch"), reason="there is no torch to run the code with"
)


def loss_of(path: Path) -> str:
    return re.findall(r"(?m)^loss: (\S+)", path.read_text("utf-8"))[0]


THERE = [name for name in NAMES if class_of(load(name))]  # a loss may be one that torch.nn has not
SAMPLES = [path for path in sorted((ROOT / "samples").glob("*.yaml")) if loss_of(path) in THERE]


def code_of_case(path: Path, capfd: pytest.CaptureFixture[str], *more: str) -> str:
    """What `losscli explain ... --torch` prints, from the top folder; nothing else."""
    with chdir(ROOT):
        assert run(["explain", loss_of(path), f"samples/{path.name}", "--torch", *more]) == 0
    out, err = capfd.readouterr()
    assert not err
    compile(out, path.name, "exec")
    return out


def ran(code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names that a script leaves behind, and what it printed by name."""
    said: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        said[name] = value

    space: dict[str, Any] = {"print": note}
    with warnings.catch_warnings(), chdir(ROOT):
        warnings.simplefilter("ignore")
        exec(compile(code, "script", "exec"), space)
    return space, said


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_code_of_samples_compiles(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert code_of_case(path, capfd).startswith("import ")
    assert "backward" not in code_of_case(path, capfd, "--no-grad")


@needs_torch
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = code_of_case(path, capfd)
    space, said = ran(code)
    loss = load(loss_of(path))
    with chdir(ROOT):
        assert run(["compute", loss.name, f"samples/{path.name}"]) == 0
        assert float(capfd.readouterr().out) == pytest.approx(said["loss"], rel=1e-13)
        for name in loss.predicted:
            assert run(["grad", loss.name, str(path), "--wrt", name, "--format", "json"]) == 0
            found = np.array(eval(capfd.readouterr().out))
            assert not apart(space[name].grad.numpy(), found, 1e-9), name


@needs_torch
@pytest.mark.parametrize(("loss", "case"), [one for one in every_case() if one.values[0] in THERE])
def test_golden_cases(loss: str, case: dict[str, Any]) -> None:
    given = arguments(case)
    above = case.get("grad_output")
    code = losscli.explain(loss, **given, wrt="all").to_torch()
    if above is not None:
        from losscli import pytorch

        reduction = given.pop("reduction")
        problem = losscli._problem(loss, reduction, "auto", None, given)
        code = pytorch.code(problem, problem.wrt(["all"]), as_array(above, float))
    _, said = ran(code)
    tolerance = TOLERANCE[case["dtype"]]
    value = as_array(case["value"], case["dtype"])
    assert not apart(np.reshape(said.pop("loss"), value.shape), value, tolerance)
    assert {name.removeprefix("d_") for name in said} == set(case["gradients"])
    for name, expected in case["gradients"].items():
        assert not apart(
            np.reshape(said[f"d_{name}"], np.shape(as_array(expected))),
            as_array(expected, case["dtype"]),
            tolerance,
        ), name


@needs_torch
@pytest.mark.parametrize("kind", ["ordinary", "special", "extreme"])
@pytest.mark.parametrize("loss", THERE)
@settings(max_examples=max(20, settings().max_examples // 3))
@given(data=st.data())
def test_every_number_arrives(loss: str, kind: str, data: st.DataObject) -> None:
    """The code has the numbers, parameters and reductions of any call, nan and inf among them."""
    from golden.make import REFUSED, answer

    dtype = data.draw(st.sampled_from(["float64", "float32"]), label="dtype")
    case = data.draw(cases(loss, kind, dtype), label="case")
    problem = case.problem()
    tensors = {
        name: array.astype(problem.type_of(name)) if array.dtype.kind == "f" else array
        for name, array in problem.tensors.items()
    }
    for name, array in tensors.items():
        if load(loss).tensors[name].tensor.holds == "numbers" and array.dtype.kind in "iu":
            tensors[name] = array.astype(problem.dtype)
    try:
        value, gradients = answer(loss, tensors, case.options, case.reduction)
    except REFUSED:
        assume(False)
    # of no rows, PyTorch's margin losses return what lies in memory
    assume(problem.count or loss not in ("multi-margin", "multi-label-margin"))
    from losscli import pytorch

    wrt = [name for name in problem.wrt(["all"]) if name in gradients]
    _, said = ran(pytorch.code(problem, wrt))
    same = 1e-15 if dtype == "float64" else 1e-6
    assert not apart(np.reshape(said.pop("loss"), np.shape(value)), value, same)
    for name in wrt:
        expected = gradients[name]
        found = np.reshape(said[f"d_{name}"], expected.shape).astype(expected.dtype)
        assert not apart(found, expected, same, 1e-300), name


@needs_torch
@pytest.mark.parametrize("loss", THERE)
def test_every_class_of_pytorch(loss: str) -> None:
    import torch

    assert hasattr(torch.nn, class_of(load(loss)) or "")
    assert len(THERE) >= 21


def plain(
    input: Annotated[Array, Tensor("predictions", "(*)", predicted=True)],
    *,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(*)")]:
    """The input itself, which torch.nn has not."""
    return Terms(show("l = input", input), lambda share: {"input": lambda: share})


def test_a_loss_that_pytorch_has_not() -> None:
    problem = Problem(read_signature("plain", plain), {"input": [1.0, 2.0]})
    explanation = explain(problem)
    with pytest.raises(LosscliError, match=r"plain: torch\.nn has no such loss"):
        explanation.to_torch()
    assert explanation.to_dict()["torch"] is None


def many(folder: Path) -> dict[str, Any]:
    """A million odd numbers are too many to write out: files of every kind that the code reads."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3)).astype(np.float32)
    np.save(folder / "x.npy", x)
    np.savez(folder / "both.npz", x=x, y=np.arange(150) % 3)
    words = np.array(["cat", "dog", "bird"])[np.arange(150) % 3]
    lines = [
        f'"a, {i}",{",".join(map(repr, map(float, row)))},{word}'
        for i, (row, word) in enumerate(zip(x, words, strict=True))
    ]
    (folder / "t.csv").write_text("id,cat,dog,bird,label\n" + "\n".join(lines) + "\n")
    (folder / "t.tsv").write_text("\n".join("\t".join(map(str, row)) for row in x.tolist()) + "\n")
    (folder / "case.yaml").write_text("input: both.npz#x\ntarget: both.npz#y\n")
    columns = [f"{','.join(map(repr, row))},{i % 3}" for i, row in enumerate(x.tolist())]
    (folder / "case.csv").write_text("input_0,input_1,input_2,target\n" + "\n".join(columns))
    return {"input": x, "target": np.arange(150) % 3}


@needs_torch
@pytest.mark.parametrize(
    "arguments",
    [
        ("-i", "x.npy", "-t", "both.npz#y"),
        ("-i", "both.npz#x", "-t", "both.npz#y", "--dtype", "float64"),
        ("-i", "t.csv#cat,dog,bird", "-t", "t.csv#label"),
        ("-i", "t.tsv", "-t", "both.npz#y", "--dtype", "float32"),
        ("case.yaml",),
        ("case.csv",),
    ],
)
def test_many_numbers_are_read_from_their_files(
    arguments: tuple[str, ...],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = losscli.compute("cross-entropy", **many(tmp_path), dtype="float64")
    monkeypatch.chdir(tmp_path)
    assert run(["explain", "cross-entropy", *arguments, "--torch"]) == 0
    out, err = capfd.readouterr()
    assert not err and len(out) < 1500
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    space, said = ran(out)
    assert said["loss"] == pytest.approx(float(expected), rel=1e-6)
    assert space["input"].grad.shape == (150, 3)
    single = "float32" in arguments or "x.npy" in arguments or "case.yaml" in arguments
    assert str(space["L"].dtype) == f"torch.float{32 if single else 64}"


def test_too_many_numbers_from_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    explanation = losscli.explain("mse", input=np.zeros(MOST + 1), target=0.0)
    with pytest.raises(LosscliError, match=f"input has {MOST + 1} numbers, too many"):
        explanation.to_torch()
    assert explanation.to_dict()["torch"] is None
    fine = losscli.explain("mse", input=np.zeros(FEW + 1), target=0.0)
    assert fine.to_dict()["torch"] == fine.to_torch()


def distance(a: Any, b: Any) -> Any:
    return np.abs(a - b).sum(-1)


def test_a_distance_of_ones_own() -> None:
    row = np.zeros((1, 2))
    explanation = losscli.explain(
        "triplet-margin-with-distance", anchor=row, positive=row, negative=row, distance=distance
    )
    with pytest.raises(LosscliError, match="a NumPy function of your own"):
        explanation.to_torch()


def test_torch_is_a_format_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "mse", "-i", "1", "-t", "2", "--torch", "--format", "json"]) == 2
    assert "--torch and --format exclude each other" in capfd.readouterr().err


def test_torch_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "mse.py"
    assert run(["explain", "mse", "-i", "1", "-t", "2", "--torch", "--output", str(out)]) == 0
    assert out.read_text().startswith("import torch\n")


def test_numbers_that_are_none() -> None:
    code = losscli.explain("l1", input=[np.nan, np.inf, -0.0], target=[0, 1, 1j]).to_torch()
    assert '[float("nan"), float("inf"), -0.0]' in code
    assert "complex(0.0, 1.0)" in code
