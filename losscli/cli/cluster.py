"""`--dask`: one loss over many processes or machines.

The rows are cut into parts: files, where all tensors that have rows are as many files of text, else
some of the blocks that one process would cut them into. A worker reads its part for itself, under the
same absolute path, and keeps a record of it; records are added up in a tree. As their sums are exact,
the bits are those that one process gives. What a lost worker had done is done again.
"""

from __future__ import annotations

import os
import uuid
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from losscli import __version__
from losscli.cli.inputs import Given, gather, given_tensors
from losscli.cli.options import Common, Request
from losscli.cli.scheduler import connected
from losscli.cli.talk import Talk
from losscli.errors import LosscliError, MissingSource, UsageError
from losscli.losses import load

if TYPE_CHECKING:
    from losscli.engine import Problem
    from losscli.record import Record

TREE = 16  # records that are added up at once
MANY = 256  # parts that there are at least, where there are as many blocks
LARGE = 512  # blocks of a part at most: 512 MiB, of most losses
Watch = Callable[[float], None]  # is told how many bytes are done


class Job(NamedTuple):
    """What to compute, as it can be sent: sources as texts, files under absolute paths."""

    version: str
    run: str  # what a worker has read stays there for a run
    loss: str
    case: str | None
    sources: dict[str, str]
    options: dict[str, Any]
    common: Common


class Blocks(NamedTuple):
    """Indices of blocks into the rows: packed, as there may be millions, where they cut only one axis."""

    ends: Any  # where each begins and ends on the first axis; or else the indices
    axes: int = 0  # of the rows, where they are packed

    @classmethod
    def of(cls, indices: Sequence[Any]) -> Blocks:
        """These indices."""
        rest = {axis != slice(None) for index in indices for axis in index[1:]}
        if not indices or rest - {False} or indices[0][0] == slice(None):
            return cls(indices)
        ends = array("q", (end for first, *_ in indices for end in (first.start, first.stop)))
        return cls(ends, len(indices[0]))

    def indices(self) -> Iterator[Any]:
        """The indices again."""
        if not self.axes:
            yield from self.ends
            return
        rest = (slice(None),) * (self.axes - 1)
        for start, stop in zip(self.ends[::2], self.ends[1::2], strict=True):
            yield (slice(start, stop), *rest)


class Part(NamedTuple):
    """Some of the rows of a job."""

    job: Job
    size: float  # in bytes, for those who wait
    files: tuple[str, ...] = ()  # in which they lie, where they are not parts of larger ones
    blocks: Blocks | None = None  # None is all of them
    is_first: bool = True


class Done(NamedTuple):
    """What a part has come to, what it is called, and what is to be said about it."""

    record: Record
    origin: str
    said: tuple[str, ...] = ()


class Plan(NamedTuple):
    """The parts of a request, and the problem where it is known here."""

    parts: list[Part]
    problem: Problem | None

    @property
    def size(self) -> float:
        """How many bytes there are."""
        return sum(part.size for part in self.parts)


# ---- here


def plan(request: Request) -> Plan:
    """Cuts a request into parts."""
    from losscli.record import refuse_none

    given = given_tensors(request)
    shards = _shards(request, given)
    if shards is not None:
        return Plan([_shard(request, sources) for sources in shards], None)
    problem = gather(request).problem
    refuse_none(problem)
    job = _job(request, {name: one.absolute for name, one in given.items() if one.files})
    return Plan([*_ranges(job, problem)], problem)


def compute(plan: Plan, address: str, threads: int | None, watch: Watch | None) -> Done:
    """What all parts come to, from the workers of the scheduler at `address`."""
    with connected(address, threads) as client:
        futures = client.map(do, plan.parts, pure=False)
        level = futures
        while len(level) > 1:
            groups = [level[i : i + TREE] for i in range(0, len(level), TREE)]
            level = [client.submit(add, group, pure=False) for group in groups]
        _wait(client, dict(zip(futures, plan.parts, strict=True)), watch)
        found: Done = level[0].result()
        return found


def _wait(client: Any, parts: dict[Any, Part], watch: Watch | None) -> None:
    """Until all are done, or one cannot be."""
    from distributed import as_completed

    done = 0.0
    for future in as_completed(parts, loop=client.loop):
        if future.status != "finished":
            future.result()
        done += parts[future].size
        if watch is not None:
            watch(done)


