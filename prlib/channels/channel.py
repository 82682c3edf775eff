r"""What is measured of a signal's field z: the label y, by a law :math:`P(y | z)`.

The loss sees y, the outlier of the Hessian sees z, and at zero overlap only through
:math:`E[z^2 | y]`. So a channel is three formulas: how to draw labels, the law of their modulus
(every loss is even in y), and that conditional mean.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.named import Named


class Channel(Named, family="channel"):
    """How labels come of the signal's fields, which are standard normal.

    A subclass is a frozen dataclass of numbers. Its labels have a density, `law`, or sit at
    `atoms`, or both.

    Examples
    --------
    >>> Channel.read("additive(sigma=0.3)").id
    'additive(sigma=0.3)'
    """

    @abstractmethod
    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Draw a label for each field of the signal, shape (M,)."""

    @property
    def width(self) -> float:
        """Standard deviation of the half normal law that `law` refers to."""
        return 1.0

    @property
    def scale(self) -> float:
        """Smallest label over which `law` changes."""
        return 1.0

    @abstractmethod
    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        r"""Return the density of labels of that modulus, and :math:`E[z^2 | y]` there.

        The density is that of :math:`|y|` over the one of a half normal of standard deviation
        `width`: one throughout where labels are normal, zero where they have none.
        """

    def atoms(self) -> tuple[NDArray, NDArray, NDArray]:
        r"""Return the labels of finite probability, those, and :math:`E[z^2 | y]`."""
        return np.zeros(0), np.zeros(0), np.zeros(0)


@dataclass(frozen=True)
class Noiseless(Channel):
    """The label is the signal's field."""

    def draw(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        """Return the fields."""
        del rng
        return z

    def law(self, y: NDArray) -> tuple[NDArray, NDArray]:
        """Return one, and y²."""
        return np.ones_like(y), y * y


NOISELESS = Noiseless()
"""The channel of a problem that names none."""
