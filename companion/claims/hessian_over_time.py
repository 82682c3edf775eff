"""Claims on the Hessian along the descent (notebook 02)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.condition import SMALL
from companion.analysis.runs import EQUATOR, lost_alignment, median_time
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, jointly, rises, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, as_loss, takes_loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.sweeps import wilson
from prlib.transitions import alpha_init

ALIGNED = 0.15
"""Squared overlap of the start's outlier from which there is something to lose."""


def monotone(rows: pd.DataFrame) -> Finding:
    """Count the steps of a run that raised the energy."""
    return within(rows["rises"].max(), 0, 0, "largest count of a run")


def _start(rows: pd.DataFrame) -> Finding | None:
    # Near the transition a finite size rounds the corner: compare where theory is sharp.
    start = {
        (loss, alpha): at["overlap2"] - outlier(initial(as_loss(loss), alpha)).overlap2
        for (loss, alpha), at in rows[rows["time"] == 0].groupby(["loss", "alpha"])
        if alpha > 1.35 * alpha_init(loss).alpha
    }
    what = "difference of squared overlaps"
    members = {
        _case(*case): agrees(off.mean(), off.sem(), 0.0, len(off), what, tests=len(start))
        for case, off in start.items()
    }
    return jointly(members) if members else None


def _lost(rows: pd.DataFrame) -> tuple[dict, Finding] | None:
    losing = {}
    for (loss, alpha), found in rows.groupby(["loss", "alpha"]):
        law = outlier(initial(as_loss(loss), alpha))
        # Above the transition of threshold states the outlier stays, and fades for another reason.
        stays = alpha > dynamical_threshold(loss).alpha
        if not stays and law is not None and law.overlap2 >= ALIGNED:
            losing[loss, alpha] = lost_alignment(found)
    what = "loss of squared overlap"
    members = {
        _case(*case): rises(lost.mean(), lost.sem(), len(lost), what, tests=len(losing))
        for case, lost in losing.items()
    }
    return ({"equator": EQUATOR}, jointly(members)) if members else None


def _spared(parts: pd.DataFrame) -> tuple[dict, Finding]:
    by_side = parts.assign(small=parts["label"] < SMALL)
    share = by_side.pivot_table("share", ["small", "law"], "time", "sum")
    first, then = share.columns[:2]
    change, what = share[then] - share[first], "change of the condition"
    members = {
        name: rises(sign * found.mean(), found.sem(), len(found), what, tests=2)
        for name, sign, found in (
            (f"less from |y| < {SMALL:g}", -1, change[True]),
            (f"more from |y| > {SMALL:g}", 1, change[False]),
        )
    }
    return {"small": SMALL, "then": then}, jointly(members)


def _case(loss: str, alpha: float) -> str:
    return f"{loss}, alpha = {alpha:g}"


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
    Row(
        "time-small-labels",
        "what the condition of the transition has lost by t = {then:g} it has lost where "
        "|y| < {small:g}, and where |y| is larger it has gained",
        _spared,
        effect=0.05,
    ),
)
"""Evaluated on ``rows`` of `companion.ensembles.observations`, of random starts, of any losses; and
on ``parts`` of the condition (`companion.analysis.condition`) with their ``time``, of the same
descents, held without the signal, at two times or more."""


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
