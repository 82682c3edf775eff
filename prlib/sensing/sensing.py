"""The law of the measurement vectors, the rows of X."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from prlib.named import Named

_ROWS = 64


class Sensing(Named, family="sensing"):
    """How X is drawn: its entries have mean zero, and a row has squared norm one on average.

    A subclass is a frozen dataclass of numbers with `rows`, and with `draw` where the rows of X
    depend on each other or X is an operator.

    Examples
    --------
    >>> X = Sensing.read("sparse(share=0.1)").draw(300, 200, np.random.default_rng(0))
    >>> round(float((X != 0).mean()), 2), round(float((X**2).sum() / 300), 1)
    (0.1, 1.0)
    """

    def draw(
        self, m: int, n: int, rng: np.random.Generator, dtype: np.dtype | type = np.float64
    ) -> NDArray | LinearOperator:
        """Draw X, shape (M, N).

        By blocks of rows: the same numbers as at once, in every precision, without a second X in
        memory.
        """
        X = np.empty((m, n), dtype)
        for first in range(0, m, _ROWS):
            block = X[first : first + _ROWS]
            block[:] = self.rows(*block.shape, rng) / np.sqrt(n)
        return X

    def nbytes(self, m: int, n: int, itemsize: int) -> int:
        """Return the bytes of X."""
        return m * n * itemsize

    def cost(self, m: int, n: int) -> float:
        """Return about how many multiplications a product with X takes."""
        return m * n

    @abstractmethod
    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw independent rows of entries of variance one, shape (count, N)."""


@dataclass(frozen=True)
class Gaussian(Sensing):
    """Standard normal entries: what the theory is for."""

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        return rng.standard_normal((count, n))


GAUSSIAN = Gaussian()
"""The sensing of a problem that names none."""
