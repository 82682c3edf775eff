"""The threshold of the dynamics: where the states of held descents turn unstable."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.analysis.intervals import weighted_fit, weighted_mean
from prlib.transitions import thresholds

RESAMPLES = 1000
DEGREE = 2
"""Degree in alpha of the mean condition of the transition, over the alphas of the runs."""


@dataclass(frozen=True)
class Crossing:
    """The alpha at which the condition of the transition passes 1, at each time of some runs.

    Attributes
    ----------
    n : int
        Their dimension.
    times, alpha, error : ndarray, shape (T,)
        Flow times, the alpha at each and its standard error; NaN where nothing rises.
    count : int
        Instances, less the coefficients that were fitted to them.
    draws : ndarray, shape (R, T)
        The same of resampled instances: each keeps all its times.
    """

    n: int
    times: NDArray[np.float64]
    alpha: NDArray[np.float64]
    error: NDArray[np.float64]
    count: int
    draws: NDArray[np.float64] = field(repr=False)


def crossing(rows: pd.DataFrame, column: str = "bbp") -> Crossing:
    r"""Find where the mean over instances passes 1 in alpha, time by time.

    The mean is a polynomial in alpha of degree `DEGREE`, fitted to the instances by least squares.
    Errors are from resampling the instances of each alpha.

    Parameters
    ----------
    rows : pandas.DataFrame
        Observations of one loss and dimension.
    column : str
        What passes 1.
    """
    rows, n = rows[rows["time"] > 0], int(rows["n"].iloc[0])
    runs = rows.pivot_table(index=["alpha", "replica"], columns="time", values=column)
    alphas = runs.index.get_level_values("alpha").to_numpy()
    centre, degree = alphas.mean(), min(DEGREE, len(set(alphas)) - 1)
    design = np.vander(alphas - centre, degree + 1, increasing=True)
    excess = runs.to_numpy() - 1
    weights = _resampled(alphas, n)
    moments = np.einsum("rk,ki,kj->rij", weights, design, design)
    fits = np.linalg.solve(moments, np.einsum("rk,ki,kt->rit", weights, design, excess))
    found = centre + _root(fits)
    draws = found[1:]
    return Crossing(
        n=n,
        times=runs.columns.to_numpy(float),
        alpha=found[0],
        error=draws.std(axis=0, ddof=1),
        count=len(alphas) - degree - 1,
        draws=draws,
    )


def _resampled(alphas: NDArray, n: int) -> NDArray:
    """Count how often each instance is drawn: once, then as in `RESAMPLES` resamples."""
    # Of their own for each dimension: crossings that are pooled are independent.
    rng = np.random.default_rng(n)
    weights = np.ones((RESAMPLES + 1, len(alphas)))
    for alpha in np.unique(alphas):
        at = np.flatnonzero(alphas == alpha)
        weights[1:, at] = rng.multinomial(len(at), np.full(len(at), 1 / len(at)), RESAMPLES)
    return weights


def _root(fits: NDArray) -> NDArray:
    """Return where a rising polynomial of degree at most two vanishes, or comes nearest to it."""
    zeroth, slope, bend = (fits[:, i] if i < fits.shape[1] else 0.0 for i in range(3))
    root = np.sqrt(np.maximum(np.square(slope) - 4 * bend * zeroth, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(slope > 0, -2 * zeroth / (slope + root), np.nan)


POWERS = (0.5, 1.0)
"""Powers of 1/t between which the last of a crossing's rise must lie: that of the edge of the bulk,
and its square."""

SETTLED = 20.0
"""Flow time from which on a crossing is extrapolated."""


@dataclass(frozen=True)
class Limit:
    r"""A crossing extrapolated in time by :math:`\alpha_\infty + c\,t^{-p}`.

    Attributes
    ----------
    alpha, error : float
        The limit, midway between those of the two `POWERS`, and its standard error: `sampling` and
        `form` in quadrature.
    sampling : float
        From resampling the instances.
    form : float
        Half the distance between the two.
    count : int
        Of the `Crossing`.
    """

    alpha: float
    error: float
    sampling: float
    form: float
    count: int


def late_limit(found: Crossing) -> Limit:
    """Extrapolate a crossing to late times; NaN of fewer than two of them."""
    late = found.times >= SETTLED
    if late.sum() < 2:
        return Limit(*[math.nan] * 4, found.count)
    times, lines = found.times[late], np.vstack([found.alpha, found.draws])[:, late]
    ends = np.array([np.polynomial.polynomial.polyfit(times**-p, lines.T, 1)[0] for p in POWERS])
    middle, form = ends.mean(axis=0), float(np.ptp(ends[:, 0]) / 2)
    sampling = float(middle[1:].std(ddof=1))
    return Limit(float(middle[0]), math.hypot(sampling, form), sampling, form, found.count)


def by_loss(holds: pd.DataFrame) -> pd.DataFrame:
    """Measure the threshold of each loss of some held descents, and compute those of theory.

    Returns
    -------
    pandas.DataFrame
        By id of the loss: ``a``; the fields of `Limit`, of the largest dimension whose alphas tell
        (NaN of none); `LINES`, fields of `prlib.transitions.thresholds`; and ``size`` and
        ``size_error``, how far the crossing at the last time rises from the dimension ``smallest``
        to ``largest``, by the alphas that they share (NaN of one).
    """
    found: dict[str, dict] = {}
    for id_, rows in holds.groupby("loss", sort=False):
        at, lines = crossings(rows), thresholds(id_)
        limit = late_limit(at[-1]) if at else Limit(*[math.nan] * 4, 0)
        found[id_] = {"a": lines.a, **vars(limit), **{name: getattr(lines, name) for name in LINES}}
        found[id_] |= _size(rows)
    table = pd.DataFrame.from_dict(found, orient="index")
    sizes = ["smallest", "largest", "size", "size_error"]
    return table.reindex(columns=[*table.columns.difference(sizes, sort=False), *sizes])


LINES = ("alpha_minima", "alpha_minima_low", "alpha_threshold")


def _size(rows: pd.DataFrame) -> dict[str, float]:
    last = rows[rows["time"] == rows["time"].max()]
    cells = last.groupby(["n", "alpha"])["bbp"].agg(["mean", "sem"])
    smallest, largest = cells.index.levels[0][[0, -1]]
    first, end = cells.loc[smallest], cells.loc[largest]
    change = (end["mean"] - first["mean"]).dropna()
    errors = np.hypot(end["sem"], first["sem"])[change.index]
    means = cells["mean"].groupby("alpha").mean()
    if smallest == largest or change.empty or errors.isna().any() or len(means) < 2:
        return {}
    slope = np.polyfit(means.index, means, 1)[0]
    rise, error = weighted_mean(change, errors)
    return {
        "smallest": smallest,
        "largest": largest,
        "size": -rise / slope,
        "size_error": error / slope,
    }


def crossings(rows: pd.DataFrame) -> list[Crossing]:
    """Return the crossings of one loss, a dimension of enough alphas each, the smallest first."""
    sizes = [at_n for _, at_n in rows.groupby("n") if len({*at_n["alpha"]}) > DEGREE]
    return [crossing(at_n) for at_n in sizes]


EARLY = 40.0
"""Flow time until which the sizes of the book do not stop the rise of the edge."""

EDGE_POWER = 2 / 3
"""Power of 1/N with which the lowest eigenvalue of a finite bulk spreads about its edge."""


def edge_limit(rows: pd.DataFrame) -> tuple[float, float, int]:
    r"""Extrapolate the edge at the last time to infinite dimension, linearly in :math:`N^{-2/3}`.

    A finite descent ends in a minimum: its lowest eigenvalue, which lies above the edge by a number
    of order :math:`N^{-2/3}`, is then at zero.

    Returns
    -------
    edge, error, count
        At the alphas of all dimensions, averaged over these; NaN of one dimension. The count is of
        instances less means.
    """
    last = rows[rows["time"] == rows["time"].max()]
    cells = last.groupby(["n", "alpha"])["edge"].agg(["mean", "sem", "count"])
    shared = cells.groupby("alpha")["count"].transform("size") == len(cells.groupby("n"))
    cells = cells[shared]
    sizes = cells.groupby("n")
    if len(sizes) < 2:
        return math.nan, math.nan, 0
    means = sizes["mean"].mean().to_numpy()
    errors = sizes["sem"].apply(lambda sem: np.sqrt(np.square(sem).sum(skipna=False)) / len(sem))
    place = np.array([*sizes.groups], float) ** -EDGE_POWER
    design = np.vander(place, 2, increasing=True)
    (edge, _), covariance = weighted_fit(design, means, errors.to_numpy())
    return float(edge), float(np.sqrt(covariance[0, 0])), int((cells["count"] - 1).sum())


def edge_exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """Fit the power with which the edge rises to zero at the largest dimension, before `EARLY`.

    Returns
    -------
    pandas.DataFrame
        ``exponent`` and ``error`` over all these times and over their first and last half, which
        agree if it is a power. Indexed by ``all, first, last`` and ``bend``, their difference,
        with the error of paired resamples; empty of fewer than four times or two instances.
    """
    early = rows[(rows["n"] == rows["n"].max()) & (rows["time"] > 0) & (rows["time"] <= EARLY)]
    runs = early.pivot_table(index=["alpha", "replica"], columns="time", values="edge")
    # One instance of an alpha resampled is itself: it has no error.
    if runs.empty or runs.groupby("alpha").size().min() < 2 or runs.shape[1] < 4:
        return pd.DataFrame(columns=["exponent", "error"])
    weights = _resampled(runs.index.get_level_values("alpha").to_numpy(), early["n"].iloc[0])
    edges = np.log(-(weights @ runs.to_numpy()) / len(runs))
    times, half = np.log(runs.columns.to_numpy(float)), (runs.shape[1] + 1) // 2
    parts = {"all": slice(None), "first": slice(half), "last": slice(-half, None)}
    found = {name: -np.polyfit(times[part], edges[:, part].T, 1)[0] for name, part in parts.items()}
    found["bend"] = found["last"] - found["first"]
    return pd.DataFrame(
        {name: {"exponent": p[0], "error": p[1:].std(ddof=1)} for name, p in found.items()}
    ).T
