"""Results out: formats, and files that are there whole or not at all."""

from __future__ import annotations

import io
import json
import os
import stat
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from losscli.cli.explain import FORMS
from losscli.errors import OutputError, UsageError
from losscli.files import read
from losscli.files.results import (
    WRITTEN,
    form_of,
    format_result,
    json_ready,
    text_of_number,
    write,
)

SCALAR = np.float64(2.2525)
VECTOR = np.array([1.0, np.nan, np.inf, -np.inf, 1e-5, -0.0])
MATRIX = np.array([[1.0, 2.5], [1e22, np.nan]])
GRADIENTS = {"input": np.array([0.5, 1e-05]), "var": np.float64(2)}


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (2.2525, "2.2525"),
        (np.float64(0), "0.0"),
        (np.float32(0.1), "0.10000000149011612"),
        (float("nan"), "nan"),
        (-np.inf, "-inf"),
        (np.int64(3), "3"),
        (np.array(1.5), "1.5"),
        (np.complex128(1 + 2j), "1+2j"),
    ],
)
def test_text_of_number(x, expected):
    assert text_of_number(x) == expected


@given(st.floats())
def test_digits_read_back(x):
    assert struct.pack("d", float(text_of_number(np.float64(x)))) == struct.pack("d", x) or x != x


@pytest.mark.parametrize(
    ("result", "form", "expected"),
    [
        (SCALAR, "text", "2.2525\n"),
        (SCALAR, "csv", "2.2525\n"),
        (SCALAR, "json", "2.2525\n"),
        (SCALAR, "yaml", "2.2525\n"),
        (np.float64("nan"), "json", '"NaN"\n'),
        (VECTOR, "text", "1.0\nnan\ninf\n-inf\n1e-05\n-0.0\n"),
        (VECTOR, "json", '[1.0, "NaN", "Infinity", "-Infinity", 1e-05, -0.0]\n'),
        (VECTOR, "yaml", "- 1.0\n- .nan\n- .inf\n- -.inf\n- 1.0e-05\n- -0.0\n"),
        (MATRIX, "text", "1.0,2.5\n1e+22,nan\n"),
        (MATRIX, "csv", "1.0,2.5\n1e+22,nan\n"),
        (MATRIX, "tsv", "1.0\t2.5\n1e+22\tnan\n"),
        (MATRIX, "yaml", "- [1.0, 2.5]\n- [1.0e+22, .nan]\n"),
        (np.zeros(0), "text", ""),
        (np.zeros((1, 1, 1)), "json", "[[[0.0]]]\n"),
        (np.zeros(0), "yaml", "[]\n"),
        (np.array([1 + 2j]), "text", "1+2j\n"),
        (np.array([1 + 2j]), "json", '["1+2j"]\n'),
        ({"input": VECTOR[:1]}, "csv", "1.0\n"),
        (GRADIENTS, "text", "# input\n0.5\n1e-05\n\n# var\n2.0\n"),
        (GRADIENTS, "json", '{"input": [0.5, 1e-05], "var": 2.0}\n'),
        (GRADIENTS, "yaml", "input:\n- 0.5\n- 1.0e-05\nvar: 2.0\n"),
    ],
)
def test_formats(result, form, expected):
    assert format_result(result, form).decode() == expected


def test_npy():
    array = np.load(io.BytesIO(format_result(np.float32([1, 2]), "npy")))
    assert array.dtype == np.float32
    assert np.load(io.BytesIO(format_result(SCALAR, "npy"))) == SCALAR


def test_many_rows_in_blocks():
    array = np.arange(200_000.0).reshape(-1, 2)
    assert format_result(array, "csv").decode().splitlines() == [
        f"{a!r},{b!r}" for a, b in array.tolist()
    ]


