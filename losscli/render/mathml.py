"""Formulas and arithmetic as MathML Core, which browsers set without scripts or a network.

A browser breaks no line within a `<math>`. What is long is therefore several of them side by side, split
before operators at which a line may end; fractions, powers and roots stay whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

from losscli.formula import Rest
from losscli.render.indices import OVER, Equation
from losscli.render.numbers import text_of
from losscli.render.typeset import COMPARISONS, cases, readable
from losscli.writer import Writer

BREAK = "\N{ZERO WIDTH SPACE}"  # where a line may end
THIN = "\N{THIN SPACE}"
WIDE = 40  # characters: a division with more above its line, or below, is set with a slash
LONG = 26  # characters: what is no longer is never broken
_GREEK = {"alpha": "α", "beta": "β", "delta": "δ", "eps": "ε", "pi": "π"}
_SPACE = '<mspace width="0.17em"></mspace>'
_TALL = ("<mfrac>", "<mtable", "<munder>")


def equation(both: Equation, text: str) -> str:
    """Both sides of a formula; `text` is what stands for it where it cannot be shown."""
    left, right = both
    writer = _Math()
    return _set(f"{writer.result(left)}{_mo('=')}{writer.whole(right)}", text)


def arithmetic(tree: ast.expr) -> str:
    """Numbers put into a formula."""
    return _set(_Math().write(tree), readable(tree))


def conditions(trees: Sequence[ast.expr]) -> str:
    """What holds where a branch was taken."""
    text = " and ".join(map(readable, trees))
    return _set(_AND.join(_Math().write(tree) for tree in trees), text)


def number(value: Any) -> str:
    """A number for a line of text, with a power of ten where it has one: 4.248 × 10<sup>−18</sup>."""
    digits, _, power = text_of(value).partition("e")
    return f"{digits}{THIN}×{THIN}10<sup>{power}</sup>" if power else digits


def _set(markup: str, text: str) -> str:
    told = escape(text, quote=True)
    pieces = markup.split(BREAK) if len(text) > LONG else [markup.replace(BREAK, "")]
    if len(pieces) == 1:
        return f'<math displaystyle="true" alttext="{told}">{pieces[0]}</math>'
    maths = "<wbr>".join(f'<math displaystyle="true">{piece}</math>' for piece in pieces if piece)
    return f'<span role="math" aria-label="{told}">{maths}</span>'


def _mi(text: str) -> str:
    return f"<mi>{escape(text)}</mi>"


def _mo(text: str) -> str:
    """An operator between two operands, also where it leads a line."""
    return f'<mo form="infix">{escape(text)}</mo>'


def _row(markup: str) -> str:
    """One element, in which no line ends."""
    markup = markup.replace(BREAK, "")
    if re.fullmatch(r"<(mi|mn)>[^<]*</\1>", markup):
        return markup
    return f"<mrow>{markup}</mrow>"


_AND = f"<mtext>{'&nbsp;'}and{'&nbsp;'}</mtext>"
_IF = f"<mtext>if{'&nbsp;'}</mtext>"
_MINUS = '<mo form="prefix">−</mo>'


class _Math(Writer):
    # OPEN is what has no end of its own on the right, Σ x or ln p: it may only come last in a product.
    # CASES, a brace without its partner, is one more such thing.
    CASES = 0
    SUM, OPEN, PRODUCT, SIGN, POWER, ATOM = range(1, 7)
    BINDING = {
        ast.Add: SUM,
        ast.Sub: SUM,
        ast.Mult: PRODUCT,
        ast.Div: PRODUCT,
        ast.Mod: PRODUCT,
        ast.Pow: POWER,
    }

    def __init__(self) -> None:
        self.flat = False  # where a fraction would be too small to read

    # ---- whole formulas

    def result(self, left: ast.expr) -> str:
        """The left side; a gradient as a fraction."""
        match left:
            case ast.Name(id=text) if text.startswith("d_"):
                return _partial(self._scripts(text.removeprefix("d_"), []))
            case ast.Subscript(value=ast.Name(id=text), slice=ast.Tuple(parts)) if text.startswith(
                "d_"
            ):
                return _partial(self._scripts(text.removeprefix("d_"), parts))
        return self.write(left)

    def whole(self, right: ast.expr) -> str:
        """The right side; nothing stands around it, so that its brace needs no partner."""
        return self.part(right, self.CASES)

    # ---- constructs

    def part(self, node: ast.AST, outer: int) -> str:
        markup, binding = self.node(node)
        return _parentheses(markup) if binding < outer else markup

    def node(self, node: ast.AST) -> tuple[str, int]:
        match node:
            case Rest():
                return "<mi>⋯</mi>", self.ATOM
            case ast.Call(
                func=ast.Name(id=function), args=[x], keywords=[ast.keyword(arg=key, value=index)]
            ) if key == OVER:
                return self.over(function, x, index)
            case ast.Call(func=ast.Name(id="where")):
                return self.choice(node), self.CASES
            case ast.Name(id="logp"):
                return self._scripts("logp", []), self.OPEN
            case ast.Subscript(value=ast.Name(id="logp"), slice=ast.Tuple(parts)):
                return self._scripts("logp", parts), self.OPEN
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.negative(operand)
            case ast.BinOp(left=left, op=ast.Div(), right=right) if not self.flat:
                if max(len(readable(left)), len(readable(right))) <= WIDE:
                    return f"<mfrac>{self.small(left)}{self.small(right)}</mfrac>", self.POWER
                with self._flat():
                    return super().node(node)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.power(left, right), self.POWER
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                markup, binding = self.node(right)
                if binding <= self.OPEN and binding != self.SUM and not _signed(markup):
                    return (
                        f"{self.part(left, self.PRODUCT)}{self.operator(ast.Mult())}{markup}",
                        binding,
                    )
            case ast.BoolOp(values=values):
                return _AND.join(self.part(value, 0) for value in values), 0
        return super().node(node)

    def negative(self, operand: ast.expr) -> tuple[str, int]:
        """A sign before an operand."""
        markup, binding = self.node(operand)
        power_of_ten = isinstance(operand, ast.Constant) and not _signed(markup)
        if binding in (self.OPEN, self.CASES) and not _signed(markup):
            return f"{_MINUS}{markup}", binding
        if binding < self.POWER and not power_of_ten:
            markup = _parentheses(markup)
        return f"{_MINUS}{markup}", self.SIGN

    def power(self, base: ast.expr, exponent: ast.expr) -> str:
        """A power; of a name with indices both stand above one another."""
        above = self.small(exponent)
        match base:
            case ast.Name(id=text):
                return self._scripts(text, [], above)
            case ast.Subscript(value=ast.Name(id=text), slice=ast.Tuple(parts)):
                return self._scripts(text, parts, above)
        return f"<msup>{_row(self.part(base, self.ATOM))}{above}</msup>"

    def over(self, function: str, x: ast.expr, index: ast.expr) -> tuple[str, int]:
        """A sum or a maximum over an index."""
        below = self.small(index)
        if function == "sum":
            sign, binding = "<mo>∑</mo>", self.PRODUCT
        else:
            sign, binding = _mi(function), self.POWER
        markup, own = self.node(x)
        if own < binding and own not in (self.CASES, self.OPEN):
            markup = _parentheses(markup)
        return f"<munder>{sign}{below}</munder>{_SPACE}{markup}", min(own, self.OPEN)

    def choice(self, node: ast.expr) -> str:
        """The cases of a choice, behind a brace."""
        rows = []
        for branch, held in cases(node):
            when = (
                f"{_IF}{_AND.join(map(self.write, held))}" if held else "<mtext>otherwise</mtext>"
            )
            rows.append((self.write(branch), when))
        cells = "".join(
            f"<mtr>{''.join(f'<mtd>{_row(cell)}</mtd>' for cell in row)}</mtr>" for row in rows
        )
        table = f'<mtable displaystyle="true">{cells}</mtable>'
        return f'<mrow><mo form="prefix" stretchy="true">{{</mo>{table}</mrow>'

    def call(self, function: str, args: list[ast.expr]) -> tuple[str, int]:
        match function, args:
            case "exp", [x]:
                return f"<msup><mi>e</mi>{self.small(x)}</msup>", self.POWER
            case "abs", [x]:
                bar = '<mo form="{}" stretchy="true">|</mo>'
                inside = self.part(x, 0).replace(BREAK, "")
                return (
                    f"<mrow>{bar.format('prefix')}{inside}{bar.format('postfix')}</mrow>",
                    self.ATOM,
                )
            case "sqrt", [x]:
                return f"<msqrt>{self.part(x, 0).replace(BREAK, '')}</msqrt>", self.ATOM
            case "log", [x] if _sums(x):
                return f"{_mi('ln')}{_SPACE}{self.part(x, 0)}", self.OPEN
            case "log", [x]:
                return f"{_mi('ln')}{_parentheses(self.part(x, 0))}", self.ATOM
            case "log1p", [ast.UnaryOp(op=ast.USub(), operand=x)]:
                return self.call("log", [ast.BinOp(ast.Constant(1), ast.Sub(), x)])
            case "log1p", [x]:
                return self.call("log", [ast.BinOp(ast.Constant(1), ast.Add(), x)])
            case "expm1", [x]:
                return f"{self.call('exp', [x])[0]}{self.operator(ast.Sub())}<mn>1</mn>", self.SUM
            case "sum", []:
                return "<mn>0</mn>", self.ATOM
            case "sum", _:
                return self.terms(args), self.SUM
        return self.listed(function, [self.part(arg, 0) for arg in args])

    def listed(self, function: str, parts: Sequence[str]) -> tuple[str, int]:
        """A function of its arguments, as a list."""
        return f"{_mi(function)}{_parentheses(_COMMA.join(parts))}", self.ATOM

    # ---- atoms

    def number(self, value: Any) -> tuple[str, int]:
        digits, _, power = text_of(value).partition("e")
        if not power:
            return f"<mn>{digits}</mn>", self.SIGN if digits.startswith("−") else self.ATOM
        ten = f"<msup><mn>10</mn><mn>{power}</mn></msup>"
        return f"<mrow><mn>{digits}</mn>{_mo('×')}{ten}</mrow>", self.PRODUCT

    def name(self, name: str) -> str:
        return self._scripts(name, [])

    def subscript(self, value: ast.expr, parts: list[ast.expr]) -> str:
        assert isinstance(value, ast.Name)
        return self._scripts(value.id, parts)

    def minus(self) -> str:
        return _MINUS

    def operator(self, op: ast.operator) -> str:
        if isinstance(op, ast.Mod):
            return '<mo form="infix" lspace="0.22em" rspace="0.22em">mod</mo>'
        signs = {ast.Add: "+", ast.Sub: "−", ast.Mult: "⋅"}
        if type(op) in signs:
            return BREAK + _mo(signs[type(op)])
        return _mo("/")

    def comparison(self, op: ast.cmpop) -> str:
        return _mo(COMPARISONS[type(op)])

    def small(self, node: ast.AST) -> str:
        """Within a fraction, an exponent or an index: one element, divisions with a slash."""
        with self._flat():
            return _row(self.write(node))

    @contextmanager
    def _flat(self) -> Iterator[None]:
        before, self.flat = self.flat, True
        yield
        self.flat = before

    def _scripts(self, text: str, parts: Sequence[ast.expr], above: str = "") -> str:
        """A name with what stands below and above it: α_{t, s}, u_{1, d}², ln p_c."""
        if text == "logp":
            scripted = self._scripts("p", parts, above)
            return f"{_mi('ln')}{_SPACE}{scripted}"
        core, _, tail = text.partition("_") if re.search(r"_[apn]{2}$", text) else (text, "", "")
        if not tail and (found := re.fullmatch(r"([a-z]+)(\d+)", text)):
            core, tail = found.groups()
        inner = _mi(_GREEK.get(core, "ℓ" if core == "l" else core))
        below = [(f"<mn>{tail}</mn>" if tail.isdigit() else _mi(tail))] if tail else []
        with self._flat():
            below += [self.part(part, 0).replace(BREAK, "") for part in parts]
        low = _row(_COMMA.replace(BREAK, "").join(below))
        if below and above:
            return f"<msubsup>{inner}{low}{above}</msubsup>"
        if below:
            return f"<msub>{inner}{low}</msub>"
        return f"<msup>{inner}{above}</msup>" if above else inner


_COMMA = f"{_mo(',')}{BREAK}"


def _partial(below: str) -> str:
    return f"<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow><mi>∂</mi>{below}</mrow></mfrac>"


def _parentheses(markup: str) -> str:
    """Parentheses as high as what is in them, which then is not broken; small ones around a line."""
    if any(tall in markup for tall in _TALL):
        inside = markup.replace(BREAK, "")
        return f'<mrow><mo form="prefix">(</mo>{inside}<mo form="postfix">)</mo></mrow>'
    ends = (
        '<mo form="prefix" stretchy="false">(</mo>',
        '<mo form="postfix" stretchy="false">)</mo>',
    )
    return f"{ends[0]}{markup}{ends[1]}"


def _signed(markup: str) -> bool:
    """Whether a minus sign comes first."""
    return re.sub(r"<[^>]*>", "", markup).startswith("−")


def _sums(node: ast.expr) -> bool:
    """Whether it is one sum over an index, which needs no parentheses behind ln."""
    match node:
        case ast.Call(func=ast.Name(id="sum"), keywords=[_]):
            return True
    return False
