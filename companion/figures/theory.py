"""Lines of theory that several figures draw."""

from __future__ import annotations

from collections.abc import Iterable

from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier


def start_overlaps(loss: Loss, alphas: Iterable[float]) -> list[float]:
    """Return the squared overlap of the lowest eigenvector at a random start, infinite size."""
    laws = (outlier(initial(loss, float(alpha))) for alpha in alphas)
    return [0.0 if law is None else law.overlap2 for law in laws]
