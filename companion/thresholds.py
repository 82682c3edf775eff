"""The upper threshold of the story in its one home: measured on held descents, or bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from companion.analysis.threshold import crossings, late_limit
from companion.ensembles import data_folder
from prlib.losses import Loss, as_loss, takes_loss
from prlib.sweeps.store import read
from prlib.transitions import thresholds

TABLE = "long-hold.parquet"
"""Descents that are held at zero overlap to the end; see ``data/specs/long-hold.toml``."""


@dataclass(frozen=True)
class DynamicalThreshold:
    """The alpha above which the states that descents reach have an outlier toward the signal.

    Attributes
    ----------
    alpha, error : float
        Measurements per dimension, and its standard error.
    measured : bool
        Whether descents say so. If not, alpha is the middle of the lines of minima, and the error
        half their distance.
    """

    alpha: float
    error: float
    measured: bool

    def __str__(self) -> str:
        """Return the number with its error, or the interval if it is not measured."""
        if self.measured:
            return plus_minus(self.alpha, self.error)
        if math.isinf(self.error):
            return f"{self.alpha:.3f} by 1RSB"
        return f"between {self.alpha - self.error:.3f} and {self.alpha + self.error:.3f}"


def plus_minus(value: float, error: float) -> str:
    """Write a number with its standard error, to the digits that this leaves.

    Examples
    --------
    >>> plus_minus(4.0561, 0.0183), plus_minus(4.1, math.nan)
    ('4.056 ± 0.018', '4.1')
    """
    if not (math.isfinite(error) and error > 0):
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


@takes_loss
def dynamical_threshold(loss: Loss) -> DynamicalThreshold:
    """Return the dynamical threshold of a loss: of long holds if there are any, else bounds on it.

    Descents end between the most numerous minima and the lowest. Where theory finds none of these
    two lines, 1RSB stands in, with an infinite error.
    """
    return _dynamical_threshold(loss, data_folder() / TABLE)


def measured_thresholds() -> dict[float, DynamicalThreshold]:
    """Return the dynamical thresholds of all normalisations at which descents are held."""
    losses = [as_loss(id_) for id_ in _long_holds(data_folder() / TABLE)["loss"].unique()]
    return {loss.a: dynamical_threshold(loss) for loss in losses}


@cache
def _dynamical_threshold(loss: Loss, path: Path) -> DynamicalThreshold:
    rows = _long_holds(path)
    if found := crossings(rows[rows["loss"] == loss.id]):
        limit = late_limit(found[-1])
        return DynamicalThreshold(limit.alpha, limit.error, measured=True)
    lines = thresholds(loss)
    ends = lines.alpha_minima, lines.alpha_minima_low
    if not all(map(math.isfinite, ends)):
        return DynamicalThreshold(lines.alpha_threshold, math.inf, measured=False)
    return DynamicalThreshold(sum(ends) / 2, (ends[1] - ends[0]) / 2, measured=False)


@cache
def _long_holds(path: Path) -> pd.DataFrame:
    return read(path).table.to_pandas() if path.exists() else pd.DataFrame({"loss": [], "n": []})
