"""Formulas with their indices: `lse = m + log(sum(exp(input - m)))` is lse = m + ln Σ_c e^(input_c − m).

A formula leaves out what its axes tell. Here they are put in, as a textbook has them: on every name the
indices of its axes besides the row's; on every sum, maximum and minimum the index that it runs over. The
row has an index only where rows are summed over.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from losscli.formula import ROW, Formula, Names, axes_of
from losscli.writer import REDUCTIONS

Equation = tuple[ast.expr, ast.expr]  # its left and its right side
OVER = "over"  # the keyword that holds a sum's index: sum(x, over=c)
_Indices = Mapping[str, str]  # the name of the index on each axis that has one here


def indexed(formula: Formula, names: Names, axes: tuple[str, ...]) -> Equation:
    """Both sides of a formula whose result has these axes.

    `x[i, j]` then stands for indices below a name, and `sum(x, over=c)` for a sum over an index.
    """
    indices = {axis: _letter(axis, names) for axis in axes if axis != ROW}
    left = _below(ast.Name(formula.name), [ast.Name(letter) for letter in indices.values()])
    return left, _put(formula.tree, names, indices)


def _put(node: ast.expr, names: Names, indices: _Indices) -> ast.expr:
    def put(inner: ast.expr) -> ast.expr:
        return _put(inner, names, indices)

    def at(name: str, last: list[ast.expr]) -> ast.expr:
        axes = names[name].axes
        first = axes[: len(axes) - len(last)]
        before: list[ast.expr] = [ast.Name(indices[axis]) for axis in first if axis in indices]
        return _below(ast.Name(name), [*before, *last])

    match node:
        case ast.Name(id=name):
            return at(name, []) if name in names else ast.Name(indices.get(name.upper(), name))
        case ast.Call(func=ast.Name(id=function), args=[x]) if function in REDUCTIONS:
            return _over(function, x, axes_of(x, names)[-1], names, indices)
        case ast.Call(func=ast.Name(id="sum"), args=[x, ast.Name(id=axis)]):
            return _over("sum", x, axis, names, indices)
        case ast.Call(func=ast.Name(id="pick"), args=[ast.Name(id=name), k]):
            return at(name, [put(k)])
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            return at(name, [put(part) for part in parts])
        case ast.UnaryOp(op=sign, operand=operand):
            return ast.UnaryOp(sign, put(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return ast.BinOp(put(left), op, put(right))
        case ast.BoolOp(op=joint, values=values):
            return ast.BoolOp(joint, [put(value) for value in values])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return ast.Compare(put(left), ops, [put(one) for one in comparators])
        case ast.Call(func=func, args=args):
            return ast.Call(func, [put(arg) for arg in args], [])
    return node


def _over(function: str, x: ast.expr, axis: str, names: Names, indices: _Indices) -> ast.expr:
    """A sum over an axis; its index is another one where the result has that axis too."""
    letter = f"{indices[axis]}′" if axis in indices else _letter(axis, names)
    inner = _put(x, names, {**indices, axis: letter})
    return ast.Call(ast.Name(function), [inner], [ast.keyword(OVER, ast.Name(letter))])


def _letter(axis: str, names: Names) -> str:
    letter = "i" if axis == ROW else axis.lower()
    return f"{letter}′" if letter in names else letter


def _below(name: ast.expr, indices: list[ast.expr]) -> ast.expr:
    return ast.Subscript(name, ast.Tuple(indices)) if indices else name
