"""Runs of the matrix-tensor model, the control of chapters 12 and 15."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from companion.analysis.beyond import TENSOR
from companion.ensembles import model_runs

SEED = 2432

SETTINGS = {"tensor": TENSOR, "low": 0.4, "high": 2.0, "count": 9, "step": 0.12, "hold": 20.0}
"""Strengths of the signal over that at the transition, and how descents go; see
`prlib.sweeps.experiments`."""

TIME = 80.0
"""Flow time for which they are free."""


def control_runs(sizes: Sequence[int], replicas: Sequence[int]) -> pd.DataFrame:
    """Run it at some dimensions, with so many instances each; all strengths are one run."""
    grids = [{"n": n, "replicas": count} for n, count in zip(sizes, replicas, strict=False)]
    return model_runs("tensor", SEED, *grids, time=TIME, **SETTINGS)
