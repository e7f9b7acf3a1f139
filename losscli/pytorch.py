"""The same calculation in PyTorch: a script with the user's numbers, to be run where PyTorch is.

Few numbers are written out, at full precision; many are read from the files that they came from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.engine import Problem
from losscli.errors import UsageError
from losscli.parameters import plain

if TYPE_CHECKING:
    from losscli.files.loaded import Part
    from losscli.parameters import Array, Loss

FEW = 100  # so many numbers of a tensor are written out even where a file holds them
MOST = 10_000  # more are not written out at all
WIDTH = 88
SEPARATORS = {"csv": ",", "tsv": "\t"}
READABLE = {*SEPARATORS, "npy", "npz"}  # the formats that the script reads
# What the names that `distance` takes are in PyTorch.
_NORM = "torch.nn.PairwiseDistance(p={p}, eps=0)"
DISTANCES = {
    "manhattan": _NORM.format(p=1),
    "chebyshev": _NORM.format(p='float("inf")'),
    "minkowski": _NORM,
    "squared-euclidean": "lambda a, b: ((a - b) ** 2).sum(-1)",
    "cosine": "lambda a, b: 1 - torch.nn.functional.cosine_similarity(a, b, dim=-1)",
}


def code(
    problem: Problem,
    wrt: Sequence[str],
    grad_output: Any = None,
    *,
    parts: Mapping[str, Part] | None = None,
    classes: Sequence[str] = (),
) -> str:
    """A script that computes the problem's loss, and its gradient by the tensors in `wrt`.

    `parts` says in which files tensors stand, `classes` what their words mean. UsageError where there
    is no such script: too many numbers from nowhere, or a distance that is a function of the user's.
    """
    script = _Script(problem, tuple(wrt), parts or {}, classes)
    body = "\n".join(script.lines(grad_output))
    imports = "import numpy as np\nimport torch" if "np." in body else "import torch"
    return f"{imports}\n\n{body}\n"


class _Script:
    def __init__(
        self,
        problem: Problem,
        wrt: tuple[str, ...],
        parts: Mapping[str, Part],
        classes: Sequence[str],
    ) -> None:
        self.problem = problem
        self.wrt = wrt
        self.parts = parts
        self.classes = classes

    def lines(self, grad_output: Any) -> list[str]:
        """The script, without its imports."""
        problem, tensors = self.problem, self.problem.loss.tensors
        kind = class_of(problem.loss)
        if kind is None:
            raise UsageError(
                f"{problem.loss.name}: torch.nn has no such loss, so that there is no PyTorch code."
            )
        lines = [*self._readers(), *(self._tensor(n) for n in problem.tensors)]
        made = [f"{n}={n}" for n in problem.tensors if not tensors[n].required]
        called = [n for n in problem.tensors if tensors[n].required]
        loss = _call(f"loss = torch.nn.{kind}", [*made, *self._options()])
        lines += ["", loss, _call("L = loss", called)]
        value = _shown("L", problem.count) if self._unreduced else "L.item()"
        lines.append(f'print("loss", {value})')
        if self.wrt:
            lines += ["", *self._backward(grad_output)]
        for name in self.wrt:
            shown = _shown(f"{name}.grad", problem.tensors[name].size)
            lines.append(f'print("d_{name}", {shown})')
        return lines

    @property
    def _unreduced(self) -> bool:
        return self.problem.reduction == "none" and bool(self.problem.rows)

    def _options(self) -> list[str]:
        """The options that are not PyTorch's defaults."""
        problem = self.problem
        options = []
        for name, value in problem.options.items():
            if name == "distance":
                options += _distance(problem.loss.name, value)
            elif value != problem.loss.options[name].default:
                options.append(f"{name}={_number(value)}")
        if problem.reduction != "mean":
            options.append(f'reduction="{problem.reduction}"')
        return options

    def _backward(self, grad_output: Any) -> list[str]:
        behind = [n for n in self.wrt if self.problem.loss.tensors[n].tensor.behind]
        lines = [
            f"# by the scores in front of the {self.problem.loss.tensors[name].tensor.behind}, as"
            f" PyTorch has it, not by {name}"
            for name in behind
        ]
        if grad_output is None and not self._unreduced:
            return [*lines, "L.backward()"]
        if grad_output is None:
            return [*lines, "L.sum().backward()  # of the sum, as there is no reduction"]
        above = self.problem.share(grad_output).above
        shape = self.problem.rows if self._unreduced else ()
        text = self._literal("grad_output", np.broadcast_to(above, shape), False)
        return [text, *lines, "L.backward(grad_output)"]

    # ---- tensors

    def _tensor(self, name: str) -> str:
        array = self._array(name)
        if self._is_read(name):
            return self._read(name, array, self.parts[name])
        return self._literal(name, array, name in self.wrt)

    def _is_read(self, name: str) -> bool:
        """Whether the script reads the tensor from the file that it came from."""
        part = self.parts.get(name)
        many = self.problem.tensors[name].size > FEW
        return many and part is not None and bool(part.path) and part.form in READABLE

    def _array(self, name: str) -> Array:
        """The tensor in the type that it has in PyTorch; a large one stays where it is."""
        array = self.problem.tensors[name]
        holds = self.problem.loss.tensors[name].tensor.holds
        floating = holds == "numbers" or (array.dtype.kind == "f" and holds != "whole numbers")
        kind = self.problem.type_of(name) if floating else np.dtype(np.int64)
        if array.size > MOST:
            return np.broadcast_to(kind.type(0), array.shape)
        return np.asarray(array, kind)

    def _literal(self, name: str, array: Array, asked: bool) -> str:
        if array.size > MOST:
            raise UsageError(
                f"{self.problem.loss.name}: {name} has {array.size} numbers, too many to write them "
                "into PyTorch code; where they are in a CSV or NumPy file, the code reads that."
            )
        settings = [] if array.dtype == np.int64 else [f"dtype=torch.{array.dtype}"]
        settings += ["requires_grad=True"] if asked else []
        if array.size:
            return _call(f"{name} = torch.tensor", [_nested(array), *settings])
        settings = settings or ["dtype=torch.int64"]
        return _call(f"{name} = torch.empty", [str(array.shape), *settings])

    def _read(self, name: str, array: Array, part: Part) -> str:
        """A tensor read from the file that it came from."""
        asked = ".requires_grad_()" if name in self.wrt else ""
        kind = str(array.dtype)
        if part.form in ("npy", "npz"):
            key = f"[{_text(part.key)}]" if part.form == "npz" else ""
            loaded = f'np.load({_text(part.path)}){key}.astype("{kind}")'
            return f"{name} = torch.from_numpy({loaded}){asked}"
        columns = part.columns[0] if len(part.columns) == 1 else part.columns
        settings = [f"skiprows={part.skip}"] if part.skip else []
        settings += [f"usecols={columns}"]
        settings += ["ndmin=2"] if array.ndim == 2 and 1 in array.shape else []
        settings += ["dtype=str"] if part.words else []
        settings += [f'dtype="{kind}"'] if not part.words and kind != "float64" else []
        table = f"np.loadtxt({_text(part.path)}, {', '.join(settings)}, **{part.form})"
        if not part.words:
            return f"{name} = torch.from_numpy({table}){asked}"
        classes = _filled([_text(one) for one in self.classes], "[", "]")
        places = f"[classes.index(word.strip()) for word in {table}]"
        return f"classes = {classes}\n{_call(f'{name} = torch.tensor', [places])}"

    def _readers(self) -> Iterator[str]:
        """How tables are to be read, as far as all of them have it in common."""
        read = {part.form for name, part in self.parts.items() if self._is_read(name)}
        for form in sorted(read & SEPARATORS.keys()):
            separator = _text(SEPARATORS[form])
            yield f"{form} = dict(delimiter={separator}, quotechar='\"', comments=None)"


