"""Photons that are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from prlib.channels.channel import Channel
from prlib.parameters import ParameterError

_TAIL = 36.0
"""Counts less likely than exp(-36), 2e-16, are left out of the theory."""

_MOST = 20_000
"""Counts that the theory sums over at most."""


@dataclass(frozen=True)
class Poisson(Channel):
    r"""Poisson counts, :math:`k \sim \mathrm{Poisson}(n z^2)` and :math:`y = \sqrt{k/n}`.

    Over fields the counts follow a negative binomial law, and
    :math:`E[z^2 | k] = (2k + 1)/(2n + 1)`. The label zero has finite probability: the loss must
    accept it.

    Parameters
    ----------
    photons : float
        Mean count n of a measurement.
    """

    photons: float

    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Count, and take the root of the count over its mean."""
        mean = self.photons * z.astype(np.float64) ** 2
        return np.sqrt(rng.poisson(mean) / self.photons)

    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        """Return zero throughout: all labels are atoms."""
        return np.zeros_like(y), np.ones_like(y)

    def atoms(self) -> tuple[NDArray, NDArray, NDArray]:
        r"""Return them: :math:`P(k) = \Gamma(k + 1/2)(2n)^k/(\sqrt\pi\, k!\, (2n + 1)^{k + 1/2})`.

        Raises
        ------
        ParameterError
            If there are too many.
        """
        last = math.ceil(_TAIL / math.log1p(0.5 / self.photons))
        if last > _MOST:
            raise ParameterError(
                f"photons = {self.photons:g}: theory sums over at most {_MOST} counts; must be at "
                f"most {math.floor(_MOST / _TAIL / 2)}"
            )
        k = np.arange(last + 1.0)
        log_odds = -math.log1p(0.5 / self.photons)
        log_mass = gammaln(k + 0.5) - gammaln(k + 1) - math.log(math.pi) / 2
        log_mass += k * log_odds - math.log1p(2 * self.photons) / 2
        return np.sqrt(k / self.photons), np.exp(log_mass), (2 * k + 1) / (2 * self.photons + 1)
