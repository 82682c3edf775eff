"""Claims on the half point against the dimension (notebook 06)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from companion.analysis.half_points import FIXED, GROWING, Halves, rise, steepened
from companion.analysis.scaling import FORMS, LEAST_SIZES, Scaling, growth_power
from companion.claims.claim import Row
from companion.claims.verdicts import LEVEL, Finding, jointly, rises, too_few
from prlib.descent.starts import as_start

SLOPE = "rise in alpha per decade of N"

NOTICED = 0.16
"""Rise per decade of N by which a start would cross the window between the two transitions at
a = 0.01, as 1RSB has it, within ten decades; a slower one is of no use to tell where it goes."""


def _rises(halves: Halves, free: Sequence[str]) -> Finding:
    starts = [*free, "constrained"]
    members = {}
    for start in starts:
        found = rise(halves.group(start))
        members[as_start(start).label] = rises(*found, quantity=SLOPE, tests=len(starts))
    return jointly(members)


def powers(near: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """Estimate the power of N as which half points rise, with its interval: a row a start."""
    runs = {start: near[near["start"] == start] for start in starts}
    found = {
        start: (*growth_power(table, LEVEL), math.sqrt(table["n"].min() * table["n"].max()))
        for start, table in runs.items()
        if table["n"].nunique() >= LEAST_SIZES
    }
    return pd.DataFrame.from_dict(found, "index", columns=["power", "low", "high", "middle"])


def no_faster(rising: pd.DataFrame) -> Finding:
    """Ask that the half points of random starts rise as a power of N that is not above zero."""
    if "random" not in rising.index:
        return too_few()
    power, low, high = rising.loc["random", ["power", "low", "high"]]
    return Finding(power, (low, high), (-math.inf, 0.0), "power of N", tolerant=True)


def _limit_matters(limited: Halves, free: Sequence[str]) -> Finding:
    members = {}
    for start in free:
        steeper, error = steepened(limited, start)
        estimate = rises(steeper, error, quantity=SLOPE, tests=len(free))
        members[as_start(start).label] = estimate
    return jointly(members)


CLAIMS = (
    Row(
        "scaling-rises",
        "the half points of random, of spectral and of constrained starts rise with N",
        _rises,
        effect=NOTICED,
    ),
    Row(
        "scaling-no-faster",
        "the half point of the random start rises no faster than log N: as a power of N that is "
        "not above zero",
        no_faster,
        effect=0.2,
    ),
    Row(
        "scaling-time-limit",
        "a time limit that is the same at every N makes half points rise faster than one that "
        "grows like log N",
        _limit_matters,
        effect=0.1,
    ),
)
"""Evaluated on `powers`, as ``rising``, the ``halves`` of ``free`` and constrained starts
(`companion.analysis.half_points.Halves`), and those under two time limits, ``limited``."""


def forms_table(
    scores: pd.DataFrame, fits: Mapping[str, Sequence[Scaling]], predicted: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate the forms of each start: limits, likelihoods on unseen sizes, predictions."""
    columns = ["start", "form", "at infinite N", "p"]
    rows = []
    for start, found in fits.items():
        score = scores.loc[start]
        for fit in found:
            mine = predicted[(predicted["start"] == start) & (predicted["form"] == fit.form)]
            at = mine.iloc[0]
            rows.append(
                {
                    "start": start,
                    "form": FORMS[fit.form][0],
                    "at infinite N": "no limit" if math.isinf(fit.limit) else f"{fit.limit:.2f}",
                    "p": "" if math.isnan(fit.power) else f"{fit.power:.2f}",
                    "log-likelihood of unseen sizes, less the best": (
                        f"{score[fit.form] - score.max():.1f}"
                    ),
                    f"half point at N = {at['n']}": (
                        f"{at['half']:.2f} ({at['low']:.2f} to {at['high']:.2f})"
                    ),
                }
            )
    return pd.DataFrame(rows, columns=None if rows else columns).set_index(["start", "form"])


def slopes_table(halves: Halves, starts: Sequence[str]) -> pd.DataFrame:
    """Tabulate the rise of half points per decade of N, from each size to the next and over all."""
    columns = {}
    for start in starts:
        group = halves.group(start)
        found = {
            f"{low} to {high}": rise(Halves(group.best[[low, high]], group.draws[[low, high]]))
            for low, high in pairwise(group.best.index)
        }
        columns[start] = {
            name: f"{slope:.2f} ± {error:.2f}"
            for name, (slope, error) in (found | {"all sizes": rise(group)}).items()
        }
    order = sorted({low for group in columns.values() for low in group}, key=_first_size)
    return pd.DataFrame(columns).reindex(order).fillna("").rename_axis("N")


def _first_size(name: str) -> float:
    first, _, rest = name.partition(" to ")
    return float(first) if rest else math.inf


def limits_table(limited: Halves, starts: Sequence[str]) -> pd.DataFrame:
    """Tabulate half points and their rise under a fixed time limit and one like log N."""
    rows = {}
    for start in starts:
        for limit in (FIXED, GROWING):
            group = limited.group(limit, start)
            slope, error = rise(group)
            halves = {f"N = {n}": f"{half:.2f}" for n, half in group.best.items()}
            rows[start, limit] = halves | {"rise per decade": f"{slope:.3f} ± {error:.3f}"}
    return pd.DataFrame(rows).T.fillna("").rename_axis(["start", "time limit"])


def power_table(rising: pd.DataFrame) -> pd.DataFrame:
    """Tabulate these powers, and which one log² N looks like in the middle of the sizes."""
    return pd.DataFrame(
        {
            "power p": rising["power"].map("{:.2f}".format),
            f"{LEVEL:.0%} interval": [
                f"{row.low:.2f} to {row.high:.2f}" for row in rising.itertuples()
            ],
            "log² N would be": [f"{1 / math.log(middle):.2f}" for middle in rising["middle"]],
        },
        rising.index,
    ).rename_axis("start")