@pytest.mark.parametrize(
    ("result", "form", "expected"),
    [
        (np.zeros((1, 1, 1)), "text", "text holds up to 2 dimensions, but the result has shape (1, 1, 1); take --format json or npy."),  # noqa: E501
        (GRADIENTS, "csv", "csv holds one array, but there are 2 (input, var); take --format json."),  # noqa: E501
        (GRADIENTS, "npy", "npy holds one array, but there are 2 (input, var); choose one with --wrt."),  # noqa: E501
        (GRADIENTS, "tsv", "tsv holds one array, but there are 2 (input, var); take --format json."),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold(result, form, expected):
    with pytest.raises(UsageError) as caught:
        format_result(result, form)
    assert str(caught.value) == expected


def test_json_ready():
    data = {"a": [np.float32(0.5), (1, None)], "b": MATRIX, "c": True, "d": 1 - 2j, "e": np.inf}
    ready = json_ready(data)
    assert json.loads(json.dumps(ready, allow_nan=False)) == {
        "a": [0.5, [1, None]],
        "b": [[1.0, 2.5], [1e22, "NaN"]],
        "c": True,
        "d": "1-2j",
        "e": "Infinity",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.JSON", "json"), ("b/c.yml", "yaml"), ("c.TSV", "tsv"), ("x", "text"), ("x.log", "text")],
)
def test_form_of(path, expected):
    assert form_of(path, WRITTEN) == expected


def test_pages_have_endings_of_their_own():
    assert [form_of(f"x.{end}", FORMS) for end in ("tex", "latex", "htm")] == [
        "latex",
        "latex",
        "html",
    ]
    for path in ("x.csv", "x.yaml", "x.npy"):
        with pytest.raises(UsageError, match=r"the endings that can are \.txt, \.json, \.md, "):
            form_of(path, FORMS)


@pytest.mark.parametrize("path", ["x.npz", "x.jsonl", "x.csv.gz", "x.gz", "x.svg", "x.latex"])
def test_what_cannot_be_written_is_refused(path):
    with pytest.raises(UsageError) as caught:
        form_of(path, WRITTEN)
    assert str(caught.value) == (
        f"--output: {path} ends with {os.path.splitext(path)[1]}, which cannot be written here; "
        "the endings that can are .txt, .json, .yaml, .yml, .csv, .tsv, .npy."
    )


@pytest.mark.parametrize("ending", ["json", "yaml", "yml", "csv", "tsv", "npy"])
def test_what_is_written_reads_back(ending, here):
    array = np.array([[1.0, -2.5, 1e-300], [1e22, np.nan, np.inf]])
    write(f"x.{ending}", format_result(array, form_of(f"x.{ending}", WRITTEN)), force=False)
    assert np.array_equal(read(f"x.{ending}", label="--input").array, array, equal_nan=True)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(path, force=False) -> str:
    with pytest.raises(OutputError) as caught:
        write(str(path), b"new", force=force)
    return str(caught.value)


def test_write(here):
    write("x.json", b"one", force=False)
    assert refusal("x.json") == "x.json exists; give --force to overwrite it."
    assert (here / "x.json").read_bytes() == b"one"
    os.chmod("x.json", 0o640)
    write("x.json", iter([b"t", b"wo"]), force=True)
    assert (here / "x.json").read_bytes() == b"two"
    assert stat.S_IMODE(os.stat("x.json").st_mode) == 0o640
    assert os.listdir() == ["x.json"]


def test_write_through_a_link(here):
    write("x.json", b"one", force=False)
    os.symlink("x.json", "link.json")
    write("link.json", b"two", force=True)
    assert os.path.islink("link.json")
    assert (here / "x.json").read_bytes() == b"two"


def test_write_where_it_cannot_be(here, monkeypatch):
    assert refusal("no/x.json") == "no/x.json cannot be written: there is no folder no."
    (here / "folder").mkdir()
    assert refusal("folder", force=True) == "folder is a folder; give the name of a file."
    write("file", b"", force=False)
    assert refusal("file/x") == "file/x cannot be written: Not a directory."

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", denied)
    assert refusal("x.json") == "x.json cannot be written: permission denied."


def test_nothing_is_left_of_a_failure(here):
    def pieces():
        yield b"half"
        raise KeyboardInterrupt

    write("x.json", b"one", force=False)
    with pytest.raises(KeyboardInterrupt):
        write("x.json", pieces(), force=True)
    assert os.listdir() == ["x.json"]
    assert (here / "x.json").read_bytes() == b"one"


def test_a_device_is_written_to_as_it_is():
    write(os.devnull, b"one", force=False)
    assert not os.path.isfile(os.devnull)


def test_a_gradient_of_more_axes_is_headed_tables() -> None:
    array = np.arange(8.0).reshape(2, 2, 2)
    text = format_result({"log_probs": array}, "text").decode()
    assert text == "# log_probs[0]\n0.0,1.0\n2.0,3.0\n\n# log_probs[1]\n4.0,5.0\n6.0,7.0\n"
