"""Phase retrieval and the matrix-tensor model side by side, each in units of its own transition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.finite_size import Growth
from companion.analysis.half_points import resampled_halves
from prlib.models.matrix_tensor import MatrixTensor, flow_of, matrix_transition, two_time

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
    table = runs.assign(recovered=runs["abs_overlap"] >= FOUND)
    return table.drop(columns="run").rename(columns={"strength": "alpha"})


def gaps(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Find by how much the half point of constrained starts lies above that of random ones.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of both, their alpha in units of the transition.
    seed : int
        Seed of the bootstrap, which draws all runs of a replica together.

    Returns
    -------
    pandas.DataFrame
        n, random, constrained, gap, error; NaN where runs do not bracket a half point.
    """
    halves = resampled_halves(table, ["start", "n"], seed)
    rows = []
    for n in sorted(table["n"].unique()):
        places = [halves.best["random", n], halves.best["constrained", n]]
        gap = halves.of(lambda x, n=n: x["constrained", n] - x["random", n])
        rows.append((n, *places, *gap))
    return pd.DataFrame(rows, columns=["n", "random", "constrained", "gap", "error"])


def tensor_growth(strengths: Sequence[float], time: float) -> Growth:
    """Return how far fluctuations grow in the matrix-tensor model, by its two-time equations.

    Parameters
    ----------
    strengths : sequence of float
        Of the signal, over that at the transition.
    time : float
        Flow time.
    """
    variances = []
    for strength in strengths:
        model = MatrixTensor(matrix_transition(TENSOR) / strength, TENSOR)
        variances.append(two_time(model, flow_of(model, time)).variance.max())
    alphas = np.array(strengths, dtype=float)
    return Growth(time, alphas, np.log(variances), np.zeros(len(alphas)))
