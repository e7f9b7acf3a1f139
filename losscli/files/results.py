"""Results out: a number, an array, or gradients by name, as text, JSON, YAML, CSV, TSV or NPY."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from losscli import stored
from losscli.errors import UsageError, place
from losscli.files.source import FORMS
from losscli.files.writing import is_device, opened, write

__all__ = [
    "InPlace",
    "form_of",
    "format_result",
    "is_device",
    "json_ready",
    "opened",
    "pieces",
    "refuse_shape",
    "text_of_number",
    "watcher",
    "write",
]

WRITTEN = ("text", "json", "yaml", "csv", "tsv", "npy")
Result = Any  # a NumPy scalar, an array, or a mapping of arrays by name
Shape = tuple[int, ...]

FEW = 65_536  # numbers that are made text at once
NPY_STEP = 1 << 20  # numbers that are written at once
# is told of how many bytes of a result have become text or bytes of a file, a part at a time
watcher: ContextVar[Callable[[int], None] | None] = ContextVar("watcher", default=None)

_ENDINGS = {
    ".txt": "text",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
    ".tsv": "tsv",
    ".npy": "npy",
    ".md": "markdown",
    ".markdown": "markdown",
    ".tex": "latex",
    ".latex": "latex",
    ".html": "html",
    ".htm": "html",
    ".svg": "svg",
}


def form_of(path: str, forms: Collection[str]) -> str:
    """The format, of `forms`, that the ending of `path` asks for; text where it asks for none.

    UsageError where it asks for another one, or for one that is only read.
    """
    ending = os.path.splitext(path.lower())[1]
    form = _ENDINGS.get(ending, "text")
    if form not in forms or (ending not in _ENDINGS and ending in (*FORMS, ".gz")):
        written = [one for one, form in _ENDINGS.items() if form in forms]
        raise UsageError(
            f"--output: {path} ends with {ending}, which cannot be written here; the endings that can "
            f"are {', '.join(written)}."
        )
    return form


def text_of_number(x: Any) -> str:
    """The shortest digits that read back as the same number.

    A float32 is written as the float64 that it equals, which is what PyTorch's `item()` gives.
    """
    value = x.item() if isinstance(x, (np.generic, np.ndarray)) else x
    return repr(value).strip("()")


def json_ready(obj: Any) -> Any:
    """`obj` as JSON can hold it: arrays as lists; NaN, infinities and complex numbers as texts."""
    if isinstance(obj, Mapping):
        return {str(key): json_ready(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [json_ready(item) for item in obj]
    if isinstance(obj, (np.ndarray, np.generic)):
        plain = obj.tolist()
        return plain if _all_finite(np.asarray(obj)) else json_ready(plain)
    if isinstance(obj, float) and not math.isfinite(obj):
        return "NaN" if math.isnan(obj) else "Infinity" if obj > 0 else "-Infinity"
    return text_of_number(obj) if isinstance(obj, complex) else obj


def refuse_shape(shape: Shape | Mapping[str, Shape], form: str) -> None:
    """UsageError where a format cannot hold an array of that shape, or arrays by name."""
    if isinstance(shape, Mapping):
        if len(shape) != 1:
            if form in ("csv", "tsv", "npy"):
                remedy = "choose one with --wrt" if form == "npy" else "take --format json"
                raise UsageError(
                    f"{form} holds one array, but there are {len(shape)} ({', '.join(shape)}); {remedy}."
                )
            return
        if form == "text":
            return  # with headings
        (shape,) = shape.values()
    if len(shape) > 2 and form in ("text", "csv", "tsv"):
        raise UsageError(
            f"{form} holds up to 2 dimensions, but the result has shape {shape}; "
            f"take --format json or npy."
        )


def format_result(result: Result, form: str) -> bytes:
    """A result in the format `form`, whole."""
    return b"".join(pieces(result, form))


def pieces(result: Result, form: str) -> Iterator[bytes]:
    """A result in the format `form`: one of `WRITTEN`, with a newline at the end.

    It comes piece by piece, so that what is written takes no memory of its own. UsageError when the
    format cannot hold it, as from `refuse_shape`; the message says which one can.
    """
    by_name = isinstance(result, Mapping)
    refuse_shape({n: np.shape(a) for n, a in result.items()} if by_name else np.shape(result), form)
    if by_name and len(result) == 1:
        (only,) = result.values()
        if form != "text" or np.ndim(only) <= 2:  # text needs headings for more
            result = only
    if form in ("csv", "tsv"):
        return _rows(result, form)
    return {"text": _text, "json": _json, "yaml": _yaml, "npy": _npy}[form](result)


def _npy_header(shape: tuple[int, ...], dtype: Any) -> bytes:
    """What stands before the numbers in an NPY file."""
    header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue()


class InPlace:
    """Makes the first large array of a result where it is to lie, in the NPY file that is written."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.made: NDArray[Any] | None = None

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array of zeros."""
        if self.made is not None or math.prod(shape) * np.dtype(dtype).itemsize < stored.LARGE:
            return stored.zeros(shape, dtype)
        header = _npy_header(shape, dtype)
        self.stream.write(header)
        self.stream.flush()
        self.made = stored.writable(self.stream, len(header), shape, dtype)
        return self.made

    def write(self, result: Result) -> None:
        """Write a result, unless it lies there already."""
        values = list(result.values()) if isinstance(result, Mapping) else [result]
        if self.made is None or not (len(values) == 1 and np.shares_memory(values[0], self.made)):
            self.stream.seek(0)
            self.stream.truncate()
            self.stream.writelines(pieces(result, "npy"))


def _text(result: Result) -> Iterator[bytes]:
    if not isinstance(result, Mapping):
        yield from _rows(result, "text")
        return
    between = b""
    for name, array in result.items():
        for where in np.ndindex(array.shape[:-2]):
            yield between + f"# {place(name, where)}\n".encode()
            yield from _rows(array[where], "text")
            between = b"\n"


def _rows(result: Any, form: str) -> Iterator[bytes]:
    """One value a line for a 1-D array, rows for 2-D with commas, or the tabs of TSV, between them."""
    array = np.asarray(result)
    if array.ndim == 0:
        yield f"{text_of_number(array)}\n".encode()
        return
    between = "\t" if form == "tsv" else ","
    write = text_of_number if array.dtype.kind == "c" else repr
    for part in _parts(array):
        rows = part.tolist()
        lines = (
            map(write, rows) if array.ndim == 1 else (between.join(map(write, row)) for row in rows)
        )
        yield "".join(f"{line}\n" for line in lines).encode()


def _parts(array: NDArray[Any], most: int = FEW) -> Iterator[NDArray[Any]]:
    """Some items of an array at a time, so that Python's numbers do not pile up."""
    tell = watcher.get()
    step = max(1, most // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), step):
        part = array[start : start + step]
        yield part
        if tell is not None:
            tell(part.nbytes)


def _json(result: Result) -> Iterator[bytes]:
    if isinstance(result, Mapping):
        yield b"{"
        for i, (name, array) in enumerate(result.items()):
            yield f"{', ' if i else ''}{json.dumps(name)}: ".encode()
            yield from _json_list(np.asarray(array))
        yield b"}\n"
        return
    yield from _json_list(np.asarray(result))
    yield b"\n"


def _json_list(array: NDArray[Any]) -> Iterator[bytes]:
    if array.size <= FEW:
        yield json.dumps(json_ready(array), allow_nan=False).encode()
        return
    begin = b"["
    if array[0].size > FEW:
        for item in array:
            yield begin
            yield from _json_list(item)
            begin = b", "
    else:
        for part in _parts(array):
            yield begin
            yield json.dumps(json_ready(part), allow_nan=False)[1:-1].encode()
            begin = b", "
    yield b"]"


def _yaml(result: Result) -> Iterator[bytes]:
    """Block style for names and rows, flow style within a row."""
    if not isinstance(result, Mapping):
        yield from _yaml_rows(np.asarray(result))
        return
    for name, array in result.items():
        yield f"{name}:{chr(10) if np.ndim(array) and len(array) else ' '}".encode()
        yield from _yaml_rows(np.asarray(array))


def _yaml_rows(array: NDArray[Any]) -> Iterator[bytes]:
    if not array.ndim or not len(array):
        yield f"{_flow(array.tolist())}\n".encode()
        return
    for part in _parts(array):
        yield "".join(f"- {_flow(item)}\n" for item in part.tolist()).encode()


def _flow(value: Any) -> str:
    """A value on one line of YAML, in the spelling that YAML 1.1 reads as a number too."""
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return str(value).lower() if isinstance(value, bool) else text_of_number(value)


def _npy(result: Result) -> Iterator[bytes]:
    array = np.asarray(result)
    yield _npy_header(array.shape, array.dtype)
    for part in _parts(array.reshape(-1), NPY_STEP):
        yield part.tobytes()


def _all_finite(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "biu" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
