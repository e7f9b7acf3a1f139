"""The command line from inside: what it prints, where, and the code it leaves with."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from losscli import cli
from losscli.losses import FAMILIES, NAMES


class Done(NamedTuple):
    code: int
    out: str
    err: str


Losscli = Callable[..., Done]

HUBER = ("huber", "--input", "0.1,5", "--target", "0,0")  # 2.2525
HUGE, LONGER = f"1{'0' * 400}", f"1{'0' * 5000}"  # Python reads no more than 4300 digits
LOGITS = ("cross-entropy", "--input", "[[1,2,3],[1,2,0]]")


@pytest.fixture
def losscli(capsys: pytest.CaptureFixture[str]) -> Losscli:
    """Runs the command line in this process."""

    def run(*args: str | Path) -> Done:
        code = cli.run([str(arg) for arg in args])
        return Done(code, *capsys.readouterr())

    return run


class Terminal(io.TextIOWrapper):
    """A stdout that is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True


def is_one_sentence(err: str, *parts: str) -> bool:
    """Whether this is a single line of ours that holds all `parts`."""
    lines = err.splitlines()
    return len(lines) == 1 and lines[0].startswith("losscli: ") and all(p in err for p in parts)


# ---- help


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("at", [(), ("compute",), ("grad",), ("explain",), ("list",), HUBER[:0]])
def test_help_at_every_level(losscli: Losscli, at: tuple[str, ...], flag: str) -> None:
    code, out, err = losscli(*at, flag)
    assert (code, err) == (0, "")
    assert out.startswith(" ".join(["Usage: losscli", *at]))
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("verb", ["compute", "grad", "explain"])
@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_loss(losscli: Losscli, verb: str, name: str) -> None:
    code, out, err = losscli(verb, name, "-h")
    assert (code, err) == (0, "")
    assert f"Usage: losscli {verb} {name} [OPTIONS] [CASE]" in out
    assert max(map(len, out.splitlines())) <= 80
    from losscli.losses import load

    for parameter in (*load(name).tensors, *load(name).options):
        assert f"--{parameter.replace('_', '-')} " in out


def test_help_of_a_verb_has_every_loss(losscli: Losscli) -> None:
    out = losscli("compute", "--help").out
    assert {
        line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.strip()
    } >= {*NAMES}
    assert all(f"Losses, {family}:" in out for family in FAMILIES)


def test_help_shows_default_and_range(losscli: Losscli) -> None:
    out = " ".join(losscli("compute", "huber", "-h").out.split())
    assert "[above 0; default 1]" in out and "--ignore-index" not in out and "--classes" not in out


def test_nothing_shows_help_and_fails(losscli: Losscli) -> None:
    assert losscli().code == losscli("compute").code == 2
    assert "Usage: losscli" in losscli().err


def test_list(losscli: Losscli) -> None:
    code, out, _ = losscli("list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == [*NAMES]


# ---- names


@pytest.mark.parametrize("name", ["huber", "HuberLoss", "nn.HuberLoss", "F.huber_loss", "HUBER"])
def test_any_name_of_a_loss(losscli: Losscli, name: str) -> None:
    assert losscli("compute", name, *HUBER[1:]).out == "2.2525\n"


@pytest.mark.parametrize(
    ("args", "near"),
    [
        (("compute", "hubr"), "Did you mean huber?"),
        (("compute", "CrossEntropyLos"), "Did you mean cross-entropy"),
        (("comput", "huber"), "Did you mean compute?"),
        (("huber",), "losscli compute huber"),
        (("compute", *HUBER, "--detla", "2"), "Did you mean --delta"),
        (("compute", *HUBER, "--delta"), "requires an argument"),
        (("compute", *HUBER, "a.yaml", "b.yaml"), "b.yaml"),
        (("compute", *HUBER, "--reduction", "average"), "'mean'"),
        (("compute", *HUBER, "--bogus"), "losscli compute huber --help"),
    ],
)
def test_usage_errors_are_one_sentence(losscli: Losscli, args: tuple[str, ...], near: str) -> None:
    code, out, err = losscli(*args)
    assert (code, out) == (2, "")
    assert is_one_sentence(err, "losscli: error: ", near), err


# ---- options


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--delta", "wide"), "huber: delta is 'wide'; expected a number."),
        (("--delta", "0"), "above 0"),
        (("--delta", "nan"), "above 0"),
        (("--threads", "0"), "--threads is '0'; expected a whole number, at least 1."),
        (("--threads", "two"), "--threads"),
        (("--max", "little"), "--max is 'little'; expected a number."),
        (("--tolerance", "1"), "--tolerance goes with --expect."),
        (("--expect", "1", "--tolerance", "-1"), "at least 0"),
        (("--output", ""), "--output is empty; give the name of a file."),
        (("--max", HUGE), "...'; a float64 holds no number so large."),
        (("--expect", f"-{HUGE}"), "...'; a float64 holds no number so large."),
        (("--delta", HUGE), "huber: delta is an integer too large for a float64."),
        (("--threads", HUGE), "...'; expected a whole number below a billion."),
        (("--threads", LONGER), "...'; expected a whole number below a billion."),
        (("--input", "-", "--target", "-"), "--input and --target would"),
        (("--input", "lost.csv", "--target", "0"), "lost.csv"),
    ],
)
def test_wrong_values_are_one_sentence(
    losscli: Losscli, options: tuple[str, ...], sentence: str
) -> None:
    code, out, err = losscli("compute", *HUBER, *options)
    assert (code, out) == (2, "")
    assert is_one_sentence(err, sentence), err


