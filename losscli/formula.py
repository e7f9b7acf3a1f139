"""A formula: parsed, typeset, with numbers put in.

A formula is one Python assignment over names, `l = where(a <= delta, 0.5 * r**2, delta * (a - 0.5 *
delta))`, read with Python's own parser. It knows these functions:

    exp log log1p expm1 sqrt abs             of one number
    sign                                     -1, 0 or 1; 0 for nan, as in PyTorch
    max min                                  of several numbers, or of one quantity over its last axis
    sum                                      over the last axis, or over the one that is named
    where(condition, a, b)                   a branch; conditions may be joined with `and`
    a % b                                    the remainder
    clip(x, low, high)                       min(max(x, low), high)
    pick(x, k)                               x at index k of its last axis
    x[i, j]                                  x at these indices, 0 outside of the table, for recursions

A lower-case name that is not given, `c` or `t`, is the index on the axis of that letter, C or T.

Every name has axes: `input` of cross-entropy has a row axis and the class axis C. At a *point* (row 1,
class 2) each name is one number, so that putting numbers in gives *arithmetic*: the same tree with
numbers for names, branches chosen, sums and maxima written out. One tree then serves for the Python
text in the JSON, for what people read, and for the test that evaluates it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np

from losscli.writer import REDUCTIONS, python

Point = Mapping[str, int]  # where on each axis

ROW = "row"  # the name of the row axis
PART = "part"  # that of the axis of a complex number, which is a real and an imaginary part
AXES = {"C": "class", "D": "component", "K": "label", "S": "place", "T": "frame"}  # in words
MANY = 8  # a sum of more terms than this is shown by its first and its last
_INVERSE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sum": lambda *terms: sum(terms, np.float64(0.0)),
    "max": lambda *terms: np.max(terms),
    "min": lambda *terms: np.min(terms),
}


@dataclass(frozen=True)
class Quantity:
    """A named array and what its axes are called, the row axis included."""

    array: Any
    axes: tuple[str, ...] = ()

    def at(self, point: Point) -> float:
        """The number at a point of its axes."""
        shape = self.array.shape
        where = (point[axis] if n > 1 else 0 for axis, n in zip(self.axes, shape, strict=True))
        value = self.array[tuple(where)]
        return int(value) if self.array.dtype.kind in "iub" else float(value)

    def size(self, axis: str) -> int:
        """How long an axis is."""
        length: int = self.array.shape[self.axes.index(axis)]
        return length


Names = Mapping[str, Quantity]


class Rest(ast.Constant):
    """What stands for the terms of a long sum or maximum that are left out: what they come to."""

    _fields = ("value", "kind", "count")
    count: int  # of all terms, with those that are written


@dataclass(frozen=True)
class Arithmetic:
    """Numbers put into a formula at one point, and the conditions of the branches that were taken."""

    tree: ast.expr
    conditions: tuple[ast.expr, ...] = ()

    @property
    def python(self) -> str:
        """The arithmetic as Python, at full precision."""
        return python(self.tree)

    @property
    def condition(self) -> str | None:
        """The conditions that chose the branches, as Python; None where there was no choice."""
        return " and ".join(map(python, self.conditions)) or None


@dataclass(frozen=True)
class Formula:
    """One equation, `name = expression`."""

    text: str
    name: str = field(init=False)
    tree: ast.expr = field(init=False)

    def __post_init__(self) -> None:
        (statement,) = ast.parse(self.text).body
        assert isinstance(statement, ast.Assign)
        (target,) = statement.targets
        object.__setattr__(self, "tree", statement.value)
        object.__setattr__(self, "name", ast.unparse(target).split("[")[0])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names on the right-hand side, in the order of their first appearance."""
        nodes = sorted(
            (n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and n.id not in _RESERVED),
            key=lambda n: n.col_offset,
        )
        return tuple(dict.fromkeys(n.id for n in nodes))

    def axes(self, names: Names) -> tuple[str, ...]:
        """The axes of the result: of all that is combined, less those that are summed over."""
        return axes_of(self.tree, names)

    def at(self, point: Point, names: Names, most: int | None = None) -> Arithmetic:
        """The numbers put in at one point; of sums of more than `most` terms the first and the last."""
        conditions: list[ast.expr] = []
        tree = _put(self.tree, point, names, conditions, most)
        return Arithmetic(tree, tuple(conditions))


