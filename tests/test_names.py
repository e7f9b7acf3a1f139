"""Names instead of indices: ids of rows, names of columns, an alphabet for ctc."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import losscli
from losscli import LosscliError, cli

Losscli = Callable[..., tuple[int, str, str]]
TABLE = "id,cat,dog,bird,label\n007,1,2,3,bird\nann,1,2,0,cat\n'b',0,0,1,dog\nann,0,1,0,dog\n"
SCORES = ("-i", "p.csv#cat,dog,bird", "-t", "p.csv#label")
PAIRS = [[0.3, 0.2, 0.5], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.2, 0.2, 0.6]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Losscli:
    """Runs a command in a folder with some files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.csv").write_text(TABLE)
    (tmp_path / "p.tsv").write_text("id\tx\ty\n1\t0.5\t1\n01\t0.25\t2\n")
    (tmp_path / "p.jsonl").write_text('{"who": "ann", "x": 1}\n{"who": "bob", "x": 2}\n')
    (tmp_path / "run.json").write_text('{"eval": {"x": [1, 2], "names": ["u", "v"]}}')
    (tmp_path / "case.csv").write_text("user-id,input,target\n01,1,2\n02,3,3\n")
    (tmp_path / "case.yaml").write_text("input: 'p.tsv#x'\ntarget: [0, 0]\nid_column: id\n")
    (tmp_path / "in.yaml").write_text("input: [1, 2]\ntarget: 0\nwho: [ann, 7]\nid_column: who\n")
    frames = np.log(PAIRS).tolist()
    (tmp_path / "one.json").write_text(json.dumps(frames))
    (tmp_path / "two.json").write_text(json.dumps([[f, f] for f in frames]))
    (tmp_path / "words.csv").write_text("id,word\n1,ab\n2,b\n")
    (tmp_path / "ctc.yaml").write_text("log_probs: two.json\ntargets: [ab, '']\nalphabet: -ab\n")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return call


def row_names(run: Losscli, *arguments: str) -> list[str]:
    code, out, err = run("explain", *arguments, "--format", "json")
    assert code == 0, err
    names: list[str] = json.loads(out)["row_names"]
    return names


# ---- ids


def test_ids_stand_for_rows(run: Losscli) -> None:
    code, out, _ = run("explain", "cross-entropy", *SCORES, "--id-column", "id", "--no-grad")
    assert code == 0
    assert "      007  y = 2 bird " in out and "      ann  y = 0 cat " in out
    assert "rows 007, ann, 'b' of 4 are shown" in out
    assert "row 0" not in out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("mse", "-i", "p.tsv#x", "-t", "p.tsv#y"), ["1", "01"]),
        (("mse", "-i", "1,2", "-t", "p.tsv#y"), ["1", "01"]),
        (("mse", "case.yaml"), ["1", "01"]),
        (("mse", "-i", "p.tsv#x,y", "-t", "0"), ["1 [x]", "1 [y]", "01 [x]"]),
        (("mse", "-i", "p.tsv#x,y", "-t", "0", "--rows", "01"), ["01 [x]", "01 [y]"]),
        (("mse", "-i", "p.tsv#x,y", "-t", "0", "--rows", "0:1"), ["1 [y]"]),
    ],
)
def test_where_ids_are_from(run: Losscli, arguments: tuple[str, ...], names: list[str]) -> None:
    assert row_names(run, *arguments, "--id-column", "id") == names


def test_ids_of_other_files(run: Losscli) -> None:
    given = ("mse", "-t", "0,0", "-i")
    assert row_names(run, *given, "p.jsonl#x", "--id-column", "who") == ["ann", "bob"]
    assert row_names(run, *given, "run.json#eval.x", "--id-column", "eval.names") == ["u", "v"]
    assert row_names(run, "mse", "case.csv", "--id-column", "user-id") == ["01", "02"]
    assert row_names(run, "mse", "in.yaml") == ["ann", "7"]


def test_a_case_with_ids_is_a_case_for_every_verb(run: Losscli) -> None:
    assert run("compute", "mse", "in.yaml") == (0, "2.5\n", "")
    assert run("grad", "mse", "in.yaml") == (0, "1.0\n2.0\n", "")
    assert run("compute", "mse", "case.yaml")[:2] == (0, "0.15625\n")


