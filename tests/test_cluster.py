"""`--dask`: the same bits from worker processes, also when one is killed; errors in one sentence."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from losscli import blocks, engine
from losscli.cli import cluster, run
from losscli.cli.options import Common, Request
from losscli.cli.talk import Talk
from losscli.errors import LosscliError, MissingSource, UsageError
from losscli.losses import load
from losscli.record import merged

ROOT = Path(__file__).parents[1]
SIX_BLOCKS = 6 * (engine.BLOCK // (3 * 64 * 8))  # rows of triplets, of 64 float64 each
needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="the extra losscli[dask] is not installed"
)
rng = np.random.default_rng(5)

HOST = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    settings = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=3, **settings) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
SLOW = """
import os, pathlib, time
import numpy as np
def distance(a, b):
    pathlib.Path("busy", str(os.getpid())).touch()
    time.sleep(0.15)
    return np.abs(a - b).sum(-1)
"""


def environment(folder: Path) -> dict[str, str]:
    paths = [str(ROOT), str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind, in shards and whole, and a distance that takes its time."""
    here = tmp_path_factory.mktemp("shards")
    for i, rows in enumerate((9000, 50, 4000, 1)):
        np.save(here / f"x-{i}.npy", rng.normal(size=(rows, 20)).astype(np.float32))
        np.save(here / f"y-{i}.npy", rng.integers(0, 20, rows))
        table = rng.normal(size=(rows // 10 + 1, 2))
        header = {"delimiter": ",", "header": "cat,dog", "comments": ""}
        np.savetxt(here / f"p-{i}.csv", table, "%.17g", **header)
        words = rng.choice(["cat", "dog"], rows // 10 + 1)
        (here / f"w-{i}.csv").write_text("\n".join(["label", *words]) + "\n")
        scores = rng.normal(size=(12, 3 + i, 5))
        np.save(here / f"ctc-{i}.npy", scores - np.log(np.exp(scores).sum(-1, keepdims=True)))
        np.save(here / f"text-{i}.npy", rng.integers(1, 5, (3 + i, 4)))
        for name, most in (("frames", 12), ("letters", 4)):
            np.save(here / f"{name}-{i}.npy", np.full(3 + i, most))
    for name in ("anchor", "positive", "negative"):
        np.save(here / f"{name}.npy", rng.normal(size=(SIX_BLOCKS, 64)))
    (here / "case.yaml").write_text("input: x-*.npy\ntarget: y-*.npy\nlabel_smoothing: 0.1\n")
    (here / "slow.py").write_text(SLOW)
    return here


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """A scheduler with three worker processes."""
    (folder / "host.py").write_text(HOST)
    host = subprocess.Popen(
        [sys.executable, "host.py"],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert host.stdin and host.stdout
    yield host.stdout.readline().strip()
    host.stdin.close()
    host.stdout.close()
    host.wait(60)


def losscli(folder: Path, *args: str, code: int = 0) -> SimpleNamespace:
    done = subprocess.run(
        [sys.executable, "-m", "losscli", *args],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return SimpleNamespace(out=done.stdout, err=done.stderr)


CALLS = {
    "shards of NPY": ["cross-entropy", "--input", "x-*.npy", "--target", "y-*.npy"],
    "one NPY in blocks": ["mse", "--input", "anchor.npy", "--target", "positive.npy"],
    "shards of CSV": ["cross-entropy", "--input", "p-*.csv", "--target", "w-*.csv"],
    "one CSV": ["soft-margin", "--input", "p-0.csv", "--target", "1"],
    "weights": ["nll", "--input", "x-*.npy", "--target", "y-*.npy", "--weight", ",".join("1" * 20)],
    "a case": ["cross-entropy", "case.yaml"],
    "batchmean": [
        *("kl-div", "--input", "x-*.npy", "--target", "x-*.npy"),
        *("--log-target", "--reduction", "batchmean"),
    ],
    "in place": ["huber", "--input", "1,2,3", "--target", "0"],
    "nothing": ["mse", "--input", "[]", "--target", "[]", "--reduction", "sum"],
}


@needs_dask
@pytest.mark.parametrize("call", CALLS)
def test_workers_give_the_same_bits(folder: Path, address: str, call: str) -> None:
    here = losscli(folder, "compute", *CALLS[call])
    there = losscli(folder, "compute", *CALLS[call], "--dask", address)
    assert (there.out, there.err) == (here.out, here.err)


CTC = [
    *("compute", "ctc", "--log-probs", "ctc-{}.npy", "--targets", "text-{}.npy"),
    *("--input-lengths", "frames-{}.npy", "--target-lengths", "letters-{}.npy"),
]


@needs_dask
def test_files_that_cannot_be_joined_are_parts(folder: Path, address: str) -> None:
    for i in range(4):
        arguments = [one.format(i) for one in CTC]
        losscli(folder, *arguments, "--partial", "--output", f"ctc-{i}.record", "--force")
    here = losscli(folder, "merge", *(f"ctc-{i}.record" for i in range(4)))
    there = losscli(folder, *(one.format("*") for one in CTC), "--dask", address)
    assert there.out == here.out


@needs_dask
def test_a_record_of_all(folder: Path, address: str) -> None:
    for call in ("shards of NPY", "shards of CSV", "batchmean"):
        here = losscli(folder, "compute", *CALLS[call], "--partial")
        there = losscli(folder, "compute", *CALLS[call], "--partial", "--dask", address)
        assert there.out == here.out


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_who_waits_is_told_how_much_is_done(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    plan = cluster.plan(request("cross-entropy", input="x-*.npy", target="y-*.npy"))
    seen: list[float] = []
    done = cluster.compute(plan, address, None, seen.append)
    assert plan.problem is not None and done.record.value == plan.problem.value()
    assert len(seen) == len(plan.parts) and seen == sorted(seen)
    assert seen[-1] == pytest.approx(plan.size)


TRIPLETS = [
    *("compute", "triplet-margin-with-distance", "--distance", "slow:distance"),
    *(f"--{name}={name}.npy" for name in ("anchor", "positive", "negative")),
]


def busy(folder: Path) -> list[int]:
    """The processes that have begun to compute, as soon as there are some."""
    marks = folder / "busy"
    for _ in range(600):
        if found := [int(mark.name) for mark in marks.iterdir()]:
            return found
        time.sleep(0.05)
    raise AssertionError("nobody computes")


@needs_dask
def test_a_killed_worker_costs_nothing_but_time(folder: Path, address: str) -> None:
    (folder / "busy").mkdir(exist_ok=True)
    here = losscli(folder, *TRIPLETS).out
    for mark in (folder / "busy").iterdir():
        mark.unlink()
    there = subprocess.Popen(
        [sys.executable, "-m", "losscli", *TRIPLETS, "--dask", address],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    victim = busy(folder)[0]
    time.sleep(0.5)
    assert there.poll() is None, "it was over before the worker was killed"
    os.kill(victim, signal.SIGKILL)
    out, err = there.communicate(timeout=120)
    assert (there.returncode, out, err) == (0, here, "")
    assert len(busy(folder)) > 1


@needs_dask
def test_ctrl_c_ends_at_once(folder: Path) -> None:
    (folder / "busy").mkdir(exist_ok=True)
    for mark in (folder / "busy").iterdir():
        mark.unlink()
    there = subprocess.Popen(
        [sys.executable, "-m", "losscli", *TRIPLETS, "--dask", "local", "--threads", "1"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    (worker,) = busy(folder)
    os.killpg(there.pid, signal.SIGINT)  # as a terminal does
    began = time.monotonic()
    out, err = there.communicate(timeout=60)
    assert (out, err, there.returncode) == ("", "", 130)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@needs_dask
def test_what_workers_cannot_do(folder: Path, address: str) -> None:
    for name in ("bad-0.csv", "bad-1.csv"):
        (folder / name).write_text("a,b\n1,2\n")
    (folder / "bad-1.csv").write_text("a,b\n1,n/a\n")
    shards = ["compute", "mse", "--input", "bad-*.csv", "--target", "0", "--dask", address]
    err = losscli(folder, *shards, code=2).err
    assert 'bad-1.csv, line 2, column 2 ("b"): "n/a" is not a number.' in err
    assert err.count("\n") == 1
    (folder / "bad-1.csv").write_text("a,b\n1,nan\n")
    found = losscli(folder, *shards)
    assert found.out == "nan\n" and "input[0, 1] is nan" in found.err
    assert "bad-1.csv" in found.err


@needs_dask
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hello", "expected the address of a scheduler"),
        ("tcp://127.0.0.1:1", "there is no scheduler at tcp://127.0.0.1:1"),
    ],
)
def test_no_scheduler(folder: Path, address: str, words: str) -> None:
    args = ["compute", "mse", "--input", "1", "--target", "2", "--dask", address]
    assert words in losscli(folder, *args, code=2).err


def test_without_the_extra(folder: Path) -> None:
    code = (
        "import sys; sys.modules['dask'] = sys.modules['distributed'] = None\n"
        "from losscli import cli\n"
        "sys.exit(cli.run(['compute', 'mse', '--input', '1', '--target', '2', *sys.argv[1:]]))"
    )
    args = [sys.executable, "-c", code]
    done = subprocess.run([*args, "--dask", "local"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'losscli[dask]'" in done.stderr and done.stderr.count("\n") == 1
    assert subprocess.run(args, cwd=ROOT, capture_output=True, text=True).stdout == "1.0\n"


# ---- plans and parts, without Dask


def request(loss: str, **sources: str) -> Request:
    case = sources.pop("case", None)
    return Request(load(loss), case, sources, {}, Common(), Talk(quiet=True))


def together(plan: cluster.Plan) -> Any:
    """What the parts come to, computed here."""
    return merged([("a part", cluster.do(part).record) for part in plan.parts])


def test_how_a_request_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shards = cluster.plan(request("cross-entropy", input="p-*.csv", target="w-*.csv"))
    assert shards.problem is None and len(shards.parts) == 4
    assert shards.parts[1].job.sources == {
        "input": str(folder / "p-1.csv"),
        "target": str(folder / "w-1.csv"),
    }
    blocks = cluster.plan(request("cross-entropy", input="x-*.npy", target="y-*.npy"))
    assert blocks.problem is not None
    assert all(part.blocks for part in blocks.parts)
    indices = [index for part in blocks.parts for index in part.blocks.indices()]
    assert indices == [*blocks.problem.blocks()]
    assert blocks.size == sum(
        one.size * one.dtype.itemsize for one in blocks.problem.tensors.values()
    )
    assert together(blocks).value == blocks.problem.value()
    assert together(blocks).batch == blocks.problem.batch == 13051


@pytest.mark.parametrize("shape", [(7, 3), (70,), (2, 90), (3, 2, 50), (1,), ()])
def test_blocks_are_packed(shape: tuple[int, ...]) -> None:
    for seams in ((), (1, 2)) if shape and shape[0] > 2 else ((),):
        indices = tuple(blocks.cut(shape or (1,), 20, seams))
        assert tuple(cluster.Blocks.of(indices).indices()) == indices
    many = tuple(blocks.cut((40_000, 8), 100))
    assert len(pickle.dumps(cluster.Blocks.of(many))) < 20 * len(many)


def test_a_tensor_for_all_rows_keeps_shards_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only some tensors are in shards, the parts are blocks of all."""
    monkeypatch.chdir(folder)
    joined = np.concatenate(
        [np.loadtxt(f"p-{i}.csv", skiprows=1, delimiter=",", ndmin=2) for i in range(4)]
    )
    np.save("all.npy", joined)
    plan = cluster.plan(request("mse", input="p-*.csv", target="all.npy"))
    assert plan.problem is not None and together(plan).value == 0
    plan = cluster.plan(request("mse", input="p-*.csv", target="0.5"))
    assert plan.problem is None


def test_a_worker_that_cannot_find_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (part, *_) = cluster.plan(request("mse", input="anchor.npy", target="0")).parts
    job = part.job._replace(run="another", sources=part.job.sources | {"input": "/gone/x.npy"})
    with pytest.raises(MissingSource, match=r"/gone/x\.npy.* under the same absolute path as here"):
        cluster.do(part._replace(job=job))
    with pytest.raises(UsageError, match="a worker has losscli"):
        cluster.do(part._replace(job=job._replace(version="0.0")))


def test_an_error_in_a_shard_names_its_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    plan = cluster.plan(request("gaussian-nll", input="p-*.csv", target="p-*.csv", var="p-*.csv"))
    with pytest.raises(LosscliError, match=r"var\[.* is -.*That is in /.*p-0.csv\."):
        cluster.do(plan.parts[0])


def test_what_cannot_be_sent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--dask", "local"]
    for args, words in (
        (["--input", "-", "--target", "0"], "--input: standard input is read here only"),
        (["-", "--target", "0"], "CASE: standard input is read here only"),
        (["--input", "1", "--target", "0", "--reduction", "none"], "reduction none gives"),
        (["--input", "no-*.npy", "--target", "0"], "no file matches"),
    ):
        assert run(["compute", "mse", *args, *more]) == 2
        assert words in capsys.readouterr().err
