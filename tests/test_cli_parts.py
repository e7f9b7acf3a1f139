"""The small parts of the command line, each alone."""

from __future__ import annotations

import numpy as np
import pytest

from losscli.cli.classes import indices, named_classes
from losscli.cli.explain import _rows
from losscli.cli.reduction import legacy_reduction
from losscli.errors import UsageError


@pytest.mark.parametrize(
    ("size_average", "reduce", "meant"),
    [
        (None, None, "mean"),
        (True, None, "mean"),
        (None, True, "mean"),
        (False, None, "sum"),
        (False, True, "sum"),
        (None, False, "none"),
        (True, False, "none"),
        (False, False, "none"),
    ],
)
def test_legacy_reduction(size_average: bool | None, reduce: bool | None, meant: str) -> None:
    """The table of torch.nn._reduction.legacy_get_string."""
    assert legacy_reduction(size_average, reduce) == meant


def test_rows() -> None:
    assert _rows("0,7") == [0, 7]
    assert _rows("0:3, 1:2") == [(0, 3), (1, 2)]


def test_class_names() -> None:
    assert named_classes(None) == ()
    assert named_classes("cat, dog") == ("cat", "dog")
    for wrong in ("cat,", "cat,cat", ""):
        with pytest.raises(UsageError):
            named_classes(wrong)


def test_words_keep_their_shape() -> None:
    words = np.array([["cat", "dog"], ["dog", "dog"]])
    assert indices("target", words, ("dog", "cat")).tolist() == [[1, 0], [0, 0]]
