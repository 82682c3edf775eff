"""Lines of theory that several figures draw."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from companion.figures.style import THEORY
from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_init, alpha_threshold


def transitions(axis: Axes, loss: Loss) -> None:
    """Mark the transitions of infinite size: at the start (dotted) and at threshold states."""
    for place, style in ((alpha_init(loss).alpha, ":"), (alpha_threshold(loss).alpha, "--")):
        axis.axvline(place, color=THEORY, linestyle=style, linewidth=1)


def start_overlaps(loss: Loss, alphas: Iterable[float]) -> list[float]:
    """Return the squared overlap of the lowest eigenvector at a random start, infinite size."""
    laws = (outlier(initial(loss, float(alpha))) for alpha in alphas)
    return [0.0 if law is None else law.overlap2 for law in laws]
