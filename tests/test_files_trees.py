"""JSON, JSONL and YAML."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from losscli.errors import LosscliError
from losscli.files import read
from losscli.files.json_format import parsed as parsed_json
from losscli.files.results import format_result
from losscli.files.yaml_format import parsed as parsed_yaml


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Writes a file and reads it, or what stands behind its #."""
    monkeypatch.chdir(tmp_path)

    def written(name, content, words=False):
        file = name.partition("#")[0]
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / file).write_bytes(data)
        return read(name, label="--input", words=words)

    return written


def message(load, name, content) -> str:
    with pytest.raises(LosscliError) as caught:
        load(name, content)
    return str(caught.value)


TREE = '{"eval": {"logits": [[1, 2], [3, 4]]}, "runs": [{"loss": 0.5}], "a.b": {"c": 7}, "a": {"d": 8}}'  # noqa: E501


@pytest.mark.parametrize("ending", ["json", "yaml"])
@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("eval.logits", [[1, 2], [3, 4]]),
        ("eval.logits.1", [3, 4]),
        ("runs.0.loss", 0.5),
        ("a.b.c", 7),
        ("a.d", 8),
    ],
)
def test_keys(load, ending, selector, expected):
    loaded = load(f"x.{ending}#{selector}", TREE)
    assert loaded.array.tolist() == expected
    assert loaded.origin == f"x.{ending}#{selector}"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "x.json holds a mapping of eval, runs, a.b, a; pick one, as in x.json#eval."),
        ("#eval", "x.json#eval holds a mapping of logits; pick one, as in x.json#eval.logits."),
        ("#eval.logit", 'x.json#eval has no "logit"; it has logits; did you mean "logits".'),
        ("#runs.3.loss", 'x.json#runs has no "3"; it is a list of 1, whose items are 0 to 0.'),
        ("#runs.0.loss.x", 'x.json#runs.0.loss has no "x"; it is a single value.'),
    ],
)
def test_keys_that_are_not_there(load, selector, expected):
    assert message(load, "x.json" + selector, TREE) == expected


@pytest.mark.parametrize(
    ("content", "expected", "dtype"),
    [
        ("[1, 2]", [1, 2], np.int64),
        ("[1, 2.0]", [1, 2], float),
        ("3", 3, np.int64),
        ('[NaN, "NaN", Infinity, "-Infinity"]', [np.nan, np.nan, np.inf, -np.inf], float),
        ('["1+2j"]', [1 + 2j], complex),
        ("\ufeff[1]", [1], np.int64),
        ("[123456789012345678901]", [123456789012345678901.0], float),
    ],
)
def test_json(load, content, expected, dtype):
    array = load("x.json", content).array
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "x.json is empty."),
        ('[[1, 2], [3, "n/a"]]', 'x.json: [1][1] is "n/a", not a number.'),
        ("[1, null]", "x.json: [1] is null, not a number."),
        ("[1, true]", "x.json: [1] is true, not a number."),
        ('"a"', 'x.json: the value is "a", not a number.'),
        ("[[1], [2, 3]]", "x.json: [1] has 2 items, but the first has 1 item; all must be alike."),
        ("[1,\n 2", "x.json, line 2, column 3: not JSON (expecting ',' delimiter)."),
        ("[1] x", "x.json, line 1, column 5: not JSON (extra data)."),
        ('{"a": 1, "a": 2}', 'x.json: the key "a" stands twice in one mapping.'),
        (b"[1,\n\xff]", "x.json, line 2: byte 0xff is not UTF-8; save the file as UTF-8."),
        ("[1]".encode("utf-16"), "x.json is UTF-16; save it as UTF-8."),
        ("[" * 100_000, "x.json: nested too deep."),
        ("[" * 50 + "]" * 50, "x.json: the value nests lists more than 32 deep."),
        ("[1" + "0" * 5000 + "]", "x.json: an integer has thousands of digits."),
        ("{}", "x.json holds a mapping of nothing; expected numbers."),
    ],
)
def test_what_is_wrong_in_json(load, content, expected):
    assert message(load, "x.json", content) == expected


def test_where_in_json(load):
    content = '{"logits": [[1, 2], [3, "n/a"]]}'
    assert message(load, "x.json#logits", content) == 'x.json: logits[1][1] is "n/a", not a number.'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.jsonl", "1\n2\n", [1, 2]),
        ("x.jsonl", "[1, 2]\r\n\n[3, 4]\n", [[1, 2], [3, 4]]),
        ("x.jsonl#p", '{"p": [1]}\n{"p": [2]}', [[1], [2]]),
        ("x.jsonl#a.p", '{"a": {"p": 1}}\n{"a": {"p": 2}}', [1, 2]),
    ],
)
def test_jsonl(load, name, content, expected):
    assert load(name, content).array.tolist() == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.jsonl", "\n", "x.jsonl is empty."),
        (
            "x.jsonl",
            "[1, 2]\n\n[3]",
            "x.jsonl, line 3: the value has 1 item, but the first has 2 items; all must be alike.",
        ),
        ("x.jsonl", '[1]\n["x"]', 'x.jsonl, line 2: [0] is "x", not a number.'),
        ("x.jsonl", "1\n[", "x.jsonl, line 2, column 2: not JSON (expecting value)."),
        ("x.jsonl", '{"a": 1}', "x.jsonl, line 1 holds a mapping of a; pick one, as in x.jsonl#a."),
        ("x.jsonl#a", '{"a": 1}\n{"b": 1}', 'x.jsonl, line 2 has no "a"; it has b.'),
        ("x.jsonl#a", '{"a": 1}\n{"a": "x"}', 'x.jsonl, line 2: a is "x", not a number.'),
    ],
)
def test_what_is_wrong_in_jsonl(load, name, content, expected):
    assert message(load, name, content) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-5", 1e-5),
        ("1e5", 1e5),
        ("-1.5E+3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+3", 3),
        ("-0", 0),
        (".inf", np.inf),
        ("-.INF", -np.inf),
        ("Infinity", np.inf),
        ("-inf", -np.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        # what YAML 1.1 would silently read as something else stays a text
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("off", "off"),
        ("2021-01-01", "2021-01-01"),
        ("1e", "1e"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("!!int 1", 1),
        ("&a 1", 1),
    ],
)
def test_yaml_scalars(text, expected):
    value = parsed_yaml(f"- {text}", "x.yaml")[0]
    assert value == expected
    assert type(value) is type(expected)


