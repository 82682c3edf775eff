"""Wide students: half points by width, threshold states, and transitions that jump."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.half_points import Halves, near_half, resampled_halves
from companion.analysis.intervals import mean_interval, power_of_size, weighted_fit
from prlib.losses import NormalizedIntensity
from prlib.models.wide import wide_start, wide_thresholds
from prlib.spectra.outlier import outlier


def halves_by_width(table: pd.DataFrame, seed: int = 0) -> Halves:
    """Find where half of the students recover, from random and from held starts.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of both starts on the same instances, with their ``width``.
    seed : int
        Seed of the bootstrap, which draws all runs of a replica together.

    Returns
    -------
    Halves
        Groups are named by width, start and N.
    """
    near = [near_half(runs) for _, runs in table.groupby("width")]
    return resampled_halves(pd.concat(near), ["width", "start", "n"], seed)


def gap(halves: Halves, width: int, n: int) -> tuple[float, float]:
    """Return by how much held starts need more measurements than random ones, with its error."""
    pair = (width, "constrained", n), (width, "random", n)
    if not {*pair} <= {*halves.best.index}:
        return np.nan, np.nan
    return halves.of(lambda x: x[pair[0]] - x[pair[1]])


def halves_table(halves: Halves, starts: pd.Series) -> pd.DataFrame:
    """Tabulate half points and their distances with standard errors.

    Parameters
    ----------
    starts : pandas.Series
        The transition of the Hessian at a random start, by width.
    """
    rows = {}
    for width, n in sorted({(name[0], name[2]) for name in halves.best.index}):
        told = {"transition of a start": f"{starts[int(width)]:.3f}"}
        for start in ("random", "constrained"):
            name = (width, start, n)
            if name in halves.best.index:
                place, error = halves.of(lambda x, name=name: x[name])
                told[f"half, {start}"] = f"{place:.2f} ± {error:.2f}"
        apart = gap(halves, width, n)
        told["distance"] = "" if np.isnan(apart[0]) else f"{apart[0]:.2f} ± {apart[1]:.2f}"
        rows[int(width), n] = told
    return pd.DataFrame(rows).T.fillna("").rename_axis(["units", "N"])


def starts_of_widths(a: float, widths: Sequence[float]) -> pd.Series:
    """Return the transition of the Hessian at a random start for each width."""
    return pd.Series({int(p): wide_thresholds(a, p).alpha_init for p in widths})


def lasting_power(table: pd.DataFrame, when: str) -> pd.DataFrame:
    """Fit the power of N as which the overlap of the lowest eigenvectors falls, alpha by alpha.

    Without an outlier it is 1, with one it is 0, and at the transition 1/3.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of the experiment `wide_hold`.
    when : {"start", "end"}
        Which of their rows.

    Returns
    -------
    pandas.DataFrame
        width, alpha, power, error, count.
    """
    rows = []
    for (width, alpha), found in table[table["when"] == when].groupby(["width", "alpha"]):
        means = mean_interval(found, "n", "overlap2")
        design = np.column_stack([np.ones(len(means)), np.log(means.index)])
        # Of means: the logarithm of a single overlap scatters over decades.
        errors = (means["error"] / means["mean"]).to_numpy()
        fit, covariance = weighted_fit(design, np.log(means["mean"].to_numpy()), errors)
        count = int(means["count"].sum()) - 1
        rows.append((int(width), alpha, -fit[1], np.sqrt(covariance[1, 1]), count))
    return pd.DataFrame(rows, columns=["width", "alpha", "power", "error", "count"])


CRITICAL = 1 / 3
"""Power of N as which the squared overlap falls at a soft transition."""


def threshold_of_states(powers: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Find for each width the alpha at which the overlap at threshold states falls as N^(-1/3).

    On straight lines between the alphas, made to fall; errors by copies that differ by those of the
    powers.

    Returns
    -------
    pandas.DataFrame
        Indexed by width: alpha, error; NaN where the alphas do not bracket it.
    """
    rng, rows = np.random.default_rng(seed), {}
    for width, found in powers.sort_values("alpha").groupby("width"):
        places = [_crossing(found["alpha"], found["power"])]
        for _ in range(400):
            moved = found["power"] + found["error"] * rng.standard_normal(len(found))
            places.append(_crossing(found["alpha"], moved))
        copies = np.array(places[1:])
        known = copies[np.isfinite(copies)]
        error = known.std(ddof=1) if len(known) > len(copies) / 2 else np.nan
        rows[width] = {"alpha": places[0], "error": error}
    return pd.DataFrame(rows).T.rename_axis("width")


def _crossing(alpha: pd.Series, power: pd.Series) -> float:
    falling = np.minimum.accumulate(power.to_numpy())
    if not falling[0] > CRITICAL >= falling[-1]:
        return np.nan
    return float(np.interp(-CRITICAL, -falling, alpha.to_numpy()))


