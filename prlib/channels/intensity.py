"""Gaussian noise on the intensity, which a detector cannot read below zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from prlib.channels.channel import Channel

_REACH = 8.5
"""Standard deviations of the noise beyond which nothing is left."""

_ORDER = 128


@dataclass(frozen=True)
class Intensity(Channel):
    r"""Noise on the intensity, :math:`y = \sqrt{\max(0, z^2 + \sigma\xi)}`.

    Intensities that the noise makes negative are read as zero: labels have an atom there.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise; the mean intensity is one.
    """

    sigma: float

    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Add the noise to the square, and take the root of what is positive."""
        return np.sqrt(np.maximum(z * z + self.sigma * rng.standard_normal(z.shape), 0.0))

    @property
    def width(self) -> float:
        """Half normals of this width reach the largest intensities that noise makes."""
        return math.sqrt(1 + self.sigma)

    @property
    def scale(self) -> float:
        """The root of sigma, below which a label says little of the field."""
        return min(1.0, math.sqrt(self.sigma))

    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        r"""Return both by quadrature over the fields that can have made the label.

        The density is :math:`2y \int Dz\, e^{-(y^2 - z^2)^2/2\sigma^2}/\sqrt{2\pi\sigma^2}`.
        """
        reach = _REACH * self.sigma
        low = np.sqrt(np.maximum(0.0, y * y - reach))
        z, w = _between(low, np.sqrt(y * y + reach))
        noise = (y[:, None] ** 2 - z**2) / self.sigma
        # Over the reference density, whose exponent goes into the same exponential.
        exponent = (y[:, None] / self.width) ** 2 / 2 - z**2 / 2 - noise**2 / 2
        density = w * np.exp(exponent)
        mass = density.sum(axis=1)
        ratio = 2 * y * self.width * mass / (math.sqrt(2 * math.pi) * self.sigma)
        return ratio, (density * z**2).sum(axis=1) / mass

    def atoms(self) -> tuple[NDArray, NDArray, NDArray]:
        r"""Return the label zero, with probability :math:`\int Dz\,\Phi(-z^2/\sigma)`."""
        z, w = _between(np.zeros(1), np.full(1, math.sqrt(_REACH * self.sigma)))
        density = w * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) * ndtr(-(z**2) / self.sigma)
        mass = density.sum(axis=1)
        return np.zeros(1), mass, (density * z**2).sum(axis=1) / mass


def _between(low: NDArray, high: NDArray) -> tuple[NDArray, NDArray]:
    x, w = _legendre()
    half = (high - low)[:, None] / 2
    return low[:, None] + half * (1 + x), half * w


@lru_cache(maxsize=1)
def _legendre() -> tuple[NDArray, NDArray]:
    return np.polynomial.legendre.leggauss(_ORDER)
