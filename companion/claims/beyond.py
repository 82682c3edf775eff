"""Claims beyond phase retrieval (notebook 12)."""

from __future__ import annotations

import math

import pandas as pd

from companion.claims.claim import Row
from companion.claims.verdicts import Finding, jointly, rises, within
from prlib.models.matrix_tensor import MatrixTensor

EFFECT = 0.1
"""Distance of half points that would matter, in units of the transition."""


def _window(start: float, end: float) -> Finding:
    return within(end / start, 1 + EFFECT, math.inf, "ratio of the two transitions")


def _no_window(models: list[MatrixTensor]) -> Finding:
    there = [
        [model.outlier(mu) is not None for mu in (0.0, model.threshold_mu)] for model in models
    ]
    both = sum(early == late for early, late in there)
    return within(both / len(models), 1.0, 1.0, "share of strengths")


def _used(retrieval: pd.DataFrame) -> Finding:
    return jointly(
        {
            f"N = {row.n}": rises(row.gap, row.error, tests=len(retrieval))
            for row in retrieval.itertuples()
        }
    )


def _closes(tensor: pd.DataFrame) -> Finding:
    first, last = tensor.iloc[0], tensor.iloc[-1]
    error = math.hypot(first["error"], last["error"])
    count = math.inf if len(tensor) > 1 else 1
    return rises(first["gap"] - last["gap"], error, count, "gap lost from small N to large")


CLAIMS = (
    Row(
        "beyond-window",
        "in phase retrieval threshold states lose their last outlier well above the transition of "
        "a random start",
        _window,
        "check",
    ),
    Row(
        "beyond-no-window",
        "in the matrix-tensor model a random start and threshold states have an outlier at the "
        "same strengths",
        _no_window,
        "check",
    ),
    Row(
        "beyond-used",
        "at every size of phase retrieval half of the random starts recover before half of the "
        "constrained ones do",
        _used,
        effect=EFFECT,
    ),
    Row(
        "beyond-closes",
        "in the matrix-tensor model half points of random and of constrained starts draw together "
        "as N grows",
        _closes,
        effect=EFFECT,
    ),
)
"""Evaluated on ``start`` and ``end``, the transitions of phase retrieval; ``models``, of every
strength; ``retrieval`` and ``tensor``, rows of `companion.analysis.beyond.gaps`. The last was
predicted before any run, in the text of `prlib.models.matrix_tensor`."""
