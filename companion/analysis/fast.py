r"""What rows of fast transforms change: the edge that free probability expects, and half points.

A block of N rows is a corner of an orthogonal matrix of length L, so the Hessian is a sum of blocks
that are free of each other at large N. With :math:`\rho = N/L` the law A of a block's curvatures,
which is f at a share :math:`\rho` of L places and 0 elsewhere, has the R-transform
:math:`R_A(-\chi) = u + 1/\chi` where :math:`E_A[1/(A - u)] = \chi`, and

.. math:: z(\chi) = -\frac1\chi + \frac{\alpha}{\rho} R_A(-\chi)

in place of :math:`-1/\chi + \alpha E[f/(1 + f\chi)]`, its limit at :math:`\rho \to 0`. A last block
that is cut off has its own share of places.

References
----------
A. Nica & R. Speicher, Amer. J. Math. 118, 799 (1996), for corners.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar

from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import mean_interval, weighted_fit
from companion.analysis.scaling import LEAST_SIZES
from companion.analysis.signal_free import at_infinite_size
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure, initial
from prlib.sensing import Sensing
from prlib.spectra.bulk import left_edge


def corner_edge(law: LabelMeasure, ratio: float) -> float:
    """Return the left edge of the bulk for blocks of a ratio L/N, before the shift by mu.

    Parameters
    ----------
    law : LabelMeasure
        Labels and fields; its curvature must be negative somewhere.
    ratio : float
        L/N.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> from prlib.spectra.bulk import left_edge
    >>> law = initial(NormalizedIntensity(1.0), 2.0)
    >>> gaussian = left_edge(law).position + law.mu
    >>> near, far = (corner_edge(law, ratio) / gaussian - 1 for ratio in (1024, 16))
    >>> bool(abs(near) < 1e-3 < abs(far))
    True
    """
    whole, rest = divmod(law.alpha, 1.0)
    # How many blocks hold which share of N rows.
    blocks = [one for one in ((whole, 1.0), (1.0, rest)) if min(one) > 1e-12]
    f, weights, least = law.curvature, law.weights, float(law.curvature.min())

    def transform(u: float, filled: float) -> float:
        share = filled / ratio
        return share * float(weights @ (1 / (f - u))) - (1 - share) / u

    def z(chi: float) -> float:
        total = -1 / chi
        for count, filled in blocks:
            ends = least - 1 / chi - 1e-9, least * (1 + 1e-13)
            u = brentq(lambda u, filled=filled: transform(u, filled) - chi, *ends, xtol=1e-300)
            total += count * ratio * (u + 1 / chi)
        return total

    # Beyond it no u below the least curvature has so large a transform.
    top = min(transform(least * (1 + 1e-12), filled) for _, filled in blocks)
    bounds = (math.log(1e-6 * top), math.log(top * (1 - 1e-9)))
    options = {"xatol": 1e-10}
    found = minimize_scalar(
        lambda log: -z(math.exp(log)), bounds=bounds, method="bounded", options=options
    )
    return -float(found.fun)


@takes_loss
def edge_shifts(loss: Loss, spectra: pd.DataFrame) -> pd.DataFrame:
    """Compare how far the edge of random starts moves with the ratio, and should.

    Parameters
    ----------
    spectra : pandas.DataFrame
        Rows of `companion.ensembles.start_spectra` of one alpha without an outlier, with their
        ``ratio`` L/N: infinite for Gaussian rows, which are among them.

    Returns
    -------
    pandas.DataFrame
        Indexed by ratio: ``mean``, the lowest eigenvalue less the edge of the instance's own law,
        less the same for Gaussian rows, in units of the edge's depth; ``error``, ``low`` and
        ``high`` (95 %), ``count``, and what `corner_edge` has ``expected``.
    """
    means = _edge_means(loss, spectra)
    gaussian, others = means.loc[math.inf], means.drop(math.inf)
    error = np.hypot(others["error"], gaussian["error"])
    mean = others["mean"] - gaussian["mean"]
    return others.assign(mean=mean, error=error, low=mean - 1.96 * error, high=mean + 1.96 * error)


@takes_loss
def edge_factor(loss: Loss, spectra: pd.DataFrame) -> tuple[float, float]:
    """Return by how much of what is expected the edge moves, over all ratios, with its error.

    Parameters
    ----------
    spectra : pandas.DataFrame
        As for `edge_shifts`.
    """
    means = _edge_means(loss, spectra)
    design = np.column_stack([np.ones(len(means)), means["expected"]])
    if not np.isfinite(means["error"]).all() or np.linalg.matrix_rank(design) < 2:
        return math.nan, math.nan
    fit, covariance = weighted_fit(design, means["mean"].to_numpy(), means["error"].to_numpy())
    return float(fit[1]), float(np.sqrt(covariance[1, 1]))


def _edge_means(loss: Loss, spectra: pd.DataFrame) -> pd.DataFrame:
    law = initial(loss, float(spectra["alpha"].iloc[0]))
    edge = left_edge(law).position + law.mu
    apart = (spectra["lowest"] - spectra["empirical_edge"]) / abs(edge)
    means = mean_interval(spectra.assign(apart=apart), "ratio", "apart")
    corners = [edge if math.isinf(ratio) else corner_edge(law, ratio) for ratio in means.index]
    return means.assign(expected=(np.array(corners) - edge) / abs(edge))


def ratio_of(sensing: str) -> float:
    """Return L/N of a sensing by its id; infinite for one of no fast transforms.

    Examples
    --------
    >>> ratio_of("hadamard(ratio=8)"), ratio_of("gaussian")
    (8.0, inf)
    """
    return getattr(Sensing.read(sensing), "ratio", math.inf)


def halves_by_ratio(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Find the half points of each start, size and sensing.

    Returns
    -------
    pandas.DataFrame
        Rows of `half_points` with ``ratio``.
    """
    found = [
        half_points(near_half(rows), [start], seed).assign(ratio=ratio_of(sensing))
        for (start, sensing), rows in table.groupby(["start", "sensing"])
    ]
    # A group without a half point is an empty table, whose columns hold no numbers.
    numbers = dict.fromkeys(("half", "low", "high", "error", "slope", "ratio"), float)
    return pd.concat(found, ignore_index=True).astype(numbers)


