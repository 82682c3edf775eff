"""Claims on what the lowest eigenvector tells of recovery, and when (notebook 07)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu, norm

from companion.claims.claim import Claim, rises, within
from companion.claims.hessian_over_time import EQUATOR, lost_alignment
from companion.ensembles import mean_interval
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_threshold

LEAST = 15
"""Runs of each fate that an area under the curve needs here."""

PREDICTORS = ("overlap2", "abs_overlap", "lowest")
"""What may tell early who recovers. A low eigenvalue counts as promising."""


def auc(score: pd.Series, recovered: pd.Series) -> tuple[float, float]:
    """Area under the curve of a score for recovery, with its standard error.

    Parameters
    ----------
    score : Series
        One number a run.
    recovered : Series of bool
        Whether it recovers.

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


def prediction_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate how well each predictor tells, at each time, who will recover.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `companion.ensembles.observations`, of one size.

    Returns
    -------
    pandas.DataFrame
        alpha, time, predictor, mean (the area), low, high (95 %), error, recovering, failing; the
        alphas with enough runs of both fates.
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
            found.append(
                {
                    "alpha": alpha,
                    "time": time,
                    "predictor": name,
                    "mean": area,
                    "low": area - reach,
                    "high": area + reach,
                    "error": error,
                    "recovering": recovering,
                    "failing": failing,
                }
            )
    return pd.DataFrame(found)


def alignment_claims(a: float, rows: pd.DataFrame, curve: pd.DataFrame) -> list[Claim]:
    """Hold the mechanism of the paper against single runs.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    rows : pandas.DataFrame
        From `companion.ensembles.observations`, of one size.
    curve : pandas.DataFrame
        From `prediction_curve`.

    Returns
    -------
    list of Claim
        Whether v1 keeps its direction at first and loses the signal later, and whether its
        alignment, or the overlap itself, tells who recovers.
    """
    loss, claims = NormalizedIntensity(a), []
    early = rows[rows["time"] == rows.loc[rows["time"] > 0, "time"].min()]
    claims.append(
        rises(
            "alignment-start-kept",
            f"the lowest eigenvector of the start is still the lowest at t = "
            f"{early['time'].iloc[0]:g}: its squared overlap is above one half",
            float(early["start_overlap2"].mean()) - 0.5,
            float(early["start_overlap2"].sem()),
        )
    )
    # Beyond it the outlier stays, and its alignment fades for another reason.
    last = alpha_threshold(loss).alpha
    for alpha in sorted(rows["alpha"].unique()):
        law = outlier(initial(loss, float(alpha)))
        if law is None or law.overlap2 < 0.15 or alpha > last:
            continue
        lost = lost_alignment(rows[rows["alpha"] == alpha])
        claims.append(
            rises(
                f"alignment-fades-{alpha:g}",
                f"at alpha = {alpha:g} the alignment of v1 with the signal fades while "
                f"|m| < {EQUATOR:g}",
                float(lost.mean()),
                float(lost.sem()),
            )
        )
    for predictor, id_, what in (
        ("overlap2", "alignment", "alignment of v1 at t = 0"),
        ("abs_overlap", "overlap", "overlap |m| at t = 0, which is chance,"),
    ):
        for alpha, found in curve[curve["predictor"] == predictor].groupby("alpha"):
            start = found.sort_values("time").iloc[0]
            claims.append(
                rises(
                    f"{id_}-tells-{alpha:g}",
                    f"at alpha = {alpha:g} the {what} tells who recovers, better than chance",
                    float(start["mean"]) - 0.5,
                    float(start["error"]),
                )
            )
    if not curve.empty:
        claims += [tells_little(curve), _early(curve)]
    return claims


def tells_little(curve: pd.DataFrame) -> Claim:
    """Claim that at the start the alignment tells little, from all alphas together.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `prediction_curve`.

    Returns
    -------
    Claim
        Its number is the upper end of the 95 % interval of the mean area, weighted by its errors.
    """
    at = curve[curve["predictor"] == "overlap2"].sort_values("time").groupby("alpha").first()
    weight = 1 / at["error"] ** 2
    mean, error = (weight @ at["mean"]) / weight.sum(), weight.sum() ** -0.5
    return within(
        "alignment-tells-little",
        "the alignment of v1 at t = 0 orders two runs of one alpha and different fate rightly in "
        "fewer than two cases of three, over all alphas: upper end of the interval",
        float(mean + norm.ppf(0.975) * error),
        0.0,
        2 / 3,
        "share of pairs",
    )


def _early(curve: pd.DataFrame) -> Claim:
    """Claim that even at t = 1 the alignment tells little, at the best balanced alpha."""
    balance = curve.groupby("alpha")[["recovering", "failing"]].first().min(axis=1)
    alpha = balance.idxmax()
    at = curve[(curve["alpha"] == alpha) & (curve["predictor"] == "overlap2")]
    late = at[at["time"] <= 1.0].sort_values("time").iloc[-1]
    return within(
        "alignment-early",
        f"at alpha = {alpha:g} the alignment of v1 at t = {late['time']:g} orders two runs of "
        "different fate rightly in fewer than three cases of four: upper end of the interval",
        float(late["high"]),
        0.0,
        0.75,
        "share of pairs",
    )


def directions_table(rows: pd.DataFrame, times: tuple[float, ...] = (0.01, 1.0)) -> pd.DataFrame:
    """Tabulate where v1 points early on, by fate.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `companion.ensembles.observations`, of one size.
    times : tuple of float
        Observed times.

    Returns
    -------
    pandas.DataFrame
        Per alpha, time and fate: runs and mean squared overlaps of v1.
    """
    found = []
    for (alpha, time, recovered), at in rows[rows["time"].isin(times)].groupby(
        ["alpha", "time", "recovered"]
    ):
        line = {
            "alpha": f"{alpha:g}",
            "t": f"{time:g}",
            "fate": "recovers" if recovered else "fails",
            "runs": len(at),
        }
        for column, what in (
            ("overlap2", "with the signal"),
            ("start_overlap2", "with v1 of the start"),
            ("displacement_overlap2", "with the displacement"),
        ):
            mean = mean_interval(at, "alpha", column).iloc[0]
            spread = f" ± {mean['error']:.2f}" if len(at) > 1 else ""
            line[what] = f"{mean['mean']:.2f}{spread}"
        found.append(line)
    return pd.DataFrame(found).set_index(["alpha", "t", "fate"])