def _job(request: Request, sources: dict[str, str]) -> Job:
    case = None if request.case is None else os.path.abspath(request.case)
    common = replace(request.common, threads="1", quiet=True)
    sources = request.sources | sources
    run = uuid.uuid4().hex
    return Job(__version__, run, request.loss.name, case, sources, request.options, common)


def _shards(request: Request, given: dict[str, Given]) -> list[dict[str, str]] | None:
    """The sources of each shard by tensor; None where the rows are better cut into blocks.

    What can be read a block at a time is better so cut, as a file may be large; but not where its
    samples are not on the first axis.
    """
    from losscli.layout import joins_rows, may_have_rows

    many = {name: one.files for name, one in given.items() if len(one.files) > 1}
    if len({len(files) for files in many.values()}) != 1:
        return None
    in_blocks = all(
        joins_rows(request.loss, name) and all(Path(f.path).suffix == ".npy" for f in files)
        for name, files in many.items()
    )
    others = given.keys() - many.keys()
    if in_blocks or any(may_have_rows(request.loss, n) and not given[n].single for n in others):
        return None
    same = {name: given[name].absolute for name in others if given[name].files}
    return [
        same | {name: file.text for name, file in zip(many, files, strict=True)}
        for files in zip(*many.values(), strict=True)
    ]


def _shard(request: Request, sources: dict[str, str]) -> Part:
    from losscli.files.source import split_selector

    files = [split_selector(source, None)[0] for source in sources.values()]
    size = sum(os.path.getsize(file) for file in files)
    return Part(_job(request, sources), size, tuple(dict.fromkeys(files)))


def _ranges(job: Job, problem: Problem) -> Iterator[Part]:
    """Parts of some blocks each."""
    count = sum(1 for _ in problem.blocks())
    size = sum(array.size * array.dtype.itemsize for array in problem.tensors.values())
    most = min(LARGE, -(-count // MANY))
    blocks = problem.blocks()
    first = tuple(islice(blocks, most))
    yield Part(job, size * len(first) / max(1, count), blocks=Blocks.of(first))
    while some := tuple(islice(blocks, most)):
        yield Part(job, size * len(some) / count, blocks=Blocks.of(some), is_first=False)


# ---- on a worker


class Kept(Talk):
    """Says nothing, and keeps what it would have warned about."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[str] = []

    def warn(self, sentence: str, aloud: bool = True) -> None:
        self.said.append(sentence)


def do(part: Part) -> Done:
    """The record of a part."""
    if part.job.version != __version__:
        raise UsageError(
            f"--dask: a worker has losscli {__version__}, but here it is {part.job.version}; "
            "install the same version everywhere."
        )
    try:
        return _done(part)
    except MissingSource as error:
        raise MissingSource(
            f"{error} Workers read files for themselves, under the same absolute path as here."
        ) from None
    except LosscliError as error:  # some carry functions, which cannot be sent
        raise LosscliError(_with_files(str(error), part)) from None


def add(parts: list[Done]) -> Done:
    """What several parts come to."""
    from losscli.record import merged

    record = merged([(part.origin, part.record) for part in parts])
    said = dict.fromkeys(sentence for part in parts for sentence in part.said)
    return Done(record, parts[0].origin, tuple(said))


def _done(part: Part) -> Done:
    from losscli.record import record_of

    talk = Kept()
    if part.blocks is not None:
        problem = _kept(part.job)
        record = record_of(problem, problem.total_over(part.blocks.indices()))
        batch = record.batch if part.is_first else 0
        return Done(replace(record, batch=batch), "a part")
    problem = _problem(part.job, talk)
    record = record_of(problem)
    if not record.is_finite:
        problem.value()
    warnings = [_with_files(warning, part) for warning in problem.warnings]
    return Done(record, " and ".join(part.files), (*talk.said, *warnings))


def _with_files(sentence: str, part: Part) -> str:
    """A sentence about a place in a part, with the files of the part."""
    if not part.files or any(file in sentence for file in part.files):
        return sentence
    return f"{sentence} That is in {' and '.join(part.files)}."


def _problem(job: Job, talk: Talk) -> Problem:
    request = Request(load(job.loss), job.case, job.sources, job.options, job.common, talk)
    return gather(request).problem


_runs: dict[str, Problem] = {}
_turn = Lock()


def _kept(job: Job) -> Problem:
    """The problem of a job, which is read once in a run."""
    with _turn:
        if job.run not in _runs:
            _runs.clear()
            _runs[job.run] = _problem(job, Kept())
        return _runs[job.run]