def test_infinity_is_a_number(losscli: Losscli) -> None:
    assert losscli("compute", *HUBER, "--delta", "inf").code == 0


def test_missing_inputs_are_named_together(losscli: Losscli) -> None:
    code, _, err = losscli("compute", "triplet-margin", "--positive", "[[1,2]]")
    assert code == 2
    assert is_one_sentence(err, "--anchor and --negative", "losscli compute triplet-margin"), err


def test_short_flags(losscli: Losscli) -> None:
    assert losscli("compute", "huber", "-i", "0.1,5", "-t", "0,0").out == "2.2525\n"


def test_whole_numbers_typed_in_place_are_numbers(losscli: Losscli) -> None:
    code, out, _ = losscli("grad", "huber", "-i", "3,1", "-t", "1,1")
    assert (code, [float(part) for part in out.replace(",", " ").split()]) == (0, [0.5, 0.0])


# ---- cases


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "huber.yaml"
    path.write_text("loss: HuberLoss\ninput: [0.1, 5]\ntarget: [0, 0]\ndelta: 2\nexpect: 7\n")
    return path


def test_a_case_gives_all(losscli: Losscli, case: Path) -> None:
    assert losscli("compute", "huber", case).out == "4.0025\n"


def test_options_override_the_case(losscli: Losscli, case: Path) -> None:
    assert losscli("compute", "huber", case, "--delta", "1").out == "2.2525\n"
    assert losscli("compute", "huber", case, "--input", "0,0").out == "0.0\n"


def test_a_case_may_set_reduction_and_dtype(losscli: Losscli, case: Path) -> None:
    case.write_text(case.read_text() + "reduction: sum\n")
    assert losscli("compute", "huber", case).out == "8.005\n"
    assert losscli("compute", "huber", case, "--reduction", "mean").out == "4.0025\n"


def test_a_case_of_another_loss_is_refused(losscli: Losscli, case: Path) -> None:
    code, _, err = losscli("compute", "gaussian-nll", case)
    assert code == 2 and is_one_sentence(err, "a case of huber, not of gaussian-nll"), err


@pytest.mark.parametrize("name", ["delta", "expect"])
def test_a_huge_integer_in_a_case_is_refused(losscli: Losscli, case: Path, name: str) -> None:
    case.write_text(f"input: 1\ntarget: 0\n{name}: {HUGE}\n")
    code, out, err = losscli("compute", "huber", case)
    assert (code, out) == (2, "")
    assert is_one_sentence(err, f"{name} is an integer too large for a float64."), err


def test_unknown_names_in_a_case_are_refused(losscli: Losscli, case: Path) -> None:
    case.write_text(case.read_text().replace("delta", "detla"))
    code, _, err = losscli("compute", "huber", case)
    assert code == 2 and is_one_sentence(err, "'detla'", "delta"), err


