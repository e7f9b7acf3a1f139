"""Numbers as people read them, and what may honestly be said of them.

Arithmetic is shown with its numbers rounded. `rounded` gives that tree, in which every number is the
decimal that is printed; `relation` says whether `=` holds exactly between what is printed, or only `≈`;
`agrees` whether the printed arithmetic gives the printed result to within the rounding of what is
printed. Digits are added until it does.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from losscli.formula import Arithmetic, Rest, evaluate, replaced

ROUNDED = "rounded"  # marks a constant that is not shown in full
MOST = 17  # digits tell any two floats apart
NEAR = 5e-3  # how far a worked-out line may be from its result, relative to it
_Interval = tuple[float, float]


def short(value: float, digits: int, eps: float = 2.2e-16) -> Decimal | float:
    """`value` to `digits` significant digits; numbers that end there, or one digit on, in full.

    Large and small numbers are in scientific notation. NaN and infinities come back as they are.
    """
    if isinstance(value, int):
        return Decimal(value)
    if not math.isfinite(value):
        return value
    if value == 0:
        return Decimal(0)
    one_more = Decimal(f"{value:.{digits}e}")
    if abs(float(one_more) - value) <= 2 * eps * abs(value):
        digits += 1
    scientific = Decimal(f"{value:.{digits - 1}e}")
    whole = abs(float(scientific) - value) <= 2 * eps * abs(value)
    exponent = scientific.adjusted()
    if whole:
        text = format(scientific.normalize(), "f" if -5 < exponent < 7 else "e")
    elif -5 < exponent < 7:
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    else:
        text = str(scientific)
    return Decimal(text)


def text_of(number: Any) -> str:
    """A number as text, with a real minus sign: 0.4076, −1.5, 4.248e−18, ∞."""
    if isinstance(number, float) and not math.isfinite(number):
        return "nan" if math.isnan(number) else ("∞" if number > 0 else "−∞")
    if isinstance(number, Decimal) and number and number.adjusted() < -4:
        number = format(number, "e")
    return str(number).replace("E", "e").replace("e+", "e").replace("-", "−")


def rounded(tree: ast.expr, digits: int, eps: float) -> ast.expr:
    """The arithmetic with every number as it is shown."""

    class Rounding(ast.NodeTransformer):
        def visit_Rest(self, node: Rest) -> Rest:
            return node  # is not printed

        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            value: Any = node.value
            shown = short(value, digits, eps)
            exact = isinstance(value, int) or not isinstance(shown, Decimal)
            constant: Any = shown
            kind = None if exact or is_whole(value, shown, eps) else ROUNDED
            return ast.Constant(constant, kind=kind)

    copy: ast.expr = Rounding().visit(replaced(tree, {}))
    return copy


def relation(tree: ast.expr, result: Decimal | float) -> str:
    """`=` where what is printed is exactly equal, else `≈`."""
    if isinstance(result, Decimal):
        return "=" if fraction(tree) == Fraction(result) else "≈"
    return "=" if math.isnan(result) or _is_unbounded(tree) else "≈"


def is_whole(value: float, result: Decimal | float, eps: float) -> bool:
    """Whether a printed number is the value, all of it."""
    return not isinstance(result, Decimal) or abs(float(result) - value) <= 2 * eps * abs(value)


def digits_for(lines: Sequence[tuple[Arithmetic, float]], digits: int, eps: float) -> int:
    """The fewest digits, `digits` at least, with which each line gives its result and is true."""
    able = [line for line in lines if holds(*line, MOST, eps)]
    return next(
        more for more in range(digits, MOST + 1) if all(holds(*line, more, eps) for line in able)
    )


def holds(arithmetic: Arithmetic, value: float, digits: int, eps: float) -> bool:
    """Whether a line is true when it is printed with so many digits."""
    result = short(value, digits, eps)
    return agrees(rounded(arithmetic.tree, digits, eps), value, result, eps) and all(
        evaluate(rounded(condition, digits, eps)) for condition in arithmetic.conditions
    )


def agrees(tree: ast.expr, value: float, result: Decimal | float, eps: float) -> bool:
    """Whether printed arithmetic gives the printed result, to within the rounding of both."""
    if not isinstance(result, Decimal):
        return True
    low, high = bounds(tree)
    half = 0.0 if is_whole(value, result, eps) else _half_unit(result)
    slack = 32 * eps * max(abs(float(result)), *_sizes(tree), 0)
    if not low - half - slack <= float(result) <= high + half + slack:
        return False
    found = float(evaluate(tree))
    vanishes = 2.0**-126 if eps > 1e-8 else 2.0**-1022  # what float32 or float64 may take for 0
    return abs(found - float(result)) <= NEAR * abs(float(result)) + vanishes


def fraction(node: ast.AST) -> Fraction | None:
    """The exact value of arithmetic over decimals; None where it is not rational."""
    match node:
        case Rest():
            return None
        case ast.Constant(value=Decimal() as value):
            return Fraction(value)
        case ast.UnaryOp(operand=operand):
            inner = fraction(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right):
            a, b = fraction(left), fraction(right)
            return None if a is None or b is None else _exactly(a, op, b)
        case ast.Call(func=ast.Name(id=function), args=args):
            if function in ("max", "min"):  # the best is among those that are written
                args = [arg for arg in args if not isinstance(arg, Rest)]
                worst = -math.inf if function == "max" else math.inf
                args = [arg for arg in args if _infinity(arg) != worst] or args
            elif function == "exp" and _infinity(args[0]) == -math.inf:
                return Fraction(0)
            parts = [fraction(arg) for arg in args]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            whole: dict[str, Callable[[], Fraction | None]] = {
                "sum": lambda: sum(known, Fraction(0)),
                "max": lambda: max(known),
                "min": lambda: min(known),
                "abs": lambda: abs(known[0]),
                "exp": lambda: Fraction(1) if known[0] == 0 else None,
                "log": lambda: Fraction(0) if known[0] == 1 else None,
                "log1p": lambda: Fraction(0) if known[0] == 0 else None,
                "sqrt": lambda: _root(known[0]),
            }
            return whole.get(function, lambda: None)()
    return None


def _infinity(node: ast.AST) -> float:
    """The infinity that arithmetic is, on paper as well; 0 where it is none."""
    match node:
        case ast.Constant(value=float() as value) if math.isinf(value):
            return value
        case ast.UnaryOp(operand=operand):
            return -_infinity(operand)
        case ast.Call(func=ast.Name(id="log" | "log1p" as function), args=[arg]):
            return -math.inf if fraction(arg) == (0 if function == "log" else -1) else 0.0
    return 0.0


def _is_unbounded(tree: ast.AST) -> bool:
    """Whether some part of arithmetic is infinite on paper; what is left has overflowed."""
    return any(
        _infinity(node) or (isinstance(node, ast.BinOp) and _has_pole(node))
        for node in ast.walk(tree)
    )


def _has_pole(node: ast.BinOp) -> bool:
    """Whether something is divided by zero."""
    base = node.right if isinstance(node.op, ast.Div) else node.left
    return isinstance(node.op, (ast.Div, ast.Pow)) and fraction(base) == 0


def bounds(node: ast.AST) -> _Interval:
    """The interval that the value lies in, when each rounded number may be half a unit off."""
    match node:
        case ast.Constant(value=Decimal() as value, kind=kind):
            half = _half_unit(value) if kind == ROUNDED else 0.0
            return float(value) - half, float(value) + half
        case ast.Constant(value=float() as value):
            return value, value
        case ast.UnaryOp(operand=operand):
            low, high = bounds(operand)
            return -high, -low
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(bounds(left), op, bounds(right))
        case ast.Call(func=ast.Name(id=function), args=args):
            parts = [bounds(arg) for arg in args]
            if function == "abs":
                low, high = parts[0]
                return max(0.0, low, -high), max(abs(low), abs(high))
            lows, highs = [low for low, _ in parts], [high for _, high in parts]
            return _of(function, lows), _of(function, highs)
    raise ValueError(f"not arithmetic: {ast.dump(node)}")


def _of(function: str, values: Sequence[float]) -> float:
    return float(evaluate(ast.Call(ast.Name(function), [ast.Constant(v) for v in values], [])))


def _combined(a: _Interval, op: ast.operator, b: _Interval) -> _Interval:
    if isinstance(op, ast.Div) and b[0] <= 0 <= b[1] and b[0] != b[1]:
        return -math.inf, math.inf
    corners = [
        float(evaluate(ast.BinOp(ast.Constant(x), op, ast.Constant(y)))) for x in a for y in b
    ]
    if isinstance(op, ast.Pow) and a[0] < 0 < a[1]:
        corners.append(0.0)
    known = [c for c in corners if not math.isnan(c)]
    return (min(known), max(known)) if known else (-math.inf, math.inf)


def _exactly(a: Fraction, op: ast.operator, b: Fraction) -> Fraction | None:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b if b else None
        case ast.Mod():
            return a % b if b else None
        case ast.Pow() if b.denominator == 1 and abs(b) <= 64 and (a or b > 0):
            return Fraction(a ** int(b))
    return None


def _root(value: Fraction) -> Fraction | None:
    """The square root, where it is rational."""
    if value < 0:
        return None
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    found = Fraction(top, bottom)
    return found if found * found == value else None


def _half_unit(value: Decimal) -> float:
    """Half a unit of the last digit that is printed."""
    return 0.5 * 10.0 ** int(value.as_tuple().exponent)


def _sizes(tree: ast.AST) -> list[float]:
    """The sizes of the finite numbers in arithmetic."""
    values: list[Any] = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return [abs(float(value)) for value in values if math.isfinite(value)]
