"""The index of the losses: their names by family, in reading order; each is loaded when it is asked for.

A loss's name is PyTorch's class name without `Loss`, in kebab case; its file and its function have the
same name with underscores.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from losscli.errors import UnknownLoss
from losscli.parameters import Loss, read_signature, summary_of

FAMILIES: dict[str, tuple[str, ...]] = {
    "regression": ("l1", "mse", "huber", "smooth-l1", "poisson-nll", "gaussian-nll"),
    "classification": (
        "nll",
        "cross-entropy",
        "bce",
        "bce-with-logits",
        "soft-margin",
        "multi-margin",
        "multi-label-margin",
        "multi-label-soft-margin",
    ),
    "ranking and embedding": (
        "margin-ranking",
        "hinge-embedding",
        "cosine-embedding",
        "triplet-margin",
        "triplet-margin-with-distance",
    ),
    "divergence and sequence": ("kl-div", "ctc"),
}
NAMES: tuple[str, ...] = tuple(name for names in FAMILIES.values() for name in names)

# Names that the rule in `_key` does not reach.
_ALIASES = {
    "mae": "l1",
    "l2": "mse",
    "binarycrossentropy": "bce",
    "binarycrossentropywithlogits": "bce-with-logits",
}


def resolve(name: str) -> str:
    """The canonical name for `name`, which may be PyTorch's class or function, in any letter case.

    Raises UnknownLoss, which says which names are near.
    """
    keys = {_key(known): known for known in NAMES}
    keys.update({alias: known for alias, known in _ALIASES.items() if known in NAMES})
    found = keys.get(_key(name))
    if found is None:
        import difflib

        near = [keys[key] for key in difflib.get_close_matches(_key(name), keys, n=3, cutoff=0.55)]
        hint = f"Did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
        raise UnknownLoss(
            f"{name!r} is not a loss. {hint or 'The losses are ' + ', '.join(NAMES) + '.'}"
        )
    return found


@cache
def load(name: str) -> Loss:
    """The loss of this name (any that `resolve` takes); imports its module and no other loss's."""
    canonical = resolve(name)
    module = canonical.replace("-", "_")
    function = getattr(import_module(f"losscli.losses.{module}"), module)
    return read_signature(canonical, function)


def summary(name: str) -> str:
    """One line on the loss `name`, read from its file without running it."""
    from importlib.resources import files

    module = name.replace("-", "_")
    return summary_of(files(__package__).joinpath(f"{module}.py").read_text("utf-8"), module)


def _key(name: str) -> str:
    """What is left of a name without its module, `Loss`, dashes, underscores and letter case."""
    key = name.rsplit(".", 1)[-1].lower().replace("-", "").replace("_", "").strip()
    return key.removesuffix("loss") or key
