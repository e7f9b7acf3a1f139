"""Sources: numbers in place, words, names of files, standard input."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from losscli import stored
from losscli.errors import LosscliError, MissingSource, SourceError, UsageError
from losscli.files import Loaded, array_of, read
from losscli.files.grammar import number


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(source, **options) -> Loaded:
    return read(source, label="--input", **options)


def message(source, **options) -> str:
    with pytest.raises(LosscliError) as caught:
        load(source, **options)
    return str(caught.value)


def same(loaded, expected, dtype) -> None:
    assert loaded.array.dtype == dtype
    np.testing.assert_array_equal(loaded.array, np.array(expected, dtype=dtype))


@pytest.mark.parametrize(
    ("text", "expected", "dtype"),
    [
        ("0.5", 0.5, float),
        ("-3", -3, np.int64),
        ("+1", 1, np.int64),
        (" .5 ", 0.5, float),
        ("1e-5", 1e-5, float),
        ("-inf", -np.inf, float),
        ("NaN,Infinity", [np.nan, np.inf], float),
        ("0.6, 0.2,0.2", [0.6, 0.2, 0.2], float),
        ("1,2,3", [1, 2, 3], np.int64),
        ("1,2.0", [1, 2], float),
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]], np.int64),
        ("[[1, 2],]", [[1, 2]], np.int64),
        ("[]", [], float),
        ("[[], []]", [[], []], float),
        ('["NaN", 1]', [np.nan, 1], float),
        ("1+2j", 1 + 2j, complex),
        ("[1, (3-1j), -2j]", [1, 3 - 1j, -2j], complex),
        ("9223372036854775807", 2**63 - 1, np.int64),
        ("9223372036854775808", 2.0**63, float),
        ("1" + "0" * 5000, np.inf, float),
    ],
)
def test_numbers_in_place(text, expected, dtype):
    loaded = load(text)
    same(loaded, expected, dtype)
    assert loaded.origin == "in place"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,x", '--input: item 3, "x", is not a number.'),
        ("x,1", '--input: item 1, "x", is not a number.'),
        ("1,,2", "--input: item 2 is empty; expected a number."),
        ("1,2,", "--input: item 3 is empty; expected a number."),
        ("1_000", '--input: "1_000" is not a number.'),
        ("1 2", '--input: "1 2" is not a number. Numbers stand with commas between them.'),
        ("[[1, 2], [3, x]]", '--input: item [1][1], "x", is not a number.'),
        ("[true]", '--input: item [0], "true", is not a number.'),
        ('["cat"]', '--input: item [0], "cat", is not a number.'),
        (
            "[[1, 2], [3]]",
            "--input: item [1] has 1 item, but the first has 2 items; all must be alike.",
        ),
        ("[1, [2]]", "--input: item [1] has 1 item, but the first is 1; all must be alike."),
        ("[[1], 2]", "--input: item [1] is 2, but the first has 1 item; all must be alike."),
        ("[1, 2", "--input: 1 closing bracket ] missing."),
        ("[1][2]", '--input: "[" stands outside the brackets.'),
        ("[1 [2]]", '--input: a comma is missing before "[".'),
        ("[1,,2]", "--input: an item is missing before a comma."),
        ("[" * 5000, "--input nests lists more than 32 deep."),
        (" ", "--input is empty; expected numbers or a file."),
    ],
)
def test_what_is_wrong_in_place(text, expected):
    assert message(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cat", "cat"), ("cat, dog", ["cat", "dog"]), ('["cat", dog]', ["cat", "dog"])],
)
def test_words_in_place(text, expected):
    loaded = load(text, words=True)
    assert loaded.array.dtype.kind == "U"
    assert loaded.array.tolist() == expected


def test_words_are_no_excuse_for_a_missing_file():
    assert message("dogs.csv", words=True) == '--input: there is no file "dogs.csv".'
    assert "no file" in message("labels/dogs.txt", words=True)
    assert message("1,cat", words=True) == (
        '--input: item 1 is 1 among words such as "cat"; give either numbers or words.'
    )


def test_a_number_is_a_number_even_where_a_file_has_its_name(here):
    (here / "1").write_text("7\n")
    (here / "2.csv").write_text("7\n")
    (here / "3 runs").write_text("7\n")
    assert load("1").array == 1
    assert load("./1", form="csv").array == [7]
    assert load("2.csv").array == [7]
    assert load("3 runs", form="csv").array == [7]


def test_missing_files_with_a_suggestion(here):
    (here / "pred.csv").write_text("1\n")
    with pytest.raises(MissingSource, match=r'^--input: there is no file "pred.csvv"\.'):
        load("pred.csvv")
    assert message("prd.csv") == '--input: there is no file "prd.csv". Did you mean "pred.csv"?'
    assert message("prd.csv#0").startswith('--input: there is no file "prd.csv".')
    assert message("abc") == '--input: there is no file "abc".'
    assert message("no/x.csv") == '--input: there is no file "no/x.csv", nor a folder "no".'
    assert message("a\0b.csv") == '--input: there is no file "a\\u0000b.csv".'
    assert "there is no file" in message("x" * 5000)
    assert message("pred.csv#") == '--input: "pred.csv#" names no part behind the #.'


def test_folders_endings_and_formats(here):
    (here / "runs.csv").mkdir()
    (here / "pred.txt").write_text("a\n1\n")
    assert message("runs.csv") == '--input: "runs.csv" is a folder, not a file.'
    assert message("pred.txt") == (
        '--input: "pred.txt" has none of the endings .csv .tsv .json .jsonl .yaml .yml .npy .npz '
        "(.gz may follow); say with --from what it is."
    )
    assert load("pred.txt", form="csv").array == [1]
    with pytest.raises(UsageError, match=r'^--from: there is no format "xls"; there are csv, tsv,'):
        load("pred.txt", form="xls")


def test_an_ending_outweighs_the_format_of_standard_input(here):
    (here / "x.json").write_text("[1]")
    assert load("x.json", form="csv").array == [1]


def test_relative_to_the_folder_of_the_case(here):
    (here / "cases").mkdir()
    (here / "cases" / "x.csv").write_text("1\n")
    assert load("x.csv", base=Path("cases")).array == [1]
    assert load(str(here / "cases" / "x.csv"), base=Path("elsewhere")).array == [1]


def test_a_file_with_a_hash_in_its_name(here):
    (here / "run#1.csv").write_text("a,b\n1,2\n")
    (here / "run").write_text("")
    same(load("run#1.csv"), [[1, 2]], np.int64)
    same(load("run#1.csv#b"), [2], np.int64)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[[1, 2]]", [[1, 2]]),
        (b"\xef\xbb\xbf [1, 2]", [1, 2]),
        (b"[1, 2]\n[3, 4]\n", [[1, 2], [3, 4]]),
        (b"[1,\n2]\n", [1, 2]),
        (b"a,b\n1,2\n", [[1, 2]]),
        (b"1\n2\n", [1, 2]),
        (gzip.compress(b"1\n2\n", mtime=0), [1, 2]),
    ],
)
def test_standard_input_is_told_by_its_content(data, expected):
    loaded = load("-", stdin=io.BytesIO(data))
    same(loaded, expected, np.int64)
    assert loaded.origin == "standard input"


def test_standard_input_npy_and_npz():
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, np.arange(3))
    np.savez(npz, a=np.arange(3), b=np.arange(2))
    same(load("-", stdin=io.BytesIO(npy.getvalue())), [0, 1, 2], np.int64)
    same(load("-#b", stdin=io.BytesIO(npz.getvalue())), [0, 1], np.int64)


@pytest.mark.parametrize("large", [4, stored.LARGE])
def test_standard_input_that_does_not_block(monkeypatch, large):
    monkeypatch.setattr(stored, "LARGE", large)
    here, there = os.pipe()
    os.set_blocking(here, False)

    def write():
        with open(there, "wb", buffering=0) as stream:
            for text in (b"a\n1\n", b"2\n", b"3\n"):
                time.sleep(0.05)
                stream.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    with open(here, "rb") as stdin:
        same(load("-", stdin=stdin), [1, 2, 3], np.int64)
    writer.join()


def test_standard_input_in_parts():
    stdin = io.BytesIO(b"a,b\n1,2\n")
    assert load("-#a", stdin=stdin).array == [1]
    assert load("-#b", stdin=stdin).array == [2]


def test_standard_input_in_a_named_format(monkeypatch):
    assert load("-#x", form="yaml", stdin=io.BytesIO(b"x: 1e-5")).array == 1e-5
    assert load("-", form="tsv", stdin=io.BytesIO(b"1\t2\n")).array.shape == (1, 2)
    assert message("-", stdin=io.BytesIO(b" \n")) == "--input: standard input is empty."
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"4\n")))
    assert load("-").array == [4]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once_and_told_by_its_content(here):
    os.mkfifo(here / "pipe")
    writer = threading.Thread(target=(here / "pipe").write_text, args=("cat\ndog\ncat\n",))
    writer.start()
    loaded = load("./pipe", words=True)
    writer.join()
    assert loaded.array.tolist() == ["cat", "dog", "cat"]


def test_denied(here, monkeypatch):
    (here / "x.csv").write_text("1\n")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert message("x.csv") == "x.csv may not be read: permission denied."


@pytest.mark.parametrize(
    ("value", "expected", "dtype"),
    [
        (1, 1, np.int64),
        ([1, 2.5], [1, 2.5], float),
        ([[1, 2], (3, 4)], [[1, 2], [3, 4]], np.int64),
        ([10**30, 1], [1e30, 1], float),
        ([10**400, -(10**400), 0.5], [np.inf, -np.inf, 0.5], float),
        ([np.float32(0.5), np.int8(1)], [0.5, 1], float),
        (["Infinity", "-Infinity", "NaN"], [np.inf, -np.inf, np.nan], float),
        (["1+2j", 1], [1 + 2j, 1], complex),
        ([], [], float),
    ],
)
def test_array_of(value, expected, dtype):
    same(array_of(value, label="input"), expected, dtype)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([[1, 2], [3, "n/a"]], 'input[1][1] is "n/a", not a number.'),
        ([1, None], "input[1] is null, not a number."),
        ([1, True], "input[1] is true, not a number."),
        (False, "input is false, not a number."),
        ([{}], "input[0] is a mapping, not a number."),
        (
            [1, "2"],
            'input[1] is "2", not a number. Numbers stand without quotation marks and leading zeros.',  # noqa: E501
        ),
        ([[1], [1, 2]], "input[1] has 2 items, but the first has 1 item; all must be alike."),
        (json.loads("[" * 40 + "]" * 40), "input nests lists more than 32 deep."),
        ([1, object], "input[1] is of type type, not a number."),
    ],
)
def test_array_of_what_is_no_array(value, expected):
    with pytest.raises(SourceError) as caught:
        array_of(value, label="input")
    assert str(caught.value) == expected


def test_array_of_words():
    assert array_of(["cat", "dog"], label="target", words=True).array.tolist() == ["cat", "dog"]
    with pytest.raises(
        SourceError, match=r'^target\[1\] is 3 among words such as "cat"; give either'
    ):
        array_of(["cat", 3], label="target", words=True)


@given(st.text(alphabet="0123456789.eE+-_jJ()naif ", max_size=12))
def test_the_grammar_is_part_of_pythons(text):
    found = number(text)
    if found is not None:
        assert repr(found + 0j) == repr(complex(text) + 0j)
    elif "_" not in text:
        with pytest.raises(ValueError, match="could not convert"):
            float(text)


@pytest.mark.parametrize("text", ["1" * 100_000 + "x", "1e" * 50_000, "+1" * 50_000 + "j"])
def test_a_long_text_is_soon_refused(text):
    assert number(text) is None
