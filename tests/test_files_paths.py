"""A table is the same, and what is wrong in it is said alike, whichever way it is read.

There are four ways: field by field, the reader of decimals, NumPy's, and Polars; and the text comes in
blocks, which may end anywhere between two lines.
"""

from __future__ import annotations

import gzip
import io
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_memory import MIB, needs_linux, peak

from losscli import stored
from losscli.errors import LosscliError
from losscli.files import block_reader, blocks, decimals, fast, read, read_case
from losscli.files.grammar import number

# fmt: off
PLAIN = (
    "1", "0", "-0", "+0", "-00", "007", "-7", "+12", "123456789", "999999999999999999",
    "1000000000000000000",
)
FRACTIONS = (
    "1.5", "-.5", "5.", "+0.0", "-0.0", "1e5", "1E-5", "1.e+3", "-2.5e-310", "4.9e-324", "2e-324",
    "1e400", "-1e400", "0.1", "1.7976931348623157e308", "1.7976931348623159e308",
    "0.30000000000000004", "123456789012345678901234567890.5", "9007199254740993.0",
    "9223372036854775807.", "2.2250738585072011e-308", "0." + "0" * 30 + "12345678901234567",
    "1e99999999999", "1e-99999999999", "0e99999999999", "0.5e000000000001",
)
INTEGERS = ("9223372036854775807", "-9223372036854775808", "9223372036854775808", "1" * 25, "1" * 400)
SPECIAL = (
    "nan", "NaN", "-nan", "inf", "-Infinity", "INF", "1+2j", "(1-0.5j)", " 3", "4 ", "\t5", '"6"', '"7.5"',
)
WRONG = (
    "", " ", "x", "n/a", "NA", "null", "None", "1_000", "0x10", "1e", "e5", ".", "-", "+", "--1", "+-1",
    "1-2", "1.2.3", "1e5e5", "1e5.5", "1.5-", "1 2", "１", "ꁒ", "\0", "1\0", "\x0b1", "\xa02", '""', '"1',
    '"a\nb"', "infin", "nan(1)", "true", "1,2", "1;2", "1\t2", "'1'", "#", "\ufeff1", "1d5", "1f", "0b1",
    "½", "²",
)
KINDS = ("any", "subnormal", "long", "nineteen digits", "halfway", "fixed", "scaled")
# fmt: on

fields = st.one_of(
    *map(st.sampled_from, (PLAIN, PLAIN, FRACTIONS, FRACTIONS, INTEGERS, SPECIAL, WRONG)),
    st.floats(width=64).map(repr),
    st.integers(-(2**64), 2**64).map(str),
    st.from_regex(r"\A[+-]?[0-9]{1,22}(\.[0-9]{0,22})?([eE][+-]?[0-9]{1,3})?\Z"),
)


@st.composite
def tables(draw):
    """The bytes of a table, mostly a good one, with any line breaks."""
    width = draw(st.integers(1, 4))
    kinds = draw(
        st.lists(
            st.sampled_from((PLAIN, FRACTIONS, PLAIN + FRACTIONS)), min_size=width, max_size=width
        )
    )
    rows = draw(st.lists(st.tuples(*map(st.sampled_from, kinds)), min_size=1, max_size=12))
    lines = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 2))):  # something else here and there
        row = draw(st.integers(0, len(lines) - 1))
        lines[row][draw(st.integers(0, width - 1))] = draw(fields)
    texts = [",".join(line) for line in lines]
    for _ in range(draw(st.sampled_from((0, 0, 0, 1)))):
        texts.insert(
            draw(st.integers(0, len(texts))),
            draw(st.sampled_from(("", " ", "\t", "1", "1,2,3,4,5"))),
        )
    if draw(st.booleans()):
        texts.insert(0, ",".join("abcd"[:width]))
    end = draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n", "\n\r")))
    last = draw(st.sampled_from(("", end, end * 3, " ")))
    mark = draw(st.sampled_from((b"", b"", b"\xef\xbb\xbf")))
    tail = draw(st.sampled_from((b"", b"", b"", b"\xff", b"\xc3")))
    return mark + (end.join(texts) + last).encode("utf-8", "surrogatepass") + tail


WAYS = ("field by field", "decimals", "NumPy", "Polars", "Polars, wide")


