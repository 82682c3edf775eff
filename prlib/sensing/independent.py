"""Independent entries that are not normal: universality says that their law does not matter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import ParameterError
from prlib.sensing.sensing import Sensing


@dataclass(frozen=True)
class Rademacher(Sensing):
    """Signs, each with probability one half."""

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        return 2.0 * rng.integers(0, 2, (count, n), dtype=np.int8) - 1.0


@dataclass(frozen=True)
class Sparse(Sensing):
    """Normal entries, most of which are zero.

    Parameters
    ----------
    share : float
        Probability that an entry is not zero, in (0, 1]; those have variance 1/share.
    """

    share: float

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        kept = rng.random((count, n)) < self.share
        return np.where(kept, rng.standard_normal((count, n)), 0.0) / math.sqrt(self.share)


@dataclass(frozen=True)
class Student(Sensing):
    """Entries of Student's law, scaled to variance one.

    Parameters
    ----------
    freedom : float
        Degrees of freedom, above 2: moments of that order and beyond are infinite.
    """

    freedom: float

    def __post_init__(self) -> None:
        """Check that the variance is finite."""
        super().__post_init__()
        if self.freedom <= 2:
            raise ParameterError(
                f"freedom = {self.freedom:g}: must be above 2, where the variance is finite"
            )

    def rows(self, count: int, n: int, rng: np.random.Generator) -> NDArray:
        """Draw them."""
        return rng.standard_t(self.freedom, (count, n)) * math.sqrt(1 - 2 / self.freedom)
