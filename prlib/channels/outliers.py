"""Labels a fraction of which has nothing to do with the signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.channels.channel import Channel


@dataclass(frozen=True)
class Outliers(Channel):
    r"""Outliers: a label is the field, or with probability `fraction` an independent normal number.

    With densities :math:`p_0` of true labels and :math:`p_1` of outliers, weighted with their
    probabilities, :math:`E[z^2 | y] = (p_0 y^2 + p_1)/(p_0 + p_1)`.

    Parameters
    ----------
    fraction : float
        Probability of an outlier.
    size : float
        Standard deviation of an outlier; that of the field is one.
    """

    fraction: float
    size: float = 1.0

    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Replace some of the fields."""
        wrong = self.size * rng.standard_normal(z.shape)
        return np.where(rng.random(z.shape) < self.fraction, wrong, z)

    @property
    def width(self) -> float:
        """Standard deviation of the wider of the two parts."""
        return max(1.0, self.size)

    @property
    def scale(self) -> float:
        """Standard deviation of the narrower of the two parts."""
        return min(1.0, self.size)

    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        """Return the mixture of two half normals."""

        def part(share: float, deviation: float) -> NDArray:
            exponent = (y / self.width) ** 2 / 2 - (y / deviation) ** 2 / 2
            return share * self.width / deviation * np.exp(exponent)

        true, wrong = part(1 - self.fraction, 1.0), part(self.fraction, self.size)
        return true + wrong, (true * y * y + wrong) / (true + wrong)