def test_rows_by_their_ids(run: Losscli) -> None:
    given = ("cross-entropy", *SCORES, "--id-column", "id", "--rows")
    assert row_names(run, *given, "007,2") == ["007", "'b'"]
    code, out, err = run("explain", *given, "ann")
    assert (code, out) == (2, "")
    assert "--rows has 'ann', which is the id of 2 rows, 1, 3; give a row's number." in err
    code, _, err = run("explain", *given, "eve")
    assert code == 2 and "--rows has 'eve'; expected ids, or rows counted from 0" in err


def test_a_row_is_shown_once() -> None:
    one = losscli.explain("l1", input=range(9), target=0, rows=[5, 5])
    assert one.rows == ((5,),)
    assert "element 5 of 9 is shown; totals are over all of them" in one.to_text()
    two = losscli.explain("l1", input=range(9), target=0, rows=[5, (3,), (5,)])
    assert two.rows == ((5,), (3,))
    assert "elements 5, 3 of 9 are shown; totals are over all of them" in two.to_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-i", "p.csv#cat", "-t", "0", "--id-column", "name"), 'has no column "name"'),
        (("-i", "1,2", "-t", "0", "--id-column", "id"), "from none here that has columns"),
        (("-i", "1,2", "-t", "p.tsv#y", "--id-column", "x*"), ""),
        (("-i", "[[1],[2],[3]]", "-t", "p.tsv#y", "--id-column", "id"), "2 ids, but 3 elements"),
        (("-i", "p.tsv#x", "-t", "0", "--id-column", "?"), "p.tsv: ? is"),
    ],
)
def test_ids_that_are_none(run: Losscli, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = run("explain", "mse", *arguments)
    if sentence:
        assert (code, out) == (2, "")
        assert err.startswith("losscli: error: ") and sentence in err and err.count("\n") == 1
    else:
        assert code == 0


def test_ids_in_python() -> None:
    explanation = losscli.explain("l1", input=[1, 2], target=0, ids=["ann", "bob"])
    assert [explanation.row_name(k) for k in range(2)] == ["ann", "bob"]
    assert "\n      bob " in explanation.to_text()
    with pytest.raises(LosscliError, match="there is 1 id, but 2 elements"):
        losscli.explain("l1", input=[1, 2], target=0, ids=["ann"])
    one = losscli.explain("nll", input=[-1.0, -2.0], target=1, ids=["it"], classes=["no", "yes"])
    assert one.row_name(0) == "it" and "y = 1 yes" in one.to_text()


def test_columns_name_elements(run: Losscli) -> None:
    names = row_names(run, "mse", "-i", "p.tsv#x,y", "-t", "0")
    assert names == ["element [0, x]", "element [0, y]", "element [1, x]"]


# ---- the alphabet

WORDS: dict[str, Any] = {
    "log_probs": np.log([[f, f] for f in PAIRS]),
    "targets": [[1, 2], [2, 0]],
    "input_lengths": [4, 4],
    "target_lengths": [2, 1],
}


@pytest.mark.parametrize("targets", ["ab,b", "words.csv#word", '["ab", "b"]'])
def test_targets_may_be_words(run: Losscli, targets: str) -> None:
    given = ("ctc", "--log-probs", "two.json", "--targets", targets, "--alphabet", "-ab")
    expected = losscli.compute("ctc", **WORDS)
    assert run("compute", *given) == (0, f"{expected.item()!r}\n", "")
    gradients = json.loads(run("grad", *given, "--format", "json")[1])
    np.testing.assert_array_equal(gradients, losscli.grad("ctc", **WORDS)["log_probs"])
    assert row_names(run, *given) == ['sample 0 "ab"', 'sample 1 "b"']
    code, out, _ = run("explain", *given)
    assert code == 0
    for name in ("\n        a   ", "1  a   ", "0  -   "):
        assert name in out, name


def test_one_word(run: Losscli) -> None:
    given = ("ctc", "--log-probs", "one.json", "--targets", "ab", "--alphabet", "-ab")
    assert row_names(run, *given) == ['sample "ab"']
    one = {"log_probs": np.log(PAIRS), "targets": [1, 2], "input_lengths": 4, "target_lengths": 2}
    expected = losscli.compute("ctc", **one)
    assert float(run("compute", *given)[1]) == expected
    word = {"log_probs": np.log(PAIRS), "targets": "ab", "alphabet": "-ab"}
    assert losscli.compute("ctc", **word) == expected
    assert losscli.explain("ctc", **word).row_name(0) == 'sample "ab"'
    assert losscli.grad("ctc", **word)["log_probs"].shape == (4, 3)


def test_an_alphabet_in_a_case(run: Losscli) -> None:
    code, out, err = run("compute", "ctc", "ctc.yaml", "--reduction", "none")
    assert (code, err) == (0, "")
    blank = -np.log(np.array(PAIRS)[:, 0]).sum()
    assert float(out.splitlines()[1]) == pytest.approx(blank)
    assert row_names(run, "ctc", "ctc.yaml") == ['sample 0 "ab"', "sample 1"]


def test_digits_as_letters(run: Losscli) -> None:
    given = ("compute", "ctc", "--log-probs", "two.json", "--alphabet", "-12", "--targets")
    expected = f"{losscli.compute('ctc', **WORDS).item()!r}\n"
    assert run(*given, "12,2")[:2] == (0, expected)
    assert run(*given, '["12", "2"]')[:2] == (0, expected)
    code, _, err = run(*given, "[1, 2]", "--input-lengths", "4,4", "--target-lengths", "1,1")
    assert code == 2 and "so are characters of the alphabet" in err


def test_an_alphabet_only_names_numbers(run: Losscli) -> None:
    explanation = losscli.explain("ctc", **WORDS, alphabet="-ab")
    assert explanation.value == losscli.compute("ctc", **WORDS)
    assert explanation.row_name(0) == 'sample 0 "ab"'


def test_a_given_length_of_frames_is_kept() -> None:
    more = {"input_lengths": [3, 4], "targets": ["ab", "b"], "alphabet": "-ab"}
    found = losscli.compute("ctc", log_probs=WORDS["log_probs"], **more)
    assert found == losscli.compute("ctc", **{**WORDS, "input_lengths": [3, 4]})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--targets", "ax,b"), "ctc: targets[0] is 'ax', whose 'x' is not in the alphabet '-ab'."),
        (("--targets", "a-,b"), "ctc: targets[0] is 'a-', whose '-' is the blank, class 0; "),
        (("--targets", "b,aaa"), "targets[1] is 'aaa', which needs 5 frames, but has 4; "),
        (("--alphabet", "-abc"), "has 4 characters, but log_probs has 3 classes"),
        (("--alphabet", "-aa"), "the alphabet has 'a' twice"),
        (("--alphabet", ""), "the alphabet is empty"),
        (("--target-lengths", "1,1"), "target_lengths are not those of the words in targets"),
        (("--targets", "a,b,a"), "input_lengths has shape (3,)"),
        (
            ("--targets", '[["a"], ["b"]]'),
            "targets has 2 axes of words; expected one word a sample",
        ),
    ],
)
def test_words_that_cannot_be(run: Losscli, options: tuple[str, ...], sentence: str) -> None:
    given = ("--log-probs", "two.json", "--targets", "ab,b", "--alphabet", "-ab", *options)
    code, out, err = run("compute", "ctc", *given)
    assert (code, out) == (2, "")
    assert err.startswith("losscli: error: ") and sentence in err, err
    assert err.count("\n") == 1


def test_words_without_an_alphabet(run: Losscli) -> None:
    code, _, err = run("compute", "ctc", "--log-probs", "two.json", "--targets", "ab,b")
    assert code == 2 and "nothing says which class is which letter; --alphabet" in err
    code, _, err = run("compute", "mse", "-i", "1", "-t", "1", "--alphabet", "ab")
    assert code == 2 and "There is no option --alphabet" in err


def test_a_word_that_does_not_fit_may_count_as_0(run: Losscli) -> None:
    given = ("--log-probs", "two.json", "--targets", "b,aaa", "--alphabet", "-ab")
    code, out, _ = run("compute", "ctc", *given, "--zero-infinity", "--reduction", "none")
    assert code == 0 and out.endswith("\n0.0\n")
