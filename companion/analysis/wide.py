"""Wide students: half points by width, threshold states, and transitions that jump."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from companion.analysis.half_points import half_point_shifts
from prlib.models.wide import wide_thresholds


def halves_by_width(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Find where half of the students recover, from random and from held starts.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of both starts on the same instances, with their ``width``.
    seed : int
        Seed of the bootstrap, which takes both runs of an instance together.

    Returns
    -------
    pandas.DataFrame
        width, n, random, constrained, gap (of the half points), low, high (95 % interval of the
        gap), error; NaN where runs do not bracket a half point.
    """
    found = []
    for width, runs in table.groupby("width"):
        by_start = (runs[runs["start"] == start] for start in ("random", "constrained"))
        shifts = half_point_shifts(*by_start, seed).rename_axis("n").reset_index()
        found.append(shifts.assign(width=int(width)))
    names = {"half": "random", "changed": "constrained", "shift": "gap"}
    columns = ["width", "n", *names.values(), "low", "high", "error"]
    return pd.concat(found, ignore_index=True).rename(columns=names)[columns]


def starts_of_widths(a: float, widths: Sequence[float]) -> pd.Series:
    """Return the transition of the Hessian at a random start for each width."""
    return pd.Series({int(p): wide_thresholds(a, p).alpha_init for p in widths})
