"""Problems side by side, each in units of its own transition."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from companion.analysis.half_points import half_point_shifts, half_points, near_half

TENSOR = 2.0
"""Variance of the tensor's noise; that of the matrix is what varies."""

FOUND = 0.5
"""Overlap from which a signal counts as found: noise keeps it below one, and chance far below."""


def found_signals(runs: pd.DataFrame) -> pd.DataFrame:
    """Say which runs of the experiment `tensor` found the signal.

    Returns
    -------
    pandas.DataFrame
        A row a run and strength, as tables of descents have them: ``alpha``, the strength over that
        at the transition; ``n, start, replica, abs_overlap, recovered``.
    """
    return above(runs).drop(columns="run").rename(columns={"strength": "alpha"})


def gaps(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Find by how much the half point of constrained starts lies above that of random ones.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of both, their alpha in units of the transition.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        n, random, constrained, gap, error (runs on the same instance are drawn together); NaN
        where runs do not bracket a half point.
    """
    by_start = (table[table["start"] == start] for start in ("random", "constrained"))
    found = half_point_shifts(*by_start, seed).rename_axis("n").reset_index()
    names = {"half": "random", "changed": "constrained", "shift": "gap"}
    return found.rename(columns=names)[["n", *names.values(), "error"]]


def problem_halves(
    name: str,
    runs: pd.DataFrame,
    start: float,
    end: tuple[float, float],
    starts: Sequence[str] = ("random", "constrained"),
    seed: int = 0,
) -> pd.DataFrame:
    """Put a problem's half points at its smallest and largest size in units of its own transition.

    Rows of several problems, one below the other, are what `companion.figures.beyond` draws: a
    problem more is a call more.

    Parameters
    ----------
    name : str
        What the problem is called.
    runs : pandas.DataFrame
        ``start, n, alpha, replica, recovered``; alpha may be any measure of the signal's strength.
    start : float
        The transition of a random start, in that measure.
    end : tuple of float
        The dynamical threshold and its error; infinite where it is a number of 1RSB.
    starts : sequence of str
        Starts that are told.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row a start and size: ``problem, start, n, half, low, high, error, end, end_error``, all
        but the names and n over the transition of the start.
    """
    sizes = sorted({runs["n"].min(), runs["n"].max()})
    near = near_half(runs[runs["n"].isin(sizes)])
    found = half_points(near, starts, seed)[["start", "n", "half", "low", "high", "error"]]
    numbers = ["half", "low", "high", "error"]
    found[numbers] = found[numbers] / start
    return found.assign(problem=name, end=end[0] / start, end_error=end[1] / start)


def above(runs: pd.DataFrame, overlap: float = FOUND) -> pd.DataFrame:
    """Count as recovered what reaches an overlap, where noise keeps it from one."""
    return runs.assign(recovered=runs["abs_overlap"] >= overlap)
