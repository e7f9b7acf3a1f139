"""Writes trees: parentheses only where they are needed; the signs are each medium's own."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

REDUCTIONS = {"sum", "max", "min"}


def python(tree: ast.AST) -> str:
    """Arithmetic as Python text, with negative numbers in parentheses and sums written out.

    Infinity is written 1e999 and NaN (1e999 - 1e999), which any evaluator of Python arithmetic reads.
    """
    return _Python().write(tree)


class Writer:
    """Writes a tree as text; what a number, a name and an operator look like is for subclasses."""

    # How tightly each construct binds; a looser one inside a tighter one gets parentheses.
    SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)
    BINDING: Mapping[type[ast.operator], int] = {
        ast.Add: SUM,
        ast.Sub: SUM,
        ast.Mult: PRODUCT,
        ast.Div: PRODUCT,
        ast.Mod: PRODUCT,
        ast.Pow: POWER,
    }

    def write(self, tree: ast.AST) -> str:
        """The whole tree."""
        return self.part(tree, 0)

    def part(self, node: ast.AST, outer: int) -> str:
        """A part of the tree, in parentheses where its surroundings bind tighter than it does."""
        text, binding = self.node(node)
        return f"({text})" if binding < outer else text

    def node(self, node: ast.AST) -> tuple[str, int]:
        """One node's text and how tightly it binds."""
        match node:
            case ast.Constant(value=value):
                return self.number(value)
            case ast.Name(id=name):
                return self.name(name), self.ATOM
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"{self.minus()}{self.part(operand, self.POWER)}", self.SIGN
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(left, op, right), self.BINDING[type(op)]
            case ast.BoolOp(values=values):
                return " and ".join(self.part(value, 0) for value in values), 0
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"{self.part(left, 0)} {self.comparison(op)} {self.part(right, 0)}", 0
            case ast.Call(func=ast.Name(id=function), args=args):
                return self.call(function, args)
            case ast.Subscript(value=value, slice=index):
                parts = index.elts if isinstance(index, ast.Tuple) else [index]
                return self.subscript(value, parts), self.ATOM
        raise ValueError(f"not a formula: {ast.dump(node)}")

    def binary(self, left: ast.expr, op: ast.operator, right: ast.expr) -> str:
        """Two operands; what stands to the right of - and / must bind tighter."""
        own = self.BINDING[type(op)]
        if isinstance(op, ast.Pow):
            return f"{self.part(left, self.ATOM)}{self.operator(op)}{self.part(right, self.ATOM)}"
        right_binding = own + (isinstance(op, (ast.Sub, ast.Div, ast.Mod)))
        right_text = self.part(right, max(right_binding, self.POWER if _negative(right) else 0))
        return f"{self.part(left, own)}{self.operator(op)}{right_text}"

    def terms(self, args: list[ast.expr]) -> str:
        """The terms of a sum that is written out."""
        return self.operator(ast.Add()).join(map(self.term, args))

    def term(self, arg: ast.expr) -> str:
        """One term of a sum."""
        return self.part(arg, self.POWER if _negative(arg) else self.SUM)

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        """A function of its arguments."""
        if function == "sum" and len(args) > 1:
            return self.terms(args), self.SUM
        return f"{function}({', '.join(self.part(arg, 0) for arg in args)})", self.ATOM

    def number(self, value: Any) -> tuple[str, int]:
        """A number; a negative one binds like a sign."""
        return repr(value), self.SIGN if str(value).startswith("-") else self.ATOM

    def name(self, name: str) -> str:
        """A name."""
        return name

    def minus(self) -> str:
        """The sign of a negative term."""
        return "-"

    def operator(self, op: ast.operator) -> str:
        """An operator with the blanks around it."""
        return {
            ast.Add: " + ",
            ast.Sub: " - ",
            ast.Mult: " * ",
            ast.Div: " / ",
            ast.Mod: " % ",
            ast.Pow: "**",
        }[type(op)]

    def comparison(self, op: ast.cmpop) -> str:
        """A comparison."""
        return {
            ast.Lt: "<",
            ast.LtE: "<=",
            ast.Gt: ">",
            ast.GtE: ">=",
            ast.Eq: "==",
            ast.NotEq: "!=",
        }[type(op)]

    def subscript(self, value: ast.expr, parts: list[ast.expr]) -> str:
        """A table at indices."""
        return f"{self.part(value, self.ATOM)}[{', '.join(self.part(p, 0) for p in parts)}]"


class _Python(Writer):
    """Python text that anyone can evaluate."""

    GROUP = 200  # terms; a longer sum is a sum of so many in parentheses, as Python nests no deeper

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        if function in REDUCTIONS and len(args) == 1:
            return self.node(args[0])
        if function == "sum" and not args:
            return "0.0", self.ATOM
        return super().call(function, args)

    def terms(self, args: list[ast.expr]) -> str:
        if len(args) <= self.GROUP:
            return super().terms(args)
        size = -(-len(args) // self.GROUP)
        groups = [args[i : i + size] for i in range(0, len(args), size)]
        return " + ".join(f"({self.terms(group)})" for group in groups)

    def number(self, value: Any) -> tuple[str, int]:
        if isinstance(value, float) and math.isnan(value):
            return "1e999 - 1e999", self.SUM
        if isinstance(value, float) and math.isinf(value):
            return ("1e999", self.ATOM) if value > 0 else ("-1e999", self.SIGN)
        return super().number(value)


def _negative(node: ast.AST) -> bool:
    """Whether the text of `node` begins with a minus sign."""
    match node:
        case ast.Constant(value=value):
            return str(value).startswith("-")
        case ast.UnaryOp():
            return True
        case ast.BinOp(left=left, op=op):
            return not isinstance(op, ast.Pow) and _negative(left)
    return False
