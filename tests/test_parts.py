"""Parts of the rows: their records, how they merge, and that the cut does not matter."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MANY, Case, examples

import losscli
from losscli import engine
from losscli.cli import run
from losscli.errors import SourceError, UsageError
from losscli.losses import NAMES, load
from losscli.record import Record, merged, read_record, read_sum, record_of, sum_text
from losscli.reduction import ExactSum, Total, grouped

rng = np.random.default_rng(3)
ROOT = Path(__file__).parents[1]


@cache
def many(loss: str) -> list[Case]:
    """Calls of a loss with hundreds of rows, whose rows can be cut into parts."""
    return [case for case in examples(loss, MANY, least=400) if can_be_cut(case)]


def can_be_cut(case: Case) -> bool:
    """Whether there are several samples, and their targets do not stand one behind the other."""
    return case.problem().rows[:1] > (1,) and np.ndim(case.tensors.get("targets", [[]])) == 2


def part(case: Case, start: int, stop: int) -> Case:
    """Some of the rows of a case."""
    problem = case.problem()
    cut = {}
    for name, array in case.tensors.items():
        one = problem.laid[name]
        axis = int(name == "log_probs")
        whole = one.rowless or len(one.rows) < len(problem.rows) or one.rows[0] == 1
        cut[name] = array if whole else array[(slice(None),) * axis + (slice(start, stop),)]
    return case.replace(**cut)


def parts(case: Case, cuts: list[int]) -> list[Case]:
    """A case cut before these rows."""
    ends = [0, *sorted(cuts), case.problem().rows[0]]
    return [part(case, a, b) for a, b in zip(ends, ends[1:], strict=False)]


def record(case: Case, **more: Any) -> Record:
    """The record of a case, by way of its line."""
    return read_record(record_of(case.problem(**more)).line(), "there")


def together(records: list[Record]) -> Any:
    return merged([("there", one) for one in records]).value


# ---- sums


@given(st.floats())
def test_a_sum_reads_back(value: float) -> None:
    total = ExactSum.of(value) + ExactSum.of(1e-320)
    back = read_sum(sum_text(total))
    assert (back.units, str(back.special)) == (
        0 if total.special else total.units,
        str(total.special),
    )


def test_how_a_sum_is_written() -> None:
    assert sum_text(ExactSum.of(1.5)) == "0x3p-1"
    assert sum_text(ExactSum.of(-40.0)) == "-0x5p+3"
    assert sum_text(ExactSum()) == "0x0p+0"
    assert sum_text(ExactSum.of(-math.inf)) == "-Infinity"
    assert float.fromhex(sum_text(ExactSum.of(0.1))) == 0.1


@pytest.mark.parametrize("text", ["1.5", "0x3", "0x3p-1075", "0xgp+0", "0x3p-1 ", "", "nan"])
def test_what_is_no_sum(text: str) -> None:
    with pytest.raises(ValueError, match="is not a sum"):
        read_sum(text)


def random_terms(kind: str, size: int) -> Any:
    """Terms as losses have them, some of which repeat."""
    return {
        "uniform": lambda: rng.random(size),
        "constant": lambda: np.full(size, rng.random()),
        "of two kinds": lambda: np.where(rng.random(size) < 0.5, 0.1, 0.7),
        "mostly the same": lambda: np.where(rng.random(size) < 0.01, rng.random(size), 0.1),
        "logarithms": lambda: -np.log(rng.random(size)),
        "of all sizes": lambda: np.exp(rng.normal(0, 2, size)),
        "signed": lambda: rng.normal(size=size),
    }[kind]()


KINDS = [
    "uniform",
    "constant",
    "of two kinds",
    "mostly the same",
    "logarithms",
    "of all sizes",
    "signed",
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_other_cuts_of_many_terms_agree_to_an_ulp(kind: str, dtype: Any) -> None:
    for size in (50, 300, 1000, 5000, 20_000, 140_000):
        terms = random_terms(kind, size).astype(dtype)
        counts = rng.random(size).astype(dtype)
        found = []
        for cut in (size, 65_536, 1000, 999, int(rng.integers(20, size))):
            starts = range(0, size, cut)
            blocks = [(terms[i : i + cut], counts[i : i + cut]) for i in starts]
            total = sum((Total.of(*block) for block in blocks), Total())
            found.append([dtype(total.reduce(name, 1)) for name in ("sum", "mean")])
        sizes = np.array([np.abs(terms).sum(), np.abs(terms).sum() / counts.sum()])
        allowed = np.spacing(
            np.maximum(np.abs(found[0]), sizes if kind == "signed" else 0), dtype=dtype
        )
        assert (np.ptp(found, 0) <= allowed).all(), (size, found)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_sum_is_the_exact_one_but_for_an_ulp(dtype: Any) -> None:
    for kind in KINDS[:-1]:
        terms = random_terms(kind, 100_003).astype(dtype)
        exact = dtype(math.fsum(terms.tolist()))
        assert abs(dtype(float(ExactSum.of_all(terms))) - exact) <= np.spacing(exact), kind
        assert len(grouped(terms)) < len(terms) / 30


def to_zero(terms: Any) -> dict[str, Any]:
    """Tensors of which each term makes a row."""
    return {"input": terms, "target": np.zeros_like(terms)}


# Losses that are sums of products, and tensors for them.
OF_PRODUCTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "mse": to_zero,
    "huber": to_zero,
    "smooth-l1": to_zero,
    "kl-div": lambda terms: {"input": -1 - terms, "target": np.ones_like(terms)},
    "poisson-nll": lambda terms: {"input": np.log1p(terms), "target": np.full_like(terms, 0.3)},
    "gaussian-nll": lambda terms: {**to_zero(terms), "var": 1 + terms},
    "bce": lambda terms: {"input": terms / (1 + terms), "target": np.full_like(terms, 0.3)},
    "bce-with-logits": lambda terms: {"input": terms, "target": np.full_like(terms, 0.3)},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", OF_PRODUCTS)
def test_products_add_up_like_what_they_are(
    loss: str, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        terms = np.abs(random_terms(kind, 100_003)).astype(dtype)
        tensors = OF_PRODUCTS[loss](terms)
        each = losscli.compute(loss, **tensors, reduction="none")
        exact = math.fsum(each.tolist())
        sums = []
        for block in (1 << 20, 99_991, 1 << 22):
            monkeypatch.setattr(engine, "BLOCK", block)
            sums.append(losscli.compute(loss, **tensors, reduction="sum"))
        assert np.ptp(sums) <= np.spacing(dtype(exact)), kind
        # the terms were rounded, equal ones in the same direction; products are not
        assert sums[0] == pytest.approx(exact, rel=float(np.finfo(dtype).eps)), kind


CUT_EQUAL_NUMBERS = """
import numpy as np
from losscli.products import Products
from losscli.reduction import Total, added

