"""The exact Hessian at every time of the descent (notebook 09)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.analysis.dynamics import along, border, transition_times
from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    ALPHA,
    COLOURS,
    THEORY,
    counted,
    heading,
    legend_below,
    mark_late,
    of,
    panels,
    points,
    sequence,
    size_colours,
    time_axis,
)
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures.dynamical import MeanField
from prlib.measures.threshold_states import solve_threshold_state
from prlib.transitions import alpha_init


@book_figure(
    "fig-hessian-evolution", data=("theory/early", "theory/growth", "theory/border", "approach")
)
@takes_loss
def hessian_evolution_figure(
    loss: Loss, theory: pd.DataFrame, simulated: pd.DataFrame
) -> BookFigure:
    """Lowest eigenvalue and its eigenvector's overlap against time, theory under simulation."""
    alphas, sizes = sorted(simulated["alpha"].unique()), sorted(simulated["n"].unique())
    end = simulated["time"].max()
    with panels(2, len(alphas), height=2.6, sharex=True, sharey="row") as (figure, axes):
        for column, alpha in enumerate(alphas):
            upper, lower = axes[column], axes[column + len(alphas)]
            line = theory[(theory["alpha"] == alpha) & (theory["t"] <= 1.05 * end)]
            upper.plot(line["t"], line["left_edge"], color=THEORY, label="theory: edge")
            upper.plot(line["t"], line["outlier"], "--", color=COLOURS[3], label="theory: outlier")
            lower.plot(line["t"], line["overlap2"], color=THEORY)
            for n, colour in zip(sizes, size_colours(sizes), strict=True):
                rows = simulated[(simulated["alpha"] == alpha) & (simulated["n"] == n)]
                for axis, name in ((upper, "lowest"), (lower, "overlap2")):
                    found = mean_interval(rows, "time", name)
                    points(axis, found.index, found, color=colour, label=f"N = {n}", markersize=3)
            upper.set_yscale("symlog", linthresh=1)
            lower.set_ylim(-0.02, 1.0)
            time_axis(lower, simulated)
            lower.set_xlabel("time t")
            heading(upper, rf"$\alpha$ = {alpha:g}")
        axes[0].set_ylabel("lowest eigenvalue of H")
        axes[len(alphas)].set_ylabel("squared overlap\nwith the signal")
        legend_below(figure, axes[0])
    return BookFigure(
        "fig-hessian-evolution",
        title=_fate_of_the_outlier(theory, alphas, end),
        caption="The lowest eigenvalue of the Hessian along gradient flow from a random start, and "
        f"the squared overlap of its eigenvector with the signal, {of(loss)}. Lines: exact theory "
        "at infinite size, where the estimate keeps overlap zero: the left edge of the bulk "
        "(solid) and the outlier below it (dashed). Points: means of simulated descents with 95 % "
        f"intervals ({counted(simulated)} for each \\(\\alpha\\)).",
        alt="One column an alpha: above, the lowest eigenvalue against time, below, the squared "
        "overlap of its eigenvector; theory and simulation. The outlier lies below the edge "
        f"{_outliers(theory, alphas, end)}. {ends_in_words(figure)}",
        figure=figure,
    )


def _fate_of_the_outlier(theory: pd.DataFrame, alphas: list[float], end: float) -> str:
    """Say of each alpha until when theory has an outlier."""
    told = []
    for alpha in alphas:
        run = theory[(theory["alpha"] == alpha) & (theory["t"] <= end)]
        seen = run.loc[run["outlier"].notna(), "t"]
        if seen.empty:
            fate = "never there"
        elif seen.max() < run["t"].max():
            fate = f"lost at t = {seen.max():.2g}"
        else:
            fate = f"there as far as theory goes, to t = {seen.max():.2g},"
        told.append(rf"{fate} at {ALPHA} = {alpha:g}")
    return f"The outlier is {', '.join(told)}"


def _outliers(theory: pd.DataFrame, alphas: list[float], end: float) -> str:
    """Say how far below the edge the outlier of theory lies at most, and at which alphas."""
    until = theory[theory["t"] <= end]
    gaps = (until["left_edge"] - until["outlier"]).groupby(until["alpha"]).max().reindex(alphas)
    return ", ".join(
        rf"none at \(\alpha\) = {alpha:g}"
        if np.isnan(gap)
        else rf"by up to {gap:.2g} at \(\alpha\) = {alpha:g}"
        for alpha, gap in gaps.items()
    )


