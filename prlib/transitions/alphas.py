"""The thresholds in alpha of a loss, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, takes_loss
from prlib.parameters import ParameterError
from prlib.transitions.minima import MinimaTransition, alpha_minima
from prlib.transitions.random_start import alpha_init
from prlib.transitions.threshold_states import alpha_threshold


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of one loss, each with its estimated numerical error.

    Attributes
    ----------
    loss, a
        See `prlib.losses.Loss.names`.
    alpha_init : float
        Measurements per dimension above which the Hessian of a random start has an informative
        outlier; infinite if there is none at any alpha.
    edge_init : {"soft", "hard"}
        Kind of the left edge of the bulk there.
    alpha_threshold : float
        The same for threshold states.
    chi, x : float
        Response and breaking of the threshold states there.
    alpha_minima : float
        The same for the most numerous minima of the landscape.
    alpha_minima_low : float
        The same for the lowest minima: above it none is left that does not fall. Infinite or NaN
        if there is no such alpha, or none is found; NaN with noise, which the count of minima does
        not know.
    channel : str
        Id of what is measured.
    """

    loss: str
    a: float | None
    alpha_init: float
    alpha_init_error: float
    edge_init: Literal["soft", "hard"]
    alpha_threshold: float
    alpha_threshold_error: float
    chi: float
    x: float
    alpha_minima: float
    alpha_minima_error: float
    alpha_minima_low: float
    alpha_minima_low_error: float
    channel: str = NOISELESS.id


@takes_loss
def thresholds(loss: Loss, *, channel: str | Channel = NOISELESS) -> Thresholds:
    """Return the thresholds in alpha of a loss.

    Parameters
    ----------
    channel : Channel or str
        What is measured, or its id, as ``additive(sigma=0.3)``.

    Examples
    --------
    >>> found = thresholds(a=0.01)
    >>> round(found.alpha_init, 3), round(found.alpha_threshold, 3)
    (2.851, 4.436)
    >>> round(found.alpha_minima, 3), round(found.alpha_minima_low, 3)
    (3.711, 4.242)
    """
    channel = Channel.read(channel)
    start, end = alpha_init(loss, channel=channel), alpha_threshold(loss, channel=channel)
    most, low = (_minima(loss, channel, lowest=lowest) for lowest in (False, True))
    return Thresholds(
        **loss.names,
        alpha_init=start.alpha,
        alpha_init_error=start.error,
        edge_init=start.edge_kind,
        alpha_threshold=end.alpha,
        alpha_threshold_error=end.error,
        chi=end.chi,
        x=end.x,
        alpha_minima=most.alpha,
        alpha_minima_error=most.error,
        alpha_minima_low=low.alpha,
        alpha_minima_low_error=low.error,
        channel=channel.id,
    )


def _minima(loss: Loss, channel: Channel, *, lowest: bool) -> MinimaTransition:
    if channel != NOISELESS:
        return MinimaTransition(math.nan, 0.0, 0.0)
    try:
        return alpha_minima(loss, lowest=lowest)
    except ParameterError:
        return MinimaTransition(math.nan, 0.0, 0.0)