def total(x):
    return Total.of(Products(lambda: x * x, (1, x, x)))

for dtype in (np.float64, np.float32):
    for number in np.random.default_rng(1).uniform(1, 2, 500).astype(dtype):
        x = np.full(4160, number)
        whole = dtype(float(total(x).sum))
        parts = dtype(float(added(total(x[i : i + 520]) for i in range(0, x.size, 520)).sum))
        assert abs(whole - parts) <= np.spacing(min(whole, parts)), (number, whole, parts)
"""


def test_products_of_equal_numbers_on_processors_of_fewer_partial_sums() -> None:
    """OpenBLAS adds as it would on processors without AVX-512; elsewhere as it always does."""
    environment = os.environ | {"OPENBLAS_CORETYPE": "Haswell"}
    subprocess.run([sys.executable, "-c", CUT_EQUAL_NUMBERS], env=environment, check=True, cwd=ROOT)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_that_cancel_are_written_down(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates and what is taken from them are known to an ulp; their small difference must be, too."""
    scores = rng.uniform(0.5, 3, 140_000).astype(dtype)
    targets = (np.exp(scores) / scores * (1 - 100 * np.finfo(dtype).eps)).astype(dtype)
    each = losscli.compute("poisson-nll", input=scores, target=targets, reduction="none")
    exact = dtype(math.fsum(each.tolist()))
    for block in (1 << 20, 99_991, 1 << 22):
        monkeypatch.setattr(engine, "BLOCK", block)
        found = losscli.compute("poisson-nll", input=scores, target=targets, reduction="sum")
        assert abs(found - exact) <= np.spacing(exact)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e200, -1e200])
@pytest.mark.parametrize("loss", [loss for loss in OF_PRODUCTS if loss != "bce"])
def test_products_of_which_one_is_not_finite(loss: str, odd: float) -> None:
    input = rng.random(10_000)
    input[7_777] = odd
    tensors = {"input": input, "target": rng.random(10_000)}
    if loss == "gaussian-nll":
        tensors["var"] = 0.1 + rng.random(10_000)
    with np.errstate(all="ignore"):
        expected = losscli.compute(loss, **tensors, reduction="none").sum()
    found = losscli.compute(loss, **tensors, reduction="sum")
    assert found == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize(("target", "input"), [(800.0, 800.0), (720.0, 720.5), (math.inf, 1.0)])
