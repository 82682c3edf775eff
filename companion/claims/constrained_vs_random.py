"""Claims on constrained against random starts (notebook 04), and on the settings of all runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from companion.analysis.scaling import near_half
from companion.claims.claim import Claim, agrees, does_better, error_of, rate_agrees, rises, within
from prlib.losses import NormalizedIntensity
from prlib.sweeps import half_point, paired, rates
from prlib.transitions import alpha_threshold

SIGNIFICANT = 0.01
"""Probability below which McNemar's test tells two runs apart in a table or a window."""

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

BOOTSTRAP = 200
"""Resamplings of a half point for its error."""


def recovery_claims(a: float, table: pd.DataFrame, *, name: str = "") -> list[Claim]:
    """Hold the second experiment of the paper against paired runs.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, with random and constrained starts.
    name : str
        Marks the claims of a second table.

    Returns
    -------
    list of Claim
        Where the random start does better, how the two move with N, and whether the constrained
        one has reached its limit.
    """
    claims = _better_somewhere(
        table,
        "random",
        "constrained",
        "recovery-early",
        "the random start recovers signals that the constrained one loses",
    )
    claims += [_moves(table, start) for start in ("random", "constrained")]
    claims.append(_limit(a, table))
    if not name:
        return claims
    return [
        replace(claim, id=f"{claim.id}-{name}", statement=f"at a = {a:g}, {claim.statement}")
        for claim in claims
    ]


def _better_somewhere(
    table: pd.DataFrame, better: str, worse: str, id_: str, statement: str
) -> list[Claim]:
    claims = []
    for n, found in paired(table, better, worse).groupby("n"):
        best = found.loc[found["difference"].abs().idxmax()]
        claims.append(
            does_better(
                f"{id_}-{n}",
                f"at N = {n} {statement}",
                float(best["difference"]),
                min(1.0, float(best["p"]) * len(found)),
                "least p of McNemar's tests, times their number",
            )
        )
    return claims


