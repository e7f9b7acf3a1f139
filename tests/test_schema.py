"""`explain --format json` is what its JSON Schema says, and says nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import chdir
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from strategies import cases
from test_golden import arguments, every_case

import losscli
from losscli.cli import run
from losscli.losses import NAMES, load
from losscli.pytorch import class_of

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads(files("losscli.render").joinpath("explanation.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def valid(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    data: dict[str, Any] = json.loads(text, parse_constant=refuse)
    VALIDATOR.validate(data)
    return data


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object, wherever it stands."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_schema_is_one_and_lets_nothing_drift() -> None:
    VALIDATOR.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for schema in objects(SCHEMA):
        assert "additionalProperties" in schema, schema
    data = valid(losscli.explain("mse", input=[1.0], target=0).to_json())
    for at in (data, data["reduction"], data["steps"][0], data["steps"][0]["lines"][0]):
        at["more"] = 1
        assert not VALIDATOR.is_valid(data)
        del at["more"]
    assert VALIDATOR.is_valid(data)


def test_everything_is_described() -> None:
    for name, schema in SCHEMA["properties"].items():
        assert schema.get("description"), name


@pytest.mark.parametrize("path", sorted((ROOT / "samples").glob("*.yaml")), ids=lambda p: p.stem)
def test_samples(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (loss,) = (s.split()[1] for s in path.read_text("utf-8").splitlines() if s.startswith("loss:"))
    with chdir(ROOT):
        assert run(["explain", loss, str(path), "--format", "json"]) == 0
    data = valid(capfd.readouterr().out)
    assert data["loss"] == loss and data["references"]
    assert (data["torch"] is None) == (class_of(load(loss)) is None)


@pytest.mark.parametrize(("loss", "case"), list(every_case()))
def test_golden_cases(loss: str, case: dict[str, Any]) -> None:
    valid(losscli.explain(loss, **arguments(case), wrt="all").to_json())


@pytest.mark.parametrize("kind", ["ordinary", "special"])
@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=max(15, settings().max_examples // 4))
@given(data=st.data())
def test_any_call(loss: str, kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(loss, kind, data.draw(st.sampled_from(["float64", "float32"]))))
    valid(case.explain().to_json())


def test_what_is_not_finite_has_a_name() -> None:
    data = valid(losscli.explain("mse", input=[np.inf, np.nan], target=[0.0, 0.0]).to_json())
    assert data["value"] == "NaN" and data["gradients"]["input"] == ["Infinity", "NaN"]
    assert data["reduction"]["none"] == ["Infinity", "NaN"]
    assert valid(losscli.explain("mse", input=[], target=[]).to_json())["value"] == "NaN"


def test_large_input_stays_out() -> None:
    big = np.broadcast_to(0.5, (400, 300))
    data = valid(losscli.explain("mse", input=big, target=big + 1).to_json())
    assert data["gradients"] == {"input": None} and data["torch"] is None
    assert data["reduction"]["none"] is None
