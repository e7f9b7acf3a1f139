"""Cases: one file that holds every input and parameter."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest

from losscli import cli
from losscli.errors import LosscliError
from losscli.files import read, read_case


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(name, content):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
        return read_case(name)

    return written


def arrays(case):
    return {name: loaded.array.tolist() for name, loaded in case.values.items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cases/x.yaml", "loss: ctc\nexpect: 1e-5\ninput-lengths: [1]\nfull: true\nweight: w.npy\n"),  # noqa: E501
        ("cases/x.json", '{"loss": "ctc", "expect": 1e-5, "input_lengths": [1], "full": true, "weight": "w.npy"}'),  # noqa: E501
    ],
)  # fmt: skip
def test_mappings(case, name, content):
    found = case(name, content)
    assert found.values == {"input_lengths": [1], "full": True, "weight": "w.npy"}
    assert (found.loss, found.expect) == ("ctc", 1e-5)
    assert (found.base, found.origin) == (Path("cases"), name)
    np.save("cases/w.npy", np.ones(2))
    assert read("w.npy", label="weight", base=found.base).array.tolist() == [1, 1]


def test_columns(case):
    found = case("x.csv", "input_10,input_9,target,log-probs_0\n1,2.5,cat,5\n3,4.5,dog,6\n")
    assert arrays(found) == {
        "input": [[2.5, 1], [4.5, 3]],
        "target": ["cat", "dog"],
        "log_probs": [[5], [6]],
    }
    assert found.values["log_probs"].array.dtype == np.int64
    assert found.values["input"].columns == ("input_9", "input_10")
    assert (found.loss, found.expect) == (None, None)
    assert arrays(case("x.tsv", "input1\ttarget\n1\t2\n")) == {"input1": [1], "target": [2]}


def test_inputs_that_hold_no_words(case):
    case("x.csv", "input,target\n1,2\n2,1_000\n")
    np.savez("x.npz", target=["a"])
    for name, sentence in (
        ("x.csv", 'x.csv, line 3, column 2 ("target"): "1_000" is not a number.'),
        ("x.npz", "x.npz#target holds texts; expected numbers."),
    ):
        assert read_case(name).values["target"].array.dtype.kind == "U"
        with pytest.raises(LosscliError) as caught:
            read_case(name, numbers=["target"])
        assert str(caught.value) == sentence


@pytest.mark.parametrize("word", ["1_000", "input"])
@pytest.mark.parametrize(("form", "separator"), [("csv", ","), ("tsv", "\t")])
def test_only_classes_are_words(case, capfd, word, form, separator):
    case(f"x.{form}", f"id,input,target\na,1,2\nb,2,{word}\n".replace(",", separator))
    assert cli.run(["explain", "huber", f"x.{form}", "--id-column", "id"]) == 2
    sentence = f'x.{form}, line 3, column 3 ("target"): "{word}" is not a number.'
    assert sentence in capfd.readouterr().err
    case("y.csv", "id,input_0,input_1,target\na,1,2,input_1\n")
    assert cli.run(["explain", "cross-entropy", "y.csv", "--id-column", "id"]) == 0


def test_rows_and_arrays(case):
    found = case("x.jsonl", '{"input": [1, 2], "target": 0}\n{"input": [3, 4], "target": 1}\n')
    assert found.values == {"input": [[1, 2], [3, 4]], "target": [0, 1]}
    np.savez("x.npz", input=np.ones(2))
    assert arrays(read_case("x.npz")) == {"input": [1, 1]}


@pytest.mark.parametrize(
    "content", ["input: [1]\n", "# a case\n\ninput:\n- 1\n", '{"input": [1]}', "---\ninput: [1]"]
)
def test_standard_input(content):
    assert read_case("-", stdin=io.BytesIO(content.encode())).values == {"input": [1]}


def test_standard_input_as_csv():
    assert arrays(read_case("-", stdin=io.BytesIO(b"input,target\n1,2\n"))) == {
        "input": [1],
        "target": [2],
    }


def test_columns_of_one_row(case):
    found = case("x.csv", "input,loss,expect\n1,huber,2.5\n")
    assert (found.loss, found.expect) == ("huber", 2.5)


def test_expecting_nan(case):
    assert math.isnan(case("x.json", '{"expect": "NaN"}').expect)
    assert math.isnan(case("x.yaml", "expect: nan").expect)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.json", "[1]", "x.json is not a mapping of inputs and parameters by name."),
        ("x.yaml", "loss: 3", "x.yaml: loss is 3; expected the name of a loss."),
        ("x.yaml", "expect: cat", 'x.yaml: expect is "cat"; expected a number.'),
        ("x.yaml", "expect: true", "x.yaml: expect is True; expected a number."),
        ("x.yaml", "a-b: 1\na_b: 2", 'x.yaml has "a_b" twice, with a dash and with an underscore.'),
        ("x.csv", "1,2\n", "x.csv has no header; as a case it needs one that names the inputs, as in input,target."),  # noqa: E501
        ("x.csv", "a,a_0\n1,2\n", 'x.csv: column "a_0" stands for an input that is there already.'),
        ("x.csv", "a_0,a_2\n1,2\n", 'x.csv has no column "a_1" among those of a.'),
        ("x.csv", "a,b\n1.5,1\n2,n/a\n", 'x.csv, line 3, column 2 ("b"): "n/a" is not a number.'),
        ("x.jsonl", '{"a": 1}\n{"b": 1}', 'x.jsonl, line 2 lacks "a", unlike the first line.'),
        ("x.csv", "a,loss\n1,2\n2,3\n", "x.csv#loss: loss holds 2 values; expected the name of a loss."),  # noqa: E501
        ("x.csv", "a,loss\n1,2\n", "x.csv: loss is 2; expected the name of a loss."),
        ("x.csv", "a,expect\n1,2\n2,3\n", "x.csv#expect: expect holds 2 values; expected one number."),  # noqa: E501
        ("x.npy", "", "x.npy holds a single array; a case holds inputs by name."),
    ],
)  # fmt: skip
def test_what_is_no_case(case, name, content, expected):
    with pytest.raises(LosscliError) as caught:
        case(name, content)
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", ["0", "false", '""', "[]", "{}"])
@pytest.mark.parametrize("setting", ["dtype", "reduction"])
def test_a_setting_that_is_none(case, capfd, setting, value):
    case("x.yaml", f"input: [1]\ntarget: [2]\n{setting}: {value}\n")
    assert cli.run(["compute", "l1", "x.yaml"]) == 2
    assert f"l1: {setting} is " in capfd.readouterr().err


def test_a_column_that_names_the_ids(case, capfd):
    rows = "input,target,id,id_column\n1,2,a,id\n"
    case("x.csv", rows)
    assert cli.run(["explain", "l1", "x.csv"]) == 0
    case("x.csv", f"{rows}2,3,b,id\n")
    assert cli.run(["explain", "l1", "x.csv"]) == 2
    sentence = "x.csv#id_column: id_column holds 2 values; expected the name of a column."
    assert sentence in capfd.readouterr().err


@pytest.mark.parametrize("to", ["nowhere.csv", "x.csv"])
def test_a_link_that_leads_nowhere(case, to):
    Path("x.csv").symlink_to(to)
    for name in ("x.csv", "*.csv"):
        with pytest.raises(LosscliError) as caught:
            read(name, label="--input")
        assert str(caught.value) == '--input: "x.csv" is a link that leads to no file.'


def test_a_missing_case(case):
    case("huber.yaml", "a: 1")
    with pytest.raises(LosscliError) as caught:
        read_case("hubr.yaml")
    assert str(caught.value) == ('case: there is no file "hubr.yaml". Did you mean "huber.yaml"?')