def class_of(loss: Loss) -> str | None:
    """The loss's class in torch.nn, which its card names; None where torch.nn has no such loss."""
    found = re.search(r"torch\.nn\.(\w+Loss)", loss.card)
    return found[1] if found else None


def _distance(loss: str, given: Any) -> list[str]:
    name, _, order = str(plain(given)).partition(":")
    if name == "euclidean":
        return []  # PyTorch's default
    if name not in DISTANCES or callable(given):
        raise UsageError(
            f"{loss}: distance is {plain(given)}, a NumPy function of your own, which PyTorch cannot "
            "differentiate; for PyTorch code write it with torch."
        )
    p = _number(float(order)) if order else ""
    return [f"distance_function={DISTANCES[name].format(p=p)}"]


def _shown(name: str, size: int) -> str:
    """What is printed of a tensor: all of its digits, unless there are too many numbers."""
    return name if size > FEW else f"{name}.tolist()"


def _text(text: str) -> str:
    """A text as Python has it, in double quotation marks."""
    return '"' + repr("'" + text)[2:-1].replace('"', '\\"') + '"'


def _number(value: Any) -> str:
    """A number or a flag as Python has it."""
    if isinstance(value, (complex, np.complexfloating)):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return f'float("{float(value)}")'
    return str(value)  # of NumPy's numbers, too, the shortest digits that read back the same


def _nested(array: Array) -> str:
    """An array as nested lists, a row to a line where it is long."""
    if array.ndim == 0:
        return _number(array[()])
    items = [_nested(item) for item in array]
    if array.ndim == 1:
        return _filled(items, "[", "]")
    flat = f"[{', '.join(items)}]"
    if len(flat) <= WIDTH - 24 and "\n" not in flat:
        return flat
    inner = "".join(f"{_indented(item)},\n" for item in items)
    return f"[\n{inner}]"


def _filled(items: Sequence[str], start: str, end: str) -> str:
    """Items side by side, in as many lines as it takes."""
    flat = f"{start}{', '.join(items)}{end}"
    if len(flat) <= WIDTH - 24:
        return flat
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > WIDTH - 26:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{item},"
    return f"{start}\n" + "".join(f"    {line}\n" for line in lines) + end


def _call(function: str, arguments: Sequence[str]) -> str:
    """A call, with an argument to a line where it is long."""
    flat = f"{function}({', '.join(arguments)})"
    if len(flat) <= WIDTH and "\n" not in flat:
        return flat
    return f"{function}(\n" + "".join(f"{_indented(one)},\n" for one in arguments) + ")"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