def test_sources_in_a_case_are_beside_it(losscli: Losscli, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("0.1\n5\n")
    (tmp_path / "huber.json").write_text('{"input": "x.csv", "target": [0, 0], "delta": "1e0"}')
    assert losscli("compute", "huber", tmp_path / "huber.json") == (0, "2.2525\n", "")


def test_a_table_is_a_case(losscli: Losscli, tmp_path: Path) -> None:
    path = tmp_path / "huber.csv"
    path.write_text("input,target\n0.1,0\n5,0\n")
    assert losscli("compute", "huber", path) == (0, "2.2525\n", "")
    path.write_text("input,target,delta\n0.1,0,1\n5,0,1\n")
    code, _, err = losscli("compute", "huber", path)
    assert code == 2 and is_one_sentence(err, "delta holds 2 values"), err


# ---- words


def test_words_are_classes_by_option(losscli: Losscli) -> None:
    by_word = losscli("compute", *LOGITS, "-t", "bird,cat", "--classes", "cat,dog,bird")
    by_index = losscli("compute", *LOGITS, "-t", "2,0")
    assert by_word == by_index and by_word.code == 0


def test_words_are_classes_by_column(losscli: Losscli, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("cat,dog,bird\n1,2,3\n1,2,0\n")
    (tmp_path / "y.csv").write_text("bird\ncat\n")
    args = ("--input", tmp_path / "x.csv", "--target", tmp_path / "y.csv")
    code, out, err = losscli("compute", "cross-entropy", *args)
    assert (code, out) == (0, losscli("compute", *LOGITS, "-t", "2,0").out), err


def test_a_word_that_is_no_class(losscli: Losscli) -> None:
    args = ("-t", "bird,cow", "--classes", "cat,dog,bird")
    code, _, err = losscli("compute", *LOGITS, *args)
    assert code == 2 and is_one_sentence(err, "target[1] is 'cow'", "cat, dog, bird"), err


def test_words_without_names(losscli: Losscli) -> None:
    code, _, err = losscli("compute", *LOGITS, "-t", "bird,cow")
    assert code == 2 and is_one_sentence(err, "--classes"), err


# ---- checks for scripts


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--max", "2.2525"), 0),
        (("--max", "2"), 1),
        (("--expect", "2.2525"), 0),
        (("--expect", "2.252501"), 0),
        (("--expect", "2.2526"), 1),
        (("--expect", "2.2526", "--tolerance", "1e-3"), 0),
        (("--max", "3", "--expect", "2"), 1),
    ],
)
def test_checks(losscli: Losscli, options: tuple[str, ...], code: int) -> None:
    done = losscli("compute", *HUBER, *options)
    assert (done.code, done.out) == (code, "2.2525\n")
    assert is_one_sentence(done.err, "huber is 2.2525") if code else not done.err


def test_checks_hold_for_every_value_of_none(losscli: Losscli) -> None:
    args = ("-i", "0.5,5", "-t", "0,0", "--reduction", "none", "--max", "1")
    code, out, err = losscli("compute", "huber", *args)
    assert (code, out) == (1, "0.125\n4.5\n")
    assert is_one_sentence(err, "huber[1] is 4.5", "1 of 2"), err


def test_nan_equals_nan_and_is_above_any_maximum(losscli: Losscli) -> None:
    args = ("compute", "huber", "-i", "nan", "-t", "0", "--quiet")
    assert losscli(*args, "--expect", "nan").code == 0
    assert losscli(*args, "--expect", "1").code == 1
    assert losscli(*args, "--max", "inf").code == 1
    assert losscli("compute", *HUBER, "--expect", "inf").code == 1


# ---- talk


@pytest.mark.parametrize(
    "args",
    [
        ("merge", "a\nb\x1b[31m.json"),
        ("compute", "l1", "-i", "1", "-t", "1", "--output", "no/a\nb\x1b[31m.json"),
        ("compute", "l1", "-i", "1", "-t", "1", "a\nb\x1b[31m.yaml"),
        ("compute", "l1", "-i", "1", "-t", "1", "--format", "a\nb\x1b[31m"),
        ("grad", "l1", "-i", "1", "-t", "1", "--wrt", "a\nb\x1b[31m"),
        ("compute", "ctc", "-i", "1", "-t", "1", "--from", "a\nb\x1b[31m"),
    ],
)
def test_control_characters_in_messages_are_escaped(
    losscli: Losscli, args: tuple[str, ...]
) -> None:
    code, out, err = losscli(*args)
    assert (code, out) == (2, "")
    assert is_one_sentence(err) and "\x1b" not in err, err


