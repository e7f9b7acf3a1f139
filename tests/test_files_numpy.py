"""NPY and NPZ."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losscli import stored
from losscli.errors import LosscliError, SourceError
from losscli.files import read


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message(source) -> str:
    with pytest.raises(LosscliError) as caught:
        read(source, label="--input")
    return str(caught.value)


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "u8", "?", "c8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_npy_as_it_is(here, dtype, shape):
    array = np.ones(shape, dtype=dtype)
    np.save("x.npy", array)
    (here / "x.npy.gz").write_bytes(gzip.compress(npy(array)))
    for name in ("x.npy", "x.npy.gz"):
        loaded = read(name, label="--input").array
        assert loaded.dtype == dtype
        np.testing.assert_array_equal(loaded, array)


def test_a_large_npy_stays_in_its_file(monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 40)
    np.save("x.npy", np.arange(5.0))
    np.save("small.npy", np.arange(4.0))
    assert isinstance(read("x.npy", label="--input").array, stored.Stored)
    assert isinstance(read("small.npy", label="--input").array, np.ndarray)


def test_a_large_npy_that_is_cut_short_is_refused(monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 40)
    np.save("x.npy", np.arange(5.0))
    data = Path("x.npy").read_bytes()
    Path("x.npy").write_bytes(data[:-1])
    with pytest.raises(SourceError, match="cut short: 39 bytes of numbers; its header says 40"):
        read("x.npy", label="--input")


@pytest.mark.parametrize("large", [40, stored.LARGE])
@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("there", "fortran", "sentence"),
    [
        (8, False, "l.npz#a is cut short: 64 bytes of numbers; its header says 80."),
        (8, True, "l.npz#a is cut short: 64 bytes of numbers; its header says 80."),
        (11, False, "l.npz#a is damaged: 88 bytes of numbers; its header says 80."),
    ],
)
def test_a_member_is_as_long_as_its_header_says(
    monkeypatch, large, packing, there, fortran, sentence
):
    monkeypatch.setattr(stored, "LARGE", large)
    whole = np.zeros((2, 5), order="F" if fortran else "C")
    with zipfile.ZipFile("l.npz", "w", packing) as archive:
        archive.writestr("a.npy", npy(whole)[:-80] + bytes(8 * there))
        archive.writestr("b.npy", npy(np.full(100, 7.0)))
    assert message("l.npz#a") == sentence


@pytest.mark.parametrize("axes", [33, 64])
def test_more_axes_than_can_be_computed_with(axes):
    np.save("x.npy", np.ones((1,) * 32))
    assert read("x.npy", label="--input").array.ndim == 32
    Path("x.npy").write_bytes(with_header(f"{(1,) * axes}"))
    assert message("x.npy") == f"x.npy has {axes} axes; expected at most 32."


def test_a_header_that_is_too_long():
    Path("x.npy").write_bytes(with_header(f"{' ' * 20_000}(1,)"))
    assert message("x.npy") == "x.npy has a header that is too long to be that of an array."


def with_header(shape: str) -> bytes:
    """An NPY file whose header says this about its shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(8)


def test_npz():
    np.savez("one.npz", a=np.arange(3))
    np.savez_compressed("two.npz", logits=np.ones((2, 3), "f4"), y=np.arange(2))
    assert read("one.npz", label="--input").origin == "one.npz#a"
    loaded = read("two.npz#logits", label="--input")
    assert loaded.inferred == "two.npz#logits: 2 x 3 numbers (float32)"
    assert message("two.npz") == (
        "two.npz holds 2 arrays, logits, y; pick one, as in two.npz#logits."
    )
    assert message("two.npz#logit") == (
        'two.npz has no array "logit"; it has logits, y. Did you mean "logits"?'
    )


def test_what_is_no_array_of_numbers(here):
    np.save("object.npy", np.array([{}], dtype=object))
    np.savez("object.npz", np.array([{}], dtype=object))
    np.save("text.npy", np.array(["cat"]))
    np.save("record.npy", np.zeros(1, dtype=[("a", "f8")]))
    np.save("date.npy", np.zeros(1, dtype="M8[D]"))
    (here / "words.npy").write_text("1,2,3")
    (here / "words.npz").write_text("1,2,3")
    with zipfile.ZipFile("none.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with zipfile.ZipFile("fake.npz", "w") as archive:
        archive.writestr("a.npy", "hello")
    pickled = "holds pickled Python objects, which are not read; expected numbers."
    assert message("object.npy") == f"object.npy {pickled}"
    assert message("object.npz") == f"object.npz#arr_0 {pickled}"
    assert message("text.npy") == "text.npy holds texts; expected numbers."
    assert message("record.npy") == (
        "record.npy holds values of type [('a', '<f8')]; expected numbers."
    )
    assert message("date.npy") == ("date.npy holds values of type datetime64[D]; expected numbers.")
    assert message("words.npy") == "words.npy is not an NPY file."
    assert message("words.npz") == "words.npz is damaged or cut short: file is not a zip file."
    assert message("none.npz") == "none.npz holds no arrays."
    assert message("fake.npz") == "fake.npz#a is not an array."
    assert message("text.npy#0") == 'text.npy holds a single array, of which "#0" is no part.'


def test_words_where_they_are_allowed():
    np.save("x.npy", np.array(["cat", "dog"]))
    assert read("x.npy", label="--target", words=True).array.tolist() == ["cat", "dog"]


def test_cut_short(here):
    (here / "x.npy").write_bytes(npy(np.arange(99))[:-8])
    (here / "y.npy.gz").write_bytes(gzip.compress(npy(np.arange(99))[:-8]))
    (here / "z.npy.gz").write_bytes(gzip.compress(npy(np.arange(99)))[:-30])
    np.savez("w.npz", a=np.arange(99))
    (here / "w.npz").write_bytes((here / "w.npz").read_bytes()[:-30])
    for name in ("x.npy", "y.npy.gz", "z.npy.gz", "w.npz"):
        assert message(name).startswith(f"{name} is damaged or cut short: ")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000000000000, 2)}",
        "{'descr': 'zz', 'fortran_order': False, 'shape': (1,)}",
        "((((",
        "'" + "a" * 20_000 + "'",
        "\0",
    ],
)
def test_hostile_headers(here, header):
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    (here / "x.npy").write_bytes(data)
    (here / "x.npy.gz").write_bytes(gzip.compress(data))
    for name in ("x.npy", "x.npy.gz"):
        assert message(name).startswith(f"{name} ")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused(tmp_path_factory, data):
    form = data.draw(st.sampled_from(["npy", "npz", "npy.gz"]))
    whole = npy(np.arange(6, dtype="f4").reshape(2, 3))
    if form == "npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, a=np.arange(6))
        whole = buffer.getvalue()
    damaged = bytearray(whole if form != "npy.gz" else gzip.compress(whole))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged.{form}"
    path.write_bytes(damaged)
    try:
        read(str(path), label="--input")
    except LosscliError as error:
        assert "\n" not in str(error)
