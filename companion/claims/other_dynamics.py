"""Claims on other dynamics than gradient flow, and on the recipe (notebook 13)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from companion.analysis.other_dynamics import RECIPES, lost, ways
from companion.claims.claim import Row
from companion.claims.constrained_vs_random import better, better_at_every_size
from companion.claims.verdicts import Finding, errors_of, jointly, too_few

ANNEALED, RECIPE = 0.2, 0.3
"""By how much annealing, and from v1 at a = 1, were said to recover more than the flow."""


def _same(one: str, other: str) -> Callable[..., Finding]:
    def estimator(table: pd.DataFrame) -> Finding:
        found = better(ways(table), one, other)
        return found if found.decided else replace(found, claimed=(0.0, 0.0), tolerant=True)

    return estimator


def _more(one: str, other: str) -> Callable[..., Finding]:
    return lambda table: better(ways(table), one, other)


def _more_by(margin: float, one: str, other: str) -> Callable[..., Finding]:
    def estimator(table: pd.DataFrame, alpha: float) -> Finding:
        at = ways(table[table["alpha"] == alpha])
        members = dict(better_at_every_size({"": at}, one, other).members)
        return jointly(
            {name: replace(found, claimed=(margin, math.inf)) for name, found in members.items()}
        )

    return estimator


def _washed_out(theory: pd.DataFrame) -> Iterator[tuple[dict, Finding]]:
    times = lost(theory)
    names = {name.partition("(")[0]: name for name in times.index}
    for short in ("sgd", "langevin"):
        if not {"flow", short} <= names.keys():
            yield {"scheme": short}, too_few()
            continue
        flow, other = times.loc["flow"], times.loc[names[short]]
        later, error = other["t"] - flow["t"], math.hypot(flow["error"], other["error"])
        reach = errors_of(float(theory["batches"].min()), 2) * error
        ends = (later - reach, later + reach)
        quantity = "by how much later the outlier is lost"
        yield {"scheme": short}, Finding(later, ends, (-math.inf, 0.0), quantity, tolerant=True)


CLAIMS = (
    Row(
        "other-batches",
        "batches of half of the measurements recover as much as the flow",
        _same("random, sgd", "random"),
        effect=0.1,
    ),
    Row(
        "other-inertia",
        "the heavy ball recovers more than the flow in the same time",
        _more("random, momentum", "random"),
        effect=0.1,
    ),
    Row(
        "other-annealing",
        "at alpha = {alpha:g} and every N annealing recovers more than the flow, by "
        f"{ANNEALED:g}",
        _more_by(ANNEALED, "random, annealed", "random"),
        effect=0.2,
    ),
    Row(
        "other-look",
        "v1 of the Hessian at a = 1 is a better start than that at the a that is descended",
        _more("wide", "spectral"),
        effect=0.1,
    ),
    Row(
        "other-recipe",
        "at alpha = {alpha:g} and every N annealing from v1 at a = 1 recovers more than the flow "
        f"from a random point, by {RECIPE:g}",
        _more_by(RECIPE, "wide, annealed", "random"),
        effect=0.2,
    ),
    Row(
        "other-direction-{scheme}",
        "at infinite size {scheme} loses the informative direction no later than the flow",
        _washed_out,
        effect=0.05,
    ),
)
"""Evaluated on runs of the spec other-dynamics, ``table``, at ``alpha`` where they name it, and the
``theory`` of its schemes. All were predicted before the runs, in the words of the two specs."""


def recipe_table(found: pd.DataFrame) -> pd.DataFrame:
    """Tabulate recipes: passes over X, recovered fractions, and what they gain on the flow.

    Parameters
    ----------
    found : pandas.DataFrame
        From `companion.analysis.other_dynamics.recipes`.
    """
    rows = [
        {
            "alpha": f"{row.alpha:g}",
            "recipe": RECIPES[row.way][0].replace("$v_1$", "v1"),
            "passes over X": f"{row.passes:.0f}",
            "recovered": f"{row.recovered} of {row.runs}",
            "95 % interval": f"{row.low:.2f} to {row.high:.2f}",
            "more than random, flow": "",
            "p (McNemar)": "",
        }
        | (
            {}
            if row.way == "random"
            else {
                "more than random, flow": f"{row.difference:+.2f} ({row.less:+.2f} to "
                f"{row.more:+.2f})",
                "p (McNemar)": f"{row.p:.1g}",
            }
        )
        for row in found.itertuples()
    ]
    return pd.DataFrame(rows).set_index(["alpha", "recipe"])