@cache
def parse(text: str) -> Formula:
    """The formula in `text`; parsed once."""
    return Formula(text)


def number(value: float) -> ast.Constant:
    """A number as a tree."""
    return ast.Constant(value)


def evaluate(tree: ast.AST) -> Any:
    """The value of arithmetic, by the rules of IEEE 754: 1/0 is inf, 0/0 is nan."""
    with np.errstate(all="ignore"):
        return _evaluate(tree)


def replaced(tree: Any, by: Mapping[ast.AST, ast.AST]) -> Any:
    """A copy of a tree with some of its nodes, told by identity, replaced; nodes are shared."""
    if isinstance(tree, list):
        return [replaced(item, by) for item in tree]
    if not isinstance(tree, ast.AST):
        return tree
    if tree in by:
        return by[tree]
    return type(tree)(**{name: replaced(value, by) for name, value in ast.iter_fields(tree)})


def written_out(
    function: str,
    count: int,
    term: Callable[[int], ast.expr],
    values: Callable[[], Any],
    most: int | None = None,
) -> ast.expr:
    """A sum or a maximum with its terms written out; of one term it is that term.

    Of more than `most` terms the first and the last are written, and a `Rest` for those between; of a
    maximum also the largest. `values` gives what the terms come to.
    """
    if count == 1:
        return term(0)
    if most is None or count <= most:
        return _call(function, *map(term, range(count)))
    found = np.asarray(values(), float)
    shown = {0, 1, 2, count - 1}
    if function != "sum":
        shown = {0, 1, int((np.argmax if function == "max" else np.argmin)(found)), count - 1}
    terms: list[ast.expr] = []
    before = -1
    for i in sorted(shown):
        if i > before + 1:
            left_out = found[before + 1 : i]
            with np.errstate(all="ignore"):  # inf and -inf may meet here
                value = left_out.sum() if function == "sum" else _FUNCTIONS[function](*left_out)
            rest = Rest(value=float(value))
            rest.count = count
            terms.append(rest)
        terms.append(term(i))
        before = i
    return _call(function, *terms)


_RESERVED = {*_FUNCTIONS, "where", "clip", "pick", "sign"}


def axes_of(node: ast.AST, names: Names) -> tuple[str, ...]:
    """The axes of an expression: of all that is combined, less those that are summed over."""
    match node:
        case ast.Name(id=name):
            return names[name].axes if name in names else (name.upper(),)
        case ast.Call(func=ast.Name(id=function), args=[x]) if function in REDUCTIONS:
            return axes_of(x, names)[:-1]
        case ast.Call(func=ast.Name(id="sum"), args=[x, ast.Name(id=axis)]):
            return tuple(a for a in axes_of(x, names) if a != axis)
        case ast.Call(func=ast.Name(id="pick"), args=[x, k]):
            return _union(axes_of(x, names)[:-1], axes_of(k, names))
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            return names[name].axes[: -len(parts)]
        case ast.Call(args=args):
            return _union(*(axes_of(arg, names) for arg in args))
    children = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
    return _union(*(axes_of(child, names) for child in children))


def _union(*axes: tuple[str, ...]) -> tuple[str, ...]:
    found = dict.fromkeys(axis for some in axes for axis in some)
    return tuple(sorted(found, key=lambda axis: axis != ROW))  # the row axis leads


