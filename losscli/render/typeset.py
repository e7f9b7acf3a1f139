"""Formulas and arithmetic as plain text that reads like mathematics."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from losscli.formula import Formula, Rest
from losscli.render.numbers import text_of
from losscli.writer import Writer

NO_BREAK = "\N{NO-BREAK SPACE}"  # where a line had better not end; gone when lines are made
_NAMES = {"logp": "ln p", "alpha": "α", "beta": "β"}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
    ast.Eq: "=",
    ast.NotEq: "≠",
}
_SUPERSCRIPTS = {"2": "²", "3": "³"}
_SPELLED = str.maketrans(
    {
        "−": "-",
        "·": "*",
        "×": "x",
        "≈": "~=",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "²": "^2",
        "³": "^3",
        "Σ": "sum",
        "∂": "d",
        "α": "alpha",
        "β": "beta",
        "∞": "inf",
        "⋯": "...",
        "…": "...",
        "→": "->",
    }
)


def equation(formula: Formula, width: int, ascii: bool = False) -> list[str]:
    """The formula, `lse = m + ln(Σ e^(input − m))`, each of its cases on lines of its own."""
    found = cases(formula.tree)
    texts = [readable(tree, ascii) for tree, _ in found]
    head = f"{spelled(name(formula.name), ascii)} = "
    if len(found) == 1:
        return wrapped(head + texts[0], width, len(head))
    conditions = [" and ".join(readable(one, ascii) for one in some) for _, some in found]
    whens = [f"if {condition}" if condition else "otherwise" for condition in conditions]
    wide = max(map(len, texts))
    beside = len(head) + wide + 2 + max(map(len, whens)) <= width
    lines = []
    for text, when in zip(texts, whens, strict=True):
        if beside:
            lines.append(f"{head}{text:<{wide}}  {when}".replace(NO_BREAK, " "))
        else:
            lines += wrapped(f"{head}{text}", width, len(head) + 2)
            lines += wrapped(" " * (len(head) + 4) + when, width, len(head) + 6)
        head = " " * len(head)
    return lines


def wrapped(text: str, width: int, indent: int = 2) -> list[str]:
    """The text in lines of at most `width`, broken between operators; later lines are indented."""
    if len(text) <= width:
        return [text.replace(NO_BREAK, " ")]
    if any(len(word) + indent > width for word in text.split(" ")):
        text = text.replace(NO_BREAK, " ")
    lead = " " * (len(text) - len(text.lstrip(" ")))
    found = textwrap.wrap(
        text.strip(" "),
        width,
        initial_indent=lead,
        subsequent_indent=" " * min(indent, width // 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(NO_BREAK, " ") for line in found] or [""]


def cases(tree: ast.expr) -> list[tuple[ast.expr, list[ast.expr]]]:
    """The branches of a formula that is one choice, each with what must hold; else the formula."""
    match tree:
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            inner = cases(yes)
            first = [(branch, [condition, *conditions]) for branch, conditions in inner]
            return [*first, *cases(no)]
    return [(tree, [])]


def readable(tree: ast.AST, ascii: bool = False) -> str:
    """A formula or arithmetic."""
    return spelled(_Ascii().write(tree), True) if ascii else _Readable().write(tree)


def spelled(text: str, ascii: bool) -> str:
    """The text; in ASCII, our signs are spelled with those that a keyboard has."""
    return text.translate(_SPELLED) if ascii else text


def name(text: str) -> str:
    """A name as it is read: d_input is ∂L/∂input."""
    return f"∂L/∂{text.removeprefix('d_')}" if text.startswith("d_") else _NAMES.get(text, text)


class _Readable(Writer):
    def node(self, node: ast.AST) -> tuple[str, int]:
        if isinstance(node, Rest):
            return "⋯", self.ATOM
        return super().node(node)

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        inside = ", ".join(self.part(arg, 0) for arg in args)
        match function, args:
            case "where", [condition, yes, no]:
                return (
                    f"{self.part(yes, self.SUM)} if {self.part(condition, 0)}, "
                    f"else {self.part(no, 0)}",
                    0,
                )
            case "exp", [x]:
                power = self.part(x, self.ATOM)
                if not power.startswith("(") and not isinstance(x, (ast.Constant, ast.Name)):
                    power = f"({power})"
                return f"e^{power}".replace(" ", NO_BREAK), self.POWER
            case "abs", [x]:
                return f"|{self.part(x, 0)}|", self.ATOM
            case "sqrt", [x]:
                return f"√{self.part(x, self.ATOM)}", self.POWER
            case "log", [x]:
                return f"ln({self.part(x, 0)})", self.ATOM
            case "log1p", [ast.UnaryOp(op=ast.USub(), operand=x)]:
                return f"ln({self.binary(ast.Constant(1), ast.Sub(), x)})", self.ATOM
            case "log1p", [x]:
                return f"ln(1 + {self.part(x, self.SUM)})", self.ATOM
            case "expm1", [x]:
                return f"e^{self.part(x, self.ATOM)} − 1", self.SUM
            case "pick", [x, k]:
                return f"{self.part(x, self.ATOM)}[{self.part(k, 0)}]", self.ATOM
            case "sum", [x]:
                binding = self.ATOM if isinstance(x, ast.Name) else self.PRODUCT
                return f"Σ {self.part(x, self.POWER)}", binding
            case "sum", [x, ast.Name(id=axis)]:
                return f"Σ_{axis.lower()} {self.part(x, self.POWER)}", self.PRODUCT
            case "sum", []:
                return "0", self.ATOM
            case "sum", _:
                return self.terms(args), self.SUM
        return f"{function}({inside})", self.ATOM

    def binary(self, left: ast.expr, op: ast.operator, right: ast.expr) -> str:
        match op, right:
            case ast.Pow(), ast.Constant(value=power) if str(power) in _SUPERSCRIPTS:
                return f"{self.part(left, self.ATOM)}{_SUPERSCRIPTS[str(power)]}"
        return super().binary(left, op, right)

    def number(self, value: Any) -> tuple[str, int]:
        text = text_of(value)
        return text, self.SIGN if text.startswith("−") else self.ATOM

    def name(self, text: str) -> str:
        return name(text)

    def minus(self) -> str:
        return "−"

    def operator(self, op: ast.operator) -> str:
        return {
            ast.Add: " + ",
            ast.Sub: " − ",
            ast.Mult: " · ",
            ast.Div: " / ",
            ast.Mod: " mod ",
            ast.Pow: "^",
        }[type(op)]

    def subscript(self, value: ast.expr, parts: list[ast.expr]) -> str:
        return super().subscript(value, parts).replace(" ", NO_BREAK)

    def comparison(self, op: ast.cmpop) -> str:
        return COMPARISONS[type(op)]


class _Ascii(_Readable):
    """What is more than a matter of spelling signs in ASCII: a root needs brackets."""

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        if function == "sqrt":
            return f"sqrt({self.part(args[0], 0)})", self.ATOM
        return super().call(function, args)
