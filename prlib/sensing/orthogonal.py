"""Rows that are orthogonal to each other, N at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.sensing.sensing import Sensing


@dataclass(frozen=True)
class Orthogonal(Sensing):
    r"""Blocks of N orthonormal rows, each a uniformly random rotation; the last may be cut off.

    The Hessian is a sum of blocks :math:`Q^T \mathrm{diag}(f) Q`, free of each other at large N:
    where alpha is whole, what is :math:`\alpha E[f/(1 + f\chi)]` for normal rows becomes
    :math:`\alpha R_f(-\chi)`, with the R-transform of the law of f.
    """

    def draw(
        self, m: int, n: int, rng: np.random.Generator, dtype: np.dtype | type = np.float64
    ) -> NDArray:
        """Draw X, shape (M, N)."""
        return self.rows(m, n, rng).astype(dtype)

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them, each of norm one."""
        blocks = []
        for first in range(0, count, n):
            q, r = np.linalg.qr(rng.standard_normal((n, n)))
            # Signs that make the rotation uniform.
            blocks.append((q * np.sign(np.diagonal(r)))[: count - first])
        return np.concatenate(blocks)
