"""Gaussian noise on the field, before the modulus is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.channels.channel import Channel


@dataclass(frozen=True)
class Additive(Channel):
    r"""Noise before the modulus, :math:`y = z + \sigma\xi`.

    Labels have variance :math:`1 + \sigma^2`, and
    :math:`E[z^2 | y] = y^2/(1 + \sigma^2)^2 + \sigma^2/(1 + \sigma^2)`.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise; that of the field is one.
    """

    sigma: float

    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Add the noise."""
        return z + self.sigma * rng.standard_normal(z.shape)

    @property
    def width(self) -> float:
        """Standard deviation of the labels."""
        return math.sqrt(1 + self.sigma**2)

    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        """Return one, and the square of the posterior mean plus the posterior variance."""
        variance = 1 + self.sigma**2
        return np.ones_like(y), (y / variance) ** 2 + self.sigma**2 / variance