def _put(
    node: ast.expr, point: Point, names: Names, conditions: list[ast.expr], most: int | None
) -> ast.expr:
    """The tree with numbers for names; the conditions of the branches taken go to `conditions`."""

    def put(inner: ast.expr) -> ast.expr:
        return _put(inner, point, names, conditions, most)

    def each(function: str, inner: ast.expr, axis: str) -> ast.expr:
        count = _size(inner, axis, names)
        told: list[ast.expr] = conditions if most is None or count <= most else []

        def term(i: int) -> ast.expr:
            return _put(inner, {**point, axis: i}, names, told, most)

        def values() -> Any:
            with np.errstate(all="ignore"):
                found = _along(inner, point, axis, names)
            if found is None:
                found = [evaluate(term(i)) for i in range(count)]
            return np.broadcast_to(found, (count,))

        return written_out(function, count, term, values, most)

    match node:
        case ast.Constant():
            return node
        case ast.Name(id=name):
            return number(names[name].at(point) if name in names else point[name.upper()])
        case ast.UnaryOp(op=op, operand=operand):
            return ast.UnaryOp(op, put(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return ast.BinOp(put(left), op, put(right))
        case ast.Compare(left=left, ops=ops, comparators=[right]):
            return ast.Compare(put(left), ops, [put(right)])
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            parts = condition.values if isinstance(condition, ast.BoolOp) else [condition]
            chosen = [put(part) for part in parts]
            holds = all(bool(evaluate(part)) for part in chosen)
            conditions += chosen if holds else _failing(chosen)
            return put(yes if holds else no)
        case ast.Call(func=ast.Name(id="clip"), args=[x, low, high]):
            return _call("min", _call("max", put(x), put(low)), put(high))
        case ast.Call(func=ast.Name(id="sign"), args=[x]):
            value = evaluate(put(x))
            return number(float(value > 0) - float(value < 0))
        case ast.Call(func=ast.Name(id="pick"), args=[ast.Name(id=name), k]):
            index = int(evaluate(put(k)))
            axis = names[name].axes[-1]
            return number(names[name].at({**point, axis: index}))
        case ast.Call(func=ast.Name(id="sum"), args=[x, ast.Name(id=axis)]):
            return each("sum", x, axis)
        case ast.Call(func=ast.Name(id=function), args=[x]) if function in REDUCTIONS:
            return each(function, x, axes_of(x, names)[-1])
        case ast.Call(func=func, args=args):
            return ast.Call(func, [put(arg) for arg in args], [])
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            where = [int(evaluate(put(part))) for part in parts]
            table = names[name]
            axes = table.axes[-len(where) :]
            if all(0 <= i < table.size(axis) for i, axis in zip(where, axes, strict=True)):
                return number(table.at({**point, **dict(zip(axes, where, strict=True))}))
            return number(0.0)
    raise ValueError(f"not a formula: {ast.dump(node)}")


def _along(node: ast.expr, point: Point, axis: str, names: Names) -> Any:
    """The values of an expression all along an axis; None where that takes more than arrays."""

    def along(inner: ast.expr) -> Any:
        return _along(inner, point, axis, names)

    match node:
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.Name(id=name) if name in names:
            table = names[name]
            where = tuple(
                slice(None) if one == axis else point[one] if n > 1 else 0
                for one, n in zip(table.axes, table.array.shape, strict=True)
            )
            part = table.array[where]
            return part if part.dtype.kind in "iub" else np.asarray(part, np.float64)
        case ast.Name(id=name) if name.upper() != axis:
            return point[name.upper()]
        case ast.UnaryOp(operand=operand):
            inner = along(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right):
            pair = along(left), along(right)
            return None if any(one is None for one in pair) else _BINARY[type(op)](*pair)
        case ast.Call(func=ast.Name(id="exp" | "log" | "log1p" | "abs" as function), args=[x]):
            inner = along(x)
            return None if inner is None else _FUNCTIONS[function](inner)
    return None


def _failing(parts: list[ast.expr]) -> list[ast.expr]:
    """The opposite of the first comparison that does not hold; nothing where that is due to a NaN."""
    first = next(part for part in parts if not bool(evaluate(part)))
    assert isinstance(first, ast.Compare)
    opposite = ast.Compare(first.left, [_INVERSE[type(first.ops[0])]()], first.comparators)
    return [opposite] if bool(evaluate(opposite)) else []


def _size(node: ast.expr, axis: str, names: Names) -> int:
    """How long `axis` is: the largest length that a name in the expression has there."""
    sizes = [
        names[n.id].size(axis)
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and n.id in names and axis in names[n.id].axes
    ]
    return max(sizes)


def _call(function: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function), list(args), [])


def _evaluate(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.UnaryOp(operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left), _evaluate(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARE[type(op)](_evaluate(left), _evaluate(right))
        case ast.Call(func=ast.Name(id=function), args=args):
            return _FUNCTIONS[function](*map(_evaluate, args))
    raise ValueError(f"not arithmetic: {ast.dump(node)}")
