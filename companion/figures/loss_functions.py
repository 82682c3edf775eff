"""Thresholds across the family of losses, and beyond it (notebook 08)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    COLOURS,
    THEORY,
    heading,
    legend_below,
    of,
    panels,
    points,
    sequence,
)
from companion.figures.theory import start_overlaps
from prlib.losses import as_loss
from prlib.transitions import Thresholds, alpha_init, thresholds

WEAK_RECOVERY = 0.5
"""Measurements per dimension above which the best algorithm correlates with the signal at all
(Mondelli & Montanari 2019)."""

FULL_RECOVERY = 1.0
"""Measurements per dimension above which the labels determine the signal."""


@book_figure("fig-phase-diagram", data=("theory of infinite size",))
def phase_diagram_figure(found: Sequence[Thresholds]) -> BookFigure:
    """Both thresholds in the plane of alpha and a, with the regimes that they part."""
    a = np.array([each.a for each in found])
    start = np.array([each.alpha_init for each in found])
    end = np.array([each.alpha_threshold for each in found])
    soft = np.array([each.edge_init == "soft" for each in found])
    unnormalised = thresholds(None).alpha_threshold
    best = int(np.argmin(start))
    with panels(1, 2, height=3.6) as (figure, (left, right)):
        _regimes(left, a, start, end)
        left.plot(end, a, color=COLOURS[3], label=r"$\alpha_\mathrm{BBP}$, threshold states")
        left.plot(
            np.where(soft, start, np.nan),
            a,
            color=COLOURS[0],
            label=r"$\alpha_\mathrm{BBP}$, start: soft",
        )
        # The hard branch starts where the soft one ends.
        hard = ~soft | np.roll(~soft, -1) if soft.any() else ~soft
        left.plot(
            np.where(hard, start, np.nan),
            a,
            color=COLOURS[0],
            linestyle="--",
            label=r"$\alpha_\mathrm{BBP}$, start: hard",
        )
        for alpha, style in ((WEAK_RECOVERY, ":"), (FULL_RECOVERY, "-.")):
            left.axvline(alpha, color="0.5", linewidth=1, linestyle=style)
        left.axvline(unnormalised, color=COLOURS[3], linewidth=0.8, linestyle=":")
        left.set(
            xscale="log",
            yscale="log",
            xlabel=r"measurements per dimension $\alpha$",
            ylabel="normalisation a",
            xlim=(0.4, 60),
            ylim=(a.min(), a.max()),
        )
        legend_below(figure, left)
        right.plot(a, end - start, color=THEORY)
        right.axhline(0, color="0.7", linewidth=0.8)
        right.set(
            xscale="log",
            xlabel="normalisation a",
            ylabel=r"window $\alpha^{TS}_{BBP} - \alpha^{init}_{BBP}$",
            ylim=(-8, 1.15 * np.max(end - start)),
        )
        heading(left, "three regimes")
        heading(right, "informative window")
    return BookFigure(
        "fig-phase-diagram",
        "Where an informative direction exists, by theory of infinite size. (a) Blind (grey), "
        "informative at the start only (blue), unstable toward the signal even at threshold states "
        "(orange). Dashed: the part of the first line where the bulk of the start has a hard edge, "
        "which finite sizes reach only logarithmically. Dotted and dash-dotted grey: weak recovery "
        f"at {WEAK_RECOVERY:g} and full recovery at {FULL_RECOVERY:g}, for scale. Dotted orange: "
        f"the un-normalised loss, {unnormalised:.2f}. (b) Width of the window between the two. "
        f"The start is informative earliest near a = {a[best]:.2g}; threshold states are unstable "
        f"earliest at small a, where that line ends at {end[0]:.3f}.",
        "Phase diagram in the plane of alpha and a. The line of threshold states rises slowly with "
        "a. The line of the start falls until a is about one, then rises in proportion to a and "
        "crosses the other. Between them lies the informative window.",
        figure,
    )


def _regimes(axis: Axes, a: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    first = np.minimum(start, end)
    axis.fill_betweenx(a, 0.1, first, color="0.6", alpha=0.25, linewidth=0)
    axis.fill_betweenx(a, start, end, where=start < end, color=COLOURS[0], alpha=0.2, linewidth=0)
    axis.fill_betweenx(a, end, 1e3, color=COLOURS[3], alpha=0.15, linewidth=0)


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
        "Squared overlap of the lowest eigenvector of the Hessian at a random start with the "
        "signal, for several normalisations, in units of the transition of each. Lines: infinite "
        f"size. Points: means of {runs} Hessians with N = {rows['n'].max()}, with 95 % intervals.",
        "Squared overlaps against alpha in units of the transition, theory and simulation. "
        f"{ends_in_words(figure)}",
        figure,
    )
