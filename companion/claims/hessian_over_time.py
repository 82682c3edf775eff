"""Claims on the Hessian along the descent (notebook 02)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.claims.claim import Claim, agrees, rate_agrees, rises, within
from companion.ensembles import mean_interval
from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.sweeps import wilson
from prlib.transitions import alpha_init, alpha_threshold

EQUATOR = 0.3
"""Absolute overlap below which an estimate counts as near the equator."""


def time_claims(loss: Loss, rows: pd.DataFrame) -> list[Claim]:
    """Hold the first experiment of the paper against theory and against itself.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `companion.ensembles.descents`.

    Returns
    -------
    list of Claim
        The start against theory, the fading of the informative direction, and who recovers.
    """
    start, end = rows[rows["time"] == 0], rows[rows["time"] == rows["time"].max()]
    claims = [
        within(
            "time-monotone",
            "no step of any run raised the energy",
            float(rows["rises"].max()),
            0,
            0,
            "largest count of a run",
        )
    ]
    transition = alpha_init(loss).alpha
    # Near the transition a finite size rounds the corner: compare where theory is sharp.
    sharp = [alpha for alpha in start["alpha"].unique() if alpha >= 1.35 * transition]
    for alpha in sorted(sharp):
        claims += _start(loss, start[start["alpha"] == alpha])
    # Above the transition of threshold states the outlier stays, and fades for another reason.
    between = rows["alpha"].between(transition, alpha_threshold(loss).alpha)
    claims += _fading(rows[between])
    claims += _recovery(end, transition)
    return claims


def _start(loss: Loss, start: pd.DataFrame) -> list[Claim]:
    alpha = start["alpha"].iloc[0]
    measure = initial(loss, alpha)
    theory = outlier(measure)
    shifted = start.assign(lowest=start["lowest"] + start["mu"])
    claims = []
    for column, expected, what in (
        ("lowest", theory.position + measure.mu, "lowest eigenvalue of H + mu"),
        ("overlap2", theory.overlap2, "squared overlap of its eigenvector with the signal"),
    ):
        found = mean_interval(shifted, "alpha", column).loc[alpha]
        claims.append(
            agrees(
                f"time-start-{column}-{alpha:g}",
                f"at t = 0 and alpha = {alpha:g} the {what} is {expected:.3g}",
                found["mean"],
                found["error"],
                expected,
            )
        )
    return claims


def _fading(rows: pd.DataFrame) -> list[Claim]:
    claims = []
    for alpha, found in rows.groupby("alpha"):
        lost = lost_alignment(found)
        claims.append(
            rises(
                f"time-lost-{alpha:g}",
                f"at alpha = {alpha:g} the alignment fades while |m| < {EQUATOR:g}",
                lost.mean(),
                lost.sem(),
            )
        )
    return claims


def lost_alignment(rows: pd.DataFrame) -> pd.Series:
    """Return how much alignment with the signal the lowest eigenvector of each run has lost.

    Parameters
    ----------
    rows : pandas.DataFrame
        Observations of one alpha, with ``replica``, ``time``, ``overlap`` and ``overlap2``.

    Returns
    -------
    pandas.Series
        Squared overlap at the start less the last one near the equator, by replica: around the
        signal itself no direction is special.
    """
    near = rows[rows["abs_overlap"] < EQUATOR].sort_values("time")
    ends = near.groupby("replica")["overlap2"].agg(["first", "last"])
    return ends["first"] - ends["last"]


def _recovery(end: pd.DataFrame, transition: float) -> list[Claim]:
    counts = end.groupby("alpha")["recovered"].agg(["sum", "count"])
    claims = []
    for alpha, (successes, trials) in counts.iterrows():
        if alpha < 0.5 * transition:
            low, high, what = 0.0, 0.05, "hardly any run recovers"
        elif alpha > 2.0 * transition:
            low, high, what = 0.95, 1.0, "nearly every run recovers"
        else:
            continue
        claims.append(
            rate_agrees(
                f"time-recovery-{alpha:g}",
                f"at alpha = {alpha:g} {what}",
                successes,
                trials,
                low,
                high,
            )
        )
    return claims


def recovery_table(loss: Loss, rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate, per alpha, what the start holds and how the runs end.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `companion.ensembles.descents`.

    Returns
    -------
    pandas.DataFrame
        Per alpha: whether theory has an outlier at the start, recovered runs with their Wilson
        interval, the median time at which the empirical law of a failing run first has none, and
        the time at which half of the recovering runs have passed |m| = 1/2.
    """
    table = {}
    for alpha, found in rows.groupby("alpha"):
        runs = found.sort_values("time").groupby("replica")
        recovered = runs["recovered"].first()
        low, high = wilson(recovered.sum(), len(recovered))
        failing, recovering = found[~found["recovered"]], found[found["recovered"]]
        table[f"{alpha:g}"] = {
            "outlier at t = 0 (theory)": "no" if outlier(initial(loss, alpha)) is None else "yes",
            "recovered": f"{recovered.sum()} of {len(recovered)}",
            "95 % interval": f"{low:.2f} to {high:.2f}",
            "first time without outlier (failing runs)": _median_time(failing, ~failing["outlier"]),
            "time to |m| = 1/2 (recovering runs)": _median_time(
                recovering, recovering["abs_overlap"] > 0.5
            ),
        }
    return pd.DataFrame(table).T.rename_axis("alpha")


def _median_time(rows: pd.DataFrame, event: pd.Series) -> str:
    if rows.empty:
        return "no such run"
    first = rows["time"].where(event, np.inf).groupby(rows["replica"]).min()
    median = float(first.median())
    return "never" if np.isinf(median) else f"{median:.2g}"