@contextmanager
def only(way: str, size: int = blocks.BLOCK):
    """Tables are read in one way where it can, in blocks of a size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(blocks, "_NEAR", size // 2)
        patch.setattr(block_reader, "_LARGE_BLOCK", size)
        patch.setattr(fast, "ENOUGH", 0 if "Polars" in way else 1 << 60)
        if way == "Polars, wide":
            patch.setattr(fast, "WIDE", 0)
        if way == "field by field":
            patch.setattr(block_reader.BlockReader, "numbers", lambda *_: None)
        if way == "NumPy":
            patch.setattr(decimals, "numbers", lambda *_: None)
        yield


def bits(array) -> tuple:
    """All that an array is."""
    array = np.asarray(array)
    return (
        str(array.dtype),
        array.shape,
        array.astype("O").tolist() if array.dtype.kind == "U" else array.tobytes(),
    )


def outcome(path: Path, source: str = "", words: bool = False):
    """What reading a table gives, or says."""
    try:
        if source == "case":
            values = read_case(str(path)).values
            return {name: bits(loaded.array) for name, loaded in values.items()}
        return bits(read(f"{path}{source}", label="--input", words=words).array)
    except LosscliError as error:
        return str(error)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("paths") / "x.csv"


def ways() -> list[str]:
    return [way for way in WAYS if "Polars" not in way or fast.is_there()]


@settings(max_examples=200)
@given(
    data=tables(),
    size=st.sampled_from((1, 2, 7, 20, 64, 1000)),
    source=st.sampled_from(("", "", "#0", "#1,0", "#:2", "case")),
    words=st.booleans(),
)
def test_every_way_gives_the_same(path, data, size, source, words):
    path.write_bytes(data)
    with only("field by field"):
        expected = outcome(path, source, words)
    for way in ways():
        for block in (size, blocks.BLOCK):
            with only(way, block):
                assert outcome(path, source, words) == expected, (way, block)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [*PLAIN, *FRACTIONS, *INTEGERS, *SPECIAL, *WRONG])
def test_every_way_reads_or_refuses_a_field(path, way, text):
    if "Polars" in way:
        pytest.importorskip("polars")
    for around in ("{}\n", "1.5,{}\n", "{},2\n1,2", "1,2\n3,{}\n5,6"):
        path.write_text(around.format(text), encoding="utf-8")
        with only("field by field"):
            expected = outcome(path)
        with only(way):
            assert outcome(path) == expected, around


READERS = {"decimals": decimals.numbers, "Polars": fast.numbers, "Polars, wide": fast.numbers}


@pytest.fixture
def reader(request, monkeypatch):
    """One of the readers, by its name."""
    if "Polars" in request.param:
        pytest.importorskip("polars")
    if "wide" in request.param:
        monkeypatch.setattr(fast, "WIDE", 0)
    return READERS[request.param]


def texts_of(most: int) -> list[str]:
    """All texts of up to so many of the characters that numbers are made of."""
    return ["".join(text) for size in range(most + 1) for text in product("1.e+-0", repeat=size)]


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_no_reader_takes_for_a_number_what_is_none(reader):
    """All texts of up to five of the characters that numbers are made of."""
    for text in texts_of(5 if reader is decimals.numbers else 4):
        found = reader(f"1.5,{text}\n".encode(), b",", 2)
        if found is not None:
            expected = number(text)
            assert expected is not None, text
            assert found[0].tobytes() == np.array([1.5, expected]).tobytes(), text


def test_one_column_is_taken_for_numbers_only_where_it_is():
    """All texts of up to four of the characters that numbers are made of, between two words."""
    pytest.importorskip("polars")
    for text in texts_of(4):
        found = fast.numbers(f"x,{text},y\n".encode(), b",", 3, [1])
        if found is not None:
            expected = number(text)
            assert expected is not None, text
            assert found.tobytes() == np.array([expected]).tobytes(), text


def test_one_column_is_not_taken_from_lines_of_another_width():
    """All pairs of lines of up to five fields, of which some are empty."""
    pytest.importorskip("polars")
    lines = [",".join(line) for width in range(6) for line in product(("", "1"), repeat=width)]
    taken = 0
    for first, second in product(lines, repeat=2):
        data = f"{first}\n{second}\n".encode()
        for column in range(3):
            found = fast.numbers(data, b",", 3, [column])
            rows = [line.split(",") for line in (first, second)]
            if found is not None:
                assert [len(row) for row in rows] == [3, 3], data
                assert found.ravel().tolist() == [int(row[column]) for row in rows], data
                taken += 1
    assert taken == 4 + 4 + 16  # those of three fields with "1" in the column and in the last one


def decimals_of(kind: str, random: np.random.Generator) -> list[str]:
    """Many decimals that are hard to round or unlike each other."""
    doubles = random.integers(0, 2**64, 4000, dtype=np.uint64).view(float)
    doubles = doubles[np.isfinite(doubles)].tolist()
    if kind == "any":
        return [repr(value) for value in doubles]
    if kind == "subnormal":
        return [repr(value) for value in random.integers(1, 2**52, 4000).view(float).tolist()]
    if kind == "long":
        return [f"{value:.30e}" for value in doubles]
    if kind == "nineteen digits":
        return [f"{value:.18e}" for value in doubles]
    if kind == "halfway":  # between two floats, exactly or nearly
        odd = (2 * random.integers(2**52, 2**53, 2000) + 1).tolist()
        return [f"{value}.{tail}" for value in odd for tail in ("0", "0000000000000000001")]
    if kind == "fixed":
        return [f"{value:.6f}" for value in (random.standard_normal(4000) * 1e3).tolist()]
    scale = 10.0 ** random.integers(-30, 30, 4000)
    return [f"{value:.17g}" for value in (random.standard_normal(4000) * scale).tolist()]


@pytest.mark.parametrize("width", [1, 7])
@pytest.mark.parametrize("reader", READERS, indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_decimals_are_rounded_as_python_rounds_them(kind, reader, width):
    texts = decimals_of(kind, np.random.default_rng(5))
    texts = texts[: len(texts) // width * width]
    lines = (",".join(texts[i : i + width]) for i in range(0, len(texts), width))
    found = reader(("\n".join(lines) + "\n").encode(), b",", width)
    assert found is not None
    assert found.tobytes() == np.array([float(text) for text in texts]).tobytes()


@pytest.mark.parametrize("size", [1, 5, 16])
def test_a_row_in_quotation_marks_may_span_blocks(path, size):
    path.write_text('id,y\n"a\n\nb",1\nc,2\n"d\n\n\n\n\ne\n",3\nf,x\n')
    with only("decimals", size):
        assert outcome(path, "#y") == (f'{path}, line 13, column 2 ("y"): "x" is not a number.')
        path.write_text(path.read_text().replace("x", "4"))
        assert read(f"{path}#y", label="--input").array.tolist() == [1, 2, 3, 4]


def test_the_first_thing_that_is_wrong_is_named(path):
    path.write_text("a,b\n1,2\n3,x\n4\ny,5\n")
    for size in (1, 9, 1000):
        with only("decimals", size):
            assert outcome(path) == f'{path}, line 3, column 2 ("b"): "x" is not a number.'
            assert outcome(path, "#a") == f"{path}, line 4 has 1 field; expected 2, as on line 1."
            assert outcome(path, "case") == f"{path}, line 4 has 1 field; expected 2, as on line 1."


@pytest.fixture
def small(monkeypatch):
    """What counts as large is not much."""
    monkeypatch.setattr(stored, "LARGE", 1000)
    monkeypatch.setattr(blocks, "BLOCK", 300)


@pytest.mark.parametrize("last", ["8", "0.5", "1+2j", "9223372036854775808", "-0"])
def test_a_large_table_stays_in_a_file(path, small, last):
    rows = [[str(i), str(-i)] for i in range(500)] + [["7", last]]
    path.write_text("\n".join(map(",".join, rows)))
    loaded = read(str(path), label="--input").array
    assert isinstance(loaded, stored.Stored)
    expected = [list(map(number, row)) for row in rows]
    np.testing.assert_array_equal(np.asarray(loaded), np.array(expected, dtype=loaded.dtype))
    assert loaded.dtype == (complex if "j" in last else int if last == "8" else float)


def test_a_large_case_is_read_once(path, small, monkeypatch):
    path.write_text("input_0,input_1,target\n" + "0.5,1,2\n" * 400)
    opened = []
    monkeypatch.setattr(
        Path, "open", lambda self, mode, _open=Path.open: opened.append(self) or _open(self, mode)
    )
    values = {name: one.array for name, one in read_case(str(path)).values.items()}
    assert len(opened) <= 4  # twice for the header
    assert np.asarray(values["input"]).tolist() == [[0.5, 1.0]] * 400
    assert np.asarray(values["target"]).tolist() == [2] * 400
    assert values["target"].dtype == np.int64


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_large_standard_input_is_read_in_parts(small, pack):
    text = b"a,b\n" + b"1,2.5\n" * 1000
    stdin = io.BytesIO(pack(text))
    for _ in range(2):
        for column, value in (("a", 1), ("b", 2.5)):
            array = read(f"-#{column}", label="--input", stdin=stdin).array
            assert np.asarray(array).tolist() == [value] * 1000


@needs_linux
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "-"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    """100 MB of text, 115 MB of numbers, of which little is held. Takes some seconds."""
    lines = b"".join(b"%d.5,2,%d\n" % (i, -i) for i in range(100_000))
    file = tmp_path / name.replace("-", "x.csv")
    with gzip.open(file, "wb", 1) if "gz" in name else file.open("wb") as stream:
        for _ in range(48):
            stream.write(lines)
    with file.open("rb") as stdin:
        used = peak(
            "compute",
            "mse",
            "--input",
            f"{name}#0",
            "--target",
            f"{name}#1",
            cwd=tmp_path,
            stdin=stdin,
        )
    assert used < 230 * MIB  # with Polars 155 to 190; with all numbers held 300
