r"""Formulas and arithmetic as LaTeX mathematics, which amsmath, KaTeX and MathJax all read.

Two dialects are written. `Tex` is for a document of one's own: long arithmetic there may break across
lines, so what cannot break (a fraction, a root, brackets that grow) is given up where it would be too
wide. `MarkdownTex` is for `$...$` amid Markdown, some of whose readers, GitHub's among them, take the
backslash from `\_`, `\,` and `\\`, emphasis from `}_{a}_{b}`, and know no `\operatorname`: it writes none
of these.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from typing import Any

from losscli.formula import Rest
from losscli.render.indices import OVER, Equation
from losscli.render.numbers import text_of
from losscli.render.typeset import cases
from losscli.writer import Writer

RELATIONS = {"=": "=", "≈": r"\approx"}
_GREEK = {"alpha": r"\alpha", "beta": r"\beta", "delta": r"\delta", "eps": r"\varepsilon"}
_NAMES = {**_GREEK, "pi": r"\pi", "logp": r"\ln p"}
_OF_PAIRS = r"(\w+?)_(ap|an|pn|anchor|positive|negative|u_ap|u_an|u_pn|v_ap|v_an|v_pn)"
_TALL = re.compile(r"\\(d?frac|sum|begin|sqrt)")
_NOTHING = {
    "frac",
    "dfrac",
    "mathrm",
    "text",
    "left",
    "right",
    "begin",
    "end",
    "allowbreak",
    "sqrt",
}


class Tex(Writer):
    """LaTeX for a document with amsmath."""

    BELOW = "_"
    UNDERSCORE = r"\_"
    LESS, MORE = "<", ">"
    NEW_LINE = r" \\ "
    COMMA = r",\allowbreak "  # between many numbers

    def __init__(self, wide: float = math.inf) -> None:
        self.wide = wide  # so many points wide may be what cannot be broken
        self.small = 0  # how deep in fractions, indices and exponents
        self.fraction = r"\frac"
        self.tied = False  # whether brackets are to stay on one line

    def line(self, tree: ast.expr) -> str:
        """Arithmetic; of what is too wide for a line, brackets stay together where they can."""
        text = self.write(tree)
        if measure(text) > self.wide:
            self.tied = True
            text = self.write(tree)
            self.tied = False
        return text

    def conditions(self, trees: Sequence[ast.expr]) -> str:
        """Comparisons that all hold."""
        texts = [self.part(tree, 0) for tree in trees]
        # a minus that nothing stands before is a sign, so keep it from the word
        return r" \text{ and } ".join(f"{{{t}}}" if t.startswith("-") else t for t in texts)

    # ---- what Writer asks for

    def part(self, node: ast.AST, outer: int) -> str:
        text, binding = self.node(node)
        if binding >= outer:
            return text
        tied = self.tied and measure(text) < self.wide / 2
        return f"{{{self.fenced('(', text, ')')}}}" if tied else self.fenced("(", text, ")")

    def node(self, node: ast.AST) -> tuple[str, int]:
        match node:
            case Rest():
                return r"\cdots", self.ATOM
            case ast.Call(
                func=ast.Name(id=function), args=[x], keywords=[ast.keyword(arg=key, value=index)]
            ) if key == OVER:
                sign = rf"\{function}{self.BELOW}{{{self.part(index, 0)}}}"
                return f"{sign} {self.summand(x)}", self.PRODUCT
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as x) if not self.negative(x):
                return f"-{self.part(x, 0)}", self.SIGN
            case ast.UnaryOp(op=ast.USub(), operand=ast.Call() as x) if _is_sum(x):
                return f"-{self.part(x, 0)}", self.SIGN
            case ast.BinOp(left=left, op=ast.Div(), right=right) if self.stacks(left, right):
                stacked = f"{self.fraction}{{{self.tucked(left)}}}{{{self.tucked(right)}}}"
                return stacked, self.POWER
            case ast.BoolOp(values=values):
                return self.conditions(values), 0
        return super().node(node)

    def binary(self, left: ast.expr, op: ast.operator, right: ast.expr) -> str:
        if isinstance(op, ast.Pow):
            return f"{self.part(left, self.ATOM)}^{{{self.tucked(right)}}}"
        if isinstance(op, ast.Mult) and _is_sum(left):
            own = self.fenced("(", self.part(left, 0), ")")
            return f"{own}{self.operator(op)}{self.part(right, self.PRODUCT)}"
        if isinstance(op, ast.Div):
            self.small += 1
            text = super().binary(left, op, right)
            self.small -= 1
            return text
        return super().binary(left, op, right)

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        match function, args:
            case "where", _:
                tree = ast.Call(ast.Name(function), args, [])
                return self.choice(cases(tree), None), self.ATOM
            case "exp", [x]:
                return f"e^{{{self.tucked(x)}}}", self.POWER
            case "expm1", [x]:
                return f"e^{{{self.tucked(x)}}} - 1", self.SUM
            case "abs", [x]:
                return self.fenced(r"\lvert ", self.part(x, 0), r" \rvert"), self.ATOM
            case "sqrt", [x]:
                inside = self.part(x, 0)
                if measure(inside) > self.wide:
                    return rf"{self.fenced('(', inside, ')')}^{{1/2}}", self.POWER
                return rf"\sqrt{{{inside}}}", self.ATOM
            case "log", [x]:
                return self.applied(r"\ln", self.part(x, 0)), self.ATOM
            case "log1p", [ast.UnaryOp(op=ast.USub(), operand=x)]:
                return self.applied(r"\ln", self.binary(ast.Constant(1), ast.Sub(), x)), self.ATOM
            case "log1p", [x]:
                return self.applied(r"\ln", self.binary(ast.Constant(1), ast.Add(), x)), self.ATOM
            case "sum", _:
                return self.terms(args), self.SUM
            case (("max" | "min"), _):
                return self.applied(rf"\{function}", self.several(args)), self.ATOM
        inside = ", ".join(self.part(arg, 0) for arg in args)
        return self.applied(rf"\mathrm{{{function}}}", inside), self.ATOM

    def number(self, value: Any) -> tuple[str, int]:
        text = number(value)
        binding = self.PRODUCT if "^" in text else self.ATOM
        binding = self.SIGN if text.startswith("-") else binding
        return f"{{{text}}}" if self.tied and "^" in text else text, binding

    def name(self, name: str) -> str:
        if name.startswith("d_"):
            return rf"\frac{{\partial L}}{{\partial {self.name(name[2:])}}}"
        if found := re.fullmatch(_OF_PAIRS, name):
            return f"{self.name(found[1])}{self.BELOW}{{{self.name(found[2])}}}"
        if found := re.fullmatch(r"([a-z]+)(\d)", name):
            return f"{self.name(found[1])}{self.BELOW}{{{found[2]}}}"
        if name in _NAMES or len(name) == 1:
            return _NAMES.get(name, name)
        if len(name) == 2 and name.endswith("′"):  # an index that is summed over
            return f"{name[0]}'"
        words = name.replace("_", self.UNDERSCORE)
        return rf"\text{{{words}}}" if " " in words else rf"\mathrm{{{words}}}"

    def operator(self, op: ast.operator) -> str:
        special = {ast.Mult: r" \cdot ", ast.Mod: r" \bmod "}
        return special.get(type(op)) or super().operator(op)

    def comparison(self, op: ast.cmpop) -> str:
        return {
            ast.Lt: self.LESS,
            ast.LtE: r"\le",
            ast.Gt: self.MORE,
            ast.GtE: r"\ge",
            ast.Eq: "=",
            ast.NotEq: r"\ne",
        }[type(op)]

    def subscript(self, value: ast.expr, parts: list[ast.expr]) -> str:
        base, below = self.part(value, self.ATOM), ", ".join(map(self.tucked, parts))
        if found := re.fullmatch(r"(.*?) ?_\{(.*)\}", base):  # u_1 of component d is u_{1, d}
            base, below = found[1], f"{found[2]}, {below}"
        return f"{base}{self.BELOW}{{{below}}}"

    # ---- what is only LaTeX's

    def tucked(self, node: ast.AST) -> str:
        """A part of a fraction, an index or an exponent: no fractions in it."""
        self.small += 1
        text = self.part(node, 0)
        self.small -= 1
        return text

    def summand(self, node: ast.expr) -> str:
        """What a sum is of; a quotient with a slash in brackets."""
        slash = _is_quotient(node) and self.node(node)[1] < self.POWER
        return self.part(node, self.POWER if slash else self.PRODUCT)

    def stacks(self, above: ast.expr, below: ast.expr) -> bool:
        """Whether a quotient is set as a fraction, rather than with a slash."""
        if self.small or _is_quotient(above):
            return False
        return all(measure(self.tucked(part)) < self.wide for part in (above, below))

    def negative(self, constant: ast.Constant) -> bool:
        """Whether a number has a minus sign."""
        return number(constant.value).startswith("-")

    def fenced(self, left: str, text: str, right: str) -> str:
        """Text between brackets as tall as it is."""
        if not _TALL.search(text):
            return f"{left}{text}{right}"
        if measure(text) > self.wide:
            return rf"\biggl{left}{text}\biggr{right.strip()}"
        return rf"\left{left}{text} \right{right.strip()}"

    def applied(self, function: str, text: str) -> str:
        """A function of what stands in brackets behind it."""
        return f"{function}{self.fenced('(', text, ')')}"

    def several(self, args: list[ast.expr]) -> str:
        """The arguments of a maximum."""
        comma = self.COMMA if len(args) > 3 else ", "
        return comma.join(self.part(arg, 0) for arg in args)

    def choice(self, branches: list[tuple[ast.expr, list[ast.expr]]], width: float | None) -> str:
        """A brace with a line for each branch."""
        lines = []
        usual, self.fraction = self.fraction, r"\dfrac"  # which a brace would make small
        for tree, conditions in branches:
            when = self.conditions(conditions)
            text = self.broken(tree, width) if width else self.part(tree, 0)
            lines.append(text + (rf" & \text{{if }} {when}" if when else r" & \text{otherwise}"))
        self.fraction = usual
        return rf"\begin{{cases}} {self.NEW_LINE.join(lines)} \end{{cases}}"

    def broken(self, tree: ast.expr, width: float) -> str:
        """An expression; a sum that is wider than `width` with its terms below one another."""
        whole = self.part(tree, 0)
        if measure(whole) <= width:
            return whole
        first, *rest = _summands(tree)
        lines = [f"& {self.part(first[1], self.SUM)}"]
        for sign, term in rest:
            lines.append(f"& {{}} {sign} {self.part(term, self.PRODUCT)}")
        if not rest:
            return whole
        return rf"\begin{{aligned}} {self.NEW_LINE.join(lines)} \end{{aligned}}"

    def equation(self, both: Equation, width: float) -> str:
        """A whole formula, `name = expression`, to fit in about `width` points."""
        left, right = both
        branches = cases(right)
        head = self.result(left)
        room = width - measure(head) - 20
        if len(branches) == 1:
            return f"{head} = {self.broken(right, room)}"
        whens = [measure(self.part(c, 0)) for _, conditions in branches for c in conditions]
        return f"{head} = {self.choice(branches, room - max(whens) - 30)}"

    def result(self, left: ast.expr) -> str:
        """The left side; of a gradient the indices stand below what it is taken by."""
        match left:
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name.startswith("d_"):
                below = self.part(ast.Subscript(ast.Name(name[2:]), index), 0)
                return rf"\frac{{\partial L}}{{\partial {below}}}"
        return self.part(left, 0)


class MarkdownTex(Tex):
    """LaTeX that survives being read as Markdown first."""

    BELOW = " _"
    UNDERSCORE = " "
    LESS, MORE = r"\lt", r"\gt"
    NEW_LINE = r" \cr "
    COMMA = ", "

    def line(self, tree: ast.expr) -> str:
        """Arithmetic amid words, where fractions had better keep their size."""
        self.fraction = r"\dfrac"
        text = super().line(tree)
        self.fraction = r"\frac"
        return text


def number(value: Any) -> str:
    r"""A number: 0.4076, -1.5, 4.248 \times 10^{-18}, \infty."""
    text = text_of(value).replace("−", "-").replace("∞", r"\infty")
    if text == "nan":
        return r"\text{nan}"
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else text


def measure(text: str) -> float:
    """About how wide mathematics is, in points at a size of ten; rather too wide than too narrow."""
    wide = 0.0
    for token in re.findall(r"\\[A-Za-z]+|\\.|[^\s]", text):
        if token[0] == "\\":
            wide += 0 if token[1:] in _NOTHING else 9
        elif token not in "{}_^&":
            wide += {".": 2.8, ",": 4.5, "+": 12, "-": 11, "=": 13}.get(token, 5.2)
    return wide


def _summands(tree: ast.expr) -> list[tuple[str, ast.expr]]:
    """The terms of a sum, each with its sign."""
    match tree:
        case ast.BinOp(left=left, op=(ast.Add() | ast.Sub()) as op, right=right):
            return [*_summands(left), ("+" if isinstance(op, ast.Add) else "-", right)]
    return [("", tree)]


def _is_sum(node: ast.AST) -> bool:
    """Whether a node is a sum that is not written out."""
    match node:
        case ast.Call(func=ast.Name(id="sum"), args=[_] | [_, ast.Name()]):
            return True
    return False


def _is_quotient(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
