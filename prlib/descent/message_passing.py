"""Approximate message passing: the best fast estimate of a signal, beside which descents stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere


@dataclass(frozen=True, eq=False)
class MessagePassing:
    """How message passing went.

    Attributes
    ----------
    overlap2 : ndarray, shape (T + 1,)
        Squared overlap of the direction of the estimate with that of the signal, at each step.
    steps : int
        Steps taken.
    estimate : ndarray, shape (N,)
        The last estimate, the posterior mean: shorter than the signal where it is unsure.
    """

    overlap2: NDArray[np.float64]
    steps: int
    estimate: NDArray[np.float64]


def message_passing(
    problem: Problem,
    rng: np.random.Generator,
    *,
    sigma: float = 0.0,
    steps: int = 200,
    tolerance: float = 1e-7,
) -> MessagePassing:
    r"""Run Bayes-optimal approximate message passing for labels :math:`|z + \sigma\xi|`.

    A field is guessed as :math:`y \tanh(y\omega/T)` from its mean :math:`\omega` and the variance
    T of the label; the weights have a standard normal prior.

    Parameters
    ----------
    problem : Problem
        The instance, with normal rows.
    rng : numpy.random.Generator
        Of the first estimate, which knows nothing.
    sigma : float
        Standard deviation of the noise before the modulus.
    steps : int
        Largest number of steps.
    tolerance : float
        Relative change of the estimate at which to stop.

    References
    ----------
    Rangan, arXiv:1010.5141; `prlib.transitions.state_evolution` for what it does at large N.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), 400, 2.0, rng)
    >>> bool(message_passing(problem, rng).overlap2[-1] > 0.999)
    True
    """
    if not 0 <= sigma < math.inf:
        raise ParameterError(f"sigma = {sigma!r}: must be a finite number >= 0 (of the noise)")
    if steps < 1:
        raise ParameterError(f"steps = {steps!r}: must be a whole number >= 1")
    X, y, n = problem.X, np.abs(problem.y), problem.n
    # As long as its overlap by chance is large: what a posterior mean of that knowledge would be.
    w = random_on_sphere(n, rng) / math.sqrt(n)
    variance, memory = 1.0, np.zeros_like(y)
    found = [_alignment(problem, w)]
    for _ in range(steps):
        omega = X @ w - variance * memory
        # Perfect knowledge would divide by zero.
        total = max(variance, 1e-12) + sigma**2
        guess = np.tanh(y * omega / total)
        memory = (y * guess - omega) / total
        # Information of the labels on their fields by its mean, not by the square of what was
        # learned, which overestimates it where signs are guessed wrongly.
        left = float(y**2 @ (1 - guess**2)) / total
        precision = max((len(y) - left) / (n * total), 0.0)
        new = (X.T @ memory + precision * w) / (1 + precision)
        variance = 1 / (1 + precision)
        moved, w = np.linalg.norm(new - w), new
        found.append(_alignment(problem, w))
        if moved < tolerance * np.linalg.norm(w):
            break
    return MessagePassing(np.array(found), len(found) - 1, w)


def _alignment(problem: Problem, w: NDArray) -> float:
    return problem.overlap(w) ** 2 * problem.n / float(w @ w)
