"""Lists of numbers that are read at once give what the parsers of JSON and YAML give, or are left to them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from losscli import stored
from losscli.errors import LosscliError
from losscli.files import flows, json_format, jsonl_format, yaml_format
from losscli.files.raw import Raw

FORMATS = {"json": json_format, "yaml": yaml_format, "jsonl": jsonl_format}


def raw(text: str | bytes) -> Raw:
    """A text as a file."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return Raw("x", lambda: io.BytesIO(data))


def plain(value):
    """What is equal only to itself: a value with its types."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, stored.Stored):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, str(value.tolist())
    return repr(value)


def outcome(form: str, text: str | bytes, selector: str | None = None, words: bool = False):
    """What reading gives, or says."""
    try:
        return plain(FORMATS[form].read(raw(text), selector, words=words).array)
    except LosscliError as error:
        return str(error)


@pytest.fixture
def eager(monkeypatch):
    """No list is too short to be read at once."""
    monkeypatch.setattr(flows, "ENOUGH", 0)
    monkeypatch.setattr(flows, "LONG", 0)


def both(form, text, selector=None, words=False):
    """What is given with lists read at once, and without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows, "ENOUGH", 1 << 60)
        slow = outcome(form, text, selector, words)
        patch.setattr(flows, "ENOUGH", 0)
        patch.setattr(flows, "LONG", 0)
        return outcome(form, text, selector, words), slow


# fmt: off
NUMBERS = (
    "0", "1", "-7", "2.5", "-0.0", "1e5", "1E-7", "0.1e+3", "123456789012345678", "10", "100.125",
    "-1.5e-310",
)
# fmt: on
# fmt: off
ODD = (
    "-0", "+1", "+0", ".5", "5.", "01", "-01", "01.5", "1e", "1e400", "9223372036854775808", "1" * 30,
    "-", "+", ".", "e5", "1.2.3", "--1", "1-2", "1 2", "- 1", "1\n2", "", " ", "NaN", ".inf", "null",
    "~", "true", '"a"', "'a'", "x", "1:2", "1: 2", "0x10", "1_0", "[]", "[1]", "1]", "[1", "{}",
    "{a: 1}", "#", " # c", "&a 1", "*a", "!!str 1", "?", "? 1", "|", ">", "\t", "-\n", "0e-05", "00",
    "1.e5", "1.E", "\\", "１", "...", "---",
)
# fmt: on
number = st.sampled_from(NUMBERS)
gaps = st.sampled_from(("", "", "", " ", "  ", "\n", "\n  ", "\r\n", "\n    "))


@st.composite
def lists(draw, depth: int = 2):
    """A list in brackets, mostly a good one."""
    size = draw(st.integers(1, 3))
    items = [draw(lists(depth=depth - 1)) if depth > 1 else draw(number) for _ in range(size)]
    if draw(st.integers(0, 12)) == 0:
        items[draw(st.integers(0, size - 1))] = draw(st.sampled_from(ODD))
    gap = draw(gaps)
    text = f",{draw(gaps)}".join(items)
    return f"[{gap}{text}{draw(st.sampled_from(('', '', '', gap, ',')))}]"


