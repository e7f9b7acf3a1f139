"""What goes into a loss: the case, the sources and the options put together, each by its name.

An option overrides the case, the case overrides the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from losscli.cli import numbers
from losscli.cli.classes import indices, named_classes
from losscli.cli.ids import ids as row_ids
from losscli.cli.ids import key, wanted
from losscli.cli.options import Request
from losscli.cli.progress import reading
from losscli.cli.reduction import chosen_reduction
from losscli.errors import UsageError
from losscli.losses import resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losscli.engine import Problem
    from losscli.files import Case, Loaded
    from losscli.files.loaded import Part
    from losscli.files.source import Located

# what else may stand in a case
SETTINGS = ("reduction", "dtype", "size_average", "reduce", "id_column", "alphabet")


class Inputs(NamedTuple):
    """A problem, and what its tensors are called where they come from."""

    problem: Problem
    origins: dict[str, str]
    columns: dict[str, tuple[str, ...]]
    classes: tuple[str, ...]
    case: str
    parts: dict[str, Part]
    ids: tuple[str, ...]

    @property
    def names(self) -> dict[str, Any]:
        """The names that an explanation uses."""
        return {
            "case": self.case,
            "origins": self.origins,
            "columns": self.columns,
            "classes": self.classes,
            "parts": self.parts,
            "ids": self.ids,
        }


def gather(request: Request, id_column: str | None = None) -> Inputs:
    """Read all that the request names and bind the loss to it; `id_column` names its rows."""
    from losscli.engine import Problem

    loss, common = request.loss, request.common
    threads = numbers.positive("--threads", common.threads)
    with reading(common):
        case, id_column = _read_case(request, id_column)
        values = _given(request, case, id_column)
        settings = _settings(request, values)
        options = _options(request, values)
        alphabet = _alphabet(request, values)
        loaded = _read_tensors(request, case, values, alphabet)
    _say_what_is_missing(request, case, loaded)
    _refuse_long_rows(request, loaded)
    columns = {name: tuple(one.columns) for name, one in loaded.items() if one.columns}
    classes = named_classes(common.classes) or _class_columns(request, columns)
    tensors = {
        name: _array(request, name, one, classes, bool(alphabet)) for name, one in loaded.items()
    }
    tensors |= _probabilities(request, loaded, tensors)
    if alphabet:
        tensors, classes = _spelled(tensors, alphabet, options), tuple(alphabet)
    request.talk.infer(one.inferred for one in loaded.values() if one.inferred)
    problem = Problem(loss, tensors, options, **settings, threads=threads)
    origins = {name: one.origin for name, one in loaded.items()}
    parts = {
        name: one.part for name, one in loaded.items() if one.part and not _words(one, alphabet)
    }
    ids = row_ids(request, id_column, case, values) if id_column else ()
    return Inputs(problem, origins, columns, classes, case.origin if case else "", parts, ids)


class Given(NamedTuple):
    """How a tensor is given, before it is read."""

    files: list[Located]  # none where it is in place
    absolute: str  # the source under an absolute path
    single: bool  # whether it is one number, which is the same for all rows


def given_tensors(request: Request) -> dict[str, Given]:
    """How each tensor is given, by its option or in the case."""
    from losscli.files.grammar import number
    from losscli.files.source import located

    if request.case == "-":
        raise UsageError("CASE: standard input is read here only; give a file.")
    case, _ = _read_case(request, None)
    values = _given(request, case, None)
    found = {}
    for name in request.loss.tensors:
        value = request.sources.get(name, values.get(name))
        if isinstance(value, str):
            base = None if name in request.sources or case is None else case.base
            label = _flag(name) if name in request.sources else name
            found[name] = Given(*located(value, label, base), number(value) is not None)
        elif value is not None:
            found[name] = Given([], "", isinstance(value, (int, float)))
    return found


def _read_case(request: Request, id_column: str | None) -> tuple[Case | None, str | None]:
    """The case, if one is named, and the column of ids; its names and its loss must be ours."""
    if request.case is None:
        return None, id_column
    from losscli.files import read_case

    loss = request.loss
    numbers = [name for name in loss.tensors if not _may_be_words(request, name)]
    case = read_case(request.case, form=request.common.stdin_format, numbers=numbers)
    if case.loss is not None and resolve(str(case.loss)) != loss.name:
        raise UsageError(
            f"{case.origin} is a case of {resolve(str(case.loss))}, not of {loss.name}."
        )
    known = [*loss.tensors, *loss.options, *SETTINGS]
    id_column = wanted(id_column, case)
    for name in case.values:
        if name not in known and not (id_column and name == key(id_column)):
            raise UsageError(
                f"{case.origin}: {loss.name} has nothing called {name!r}. {_near(name, known)}"
            )
    return case, id_column


def _given(request: Request, case: Case | None, id_column: str | None) -> dict[str, Any]:
    """What the case gives; what is no tensor as a plain value."""
    if case is None:
        return {}
    from losscli.files.loaded import single

    given = {name: value for name, value in case.values.items() if value is not None}
    if id_column and key(id_column) not in request.loss.tensors:
        given.pop(key(id_column), None)
    for name in given.keys() - request.loss.tensors.keys():
        given[name] = single(given[name], name)
    return given


def _near(name: str, known: list[str]) -> str:
    import difflib

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
    given = {"reduction": reduction, "dtype": common.dtype or case.get("dtype")}
    defaults = {"reduction": "mean", "dtype": "auto"}
    return {name: defaults[name] if value is None else value for name, value in given.items()}


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
    for name, parameter in request.loss.options.items():
        if parameter.option.read is None or name not in case or name in request.options:
            continue
        from losscli.distances import is_function

        given = case[name]
        if isinstance(given, str) and is_function(given):
            raise UsageError(
                f"{request.case}: {name} is {given!r}, a function, which a case may not name; "
                f"give it as {_flag(name)} {given}."
            )


def _alphabet(request: Request, values: Mapping[str, Any]) -> str:
    """The characters that name the classes, if they are given."""
    given = request.common.alphabet
    given = values.get("alphabet") if given is None else given
    if given is None:
        return ""
    if "blank" not in request.loss.options:
        raise UsageError(f"{request.loss.name} takes no alphabet; that is for ctc.")
    from losscli.alphabet import checked

    return checked(str(given))


def _spelled(
    tensors: Mapping[str, NDArray[Any]], alphabet: str, options: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """The tensors with words as class indices."""
    from losscli.alphabet import TARGETS, spelled

    numbers = tensors[TARGETS].dtype.kind in "iu" and tensors[TARGETS].ndim < 2
    if numbers and re.search(r"\d", alphabet):
        raise UsageError(
            "ctc: targets are numbers, and so are characters of the alphabet; give words as texts, "
            """like '["12"]', or class indices without an alphabet."""
        )
    settings = {name: options[name] for name in ("blank", "zero_infinity") if name in options}
    return spelled(tensors, alphabet, **settings)


def _words(loaded: Loaded, alphabet: str) -> bool:
    """Whether a tensor is words that an alphabet spells."""
    return bool(alphabet) and loaded.array.dtype.kind == "U"


def _read_tensors(
    request: Request, case: Case | None, values: Mapping[str, Any], alphabet: str
) -> dict[str, Loaded]:
    """Every tensor that is given, from its option or else from the case."""
    refuse_sharing(request)
    return {
        name: _read_tensor(
            request, case, name, request.sources.get(name, values.get(name)), alphabet
        )
        for name in request.loss.tensors
        if name in request.sources or name in values
    }


def refuse_sharing(request: Request, **others: str | None) -> None:
    """UsageError where standard input would be more than one of the sources, and these others."""
    sources = request.sources | others
    whole = [_flag(name) for name, source in sources.items() if source == "-"]
    whole += ["CASE"] if request.case == "-" else []
    if len(whole) > 1:
        raise UsageError(
            f"{_listed(whole)} would all be the whole of standard input; "
            "take parts of it, as in --input '-#pred' --target '-#true'."
        )


def _read_tensor(
    request: Request, case: Case | None, name: str, value: Any, alphabet: str
) -> Loaded:
    from losscli.files import Loaded, array_of, read
    from losscli.files.in_place import read_words
    from losscli.files.source import is_file_name, split_selector

    words = _may_be_words(request, name)
    form = request.common.stdin_format
    if _takes_words(request, name) and isinstance(value, str) and re.search(r"\d", alphabet):
        plain = "[" not in value and not is_file_name(split_selector(value, None)[0])
        if plain:  # 12 is the word "12"
            return read_words(value)
    if name in request.sources:
        return read(value, label=_flag(name), form=form, words=words)
    if isinstance(value, Loaded):
        return value
    if isinstance(value, str) and case is not None:
        return read(value, label=name, form=form, base=case.base, words=words)
    loaded = array_of(value, label=name, words=words)
    return loaded._replace(origin=case.origin) if case else loaded


def _may_be_words(request: Request, name: str) -> bool:
    """Whether a tensor may be words: those of classes, or those that an alphabet spells."""
    return "indices" in request.loss.tensors[name].tensor.holds or _takes_words(request, name)


def _takes_words(request: Request, name: str) -> bool:
    """Whether a tensor may be words that an alphabet spells."""
    return "blank" in request.loss.options and name == "targets"


def _array(
    request: Request, name: str, loaded: Loaded, classes: tuple[str, ...], spelled: bool
) -> Any:
    """What the loss takes: words as class indices, whole numbers as floats where numbers belong."""
    array = loaded.array
    if array.dtype.kind == "U" and _takes_words(request, name):
        if not spelled:
            from losscli.alphabet import refuse_words

            raise refuse_words(array)
        return array
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


def _say_what_is_missing(request: Request, case: Case | None, loaded: Mapping[str, Loaded]) -> None:
    """UsageError that names every required tensor that is not there, with an example."""
    loss = request.loss
    required = [name for name, parameter in loss.tensors.items() if parameter.required]
    targets = loaded.get("targets")
    if targets is not None and targets.array.dtype.kind == "U":  # words have their own lengths
        required = [name for name in required if not name.endswith("_lengths")]
    missing = [_flag(name) for name in required if name not in loaded]
    if missing:
        example = " ".join(f"{_flag(name)} {name}.csv" for name in required)
        where = f"{case.origin} does not give" if case else "give"
        raise UsageError(
            f"{loss.name}: {where} {_listed(missing)}, as in: losscli compute {loss.name} {example}"
        )


def _refuse_long_rows(request: Request, loaded: Mapping[str, Loaded]) -> None:
    """UsageError where several files were joined along an axis that is not that of the samples."""
    from losscli.layout import joins_rows

    for name, one in loaded.items():
        if one.files > 1 and not joins_rows(request.loss, name, one.array.ndim):
            shape = request.loss.tensors[name].tensor.shape.split(" or ")[0]
            raise UsageError(
                f"{_flag(name)}: {one.origin} is {one.files} files of shape {shape}, whose samples are not "
                "on the first axis, along which files are joined; compute each with --partial, and "
                "add them up with losscli merge."
            )


def _class_columns(request: Request, columns: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of the columns of what is predicted, which name the classes."""
    return next((columns[name] for name in request.loss.predicted if name in columns), ())


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
