"""Claims on the Hessian along the descent (notebook 02)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from companion.analysis.intervals import mean_interval
from companion.analysis.runs import EQUATOR, last_observed, lost_alignment, median_time
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, rate_agrees, rises, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.sweeps import wilson
from prlib.transitions import alpha_init

Found = Iterator[tuple[dict, Finding]]


def monotone(rows: pd.DataFrame) -> Finding:
    """Count the steps of a run that raised the energy."""
    return within(rows["rises"].max(), 0, 0, "largest count of a run")


def _start(column: str) -> Callable[[Loss, pd.DataFrame], Found]:
    def estimator(loss: Loss, rows: pd.DataFrame) -> Found:
        start = rows[rows["time"] == 0]
        start = start.assign(lowest=start["lowest"] + start["mu"])
        for alpha, at in start.groupby("alpha"):
            # Near the transition a finite size rounds the corner: compare where theory is sharp.
            if alpha < 1.35 * alpha_init(loss).alpha:
                continue
            law = initial(loss, alpha)
            theory = outlier(law)
            expected = {"lowest": theory.position + law.mu, "overlap2": theory.overlap2}[column]
            found = mean_interval(at, "alpha", column).loc[alpha]
            fields = {"alpha": alpha, "expected": expected}
            yield fields, agrees(found["mean"], found["error"], expected, found["count"])

    return estimator


def _lost(loss: Loss, rows: pd.DataFrame) -> Found:
    # Above the transition of threshold states the outlier stays, and fades for another reason.
    between = rows["alpha"].between(alpha_init(loss).alpha, dynamical_threshold(loss).alpha)
    for alpha, found in rows[between].groupby("alpha"):
        lost = lost_alignment(found)
        yield {"alpha": alpha, "equator": EQUATOR}, rises(lost.mean(), lost.sem())


def _recovery(loss: Loss, rows: pd.DataFrame) -> Found:
    transition = alpha_init(loss).alpha
    counts = last_observed(rows).groupby("alpha")["recovered"].agg(["sum", "count"])
    for alpha, (successes, trials) in counts.iterrows():
        if alpha < 0.5 * transition:
            low, high, what = 0.0, 0.05, "hardly any run recovers"
        elif alpha > 2.0 * transition:
            low, high, what = 0.95, 1.0, "nearly every run recovers"
        else:
            continue
        yield {"alpha": alpha, "what": what}, rate_agrees(successes, trials, low, high)


CLAIMS = (
    Row("time-monotone", "no step of any run raised the energy", monotone, "check"),
    Row(
        "time-start-lowest-{alpha:g}",
        "at t = 0 and alpha = {alpha:g} the lowest eigenvalue of H + mu is {expected:.3g}",
        _start("lowest"),
    ),
    Row(
        "time-start-overlap2-{alpha:g}",
        "at t = 0 and alpha = {alpha:g} the squared overlap of its eigenvector with the signal is "
        "{expected:.3g}",
        _start("overlap2"),
    ),
    Row(
        "time-lost-{alpha:g}",
        "at alpha = {alpha:g} the alignment fades while |m| < {equator:g}",
        _lost,
    ),
    Row("time-recovery-{alpha:g}", "at alpha = {alpha:g} {what}", _recovery),
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
