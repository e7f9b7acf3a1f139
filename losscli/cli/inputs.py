"""What goes into a loss: the case, the sources and the options put together, each by its name.

An option overrides the case, the case overrides the default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from losscli.cli import numbers
from losscli.cli.classes import indices, named_classes
from losscli.cli.options import Request
from losscli.cli.reduction import chosen_reduction
from losscli.errors import UsageError
from losscli.losses import resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losscli.engine import Problem
    from losscli.files import Case, Loaded
    from losscli.files.loaded import Part

SETTINGS = ("reduction", "dtype", "size_average", "reduce")  # what else may stand in a case


@dataclass(frozen=True)
class Inputs:
    """A problem, and what its tensors are called where they come from."""

    problem: Problem
    origins: dict[str, str] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    case: str = ""
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Any]:
        """The names that an explanation uses."""
        return {
            "case": self.case,
            "origins": self.origins,
            "columns": self.columns,
            "classes": self.classes,
            "parts": self.parts,
        }


def gather(request: Request) -> Inputs:
    """Read all that the request names and bind the loss to it."""
    from losscli.engine import Problem

    loss, common = request.loss, request.common
    threads = numbers.positive("--threads", common.threads)
    case = _read_case(request)
    values = _given(request, case)
    settings = _settings(request, values)
    options = _options(request, values)
    loaded = _read_tensors(request, case, values)
    _say_what_is_missing(request, case, loaded)
    columns = {name: tuple(one.columns) for name, one in loaded.items() if one.columns}
    classes = named_classes(common.classes) or _class_columns(request, columns)
    tensors = {name: _array(request, name, one, classes) for name, one in loaded.items()}
    tensors |= _probabilities(request, loaded, tensors)
    request.talk.infer(one.inferred for one in loaded.values() if one.inferred)
    problem = Problem(loss, tensors, options, **settings, threads=threads)
    origins = {name: one.origin for name, one in loaded.items()}
    parts = {name: one.part for name, one in loaded.items() if one.part}
    return Inputs(problem, origins, columns, classes, case.origin if case else "", parts)


def _read_case(request: Request) -> Case | None:
    """The case, if one is named; its names and its loss must be ours."""
    if request.case is None:
        return None
    from losscli.files import read_case

    loss = request.loss
    case = read_case(request.case, form=request.common.stdin_format)
    if case.loss is not None and resolve(str(case.loss)) != loss.name:
        raise UsageError(
            f"{case.origin} is a case of {resolve(str(case.loss))}, not of {loss.name}."
        )
    known = [*loss.tensors, *loss.options, *SETTINGS]
    for name in case.values:
        if name not in known:
            raise UsageError(
                f"{case.origin}: {loss.name} has nothing called {name!r}. {_near(name, known)}"
            )
    return case


def _given(request: Request, case: Case | None) -> dict[str, Any]:
    """What the case gives; what is no tensor as a plain value, whatever kind of file it is from."""
    given = (
        {name: value for name, value in case.values.items() if value is not None} if case else {}
    )
    for name in given.keys() - request.loss.tensors.keys():
        array = getattr(given[name], "array", None)
        if array is not None and array.size != 1:
            origin = given[name].origin
            raise UsageError(f"{origin}: {name} holds {array.size} values; expected one.")
        if array is not None:
            given[name] = array.item()
    return given


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=2)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"It takes {', '.join(known[: -len(SETTINGS)])}, and reduction and dtype."


def _settings(request: Request, case: Mapping[str, Any]) -> dict[str, str]:
    """The reduction and the computing type."""
    common, talk = request.common, request.talk
    reduction = chosen_reduction(common.reduction, common.size_average, common.reduce, talk)
    if reduction is None:
        reduction = chosen_reduction(
            case.get("reduction"), case.get("size_average"), case.get("reduce"), talk
        )
    dtype = common.dtype or case.get("dtype") or "auto"
    return {"reduction": reduction or "mean", "dtype": dtype}


def _options(request: Request, case: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the loss that are given, checked."""
    loss = request.loss
    _refuse_code(request, case)
    given = {name: case[name] for name in loss.options if name in case} | request.options
    return {
        name: loss.options[name].check(loss.name, numbers.from_text(value, loss.options[name].type))
        for name, value in given.items()
    }