def test_products_that_overflow_where_their_terms_need_not(
    target: float, input: float, log_target: bool
) -> None:
    tensors = {"input": -rng.random(10_000), "target": rng.random(10_000)}
    tensors["input"][7_777], tensors["target"][7_777] = input, target
    terms = losscli.compute("kl-div", **tensors, log_target=log_target, reduction="none")
    found = losscli.compute("kl-div", **tensors, log_target=log_target, reduction="sum")
    assert found == pytest.approx(math.fsum(terms), rel=1e-14, nan_ok=True)
    assert math.isnan(found) == (math.isinf(target) and not log_target)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e308] * 100, math.inf),
        ([1e308, 1e308, -1e308, 5e-324], 1e308),
        ([1e308, -1e308] * 50 + [5e-324], 5e-324),
        ([1.0] * 99 + [math.inf], math.inf),
        ([1e308] * 99 + [-math.inf], -math.inf),
        ([math.inf, -math.inf] + [1.0] * 99, math.nan),
        ([5e-324] * 1000, 1000 * 5e-324),
    ],
)
def test_sums_at_the_ends_of_the_range(values: list[float], expected: float) -> None:
    found = float(ExactSum.of_all(np.array(values)))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_a_mean_of_a_sum_that_overflows() -> None:
    total = Total.of(np.full(1000, 1e308)) + Total.of(np.full(10, np.float32(3e38), np.float32))
    assert total.reduce("sum", 1) == math.inf
    assert total.reduce("mean", 1) == pytest.approx(1e308 / 1.01)
    assert float(ExactSum.of_all(np.full(9000, 3e38, np.float32))) == 9000 * float(np.float32(3e38))


def test_counts_of_any_kind_are_numbers() -> None:
    assert float(ExactSum.of_all(np.ones(1000, bool))) == 1000
    assert float(ExactSum.of_all(np.full(1000, 100, np.int8))) == 100_000


# ---- records


@pytest.mark.parametrize("loss", NAMES)
@settings(max_examples=15)
@given(data=st.data())
def test_records_merge_in_any_order_and_grouping(loss: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(many(loss)))
    reductions = [name for name in load(loss).rows.reductions if name != "none"]
    reduction = data.draw(st.sampled_from(reductions))
    ends = st.lists(st.integers(1, case.problem().rows[0] - 1), max_size=6, unique=True)
    left = [record(one, reduction=reduction) for one in parts(case, data.draw(ends))]
    forth = together(left)
    while len(left) > 1:
        pair = [left.pop(data.draw(st.integers(0, len(left) - 1))) for _ in "12"]
        left.append(read_record(merged([("a", one) for one in pair]).line(), "there"))
    assert np.array_equal(left[0].value, forth, equal_nan=True)


