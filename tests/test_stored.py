"""Arrays that stay in their files: the same numbers, the same results, memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from own_memory import MIB, needs_linux, peak
from strategies import cases, examples

import losscli
from losscli import stored
from losscli.engine import Problem
from losscli.errors import SourceError
from losscli.losses import NAMES, load
from losscli.stored import Piece, Scratch, Stored, addresses, place_of

KINDS = ("<f8", ">f8", "<f4", "<i8", "<i4")
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)


def written(path: Path, array: np.ndarray, ahead: int = 3) -> Piece:
    """The array as it lies in a file, behind some other bytes."""
    path.write_bytes(b"#" * ahead + array.tobytes())
    return Piece(path, ahead, array.shape, array.dtype, path.name)


def in_file(array: np.ndarray) -> Stored:
    """The array in a scratch file."""
    scratch = Scratch()
    scratch.append(array)
    return scratch.stored(array.shape, "scratch")


@given(data=st.data(), shape=shapes)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_are_one_array(data: st.DataObject, shape: tuple[int, ...], tmp_path: Path) -> None:
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    arrays, pieces = [], []
    for i, kind in enumerate(kinds):
        length = data.draw(st.integers(0, 4))
        array = data.draw(hnp.arrays(kind, (length, *shape[1:]), elements=st.integers(-100, 100)))
        arrays.append(array)
        pieces.append(written(tmp_path / str(i), array) if i % 2 else array)
    joined = np.concatenate(arrays)
    found = Stored(pieces)
    assert found.shape == joined.shape
    assert found.dtype == joined.dtype
    assert found.dtype.isnative
    assert np.array_equal(np.asarray(found), joined)
    assert found.astype(np.float32).items(0, len(joined)).dtype == np.float32
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, joined.size)] * 2)))
    assert np.array_equal(found.flat(low, high), joined.reshape(-1)[low:high])
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(joined))] * 2)))
    assert np.array_equal(found.items(first, last), joined[first:last])
    for i in range(len(joined)):
        assert np.array_equal(found.item(i), joined[i])


@given(shape=shapes, data=st.data())
def test_addresses_tell_places(shape: tuple[int, ...], data: st.DataObject) -> None:
    counted = np.arange(int(np.prod(shape))).reshape(shape)
    places = addresses(shape)
    index = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in shape
    )
    if counted[index].size:
        assert place_of(places[index], places) == counted[index].flat[0]
        assert place_of(places.T[index[::-1]], places) == counted.T[index[::-1]].flat[0]


@pytest.mark.parametrize("loss", NAMES)
@given(data=st.data())
@settings(max_examples=20)
def test_a_loss_of_stored_arrays_is_that_of_arrays(loss: str, data: st.DataObject) -> None:
    """Bit for bit: value, terms and gradients, whichever of the tensors lie in files."""
    case = data.draw(cases(loss))
    plain = Problem(load(loss), case.tensors, case.options, reduction=case.reduction)
    arrays = {name: np.asarray(array) for name, array in case.tensors.items() if array is not None}
    lie = {
        name: in_file(array)
        for name, array in arrays.items()
        if array.ndim and array.dtype.kind in "iufc" and data.draw(st.booleans())
    }
    other = Problem(load(loss), {**case.tensors, **lie}, case.options, reduction=case.reduction)
    assert other.value().tobytes() == plain.value().tobytes()
    ours, theirs = other.gradient(), plain.gradient()
    for name, gradient in theirs.items():
        assert ours[name].tobytes() == gradient.tobytes()
    assert other.warnings == plain.warnings
    if plain.rows and plain.count:
        rows = [tuple(n - 1 for n in plain.rows), tuple(0 for _ in plain.rows)]
        taken, expected = other.take(rows), plain.take(rows)
        for name, array in expected.items():
            assert array is None or taken[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("loss", NAMES)
def test_a_loss_of_stored_arrays_is_explained_like_one_of_arrays(loss: str) -> None:
    """Also where they are small, as those of many files are."""
    for case in examples(loss)[:4]:
        lie = {
            name: Stored([array])
            for name, array in case.tensors.items()
            if array.ndim and array.dtype.kind in "iufc"
        }
        ours, theirs = case.replace(**lie).explain(), case.explain()
        assert ours.to_dict() == theirs.to_dict()
        assert ours.to_text() == theirs.to_text()
        assert ours.to_html() == theirs.to_html()


def test_blocks_end_where_files_meet() -> None:
    x = np.arange(12.0).reshape(6, 2)
    joined = Stored([x[:1], x[1:4], x[4:]])
    problem = Problem(load("mse"), {"input": joined, "target": x})
    assert [index[0].indices(6)[:2] for index in problem.blocks()] == [(0, 1), (1, 4), (4, 6)]


@pytest.mark.parametrize("ignored", [-100, 1])
def test_rows_are_counted_without_reading_predictions(ignored: int) -> None:
    target = np.array([0, 1, 2, 0, 1])
    input = Stored([np.zeros((5, 3))])
    options = {"ignore_index": ignored}
    problem = Problem(load("cross-entropy"), {"input": input, "target": target}, options)
    input.items = input.flat = input.item = None  # type: ignore[assignment,method-assign]
    assert problem.denominator == (target != ignored).sum()
    with pytest.raises(TypeError):
        problem.value()


def test_a_position_in_an_error_is_that_in_the_whole() -> None:
    target = np.array([0, 1, 2, 5, 1])
    joined = Stored([target[:2], target[2:]])
    with pytest.raises(losscli.LosscliError, match=r"target\[3\] is 5"):
        losscli.compute("cross-entropy", input=np.zeros((5, 3)), target=joined)


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    piece = written(tmp_path / "x", np.arange(10.0))
    found = Stored([piece])
    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(SourceError, match="x became shorter while it was read"):
        found.flat(0, 10)


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    monkeypatch.setattr(stored, "LARGE", 0)
    with pytest.raises(SourceError, match=r"no space left on device\. TMPDIR can name another"):
        stored.zeros((3,), np.float64)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 128 MB of scores and their labels."""
    folder = tmp_path_factory.mktemp("large")
    draw = np.random.default_rng(0)
    np.save(folder / "x.npy", draw.standard_normal((320_000, 100), dtype=np.float32))
    np.save(folder / "y.npy", draw.integers(0, 100, 320_000))
    return folder


@needs_linux
@pytest.mark.parametrize(
    "verb",
    [
        ["compute", "cross-entropy"],
        ["explain", "cross-entropy"],
        ["explain", "cross-entropy", "--top", "3"],
        ["grad", "cross-entropy", "--output", "gradient.npy", "--force"],
        ["grad", "cross-entropy", "--format", "npy"],
        ["grad", "nll"],
    ],
    ids=" ".join,
)
def test_memory_does_not_grow_with_the_input(verb: list[str], large: Path) -> None:
    sources = ["--input", "x.npy", "--target", "y.npy", "--quiet"]
    assert peak(*verb, *sources, cwd=large) < 100 * MIB


def test_a_gradient_is_made_where_it_is_to_lie(large: Path) -> None:
    command = [sys.executable, "-m", "losscli", "grad", "cross-entropy", "--input", "x.npy"]
    command += ["--target", "y.npy", "--output", "made.npy"]
    subprocess.run(command, cwd=large, check=True)
    x, y = np.load(large / "x.npy"), np.load(large / "y.npy")
    expected = losscli.grad("cross-entropy", input=x, target=y)["input"]
    assert np.array_equal(np.load(large / "made.npy"), expected)
    assert sorted(path.name for path in large.iterdir() if path.name[0] == ".") == []
