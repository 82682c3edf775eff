"""Runs with rows of fast transforms, and Gaussian ones of the same starts, sizes and alphas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from companion.analysis.finite_size import by_time
from companion.ensembles import recovery, spec_runs
from prlib.descent.starts import as_start
from prlib.losses import Loss, takes_loss
from prlib.parameters import LARGEST

TIME = 10.0
"""Flow time by which a free descent must have recovered; a held one has all of its run, to escape
from where it was held."""

GAUSSIAN = {"time": 400.0, "hold": 80.0, "seed": 2403}
"""Protocol of the Gaussian runs, those of chapters 4 to 6."""

ALPHAS = {
    "random": (2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 3.75),
    "spectral": (2.0, 2.25, 2.5, 2.75),
    "constrained": (3.0, 3.25, 3.5, 3.75),
}
LARGEST_GAUSSIAN = 1024
"""Largest dimension of Gaussian runs with the alphas of `ALPHAS`."""


@takes_loss
def fast_runs(loss: Loss, what: str, **fewer: Any) -> pd.DataFrame:
    """Read the runs with fast rows.

    Parameters
    ----------
    what : {"bias", "scaling"}
        At sizes at which there are Gaussian runs, free ones at several ratios, or at one ratio and
        up to sizes beyond.
    **fewer
        See `companion.ensembles.spec_runs`.
    """
    held = spec_runs(loss, "fast-scaling-held", **fewer)
    if what == "bias":
        held = held[held["n"] <= LARGEST_GAUSSIAN]
    return pd.concat(map(_in_time, (spec_runs(loss, f"fast-{what}", **fewer), held)))


@takes_loss
def gaussian_runs(
    loss: Loss,
    start: str,
    sizes: Sequence[int],
    alphas: Sequence[float] | None = None,
    replicas: int = LARGEST,
) -> pd.DataFrame:
    """Read Gaussian runs of one start, by default at `ALPHAS`."""
    count = min(200, replicas)
    return _in_time(recovery(loss, alphas or ALPHAS[start], sizes, [start], count, **GAUSSIAN))


@takes_loss
def gaussian_beside(loss: Loss, runs: pd.DataFrame, replicas: int = LARGEST) -> pd.DataFrame:
    """Read Gaussian runs of the starts, sizes and alphas of other runs."""
    return pd.concat(
        gaussian_runs(loss, start, [n], sorted(found["alpha"].unique()), replicas)
        for (start, n), found in runs.groupby(["start", "n"])
    )


def _in_time(runs: pd.DataFrame) -> pd.DataFrame:
    held = runs["start"].map({name: as_start(name).holds for name in runs["start"].unique()})
    return by_time(runs, runs["time_limit"].where(held, TIME))


@takes_loss
def near_runs(loss: Loss, *, basin: bool = False) -> pd.DataFrame:
    """Read the theory close to the dynamical threshold, from overlap zero or from several."""
    return spec_runs(loss, "theory/basin-near" if basin else "theory/near")
