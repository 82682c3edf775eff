"""Thresholds across the family of losses, and beyond it (notebook 08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import norm

from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    ALPHA,
    COLOURS,
    LATE,
    THEORY,
    heading,
    legend_below,
    of,
    panels,
    points,
    sequence,
)
from companion.figures.theory import start_overlaps
from companion.thresholds import DynamicalThreshold
from prlib.losses import as_loss
from prlib.transitions import Thresholds, alpha_init, thresholds

WEAK_RECOVERY = 0.5
"""Measurements per dimension above which the best algorithm correlates with the signal at all
(Mondelli & Montanari 2019)."""

FULL_RECOVERY = 1.0
"""Measurements per dimension above which the labels determine the signal."""


@book_figure("fig-phase-diagram", data=("theory of infinite size", "long-hold"))
def phase_diagram_figure(
    found: Sequence[Thresholds], measured: Mapping[float, DynamicalThreshold]
) -> BookFigure:
    """All thresholds in the plane of alpha and a, with the regimes that they part."""
    a, start, most, low, replica = (
        np.array([getattr(each, name) for each in found])
        for name in ("a", "alpha_init", "alpha_minima", "alpha_minima_low", "alpha_threshold")
    )
    soft = np.array([each.edge_init == "soft" for each in found])
    unnormalised = thresholds(None)
    best, least = int(np.argmin(start)), int(np.argmin(most))
    with panels(1, 2, height=3.6) as (figure, (left, right)):
        _regimes(left, a, start, most, low)
        left.plot(most, a, color=LATE, linewidth=1, label="most numerous minima")
        left.plot(low, a, ":", color=LATE, label="lowest minima")
        left.plot(replica, a, "--", color=THEORY, linewidth=1, label="1RSB")
        left.plot(np.where(soft, start, np.nan), a, color=COLOURS[0], label="start, soft edge")
        # The hard branch starts where the soft one ends.
        hard = ~soft | np.roll(~soft, -1) if soft.any() else ~soft
        hard_edge = {"color": COLOURS[0], "linestyle": "--", "label": "start, hard edge"}
        left.plot(np.where(hard, start, np.nan), a, **hard_edge)
        ends = np.array([late.alpha for late in measured.values()])
        reach = norm.ppf(0.975) * np.array([late.error for late in measured.values()])
        left.errorbar(
            ends,
            list(measured),
            xerr=reach,
            fmt="D",
            color=LATE,
            markersize=4,
            label="held descents",
        )
        for alpha, style in ((WEAK_RECOVERY, ":"), (FULL_RECOVERY, "-.")):
            left.axvline(alpha, color="0.5", linewidth=1, linestyle=style)
        left.set(
            xscale="log",
            yscale="log",
            xlabel=r"measurements per dimension $\alpha$",
            ylabel="normalisation a",
            xlim=(0.4, 60),
            ylim=(a.min(), a.max()),
        )
        legend_below(figure, left, 3)
        right.fill_between(a, most - start, low - start, color=LATE, alpha=0.25, linewidth=0)
        right.plot(a, most - start, color=LATE, linewidth=1)
        right.plot(a, low - start, ":", color=LATE)
        right.plot(a, replica - start, "--", color=THEORY, linewidth=1)
        right.axhline(0, color="0.7", linewidth=0.8)
        right.set(
            xscale="log",
            xlabel="normalisation a",
            ylabel=r"window $\alpha^{TS}_{BBP} - \alpha^{init}_{BBP}$",
            ylim=(-8, 1.15 * np.max(replica - start)),
        )
        heading(left, "three regimes")
        heading(right, "informative window")
    told = "; ".join(f"{late} at a = {value:g}" for value, late in measured.items())
    return BookFigure(
        "fig-phase-diagram",
        title=rf"The start sees the signal earliest near a = {a[best]:.2g}, at {ALPHA} = "
        f"{start[best]:.2f}; minima give way earliest at a = {a[least]:.2g}, from "
        f"{most[least]:.2f} on",
        caption="Where an informative direction exists at infinite size. (a) Blind (grey), "
        "informative at the start only (blue), unstable toward the signal even at threshold states "
        "(orange), which begins between the most numerous (solid) and the lowest minima (dotted); "
        "diamonds, with 95 % intervals: held descents. Grey uprights: weak recovery at "
        f"{WEAK_RECOVERY:g} and full recovery at {FULL_RECOVERY:g}, for scale; dashed blue: a "
        "start whose bulk has a hard edge, which finite sizes reach only logarithmically. (b) "
        "Width of the window between start and threshold states, lines alike.",
        alt="Phase diagram in the plane of alpha and a. The lines of minima rise slowly with a, "
        f"from {most[0]:.3f} and {low[0]:.3f}, that of 1RSB a little to their right. The line of "
        "the start falls until a is about one, then rises in proportion to a and crosses the "
        f"others. Between them lies the informative window. Held descents: {told}. For the "
        f"un-normalised loss minima turn unstable from {unnormalised.alpha_minima:.2f} to "
        f"{unnormalised.alpha_minima_low:.2f}, 1RSB at {unnormalised.alpha_threshold:.2f}.",
        figure=figure,
    )


def _regimes(
    axis: Axes, a: np.ndarray, start: np.ndarray, most: np.ndarray, low: np.ndarray
) -> None:
    first = np.minimum(start, most)
    axis.fill_betweenx(a, 0.1, first, color="0.6", alpha=0.25, linewidth=0)
    axis.fill_betweenx(a, start, most, where=start < most, color=COLOURS[0], alpha=0.2, linewidth=0)
    axis.fill_betweenx(a, most, low, color=LATE, alpha=0.3, linewidth=0)
    axis.fill_betweenx(a, low, 1e3, color=LATE, alpha=0.15, linewidth=0)
    widest = int(np.argmax(most / start))
    names = (
        ("blind", 1.1 * FULL_RECOVERY, a[len(a) // 6], "left"),
        ("sees early", np.sqrt(start[widest] * most[widest]), a[widest], "center"),
        ("sees always", 50.0, a[len(a) // 6], "right"),
    )
    for name, alpha, height, side in names:
        axis.text(alpha, height, name, ha=side, va="center", fontsize=9)


@book_figure("fig-losses-start-overlap", data=("simulated starts", "theory of infinite size"))
def start_overlap_figure(rows: pd.DataFrame) -> BookFigure:
    """Squared overlap at the start against alpha for several losses, theory under simulation."""
    values = list(rows["loss"].unique())
    with panels(height=3.2, width=5.0) as (figure, (axis,)):
        for id_, colour in zip(values, sequence(len(values)), strict=True):
            loss, found = as_loss(id_), rows[rows["loss"] == id_]
            grid = np.linspace(found["alpha"].min(), found["alpha"].max(), 80)
            unit = alpha_init(loss).alpha
            axis.plot(grid / unit, start_overlaps(loss, grid), color=colour)
            means = mean_interval(found, "alpha", "overlap2")
            points(axis, means.index / unit, means, color=colour, label=of(loss))
        axis.axvline(1, color="0.6", linewidth=1, linestyle=":")
        axis.set(
            xlabel=r"$\alpha / \alpha_\mathrm{BBP}$ at the start",
            ylabel="squared overlap with the signal",
            ylim=(-0.02, 1),
        )
        axis.legend(loc="upper left")
    runs = int(rows.groupby(["loss", "alpha"]).size().min())
    return BookFigure(
        "fig-losses-start-overlap",
        title="Beyond its own transition each loss follows theory to within "
        f"{_largest_miss(rows):.2f} in squared overlap",
        caption="Squared overlap of the lowest eigenvector of the Hessian at a random start with "
        "the signal, for several normalisations, in units of the transition of each. Lines: "
        f"infinite size; points: means of {runs} Hessians with N = {rows['n'].max()}, with 95 % "
        "intervals.",
        alt="Squared overlaps against alpha in units of the transition, theory and simulation. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


def _largest_miss(rows: pd.DataFrame) -> float:
    """Return the largest distance of a mean from theory above the transition of its loss."""
    misses = [
        abs(found["overlap2"].mean() - start_overlaps(as_loss(id_), [alpha])[0])
        for (id_, alpha), found in rows.groupby(["loss", "alpha"])
        if alpha > alpha_init(as_loss(id_)).alpha
    ]
    return max(misses, default=0.0)