def half_points_table(table: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """Tabulate the half point of each size and start.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`.
    starts : sequence of str
        The starts.

    Returns
    -------
    pandas.DataFrame
        Per N, in words, with standard errors.
    """
    rows = {
        n: {start: _half_point_in_words(table, start, n) for start in starts}
        for n in sorted(table["n"].unique())
    }
    return pd.DataFrame(rows).T.rename_axis("N")


def _half_point_in_words(table: pd.DataFrame, start: str, n: int) -> str:
    return "{:.2f} ± {:.2f}".format(*half_point_with_error(table, start, n))


def control_claims(table: pd.DataFrame) -> list[Claim]:
    """Take the two things apart that the constrained start is without: curvature and chance.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, with random, orthogonal and constrained starts.

    Returns
    -------
    list of Claim
        For each size, what the first overlap does, and what the first curvature does without it.
    """
    return _better_somewhere(
        table,
        "random",
        "orthogonal",
        "control-chance",
        "the random start recovers signals that it loses without its overlap by chance",
    ) + _better_somewhere(
        table,
        "orthogonal",
        "constrained",
        "control-curvature",
        "a start on the equator recovers signals that it loses if it is held there",
    )


def paper_claims(table: pd.DataFrame, better: str, worse: str) -> list[Claim]:
    """Claim at each size that one start recovers more signals than another.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, at the sizes and the alpha that the paper names.
    better, worse : str
        The starts.

    Returns
    -------
    list of Claim
        One a size.
    """
    return [
        does_better(
            f"paper-{better}-{found.n}",
            f"at alpha = {found.alpha:g}, N = {found.n} the {better} start recovers more signals "
            f"than the {worse} one",
            float(found.difference),
            float(found.p),
        )
        for found in paired(table, better, worse).itertuples()
    ]


def half_point_with_error(table: pd.DataFrame, start: str, n: int) -> tuple[float, float]:
    """Half point of one start and size, with its bootstrap standard error.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`.
    start : str
        The start.
    n : int
        The dimension.

    Returns
    -------
    place, error : float
        Alpha, and a quarter of its 95 % interval.
    """
    found = near_half(table[(table["n"] == n) & (table["start"] == start)])
    fit = half_point(
        found["alpha"], found["recovered"], bootstrap=BOOTSTRAP, rng=np.random.default_rng(n)
    )
    return fit.alpha, error_of(fit.low, fit.high)


def _moves(table: pd.DataFrame, start: str) -> Claim:
    low, high = int(table["n"].min()), int(table["n"].max())
    (first, error), (last, other) = (half_point_with_error(table, start, n) for n in (low, high))
    return rises(
        f"recovery-moves-{start}",
        f"the half point of the {start} start rises with N",
        last - first,
        float(np.hypot(error, other)),
    )


def _limit(a: float, table: pd.DataFrame) -> Claim:
    n = int(table["n"].max())
    place, error = half_point_with_error(table, "constrained", n)
    limit = alpha_threshold(NormalizedIntensity(a)).alpha
    return rises(
        "recovery-constrained-below",
        f"at N = {n} the half point of the constrained start is still below the instability of "
        f"threshold states, alpha = {limit:.3f}",
        limit - place,
        error,
    )


def named_claims(table: pd.DataFrame) -> list[Claim]:
    """Hold recovered fractions against those of an independent code.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, at a = 0.01 with time 100; without N = 256, no claim.

    Returns
    -------
    list of Claim
        One a value: the interval of ours against that of the other 40 runs.
    """
    claims = []
    for (alpha, start), rate in NAMED.items():
        found = table[(table["n"] == 256) & (table["alpha"] == alpha) & (table["start"] == start)]
        if found.empty:
            continue
        error = np.sqrt((rate * (1 - rate) + 1 / NAMED_RUNS) / NAMED_RUNS)
        claims.append(
            rate_agrees(
                f"recovery-{start}-{alpha:g}",
                f"at alpha = {alpha:g}, N = 256 the {start} start recovers the fraction "
                f"that an independent code found in {NAMED_RUNS} runs, {rate:g}",
                int(found["recovered"].sum()),
                len(found),
                max(0.0, rate - 2 * error),
                min(1.0, rate + 2 * error),
            )
        )
    return claims


def starts_table(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Tabulate the starts of one alpha: rates, initial overlap, and time to recover.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`.
    alpha : float
        Measurements per dimension.

    Returns
    -------
    pandas.DataFrame
        Per size and start.
    """
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


def window(table: pd.DataFrame) -> pd.DataFrame:
    """Tabulate, for each size, the alphas where the random start does better.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, with random and constrained starts.

    Returns
    -------
    pandas.DataFrame
        Per size: both half points with their standard errors, and the alphas at which the random
        start recovers more by McNemar's exact test, one in a hundred: "up to" and "or more" where
        these are the first or the last that were run.
    """
    compared = paired(table, "random", "constrained")
    rows = {}
    for n, found in compared.groupby("n"):
        better = found[(found["p"] < SIGNIFICANT) & (found["difference"] > 0)]["alpha"]
        best = found.loc[found["difference"].idxmax()]
        rows[n] = {
            **{
                f"half point, {start}": _half_point_in_words(table, start, n)
                for start in ("random", "constrained")
            },
            "random recovers more": _span(better, found["alpha"]),
            "largest difference": f"{best['difference']:.2f} at {best['alpha']:g}",
            "p there": f"{best['p']:.0e}",
        }
    return pd.DataFrame(rows).T.rename_axis("N")


def _span(better: pd.Series, alphas: pd.Series) -> str:
    if better.empty:
        return "nowhere"
    # Where the grid ends the window need not.
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
    table = pd.concat(
        [_compared(base, found).assign(**{"changed to": what}) for what, found in changed.items()],
        ignore_index=True,
    )
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


def _compared(base: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Compare runs whose setting was changed with those of the same instances, start by start."""
    both = pd.concat([base.assign(setting="base"), changed.assign(setting="changed")])
    return paired(both, "changed", "base", by=("start",), column="setting")


def settings_claims(base: pd.DataFrame, changed: dict[str, pd.DataFrame]) -> list[Claim]:
    """Claim that no setting of the descent matters.

    Parameters
    ----------
    base, changed
        See `settings_table`.

    Returns
    -------
    list of Claim
        One a setting: the least of McNemar's p over starts, times their number.
    """
    claims = []
    for what, found in changed.items():
        compared = _compared(base, found)
        least = min(1.0, float(compared["p"].min()) * len(compared))
        claims.append(
            within(
                f"settings-{'-'.join(what.lower().replace('=', ' ').split())}",
                f"recovered fractions do not change with {what}",
                least,
                SIGNIFICANT,
                np.inf,
                "least p of McNemar's tests, times their number",
            )
        )
    return claims


def half_point_shifts(base: pd.DataFrame, changed: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Find by how much a change of a setting moves the half point of each size.

    Parameters
    ----------
    base, changed : pandas.DataFrame
        Runs of one start before and after the change; those of the same instances are compared.
    seed : int
        Seed of the bootstrap, which takes both runs of an instance together.

    Returns
    -------
    pandas.DataFrame
        Per N: pairs, half (before), changed (after), shift, low and high (95 % interval of the
        shift), error.
    """
    keys = ["n", "alpha", "replica"]
    both = base.merge(changed, on=keys, suffixes=("_base", ""))
    rows = {}
    for n, found in both.groupby("n"):
        rng = np.random.default_rng([seed, n])
        before, after = _both_half_points(found)
        drawn = np.array(
            [
                _both_half_points(
                    found.groupby("alpha").sample(frac=1, replace=True, random_state=rng)
                )
                for _ in range(BOOTSTRAP)
            ]
        )
        low, high = np.nanquantile(drawn[:, 1] - drawn[:, 0], [0.025, 0.975])
        rows[n] = {
            "pairs": len(found),
            "half": before,
            "changed": after,
            "shift": after - before,
            "low": low,
            "high": high,
            "error": error_of(low, high),
        }
    return pd.DataFrame(rows).T.astype({"pairs": int}).rename_axis("N")


def _both_half_points(found: pd.DataFrame) -> tuple[float, float]:
    before, after = (
        half_point(found["alpha"], found[column]).alpha
        for column in ("recovered_base", "recovered")
    )
    return before, after


def shift_claim(shifts: pd.DataFrame) -> Claim:
    """Claim that the shift of the half point is the same at the smallest and the largest size.

    Parameters
    ----------
    shifts : pandas.DataFrame
        From `half_point_shifts`.

    Returns
    -------
    Claim
        Its number is the difference of the shifts.
    """
    first, last = shifts.iloc[0], shifts.iloc[-1]
    return agrees(
        "settings-hold-shift",
        "twice the hold of the book moves the constrained half point by as much at "
        f"N = {shifts.index[-1]} as at N = {shifts.index[0]}",
        last["shift"] - first["shift"],
        float(np.hypot(first["error"], last["error"])),
        0.0,
        "difference of the shifts",
    )


def plateau_claim(id_: str, statement: str, base: pd.DataFrame, longer: pd.DataFrame) -> Claim:
    """Claim that more time changes no recovered fraction beyond its interval.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    base : pandas.DataFrame
        Runs at the settings of the book.
    longer : pandas.DataFrame
        Runs of the same instances with more time.

    Returns
    -------
    Claim
        Its number is the largest change over size, start and alpha, in units of the distance to
        the end of the 95 % Wilson interval on that side.
    """
    keys = ["n", "start", "alpha"]
    both = rates(base, by=keys).merge(rates(longer, by=keys), on=keys, suffixes=("", "_longer"))
    change = both["rate_longer"] - both["rate"]
    reach = np.where(change > 0, both["high"] - both["rate"], both["rate"] - both["low"])
    worst = float(np.max(np.abs(change) / np.maximum(reach, 1e-12))) if len(both) else np.nan
    return within(id_, statement, worst, 0.0, 1.0, "largest change, over its interval")
