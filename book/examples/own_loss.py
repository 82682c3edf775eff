"""A loss of your own: intensities compared on the scale of both, the label's and the field's."""

import math
from dataclasses import dataclass

import numpy as np

from prlib.descent import descend
from prlib.losses import Loss
from prlib.measures import initial
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.eigenpairs import lowest_eigenpairs
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_init, alpha_threshold


@dataclass(frozen=True)
class Symmetric(Loss):
    r"""Intensity loss, normalised by the mean of both intensities.

    .. math:: \ell(y, ŷ) = \frac{(ŷ^2 - y^2)^2}{4D}, \qquad D = a + \frac{y^2 + ŷ^2}{2}
    """

    a: float

    @staticmethod
    def l(y, yhat, a):
        """Value of the loss."""
        return (yhat * yhat - y * y) ** 2 / (4 * a + 2 * (y * y + yhat * yhat))

    @staticmethod
    def dl(y, yhat, a):
        """First derivative in the field."""
        u = (yhat * yhat - y * y) / (a + (y * y + yhat * yhat) / 2)
        return yhat * (u - u * u / 4)

    @staticmethod
    def d2l(y, yhat, a):
        """Second derivative in the field."""
        scale = a + (y * y + yhat * yhat) / 2
        u = (yhat * yhat - y * y) / scale
        return u - u * u / 4 + 2 * yhat * yhat / scale * (1 - u / 2) ** 2

    @property
    def curvature_floor(self):
        """Approached at a field of zero and large labels."""
        return -3.0

    @property
    def scale(self):
        """The normalisation changes over labels of about the root of a."""
        return min(1.0, math.sqrt(self.a))


if __name__ == "__main__":
    loss, alpha = Symmetric(a=0.01), 8.0
    print(f"alpha_init       {alpha_init(loss).alpha:.4f}")
    print(f"alpha_threshold  {alpha_threshold(loss).alpha:.4f}")
    print(f"squared overlap of v1 with the signal at a random start, alpha = {alpha:g}:")
    print(f"  infinite size  {outlier(initial(loss, alpha)).overlap2:.4f}")

    rng = np.random.default_rng(1)
    problem = Problem.random(loss, n=400, alpha=alpha, rng=rng)
    start = random_on_sphere(400, rng)
    v1 = lowest_eigenpairs(problem, start).vectors[0]
    print(f"  one instance   {problem.overlap(v1 * 400**0.5) ** 2:.1f}   (N = 400)")
    print(f"a descent from there: {descend(problem, start, time=100).stopped_by}")
