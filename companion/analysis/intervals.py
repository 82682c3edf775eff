"""Means, differences and rates with their errors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from prlib.sweeps import paired, rates


def mean_interval(
    rows: pd.DataFrame, by: str | list[str], column: str, level: float = 0.95
) -> pd.DataFrame:
    """Mean of a column with its Student interval, group by group.

    Returns
    -------
    pandas.DataFrame
        Indexed by the groups: ``mean, error`` (standard error; NaN of one row), ``low, high,
        count``.

    Examples
    --------
    >>> rows = pd.DataFrame({"n": [1, 1, 1], "x": [1.0, 2.0, 3.0]})
    >>> float(mean_interval(rows, "n", "x").loc[1, "mean"])
    2.0
    """
    found = rows.groupby(by)[column].agg(["mean", "sem", "count"])
    found = found.rename(columns={"sem": "error"})
    reach = found["error"] * student.ppf((1 + level) / 2, np.maximum(found["count"] - 1, 1))
    return found.assign(low=found["mean"] - reach, high=found["mean"] + reach)


def error_of(low: float, high: float) -> float:
    """Return the standard error of which a 95 % interval is made.

    Examples
    --------
    >>> round(error_of(-1.96, 1.96), 4)
    1.0
    """
    return float((high - low) / (2 * norm.ppf(0.975)))


def weighted_mean(means: pd.Series, errors: pd.Series) -> tuple[float, float]:
    """Pool estimates of one number by their errors; return it with its standard error.

    Examples
    --------
    >>> weighted_mean(pd.Series([1.0, 3.0]), pd.Series([1.0, 1.0]))
    (2.0, 0.7071067811865476)
    """
    weight = 1 / errors**2
    return float(weight @ means / weight.sum()), float(weight.sum() ** -0.5)


def weighted_fit(design: NDArray, values: NDArray, errors: NDArray) -> tuple[NDArray, NDArray]:
    """Fit values with errors by least squares: coefficients, and their covariance.

    Examples
    --------
    >>> fit, covariance = weighted_fit(np.ones((2, 1)), np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    >>> float(fit[0]), float(covariance[0, 0])
    (2.0, 0.5)
    """
    weighted = design / errors[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    return covariance @ weighted.T @ (values / errors), covariance


def power_of_size(rows: pd.DataFrame, column: str, by: str = "alpha") -> tuple[float, float, int]:
    """Fit the power of N as which a positive quantity falls, with a factor for each group.

    Returns
    -------
    power, error : float
        By least squares in logarithms, which what scatters over decades asks for.
    count : int
        Instances, less the factors.

    Examples
    --------
    >>> rows = pd.DataFrame({"n": [10, 10, 100, 100], "alpha": 1.0, "x": [1.1, 0.9, 0.11, 0.09]})
    >>> power, error, count = power_of_size(rows, "x")
    >>> round(power, 6), error < 0.2, count
    (1.0, True, 3)
    """
    logs = pd.DataFrame({"n": np.log(rows["n"]), "x": np.log(rows[column]), by: rows[by]})
    groups = logs.groupby(by)
    n, x = (logs[name] - groups[name].transform("mean") for name in ("n", "x"))
    count = len(logs) - groups.ngroups
    if count < 2 or not (n**2).sum():
        return math.nan, math.nan, 1
    slope = float(n @ x / (n @ n))
    error = float(np.sqrt(((x - slope * n) ** 2).sum() / (count - 1) / (n @ n)))
    return -slope, error, count


def settings_compared(base: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Compare runs whose setting was changed with those of the same instances, start by start."""
    both = pd.concat([base.assign(setting="base"), changed.assign(setting="changed")])
    return paired(both, "changed", "base", by=("start",), column="setting")


def largest_change(base: pd.DataFrame, changed: pd.DataFrame) -> float:
    """Largest change of a recovered fraction, over the distance to the end of its interval.

    Parameters
    ----------
    base, changed : pandas.DataFrame
        Runs of the same instances.

    Returns
    -------
    float
        Over size, start and alpha, by the 95 % Wilson interval on that side; NaN without a common
        cell.
    """
    keys = ["n", "start", "alpha"]
    both = rates(base, by=keys).merge(rates(changed, by=keys), on=keys, suffixes=("", "_changed"))
    if both.empty:
        return float("nan")
    change = both["rate_changed"] - both["rate"]
    reach = np.where(change > 0, both["high"] - both["rate"], both["rate"] - both["low"])
    return float(np.max(np.abs(change) / np.maximum(reach, 1e-12)))
