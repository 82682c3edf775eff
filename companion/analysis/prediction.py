"""How early one can tell who recovers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from companion.analysis.intervals import weighted_mean

LEAST = 15
"""Runs of each fate that an area under the curve needs here."""

PREDICTORS = ("overlap2", "abs_overlap", "lowest")
"""What may tell early who recovers. A low eigenvalue counts as promising."""


def auc(score: pd.Series, recovered: pd.Series) -> tuple[float, float]:
    """Area under the curve of a score for recovery, with its standard error.

    Parameters
    ----------
    score, recovered : Series
        One number a run; whether it recovers.

    Returns
    -------
    area, error : float
        Probability that a run that recovers has the higher score of two; after Hanley & McNeil.

    References
    ----------
    J. A. Hanley & B. J. McNeil, Radiology 143, 29 (1982).

    Examples
    --------
    >>> auc(pd.Series([1.0, 2.0, 3.0]), pd.Series([False, False, True]))[0]
    1.0
    """
    yes, no = score[recovered], score[~recovered]
    area = float(mannwhitneyu(yes, no).statistic) / (len(yes) * len(no))
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (len(yes) - 1) * (one - area**2) + (len(no) - 1) * (two - area**2)
    ) / (len(yes) * len(no))
    return area, float(np.sqrt(max(variance, 0.25 / (len(yes) * len(no)))))


def auc_difference(rows: pd.DataFrame, one: str, other: str) -> tuple[float, float]:
    """Area under the curve of one score less that of another, on the same runs, with its error.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row a run; runs of one alpha are compared with each other only, and the alphas with at
        least `LEAST` runs of both fates are pooled by their errors.
    one, other : str
        Columns.

    References
    ----------
    E. R. DeLong, D. M. DeLong & D. L. Clarke-Pearson, Biometrics 44, 837 (1988).
    """
    means, errors = [], []
    for _, at in rows.groupby("alpha"):
        fates = at["recovered"]
        if min(fates.sum(), (~fates).sum()) < LEAST:
            continue
        (yes, no), others = _placements(at[one], fates), _placements(at[other], fates)
        yes, no = yes - others[0], no - others[1]
        means.append(yes.mean())
        errors.append(math.sqrt(yes.var(ddof=1) / len(yes) + no.var(ddof=1) / len(no)))
    if not means:
        return math.nan, math.nan
    return weighted_mean(pd.Series(means), pd.Series(errors))


def _placements(score: pd.Series, fates: pd.Series) -> tuple[NDArray, NDArray]:
    # Of each run the share of those of the other fate that it is rightly ordered with.
    yes, no = score[fates].to_numpy(), score[~fates].to_numpy()
    above = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
    return above.mean(axis=1), above.mean(axis=0)


def prediction_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate how well each predictor tells, at each time, who will recover.

    Parameters
    ----------
    rows : pandas.DataFrame
        Observations of one size.

    Returns
    -------
    pandas.DataFrame
        alpha, time, predictor, mean (the area), low, high (95 %), error, recovering, failing; the
        alphas with at least `LEAST` runs of both fates.
    """
    found = []
    for (alpha, time), at in rows.groupby(["alpha", "time"]):
        recovering = int(at["recovered"].sum())
        failing = len(at) - recovering
        if min(recovering, failing) < LEAST:
            continue
        for name in PREDICTORS:
            area, error = auc(-at[name] if name == "lowest" else at[name], at["recovered"])
            reach = norm.ppf(0.975) * error
            ends = (area - reach, area + reach)
            found.append((alpha, time, name, area, *ends, error, recovering, failing))
    columns = "alpha time predictor mean low high error recovering failing".split()
    return pd.DataFrame(found, columns=columns)
