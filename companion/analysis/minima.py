"""The landscape of minima beside what descents start from and end in."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure, initial
from prlib.measures.landscape import Point, log_density
from prlib.measures.threshold_states import ThresholdState
from prlib.parameters import ParameterError
from prlib.spectra.outlier import outlier
from prlib.transitions import threshold_state
from prlib.transitions.landscape import Landscape, band, landscape

STEP = 1e-3
"""Width of the differences of which the slope of the complexity is made, over the band's."""


@takes_loss
def minima(loss: Loss, alpha: float) -> dict[str, float]:
    """Describe the minima of one alpha, and what one step of replica symmetry breaking says.

    Returns
    -------
    dict
        ``alpha``; ``energy_low, energy_high, bbp_low, bbp_high, overlap_max`` of
        `prlib.transitions.landscape`; ``energy_1rsb`` of threshold states, and ``complexity_1rsb,
        bbp_1rsb`` of the minima at that energy;
        in the middle of the band ``x`` and ``slope``, the same by differences of complexities;
        ``v1``, the overlap of the lowest eigenvector at a random start. NaN where there is none.
    """
    found = band(loss, alpha)
    start = outlier(initial(loss, alpha))
    middle = (found.energy_low + found.energy_high) / 2
    step = STEP * (found.energy_high - found.energy_low)
    at = [landscape(loss, alpha, energy=middle + k * step) for k in (-1, 0, 1)]
    return {
        "alpha": alpha,
        "energy_low": found.energy_low,
        "energy_high": found.energy_high,
        "overlap_max": math.nan if found.overlap_max is None else found.overlap_max,
        "bbp_low": found.bbp_low,
        "bbp_high": found.bbp_high,
        **_one_step(loss, alpha),
        "x": at[1].x,
        "slope": (at[2].complexity - at[0].complexity) / (2 * step),
        "v1": 0.0 if start is None else math.sqrt(start.overlap2),
    }


def _one_step(loss: Loss, alpha: float) -> dict[str, float]:
    try:
        found = landscape(loss, alpha, energy=threshold_state(loss, alpha).energy)
    except ParameterError:
        found = None
    return {
        f"{name}_1rsb": math.nan if found is None else getattr(found, name)
        for name in ("energy", "complexity", "bbp")
    }


def first_beyond(alphas: pd.Series, overlaps: pd.Series, limits: pd.Series) -> float:
    """Return the alpha, between those given, from which overlaps lie beyond their limits.

    Examples
    --------
    >>> first_beyond(pd.Series([1.0, 2.0]), pd.Series([0.0, 1.0]), pd.Series([0.5, 0.5]))
    1.5
    """
    excess = np.asarray(overlaps) - np.asarray(limits)
    below = np.flatnonzero(~(excess > 0))
    if len(below) == 0 or below[-1] == len(excess) - 1:
        return math.nan
    last = below[-1]
    part = excess[last] / (excess[last] - excess[last + 1])
    return float(alphas.iloc[last] + part * (alphas.iloc[last + 1] - alphas.iloc[last]))


def limits(rows: pd.DataFrame, found: pd.DataFrame) -> pd.Series:
    """Return the overlap beyond which no minimum is left, run by run."""
    return rows["alpha"].map(found.set_index("alpha")["overlap_max"])


LogDensity = Callable[[NDArray, NDArray], NDArray]
"""Logarithm of a density in the field, given the label, up to a constant for each label."""


def minima_density(found: Landscape) -> LogDensity:
    """Return the density of minima; at zero overlap it is the same at minus the field."""
    point = Point(
        found.chi, found.s, found.lagrange, found.x, found.eta, found.overlap, found.alpha
    )
    return lambda y, yhat: log_density(found.measure.loss, point, y, yhat)


def state_density(state: ThresholdState) -> LogDensity:
    """Return the density of threshold states by one step of replica symmetry breaking."""
    loss, chi, x = state.measure.loss, state.chi, state.x

    def density(y: NDArray, yhat: NDArray) -> NDArray:
        force, step = loss.derivative(y, yhat), 1 + chi * loss.curvature(y, yhat)
        exponent = -((yhat + chi * force) ** 2) / 2 - x * (loss.value(y, yhat) + chi / 2 * force**2)
        reached = (yhat >= loss.jump(y[:, 0], chi)[:, None]) & (step > 0)
        return np.where(reached, exponent + np.log(np.where(reached, step, 1.0)), -np.inf)

    return density


def joint_density(density: LogDensity, bins: NDArray, finer: int = 8) -> NDArray:
    """Average a law over bins, even and from zero on, of the moduli of label and of field."""
    # The quadrature has too few labels to fill every bin: sample the density itself, evenly.
    width = bins[1] / finer
    y = (np.arange(finer * (len(bins) - 1)) + 0.5)[:, None] * width
    yhat = (np.arange(4 * y.size) + 0.5)[None, :] * width
    exponent = density(y, yhat)
    joint = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    joint /= joint.sum(axis=1, keepdims=True) * width
    joint *= np.sqrt(2 / np.pi) * np.exp(-(y**2) / 2)
    size = len(bins) - 1
    return joint[:, : y.size].reshape(size, finer, size, finer).mean(axis=(1, 3))


def fields_of(law: LabelMeasure, bins: NDArray) -> NDArray:
    """Return the joint density of moduli of label and field of a simulated law, bin by bin."""
    counts = np.histogram2d(np.abs(law.y), np.abs(law.yhat), bins, weights=law.weights)[0]
    return counts / bins[1] ** 2
