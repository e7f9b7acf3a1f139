"""CSV and TSV: headers, columns, every error with its line and column, and bit-equal floats."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losscli.errors import LosscliError
from losscli.files import block_reader, read


@pytest.fixture
def csv(tmp_path, monkeypatch):
    """Writes a CSV and reads it, or what stands behind its #."""
    monkeypatch.chdir(tmp_path)

    def written(content, selector="", name="x.csv", **options):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return read(name + selector, label="--input", **options)

    return written


def message(csv, *arguments, **options) -> str:
    with pytest.raises(LosscliError) as caught:
        csv(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected", "dtype", "columns"),
    [
        ("1\n2\n", [1, 2], np.int64, ()),
        ("1,2\n3,4.5\n", [[1, 2], [3, 4.5]], float, ()),
        ("a,b\n1,2\n", [[1, 2]], np.int64, ("a", "b")),
        ("a\r\n1\r\n2\r\n", [1, 2], np.int64, ("a",)),
        ("a\r1\r2\r", [1, 2], np.int64, ("a",)),
        ("\ufeffa\n1\n", [1], np.int64, ("a",)),
        ("\na\n1\n\n \n", [1], np.int64, ("a",)),
        ("a,b\n1,2\n\n3,4\n", [[1, 2], [3, 4]], np.int64, ("a", "b")),
        ("a\n 1 \n\t-2", [1, -2], np.int64, ("a",)),
        ('"a","b ""c"""\n"1","2"\n', [[1, 2]], np.int64, ("a", 'b "c"')),
        ('"a\nb"\n1\n', [1], np.int64, ("a b",)),
        ("a\n1\n-0\n", [1, -0.0], float, ("a",)),
        ("a\n1\n-05\n", [1, -5], np.int64, ("a",)),
        ("a\n1\n1e2\n", [1, 100], float, ("a",)),
        ("nan\ninf\n-Infinity\n", [np.nan, np.inf, -np.inf], float, ()),
        ("1+2j\n3\n", [1 + 2j, 3], complex, ()),
        ("a\n9223372036854775808\n", [2.0**63], float, ("a",)),
        ("a\n", [], float, ("a",)),
        ("a,b\n", np.zeros((0, 2)), float, ("a", "b")),
        (",0,1\n0,5,6\n", [[0, 5, 6]], np.int64, ("", "0", "1")),
        ("x,2019\n1,2\n", [[1, 2]], np.int64, ("x", "2019")),
    ],
)
def test_tables(csv, content, expected, dtype, columns):
    loaded = csv(content)
    assert loaded.array.dtype == dtype
    np.testing.assert_array_equal(loaded.array, np.array(expected, dtype=dtype))
    assert loaded.columns == columns


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "x.csv is empty."),
        ("\n \n", "x.csv is empty."),
        ("a,b\n1,2\n3,n/a\n", 'x.csv, line 3, column 2 ("b"): "n/a" is not a number.'),
        ("1,2\n3,n/a\n", 'x.csv, line 2, column 2: "n/a" is not a number.'),
        ("0.5,n/a\n1,2\n", 'x.csv, line 1, column 2: "n/a" is not a number.'),
        ("n/a\n1\n", 'x.csv, line 1, column 1: "n/a" is not a number.'),
        ("5.1,setosa\n4.9,virginica\n", 'x.csv, line 1, column 2: "setosa" is not a number.'),
        ("a,b\n1,\n", 'x.csv, line 2, column 2 ("b") is empty; expected a number.'),
        ("1,,2\n", "x.csv, line 1, column 2 is empty; expected a number."),
        ('a\n1\n""\n', 'x.csv, line 3, column 1 ("a") is empty; expected a number.'),
        (",\n1,2\n", "x.csv, line 1, column 1 is empty; expected a number."),
        ("a\n1\n\n2\n", "x.csv, line 3 is empty; expected a number."),
        ("a,b\n1,2\n3\n", "x.csv, line 3 has 1 field; expected 2, as on line 1."),
        ("a,b\n1,2\n3,4,5\n", "x.csv, line 3 has 3 fields; expected 2, as on line 1."),
        ('a\n"x\ny"\n', 'x.csv, line 2, column 1 ("a"): "x\\ny" is not a number.'),
        ("a\n1_0\n", 'x.csv, line 2, column 1 ("a"): "1_0" is not a number.'),
        ("a\n１\n", 'x.csv, line 2, column 1 ("a"): "１" is not a number.'),
        ("a\n1\0\n", 'x.csv, line 2, column 1 ("a"): "1\\u0000" is not a number.'),
        ("a\nꁒ\n", 'x.csv, line 2, column 1 ("a"): "ꁒ" is not a number.'),
        ("a\n\U000fffff\n", 'x.csv, line 2, column 1 ("a"): "\\udbbf\\udfff" is not a number.'),
        ("a\ntrue\n", 'x.csv, line 2, column 1 ("a"): "true" is not a number.'),
        (
            b"a\n1\n\xe9\n",
            'x.csv, line 3, column 1 ("a"): byte 0xe9 is not UTF-8; save the file as UTF-8.',
        ),
        ("1\n".encode("utf-16"), "x.csv is UTF-16; save it as UTF-8."),
        (
            'a\n"' + "1" * 200_000,
            "x.csv, line 2: field larger than field limit (131072).",
        ),
        (
            "id,2019\nx,3\n",
            'x.csv, line 1 has a number ("2019") and a word ("id"), so it may be a header or data; '
            "put a header of names above the data.",
        ),
    ],
)
def test_what_is_wrong(csv, content, expected):
    assert message(csv, content) == expected


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("row", [5, 4094, 4096, 9000])
def test_the_line_is_found_in_any_block(csv, row, quoted):
    lines = ["a,b"] + ['"1",2' if quoted and i == 3 else "1.5,2" for i in range(10_000)]
    lines[row] = "1.5,x"
    assert message(csv, "\n".join(lines)).startswith(f"x.csv, line {row + 1}, column 2")
    lines[row] = "1.5"
    assert message(csv, "\n".join(lines)).startswith(f"x.csv, line {row + 1} has 1 field")
    lines[row] = ""
    assert csv("\n".join(lines)).array.shape == (9_999, 2)