def biases(halves: pd.DataFrame) -> pd.DataFrame:
    """Return half points less those of Gaussian rows: start, n, ratio, mean, error, low, high."""
    fast = np.isfinite(halves["ratio"])
    gaussian = halves.loc[~fast, ["start", "n", "half", "error"]]
    both = halves[fast].merge(gaussian, on=["start", "n"], suffixes=("", "_gaussian"))
    mean = both["half"] - both["half_gaussian"]
    error = np.hypot(both["error"], both["error_gaussian"])
    ends = {"low": mean - 1.96 * error, "high": mean + 1.96 * error}
    found = both[["start", "n", "ratio"]].assign(mean=mean, error=error, **ends)
    return found.sort_values(["start", "n", "ratio"], ignore_index=True)


def fitted_bias(halves: pd.DataFrame) -> pd.DataFrame:
    r"""Fit :math:`\alpha_{1/2} = h + c + b N/L`, with h of each start and size for Gaussian rows.

    Returns
    -------
    pandas.DataFrame
        ``limit`` c, what is left where L/N is infinite, and ``slope`` b: mean and error, NaN
        where the half points do not tell them apart.
    """
    halves = halves[np.isfinite(halves["half"]) & (halves["error"] > 0)]
    groups = halves.groupby(["start", "n"]).ngroup().to_numpy()
    share = 1 / halves["ratio"].to_numpy()
    design = np.column_stack([groups[:, None] == np.unique(groups), share > 0, share]).astype(float)
    fit = errors = np.full(2, math.nan)
    if len(halves) and np.linalg.matrix_rank(design) == design.shape[1]:
        values, given = halves["half"].to_numpy(), halves["error"].to_numpy()
        fit, covariance = weighted_fit(design, values, given)
        errors = np.sqrt(np.diagonal(covariance))
    return pd.DataFrame({"mean": fit[-2:], "error": errors[-2:]}, ["limit", "slope"])


def chosen_ratio(compared: pd.DataFrame, used: pd.DataFrame) -> float:
    """Return the least ratio tried whose bias is surely small beside the errors of other runs.

    Parameters
    ----------
    compared, used : pandas.DataFrame
        Half points from `halves_by_ratio`: of the ratios tried, with Gaussian rows among them, and
        of the runs that use one of them.

    Returns
    -------
    float
        The bias is that of the fitted slope with its standard error added: one that is not known
        is not small. It must be below a third of the median error; infinite where none is.
    """
    slope, error = fitted_bias(compared).loc["slope"]
    most = used["error"].median() / 3
    tried = compared.loc[np.isfinite(compared["ratio"]), "ratio"].unique()
    return min((one for one in tried if (abs(slope) + error) / one < most), default=math.inf)


def straight_on(halves: pd.DataFrame, sizes: ArrayLike) -> pd.DataFrame:
    """Go on with the straight line in log N through half points, to other sizes.

    Parameters
    ----------
    halves : pandas.DataFrame
        Half points of one start, with their errors.
    sizes : array_like
        Dimensions.

    Returns
    -------
    pandas.DataFrame
        n, half and its error, that of the line; NaN where fewer than three sizes make it.
    """
    halves = halves[halves["error"] > 0]
    sizes = np.atleast_1d(sizes)
    place = error = np.full(len(sizes), math.nan)
    if halves["n"].nunique() >= LEAST_SIZES:
        design, there = (np.vander(np.log(n), 2) for n in (halves["n"].to_numpy(float), sizes))
        fit, covariance = weighted_fit(design, *halves[["half", "error"]].to_numpy().T)
        place, error = there @ fit, np.sqrt(np.sum(there @ covariance * there, axis=1))
    return pd.DataFrame({"n": sizes, "half": place, "error": error})


def without_bias(found: Mapping[float, pd.DataFrame]) -> pd.DataFrame:
    """Extrapolate means with fast rows to infinite L/N, on a straight line in N/L at each time.

    Parameters
    ----------
    found : mapping
        By ratio: from `companion.analysis.signal_free.conditions`, of one size.

    Returns
    -------
    pandas.DataFrame
        See `companion.analysis.signal_free.at_infinite_size`.
    """
    # What one is in 1/N the other is in N/L.
    return at_infinite_size(pd.concat(rows.assign(n=ratio) for ratio, rows in found.items()))
