"""Claims on constrained against random starts (notebook 04), and on the settings of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from companion.analysis.half_points import half_points, near_half, resampled_halves
from companion.analysis.intervals import (
    largest_change,
    settings_compared,
    weighted_fit,
    weighted_mean,
)
from companion.claims.claim import Refuted, Row
from companion.claims.verdicts import (
    Finding,
    agrees,
    coverage,
    errors_of,
    exceeds,
    jointly,
    rises,
    too_few,
    within,
)
from prlib.sweeps import paired, rates

SIGNIFICANT = 0.01
"""Probability below which McNemar's test tells two runs apart in a table."""

RATES = "difference of recovered fractions"
CHANGE = "largest change, over its interval"

PREDICTED_SHIFT = 0.11
"""By how much twice the hold was said to move a half point, before it was tried at other N than
256 and 512."""


def better(table: pd.DataFrame, one: str, other: str, *, tests: int = 1) -> Finding:
    """Ask whether one start recovers more than another, on the same instances, of all alphas."""
    pooled = table.assign(all=0)
    found = paired(pooled, one, other, by=("all",), confidence=coverage(tests))
    if found.empty:
        return too_few()
    difference, low, high = found.loc[0, ["difference", "low", "high"]]
    return exceeds(difference, (low, high), RATES)


def better_at_every_size(tables: Mapping[str, pd.DataFrame], one: str, other: str) -> Finding:
    """Ask whether one start recovers more than another at every size where both were run.

    Parameters
    ----------
    tables : mapping
        Runs, by what members are called beside their size.
    one, other : str
        The starts.
    """
    cells = {
        f"{name}N = {n}": rows
        for name, table in tables.items()
        for n, rows in table.groupby("n")
        if len(paired(rows, one, other, by=("n",)))
    }
    return jointly(
        {name: better(rows, one, other, tests=len(cells)) for name, rows in cells.items()}
    )


def _early(
    table: pd.DataFrame, wide: pd.DataFrame, alpha: float, a_wide: float, alpha_wide: float
) -> Finding:
    at, at_wide = table[table["alpha"] == alpha], wide[wide["alpha"] == alpha_wide]
    return better_at_every_size({"": at, f"a = {a_wide:g}, ": at_wide}, "random", "constrained")