@st.composite
def good(draw):
    """A list of one to four axes without anything odd in it."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    gap = draw(gaps)

    def made(left: list[int]) -> str:
        if not left:
            return draw(number)
        return "[" + f",{gap}".join(made(left[1:]) for _ in range(left[0])) + f"{gap}]"

    return made(shape)


any_list = st.one_of(good(), good(), lists(1), lists(2), lists(3))


# fmt: off
AROUND_JSON = (
    "\0", '{"a": \0, "b": 1}', '{"b": [1, 2], "a": \0}', '["x", \0]', '{"a": "\0"}', "[\0, {}]",
    "{\0: 1}", "\0 1", "[\0, \0]", "[\0, 1]", '{"a": \0 "b": 1}', "\0\0", "[[\0], [\0]]",
)
# fmt: on


@settings(max_examples=300)
@given(
    any_list, st.sampled_from(AROUND_JSON), st.sampled_from((None, "a", "1", "a.0")), st.booleans()
)
def test_json(numbers, around, selector, words):
    quick, slow = both("json", around.replace("\0", numbers), selector, words)
    assert quick == slow


# fmt: off
AROUND = (
    "\0", "a: \0\n", "a:\n  \0\n", "a:\n  \0\nb: 1\n", "- \0\n- x\n", "{a: \0, b: 2}", "[\0, x]",
    "a: x\n  \0\n", "a: 'x\n  \0'\n", 'a: "\0"\n', "a: |\n  \0\n", "a: >-\n  \0\nb: 1", "# \0\na: 1\n",
    "a: \0 # c\n", "a: \0# c\n", "a: &x \0\nb: *x\n", "a: !!str \0\n", "a: !!seq \0\n", "\0: 1\n",
    "? \0\n: 1\n", "a:\0\n", "a: x\0\n", "a: \0x\n", "a: \0\n  x\n", "a: \0\n x: 1\n", "a: 1\n\0\n",
    "-\n\0\n", "-\n \0\n", "a:\n\0\n", "--- \0\n", "---\n\0\n...\n", "a: \0\n---\nb: 1\n",
    "%YAML 1.1\n---\n\0\n", "a: [\n\0\n]\n", "a: {b: \0}\n", "a: \0\nb: \0\n", "&a \0",
    "a:\n  - \0\n  - \0\n", "- - \0\n  - \0\n", "- a: \0\n  b: 1\n", "a: 'x' \0\n", "a: b: \0\n",
    "a: \0: 1\n", "x\n\0\n", "[1, 2] \0", "a: - \0\n",
)
# fmt: on


@settings(max_examples=400)
@given(any_list, st.sampled_from(AROUND), st.sampled_from((None, "a", "1", "b")), st.booleans())
def test_yaml(numbers, around, selector, words):
    quick, slow = both("yaml", around.replace("\0", numbers), selector, words)
    assert quick == slow


# fmt: off
ABOVE = (
    "", "a:\n", " a:\n", "a: # c\n", "a:\n# c\n", "-\n", "- a:\n", "- 1\n", "a: 5\n", "a: |\n",
    "a: >\n", "a: 'x\n", "[\n", "{a:\n", "a: [\n", "- - 1\n", "a: &x\n", "a: !!seq\n", "? \n", "x\n",
    "---\n", "b: 1\na:\n", "a:\n  b:\n", "a:\n b: 1\n", "a:\n - x\n", "# a:\n", "a:\n\n",
    "a: x\n  y:\n", "'a':\n", "a:\r\n",
)
# fmt: on


# fmt: off
BELOW = (
    "", "", "b: 1\n", " b: 1\n", "- x\n", "  - x\n", "  5\n", "     5\n", "# c\n", "]\n", "}\n", "'\n",
    "\n", "...\n", "---\n", "  ]\n", ": 1\n",
)
# fmt: on


@st.composite
def dashes(draw):
    """Lines with dashes, mostly good ones, below something that they may belong to."""
    indent = draw(st.integers(0, 3))
    flat = st.one_of(number, lists(1), good())
    kind = draw(
        st.sampled_from((number, number.map("[{0}, {0}]".format), flat, st.sampled_from(ODD)))
    )
    mixed = st.one_of(kind, kind, kind, flat)
    items = draw(st.lists(kind, min_size=1, max_size=4)) + draw(st.lists(mixed, max_size=1))
    lines = "".join(
        f"{' ' * indent}-{draw(st.sampled_from((' ', ' ', '  ', '')))}{item}\n" for item in items
    )
    above = draw(st.sampled_from(ABOVE))
    below = draw(st.sampled_from(BELOW))
    text = above + lines + below
    return text if draw(st.booleans()) else text.rstrip("\n")


@settings(max_examples=600)
@given(dashes(), st.sampled_from((None, "a", "0", "a.b")), st.booleans())
def test_lines_with_dashes(text, selector, words):
    quick, slow = both("yaml", text, selector, words)
    assert quick == slow


@settings(max_examples=200)
@given(st.text(alphabet="[]{}:,-&*!?|>%@`\"'#\n ae1.~\t", max_size=40))
def test_any_text(text):
    for form in ("json", "yaml"):
        quick, slow = both(form, text)
        assert quick == slow


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    "value",
    [
        {"a": [[1, 2], [3, 4]]},
        {"a": [[[1.5, -2e-7]], [[3, 4.25]]]},
        {"a": [0.1, 1e300, 12]},
        {"a": [[[[1], [2]], [[3], [4]]], [[[5], [6]], [[7], [8]]]]},
    ],
)
def test_what_others_write_is_read_at_once(eager, monkeypatch, form, value):
    texts = [
        json.dumps(value),
        json.dumps(value, indent=2),
        json.dumps(value, separators=(",", ":")),
    ]
    if form == "yaml":
        styles = {1: (True, None, False), 2: (True, None)}.get(np.ndim(value["a"]), (True,))
        texts = [yaml.safe_dump(value, default_flow_style=style) for style in styles]
        texts += [yaml.safe_dump(value, default_flow_style=True, width=20)]
    expected = np.array(value["a"])
    monkeypatch.setattr("losscli.files.nested._leaves", None)  # nothing is made of single numbers
    for text in texts:
        array = FORMATS[form].read(raw(text), "a", words=False).array
        assert plain(array) == plain(expected), text


def test_a_case_is_read_at_once(eager):
    text = "input:\n- [0.5, 1]\n- [2, 3]\ntarget: [1, 0]\nweight: [1.0, 2.0]\nreduction: sum\n"
    values = yaml_format.read_case(raw(text))
    assert {name: plain(value) for name, value in values.items()} == {
        "input": plain(np.array([[0.5, 1], [2, 3]])),
        "target": plain(np.array([1, 0])),
        "weight": plain(np.array([1.0, 2.0])),
        "reduction": "'sum'",
    }


def test_a_large_list_stays_in_a_file(eager, monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 1000)
    monkeypatch.setattr(flows, "_BLOCK", 100)
    for form in ("json", "yaml"):
        array = (
            FORMATS[form]
            .read(
                raw(json.dumps({"a": np.arange(600.0).reshape(-1, 3).tolist()})), "a", words=False
            )
            .array
        )
        assert isinstance(array, stored.Stored)
        assert np.array_equal(np.asarray(array), np.arange(600.0).reshape(-1, 3))


row = st.one_of(
    good(),
    number,
    lists(1),
    st.sampled_from(("", " ", '{"a": 1}', '{"a": [1, 2]}', '{"a": [1], "b": 2}', '"x"', "[")),
)


@settings(max_examples=400)
@given(
    rows=st.one_of(
        st.lists(row, max_size=4),
        row.flatmap(lambda one: st.lists(st.just(one), min_size=1, max_size=9)),
    ),
    end=st.sampled_from(("\n", "\r\n")),
    selector=st.sampled_from((None, "a")),
    words=st.booleans(),
    start=st.sampled_from((b"", b"\xef\xbb\xbf", b"\xff")),
)
def test_jsonl(rows, end, selector, words, start):
    data = start + end.join(row.replace("\n", " ").replace("\r", " ") for row in rows).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl_format, "_BLOCK", 1 << 40)
        slow = outcome("jsonl", data, selector, words), _case(data)
        for size in (1, 20):
            patch.setattr(jsonl_format, "_BLOCK", size)
            assert (outcome("jsonl", data, selector, words), _case(data)) == slow


def _case(data: bytes):
    """The values of a case, as arrays where they are numbers."""
    try:
        values = jsonl_format.read_case(raw(data))
    except LosscliError as error:
        return str(error)
    found = {}
    for name, value in values.items():
        try:
            found[name] = plain(jsonl_format.nested_array(value, str, words=True))
        except LosscliError as error:
            found[name] = str(error)
    return found


def test_long_jsonl_is_not_held(monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 1000)
    monkeypatch.setattr(jsonl_format, "_BLOCK", 200)
    rows = np.arange(600).reshape(-1, 3).tolist()
    lists = "\n".join(map(json.dumps, rows))
    named = "\n".join(json.dumps({"p": row, "q": row[0] / 2}) for row in rows)
    for loaded in (
        jsonl_format.read(raw(lists), None, words=False),
        jsonl_format.read(raw(named), "p", words=False),
    ):
        assert isinstance(loaded.array, stored.Stored)
        assert np.asarray(loaded.array).tolist() == rows
        assert loaded.array.dtype == np.int64
    values = jsonl_format.read_case(raw(named))
    assert np.asarray(values["q"]).tolist() == [row[0] / 2 for row in rows]