@pytest.mark.parametrize("blank", [4095, 4096, 4097, 9000])
def test_blank_lines_across_blocks(csv, blank):
    lines = ["a", *["1"] * 10_000]
    assert csv("\n".join(lines) + "\n" * blank).array.shape == (10_000,)
    lines[blank] = ""
    assert message(csv, "\n".join(lines)) == f"x.csv, line {blank + 1} is empty; expected a number."
    assert message(csv, "a\n1" + "\n" * blank + "2\n") == (
        "x.csv, line 3 is empty; expected a number."
    )


def test_integers_before_the_first_fraction(csv):
    array = csv("\n".join(["a", *["7"] * 5000, "0.5"])).array
    assert array.dtype == float
    assert array[0] == 7
    assert array[-1] == 0.5


@pytest.mark.parametrize(
    ("selector", "expected", "columns"),
    [
        ("#b", [2, 6], ("b",)),
        ("#1", [2, 6], ("b",)),
        ("#c,a", [[3, 1], [7, 5]], ("c", "a")),
        ("#1:3", [[2, 3], [6, 7]], ("b", "c")),
        ("#:2", [[1, 2], [5, 6]], ("a", "b")),
        ("#2:", [[3, 4], [7, 8]], ("c", "p,q")),
        ("#?", [[1, 2, 3], [5, 6, 7]], ("a", "b", "c")),
        ("#p,q", [4, 8], ("p,q",)),
        ("#0, b,2:3", [[1, 2, 3], [5, 6, 7]], ("a", "b", "c")),
    ],
)
def test_columns(csv, selector, expected, columns):
    loaded = csv('a,b,c,"p,q"\n1,2,3,4\n5,6,7,8\n', selector)
    np.testing.assert_array_equal(loaded.array, expected)
    assert loaded.columns == columns
    assert loaded.origin == f"x.csv{selector}"


def test_other_columns_may_hold_anything(csv):
    content = b'id,y\nn/a,1\n,2\n\xff,3\n"a,\nb",4\n'
    loaded = csv(content, "#y")
    assert loaded.array.tolist() == [1, 2, 3, 4]
    assert loaded.array.dtype == np.int64


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (
            "#logit_v",
            'x.csv has no column "logit_v"; its columns are logit_a, b, b. Did you mean "logit_a"?',
        ),
        ("#z*", 'x.csv has no column "z*"; its columns are logit_a, b, b.'),
        ("#3", "x.csv has no column 3; it has 3, 0 to 2."),
        ("#1:4", "x.csv has no column 4; it has 3, 0 to 2."),
        ("#2:2", "x.csv: the range 2:2 holds no column."),
        ("#b", 'x.csv has several columns "b"; pick one by its index.'),
    ],
)
def test_columns_that_are_not_there(csv, selector, expected):
    assert message(csv, "logit_a,b,b\n1,2,3\n", selector) == expected