def shares(control: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Divide the way from the half point of the random start to that of the constrained one.

    Returns
    -------
    pandas.DataFrame
        By n: the share of the overlap by chance, of which the *orthogonal* start is deprived, and
        its error; the rest is due to the curvature of the start.
    """
    halves = resampled_halves(near_half(control), ["start", "n"], seed)
    rows = {}
    for n in sorted(control["n"].unique()):
        places = [(start, n) for start in ("random", "orthogonal", "constrained")]
        if all(place in halves.best for place in places):
            rows[n] = halves.of(lambda x, at=places: (x[at[1]] - x[at[0]]) / (x[at[2]] - x[at[0]]))
    return pd.DataFrame.from_dict(rows, "index", columns=["chance", "error"]).rename_axis("n")


def _curvature(shared: pd.DataFrame) -> Finding:
    if shared.empty:
        return too_few()
    mean, error = weighted_mean(shared["chance"], shared["error"])
    reach = errors_of(np.inf) * error
    ends = (mean - reach, mean + reach)
    return Finding(mean, ends, (0.0, 0.5), "share of the gap that is due to chance")


def _unchanged(pairs: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> Finding:
    members = {}
    for name, (base, changed) in pairs.items():
        both = pd.concat([base.assign(setting="base"), changed.assign(setting="changed")])
        confidence = {"confidence": coverage(len(pairs)), "column": "setting"}
        # Pairs are of one start: the same instance serves each of them.
        runs = both.assign(n=both["n"].astype(str) + both["start"], all=0)
        found = paired(runs, "changed", "base", by=("all",), **confidence)
        if len(found):
            difference, low, high = found.loc[0, ["difference", "low", "high"]]
            members[name] = Finding(difference, (low, high), (0.0, 0.0), RATES, tolerant=True)
    return jointly(members)


def _settings(base: pd.DataFrame, changed: Mapping[str, pd.DataFrame]) -> Finding:
    return _unchanged({name: (base, found) for name, found in changed.items()})


def _longer(base_time: pd.DataFrame, longer: pd.DataFrame) -> Finding:
    sizes = {n: (base_time["n"] == n, longer["n"] == n) for n in base_time["n"].unique()}
    return _unchanged({f"N = {n}": (base_time[a], longer[b]) for n, (a, b) in sizes.items()})


def _held_longer(once: pd.DataFrame, twice: pd.DataFrame) -> Finding:
    return _unchanged({"all": (once, twice)})


def _shift(shifts: pd.DataFrame, measured_first: Sequence[int]) -> Finding | None:
    predicted = shifts.drop(list(measured_first), errors="ignore")
    members = {}
    for n, row in predicted.iterrows():
        estimate = row["shift"], row["error"], PREDICTED_SHIFT, row["pairs"], "shift in alpha"
        members[f"N = {n}"] = agrees(*estimate, tests=len(predicted))
    return jointly(members) if members else None


def _shift_grows(shifts: pd.DataFrame) -> Finding:
    shifts = shifts.dropna(subset=["error"])
    if len(shifts) < 2:
        return too_few()
    design = np.vander(np.log10(shifts.index.to_numpy(dtype=float)), 2)
    found = shifts["shift"].to_numpy(dtype=float), shifts["error"].to_numpy(dtype=float)
    (slope, _), covariance = weighted_fit(design, *found)
    error = float(np.sqrt(covariance[0, 0]))
    return rises(float(slope), error, quantity="shift in alpha per decade of N")


CLAIMS = (
    Row(
        "recovery-early",
        "at every N the random start recovers signals that the constrained one loses, at alpha = "
        "{alpha:g} as at a = {a_wide:g}, alpha = {alpha_wide:g}",
        _early,
        effect=0.2,
    ),
    Row(
        "control-curvature",
        "most of the way from the half point of the random start to that of the constrained one is "
        "the work of the curvature of the start, and the rest of the overlap that a random point "
        "has by chance",
        _curvature,
        effect=0.1,
    ),
    Row(
        "settings",
        "recovered fractions do not change with step, precision and criterion of success",
        _settings,
        "check",
        effect=0.05,
    ),
    Row(
        "settings-time",
        "they do not change with twice the time",
        _longer,
        "check",
        effect=0.05,
    ),
    Row(
        "settings-hold",
        "from twice the hold on, they do not change with twice as long a hold",
        _held_longer,
        "check",
        effect=0.05,
    ),
    Row(
        "hold-shift-grows",
        "twice the hold moves the half point of the constrained start to larger alpha, the farther "
        "the larger N is",
        _shift_grows,
        effect=0.1,
    ),
    Row(
        "hold-shift-same",
        f"twice the hold moves the half point of the constrained start by {PREDICTED_SHIFT:g}, at "
        "every N",
        _shift,
        effect=0.04,
        refuted=Refuted("2026-11-26", "the shift grows with N"),
    ),
)
"""Evaluated on runs of `companion.ensembles.recovery`: ``table`` at an ``alpha``, ``wide`` at
another loss (``a_wide``) and ``alpha_wide``, the ``shared`` of a control with orthogonal starts
(`shares`); ``base`` and what was ``changed``; ``base_time`` and ``longer``; held ``once`` and
``twice`` as long; and the ``shifts`` of `companion.analysis.half_points`, of which those at some
N were ``measured_first``."""


def plateau(base: pd.DataFrame, changed: pd.DataFrame) -> Finding:
    """Ask that no recovered fraction changes beyond its interval."""
    return within(largest_change(base, changed), 0.0, 1.0, CHANGE)


def half_points_table(table: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """Tabulate the half point of each size and start, in words, with standard errors."""
    words = _in_words(table, starts)
    columns = {start: words.xs(start, level="start") for start in starts}
    return pd.DataFrame(columns).rename_axis("N")


def _in_words(table: pd.DataFrame, starts: Sequence[str]) -> pd.Series:
    found = half_points(near_half(table), starts).set_index(["n", "start"])
    words = [f"{half:.2f} ± {error:.2f}" for half, error in found[["half", "error"]].to_numpy()]
    cells = pd.MultiIndex.from_product([sorted(table["n"].unique()), starts], names=["n", "start"])
    return pd.Series(words, found.index, dtype=object).reindex(cells, fill_value="not reached")


def starts_table(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Tabulate the starts of one alpha: rates, initial overlap, and time to recover."""
    at = table[table["alpha"] == alpha]
    counted = rates(at, by=["n", "start"]).set_index(["n", "start"])
    rows = []
    for (n, start), found in at.groupby(["n", "start"], sort=False):
        rate = counted.loc[(n, start)]
        times = found.loc[found["recovered"], "time"]
        rows.append(
            {
                "N": n,
                "start": start,
                "recovered": f"{rate['recovered']:.0f} of {rate['runs']:.0f}",
                "95 % interval": f"{rate['low']:.2f} to {rate['high']:.2f}",
                "median initial |m|": f"{found['abs_start_overlap'].median():.3f}",
                "median time to recover": "none did" if times.empty else f"{times.median():.1f}",
            }
        )
    return pd.DataFrame(rows).set_index(["N", "start"]).sort_index(level=0, sort_remaining=False)


def random_does_better(table: pd.DataFrame) -> pd.DataFrame:
    """Tabulate, for each size, the alphas where the random start beats the constrained one.

    Returns
    -------
    pandas.DataFrame
        Per size: both half points with their standard errors, and the alphas at which the random
        start recovers more by McNemar's exact test, one in a hundred: "up to" and "or more" where
        these are the first or the last that were run.
    """
    starts = ["random", "constrained"]
    halves, rows = _in_words(table, starts), {}
    for n, found in paired(table, *starts).groupby("n"):
        better = found[(found["p"] < SIGNIFICANT) & (found["difference"] > 0)]["alpha"]
        best = found.loc[found["difference"].idxmax()]
        rows[n] = {f"half point, {start}": halves[n, start] for start in starts} | {
            "random recovers more": _span(better, found["alpha"]),
            "largest difference": f"{best['difference']:.2f} at {best['alpha']:g}",
            "p there": f"{best['p']:.0e}",
        }
    return pd.DataFrame(rows).T.rename_axis("N")


def _span(better: pd.Series, alphas: pd.Series) -> str:
    if better.empty:
        return "nowhere"
    # Where the runs end the span need not.
    low = "up to" if better.min() == alphas.min() else f"{better.min():g} to"
    high = f"{better.max():g}" + (" or more" if better.max() == alphas.max() else "")
    return f"{low} {high}"


def settings_table(base: pd.DataFrame, changed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Tabulate what a change of a setting does to recovered fractions, on the same instances.

    Parameters
    ----------
    base : pandas.DataFrame
        Runs at the settings of the book.
    changed : dict of str to pandas.DataFrame
        Runs with one setting changed, under its description.

    Returns
    -------
    pandas.DataFrame
        Per setting and start: pairs, gained and lost runs, difference with its 95 % interval, and
        McNemar's p.
    """
    compared = (
        settings_compared(base, found).assign(**{"changed to": what})
        for what, found in changed.items()
    )
    table = pd.concat(compared, ignore_index=True)
    shown = table[["changed to", "start", "pairs"]].assign(
        gained=table["only_one"],
        lost=table["only_other"],
        difference=[
            f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
            for row in table.itertuples()
        ],
        p=table["p"].map("{:.2g}".format),
    )
    return shown.set_index(["changed to", "start"])
