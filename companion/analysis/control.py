"""The matrix-tensor model as a control: half points of its two starts, and what theory says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.beyond import TENSOR
from companion.analysis.finite_size import Growth
from companion.analysis.half_points import Halves, resampled_halves
from prlib.models.matrix_tensor import MatrixTensor, flow_of, matrix_transition, two_time


def control_halves(table: pd.DataFrame, seed: int = 0) -> Halves:
    """Find the half points of both starts, by N; all strengths of a replica share its noise."""
    return resampled_halves(table, ["start", "n"], seed)


def distance(halves: Halves, n: int) -> tuple[float, float]:
    """Return by how much held starts need a stronger signal than random ones, with its error."""
    return halves.of(lambda x: x["constrained", n] - x["random", n])


def control_table(halves: Halves) -> pd.DataFrame:
    """Tabulate half points and their distances with standard errors, by N."""
    rows = {}
    for n in sorted({name[1] for name in halves.best.index}):
        told = {}
        for start in ("random", "constrained"):
            place, error = halves.of(lambda x, name=(start, n): x[name])
            told[f"half, {start}"] = f"{place:.2f} ± {error:.2f}"
        apart, error = distance(halves, n)
        rows[n] = {**told, "distance": f"{apart:.3f} ± {error:.3f}"}
    return pd.DataFrame(rows).T.rename_axis("N")


def tensor_growth(strengths: Sequence[float], time: float) -> Growth:
    """Return how far fluctuations grow in the model, by its two-time equations.

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
