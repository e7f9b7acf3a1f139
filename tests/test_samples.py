"""The samples: there is one for each loss, their values are right, and they can be made again."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from losscli import cli
from losscli.files import Case, read_case
from losscli.losses import NAMES

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
CASES = sorted(path.name for path in SAMPLES.glob("*.yaml"))
REAL = ("diabetes", "digits", "traits")
README = (SAMPLES / "README.md").read_text("utf-8")
SCRIPT = (SAMPLES / "make.py").read_text("utf-8")
COMMANDS = [f"losscli explain {name} samples/{name}.yaml" for name in NAMES]
COMMANDS += sorted({*re.findall(r"`(losscli [^`]+)`", README)} - {*COMMANDS})
PINS = re.findall(r'^#   "([\w-]+)==([\w.]+)",$', SCRIPT, re.MULTILINE)

Losscli = Callable[..., str]


@pytest.fixture
def losscli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Losscli:
    """Runs a command from the top folder; it must succeed and print, without a warning."""
    monkeypatch.chdir(ROOT)

    def run(*args: str) -> str:
        code = cli.run(list(args))
        out, err = capsys.readouterr()
        assert code == 0, err
        assert "warning" not in err
        assert out.strip()
        return out

    return run


# ---- every case


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_a_sample(name):
    assert f"{name}.yaml" in CASES, (
        f"{name} has no sample: add samples/{name}.yaml with 2 to 4 rows, `loss: {name}`, a comment "
        "on what to look at and an empty `expect:`, which samples/make.py fills in."
    )


@pytest.mark.parametrize("name", CASES)
def test_value_is_what_pytorch_gives(name, losscli):
    case = read_case(str(SAMPLES / name))
    assert case.expect is not None, f"{name} has no value: run samples/make.py, which fills it in."
    value = float(losscli("compute", loss_of(case), f"samples/{name}"))
    assert value == pytest.approx(case.expect, rel=1e-13)


@pytest.mark.parametrize("name", sorted({*CASES} - {f"{name}.yaml" for name in REAL}))
def test_small_ones_are_named_after_their_loss_and_fit_on_a_screen(name, losscli):
    path = SAMPLES / name
    loss = loss_of(read_case(str(path)))
    assert path.stem == loss
    compute = ("compute", loss, f"samples/{name}", "--reduction", "none", "--format", "json")
    assert 2 <= len(json.loads(losscli(*compute))) <= 4
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100


def test_ctc_is_given_log_probabilities():
    frames = np.array(read_case(str(SAMPLES / "ctc.yaml")).values["log_probs"])
    np.testing.assert_allclose(np.exp(frames).sum(-1), 1, rtol=1e-15)


# ---- real predictions


def test_digits():
    logits, labels = columns("digits", 2, 12), columns("digits", 1)[:, 0]
    header = rows("digits")[0]
    target = np.array([header[2:].index(label) for label in labels])
    logits = logits.astype(float)
    shifted = logits - logits.max(1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    assert expected("digits") == pytest.approx(-logp[np.arange(len(target)), target].mean())
    assert 100 <= len(target) <= 450
    assert 0.9 < (logits.argmax(1) == target).mean() < 1


def test_traits():
    logits, target = columns("traits", 1, 4).astype(float), columns("traits", 4, 7).astype(int)
    p = 1 / (1 + np.exp(-logits))
    loss = -np.log(np.where(target == 1, p, 1 - p)).mean()
    assert expected("traits") == pytest.approx(loss)
    right = ((logits > 0) == target).mean(0)
    assert ((right > 0.9) & (right < 1)).all()


def test_diabetes():
    mean, variance, target = columns("diabetes", 1, 4).astype(float).T
    loss = 0.5 * (np.log(variance) + (mean - target) ** 2 / variance)
    assert expected("diabetes") == pytest.approx(loss.mean())
    assert 100 <= len(target) <= 450
    # the variances are of the right size: errors in units of them have a variance near 1
    assert 0.8 < ((mean - target) ** 2 / variance).mean() < 1.25


def test_explanation_names_the_digits(losscli):
    page = losscli("explain", "cross-entropy", "samples/digits.yaml", "--top", "1", "--no-grad")
    assert re.search(r"y = 4\s+four", page)


# ---- how they are made and described


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_on_the_samples_work(command, losscli):
    losscli(*shlex.split(command)[1:])


def test_readme_names_every_file():
    """But for a loss's own, which is named after it, as the page says."""
    here = {path.name for path in SAMPLES.iterdir() if path.is_file()} - {"README.md"}
    named = set(re.findall(r"`([\w-]+\.\w+)`", README))
    assert here - {f"{name}.yaml" for name in NAMES} <= named <= here


def test_versions_are_recorded():
    assert {"numpy", "scikit-learn", "scipy", "torch"} <= dict(PINS).keys()
    recorded = re.findall(r"([\w-]+)==([\w.]+\w)", README)
    assert set(recorded) == set(PINS) - {("pyyaml", dict(PINS)["pyyaml"])}


def test_made_again_they_are_the_same(tmp_path):
    other = [f"{name} {version}" for name, version in PINS if installed(name) != version]
    if other:
        pytest.skip(f"make.py wants {', '.join(other)}")
    again = shutil.copytree(SAMPLES, tmp_path / "samples", ignore=lambda *_: ["__pycache__"])
    shutil.copytree(ROOT / "tests" / "golden", tmp_path / "tests" / "golden")
    for path in again.glob("*.csv"):
        path.unlink()
    for path in again.glob("*.yaml"):
        path.write_text(re.sub("(?m)^expect:.*", "expect:", path.read_text("utf-8")), "utf-8")
    subprocess.run([sys.executable, str(again / "make.py")], check=True)
    for path in sorted(SAMPLES.iterdir()):
        if path.is_file():
            assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def loss_of(case: Case) -> str:
    assert case.loss is not None, f"{case.origin} does not say `loss:`."
    return case.loss


def expected(name: str) -> float:
    value = read_case(str(SAMPLES / f"{name}.yaml")).expect
    assert value is not None
    return value


def rows(name: str) -> list[list[str]]:
    with (SAMPLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def columns(name: str, start: int, stop: int | None = None) -> NDArray[np.str_]:
    """The columns from `start` to before `stop`, below the header, as they are written."""
    return np.array(rows(name)[1:])[:, start : stop or start + 1]


def installed(package: str) -> str | None:
    """The version, without what says how it was built (2.13.0+cpu)."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize("verb", ["compute", "grad", "explain"])
@pytest.mark.parametrize("name", NAMES)
def test_every_verb_takes_every_sample(verb: str, name: str) -> None:
    assert cli.run([verb, name, str(SAMPLES / f"{name}.yaml")]) == 0


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_every_sample_is_that_of_central_differences(name: str) -> None:
    loss = loss_of(read_case(str(SAMPLES / name)))
    assert cli.run(["grad", loss, str(SAMPLES / name), "--check"]) == 0
