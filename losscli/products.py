"""Numbers that are sums of products: what they add up to is found without writing them down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Products:
    """The loss of each row as a sum of products, k x y or k x.

    `each` works it out, where somebody looks at it; `products` are tuples of a number k and one or two
    arrays of one shape and type, whose sums and dot products the sum over the rows is made of. Nobody
    writes into them afterwards.
    """

    def __init__(self, each: Callable[[], Any], *products: tuple[Any, ...]) -> None:
        self.each = each
        self.products = products
        self.size = int(products[0][1].size)
        self.finite = False  # whether the sum of each product is known to be

    def has_finite_factor(self, array: Any) -> bool:
        """Whether an array is finite for being a factor: one nan or infinity, and the sum were not."""
        return self.finite and any(
            array is factor for _, *factors in self.products for factor in factors
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The loss of each row."""
        return np.asarray(self.each(), dtype)