@book_figure(
    "fig-t-bbp",
    "fig-t-bbp-wide",
    data=("theory/early", "theory/growth", "theory/border", "theory/wide"),
)
@takes_loss
def t_bbp_figure(loss: Loss, theory: pd.DataFrame, name: str = "fig-t-bbp") -> BookFigure:
    """Draw where an informative direction exists, in the plane of alpha and time."""
    times = transition_times(theory)
    early, late = alpha_init(loss).alpha, dynamical_threshold(loss)
    alphas, end = np.array(sorted(theory["alpha"].unique())), theory["t"].max()
    grid = np.geomspace(theory.loc[theory["t"] > 0, "t"].min(), end, 160)
    overlap2, last = along(theory, grid, "overlap2"), border(theory, grid)
    with panels(height=4.0, width=5.6) as (figure, (axis,)):
        shades = axis.pcolormesh(
            alphas, grid, overlap2.T, cmap="crest", shading="gouraud", vmin=0, rasterized=True
        )
        figure.colorbar(shades, ax=axis, label="squared overlap of the outlier")
        axis.fill_betweenx(
            grid, alphas[0], last, facecolor="white", edgecolor="0.82", hatch="///", linewidth=0
        )
        axis.plot(last, grid, color=THEORY, linewidth=1.2, label="border")
        axis.annotate(
            "no outlier",
            (0.16, 0.96),
            xycoords="axes fraction",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )
        for event, marker, label in (
            ("disappears", "v", "outlier lost"),
            ("appears", "^", "outlier appears"),
        ):
            found = times[times["event"] == event]
            if len(found):
                axis.errorbar(
                    found["alpha"],
                    found["t"],
                    yerr=1.96 * found["error"],
                    fmt=marker,
                    color=COLOURS[3],
                    markersize=6,
                    label=label,
                )
        label = r"$\alpha_\mathrm{BBP}^\mathrm{%s}$"
        axis.axvline(early, color=THEORY, linestyle=":", label=label % "init")
        dashed = {"linestyle": "--", "linewidth": 1.5, "label": label % "TS"}
        mark_late(axis.axvspan, axis.axvline, late, **dashed)
        axis.set(yscale="log", xlabel=r"$\alpha$", ylabel="time t", ylim=(grid[0], end))
        axis.set_xlim(alphas[0], alphas[-1])
        legend_below(figure, axis)
    return BookFigure(
        name,
        title=rf"The region that sees the signal begins at {ALPHA} = {last[0]:.2f} at the start "
        f"and at {last[-1]:.2f} at t = {end:g}",
        caption="Where the Hessian has a direction that points to the signal, along gradient flow "
        f"from a random start at infinite size, {of(loss)}. Colour: squared overlap of the "
        "outlier's eigenvector with the signal; hatched: no outlier; solid: the border, "
        f"interpolated between the {len(alphas)} alphas that were computed. Triangles: times at "
        "which the outlier appears and is lost, with 95 % intervals of the sampling error; "
        "upright: the transitions at the start and at threshold states.",
        alt="A map of alpha against the logarithm of time. The region with an informative "
        "direction lies to the right, the hatched region without one to the left. The line between "
        f"them lies {_line_in_words(last, grid)}. The transitions are {early:.3f} and {late}.",
        figure=figure,
    )


def _line_in_words(alphas: NDArray, times: NDArray) -> str:
    places = np.linspace(0, len(times) - 1, 5).astype(int)
    return ", ".join(f"at alpha = {alphas[i]:.2f} at t = {times[i]:.2g}" for i in places)


@book_figure(
    "fig-condition", "fig-condition-large", data=("theory/early", "signal-free", "fast-observed")
)
@takes_loss
def condition_figure(
    loss: Loss,
    theory: pd.DataFrame,
    conditions: pd.DataFrame,
    found: pd.DataFrame,
    name: str = "fig-condition",
) -> BookFigure:
    """Condition of the transition against time: theory, and descents without the signal.

    Parameters
    ----------
    loss, theory
        The loss and runs of the theory.
    conditions, found
        From `companion.analysis.signal_free`: at infinite size, and of each size.
    """
    alphas = sorted(conditions.index.unique("alpha"))
    with panels(height=3.4, width=5.2) as (figure, (axis,)):
        for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True):
            run = theory[(theory["alpha"] == alpha) & (theory["t"] > 0)]
            axis.plot(run["t"], run["bbp"], color=colour, label=rf"$\alpha$ = {alpha:g}")
            reach = 1.96 * run["bbp_error"]
            low, high = run["bbp"] - reach, run["bbp"] + reach
            axis.fill_between(run["t"], low, high, color=colour, alpha=0.25, linewidth=0)
            rows = conditions.loc[alpha]
            low, high = (rows["mean"] + sign * 1.96 * rows["error"] for sign in (-1, 1))
            points(axis, rows.index, rows.assign(low=low, high=high), color=colour, markersize=4)
        axis.axhline(1, color=THEORY, linewidth=0.8, linestyle="--")
        below = {"xytext": (0, -4), "textcoords": "offset points", "va": "top"}
        axis.annotate("no outlier below", (0.02, 1), xycoords=("axes fraction", "data"), **below)
        axis.set(xscale="log", xlabel="time t", ylabel="condition of the transition")
        axis.set_xlim(0.3 * conditions.index.unique("time").min(), theory["t"].max())
        legend_below(figure, axis)
    counts = found.groupby("n")["count"].max()
    runs = " and ".join(f"{count} at N = {n}" for n, count in counts.items())
    extrapolated = ", extrapolated in 1/N" if len(counts) > 1 else ""
    return BookFigure(
        name,
        title="Descents without the signal keep within "
        f"{_largest_miss(theory, conditions):.3f} of the condition of theory",
        caption=f"Condition of the transition, {of(loss)}: above one there is a direction that "
        "points to the signal. Lines: theory at infinite size, with 95 % bands of its sampling "
        f"error. Points: descents without the signal ({runs} for each \\(\\alpha\\)), "
        f"by each state's own law of labels and fields{extrapolated}, with 95 % intervals.",
        alt="The condition of the transition against the logarithm of time. Each curve rises a "
        "little above its start and then falls through one, the later the larger alpha, with "
        "points on it.",
        figure=figure,
    )


