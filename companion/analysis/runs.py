"""What observed descents do: who recovers, what fades, what relaxes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EQUATOR = 0.3
"""Absolute overlap below which an estimate counts as near the equator."""

LATE = 0.1
"""Share of the time after which relaxation counts as late."""

EXPONENTS = np.linspace(0.1, 3.0, 59)
"""Exponents tried for the power law: one at either end of these is no fit."""


def fates(rows: pd.DataFrame) -> pd.DataFrame:
    """Count per alpha the runs that fail and those that recover."""
    recovered = rows.groupby(["alpha", "replica"])["recovered"].first().groupby("alpha")
    recover = recovered.sum()
    return pd.DataFrame({"fail": recovered.size() - recover, "recover": recover})


def last_observed(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the observations at the last time."""
    return rows[rows["time"] == rows["time"].max()]


def lost_alignment(rows: pd.DataFrame) -> pd.Series:
    """Return how much alignment with the signal the lowest eigenvector of each run has lost.

    Parameters
    ----------
    rows : pandas.DataFrame
        Observations of one alpha.

    Returns
    -------
    pandas.Series
        Squared overlap at the start less the last one near the equator, by replica: around the
        signal itself no direction is special.
    """
    near = rows[rows["abs_overlap"] < EQUATOR].sort_values("time")
    ends = near.groupby("replica")["overlap2"].agg(["first", "last"])
    return ends["first"] - ends["last"]


def median_time(rows: pd.DataFrame, event: pd.Series) -> float:
    """Return the median over runs of the first time of an event; infinite if half have none."""
    first = rows["time"].where(event, np.inf).groupby(rows["replica"]).min()
    return float(first.median())


def overlap_when_halved(rows: pd.DataFrame) -> dict[float, float]:
    """Return, of the runs that recover, the median |m| when the median alignment has halved."""
    found = {}
    for alpha, runs in rows[rows["recovered"]].groupby("alpha"):
        medians = runs.groupby("time")[["overlap2", "abs_overlap"]].median()
        low = medians[medians["overlap2"] < medians["overlap2"].iloc[0] / 2]
        if len(low):
            found[alpha] = float(low["abs_overlap"].iloc[0])
    return found


def fit_power_law(
    times: NDArray, values: NDArray, errors: NDArray | float = 1.0
) -> tuple[float, float, float]:
    """Fit ``limit + amplitude times**-exponent`` by least squares over `EXPONENTS`.

    Returns
    -------
    limit, amplitude, exponent : float
        Linear in all but the exponent, so that no start value is needed.

    Examples
    --------
    >>> t = np.geomspace(1, 10, 20)
    >>> limit, amplitude, exponent = fit_power_law(t, 2 + 3 * t**-0.75)
    >>> round(limit, 9), round(amplitude, 9), round(exponent, 9)
    (2.0, 3.0, 0.75)
    """
    weights = 1 / np.square(np.broadcast_to(errors, np.shape(values)))
    weights = weights / weights.sum()
    powers = np.asarray(times)[None, :] ** -EXPONENTS[:, None]
    means, mean = powers @ weights, values @ weights
    centred = powers - means[:, None]
    slopes = (centred * weights) @ values / ((centred**2) @ weights)
    residuals = values - mean - slopes[:, None] * centred
    best = int(((residuals**2) @ weights).argmin())
    limit = mean - slopes[best] * means[best]
    return float(limit), float(slopes[best]), float(EXPONENTS[best])