def test_names_need_a_header(csv):
    assert message(csv, "1,2\n", "#a") == (
        'x.csv has no header, so there is no column "a"; its columns are 0 to 1.'
    )


@pytest.mark.parametrize(
    ("content", "expected", "columns"),
    [
        ("target\ncat\ndog\n", ["cat", "dog"], ("target",)),  # a known name
        ("cat\ndog\ncat\n", ["cat", "dog", "cat"], ()),  # the first word occurs again
        ("species\ncat\ndog\ncat\n", ["cat", "dog", "cat"], ("species",)),  # the others do
        ("cat\ndog\nbird\n", ["cat", "dog", "bird"], ()),  # all different
        ("cat\n", ["cat"], ()),
        ("y\n0\n1\n", [0, 1], ("y",)),
        ("y\n0\nA\n", ["0", "A"], ("y",)),  # classes of EMNIST
        ("x,y\n1,cat\n2,dog\n", ["cat", "dog"], ("y",)),
    ],
)
def test_words(csv, content, expected, columns):
    loaded = csv(content, "#y" if "," in content else "", words=True)
    assert loaded.array.tolist() == expected
    assert loaded.columns == columns
    assert ("no header" in loaded.inferred) == (not columns)


@pytest.mark.parametrize("content", ["y\n0.5\nA\n", "y\n1\nA\n2.0\n"])
def test_a_word_among_fractions_is_no_class(csv, content):
    assert (
        message(csv, content, words=True) == 'x.csv, line 3, column 1 ("y"): "A" is not a number.'
    )


def test_a_missing_value_is_no_class(csv):
    assert "line 3" in message(csv, "y\n1\nn/a\n", words=True)
    assert (
        message(csv, "y\ncat\n\ndog\n", words=True) == "x.csv, line 3 is empty; expected a number."
    )


def test_what_was_inferred(csv):
    assert csv("a,b\n1,2\n").inferred == "x.csv: 2 columns (a, b), 1 row, header on line 1"
    assert csv("1\n2\n").inferred == "x.csv: 1 column, 2 rows, no header"


def test_tsv_and_gzip(csv):
    assert csv("a\tb\n1\t2\n", name="x.tsv").array.tolist() == [[1, 2]]
    assert csv(gzip.compress(b"1\n2\n"), name="x.csv.gz").array.tolist() == [1, 2]
    cut = gzip.compress(b"1\n2\n" * 9999)[:-20]
    assert message(csv, cut, name="x.csv.gz") == (
        "x.csv.gz is damaged or cut short: "
        "compressed file ended before the end-of-stream marker was reached."
    )
    assert message(csv, b"1\n", name="x.csv.gz").startswith(
        "x.csv.gz cannot be read: not a gzipped"
    )


floats = st.floats(width=64)


@settings(max_examples=50)
@given(st.lists(st.tuples(floats, floats), min_size=1), st.booleans(), st.booleans())
def test_floats_come_back_bit_for_bit(tmp_path_factory, rows, header, quotes):
    mark = '"' if quotes else ""
    lines = [f"{a!r},{mark}{b!r}{mark}" for a, b in rows]
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    path.write_text("\n".join(["a,b"] * header + lines))
    array = read(str(path), label="--input").array
    expected = np.array(rows, dtype=float)
    assert (np.isnan(array) == np.isnan(expected)).all()
    kept = ~np.isnan(expected)
    assert array[kept].tobytes() == expected[kept].tobytes()


@settings(max_examples=300)
@given(st.text(alphabet='1.,-e"\n\r ax/#\0é\t', max_size=40) | st.text(), st.booleans())
def test_any_text_is_read_or_refused_and_both_paths_agree(tmp_path_factory, text, words):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    def outcome():
        try:
            array = read(str(path), label="--input", words=words).array
        except LosscliError as error:
            return str(error)
        return str(array.dtype), array.shape, str(array.tolist())

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_reader.BlockReader, "numbers", lambda *_: None)
        assert outcome() == quick
