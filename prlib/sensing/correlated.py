"""Columns that are correlated, as the pixels of images are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import idct

from prlib.sensing.sensing import Sensing


@dataclass(frozen=True)
class Correlated(Sensing):
    r"""Normal rows whose covariance has power-law eigenvalues, :math:`\lambda_k \propto k^{-e}`.

    Its eigenvectors are the waves of the cosine transform, slow ones first, and its trace is N.
    Fields of independent points of the sphere are then no longer of variance one each by itself,
    but their mean over the sphere is.

    Parameters
    ----------
    exponent : float
        The exponent e > 0; below 1 the spectrum has a limit at large N.
    """

    exponent: float

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        spectrum = np.arange(1, n + 1) ** -self.exponent
        scaled = rng.standard_normal((count, n)) * np.sqrt(spectrum * n / spectrum.sum())
        return idct(scaled, axis=1, norm="ortho")
