"""Lines of theory that several figures draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier

DASHES = ((0, (5, 2)), (0, (1, 1.3)), (0, (7, 2, 1, 2)), (0, ()))
"""Line styles of the fitted forms."""


def name_lines(axis: Axes, lines: Sequence[tuple[str, NDArray, NDArray, str]]) -> None:
    """Write the name of each line where it leaves the panel: at the top, or on the right.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        The panel, with its limits.
    lines : sequence of tuple
        Name, x, y and colour of each.
    """
    bottom, top = axis.get_ylim()
    step = 0.055 * (top - bottom)
    right: list[tuple[float, str, str]] = []
    above: list[tuple[float, str, str]] = []
    for name, x, y, colour in lines:
        if (out := np.flatnonzero(y > top)).size:
            above.append((float(x[out[0]]), name, colour))
        else:
            right.append((float(y[-1]), name, colour))
    for number, (place, name, colour) in enumerate(sorted(above)):
        # To either side, so that names of neighbours do not meet.
        side = "right" if number == 0 and len(above) > 1 else "left"
        axis.annotate(
            name, (place, 1.01), xycoords=("data", "axes fraction"), ha=side, color=colour
        )
    lowest = bottom
    for place, name, colour in sorted(right):
        # One above the other, even where the lines end closer than that.
        lowest = max(lowest, place)
        where = axis.get_yaxis_transform()
        axis.annotate(name, (1.01, lowest), xycoords=where, va="center", color=colour)
        lowest += step


def start_overlaps(loss: Loss, alphas: Iterable[float]) -> list[float]:
    """Return the squared overlap of the lowest eigenvector at a random start, infinite size."""
    laws = (outlier(initial(loss, float(alpha))) for alpha in alphas)
    return [0.0 if law is None else law.overlap2 for law in laws]
