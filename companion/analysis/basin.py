r"""From which overlap a descent of infinite size recovers, and what that says of finite size.

A small overlap m at the start grows to A(t) m, until it is no longer small; from there theory with
an overlap goes on, and finds the overlap :math:`m_*` whose descent recovers at time t just so. At
finite size the overlaps of descents, while small, scatter with variance V(t)/N as if the start had
scattered with variance V/(A² N). So the constant c of chapter 10 is

.. math:: c = m_* A(t) .
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc

from companion.analysis.dynamics import at_times
from companion.analysis.finite_size import Growth, constants
from companion.analysis.half_points import half_points, near_half
from prlib.sweeps import Grid

RECOVERED = Grid.success
"""Overlap that counts as recovery, that of the simulations."""

SHARES = (0.01, 0.65, 0.8, 1.0)
"""What probes grow to as small overlaps do: the first stays small, the others bracket recovery."""


def probes(
    theory: pd.DataFrame, alpha: float, time: float, shares: Sequence[float] = SHARES
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

    The time to get there falls with the logarithm of the start's overlap, linearly between the two
    runs that arrive nearest to it.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory from several overlaps at each alpha, the smallest of which
        stays small, for several seeds.
    time : float
        Flow time t.
    level : float
        Overlap to have by then.

    Returns
    -------
    pandas.DataFrame
        Indexed by alpha: ``overlap`` :math:`m_*`, ``growth`` A(t), ``constant``, their product
        seed by seed, and its standard error ``constant_error``; ``seeds`` that arrived in two
        runs. Where fewer than two did the alpha is left out.
    """
    found = basins(theory, time, level).drop(columns="seed")
    grouped = found.groupby("alpha")
    means, errors = grouped.mean(), grouped["constant"].sem()
    return means.assign(constant_error=errors, seeds=grouped.size()).query("seeds > 1")


def basins(theory: pd.DataFrame, time: float, level: float = RECOVERED) -> pd.DataFrame:
    """Find what `basin` takes the means of, a row an alpha and seed."""
    rows = []
    for (alpha, seed), runs in theory.groupby(["alpha", "seed"]):
        arrivals = _arrivals(runs, level)
        if len(arrivals) < 2:
            continue
        start = runs["start_overlap"].min()
        grown, _ = at_times(runs[runs["start_overlap"] == start], "overlap", time)
        overlap = _overlap_at(arrivals, time)
        rows.append((alpha, seed, overlap, grown / start, overlap * grown / start))
    return pd.DataFrame(rows, columns=["alpha", "seed", "overlap", "growth", "constant"])


def share_from(overlap: ArrayLike, n: int, spread: float) -> NDArray[np.float64]:
    r"""Return the share of descents that recover in time, from the overlap that decides.

    It is :math:`\mathrm{erfc}(m_* \sqrt{N A^2/2V})`: what small overlaps grow by is in the overlap.

    Parameters
    ----------
    overlap : array_like
        The overlap :math:`m_*` at the start.
    n : int
        Dimension.
    spread : float
        V/A².

    Examples
    --------
    >>> share_from([0.0, 0.001], 100, 1.2).round(2).tolist()
    [1.0, 0.99]
    """
    return erfc(np.asarray(overlap) * np.sqrt(n / (2 * spread)))


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
        ``expected`` and ``expected_error`` at that alpha, NaN where theory was not run, from
        ``seeds`` at least.
    """
    fitted = constants(table, growth).set_axis(["constant", "error"], axis=1)
    halves = half_points(near_half(table), list(table["start"].unique())).set_index("n")["half"]
    alpha = halves.reindex(fitted.index)
    columns = {"expected": "constant", "expected_error": "constant_error"}
    known = found if len(found) else pd.DataFrame(np.nan, [0.0], [*columns.values(), "seeds"])
    expected = {
        name: np.interp(alpha, known.index, known[column], left=np.nan, right=np.nan)
        for name, column in columns.items()
    }
    return fitted.assign(alpha=alpha, **expected, seeds=known["seeds"].min())


def _arrivals(runs: pd.DataFrame, level: float) -> NDArray[np.float64]:
    """Return the logarithm of the start's overlap and the time, a row a run that arrives."""
    found = []
    for start, run in runs.sort_values("t").groupby("start_overlap"):
        # Close to the signal what is left falls as an exponential: its logarithm along a line.
        left = run["log_distance"].cummin().to_numpy()
        if left[-1] < np.log(1 - level):
            late = np.interp(-np.log(1 - level), -left, run["t"])
            found.append((np.log(start), late))
    return np.array(found).reshape(-1, 2)


def _overlap_at(arrivals: NDArray, time: float) -> float:
    (x0, t0), (x1, t1) = arrivals[np.argsort(np.abs(arrivals[:, 1] - time))[:2]]
    return float(np.exp(x0 + (x1 - x0) * (time - t0) / (t1 - t0)))
