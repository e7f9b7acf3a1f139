# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "pyyaml==6.0.3",
#   "scikit-learn==1.9.1",
#   "scipy==1.17.1",
#   "torch==2.13.0",
# ]
# ///
"""Makes the real predictions in this folder, and puts PyTorch's value in the `expect:` of every case.

    uv run samples/make.py

The versions above made the files that are here; with them it writes the same bytes again. A new case
needs only an `expect:` line: this fills it in. Nothing of losscli is used, so that the files can
test it; how PyTorch is asked is written in tests/golden/make.py.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable
from fnmatch import filter as matching
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from golden.make import CASES, Numbers, answer  # noqa: E402

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAITS = {"even": (0, 2, 4, 6, 8), "prime": (2, 3, 5, 7), "loop": (0, 6, 8, 9)}


def main() -> None:
    """Everything, in this order: the cases read the tables."""
    make_digits()
    make_diabetes()
    for case in sorted(HERE.glob("*.yaml")):
        fill_in_expect(case)


def make_digits() -> None:
    """Which digit an image of 8 x 8 pixels shows, and what is true of that digit."""
    images, digit = load_digits(return_X_y=True)
    images = images / 16
    train, test = train_test_split(
        np.arange(len(digit)), test_size=200, stratify=digit, random_state=0
    )

    def scores(labels: np.ndarray) -> np.ndarray:
        # so tight that another machine gets the same four decimals
        model = LogisticRegression(solver="newton-cg", tol=1e-10, max_iter=1000)
        return model.fit(images[train], labels[train]).decision_function(images[test])

    logits = decimals(scores(digit), 4)
    words = (DIGITS[label] for label in digit[test])
    rows = ([sample, word, *row] for sample, word, row in zip(test, words, logits, strict=True))
    write("digits.csv", ["sample", "label", *DIGITS], rows)

    true = {name: np.isin(digit, members) for name, members in TRAITS.items()}
    columns = [decimals(scores(labels), 4) for labels in true.values()]
    columns += [labels[test].astype(int) for labels in true.values()]
    header = [f"{prefix}_{name}" for prefix in ("logit", "is") for name in TRAITS]
    write("traits.csv", ["sample", *header], zip(test, *columns, strict=True))


def make_diabetes() -> None:
    """How far a patient's diabetes has come after a year: mean and variance by a forest.

    A forest weighs the patients it was trained on by how often they share a leaf with the new one
    (Meinshausen, "Quantile regression forests", 2006).
    """
    patients, target = load_diabetes(return_X_y=True)
    train, test = train_test_split(np.arange(len(target)), test_size=111, random_state=0)
    forest = RandomForestRegressor(200, min_samples_leaf=10, random_state=0)
    forest.fit(patients[train], target[train])
    together = forest.apply(patients[test])[:, None] == forest.apply(patients[train])
    weights = (together / together.sum(axis=1, keepdims=True)).mean(axis=-1)
    mean = weights @ target[train]
    variance = weights @ target[train] ** 2 - mean**2
    rows = zip(test, decimals(mean, 2), decimals(variance, 1), target[test], strict=True)
    write("diabetes.csv", ["sample", "mean", "variance", "target"], rows)


def decimals(values: np.ndarray, places: int) -> np.ndarray:
    """Rounded; 0 rather than -0."""
    return values.round(places) + 0.0


def write(name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """A CSV; `sample` is the index of the row in scikit-learn's data set."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def fill_in_expect(path: Path) -> None:
    """Replace what stands behind `expect:` by PyTorch's value."""
    text = path.read_text("utf-8")
    value = repr(pytorch_value(yaml.safe_load(text)))
    path.write_text(re.sub(r"(?m)^expect:.*$", f"expect: {value}", text), "utf-8", newline="\n")


def pytorch_value(case: dict[str, Any]) -> float:
    """What PyTorch gives in float64."""
    loss = case["loss"]
    golden = next(CASES[loss](Numbers(0)))["tensors"]  # says which tensors are indices
    tensors, options = {}, {}
    for name in case.keys() - {"loss", "expect", "reduction"}:
        value = case[name]
        if isinstance(value, str) and "#" in value:
            value = columns_of(value)
        if not isinstance(value, list):
            options[name] = value
        elif name in golden and golden[name].dtype.kind == "i":
            tensors[name] = np.array(value)
        else:
            tensors[name] = np.array(value, float)
    value, _ = answer(loss, tensors, options, case.get("reduction", "mean"))
    return float(value)


def columns_of(source: str) -> list[Any]:
    """The columns that `file.csv#name,na*` stands for; digits in words as class indices."""
    name, _, selector = source.partition("#")
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    picked = [header.index(one) for item in selector.split(",") for one in matching(header, item)]
    table = [[number(row[column]) for column in picked] for row in rows]
    return table if len(picked) > 1 else [row[0] for row in table]


def number(text: str) -> float:
    return DIGITS.index(text) if text in DIGITS else float(text)


if __name__ == "__main__":
    main()
