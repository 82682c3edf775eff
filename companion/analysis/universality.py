"""Measurement vectors that are not Gaussian: what of the theory of normal rows they keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from prlib.losses import as_loss
from prlib.sensing import GAUSSIAN
from prlib.transitions import alpha_init, spectrum

LEVEL = 0.99
"""Coverage of the intervals of all differences of one quantity together."""

QUANTITIES = {
    "edge": "lowest eigenvalue over the edge, no outlier",
    "outlier": "lowest eigenvalue over the edge, with one",
    "overlap2": "squared overlap with the signal",
}
"""What is compared: below the transition where the lowest eigenvalue lies beside the edge that
theory makes of the state's own law, in units of the depth of that edge below the shift by mu; above
it the same, and the squared overlap of its eigenvector."""


def universality(table: pd.DataFrame, plain: str = GAUSSIAN.id) -> pd.DataFrame:
    """Compare random starts under each sensing with those under normal rows, or others.

    Parameters
    ----------
    table : pandas.DataFrame
        Observations of one loss, size and start; those at time 0 count.
    plain : str
        The sensing that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row a sensing, alpha and quantity (see `QUANTITIES`): its ``mean`` and that of the plain
        rows, ``plain``; their ``difference`` with its standard ``error``, the ``low`` and ``high``
        ends of its interval at `LEVEL` (Welch's, for all sensings together), and ``visible``, half
        of that: the smallest difference that would be seen; the degrees of ``freedom``.
    """
    (loss,) = table["loss"].unique()
    start = alpha_init(loss).alpha
    rows = table[table["time"] == 0]
    place = (rows["lowest"] - rows["edge"]) / (rows["edge"] + rows["mu"]).abs()
    rows = rows.assign(edge=place, outlier=place)
    found = []
    tests = rows["sensing"].nunique() - 1
    for alpha, at in rows.groupby("alpha"):
        for quantity in ("edge",) if alpha < start else ("outlier", "overlap2"):
            groups = at.groupby("sensing", sort=False)[quantity].agg(["mean", "var", "size"])
            squares = groups["var"] / groups["size"]
            joint = squares + squares[plain]
            freedom = joint**2 / ((squares**2 + squares[plain] ** 2) / (groups["size"].min() - 1))
            reach = student.isf((1 - LEVEL) / 2 / max(tests, 1), freedom) * np.sqrt(joint)
            difference = groups["mean"] - groups.loc[plain, "mean"]
            columns = {"mean": groups["mean"], "plain": groups.loc[plain, "mean"]}
            columns |= {"difference": difference, "error": np.sqrt(joint), "visible": reach}
            columns |= {"low": difference - reach, "high": difference + reach, "freedom": freedom}
            one = pd.DataFrame(columns).drop(plain).reset_index()
            found.append(one.assign(alpha=alpha, quantity=quantity))
    return pd.concat(found, ignore_index=True)


def in_alpha(found: pd.DataFrame, loss: str) -> pd.DataFrame:
    """Say of differences in the squared overlap to how much more alpha they amount.

    Parameters
    ----------
    found : pandas.DataFrame
        From `universality`.
    loss : str
        The loss.

    Returns
    -------
    pandas.DataFrame
        Its rows of the squared overlap, with ``more``, the difference over the slope that theory
        has there for normal rows, and the ends ``less_alpha`` and ``more_alpha``.
    """
    rows = found[found["quantity"] == "overlap2"]
    (alpha,) = rows["alpha"].unique()
    step = 0.05 * alpha
    ends = [spectrum(as_loss(loss), alpha + side * step).overlap2 for side in (-1, 1)]
    slope = (ends[1] - ends[0]) / (2 * step)
    names = {"more": "difference", "less_alpha": "low", "more_alpha": "high"}
    return rows.assign(**{name: rows[column] / slope for name, column in names.items()})
