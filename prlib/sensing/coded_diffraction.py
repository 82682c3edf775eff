"""Coded diffraction: the transforms of a signal behind random masks, one pattern a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.sparse.linalg import LinearOperator

from prlib.sensing.sensing import Sensing


@dataclass(frozen=True)
class CodedDiffraction(Sensing):
    r"""Patterns of N rows, each :math:`F D`: fresh random signs D, then the cosine transform F.

    It is the real kin of what a detector sees behind a mask. A pattern is whole; the last may be
    cut off. Its rows are orthonormal, so that X is made of rotations as in `Orthogonal`, of which
    N bits are random each.

    References
    ----------
    Candès, Li & Soltanolkotabi, arXiv:1310.3240.

    Examples
    --------
    >>> X = CodedDiffraction().draw(300, 100, np.random.default_rng(0)) @ np.eye(100)
    >>> bool(np.allclose(X.T @ X, 3 * np.eye(100)))
    True
    """

    def draw(
        self, m: int, n: int, rng: np.random.Generator, dtype: np.dtype | type = np.float64
    ) -> Patterns:
        """Draw X as an operator."""
        signs = 2 * rng.integers(0, 2, (-(-m // n), n), dtype=np.int8) - 1
        return Patterns(m, signs, np.dtype(dtype))

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        return self.draw(count, n, rng) @ np.eye(n) * math.sqrt(n)

    def nbytes(self, m: int, n: int, itemsize: int) -> int:
        """Return the bytes of the signs, and of the transforms at work."""
        return -(-m // n) * n * (1 + itemsize)

    def cost(self, m: int, n: int) -> float:
        """Return about how many multiplications the transforms of a product take."""
        return -(-m // n) * 2.5 * n * math.log2(max(n, 2))


class Patterns(LinearOperator):
    """X of `CodedDiffraction` as an operator.

    Attributes
    ----------
    signs : ndarray of int8, shape (patterns, N)
        The masks.
    """

    def __init__(self, m: int, signs: NDArray[np.int8], dtype: np.dtype) -> None:
        super().__init__(dtype, (m, signs.shape[1]))
        self.signs = signs

    def _matmat(self, X: NDArray) -> NDArray:
        masked = self.signs[:, :, None] * X.astype(self.dtype, copy=False)
        return dct(masked, axis=1, norm="ortho").reshape(-1, X.shape[1])[: self.shape[0]]

    def _rmatmat(self, X: NDArray) -> NDArray:
        # What the last pattern lacks was not measured.
        patterns = np.zeros((self.signs.size, X.shape[1]), self.dtype)
        patterns[: self.shape[0]] = X
        back = idct(patterns.reshape(*self.signs.shape, -1), axis=1, norm="ortho")
        return np.einsum("pn,pnk->nk", self.signs, back)

    def _matvec(self, x: NDArray) -> NDArray:
        return self._matmat(x.reshape(-1, 1))[:, 0]

    def _rmatvec(self, x: NDArray) -> NDArray:
        return self._rmatmat(x.reshape(-1, 1))[:, 0]
