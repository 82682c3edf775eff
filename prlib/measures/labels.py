"""Quadrature over the labels of a channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prlib.channels import NOISELESS, Channel
from prlib.measures.quadrature import ORDER, half_normal_with_kinks


def label_nodes(
    scale: float,
    channel: Channel = NOISELESS,
    *,
    kinks: Sequence[float] = (),
    order: int = ORDER,
) -> tuple[NDArray, NDArray, NDArray]:
    r"""Nodes for the mean of an even function of the label and of the square of the signal's field.

    Parameters
    ----------
    scale : float
        Smallest label over which the function changes, > 0.
    channel : Channel
        What is measured.
    kinks : sequence of float
        Labels at which it has square-root singularities.
    order : int
        Nodes a panel.

    Returns
    -------
    z, y, weights : ndarray
        The root of :math:`E[z^2 | y]`; labels >= 0; probabilities, which sum to one.

    Examples
    --------
    >>> z, y, w = label_nodes(0.1, Channel.read("additive(sigma=0.5)"))
    >>> round(float(w @ z**2), 10), round(float(w @ y**2), 10)
    (1.0, 1.25)
    """
    width = channel.width
    units = [kink / width for kink in kinks]
    nodes, weights = half_normal_with_kinks(min(scale, channel.scale) / width, units, order)
    y = width * nodes
    density, square = channel.law(y)
    if np.all(density == 1):
        return np.sqrt(square), y, weights
    kept = density > 0
    parts = ((y[kept], (weights * density)[kept], square[kept]), channel.atoms())
    y, weights, square = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    return np.sqrt(square), y, weights / weights.sum()