def _refuse_code(request: Request, case: Mapping[str, Any]) -> None:
    """UsageError where a case names a function: reading somebody's data must not run their code."""
    for name in request.loss.options.keys() & case.keys():
        if name not in request.options and re.match(r"[^\d\W][\w.]*:[^\d\W]\w*$", str(case[name])):
            raise UsageError(
                f"{request.case}: {name} is {case[name]!r}, a function, which a case may not name; "
                f"give it as {_flag(name)} {case[name]}."
            )


def _read_tensors(
    request: Request, case: Case | None, values: Mapping[str, Any]
) -> dict[str, Loaded]:
    """Every tensor that is given, from its option or else from the case."""
    whole = [_flag(name) for name, source in request.sources.items() if source == "-"]
    whole += ["CASE"] if request.case == "-" else []
    if len(whole) > 1:
        raise UsageError(
            f"{_listed(whole)} would all be the whole of standard input; "
            "take parts of it, as in --input '-#pred' --target '-#true'."
        )
    return {
        name: _read_tensor(request, case, name, request.sources.get(name, values.get(name)))
        for name in request.loss.tensors
        if name in request.sources or name in values
    }


def _read_tensor(request: Request, case: Case | None, name: str, value: Any) -> Loaded:
    from losscli.files import Loaded, array_of, read

    words = "indices" in request.loss.tensors[name].tensor.holds
    form = request.common.stdin_format
    if name in request.sources:
        return read(value, label=_flag(name), form=form, words=words)
    if isinstance(value, Loaded):
        return value
    if isinstance(value, str) and case is not None:
        return read(value, label=name, form=form, base=case.base, words=words)
    loaded = array_of(value, label=name, words=words)
    return replace(loaded, origin=case.origin) if case else loaded


def _array(request: Request, name: str, loaded: Loaded, classes: tuple[str, ...]) -> NDArray[Any]:
    """What the loss takes: words as class indices, whole numbers as floats where numbers belong."""
    array = loaded.array
    if array.dtype.kind == "U":
        return indices(name, array, classes)
    if request.loss.tensors[name].tensor.holds == "numbers" and array.dtype.kind in "iu":
        return array.astype("float64")
    return array


def _probabilities(
    request: Request, loaded: Mapping[str, Loaded], tensors: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Tensors that hold class probabilities, by their shape, but are written as 0 and 1 in a text.

    In a text 1 and 1.0 are the same number; in a NumPy file whole numbers are class indices.
    """
    scores = next((tensors[name].shape for name in request.loss.predicted if name in tensors), None)
    return {
        name: array.astype("float64")
        for name, array in tensors.items()
        if request.loss.tensors[name].tensor.holds == "indices or numbers"
        and array.dtype.kind in "iu"
        and array.shape == scores
        and not loaded[name].origin.partition("#")[0].endswith((".npy", ".npz"))
    }


def _say_what_is_missing(request: Request, case: Case | None, loaded: Iterable[str]) -> None:
    """UsageError that names every required tensor that is not there, with an example."""
    loss = request.loss
    required = [name for name, parameter in loss.tensors.items() if parameter.required]
    missing = [_flag(name) for name in required if name not in loaded]
    if missing:
        example = " ".join(f"{_flag(name)} {name}.csv" for name in required)
        where = f"{case.origin} does not give" if case else "give"
        raise UsageError(
            f"{loss.name}: {where} {_listed(missing)}, as in: losscli compute {loss.name} {example}"
        )


def _class_columns(request: Request, columns: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of the columns of what is predicted, which name the classes."""
    return next((columns[name] for name in request.loss.predicted if name in columns), ())


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