def test_strict_makes_a_warning_fail(losscli: Losscli) -> None:
    args = ("compute", *HUBER, "--size-average")
    assert losscli(*args).code == 0
    code, out, err = losscli(*args, "--strict")
    assert (code, out) == (1, "2.2525\n") and "losscli: warning: " in err
    assert losscli(*args, "--strict", "--quiet") == (1, "2.2525\n", "")


@pytest.mark.parametrize("form", ["text", "terminal", "html", "json"])
def test_strict_counts_what_a_page_says_itself(
    losscli: Losscli, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("explain", "l1", "-i", "nan,1", "-t", "0,0", "--format", form)
    assert losscli(*args).code == 0
    code, out, err = losscli(*args, "--strict")
    assert code == 1 and "the result is nan" in out
    assert is_one_sentence(err, "warning: l1: the result is nan"), err
    monkeypatch.setattr("sys.stdout", Terminal())
    code, _, err = losscli(*args, "--strict")
    assert code == 1 and bool(err) is (form == "json")


def test_verbose_says_what_was_inferred(losscli: Losscli, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("pred\n0.1\n5\n")
    args = ("compute", "huber", "-i", tmp_path / "x.csv", "-t", "0,0")
    assert is_one_sentence(losscli(*args, "--verbose").err, "x.csv")
    assert losscli(*args, "--verbose", "--quiet") == losscli(*args) == (0, "2.2525\n", "")


@pytest.mark.parametrize(
    ("flags", "reduction"),
    [
        (("--size-average",), "mean"),
        (("--no-size-average",), "sum"),
        (("--reduce",), "mean"),
        (("--no-reduce",), "none"),
        (("--no-size-average", "--no-reduce"), "none"),
        (("--no-size-average", "--reduce"), "sum"),
    ],
)
def test_deprecated_flags_work_and_warn(
    losscli: Losscli, flags: tuple[str, ...], reduction: str
) -> None:
    done = losscli("compute", *HUBER, *flags, "--reduction", "sum")
    assert done.out == losscli("compute", *HUBER, "--reduction", reduction).out
    assert is_one_sentence(done.err, "deprecated", f"--reduction {reduction}")


# ---- grad


def test_grad_of_none_is_of_the_sum_and_says_so(losscli: Losscli) -> None:
    code, out, err = losscli("grad", *HUBER, "--reduction", "none")
    assert code == 0 and "the sum" in err
    assert out == losscli("grad", *HUBER, "--reduction", "sum").out
    above = losscli("grad", *HUBER, "--reduction", "none", "--grad-output", "1,1")
    assert above == (0, out, "")


def test_a_gradient_from_above_is_not_the_input_too(losscli: Losscli) -> None:
    for args in (("l1", "-i", "-", "-t", "0"), ("l1", "-")):
        code, out, err = losscli("grad", *args, "--grad-output", "-")
        assert (code, out) == (2, "") and is_one_sentence(err, "--grad-output", "standard input")


def test_wrt(losscli: Losscli) -> None:
    both = losscli("grad", *HUBER, "--wrt", "input,target", "--format", "json")
    assert both == losscli("grad", *HUBER, "--wrt", "all", "--format", "json")
    gradients = json.loads(both.out)
    assert set(gradients) == {"input", "target"}
    assert np.allclose(gradients["target"], [-0.05, -0.5])


def test_wrt_all_leaves_out_what_has_no_gradient_here(losscli: Losscli) -> None:
    args = ("grad", *LOGITS, "--target", "2,1", "--weight", "1,2,3", "--format", "json")
    assert losscli(*args, "--wrt", "all") == losscli(*args, "--wrt", "input")


def test_a_wrong_wrt_lists_the_right_ones(losscli: Losscli) -> None:
    code, _, err = losscli("grad", *HUBER, "--wrt", "delta")
    assert code == 2 and is_one_sentence(err, "delta", "input, target"), err


def test_check_of_the_gradient(losscli: Losscli) -> None:
    code, out, err = losscli("grad", *HUBER, "--check")
    assert code == 0 and out and is_one_sentence(err, "in 2 comparisons, ")
    assert "in 1 comparison, " in losscli("grad", "huber", "-i", "5", "-t", "0", "--check").err


def test_a_single_record_is_counted_as_one(losscli: Losscli, tmp_path: Path) -> None:
    part = tmp_path / "part.json"
    losscli("compute", "huber", "-i", "5", "-t", "0", "--partial", "--output", part)
    done = losscli("merge", part, "--verbose")
    assert is_one_sentence(done.err, "1 record of huber", ": 1 row"), done.err
    assert "records" not in done.err and "rows" not in done.err


# ---- output


def test_output_picks_the_format_and_refuses_to_overwrite(losscli: Losscli, tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    inputs = ("-i", "0.5,5", "-t", "0,0", "--reduction", "none")
    args = ("compute", "huber", *inputs, "--output", path)
    assert losscli(*args) == (0, "", "")
    assert json.loads(path.read_text()) == [0.125, 4.5]
    code, _, err = losscli(*args)
    assert code == 2 and is_one_sentence(err, "--force"), err
    assert losscli(*args, "--force").code == 0


@pytest.mark.parametrize("name", ["r.npz", "r.jsonl", "r.csv.gz", "r.svg"])
@pytest.mark.parametrize("verb", ["compute", "grad"])
def test_an_ending_that_cannot_be_written_is_refused_first(
    losscli: Losscli, verb: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("losscli.engine.Problem.run", None)  # nothing may be computed
    done = losscli(verb, *HUBER, "--output", tmp_path / name)
    assert done.code == 2 and is_one_sentence(done.err, name, ".txt, .json, "), done.err
    assert not list(tmp_path.iterdir())


def test_an_ending_is_refused_before_any_worker_is_asked(losscli: Losscli, tmp_path: Path) -> None:
    nobody = ("--dask", "tcp://127.0.0.1:1")
    done = losscli("compute", *HUBER, *nobody, "--output", tmp_path / "r.npz")
    assert done.code == 2 and is_one_sentence(done.err, "r.npz ends with .npz"), done.err


TRIPLE = ("--anchor", "1,2", "--positive", "1,2", "--negative", "1,2")
CUBE = ("--input", "[[[1, 2]]]", "--target", "[[[1, 2]]]")


@pytest.mark.parametrize(
    ("words", "name", "said"),
    [
        (("grad", "triplet-margin", *TRIPLE), "y.csv", ("csv", "anchor", "json")),
        (("grad", "triplet-margin", *TRIPLE), "y.npy", ("npy", "anchor", "--wrt")),
        (("grad", "mse", *CUBE), "y.csv", ("csv", "(1, 1, 2)", "npy")),
        (("compute", "mse", *CUBE, "--reduction", "none"), "y.tsv", ("tsv", "(1, 1, 2)", "npy")),
    ],
)
def test_what_a_format_cannot_hold_is_not_computed(
    losscli: Losscli,
    words: tuple[str, ...],
    name: str,
    said: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("losscli.engine.Problem.run", None)
    code, _, err = losscli(*words, "--output", tmp_path / name)
    assert code == 2 and is_one_sentence(err, *said), err
    assert not [*tmp_path.iterdir()]


def test_npy_is_not_for_a_terminal(losscli: Losscli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    code, _, err = losscli("compute", *HUBER, "--format", "npy")
    assert code == 2 and is_one_sentence(err, "--output"), err


def test_a_value_reads_back_as_the_same_float(losscli: Losscli) -> None:
    third = losscli("compute", "huber", "-i", "1,0,0", "-t", "0,0,0").out
    assert float(third) == 0.5 / 3 and third == f"{0.5 / 3!r}\n"
    assert math.isnan(float(losscli("compute", "huber", "-i", "nan", "-t", "0").out))


# ---- explain


def test_explain(losscli: Losscli) -> None:
    code, out, err = losscli("explain", *HUBER)
    assert (code, err) == (0, "") and "2.25" in out and "\x1b" not in out
    data = json.loads(losscli("explain", *HUBER, "--format", "json").out)
    assert data["loss"] == "huber" and data["value"] == 2.2525


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_a_name_that_is_no_utf8_is_written_with_escapes(
    losscli: Losscli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "g\udcff.csv"
    Path(name).write_text("1,2\n3,4\n")
    args = ("explain", "cross-entropy", "-t", "0,1", "-i", name)
    for ending in ("txt", "html", "json", "md", "svg", "tex"):
        page = tmp_path / f"x.{ending}"
        assert losscli(*args, "--output", page) == (0, "", "")
        assert r"g\udcff.csv" in page.read_text() or ending in ("md", "svg", "tex")
    assert json.loads((tmp_path / "x.json").read_text())["inputs"]["input"]["source"] == name
    assert r"g\udcff.csv" in losscli(*args).out
    case = '{"input": [1, 2], "target": [0, 0], "id": ["\\ud800", "b"]}'
    Path("id.json").write_text(case)
    args = ("explain", "l1", "id.json", "--id-column", "id", "--output")
    assert losscli(*args, "id.txt").code == losscli(*args, "id.tex").code == 0
    assert r"\ud800" in Path("id.txt").read_text() and r"\ud" not in Path("id.tex").read_text()


def test_explain_without_gradient(losscli: Losscli) -> None:
    data = json.loads(losscli("explain", *HUBER, "--no-grad", "--format", "json").out)
    assert {step["part"] for step in data["steps"]} == {"value"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rows", "0", "--top", "1"), "--rows and --top"),
        (("--rows", "first"), "'first'"),
        (("--top", "0"), "--top is '0'"),
        (("--digits", "1"), "at least 2 and at most 17"),
        (("--digits", "18"), "at least 2 and at most 17"),
        (("--digits", LONGER), "below a billion"),
        (("--top", LONGER), "below a billion"),
        (("--rows", LONGER), "there are not so many rows"),
        (("--rows", f"0:{HUGE}"), "there are not so many rows"),
        (("--format", "csv"), "it writes terminal, text, "),
        (("--output", "page.csv"), "page.csv ends with .csv"),
    ],
)
def test_explain_refuses_in_one_sentence(
    losscli: Losscli, options: tuple[str, ...], sentence: str
) -> None:
    code, out, err = losscli("explain", *HUBER, *options)
    assert (code, out) == (2, "") and is_one_sentence(err, sentence), err


@pytest.mark.parametrize(("flag", "coloured"), [("--color", True), ("--no-color", False)])
def test_colour_on_request(losscli: Losscli, flag: str, coloured: bool) -> None:
    out = losscli("explain", *HUBER, "--format", "terminal", flag).out
    assert ("\x1b[" in out) is coloured


# ---- what else can happen


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (MemoryError(), 2, "memory"),
        (BrokenPipeError(), 141, ""),
        (OSError(28, "No space left on device"), 2, "No space left on device."),
    ],
)
def test_what_befalls_a_process(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    from losscli.cli.exits import exit_code

    def fail() -> None:
        raise error

    assert exit_code(fail) == code
    err = capsys.readouterr().err
    assert is_one_sentence(err, said) if said else not err


def test_an_error_of_ours_is_not_hidden() -> None:
    from losscli.cli.exits import exit_code

    def fail() -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        exit_code(fail)


def test_a_case_cannot_name_code_to_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil-mod.py").write_text("open('ran', 'w').close()\nf = lambda a, b: a[:, 0]\n")
    vectors = "anchor: [[1, 2]]\npositive: [[1, 2]]\nnegative: [[3, 4]]\n"
    functions = ("os:getcwd", "evil-mod:f", "subprocess:os.path.join", "evil-mod:f.__call__", "a:")
    for distance in (*functions, "minkowski:3", "cosine"):
        Path("case.yaml").write_text(f'{vectors}distance: "{distance}"\n')
        code = cli.run(["compute", "triplet-margin-with-distance", "case.yaml"])
        assert code == (2 if distance in functions else 0)
        if code:
            assert f"give it as --distance {distance}." in capfd.readouterr().err
    assert not Path("ran").exists()
