r"""Whether the bulk lets the signal out, from descents in which the signal is forbidden.

At overlap zero the law of labels and fields of a simulated state is that of the theory, up to its
size. The condition of the transition on each state's own law fluctuates with the labels that were
drawn; at the start its expectation is known, so that what it is off there is subtracted later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.analysis.intervals import weighted_fit
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure, initial
from prlib.measures.curvatures import condensed
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier

FEW = 2
"""Instances up to which no slope of the control is estimated."""

GROUPS = 20
"""Groups of states that the jackknife of a pooled law leaves out in turn."""


@takes_loss
def conditions(loss: Loss, observed: pd.DataFrame, column: str = "bbp") -> pd.DataFrame:
    r"""Mean condition of the transition at each time, with the start as a control variate.

    Parameters
    ----------
    loss : Loss
        The loss.
    observed : pandas.DataFrame
        Observations of descents without the signal, with their start (time 0).
    column : {"bbp", "edge"}
        The condition, or the edge in its place.

    Returns
    -------
    pandas.DataFrame
        alpha, n, time, mean, error, count: of :math:`b_t - \beta (b_0 - E b_0)`, b the condition
        of an instance and beta the slope of a regression over the instances.
    """
    found = []
    for (alpha, n), rest in controlled(loss, observed, column).items():
        for time, values in rest.items():
            count = _free(values)
            error = values.std() / np.sqrt(count) if count > 1 else np.nan
            found.append((alpha, n, time, values.mean(), error, count))
    return pd.DataFrame(found, columns=["alpha", "n", "time", "mean", "error", "count"])


@takes_loss
def controlled(
    loss: Loss, observed: pd.DataFrame, column: str = "bbp"
) -> dict[tuple[float, int], pd.DataFrame]:
    """Return what `conditions` takes the means of: by alpha and n, a row an instance, by time."""
    found = {}
    for (alpha, n), rows in observed.groupby(["alpha", "n"]):
        law = initial(loss, float(alpha))
        edge = left_edge(law)
        table = rows.pivot_table(index="replica", columns="time", values=column)
        control = table.pop(0.0) - (bbp(law, edge.chi) if column == "bbp" else edge.position)
        if len(table) > FEW:
            table = table.apply(lambda b, c=control: b - np.cov(b, c)[0, 1] / c.var() * c)
        found[alpha, n] = table
    return found


def _free(values: pd.Series | pd.DataFrame) -> int:
    # The slope of the control is estimated from the same instances.
    return len(values) - (len(values) > FEW)


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
        line, covariance = weighted_fit(*_extrapolation(means))
        counts = means.groupby("alpha")["count"].min()
        for i, (alpha, count) in enumerate(counts.items()):
            rows[alpha, time] = (line[i], np.sqrt(covariance[i, i]), count)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "time"])
    return pd.DataFrame(rows.values(), index, ["mean", "error", "count"]).sort_index()


def _extrapolation(means: pd.DataFrame) -> tuple[NDArray, NDArray, NDArray]:
    alphas = sorted(means["alpha"].unique())
    design = (means["alpha"].to_numpy()[:, None] == alphas).astype(float)
    if len({*means["n"]}) > 1:
        design = np.column_stack([design, 1 / means["n"]])
    return design, means["mean"].to_numpy(), means["error"].to_numpy()


@takes_loss
def covariance(loss: Loss, observed: pd.DataFrame) -> pd.DataFrame:
    """Covariance of the means of `at_infinite_size`.

    Times share their instances, and alphas the slope of the extrapolation.
    """
    found, rests = conditions(loss, observed), controlled(loss, observed)
    every = found.set_index(["alpha", "n", "time"]).index
    known = pd.DataFrame(0.0, every, every)
    for (alpha, n), rest in rests.items():
        here = [(alpha, n, time) for time in rest]
        known.loc[here, here] = rest.cov().to_numpy() / _free(rest)
    made_of = {}
    for time, means in found.groupby("time"):
        design, _, errors = _extrapolation(means)
        places = pd.MultiIndex.from_frame(means[["alpha", "n", "time"]])
        for i, one in enumerate(np.eye(len(means))):
            line, _ = weighted_fit(design, one, errors)
            for alpha, part in zip(sorted(means["alpha"].unique()), line, strict=False):
                made_of.setdefault((alpha, time), pd.Series(0.0, every))[places[i]] = part
    lines = pd.DataFrame(made_of).rename_axis(["alpha", "time"], axis=1).sort_index(axis=1)
    return lines.T @ known @ lines


@takes_loss
def pooled_gap(loss: Loss, alpha: float, laws: Sequence[LabelMeasure]) -> tuple[float, float, int]:
    """Outlier less edge by the pooled law of many states, by the jackknife.

    A single state's gap is smaller than its fluctuations, and their mean is not the gap.

    Returns
    -------
    gap, error : float
        NaN where a pooled law has no outlier.
    count : int
        Groups of states of which the error comes.
    """
    groups = [laws[i::GROUPS] for i in range(min(GROUPS, len(laws)))]

    def of(parts: Sequence[Sequence[LabelMeasure]]) -> float:
        nodes = [
            np.concatenate([getattr(law, name) for part in parts for law in part])
            for name in ("z", "y", "yhat")
        ]
        weights = np.full(len(nodes[0]), 1 / len(nodes[0]))
        law = condensed(LabelMeasure(loss, alpha, *nodes, weights, 0.0, loss.curvature_floor))
        edge = left_edge(law)
        found = outlier(law, edge)
        return np.nan if found is None else found.position - edge.position

    count = len(groups)
    if count < 2:
        return of(groups), np.nan, count
    without = np.array([of(groups[:i] + groups[i + 1 :]) for i in range(count)])
    gap = count * of(groups) - (count - 1) * without.mean()
    return gap, float(np.sqrt((count - 1) * without.var())), count
