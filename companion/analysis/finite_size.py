r"""Recovery at finite size from theory of infinite size, without simulation.

While the overlap m with the signal is small, :math:`\sqrt N m(t)` is Gaussian with variance V(t),
which the dynamical theory knows. A descent recovers if its overlap reaches order one, so that

.. math:: P(N, \alpha, t) = \mathrm{erfc}\left(c \sqrt{\frac{N}{2 V_\alpha(t)}}\right)

up to one constant c of order one, the overlap from which there is no return.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erfc, erfcinv, xlog1py, xlogy

from prlib.parameters import ParameterError


@dataclass(frozen=True, eq=False)
class Growth:
    """How far the fluctuations of the overlap have grown by a time, against alpha.

    Attributes
    ----------
    time : float
        Flow time.
    alphas : ndarray, shape (K,)
        Measurements per dimension, rising.
    log_variance, error : ndarray, shape (K,)
        Logarithm of the largest V up to that time, and its standard error.

    Examples
    --------
    >>> growth = Growth(1.0, np.array([1.0, 2.0]), np.log([2.0, 8.0]), np.array([0.1, 0.1]))
    >>> round(growth.variance(1.5).item(), 9)
    4.0
    """

    time: float
    alphas: NDArray[np.float64]
    log_variance: NDArray[np.float64]
    error: NDArray[np.float64]

    @classmethod
    def of(cls, theory: pd.DataFrame, time: float) -> Growth:
        """Read it off runs of the theory.

        Parameters
        ----------
        theory : pandas.DataFrame
            From `companion.ensembles.theory_runs`; runs that end earlier are left out.
        time : float
            Flow time.

        Returns
        -------
        Growth
            Between recorded times V is a power of time.
        """
        rows = []
        for alpha, course in theory[theory["t"] > 0].groupby("alpha"):
            if course["t"].max() < time * (1 - 1e-9):
                continue
            t, log_v = np.log(course["t"]), np.log(course["variance"].cummax())
            relative = course["variance_error"] / course["variance"]
            at = np.log(time)
            rows.append((alpha, np.interp(at, t, log_v), np.interp(at, t, relative)))
        alphas, log_variance, error = np.array(rows).T
        return cls(time, alphas, log_variance, error)

    def variance(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Interpolate V, monotone and smooth in alpha.

        Parameters
        ----------
        alpha : array_like
            Measurements per dimension; NaN comes back outside the range of the runs.

        Returns
        -------
        ndarray
            V.
        """
        curve = PchipInterpolator(self.alphas, self.log_variance, extrapolate=False)
        return np.exp(curve(alpha))

    def moved(self, rng: np.random.Generator) -> Growth:
        """Draw one that differs within its errors.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        Growth
            A bootstrap copy.
        """
        noise = self.error * rng.standard_normal(len(self.error))
        return Growth(self.time, self.alphas, self.log_variance + noise, self.error)


def recovery_probability(n: ArrayLike, variance: ArrayLike, constant: float) -> NDArray[np.float64]:
    """Predict the fraction of descents that recover.

    Parameters
    ----------
    n : array_like
        Dimension.
    variance : array_like
        V, the largest up to the time at which recovery is asked for.
    constant : float
        The constant c > 0.

    Returns
    -------
    ndarray
        Probability.

    Examples
    --------
    >>> round(recovery_probability(100, 219.8, 1.0).item(), 3)
    0.5
    """
    return erfc(constant * np.sqrt(np.asarray(n) / (2 * np.asarray(variance))))


def fit_constant(table: pd.DataFrame, growth: Growth) -> tuple[float, float]:
    """Estimate the constant from runs, by maximum likelihood.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run: ``n, alpha, recovered``.
    growth : Growth
        V at the time of `recovered`.

    Returns
    -------
    constant, error : float
        And its standard error, from the curvature of the likelihood.

    Raises
    ------
    ParameterError
        If there are no runs at alphas that the theory covers.

    Examples
    --------
    >>> rng, growth = np.random.default_rng(0), Growth(1.0, *np.array([[1, 2], [2, 6], [0, 0]]))
    >>> p = recovery_probability(64, growth.variance(1.5), 0.8)
    >>> runs = pd.DataFrame({"n": 64, "alpha": 1.5, "recovered": rng.random(4000) < p})
    >>> constant, error = fit_constant(runs, growth)
    >>> bool(abs(constant - 0.8) < 3 * error)
    True
    """
    cells = table.groupby(["n", "alpha"])["recovered"].agg(["sum", "size"]).reset_index()
    cells = cells.assign(variance=growth.variance(cells["alpha"])).dropna()
    if cells.empty:
        span = f"{growth.alphas.min():g} and {growth.alphas.max():g}"
        raise ParameterError(
            f"time = {growth.time:g}: by then half of the runs must recover, at an alpha between "
            f"{span} of those simulated, and at none they do"
        )

    def loss(log_c: float) -> float:
        p = recovery_probability(cells["n"], cells["variance"], np.exp(log_c))
        failed = cells["size"] - cells["sum"]
        return -float(np.sum(xlogy(cells["sum"], p) + xlog1py(failed, -np.minimum(p, 1 - 1e-12))))

    best = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-8}).x
    step = 1e-3
    bend = (loss(best + step) - 2 * loss(best) + loss(best - step)) / step**2
    return float(np.exp(best)), float(np.exp(best) / np.sqrt(bend))


def half_point_at(n: ArrayLike, growth: Growth, constant: float) -> NDArray[np.float64]:
    """Predict the alpha at which half the descents recover.

    Parameters
    ----------
    n : array_like
        Dimensions.
    growth : Growth
        V at the time of interest.
    constant : float
        The constant c.

    Returns
    -------
    ndarray
        NaN where it lies outside the alphas of `growth`.
    """
    needed = np.log(np.asarray(n, dtype=float) * constant**2 / (2 * erfcinv(0.5) ** 2))
    curve = PchipInterpolator(growth.alphas, growth.log_variance)
    low, high = growth.alphas[[0, -1]]

    def solve(level: float) -> float:
        if not curve(low) <= level <= curve(high):
            return np.nan
        return float(brentq(lambda alpha: curve(alpha) - level, low, high))

    return np.array([solve(level) for level in np.atleast_1d(needed)])
