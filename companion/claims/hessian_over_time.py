"""Claims on the Hessian along the descent (notebook 02)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.runs import EQUATOR, lost_alignment, median_time
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, jointly, rises, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.sweeps import wilson
from prlib.transitions import alpha_init

ALIGNED = 0.15
"""Squared overlap of the start's outlier from which there is something to lose."""


def monotone(rows: pd.DataFrame) -> Finding:
    """Count the steps of a run that raised the energy."""
    return within(rows["rises"].max(), 0, 0, "largest count of a run")


def _start(loss: Loss, rows: pd.DataFrame) -> Finding | None:
    # Near the transition a finite size rounds the corner: compare where theory is sharp.
    start = rows[(rows["time"] == 0) & (rows["alpha"] > 1.35 * alpha_init(loss).alpha)]
    members = {}
    for alpha, at in start.groupby("alpha"):
        off = at["overlap2"] - outlier(initial(loss, alpha)).overlap2
        estimate = off.mean(), off.sem(), 0.0, len(off), "difference of squared overlaps"
        members[f"alpha = {alpha:g}"] = agrees(*estimate, tests=start["alpha"].nunique())
    return jointly(members) if members else None


def _lost(loss: Loss, rows: pd.DataFrame) -> tuple[dict, Finding] | None:
    # Above the transition of threshold states the outlier stays, and fades for another reason.
    last, losing = dynamical_threshold(loss).alpha, {}
    for alpha, found in rows[rows["alpha"] <= last].groupby("alpha"):
        law = outlier(initial(loss, alpha))
        if law is not None and law.overlap2 >= ALIGNED:
            losing[alpha] = lost_alignment(found)
    members = {}
    for alpha, lost in losing.items():
        estimate = lost.mean(), lost.sem(), len(lost), "loss of squared overlap"
        members[f"alpha = {alpha:g}"] = rises(*estimate, tests=len(losing))
    return ({"equator": EQUATOR}, jointly(members)) if members else None


CLAIMS = (
    Row("time-monotone", "no step of any run raised the energy", monotone, "check"),
    Row(
        "time-start",
        "at t = 0 the lowest eigenvector has the squared overlap with the signal that theory gives",
        _start,
        "check",
        effect=0.25,
    ),
    Row(
        "time-lost",
        "between the transitions, where the start is well aligned, the alignment fades while the "
        "estimate is near the equator, |m| < {equator:g}",
        _lost,
        effect=0.25,
    ),
)
"""Evaluated on ``loss`` and ``rows`` of `companion.ensembles.observations`, of random starts."""


@takes_loss
def recovery_table(loss: Loss, rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate, per alpha, what the start holds and how the runs end.

    Returns
    -------
    pandas.DataFrame
        Per alpha: whether theory has an outlier at the start, recovered runs with their Wilson
        interval, the median time at which the empirical law of a failing run first has none, and
        the time at which half of the recovering runs have passed |m| = 1/2.
    """
    table = {}
    for alpha, found in rows.groupby("alpha"):
        recovered = found.groupby("replica")["recovered"].first()
        low, high = wilson(recovered.sum(), len(recovered))
        failing, recovering = found[~found["recovered"]], found[found["recovered"]]
        table[f"{alpha:g}"] = {
            "outlier at t = 0 (theory)": "no" if outlier(initial(loss, alpha)) is None else "yes",
            "recovered": f"{recovered.sum()} of {len(recovered)}",
            "95 % interval": f"{low:.2f} to {high:.2f}",
            "first time without outlier (failing runs)": _in_words(failing, ~failing["outlier"]),
            "time to |m| = 1/2 (recovering runs)": _in_words(
                recovering, recovering["abs_overlap"] > 0.5
            ),
        }
    return pd.DataFrame(table).T.rename_axis("alpha")


def _in_words(rows: pd.DataFrame, event: pd.Series) -> str:
    if rows.empty:
        return "no such run"
    median = median_time(rows, event)
    return "never" if np.isinf(median) else f"{median:.2g}"
