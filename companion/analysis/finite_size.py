r"""Recovery at finite size from theory of infinite size, without simulation.

While the overlap m with the signal is small, :math:`\sqrt N m(t)` is Gaussian with variance V(t),
which the dynamical theory knows. A descent recovers if its overlap reaches order one, so that

.. math:: P(N, \alpha, t) = \mathrm{erfc}\left(c \sqrt{\frac{N}{2 V_\alpha(t)}}\right)

up to one constant c of order one, the overlap from which there is no return.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erfc, erfcinv, xlog1py, xlogy

from companion.analysis.dynamics import at_times
from companion.analysis.half_points import near_half
from prlib.parameters import ParameterError
from prlib.sweeps import rates

DRAWS = 200
"""Bootstrap copies behind each interval of a prediction."""

LINEAR = 0.05
"""V/N up to which the overlap counts as small."""


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
    sources : tuple
        Names of the tables that it was read from.

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
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, theory: pd.DataFrame, time: float) -> Growth:
        """Read it off runs of the theory; those that end earlier are left out.

        Between recorded times V is a power of time.
        """
        rows = []
        for alpha, run in theory[theory["t"] > 0].groupby("alpha"):
            if run["t"].max() < time * (1 - 1e-9):
                continue
            t, log_v = np.log(run["t"]), np.log(run["variance"].cummax())
            relative = run["variance_error"] / run["variance"]
            at = np.log(time)
            rows.append((alpha, np.interp(at, t, log_v), np.interp(at, t, relative)))
        if not rows:
            raise ParameterError(
                f"time = {time:g}: must be at most {theory['t'].max():g}, to which the theory ran"
            )
        alphas, log_variance, error = np.array(rows).T
        return cls(time, alphas, log_variance, error, _tables(theory))

    def variance(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Interpolate V, monotone and smooth in alpha; NaN outside the range of the runs."""
        if len(self.alphas) < 2:
            return np.where(np.asarray(alpha) == self.alphas, np.exp(self.log_variance), np.nan)
        curve = PchipInterpolator(self.alphas, self.log_variance, extrapolate=False)
        return np.exp(curve(alpha))

    def moved(self, rng: np.random.Generator) -> Growth:
        """Draw a bootstrap copy, which differs within the errors."""
        noise = self.error * rng.standard_normal(len(self.error))
        return replace(self, log_variance=self.log_variance + noise)


def _tables(theory: pd.DataFrame) -> tuple[str, ...]:
    return tuple(theory["source"].unique()) if "source" in theory else ()


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
    """Predict the alpha at which half the descents recover; NaN outside those of `growth`."""
    if len(growth.alphas) < 2:
        return np.full(np.shape(np.atleast_1d(n)), np.nan)
    needed = np.log(np.asarray(n, dtype=float) * constant**2 / (2 * erfcinv(0.5) ** 2))
    curve = PchipInterpolator(growth.alphas, growth.log_variance)
    low, high = growth.alphas[[0, -1]]

    def solve(level: float) -> float:
        if not curve(low) <= level <= curve(high):
            return np.nan
        return float(brentq(lambda alpha: curve(alpha) - level, low, high))

    return np.array([solve(level) for level in np.atleast_1d(needed)])


def by_time(table: pd.DataFrame, time: float) -> pd.DataFrame:
    """Count as recovered only the runs that had by a time, no later than their limit."""
    return table.assign(recovered=table["recovered"] & (table["time"] <= time))


def fitted_constant(
    table: pd.DataFrame, growth: Growth, seen: Sequence[int]
) -> tuple[float, float]:
    """Estimate the constant from the runs near the half points of some sizes.

    NaN where half of them recover at no alpha that the theory covers.
    """
    with contextlib.suppress(ParameterError):
        return fit_constant(near_half(table[table["n"].isin(seen)]), growth)
    return np.nan, np.nan


def constants(table: pd.DataFrame, growth: Growth) -> pd.DataFrame:
    """Estimate the constant that would fit the runs of each single size: c, standard error."""
    rows = {n: fitted_constant(table, growth, [n]) for n in sorted(table["n"].unique())}
    found = pd.DataFrame(rows, index=["c", "standard error"]).T.rename_axis("N")
    # Some sizes have no alpha near their half point.
    return found.dropna(subset="c")


def predicted_halves(
    growth: Growth, constant: tuple[float, float], sizes: ArrayLike, seed: int = 0
) -> pd.DataFrame:
    """Predict half points with the errors of the theory's sampling and of its constant.

    Parameters
    ----------
    growth, constant, sizes
        V against alpha; c and its standard error; dimensions.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        n, half, low, high (95 %): NaN where the theory was not run.
    """
    rng = np.random.default_rng(seed)
    drawn = [half_point_at(sizes, *_copy(growth, constant, rng)) for _ in range(DRAWS)]
    with warnings.catch_warnings():
        # Sizes whose half point no copy holds.
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    half = half_point_at(sizes, growth, constant[0])
    return pd.DataFrame({"n": sizes, "half": half, "low": low, "high": high})


def predicted_rate(
    growth: Growth, constant: tuple[float, float], n: int, alpha: float
) -> tuple[float, float, float]:
    """Predict a recovered fraction, with the 95 % interval of the errors of V and c.

    NaN without a constant, or where the theory was not run.
    """
    rng = np.random.default_rng(n)
    copies = (_copy(growth, constant, rng) for _ in range(DRAWS))
    drawn = [recovery_probability(n, moved.variance(alpha), c) for moved, c in copies]
    rate = recovery_probability(n, growth.variance(alpha), constant[0])
    return (float(rate), *map(float, np.percentile(drawn, [2.5, 97.5])))


def _copy(
    growth: Growth, constant: tuple[float, float], rng: np.random.Generator
) -> tuple[Growth, float]:
    return growth.moved(rng), constant[0] + constant[1] * rng.standard_normal()


def compared_rates(
    growth: Growth, constant: tuple[float, float], table: pd.DataFrame
) -> pd.DataFrame:
    """Compare predicted and simulated rates: n, alpha, runs, mean, low, high, predicted."""
    found = rates(table, by=["n", "alpha"]).rename(columns={"rate": "mean"})
    variance = growth.variance(found["alpha"])
    return found.assign(predicted=recovery_probability(found["n"], variance, constant[0]))


def small_fluctuations(theory: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """Compare N times the square overlap with V, while the overlap is small.

    Parameters
    ----------
    theory, observed : pandas.DataFrame
        Runs of the dynamical theory; observations of random starts.

    Returns
    -------
    pandas.DataFrame
        alpha, time (the last observed at which V is below `LINEAR` N) and ratio, of the two: a row
        a run.
    """
    found = []
    for alpha, rows in observed.groupby("alpha"):
        run = theory[theory["alpha"] == alpha]
        if run.empty:
            continue
        n = int(rows["n"].iloc[0])
        times = np.array(sorted(t for t in rows["time"].unique() if 0 < t <= run["t"].max()))
        value, _ = at_times(run, "variance", times)
        small = np.flatnonzero(value < LINEAR * n)
        if len(small):
            last = small[-1]
            then = rows[rows["time"] == times[last]]
            ratio = n * then["abs_overlap"] ** 2 / value[last]
            found.append(then[["alpha", "time"]].assign(ratio=ratio))
    return pd.concat(found) if found else pd.DataFrame(columns=["alpha", "time", "ratio"])