def _largest_miss(theory: pd.DataFrame, conditions: pd.DataFrame) -> float:
    """Return the largest distance of a mean condition from the line of its alpha."""
    misses = []
    for alpha, rows in conditions.groupby(level="alpha"):
        run = theory[theory["alpha"] == alpha]
        line = np.interp(rows.index.get_level_values("time"), run["t"], run["bbp"])
        misses.append(np.abs(rows["mean"] - line).max())
    return float(max(misses))


@book_figure("fig-ageing", data=("theory/growth", "alignment", "observed descents"))
def ageing_figure(
    run: MeanField, correlations: pd.DataFrame, theory: pd.DataFrame, constrained: pd.DataFrame
) -> BookFigure:
    """Two-time correlation, and the energy and the edge at late times."""
    alpha, loss = run.alpha, run.loss
    state = solve_threshold_state(loss, alpha)
    waiting = sorted(correlations["waiting"].unique())
    with panels(1, 3, height=2.9) as (figure, axes):
        for start, colour in zip(waiting, sequence(len(waiting)), strict=True):
            index = int(np.argmin(np.abs(run.times - start)))
            later = run.times[index + 1 :] - run.times[index]
            axes[0].plot(later, run.correlation.value[index + 1 :, index], color=colour)
            rows = correlations[correlations["waiting"] == start]
            found = mean_interval(rows.assign(since=rows["time"] - start), "since", "correlation")
            points(
                axes[0], found.index, found, color=colour, markersize=3, label=f"t' = {start:.2g}"
            )
        axes[0].set(xscale="log", xlabel="t - t'", ylabel="C(t, t')")
        axes[0].legend()
        heading(axes[0], "correlation")
        late = theory[theory["t"] > 0]
        for axis, name, observed in ((axes[1], "energy", "energy"), (axes[2], "left_edge", "edge")):
            axis.plot(late["t"], late[name], color=THEORY, label="theory")
            found = mean_interval(constrained, "time", observed)
            points(axis, found.index, found, color=COLOURS[3], markersize=3, label="constrained")
            axis.set(xscale="log", xlabel="time t")
        axes[1].axhline(state.energy, color=THEORY, linestyle="--", label="1RSB")
        axes[1].set(yscale="log", ylabel="energy per dimension")
        axes[2].axhline(0, color=THEORY, linestyle="--")
        axes[2].set_yscale("symlog", linthresh=0.1)
        axes[2].set_ylabel("left edge of the bulk")
        heading(axes[1], "energy")
        heading(axes[2], "edge")
        legend_below(figure, axes[1])
    n, replicas = correlations["n"].iloc[0], correlations["replica"].nunique()
    size, count = constrained["n"].iloc[0], constrained["replica"].nunique()
    return BookFigure(
        "fig-ageing",
        title=_remembers(run, waiting),
        caption=rf"Gradient flow at \(\alpha\) = {alpha:g}, {of(loss)}. (a) Correlation of the "
        f"states at two times: theory (lines) and {replicas} simulated descents at N = {n} (points "
        "with 95 % intervals). (b, c) Energy and left edge against time: theory at infinite size "
        f"(lines), {count} descents at N = {size} that are held at overlap zero (points), and "
        "threshold states by 1RSB (dashed).",
        alt="Correlation, energy and left edge of the bulk against time, theory and simulation, "
        f"with the values of threshold states. {ends_in_words(figure)}",
        figure=figure,
    )


def _remembers(run: MeanField, waiting: list[float]) -> str:
    """Say how much of the states at the first and last waiting time is left after one lapse."""
    indices = [int(np.argmin(np.abs(run.times - start))) for start in (waiting[0], waiting[-1])]
    lapse = run.times[-1] - run.times[indices[-1]]
    left = [
        np.interp(run.times[i] + lapse, run.times[i:], run.correlation.value[i:, i])
        for i in indices
    ]
    return (
        f"After a time {lapse:.2g} the correlation is {left[0]:.2f} with the state at t = "
        f"{run.times[indices[0]]:.2g} and {left[1]:.2f} with that at {run.times[indices[1]]:.2g}"
    )
