"""Results out: a number, an array, or gradients by name, as text, JSON, YAML, CSV or NPY."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.errors import UsageError, place
from losscli.files.writing import write

__all__ = ["form_of", "format_result", "json_ready", "text_of_number", "write"]

Result = Any  # a NumPy scalar, an array, or a mapping of arrays by name

_ENDINGS = {
    ".txt": "text",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
    ".npy": "npy",
    ".md": "markdown",
    ".markdown": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".htm": "html",
    ".svg": "svg",
}


def form_of(path: str) -> str | None:
    """The format that the ending of `path` asks for; None when it asks for none."""
    return _ENDINGS.get(os.path.splitext(path.lower())[1])


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


def format_result(result: Result, form: str) -> bytes:
    """A result in the format `form`: text, json, yaml, csv or npy, with a newline at the end.

    UsageError when the format cannot hold it; the message says which one can.
    """
    if isinstance(result, Mapping) and len(result) == 1:
        (only,) = result.values()
        if form != "text" or np.ndim(only) <= 2:  # text needs headings for more
            result = only
    formats = {"text": _text, "json": _json, "yaml": _yaml, "csv": _csv, "npy": _npy}
    if form not in formats:
        raise UsageError(
            f"--format: a result cannot be written as {form}; take {', '.join(formats)}."
        )
    return formats[form](result)


def _text(result: Result) -> bytes:
    if isinstance(result, Mapping):
        return b"\n".join(
            f"# {place(name, where)}\n".encode() + _rows(array[where], "text")
            for name, array in result.items()
            for where in np.ndindex(array.shape[:-2])
        )
    return _rows(result, "text")


def _csv(result: Result) -> bytes:
    if isinstance(result, Mapping):
        raise UsageError(
            f"--format csv holds one array, but there are {len(result)} ({', '.join(result)}); "
            f"take --format json."
        )
    return _rows(result, "csv")


def _rows(result: Any, form: str) -> bytes:
    """One value a line for a 1-D array, comma-separated rows for 2-D."""
    array = np.asarray(result)
    if array.ndim > 2:
        raise UsageError(
            f"--format {form} holds up to 2 dimensions, but the result has shape {array.shape}; "
            f"take --format json or npy."
        )
    if array.ndim == 0:
        return f"{text_of_number(array)}\n".encode()
    return b"".join(_lines(array))


def _lines(array: NDArray[Any], block: int = 65536) -> Iterable[bytes]:
    """The rows of a 1-D or 2-D array in blocks, so that the Python numbers do not pile up."""
    rows_at_once = max(1, block // max(1, array.shape[-1] if array.ndim == 2 else 1))
    write = text_of_number if array.dtype.kind == "c" else repr
    for start in range(0, len(array), rows_at_once):
        rows = array[start : start + rows_at_once].tolist()
        lines = map(write, rows) if array.ndim == 1 else (",".join(map(write, row)) for row in rows)
        yield "".join(f"{line}\n" for line in lines).encode()


def _json(result: Result) -> bytes:
    return (json.dumps(json_ready(result), allow_nan=False) + "\n").encode()


def _yaml(result: Result) -> bytes:
    """Block style for names and rows, flow style within a row."""
    if isinstance(result, Mapping):
        parts = []
        for name, array in result.items():
            values = np.asarray(array).tolist()
            if isinstance(values, list) and values:
                parts.append(f"{name}:\n" + "".join(f"- {_flow(item)}\n" for item in values))
            else:
                parts.append(f"{name}: {_flow(values)}\n")
        return "".join(parts).encode()
    values = np.asarray(result).tolist()
    if isinstance(values, list) and values:
        return "".join(f"- {_flow(item)}\n" for item in values).encode()
    return f"{_flow(values)}\n".encode()


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


def _npy(result: Result) -> bytes:
    if isinstance(result, Mapping):
        raise UsageError(
            f"--format npy holds one array, but there are {len(result)} ({', '.join(result)}); "
            f"choose one with --wrt."
        )
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(result), allow_pickle=False)
    return buffer.getvalue()


def _all_finite(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "biu" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
