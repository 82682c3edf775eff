"""Claims on constrained against random starts (notebook 04), and on the settings of all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import largest_change, most_different, settings_compared
from companion.claims.claim import Row
from companion.claims.verdicts import (
    Finding,
    agrees,
    does_better,
    rate_agrees,
    rises,
    too_few,
    within,
)
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss
from prlib.sweeps import paired, rates

SIGNIFICANT = 0.01
"""Probability below which McNemar's test tells two runs apart in a table."""

NAMED = {
    (2.5, "random"): 0.4,
    (2.5, "spectral"): 0.8,
    (2.5, "constrained"): 0.0,
    (3.0, "random"): 0.9,
    (3.0, "spectral"): 0.9,
    (3.0, "constrained"): 0.2,
}
"""Recovered fractions of an independent code at a = 0.01, N = 256, time 100, by (alpha, start)."""

NAMED_RUNS = 40

LEAST_P = "least p of McNemar's tests, times their number"
CHANGE = "largest change, over its interval"

Found = Iterator[tuple[dict, Finding]]


def better_at(better: str, worse: str) -> Callable[[pd.DataFrame], Found]:
    """Ask at each size whether one start recovers more, at the one alpha of the paper."""

    def estimator(named: pd.DataFrame) -> Found:
        for row in paired(named, better, worse).itertuples():
            yield {"alpha": row.alpha, "n": row.n}, does_better(row.difference, row.p)

    return estimator


def _better_somewhere(better: str, worse: str, table: pd.DataFrame) -> Found:
    for n, row in most_different(table, better, worse).iterrows():
        yield {"n": n}, does_better(row["difference"], row["p"], LEAST_P)


def _early(table: pd.DataFrame) -> Found:
    return _better_somewhere("random", "constrained", table)


def _chance(control: pd.DataFrame) -> Found:
    return _better_somewhere("random", "orthogonal", control)


def _curvature(control: pd.DataFrame) -> Found:
    return _better_somewhere("orthogonal", "constrained", control)


def _moves(table: pd.DataFrame) -> Found:
    starts = ["random", "constrained"]
    found = half_points(near_half(table), starts).set_index(["start", "n"])
    for start in starts:
        ends = [(start, table["n"].min()), (start, table["n"].max())]
        if found.index.isin(ends).sum() != len(ends):
            yield {"start": start}, too_few()
            continue
        first, last = (found.loc[end] for end in ends)
        error = float(np.hypot(first["error"], last["error"]))
        yield {"start": start}, rises(last["half"] - first["half"], error)


def _limit(loss: Loss, table: pd.DataFrame) -> tuple[dict, Finding]:
    largest = table[table["n"] == table["n"].max()]
    found = half_points(near_half(largest), ["constrained"])
    late = dynamical_threshold(loss)
    fields = {"n": table["n"].max(), "limit": str(late)}
    if found.empty:
        return fields, too_few()
    error = float(np.hypot(found["error"].item(), late.error))
    return fields, rises(late.alpha - found["half"].item(), error)


def _setting(base: pd.DataFrame, changed: dict[str, pd.DataFrame]) -> Found:
    for what, found in changed.items():
        compared = settings_compared(base, found)
        least = min(1.0, float(compared["p"].min()) * len(compared))
        slug = "-".join(what.lower().replace("=", " ").split())
        yield {"slug": slug, "what": what}, within(least, SIGNIFICANT, np.inf, LEAST_P)


def _longer(base_time: pd.DataFrame, longer: pd.DataFrame) -> Finding:
    return within(largest_change(base_time, longer), 0.0, 1.0, CHANGE)


def _held_longer(once: pd.DataFrame, twice: pd.DataFrame) -> Finding:
    return within(largest_change(once, twice), 0.0, 1.0, CHANGE)


def _shift(shifts: pd.DataFrame) -> tuple[dict, Finding] | None:
    if len(shifts) < 2:
        return None
    first, last = shifts.iloc[0], shifts.iloc[-1]
    finding = agrees(
        last["shift"] - first["shift"],
        float(np.hypot(first["error"], last["error"])),
        0.0,
        min(first["pairs"], last["pairs"]),
        "difference of the shifts",
    )
    return {"first": shifts.index[0], "last": shifts.index[-1]}, finding


def _named(short: pd.DataFrame | None) -> Found:
    for (alpha, start), rate in NAMED.items() if short is not None else ():
        found = short[(short["n"] == 256) & (short["alpha"] == alpha) & (short["start"] == start)]
        if found.empty:
            continue
        error = np.sqrt((rate * (1 - rate) + 1 / NAMED_RUNS) / NAMED_RUNS)
        ends = max(0.0, rate - 2 * error), min(1.0, rate + 2 * error)
        fields = {"start": start, "alpha": alpha, "runs": NAMED_RUNS, "rate": rate}
        yield fields, rate_agrees(int(found["recovered"].sum()), len(found), *ends)


RECOVERY = (
    Row(
        "recovery-early-{n}",
        "at N = {n} the random start recovers signals that the constrained one loses",
        _early,
    ),
    Row(
        "recovery-moves-{start}",
        "the half point of the {start} start rises with N",
        _moves,
    ),
    Row(
        "recovery-constrained-below",
        "at N = {n} the half point of the constrained start is still below the instability of "
        "threshold states, alpha = {limit}",
        _limit,
    ),
)
"""Where the random start does better, how the two move with N, and whether the constrained one has
reached its limit."""

WIDE = tuple(
    replace(
        row,
        id=f"{row.id}-wide",
        sentence=f"at a = {{a_wide:g}}, {row.sentence}",
        reads={"table": "wide", "loss": "loss_wide"},
    )
    for row in RECOVERY
)
"""The same at another loss."""

CLAIMS = (
    Row(
        "paper-random-{n}",
        "at alpha = {alpha:g}, N = {n} the random start recovers more signals than the "
        "constrained one",
        better_at("random", "constrained"),
    ),
    *RECOVERY,
    *WIDE,
    Row(
        "control-chance-{n}",
        "at N = {n} the random start recovers signals that it loses without its overlap by chance",
        _chance,
    ),
    Row(
        "control-curvature-{n}",
        "at N = {n} a start on the equator recovers signals that it loses if it is held there",
        _curvature,
    ),
    Row("settings-{slug}", "recovered fractions do not change with {what}", _setting, "check"),
    Row(
        "settings-time",
        "twice the time changes no recovered fraction beyond its interval",
        _longer,
        "check",
    ),
    Row(
        "settings-hold",
        "from twice the hold of the book on, twice as long a hold changes no recovered fraction "
        "beyond its interval",
        _held_longer,
        "check",
    ),
    Row(
        "settings-hold-shift",
        "twice the hold of the book moves the constrained half point by as much at N = {last} as "
        "at N = {first}",
        _shift,
        "check",
    ),
    Row(
        "recovery-{start}-{alpha:g}",
        "at alpha = {alpha:g}, N = 256 the {start} start recovers the fraction that an "
        "independent code found in {runs} runs, {rate:g}",
        _named,
        "check",
    ),
)
"""Evaluated on runs of `companion.ensembles.recovery`: ``table`` (``loss``), ``wide``
(``loss_wide``, ``a_wide``), ``named`` at the sizes of the paper, ``control`` with orthogonal
starts; ``base`` and what was ``changed``; ``base_time`` and ``longer``; held ``once`` and ``twice``
as long; the ``shifts`` of `companion.analysis.half_points`; and ``short`` runs, or None."""


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
