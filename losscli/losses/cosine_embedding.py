"""Cosine embedding loss."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import numpy as np

from losscli.errors import ShapeError
from losscli.guesses import Guess, Options, Tensors, of_few
from losscli.layout import Laid, shape_text
from losscli.numerics import by_row, cosine_shortfall, dots, shrunk, summed_like, summed_text
from losscli.parameters import Array, Option, Rows, Tensor
from losscli.slopes import Multiple
from losscli.work import Gradients, Show, Terms, quiet

EPS = float(np.float32(1e-12))  # added to each squared norm; PyTorch has it in float32


def vectors(input1: Array, input2: Array, target: Array) -> dict[str, Laid]:
    """Vectors in the last axis, and one target for each pair of them."""
    if input1.ndim == input2.ndim == target.ndim + 1 and target.ndim < 2:
        return {}
    raise ShapeError(
        f"cosine-embedding: input1 has shape {shape_text(input1.shape)}, input2 "
        f"{shape_text(input2.shape)} and target {shape_text(target.shape)}; expected vectors (N, D) and "
        "targets (N), or for one pair (D) and a single number."
    )


@of_few
def guesses(tensors: Tensors, options: Options) -> Iterator[Guess]:
    """A cosine of 0 and of 1 everywhere."""
    shapes = {name: tensors[name].shape for name in ("input1", "input2")}
    if not all(shape[-1] for shape in shapes.values()):
        return
    none = {name: np.zeros(shape) for name, shape in shapes.items()}
    yield Guess("a cosine of 0 everywhere", none)
    far = 1e18 if tensors["input1"].dtype == np.float32 else 1e160  # beside which eps is nothing
    same = {name: np.full(shape, far) for name, shape in shapes.items()}
    yield Guess("a cosine of 1 everywhere", same)


def cosine_embedding(
    input1: Annotated[
        Array, Tensor("the first of each pair", "(N, D) or (D)", predicted=True, boolean=True)
    ],
    input2: Annotated[
        Array, Tensor("the second of each pair", "(N, D) or (D)", predicted=True, boolean=True)
    ],
    target: Annotated[
        Array,
        Tensor(
            "1: the pair belongs together; -1: it does not",
            "(N) or ()",
            differentiable=False,
            boolean=True,
        ),
    ],
    *,
    margin: Annotated[float, Option("how similar other pairs may be, from -1 to 1")] = 0.0,
    show: Show = quiet,
) -> Annotated[Terms, Rows("(N)", row="pair", layout=vectors, guesses=guesses)]:
    """How far two vectors are from pointing the same way, or other ways than each other.

    For embeddings where only the direction counts, not the length: pairs that belong together are turned
    towards each other, others away until their cosine is at most the margin. hinge-embedding does the
    same with distances that are computed beforehand; triplet-margin compares two distances.

    Formula
        cos = (input1 . input2) / sqrt((|input1|^2 + 1e-12) (|input2|^2 + 1e-12))
        l = 1 - cos                     where target = 1
        l = max(0, cos - margin)        where target = -1
        l = 0                           where target is neither

    Shapes
        input1, input2: (N, D), broadcast to one another, with a target (N); or (D) with a single number.
        result: a number; with reduction none one for each pair, (N).

    Range
        Numbers of any size; target 1 or -1, which is not checked, as in PyTorch. The loss is at least 0
        and at most 2, for margins of -1 or more. Margins between 0 and 0.5 are usual.

    Gradient
        dcos/dinput1 = (u2 - cos u1) / n1, with n1 = sqrt(|input1|^2 + 1e-12) and u1 = input1 / n1, and
        dcos/dinput2 likewise: at a right angle to the vector, but for the 1e-12.
        It passes exactly on the hinge, and is 0 where target is neither 1 nor -1.

    Pitfalls
        Targets of 0 and 1 instead of -1 and 1: a pair with target 0 costs nothing and is never learned.
        1e-12 is added to each squared norm, unlike in cosine similarity: vectors shorter than 1e-5 are
        not as similar as their directions, and a vector of zeros has cosine 0 and a gradient of 1e6.
        PyTorch rounds that number to float32, also in float64, and so does this loss.
        Equal vectors do not cost exactly 0 because of it, but about 1e-12 / |input1|^2.
        Between nearly parallel vectors 1 - cos keeps all its digits; PyTorch's is rounding noise of
        1e-16. For vectors so long that their squares overflow PyTorch says nan; this loss does not.
        Of no pairs at all, what was to be broadcast has a gradient of 0; in PyTorch nan if infinite.

    Errors
        Vectors with more than two axes, and a target with another number of axes than described.

    Source
        torch.nn.CosineEmbeddingLoss.
    """
    constants: dict[str, Any] = {"constants": {"eps": EPS}}
    a, aa, f1 = shrunk(input1)
    b, bb, f2 = shrunk(input2)
    alike = dots(a, b)
    show("dot = sum(input1 * input2)", alike * f1 * f2, "dot product")
    e1, e2 = EPS / f1 / f1, EPS / f2 / f2
    m1, m2 = np.sqrt(aa + e1), np.sqrt(bb + e2)
    norm1 = show("norm1 = sqrt(sum(input1**2) + eps)", m1 * f1, "norm of input1", **constants)
    norm2 = show("norm2 = sqrt(sum(input2**2) + eps)", m2 * f2, "norm of input2", **constants)
    cos = show("cos = dot / (norm1 * norm2)", alike / (m1 * m2), "cosine")

    @cache
    def directions() -> tuple[Array, Array]:
        return (
            show("u1 = input1 / norm1", by_row(np.divide, a, m1), "direction of input1"),
            show("u2 = input2 / norm2", by_row(np.divide, b, m2), "direction of input2"),
        )

    miss, text = 1 - cos, "1 - cos"
    near = (target == 1) & (cos > 0.9)
    if near.any() and a.shape == b.shape:
        e1, e2 = (np.broadcast_to(e, cos.shape)[near] for e in (e1, e2))
        miss[near] = cosine_shortfall(a[near], b[near], e1, e2)
        if show is not quiet and (miss[near] < 0.01).any():
            gap = ((directions()[0] - directions()[1]) ** 2).sum(-1)
            show("gap = sum((u1 - u2)**2)", gap, "squared gap between them")
            text = "miss"
            show(
                "miss = (gap + eps / norm1**2 + eps / norm2**2) / 2",
                miss,
                "1 - cos, with all its digits",
            )
    h = show("h = cos - margin", cos - margin, "more alike than the margin")
    loss = show(
        f"l = where(target == 1, {text}, where(target == -1, max(h, 0), 0))",
        np.where(target == 1, miss, np.where(target == -1, np.maximum(h, 0), 0)),
        "loss of the pair",
    )

    def gradient(share: Array) -> Gradients:
        on = show(
            "on = where(target == 1, -share, where(target == -1 and h >= 0, share, 0))",
            np.where(target == 1, -share, np.where((target == -1) & (h >= 0), share, 0)),
            "towards each other or away",
        )
        if show is not quiet:
            directions()

        def by(one: str, x: Array, m: Array, two: str, y: Array, n: Array, norm: Array) -> Any:
            # rows of few components take their time: cos * u as (cos / m) * x, and no u is written down
            turn = by_row(np.multiply, x, cos / m)
            np.subtract(summed_like(by_row(np.multiply, y, 1 / n), x), turn, out=turn)
            u_text = summed_text(f"u{two}", y, x)
            show(f"turn{one} = {u_text} - cos * u{one}", turn, "what would turn it")
            d = Multiple((on / norm)[..., None], turn)
            return show(f"d_input{one} = on * turn{one} / norm{one}", d)

        return {
            "input1": lambda: by("1", a, m1, "2", b, m2, norm1),
            "input2": lambda: by("2", b, m2, "1", a, m1, norm2),
        }

    return Terms(loss, gradient)
