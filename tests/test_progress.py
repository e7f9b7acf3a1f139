"""The bar of long work: for whom it shows itself, what it says, and that it goes."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from losscli.blocks import batched
from losscli.cli import deliver, progress
from losscli.cli.options import Common
from losscli.engine import Problem
from losscli.files import read, results
from losscli.losses import load


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    stream = Screen()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    return stream


@pytest.fixture
def problem() -> Problem:
    x = np.random.default_rng(0).random(1_200_000)
    return Problem(load("mse"), {"input": x, "target": x[::-1]}, threads=2)


def test_long_work_shows_bytes_rate_and_time_left_and_nothing_stays(
    screen: Screen, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with progress.watched(problem, Common(color=False)):
        problem.value()
    said = screen.getvalue()
    assert "mse" in said
    assert "19.2/19.2 MB" in said
    assert "/s" in said
    assert "0:00:0" in said
    assert said.rstrip("\n").endswith("\x1b[1A\x1b[2K")  # the line is taken away
    assert problem.watch is None


def test_short_work_shows_nothing(
    screen: Screen, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.watched(problem, Common()):
        problem.value()
    assert screen.getvalue() == ""


def test_nobody_looks(screen: Screen, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with progress.watched(problem, Common(quiet=True)):
        problem.value()
    monkeypatch.setattr(screen, "isatty", lambda: False)
    with progress.watched(problem, Common()):
        problem.value()
    assert screen.getvalue() == ""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_each_pass_is_told_up_to_its_end(threads: int, reduction: str) -> None:
    x = np.zeros((2000, 300))
    problem = Problem(load("l1"), {"input": x, "target": x}, reduction=reduction, threads=threads)
    told: list[int] = []
    problem.watch = told.append
    problem.value()
    assert told == sorted(told)
    assert told[-1] == problem.count
    assert len(told) == len(list(batched(problem.blocks())))


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_reading_tells_how_far_it_is(
    name: str, screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    opened = gzip.open if name.endswith("gz") else open
    with opened(tmp_path / name, "wt") as stream:
        stream.writelines(f"{i}.5\n" for i in range(100_000))
    with progress.reading(Common(color=False)):
        array = read(str(tmp_path / name), label="--input").array
    assert len(array) == 100_000
    said = screen.getvalue()
    assert "reading" in said
    assert "kB" in said
    assert said.rstrip("\n").endswith("\x1b[1A\x1b[2K")


@pytest.mark.parametrize("form", ["text", "csv", "json", "yaml", "npy"])
def test_writing_a_result_is_told_to_its_end(form: str) -> None:
    """Whatever is cut into parts; rows of more numbers than a part has among them."""
    for shape in [(200_000,), (2, 100_000), (100_000, 2)]:
        told: list[int] = []
        token = results.watcher.set(told.append)
        try:
            size = sum(map(len, results.pieces(np.zeros(shape), form)))
        finally:
            results.watcher.reset(token)
        assert size > 400_000 and sum(told) == 1_600_000
        assert form == "npy" or len(told) > 1


def test_long_writing_shows_a_bar(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    common = Common(color=False, output=str(tmp_path / "d.csv"))
    with deliver.delivery(None, None, common) as put:
        put({"input": np.zeros(200_000)})
    assert "writing d.csv" in screen.getvalue() and "1.6/1.6 MB" in screen.getvalue()
    assert (tmp_path / "d.csv").read_text() == "0.0\n" * 200_000
    assert results.watcher.get() is None


def test_an_answer_on_the_terminal_is_its_own_bar(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "on_terminal", lambda stream: True)
    with progress.writing(np.zeros(200_000), Common()):
        assert results.watcher.get() is None
    assert screen.getvalue() == ""
