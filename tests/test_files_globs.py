"""Many files as one source: their order, how they are joined, and what does not fit together."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losscli import stored
from losscli.cli import run
from losscli.errors import LosscliError, MissingSource, SourceError
from losscli.files import Loaded, read, read_texts
from losscli.stored import Piece, Stored

rng = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(source: str, **options: Any) -> Loaded:
    return read(source, label="--input", **options)


def message(source: str, **options: Any) -> str:
    with pytest.raises(LosscliError) as caught:
        load(source, **options)
    return str(caught.value)


def csv(name: str, array: Any, header: str = "") -> None:
    np.savetxt(name, array, "%s", ",", header=header, comments="")


def numbered(ending: str, rows: list[int]) -> list[Any]:
    """Arrays of so many rows, in files x-0, x-1, ..."""
    arrays = [rng.normal(size=(n, 3)) for n in rows]
    for i, array in enumerate(arrays):
        name = f"x-{i}.{ending}"
        if ending == "npy":
            np.save(name, array)
        elif ending == "npz":
            np.savez(name, logits=array)
        elif ending == "json":
            Path(name).write_text(str(array.tolist()))
        else:
            csv(name, array)
    return arrays


@pytest.mark.parametrize("ending", ["npy", "npz", "csv", "json"])
def test_files_are_joined_along_the_first_axis(ending: str) -> None:
    arrays = numbered(ending, [3, 1, 5])
    loaded = load(f"x-*.{ending}")
    assert np.array_equal(loaded.array, np.concatenate(arrays))
    assert (loaded.array.dtype, loaded.files, loaded.origin) == (float, 3, f"x-*.{ending}")
    assert isinstance(loaded.array, Stored) and loaded.array.starts == (0, 3, 4, 9)
    assert loaded.inferred == (
        f"x-*.{ending}: 9 x 3 numbers in 3 files, x-0.{ending} to x-2.{ending}"
    )


def test_numbers_in_names_count_by_their_value() -> None:
    for i in range(12):
        csv(f"part-{i}.csv", [[i]])
    loaded = load("part-*.csv")
    assert np.asarray(loaded.array).tolist() == [*range(12)]
    assert "by the numbers in their names (part-9.csv before part-10.csv)" in loaded.inferred
    for i in range(12):
        csv(f"padded-{i:02}.csv", [[i]])
    assert np.asarray(load("padded-*.csv").array).tolist() == [*range(12)]
    assert "by the numbers" not in load("padded-*.csv").inferred


def test_a_small_npy_stays_in_its_file() -> None:
    numbered("npy", [2, 2])
    pieces = load("x-*.npy").array.pieces
    assert all(isinstance(piece, Piece) and isinstance(piece.file, Path) for piece in pieces)


def test_many_numbers_from_text_go_to_a_scratch_file(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = numbered("csv", [3, 4, 1, 9])
    monkeypatch.setattr(stored, "LARGE", 100)
    array = load("x-*.csv").array
    assert np.array_equal(array, np.concatenate(arrays))
    assert [type(piece) for piece in array.pieces] == [np.ndarray, Piece, Piece, Piece]


def test_columns_of_many_files() -> None:
    for i in range(3):
        csv(f"s-{i}.csv", [[1, 2, i]], "id,logit_a,logit_b")
    loaded = load("s-*.csv#logit_*")
    assert loaded.columns == ("logit_a", "logit_b")
    assert np.asarray(loaded.array).tolist() == [[2, 0], [2, 1], [2, 2]]
    assert read_texts("s-*.csv", "logit_b", label="--id-column") == ("0", "1", "2")


def test_words_of_many_files() -> None:
    Path("w-1.csv").write_text("label\ncat\nhorse\n")
    Path("w-2.csv").write_text("label\ndog\n")
    assert load("w-*.csv", words=True).array.tolist() == ["cat", "horse", "dog"]


def test_kinds_of_numbers_meet_in_the_wider_one() -> None:
    np.save("k-1.npy", np.ones(2, np.float32))
    np.save("k-2.npy", np.ones(2, np.float32))
    assert load("k-*.npy").array.dtype == np.float32
    np.save("k-3.npy", np.ones(2, ">f8"))
    assert load("k-*.npy").array.dtype == np.float64
    csv("i-1.csv", [1, 2])
    Path("i-2.csv").write_text("[]")
    Path("i-2.json").write_text("[]")
    Path("i-2.csv").unlink()
    assert load("i-*.*").array.dtype == np.int64, "an empty array has no kind"


def test_one_file_is_itself() -> None:
    (array,) = numbered("npy", [4])
    loaded = load("x-?.npy")
    assert loaded.origin == "x-0.npy" and loaded.files == 1 and loaded.part
    assert np.array_equal(loaded.array, array)


@pytest.mark.parametrize("name", ["a[1].csv", "a*.csv", "a?.csv"])
def test_a_file_of_that_very_name_comes_first(name: str) -> None:
    csv("a1.csv", [1])
    csv("ab.csv", [2])
    csv(name, [3])
    assert load(name).array.tolist() == [3]


def test_folders_are_left_out_and_gzip_is_unpacked() -> None:
    Path("d-0.csv").mkdir()
    csv("d-1.csv", [1])
    Path("d-2.csv.gz").write_bytes(gzip.compress(b"2\n"))
    assert np.asarray(load("d-*.csv*", form="csv").array).tolist() == [1, 2]


def test_of_a_folder_and_of_many() -> None:
    for folder in ("one", "two"):
        Path("runs", folder).mkdir(parents=True)
        csv(f"runs/{folder}/x.csv", [1])
    assert load("runs/*/x.csv").array.shape == load("runs/**/x.csv").array.shape == (2,)
    assert load("*/x.csv", base=Path("runs")).array.shape == (2,)


@pytest.mark.parametrize("folder", ["a\0b", "\ud800"])
def test_a_name_that_no_file_can_have(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("case.json").write_text(json.dumps({"input": f"{folder}/*.csv", "target": 1}))
    assert run(["compute", "l1", "case.json"]) == 2
    assert "input: no file matches" in capfd.readouterr().err


def test_nothing_matches() -> None:
    assert message("shards/x-*.npy") == (
        '--input: no file matches "shards/x-*.npy". There is no folder "shards".'
    )
    Path("shards").mkdir()
    assert message("shards/x-*.npy").endswith("shards is empty.")
    Path("shards/y-0.npy").touch()
    assert message("shards/x-*.npy").endswith("shards holds y-0.npy.")
    with pytest.raises(MissingSource):
        load("shards/x-*.npy")


def test_what_does_not_fit_together_is_named() -> None:
    np.save("a.npy", np.zeros((2, 3)))
    np.save("b.npy", np.zeros((2, 4)))
    assert message("?.npy") == (
        "?.npy: a.npy has shape (2, 3), but b.npy has (2, 4); files that are read as one must fit "
        "together."
    )
    np.save("b.npy", np.zeros(3))
    assert "a.npy has shape (2, 3), but b.npy has (3,);" in message("?.npy")
    np.save("b.npy", np.zeros(()))
    assert message("?.npy").startswith("?.npy: b.npy holds a single number without an axis;")
    np.save("b.npy", np.zeros((2, 3), bool))
    assert "a.npy has numbers, but b.npy has booleans;" in message("?.npy")
    csv("c1.csv", [[1, 2]], "x,y")
    csv("c2.csv", [[1, 2]], "y,x")
    assert "c1.csv has the columns x, y, but c2.csv has the columns y, x;" in message("c?.csv")
    csv("c2.csv", [[1, 2]])
    assert "c2.csv has no header" in message("c?.csv")
    Path("w1.csv").write_text("cat\n")
    csv("w2.csv", [1])
    assert "w1.csv has words, but w2.csv has numbers;" in message("w?.csv", words=True)


def test_an_error_names_its_own_file_and_line() -> None:
    csv("x-1.csv", [[1, 2]])
    Path("x-2.csv").write_text("1,2\n3,n/a\n")
    assert message("x-*.csv") == 'x-2.csv, line 2, column 2: "n/a" is not a number.'
    assert isinstance(pytest.raises(SourceError, load, "x-*.csv").value, SourceError)


# ---- in commands


def output(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> tuple[str, str]:
    assert run(args) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_a_position_is_that_in_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    numbered("npy", [4, 4])
    for i, labels in enumerate(([0, 1, 2, 0], [0, 1, 3, 0])):
        np.save(f"y-{i}.npy", np.array(labels))
    args = ("compute", "cross-entropy", "--input", "x-*.npy", "--target", "y-*.npy")
    assert "target[6] is 3, but input has 3 classes" in output(capsys, *args, code=2)[1]


def test_globs_in_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    for i in range(3):
        csv(f"run/p-{i}.csv", [0.5, 1.0], "p")
    Path("run/case.yaml").write_text("input: p-*.csv#p\ntarget: [1, 1, 1, 1, 1, 1]\n")
    out, err = output(capsys, "compute", "l1", "run/case.yaml", "--verbose")
    assert out == "0.25\n"
    assert "p-*.csv#p: 6 numbers in 3 files, p-0.csv to p-2.csv" in err


def test_a_pattern_that_the_shell_has_put_names_for(capsys: pytest.CaptureFixture[str]) -> None:
    numbered("npy", [2, 2, 2])
    args = ("compute", "mse", "--input", "x-0.npy", "x-1.npy", "x-2.npy", "--target", "0")
    assert "in quotation marks, as in 'x-*.npy'" in output(capsys, *args, code=2)[1]


def test_samples_must_be_on_the_first_axis(capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(2):
        np.save(f"p-{i}.npy", np.log(np.full((6, 2, 4), 0.25)))
    args = ["compute", "ctc", "--log-probs", "p-*.npy", "--targets", "[[1, 2], [1, 2]]"]
    args += ["--input-lengths", "6,6", "--target-lengths", "2,2"]
    _, err = output(capsys, *args, code=2)
    assert "--log-probs: p-*.npy is 2 files of shape (T, N, C)" in err and "--partial" in err


def test_every_verb_reads_many_files(capsys: pytest.CaptureFixture[str]) -> None:
    arrays = numbered("npy", [4, 2, 3])
    np.save("all.npy", np.concatenate(arrays))
    np.save("y.npy", rng.integers(0, 3, 9))
    for verb in (["grad"], ["explain", "--no-grad"], ["compute", "--reduction", "none"]):
        args = (verb[0], "cross-entropy", "--target", "y.npy", *verb[1:], "--input")
        one, other = (output(capsys, *args, source)[0] for source in ("all.npy", "x-*.npy"))
        assert one.replace("all.npy", "x-*.npy") == other