@pytest.mark.parametrize("loss", NAMES)
def test_threads_give_the_same_record(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BLOCK", 400)
    for case in many(loss):
        lines = {record_of(case.problem(reduction="mean", threads=n)).line() for n in (1, 2, 4)}
        assert len(lines) == 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", NAMES)
def test_another_cut_agrees_to_an_ulp(
    loss: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = np.dtype(dtype).type
    for case in many(loss):
        terms = np.abs(case.compute(reduction="none", dtype=dtype).astype(float))
        for reduction in (name for name in load(loss).rows.reductions if name != "none"):
            whole = case.compute(reduction=reduction, dtype=dtype)
            least = terms.sum() / (len(terms) if reduction == "batchmean" else 1)
            if reduction == "mean":  # where terms cancel, an ulp of what they are without signs
                least = terms.sum() / case.problem(dtype=dtype, reduction="mean").denominator
            negative = (case.compute(reduction="none") < 0).any()
            allowed = np.spacing(kind(max(abs(whole), least if negative else 0)))
            for cuts in ([1], [200], [17, 33, 34, 300], [*range(5, 400, 7)]):
                pieces = parts(case, cuts)
                value = together([record(p, reduction=reduction, dtype=dtype) for p in pieces])
                assert abs(value - whole) <= allowed, (cuts, value, whole)
            for block in (320, 1000):
                with monkeypatch.context() as patch:
                    patch.setattr(engine, "BLOCK", block)
                    assert abs(case.compute(reduction=reduction, dtype=dtype) - whole) <= allowed


LINE = {
    "format": 1,
    "loss": "huber",
    "reduction": "mean",
    "dtype": "float64",
    "options": {"delta": 1.0},
    "shared": {},
    "rows": 2,
    "left_out": 0,
    "batch": 2,
    "sum": "0x3p+0",
    "numerator": "0x3p+0",
    "denominator": "0x1p+1",
}


def test_a_record_is_what_it_says() -> None:
    case = Case("huber", {"input": np.array([0.0, 3.5]), "target": np.zeros(2)})
    assert json.loads(record_of(case.problem()).line()) == LINE
    assert read_record(json.dumps(LINE), "there").value == 1.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2; this losscli reads format 1"),
        ({"rows": -1}, "-1 is not a count"),
        ({"rows": True}, "True is not a count"),
        ({"sum": "3"}, "'3' is not a sum"),
        ({"sum": 3}, "damaged record"),
        ({"dtype": "float16"}, "no dtype 'float16'"),
        ({"reduction": "none"}, "no reduction 'none'"),
        ({"options": []}, "options is []"),
        ({"more": 1}, "no 'more' in a record"),
        ({"batch": None}, "None is not a count"),
        ({"left_out": 3}, "left_out is 3, of 2 rows"),
        ({"denominator": "-0x1p+1"}, "denominator is -2, of 2 rows without weights"),
        ({"denominator": "0x3p+0"}, "denominator is 3, of 2 rows without weights"),
        ({"denominator": "NaN"}, "denominator is nan, of 2 rows without weights"),
    ],
)
def test_a_record_that_is_damaged(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_record(json.dumps(LINE | change), "there")
    assert words in str(caught.value) and str(caught.value).startswith("there is a ")


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"format": 1', "nan", "[" * 100_000])
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(SourceError, match="^there is (no|a damaged) record"):
        read_record(text, "there")


@pytest.mark.parametrize("key", [key for key in LINE if key != "format"])
def test_a_record_with_something_missing(key: str) -> None:
    with pytest.raises(SourceError, match=f"'{key}' is missing"):
        read_record(json.dumps({k: v for k, v in LINE.items() if k != key}), "there")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "mse"}, "a is of loss huber, but b of loss mse"),
        ({"reduction": "sum"}, "a is of reduction mean, but b of reduction sum"),
        ({"dtype": "float32"}, "a is of dtype float64, but b of dtype float32"),
        ({"options": {"delta": 2.0}}, "a is of delta 1.0, but b of delta 2.0"),
        ({"shared": {"weight": "01"}}, "a is of no weight, but b of weight 01"),
    ],
)
def test_records_of_something_else(change: dict[str, Any], words: str) -> None:
    one, other = (read_record(json.dumps(line), "there") for line in (LINE, LINE | change))
    with pytest.raises(UsageError) as caught:
        merged([("a", one), ("b", other)])
    assert str(caught.value).startswith(words)


def test_weights_and_classes_are_part_of_a_record() -> None:
    scores, target = rng.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    of = [
        record(Case("cross-entropy", {"input": scores, "target": target, **more})).of["shared"]
        for more in ({}, {"weight": np.ones(3)}, {"weight": np.ones(3, np.float32)})
    ]
    assert of[0] == {"classes": 3} and of[1] == of[2] and of[1].keys() == {"classes", "weight"}


# ---- commands