def at_transition(table: pd.DataFrame, starts: pd.Series) -> pd.DataFrame:
    """Describe random starts at the transition of infinite size, by width and N.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of the experiment `wide_start`.
    starts : pandas.Series
        The transition by width.

    Returns
    -------
    pandas.DataFrame
        width, n, low (draws in which the best-aligned eigenvector is among the p lowest), draws,
        overlap2 and error (mean of the best), spread and spread_error (standard deviation over the
        mean).
    """
    at = table[np.abs(table["alpha"] / table["width"].astype(int).map(starts) - 1) < 0.01]
    rows = []
    for (width, n), found in at.groupby(["width", "n"]):
        best, count = found["best_overlap2"], len(found)
        relative = best.std() / best.mean()
        low = int((found["best"] < width).sum())
        numbers = (best.mean(), best.sem(), relative, relative / np.sqrt(2 * max(count - 1, 1)))
        rows.append((int(width), int(n), low, count, *numbers))
    names = ["width", "n", "low", "draws", "overlap2", "error", "spread", "spread_error"]
    return pd.DataFrame(rows, columns=names)


def told_by_own(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate what theory says of a draw's own labels with the overlap that it has.

    Returns
    -------
    pandas.DataFrame
        width, n, correlation, error, draws: rank correlation of ``own_condition`` with
        ``best_overlap2`` at fixed alpha, a mean over these with its standard error.
    """
    rows = []
    for (width, n), found in table.groupby(["width", "n"]):
        ranks = found.groupby("alpha")[["own_condition", "best_overlap2"]].rank()
        ranks = ranks - ranks.groupby(found["alpha"]).transform("mean")
        x, y = ranks["own_condition"], ranks["best_overlap2"]
        r = float((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))
        count = len(found) - found["alpha"].nunique()
        rows.append((int(width), int(n), r, (1 - r * r) / np.sqrt(max(count - 1, 1)), len(found)))
    return pd.DataFrame(rows, columns=["width", "n", "correlation", "error", "draws"])


def theory_lines(a: float, widths: Sequence[int], ratios: Sequence[float]) -> dict:
    """Return squared overlap against alpha over the transition, at infinite size, by width."""
    lines = {}
    for width in widths:
        start = wide_thresholds(a, width).alpha_init
        found = [outlier(wide_start(NormalizedIntensity(a), x * start, width)) for x in ratios]
        overlaps = [0.0 if one is None else one.overlap2 for one in found]
        lines[int(width)] = pd.DataFrame({"ratio": ratios, "overlap2": overlaps})
    return lines


def states_table(powers: pd.DataFrame, states: pd.DataFrame, starts: pd.Series) -> pd.DataFrame:
    """Tabulate the powers at the start and at threshold states, and where they pass `CRITICAL`."""
    rows = {}
    for (width, alpha), found in powers.groupby(["width", "alpha"]):
        by = found.set_index("when")
        told = {
            name: f"{by.loc[when, 'power']:.2f} ± {by.loc[when, 'error']:.2f}"
            for when, name in (("start", "at the start"), ("end", "at threshold states"))
        }
        place, error = states.loc[width] / starts[width]
        told["threshold, over that of the start"] = (
            "" if np.isnan(place) else f"{place:.2f} ± {error:.2f}"
        )
        rows[width, f"{alpha:g}"] = told
    return pd.DataFrame(rows).T.rename_axis(["units", "alpha"])


EXPLAINED = 1e-3
"""Energy per dimension below which a student explains all that was measured."""


def explained_table(students: pd.DataFrame) -> pd.DataFrame:
    """Tabulate which share of the unrecovered descents explain all measurements, by width."""
    lost = students[~students["recovered"]]
    table = lost.assign(explained=lost["energy"] < EXPLAINED).pivot_table(
        index="width", columns="alpha", values="explained"
    )
    shown = table.map(lambda share: "" if np.isnan(share) else f"{share:.2f}")
    shown = shown.set_axis([f"{alpha:g}" for alpha in table], axis=1)
    return shown.set_axis(table.index.astype(int)).rename_axis("units")


def starting_table(starting: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Tabulate random starts at the transition, from `at_transition` and `told_by_own`."""
    rows = {}
    by = told.set_index(["width", "n"])
    for row in starting.itertuples():
        own = by.loc[(row.width, row.n)]
        rows[row.width, row.n] = {
            "squared overlap": f"{row.overlap2:.3f} ± {row.error:.3f}",
            "spread over mean": f"{row.spread:.2f} ± {row.spread_error:.2f}",
            "best is low": f"{row.low} of {row.draws}",
            "correlation": f"{own['correlation']:.2f} ± {own['error']:.2f}",
        }
    return pd.DataFrame(rows).T.rename_axis(["units", "N"])


def powers_at_transition(table: pd.DataFrame, starts: pd.Series) -> dict[int, tuple]:
    """Fit the power of N as which the best overlap at the transition falls, by width."""
    near = (table["alpha"] / table["width"].astype(int).map(starts) - 1).abs() < 0.01
    return {
        int(width): power_of_size(rows, "best_overlap2")
        for width, rows in table[near].groupby("width")
    }
