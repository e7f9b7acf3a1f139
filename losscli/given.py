"""What a loss is given: arrays of the kinds that it takes, and the type to compute in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from losscli import checks
from losscli.errors import KindError, ShapeError, UsageError, brief
from losscli.parameters import Loss
from losscli.stored import Stored


def arrays_of(loss: Loss, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that were given, as arrays; the rest of the names are refused."""
    known = loss.tensors
    for name in tensors:
        if name not in known:
            raise UsageError(
                f"{loss.name}: there is no input {name!r}; it takes {', '.join(known)}."
            )
    arrays = {}
    missing = [n for n, p in known.items() if p.required and tensors.get(n) is None]
    if missing:
        raise UsageError(f"{loss.name}: {' and '.join(missing)} must be given.")
    for name, parameter in known.items():
        if tensors.get(name) is None:
            continue
        array = as_array(loss.name, name, tensors[name])
        tensor = parameter.tensor
        kinds = "iu" if tensor.holds == "indices" else "fiu"
        if array.dtype.kind not in kinds + "c" * tensor.complex + "b" * tensor.boolean:
            numbers = "numbers" if tensor.complex else "real numbers"
            wanted = "class indices" if tensor.holds == "indices" else numbers
            hint = " Write them as 0 and 1." if array.dtype.kind == "b" else ""
            raise KindError(
                f"{loss.name}: {name} holds {checks.kind_text(array)}; expected {wanted}.{hint}"
            )
        arrays[name] = array
    return arrays


def names_of(loss: str, wrt: Any) -> list[str] | None:
    """The names in `wrt`, one or several; KindError where it holds anything else."""
    if wrt is None or isinstance(wrt, str):
        return None if wrt is None else [wrt]
    names = list(wrt) if isinstance(wrt, Iterable) else [wrt]
    if not all(isinstance(name, str) for name in names):
        raise KindError(f"{loss}: wrt is {brief(wrt)}; expected names of tensors, or all.")
    return names


def computing_type(loss: Loss, arrays: Mapping[str, Any], dtype: str) -> np.dtype[Any]:
    """The type to compute in, by its name; auto is float32 where every floating-point input is."""
    if not isinstance(dtype, str) or dtype not in ("auto", "float64", "float32"):
        raise UsageError(
            f"{loss.name}: dtype is {brief(dtype)}; expected auto, float64 or float32."
        )
    if dtype != "auto":
        return np.dtype(dtype)
    floating = {
        np.finfo(array.dtype).dtype
        for name, array in arrays.items()
        if loss.tensors[name].required and array.dtype.kind in "fc"
    }
    return np.dtype(np.float32 if floating == {np.dtype(np.float32)} else np.float64)


def as_array(loss: str, name: str, value: Any) -> Any:
    """A value as an array; ShapeError where its rows have different lengths, KindError where some of
    its numbers are masked, which would count all the same."""
    if isinstance(value, Stored):
        return value
    if type(value) is not np.ndarray and np.ma.is_masked(value):
        raise KindError(
            f"{loss}: {name} has masked numbers; fill them in, or leave their rows out."
        )
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(
            f"{loss}: {name} is a list whose rows have different lengths; make them equally long."
        ) from None
    return array.astype(np.float64) if not array.size and array.dtype.kind == "O" else array
