"""Compute, differentiate and explain the losses of torch.nn, without PyTorch.

    import losscli
    losscli.compute("huber", input=[0.1, 5.0], target=[0, 0])       # 2.2525
    losscli.grad("huber", input=[0.1, 5.0], target=[0, 0])          # {"input": array([0.05, 0.5])}
    losscli.explain("huber", input=[0.1, 5.0], target=[0, 0])       # the worked calculation

Importing this imports nothing heavy; NumPy comes with the first call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from losscli.errors import KindError, LosscliError, brief

if TYPE_CHECKING:
    from losscli.engine import Problem
    from losscli.explanation import Explanation
    from losscli.parameters import Array

__version__ = "0.1.0"
__all__ = ["LosscliError", "__version__", "compute", "explain", "grad", "value_and_grad"]


def compute(
    loss: str,
    *,
    reduction: str = "mean",
    dtype: str = "auto",
    threads: int | None = None,
    **arguments: Any,
) -> Any:
    """The value of a loss.

    `loss` is a name (`"cross-entropy"`, or PyTorch's own). `arguments` are its tensors and options under
    torch.nn's names; arrays may be lists or NumPy arrays and are never modified. `reduction` is none,
    mean or sum (batchmean too for kl-div); `dtype` is auto, float64 or float32. With ctc's `alphabet`,
    like "-abc", a character for each class, `targets` may be words and their lengths left out.

    Returns a NumPy scalar, for reduction none an array of one value a row.
    Raises LosscliError for whatever is the caller's to fix.
    """
    return _problem(loss, reduction, dtype, threads, arguments).value()


def grad(
    loss: str,
    *,
    wrt: str | Sequence[str] | None = None,
    grad_output: Any = None,
    reduction: str = "mean",
    dtype: str = "auto",
    threads: int | None = None,
    **arguments: Any,
) -> dict[str, Array]:
    """The gradient of a loss by its predictions, or by each tensor in `wrt`.

    `wrt` is a name, several, or "all" for every tensor that was given and has a gradient.
    `grad_output` is the gradient from above, of the result's shape, 1 by default: with reduction none
    the gradient is that of the sum. The rest is as for `compute`.

    Returns arrays by tensor name, each of its tensor's shape.
    Raises LosscliError as `compute` does.
    """
    problem = _problem(loss, reduction, dtype, threads, arguments)
    return problem.gradient(*_asked(problem, wrt, grad_output))


def value_and_grad(
    loss: str,
    *,
    wrt: str | Sequence[str] | None = None,
    grad_output: Any = None,
    reduction: str = "mean",
    dtype: str = "auto",
    threads: int | None = None,
    **arguments: Any,
) -> tuple[Any, dict[str, Array]]:
    """What `compute` and `grad` return, from one pass over the arrays."""
    problem = _problem(loss, reduction, dtype, threads, arguments)
    return problem.value_and_gradient(*_asked(problem, wrt, grad_output))


def explain(
    loss: str,
    *,
    rows: Sequence[int | tuple[int, ...]] | None = None,
    top: int | None = None,
    gradient: bool = True,
    pictures: bool = True,
    wrt: str | Sequence[str] | None = None,
    ids: Sequence[str] = (),
    classes: Sequence[str] = (),
    reduction: str = "mean",
    dtype: str = "auto",
    threads: int | None = None,
    **arguments: Any,
) -> Explanation:
    """The worked calculation of a loss: every step with its formula and the numbers put in.

    `rows` chooses the rows that are shown, `top` those with the largest loss; totals are always over
    everything. `ids` are names for the rows, `classes` for the classes. Without `pictures` there are only
    numbers, without `gradient` only the value. The rest is as for `grad`.

    Returns an Explanation, which prints itself in a terminal and in a notebook; `to_dict`, `to_markdown`
    and the like give it in other forms.
    Raises LosscliError for whatever is the caller's to fix.
    """
    from losscli.explanation import explain as explain_problem

    known = {"ids": ids, "classes": classes, "alphabet": arguments.get("alphabet", "")}
    problem = _problem(loss, reduction, dtype, threads, arguments)
    wanted, _ = _asked(problem, wrt)
    return explain_problem(
        problem,
        rows=rows,
        top=top,
        gradient=gradient,
        wrt=wanted,
        names=known,
        pictures=pictures,
    )


def _problem(
    name: str, reduction: str, dtype: str, threads: int | None, arguments: dict[str, Any]
) -> Problem:
    from losscli.engine import Problem
    from losscli.losses import load
    from losscli.reduction import legacy

    if not isinstance(name, str):
        raise KindError(f"{brief(name)} is not a loss; expected the name of one, like 'huber'.")
    loss = load(name)
    flags = {flag: arguments.pop(flag, None) for flag in ("size_average", "reduce")}
    for flag, value in flags.items():
        if not (value is None or isinstance(value, bool)):
            raise KindError(f"{loss.name}: {flag} is {brief(value)}; expected true or false.")
    tensors = {n: arguments.pop(n) for n in loss.tensors if n in arguments}
    if "blank" in loss.options and "alphabet" in arguments:
        from losscli.alphabet import spelled

        settings = {n: arguments[n] for n in ("blank", "zero_infinity") if n in arguments}
        tensors = spelled(tensors, arguments.pop("alphabet"), **settings)
    return Problem(
        loss,
        tensors,
        arguments,
        reduction=legacy(**flags) or reduction,
        dtype=dtype,
        threads=threads,
    )


def _asked(
    problem: Problem, wrt: str | Sequence[str] | None, grad_output: Any = None
) -> tuple[list[str] | None, Any]:
    """The tensors to differentiate by, and the gradient from above, as the engine takes them."""
    from losscli.given import as_array, names_of

    name = problem.loss.name
    above = None if grad_output is None else as_array(name, "grad_output", grad_output)
    return names_of(name, wrt), above
