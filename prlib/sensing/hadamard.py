"""Rows of fast transforms: a product with X without X, for dimensions of a million."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from prlib.identifiers import identifier
from prlib.sensing.sensing import Sensing

if TYPE_CHECKING:
    from prlib.walsh import Mixing


@dataclass(frozen=True)
class Hadamard(Sensing):
    r"""Blocks of N rows, each :math:`\sqrt{L/N}\, R H D_2 H D_1 E`; the last may be cut off.

    E puts N numbers at random places of L, :math:`D_1, D_2` are random signs, H is the orthonormal
    Walsh-Hadamard transform and R takes N random places out. A product takes about
    :math:`2 \alpha L \log_2 L` sums, and a block holds L signs. It is a corner of an orthogonal
    matrix. At large L/N it is as good as Gaussian; its spectra differ in the order N/L.

    Parameters
    ----------
    ratio : float
        L/N, at least one. L is the least power of two that is not below it, nor below 128, so that
        N may be any number. The default is the least whose bias of half points, with its error, is
        below a third of the errors of the runs that use it (the chapter on a million dimensions).
    """

    ratio: float = 16.0

    @property
    def id(self) -> str:
        """Text that `read` takes back; the ratio is in it even at its default, which may change."""
        return identifier(self.name, ratio=self.ratio)

    def length(self, n: int) -> int:
        """Return the length L of the transforms.

        Examples
        --------
        >>> Hadamard(16).length(65_536) == 2**20, Hadamard(16).length(100)
        (True, 2048)
        """
        from prlib.walsh import SMALLEST  # noqa: PLC0415 - loads the compiler

        return max(SMALLEST, 1 << (math.ceil(self.ratio * n) - 1).bit_length())

    def draw(
        self, m: int, n: int, rng: np.random.Generator, dtype: np.dtype | type = np.float64
    ) -> Transforms:
        """Draw X as an operator."""
        return Transforms(m, n, self.length(n), rng, np.dtype(dtype))

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        return self.draw(count, n, rng) @ np.eye(n) * math.sqrt(n)

    def nbytes(self, m: int, n: int, itemsize: int) -> int:
        """Return the bytes of signs and places, and of the transform at work."""
        blocks, length = -(-m // n), self.length(n)
        return blocks * length + _SIDE * (m + blocks * n) + length * itemsize

    def cost(self, m: int, n: int) -> float:
        """Return the additions of a product."""
        length = self.length(n)
        return -(-m // n) * 2 * length * math.log2(length)


_SIDE = 9
"""Bytes of a place, an index and a sign."""


class Transforms(LinearOperator):
    """X of `Hadamard` as an operator; products are the same whatever the number of threads.

    Attributes
    ----------
    length : int
        That of the transforms.
    forward, adjoint : prlib.walsh.Mixing
        The products with X and with its transpose, for compiled code.
    threads : int
        Threads of a product.
    """

    def __init__(
        self, m: int, n: int, length: int, rng: np.random.Generator, dtype: np.dtype
    ) -> None:
        from prlib.walsh import mixing, side  # noqa: PLC0415 - loads the compiler

        super().__init__(dtype, (m, n))
        self.length = length
        counts = [min(n, m - first) for first in range(0, m, n)]
        flips = np.empty((len(counts), length), np.int8)
        columns, rows, signs = [], [], []
        for flip, count in zip(flips, counts, strict=True):
            columns.append(rng.choice(length, n, replace=False))
            signs.append(_signs(n, rng))
            flip[:] = _signs(length, rng)
            # The order of rows means nothing: theirs is that of their places.
            rows.append(np.sort(rng.choice(length, count, replace=False, shuffle=False)))
        inputs = side(columns, [np.arange(n)] * len(counts), signs, length, dtype)
        measured = np.split(np.arange(m), np.cumsum(counts)[:-1])
        outputs = side(rows, measured, [np.ones(c, np.int8) for c in counts], length, dtype)
        scale = 1 / math.sqrt(length * n)
        self.forward = mixing(inputs, outputs, flips, scale, dtype)
        self.adjoint = mixing(outputs, inputs, flips, scale, dtype)
        self.threads = 1

    def _apply(self, mixing: Mixing, size: int, vectors: NDArray) -> NDArray:
        from prlib.walsh import products  # noqa: PLC0415 - loads the compiler

        sources = np.ascontiguousarray(vectors.T, self.dtype)
        targets = np.empty((len(sources), size), self.dtype)
        products(mixing, sources, targets, self.threads)
        return targets.T

    def _matmat(self, X: NDArray) -> NDArray:
        return self._apply(self.forward, self.shape[0], X)

    def _rmatmat(self, X: NDArray) -> NDArray:
        return self._apply(self.adjoint, self.shape[1], X)

    def _matvec(self, x: NDArray) -> NDArray:
        return self._matmat(x.reshape(-1, 1))[:, 0]

    def _rmatvec(self, x: NDArray) -> NDArray:
        return self._rmatmat(x.reshape(-1, 1))[:, 0]


def _signs(count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    return 2 * rng.integers(0, 2, count, dtype=np.int8) - 1
