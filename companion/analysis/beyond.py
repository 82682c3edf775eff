"""Phase retrieval and the matrix-tensor model side by side, each in units of its own transition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.half_points import half_point_shifts
from prlib.models.matrix_tensor import Instance, MatrixTensor, matrix_transition
from prlib.problem import random_on_sphere

TENSOR = 2.0
"""Variance of the tensor's noise; that of the matrix is what varies."""

FOUND = 0.5
"""Overlap from which a signal counts as found: noise keeps it below one, and chance far below."""

STEP, TIME, HELD = 0.12, 60.0, 20.0
"""Step of the descents, flow time of each, and for which a constrained one is held."""


def tensor_runs(strength: float, n: int, replica: int, seed: int) -> list[dict]:
    r"""Descend over one instance of the matrix-tensor model, from a random start and held.

    Parameters
    ----------
    strength : float
        The signal's strength :math:`1/\Delta_2`, over that at the transition.
    n, replica, seed : int
        Dimension; which instance; seed of them all.

    Returns
    -------
    list of dict
        A row a start: ``alpha``, the strength; ``n, start, replica, abs_overlap, recovered``.
    """
    model = MatrixTensor(matrix_transition(TENSOR) / strength, TENSOR)
    rng = np.random.default_rng([seed, n, replica, round(1e6 * strength)])
    instance, point = Instance.random(model, n, rng), random_on_sphere(n, rng)
    steps, rows = np.full(round(TIME / STEP), STEP), []
    for start, held in (("random", 0), ("constrained", round(HELD / STEP))):
        overlap = abs(float(instance.descend(point, steps, held=held)[0][-1]))
        about = {"alpha": strength, "n": n, "start": start, "replica": replica}
        rows.append(about | {"abs_overlap": overlap, "recovered": overlap >= FOUND})
    return rows


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