def output(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> SimpleNamespace:
    assert run(args) == code
    said = capsys.readouterr()
    return SimpleNamespace(out=said.out, err=said.err)


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five files of logits and of labels each, of unequal length."""
    monkeypatch.chdir(tmp_path)
    for i, rows in enumerate((90, 1, 200, 64, 33)):
        np.save(f"x-{i}.npy", rng.normal(size=(rows, 6)))
        np.save(f"y-{i}.npy", rng.integers(0, 6, rows))
    return tmp_path


def arguments(i: int | str) -> list[str]:
    return ["compute", "cross-entropy", "--input", f"x-{i}.npy", "--target", f"y-{i}.npy"]


@pytest.mark.parametrize("block", [300, engine.BLOCK])
def test_many_files_are_the_merged_records_of_each(
    shards: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    block: int,
) -> None:
    monkeypatch.setattr(engine, "BLOCK", block)
    for i in range(5):
        output(capsys, *arguments(i), "--partial", "--output", f"r-{i}.json")
    whole = output(capsys, *arguments("*")).out
    assert output(capsys, *arguments("*"), "--threads", "1").out == whole
    assert output(capsys, "merge", *(f"r-{i}.json" for i in (3, 0, 4, 1, 2))).out == whole
    assert output(capsys, "merge", "r-*.json").out == whole
    nested = output(capsys, "merge", "--partial", "r-4.json", "r-1.json").out
    Path("rest.jsonl").write_text(nested + Path("r-0.json").read_text())
    assert output(capsys, "merge", "rest.jsonl", "r-2.json", "r-3.json").out == whole
    assert output(capsys, "merge", "r-*.json", "--format", "json").out == whole
    assert json.loads(output(capsys, *arguments("*"), "--partial").out) == json.loads(
        output(capsys, "merge", "r-*.json", "--partial").out
    )


def test_records_from_processes_and_standard_input(shards: Path) -> None:
    def losscli(*args: str, feed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "losscli", *args],
            input=feed,
            capture_output=True,
            text=True,
            cwd=shards,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            check=True,
        )
        return done.stdout

    records = [losscli(*arguments(i), "--partial", "--threads", str(1 + i % 3)) for i in range(5)]
    assert losscli("merge", "-", feed="".join(records)) == losscli(*arguments("*"))


def test_merge_checks_and_writes(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, *arguments(0), "--partial", "--output", "r.json")
    value = output(capsys, "merge", "r.json").out
    assert output(capsys, "merge", "r.json", "--expect", value.strip(), "--max", "9").out == value
    failed = output(capsys, "merge", "r.json", "--max", "0.5", code=1)
    assert failed.out == value and "--max allows 0.5" in failed.err
    output(capsys, "merge", "r.json", "--output", "v.npy")
    assert repr(float(np.load("v.npy"))) == value.strip()
    assert "90 rows" in output(capsys, "merge", "r.json", "--verbose").err


def test_a_record_of_no_loss(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl").write_text(json.dumps(LINE | {"loss": "hubr"}))
    found = output(capsys, "merge", "a.jsonl", code=2)
    assert found.err == "losscli: error: a.jsonl is of the loss 'hubr', which is not one.\n"


def test_what_cannot_be_merged(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, *arguments(0), "--partial", "--output", "r.json")
    output(capsys, *arguments(1), "--partial", "--output", "s.json", "--label-smoothing", "0.1")
    assert (
        "r.json is of label_smoothing 0.0, but s.json of label_smoothing 0.1"
        in output(capsys, "merge", "r.json", "s.json", code=2).err
    )
    Path("two.jsonl").write_text(Path("r.json").read_text() + "{}\n")
    assert "two.jsonl, line 2, is no record" in output(capsys, "merge", "two.jsonl", code=2).err
    Path("empty.json").touch()
    assert "empty.json is empty" in output(capsys, "merge", "empty.json", code=2).err
    assert "there is no file" in output(capsys, "merge", "t.json", code=2).err
    assert "which FILE?" in output(capsys, "merge", code=2).err
    assert (
        "reduction none gives a value for each row"
        in output(capsys, *arguments(0), "--partial", "--reduction", "none", code=2).err
    )
    for more, words in (
        (["--max", "1"], "go with losscli merge"),
        (["--format", "csv"], "--format csv cannot hold it"),
    ):
        assert words in output(capsys, *arguments(0), "--partial", *more, code=2).err


def test_a_part_that_is_not_finite(
    shards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["compute", "mse", "--target", "0", "--partial", "--input"]
    good, bad = output(capsys, *args, "1"), output(capsys, *args, "1,nan")
    assert not good.err and "input[1] is nan" in bad.err
    Path("good.json").write_text(good.out)
    Path("bad.json").write_text(bad.out)
    found = output(capsys, "merge", "good.json", "bad.json")
    assert found.out == "nan\n" and "bad.json is of rows whose sum is nan" in found.err
    output(capsys, "merge", "good.json", "bad.json", "--strict", code=1)


def test_a_part_may_have_nothing_that_counts(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["compute", "cross-entropy", "--input", "[[1, 2]]", "--partial", "--target"]
    none, some = output(capsys, *args, "[-100]"), output(capsys, *args, "[1]")
    assert not none.err
    Path("none.json").write_text(none.out)
    Path("some.json").write_text(some.out)
    whole = output(capsys, "merge", "none.json", "some.json").out
    assert whole == output(capsys, *args[:-2], "--target", "[1]").out
    assert "no row counts" in output(capsys, "merge", "none.json").err


def test_standard_input_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(LINE).encode())))
    assert run(["merge", "-"]) == 0
