"""The law of labels and fields of one actual state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prlib.measures.label_measure import LabelMeasure
from prlib.problem import Problem


def empirical(problem: Problem, w: NDArray) -> LabelMeasure:
    r"""Law :math:`\{(z_i, y_i, ŷ_i)\}` of one instance at one estimate, each with weight 1/M.

    It has the instance's own alpha and overlap.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.problem import random_on_sphere
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), n=50, alpha=3.0, rng=rng)
    >>> w = random_on_sphere(50, rng)
    >>> bool(np.isclose(empirical(problem, w).mu, problem.mu(w)))
    True
    """
    z, y, yhat = (v.astype(np.float64) for v in (problem.z, problem.y, problem.fields(w)))
    floor = float(problem.loss.curvature(y, yhat).min())
    weights = np.full(problem.m, 1 / problem.m)
    return LabelMeasure(problem.loss, problem.alpha, z, y, yhat, weights, problem.overlap(w), floor)
