r"""Whether the bulk lets the signal out, from descents in which the signal is forbidden.

At overlap zero the law of labels and fields of a simulated state is that of the theory, up to its
size. The condition of the transition on each state's own law fluctuates with the labels that were
drawn; at the start its expectation is known, so that what it is off there is subtracted later.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.intervals import weighted_fit
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp


@takes_loss
def conditions(loss: Loss, observed: pd.DataFrame) -> pd.DataFrame:
    r"""Mean condition of the transition at each time, with the start as a control variate.

    Parameters
    ----------
    loss : Loss
        The loss.
    observed : pandas.DataFrame
        Observations of descents without the signal, with their start (time 0).

    Returns
    -------
    pandas.DataFrame
        alpha, n, time, mean, error, count: of :math:`b_t - \beta (b_0 - E b_0)`, b the condition
        of an instance and beta the slope of a regression over the instances.
    """
    found = []
    for (alpha, n), rows in observed.groupby(["alpha", "n"]):
        law = initial(loss, float(alpha))
        table = rows.pivot_table(index="replica", columns="time", values="bbp")
        control = table.pop(0.0) - bbp(law, left_edge(law).chi)
        for time, values in table.items():
            slope = np.cov(values, control)[0, 1] / control.var() if len(values) > 2 else 0.0
            rest = values - slope * control
            count = len(rest) - (slope != 0)
            error = rest.std() / np.sqrt(count) if count > 1 else np.nan
            found.append((alpha, n, time, rest.mean(), error, count))
    return pd.DataFrame(found, columns=["alpha", "n", "time", "mean", "error", "count"])


def at_infinite_size(found: pd.DataFrame) -> pd.DataFrame:
    """Extrapolate means of several sizes in 1/N, at each time with one slope for all alphas.

    Returns
    -------
    pandas.DataFrame
        By alpha and time: mean, error, count (the fewest instances of a size). Without an
        extrapolation where there is one size alone.
    """
    rows = {}
    for time, means in found.groupby("time"):
        alphas = sorted(means["alpha"].unique())
        design = (means["alpha"].to_numpy()[:, None] == alphas).astype(float)
        if len({*means["n"]}) > 1:
            design = np.column_stack([design, 1 / means["n"]])
        line, covariance = weighted_fit(design, means["mean"].to_numpy(), means["error"].to_numpy())
        counts = means.groupby("alpha")["count"].min()
        for i, alpha in enumerate(alphas):
            rows[alpha, time] = (line[i], np.sqrt(covariance[i, i]), counts[alpha])
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "time"])
    return pd.DataFrame(rows.values(), index, ["mean", "error", "count"]).sort_index()
