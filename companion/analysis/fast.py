r"""What rows of fast transforms change: the edge that free probability expects, and half points.

A block of N rows is a corner of an orthogonal matrix of length L, so the Hessian is a sum of blocks
that are free of each other at large N. With :math:`\rho = N/L` the law A of a block's curvatures,
which is f at a share :math:`\rho` of L places and 0 elsewhere, has the R-transform
:math:`R_A(-\chi) = u + 1/\chi` where :math:`E_A[1/(A - u)] = \chi`, and

.. math:: z(\chi) = -\frac1\chi + \frac{\alpha}{\rho} R_A(-\chi)

in place of :math:`-1/\chi + \alpha E[f/(1 + f\chi)]`, its limit at :math:`\rho \to 0`. A last block
that is cut off has its own share of places.

References
----------
A. Nica & R. Speicher, Amer. J. Math. 118, 799 (1996), for corners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar

from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import weighted_fit
from prlib.measures import LabelMeasure
from prlib.sensing import GAUSSIAN, Sensing


def corner_edge(law: LabelMeasure, ratio: float) -> float:
    """Return the left edge of the bulk for blocks of a ratio L/N, before the shift by mu.

    Parameters
    ----------
    law : LabelMeasure
        Labels and fields; its curvature must be negative somewhere.
    ratio : float
        L/N.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> from prlib.spectra.bulk import left_edge
    >>> law = initial(NormalizedIntensity(1.0), 2.0)
    >>> gaussian = left_edge(law).position + law.mu
    >>> near, far = (corner_edge(law, ratio) / gaussian - 1 for ratio in (1024, 16))
    >>> bool(abs(near) < 1e-2 < abs(far))
    True
    """
    whole, rest = divmod(law.alpha, 1.0)
    blocks = [(whole, 1.0), (1.0, rest)] if rest > 1e-12 else [(whole, 1.0)]
    f, weights, least = law.curvature, law.weights, float(law.curvature.min())

    def z(chi: float) -> float:
        total = -1 / chi
        for count, filled in blocks:
            if count:
                share = filled / ratio

                def gap(u: float, share: float = share) -> float:
                    inside = share * float(weights @ (1 / (f - u))) - (1 - share) / u
                    return inside - chi

                u = brentq(gap, least - 1 / chi - 1e-9, least * (1 + 1e-13), xtol=1e-300)
                total += count * ratio * (u + 1 / chi)
        return total

    # Beyond it no u below the least curvature has so large a transform: there the edge is hard.
    top = min(
        filled / ratio * float(weights @ (1 / (f - least * (1 + 1e-12))))
        - (1 - filled / ratio) / least
        for _, filled in blocks
    )
    found = minimize_scalar(
        lambda log: -z(math.exp(log)),
        bounds=(math.log(1e-6 * top), math.log(top * (1 - 1e-9))),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return -float(found.fun)
