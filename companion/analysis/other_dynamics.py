"""Other dynamics: runs by start and scheme, what they cost, and when they lose the direction."""

from __future__ import annotations

import pandas as pd

from companion.analysis.dynamics import transition_times
from prlib.descent import instance
from prlib.descent.starts.optimal import preprocessing
from prlib.descent.starts.wide import LOOK
from prlib.losses import Loss, takes_loss
from prlib.problem import Problem
from prlib.schemes import as_scheme
from prlib.spectra.eigenpairs import lowest_eigenpairs, lowest_of_weighted
from prlib.sweeps import paired, rates
from prlib.sweeps.descents import replica_seed

RECIPES = {
    "random": ("random, flow", "blue", "o"),
    "random, momentum": ("random, heavy ball", "blue", "s"),
    "random, annealed": ("random, annealing", "blue", "*"),
    "spectral": ("$v_1$, flow", "orange", "o"),
    "wide": ("$v_1$ at a = 1, flow", "sky", "o"),
    "wide, momentum": ("$v_1$ at a = 1, heavy ball", "sky", "s"),
    "wide, annealed": ("$v_1$ at a = 1, annealing", "sky", "*"),
    "optimal": ("optimal spectral, flow", "green", "o"),
}
"""Recipes by start and scheme: what each is called, its colour (the start's) and its marker (the
scheme's)."""


def ways(table: pd.DataFrame) -> pd.DataFrame:
    """Name each run by its start and, if it does not follow the flow, by its scheme.

    Examples
    --------
    >>> table = pd.DataFrame({"start": ["wide"] * 2, "scheme": ["flow", "sgd(batch=0.5)"]})
    >>> ways(table)["start"].tolist()
    ['wide', 'wide, sgd']
    """
    start, scheme = table["start"], table["scheme"].str.partition("(")[0]
    return table.assign(start=start.where(scheme == "flow", start + ", " + scheme))


def clock(scheme: str) -> float:
    """Return for how much of the flow's time a unit of a scheme's stands at small steps."""
    return 1 / (1 - as_scheme(scheme).update.inertia)


def lost(theory: pd.DataFrame) -> pd.DataFrame:
    """Find when each scheme loses the outlier for good: ``t``, ``error``, by scheme."""
    rows = {}
    for scheme, run in theory.groupby("scheme", sort=False):
        times = transition_times(run)
        gone = times[times["event"] == "disappears"]
        if len(gone):
            rows[scheme] = gone.iloc[-1][["t", "error"]].astype(float)
    return pd.DataFrame.from_dict(rows, "index", columns=["t", "error"]).rename_axis("scheme")


@takes_loss
def passes_of_looks(loss: Loss, alpha: float, n: int, replicas: int, seed: int) -> pd.Series:
    """Return the mean products with X and its transpose that starts along eigenvectors take."""
    counts = []
    for replica in range(replicas):
        problem, point = instance(loss, alpha, n, replica_seed(seed, replica))
        pairs = {
            "spectral": lowest_eigenpairs(problem, point),
            "wide": lowest_eigenpairs(Problem(LOOK, problem.X, problem.y), point),
            "optimal": lowest_of_weighted(problem.X, -preprocessing(problem.y)),
        }
        counts.append({start: pair.products for start, pair in pairs.items()})
    return pd.DataFrame(counts).mean()


def recipes(table: pd.DataFrame, looks: pd.Series) -> pd.DataFrame:
    """Count what each recipe recovers, beside the flow from a random point, and its passes over X.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of one N.
    looks : pandas.Series
        Passes of the starts along v1; see `passes_of_looks`.

    Returns
    -------
    pandas.DataFrame
        A row an alpha and way: ``runs, recovered, rate, low, high``, the mean ``passes``, and the
        ``difference`` to the flow with its ends ``less`` and ``more`` and McNemar's ``p``.
    """
    named = ways(table)
    named = named[named["start"].isin(RECIPES)]
    counted = rates(named, by=["alpha", "start"]).rename(columns={"start": "way"})
    steps = named.groupby(["alpha", "start"])["steps"].mean()
    rows = []
    for row in counted.itertuples(index=False):
        start = row.way.partition(",")[0]
        told = {"passes": steps[row.alpha, row.way] + looks.get(start, 0.0)}
        if row.way != "random":
            at = named[named["alpha"] == row.alpha]
            pair = paired(at, row.way, "random", by=("alpha",)).iloc[0]
            told |= {"difference": pair["difference"], "less": pair["low"], "more": pair["high"]}
            told["p"] = pair["p"]
        rows.append(row._asdict() | told)
    found = pd.DataFrame(rows)
    order = {way: place for place, way in enumerate(RECIPES)}
    return found.sort_values(["alpha", "way"], key=lambda column: column.map(order).fillna(column))
