"""Which measurements make the condition of the transition: those with small labels, or large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prlib.measures import LabelMeasure
from prlib.spectra.bulk import left_edge

LABELS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, np.inf)
"""Ends of the bins of a label's modulus."""

SMALL = 1.0
"""Modulus of a label below which it is small: its measurement sees less of the signal than of a
direction at random."""


def condition_by_label(laws: Sequence[LabelMeasure]) -> pd.DataFrame:
    r"""Split the condition of the transition among measurements, by the modulus of their label.

    Parameters
    ----------
    laws : sequence of LabelMeasure
        Laws at zero overlap and without noise.

    Returns
    -------
    pandas.DataFrame
        A row a law and bin of `LABELS`: ``law, label`` (the bin's beginning), ``share``, its part
        of :math:`\alpha E[(1 - z^2) f\chi/(1 + f\chi)]` at the edge, and ``curvature``, the mean
        of f in it. The shares of a law add up to `prlib.spectra.outlier.bbp`, if its overlap is
        zero to the last digit.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> from prlib.spectra.outlier import bbp
    >>> law = initial(NormalizedIntensity(0.01), 3.0)
    >>> found = condition_by_label([law])
    >>> bool(np.isclose(found["share"].sum(), bbp(law, left_edge(law).chi)))
    True
    """
    rows = []
    for number, law in enumerate(laws):
        chi, f = left_edge(law).chi, law.curvature
        place = np.searchsorted(LABELS, np.abs(law.y), side="right") - 1
        share = law.alpha * law.weights * (1 - law.z**2) * f * chi / (1 + f * chi)
        mass, shares, bent = (
            np.bincount(place, weights, len(LABELS) - 1)
            for weights in (law.weights, share, law.weights * f)
        )
        with np.errstate(invalid="ignore"):
            columns = {"law": number, "label": LABELS[:-1], "share": shares}
            columns["curvature"] = bent / mass
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)