def test_yaml_nan():
    assert str(parsed_yaml("[nan, NaN, .nan, .NaN]", "x.yaml")) == "[nan, nan, nan, nan]"


BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "x.yaml is empty."),
        ("# nothing\n", "x.yaml is empty."),
        ("- 010", "x.yaml: [0] is \"010\", not a number. Numbers stand without quotation marks and leading zeros."),  # noqa: E501
        ("- 1:30", 'x.yaml: [0] is "1:30", not a number.'),
        ("- yes", 'x.yaml: [0] is "yes", not a number.'),
        ("- true", "x.yaml: [0] is true, not a number."),
        ("- ", "x.yaml: [0] is null, not a number."),
        ("[1, 2", "x.yaml, line 2, column 1: not YAML (did not find expected ',' or ']')."),
        ("a: 1\na: 2", 'x.yaml, line 2, column 1: the key "a" stands twice in one mapping.'),
        ("1\n---\n2", "x.yaml, line 2, column 1: a second document begins; expected one."),
        ("? [1]\n: 2", "x.yaml, line 1, column 3: a key must be a plain name."),
        ("- !!python/object/apply:os.system [ls]", "x.yaml, line 1, column 3: the tag !!python/object/apply:os.system is not allowed."),  # noqa: E501
        ("- !!binary aGk=", "x.yaml, line 1, column 3: the tag !!binary is not allowed."),
        ("- !!int x", 'x.yaml, line 1, column 3: "x" is not of the kind "int".'),
        ("- *a", "x.yaml, line 1, column 3: there is no anchor &a before *a."),
        ("&a [*a]", "x.yaml, line 1, column 5: there is no anchor &a before *a."),
        ("[" * 100_000, "x.yaml, line 1, column 102: nested more than 100 deep."),
        (BOMB, "x.yaml, line 6, column 5: its aliases expand to more than 1,000,000 values."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_yaml(load, content, expected):
    assert message(load, "x.yaml", content) == expected


def test_an_unprintable_character_in_yaml(load):
    assert message(load, "x.yaml", "a\0b").startswith("x.yaml: not YAML (")


def test_a_few_aliases_are_fine(load):
    assert load("x.yaml#b", "a: &a [1, 2]\nb: [*a, *a]").array.tolist() == [[1, 2], [1, 2]]


def test_without_the_c_loader(load, monkeypatch):
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert load("x.yaml", "[1e-5, 2]").array.tolist() == [1e-5, 2]
    assert message(load, "x.yaml", "[1").startswith("x.yaml, line 1, column 3: not YAML (")
    assert message(load, "x.yaml", "[" * 100_000).startswith("x.yaml")


def test_words(load):
    assert load("x.yaml", "[cat, dog]", words=True).array.tolist() == ["cat", "dog"]
    assert load("x.json", '["cat", "dog"]', words=True).array.tolist() == ["cat", "dog"]


arrays = st.lists(st.lists(st.floats(width=64), min_size=3, max_size=3), min_size=1, max_size=5)


@pytest.mark.parametrize(("form", "parsed"), [("json", parsed_json), ("yaml", parsed_yaml)])
@given(rows=arrays)
def test_what_is_written_is_read_bit_for_bit(tmp_path_factory, form, parsed, rows):
    written = np.array(rows)
    path = tmp_path_factory.getbasetemp() / f"x.{form}"
    path.write_bytes(format_result(written, form))
    array = read(str(path), label="--input").array
    assert array.shape == written.shape
    numbers = ~np.isnan(written)
    assert array[numbers].tobytes() == written[numbers].tobytes()
    assert np.isnan(array[~numbers]).all()


@settings(max_examples=200)
@given(rows=arrays)
def test_other_readers_read_it_too(rows):
    finite = np.nan_to_num(np.array(rows))
    assert json.loads(format_result(finite, "json")) == finite.tolist()
    assert yaml.safe_load(format_result(finite, "yaml")) == finite.tolist()


@settings(max_examples=300)
@given(st.text(alphabet="[]{}:,-&*!?|>%@`\"'#\n ae1.~\t", max_size=30) | st.text())
def test_any_text_is_read_or_refused(text):
    for parsed in (parsed_json, parsed_yaml):
        try:
            parsed(text, "x")
        except LosscliError as error:
            assert "\n" not in str(error)
