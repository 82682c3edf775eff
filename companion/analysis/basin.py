r"""From which overlap a descent of infinite size recovers, and what that says of finite size.

A small overlap m at the start grows to A(t) m, until it is no longer small; from there theory with
an overlap goes on, and finds the overlap :math:`m_*` whose descent recovers at time t just so. At
finite size the overlaps of descents, while small, scatter with variance V(t)/N as if the start had
scattered with V/A² N. So half the story of chapter 10, its constant c, is

.. math:: c = m_* A(t) .
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.analysis.dynamics import at_times
from companion.analysis.finite_size import Growth, constants
from companion.analysis.half_points import half_points, near_half

RECOVERED = 0.99
"""Overlap that counts as recovery, that of the simulations."""


def probes(
    theory: pd.DataFrame, alpha: float, time: float, shares: Sequence[float]
) -> tuple[float, ...]:
    """Choose overlaps to begin at: shares of what grows to one, to two digits.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory from overlap zero.
    alpha, time : float
        Of them, and by when.
    shares : sequence of float
        What each would grow to as small ones do.
    """
    growth, _ = at_times(theory[theory["alpha"] == alpha], "amplification", time)
    return tuple(float(f"{share / float(growth):.2g}") for share in shares)


def basin(theory: pd.DataFrame, time: float, level: float = RECOVERED) -> pd.DataFrame:
    r"""Find the overlap of the start from which a descent has an overlap at a time.

    The time to get there falls with the logarithm of the overlap; between the two runs whose times
    are nearest it does so linearly.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory from several overlaps at each alpha, the smallest of which
        stays small.
    time : float
        Flow time t.
    level : float
        Overlap to have by then.

    Returns
    -------
    pandas.DataFrame
        Indexed by alpha: ``overlap`` :math:`m_*` with its standard error, ``growth`` A(t), and
        ``constant``, their product, with its own. An alpha at which fewer than two runs get there
        is left out.
    """
    rows = {}
    for alpha, runs in theory.groupby("alpha"):
        times = _arrivals(runs, level)
        if len(times) < 2:
            continue
        overlap, relative = _overlap_at(times, time)
        start = runs["start_overlap"].min()
        grown = at_times(runs[runs["start_overlap"] == start], "overlap", time)
        growth, error = (float(value) / start for value in grown)
        constant = overlap * growth
        rows[alpha] = {
            "overlap": overlap,
            "error": overlap * relative,
            "growth": growth,
            "constant": constant,
            "constant_error": constant * np.hypot(relative, error / growth),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("alpha")


def constants_compared(table: pd.DataFrame, growth: Growth, found: pd.DataFrame) -> pd.DataFrame:
    """Put the constant that the runs of each size ask for beside that of theory.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of one start, ``recovered`` by the time of `growth`.
    growth : Growth
        V at that time.
    found : pandas.DataFrame
        From `basin`.

    Returns
    -------
    pandas.DataFrame
        Indexed by N: ``alpha`` of the half point, ``constant`` and ``error`` of the runs, and
        ``expected`` and ``expected_error`` at that alpha, NaN where theory was not run.
    """
    fitted = constants(table, growth).set_axis(["constant", "error"], axis=1)
    halves = half_points(near_half(table), list(table["start"].unique())).set_index("n")["half"]
    alpha = halves.reindex(fitted.index)
    expected = (
        np.interp(alpha, found.index, found[column], left=np.nan, right=np.nan)
        for column in ("constant", "constant_error")
    )
    columns = dict(zip(("expected", "expected_error"), expected, strict=True))
    return fitted.assign(alpha=alpha, **columns)


def _arrivals(runs: pd.DataFrame, level: float) -> NDArray[np.float64]:
    """Return log overlap, time of arrival and its error, a row a run that arrives."""
    found = []
    for start, run in runs.sort_values("t").groupby("start_overlap"):
        late = int(np.searchsorted(run["overlap"].cummax(), level))
        if not 0 < late < len(run):
            continue
        (t0, m0, _), (t1, m1, error) = run[["t", "overlap", "overlap_error"]].to_numpy()[
            late - 1 : late + 1
        ]
        # Close to the signal what is left falls as an exponential.
        rate = np.log((1 - m0) / (1 - m1)) / (t1 - t0)
        arrival = t0 + np.log((1 - m0) / (1 - level)) / rate
        found.append((np.log(start), arrival, error / ((1 - m1) * rate)))
    return np.array(found).reshape(-1, 3)


def _overlap_at(times: NDArray, time: float) -> tuple[float, float]:
    """Return the overlap that arrives at a time, and the standard error of its logarithm."""
    near = times[np.argsort(np.abs(times[:, 1] - time))[:2]]
    (x0, t0, e0), (x1, t1, e1) = near
    slope = (x1 - x0) / (t1 - t0)
    share = (time - t0) / (t1 - t0)
    error = abs(slope) * np.hypot((1 - share) * e0, share * e1)
    return float(np.exp(x0 + slope * (time - t0))), float(error)
