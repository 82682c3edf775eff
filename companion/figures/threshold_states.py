"""Threshold states: theory over constrained descents (notebook 03)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy.stats import t as student

from companion.analysis.intervals import mean_interval
from companion.analysis.minima import fields_of, joint_density, minima_density, state_density
from companion.analysis.runs import last_observed
from companion.analysis.threshold import (
    EARLY,
    EDGE_POWER,
    POWERS,
    SETTLED,
    Crossing,
    crossings,
    edge_exponents,
    edge_limit,
)
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    COLOURS,
    THEORY,
    heading,
    legend_below,
    mark_late,
    of,
    panels,
    points,
    size_colours,
)
from companion.thresholds import dynamical_threshold, plus_minus
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure
from prlib.measures.threshold_states import ThresholdState, solve_threshold_state
from prlib.spectra.bulk import Edge, density, left_edge
from prlib.spectra.outlier import Outlier, outlier
from prlib.transitions.landscape import landscape

REACH = 2.5
"""Largest label and field in the picture of their law."""


@book_figure("fig-threshold-law", data=("constrained descents", "theory of infinite size"))
@takes_loss
def law_figure(loss: Loss, alpha: float, law: LabelMeasure, n: int, time: float) -> BookFigure:
    """Law of labels and fields, by two theories and at the end of a constrained descent."""
    bins = np.linspace(0, REACH, 36)
    state, minima = solve_threshold_state(loss, alpha), landscape(loss, alpha)
    pictures = {
        "minima, N infinite": joint_density(minima_density(minima), bins),
        "1RSB, N infinite": joint_density(state_density(state), bins),
        f"simulation, N = {n}": fields_of(law, bins),
    }
    scale = LogNorm(1e-3, max(picture.max() for picture in pictures.values()), clip=True)
    with panels(1, 3, height=2.5, sharey=True) as (figure, axes):
        for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
            image = axis.pcolormesh(
                bins, bins, picture.T, norm=scale, cmap="mako_r", rasterized=True
            )
            # White on the dark part of the map, with a dark rim for its light one.
            rim = [withStroke(linewidth=2.4, foreground=THEORY)]
            axis.plot([0, REACH], [0, REACH], color="white", linewidth=1.2, path_effects=rim)
            axis.set_xlabel("label |y|")
            heading(axis, name)
        axes[0].set_ylabel("field |ŷ|")
        figure.colorbar(image, ax=axes, label="density")
    shares = {name: _overshoot(picture) for name, picture in pictures.items()}
    minima_share, state_share, held = shares.values()
    return BookFigure(
        "fig-threshold-law",
        title=f"Fields overshoot {held:.0%} of the labels of a held descent, {minima_share:.0%} in "
        f"minima and {state_share:.0%} by 1RSB",
        caption=rf"Joint density of labels and fields at threshold states, {of(loss)}, \(\alpha\) "
        f"= {alpha:g}: the most numerous minima (Kac and Rice), one step of replica symmetry "
        f"breaking (1RSB), and the {len(law.y)} pairs of one descent held at zero overlap to time "
        f"{time:g}. Same bins and colours; below 0.001 the colour stays. The line: fields that fit "
        "their labels.",
        alt="Three maps of density against label and field, alike: the weight is spread over "
        "fields on both sides of the diagonal, up to an upper limit that rises with the label.",
        figure=figure,
    )


def _overshoot(picture: NDArray) -> float:
    """Return the share of the weight of a map, label by field, whose field exceeds its label."""
    return float((np.triu(picture, 1).sum() + np.trace(picture) / 2) / picture.sum())


@book_figure("fig-threshold-spectrum", data=("constrained descents", "theory of infinite size"))
@takes_loss
def threshold_spectrum_figure(
    loss: Loss, alpha: float, eigenvalues: NDArray, law: LabelMeasure, time: float
) -> BookFigure:
    """Spectrum of the Hessian at the end of a constrained descent, under theory."""
    state = solve_threshold_state(loss, alpha)
    found = _outlier(state)
    right = float(np.quantile(eigenvalues, 0.85))
    left = float(min(eigenvalues[0], 0 if found is None else found.position))
    reach = right - left
    grid = np.linspace(left - 0.05 * reach, right, 500)
    with panels(1, 2, height=2.8) as (figure, axes):
        for axis, share, bins, name in (
            (axes[0], 1.0, 50, "left part of the spectrum"),
            (axes[1], 0.25, 25, "its edge"),
        ):
            end = left + share * reach
            edges = np.linspace(left - 0.03 * share * reach, max(end, 0.1 * right), bins)
            axis.stairs(
                np.histogram(eigenvalues, edges)[0] / np.diff(edges) / len(eigenvalues),
                edges,
                fill=True,
                color="0.85",
                label=f"simulation, N = {len(eigenvalues)}",
            )
            axis.plot(grid, density(law, grid), color=COLOURS[0], linewidth=1, label="its own law")
            axis.plot(grid, density(state.measure, grid), color=THEORY, label="1RSB")
            if found is not None:
                axis.axvline(found.position, color=COLOURS[3], linestyle="--", label="1RSB outlier")
            axis.set(xlim=(edges[0], edges[-1]), xlabel="eigenvalue of H", ylabel="density")
            axis.set_ylim(bottom=0)
            heading(axis, name)
        legend_below(figure, axes[0])
    edge = left_edge(law).position
    return BookFigure(
        "fig-threshold-spectrum",
        title=f"The bulk of a held descent begins at {edge:.2f}, and its lowest eigenvalue lies at "
        f"{eigenvalues[0]:.2f}",
        caption=rf"All eigenvalues of the Hessian at the end of one descent at zero overlap, "
        rf"{of(loss)}, \(\alpha\) = {alpha:g}, N = {len(eigenvalues)}, time {time:g}, but for the "
        "highest 15 %. Blue: density from the labels and fields of that state; black: threshold "
        "states by one step of replica symmetry breaking (1RSB), whose edge is at 0; dashed: "
        "their outlier, if there is one.",
        alt="Histogram of eigenvalues under two densities. The state's own law fits the histogram; "
        "the density of threshold states starts at zero, to the right of the simulated edge. "
        "A single eigenvalue lies well below the bulk.",
        figure=figure,
    )


@book_figure("fig-threshold-dynamics", data=("long-hold", "theory of infinite size"))
def dynamics_figure(holds: pd.DataFrame, found: pd.DataFrame) -> BookFigure:
    """Show the alpha at which held descents turn unstable, against time, loss by loss."""
    end = holds["time"].max()
    with panels(1, len(found), height=3.0) as (figure, axes):
        for axis, (id_, row) in zip(axes, found.iterrows(), strict=True):
            _lines_of_theory(axis.axhspan, axis.axhline, row)
            at = crossings(holds[holds["loss"] == id_])
            shifts = 1.06 ** (np.arange(len(at)) - (len(at) - 1) / 2)
            for each, shift in zip(at, shifts, strict=True):
                colour = size_colours([each.n])[0]
                points(
                    axis, each.times * shift, _interval(each), color=colour, label=f"N = {each.n}"
                )
            late = _spread(row["alpha"], row["error"], row["count"])
            points(axis, [3 * end], late, marker="D", color=COLOURS[3], label="limit")
            axis.set(xscale="log", xlabel="time t", ylim=_around_the_band(row))
            heading(axis, f"a = {row['a']:g}")
        axes[0].set_ylabel(r"$\alpha$ of the transition")
        legend_below(figure, _fullest(axes), 6)
    told = "; ".join(
        rf"a = {row.a:g}: {plus_minus(row.alpha, row.error)}, {row.alpha_minima:.3f} to "
        f"{row.alpha_minima_low:.3f}, {row.alpha_threshold:.3f}"
        for row in found.itertuples()
    )
    inside = found["alpha"].between(found["alpha_minima"], found["alpha_minima_low"])
    return BookFigure(
        "fig-threshold-dynamics",
        title=f"Late held descents turn unstable within the band of minima at {inside.sum()} of "
        f"{len(found)} losses",
        caption=r"The \(\alpha\) above which states of descents held at zero overlap have an "
        "outlier toward the signal, against the time for which they were held, with 95 % intervals "
        f"({_instances(holds)}). Diamond: limit of late times, from t = {SETTLED:g} on, by a power "
        f"of time between {POWERS[0]:g} and {POWERS[1]:g}. Band: from the most numerous (solid) to "
        "the lowest minima (dotted), by Kac and Rice; dashed: one step of replica symmetry "
        "breaking (1RSB).",
        alt="Crossings rise with time and level off; the line of 1RSB lies above the band of "
        f"minima. Limit, band and 1RSB are, at {told}.",
        figure=figure,
    )


def _lines_of_theory(span: Callable, line: Callable, row: pd.Series) -> None:
    low, high = row["alpha_minima"], row["alpha_minima_low"]
    span(low, high, color=COLOURS[0], alpha=0.2, linewidth=0, label="band of minima")
    line(low, color=COLOURS[0], linewidth=1)
    line(high, color=COLOURS[0], linewidth=1.5, linestyle=":")
    line(row["alpha_threshold"], color=THEORY, linestyle="--", label="1RSB")


def _around_the_band(row: pd.Series) -> tuple[float, float]:
    """Limits of the picture: early crossings, far below their alphas, are hardly known."""
    low, high = row["alpha_minima"], row["alpha_threshold"]
    return low - 0.5 * (high - low), high + 0.1 * (high - low)


def _fullest(axes: list[Axes]) -> Axes:
    """Return the panel with the most entries for a legend."""
    return max(axes, key=lambda axis: len({*axis.get_legend_handles_labels()[1]}))


def _interval(at: Crossing) -> pd.DataFrame:
    return pd.concat(
        [_spread(a, error, at.count) for a, error in zip(at.alpha, at.error, strict=True)]
    )


def _spread(value: float, error: float, count: float) -> pd.DataFrame:
    reach = error * student.ppf(0.975, max(count, 1))
    return pd.DataFrame({"mean": [value], "low": [value - reach], "high": [value + reach]})


def _instances(rows: pd.DataFrame) -> str:
    """Say how many instances there are at each alpha and size."""
    counts = rows.groupby(["n", "loss", "alpha"])["replica"].nunique()
    told = {n: sorted({*at}) for n, at in counts.groupby("n")}
    return ", ".join(
        f"{at[0] if len(at) == 1 else f'{at[0]} to {at[-1]}'} instances an alpha at N = {n}"
        for n, at in told.items()
    )


@book_figure("fig-threshold-band", data=("long-hold", "theory of infinite size"))
def band_figure(holds: pd.DataFrame, band: pd.DataFrame) -> BookFigure:
    """Condition of the transition and energy at the end of held descents, over the minima."""
    end = last_observed(holds)
    names, within, ends = list(dict.fromkeys(band["a"])), 0, 0
    with panels(2, len(names), height=2.5) as (figure, axes):
        for place, a in enumerate(names):
            theory = band[band["a"] == a].sort_values("alpha")
            at = end[end["a"] == a]
            for axis, column in ((axes[place], "bbp"), (axes[place + len(names)], "energy")):
                low, high = theory[f"{column}_low"], theory[f"{column}_high"]
                less = (low + high) / 2 if column == "energy" else 0 * low
                _band(axis, theory["alpha"], low - less, high - less)
                axis.plot(
                    theory["alpha"],
                    theory[f"{column}_1rsb"] - less,
                    "--",
                    color=THEORY,
                    label="1RSB",
                )
                step = 0.02 * np.ptp(theory["alpha"])
                for k, (n, found) in enumerate(at.groupby("n")):
                    means = mean_interval(found, "alpha", column)
                    shown = means.sub(np.interp(means.index, theory["alpha"], less), axis=0)
                    shift = step * (k - (at["n"].nunique() - 1) / 2)
                    colour = size_colours([n])[0]
                    points(axis, means.index + shift, shown, color=colour, label=f"N = {n}")
                    if column == "energy":
                        half = np.interp(means.index, theory["alpha"], (high - low) / 2)
                        within += int((shown["mean"].abs() <= half).sum())
                        ends += len(means)
            axes[place].axhline(1, color="0.6", linewidth=1)
            axes[place + len(names)].set_xlabel(r"$\alpha$ = M/N")
            heading(axes[place], f"a = {a:g}")
        axes[0].set_ylabel("condition of the transition")
        axes[len(names)].set_ylabel("energy less band's middle")
        legend_below(figure, _fullest(axes), 5)
    return BookFigure(
        "fig-threshold-band",
        title=f"Held descents end among the energies of minima at {within} of {ends} points",
        caption="Above: the condition of the transition at the end of descents held at zero "
        "overlap, which passes 1 (grey) where states turn unstable toward the signal; below: their "
        "energy per dimension, from the middle of the band. Band: minima exist, from the most "
        "numerous (solid) to the lowest (dotted), by Kac and Rice; dashed: 1RSB. Points: means at "
        f"time {holds['time'].max():g}, with 95 % intervals ({_instances(holds)}).",
        alt=f"In every panel the dashed line of 1RSB lies below the band of minima; {within} of "
        f"{ends} mean energies lie inside it.",
        figure=figure,
    )


def _band(axis: Axes, x: pd.Series, low: pd.Series, high: pd.Series) -> None:
    axis.fill_between(x, low, high, color=COLOURS[0], alpha=0.2, linewidth=0, label="minima")
    axis.plot(x, high, color=COLOURS[0], linewidth=1)
    axis.plot(x, low, ":", color=COLOURS[0])


@book_figure("fig-threshold-edge", data=("long-hold",))
def edge_figure(holds: pd.DataFrame) -> BookFigure:
    """How the edge of held descents rises to zero, in time and in size."""
    late, told, exponent = holds["time"].max(), [], ""
    with panels(1, 2, height=2.9) as (figure, (left, right)):
        for (a, rows), marker in zip(holds.groupby("a"), "osD^v", strict=False):
            for n, at_n in rows[rows["time"] > 0].groupby("n"):
                means = _over_alpha(at_n)
                colour = size_colours([n])[0]
                shown = -means.rename(columns={"low": "high", "high": "low"})
                style = {"marker": marker, "color": colour}
                points(left, means.index, shown, **style, label=f"a = {a:g}, N = {n}")
                points(right, [n**-EDGE_POWER], means.loc[[late]], **style)
            fits = edge_exponents(rows)
            if not fits.empty:
                told.append(f"{plus_minus(*fits.loc['all'])} at a = {a:g}")
                exponent = exponent or f" like one over time to the power {told[0]}"
            edge, error, count = edge_limit(rows)
            if np.isfinite(error):
                points(
                    right,
                    [0.0],
                    _spread(edge, error, count),
                    marker=marker,
                    color=COLOURS[3],
                    markerfacecolor="white",
                )
        first = holds.loc[holds["time"] > 0, "time"].min()
        guide = np.array([first, late])
        scale = -_over_alpha(holds[holds["time"] == first])["mean"].iloc[0]
        left.plot(guide, scale * (guide / first) ** -0.5, ":", color="0.5", label=r"$t^{-1/2}$")
        left.set(xscale="log", yscale="log", xlabel="time t", ylabel="minus the edge of the bulk")
        right.axhline(0, color="0.6", linewidth=1)
        right.set(xlabel=r"$N^{-2/3}$", ylabel=f"edge at t = {late:g}")
        right.set_xlim(left=-0.0008)
        legend_below(figure, left, 4)
    return BookFigure(
        "fig-threshold-edge",
        title=f"The edge of held descents rises toward zero{exponent}",
        caption="Left edge of the bulk of held descents, by theory from the labels and fields of "
        f"each, mean over alpha with 95 % intervals ({_instances(holds)}). (a) Against time; "
        r"dotted: a power to compare with. (b) At the last time against \(N^{-2/3}\), with what it "
        "extrapolates to (open): a finite descent ends in a minimum, whose lowest eigenvalue lies "
        "above the edge by as much.",
        alt="Minus the edge falls along one line in time for all losses, and turns flat sooner at "
        "the smaller size; extrapolated in size the last edges come to zero. The fitted exponents "
        f"until t = {EARLY:g} are {', '.join(told) or 'not known'}.",
        figure=figure,
    )


def _over_alpha(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the edge over the alphas, time by time."""
    cells = rows.groupby(["time", "alpha"])["edge"].agg(["mean", "sem", "count"])
    by = cells.groupby("time")
    error = np.sqrt(by["sem"].apply(lambda sem: np.square(sem).sum(skipna=False))) / by.size()
    reach = error * student.ppf(0.975, np.maximum(by["count"].sum() - by.size(), 1))
    mean = by["mean"].mean()
    return pd.DataFrame({"mean": mean, "low": mean - reach, "high": mean + reach})


@book_figure("fig-threshold-transition", data=("long-hold", "wide-hold", "theory of infinite size"))
@takes_loss
def threshold_transition_figure(loss: Loss, holds: pd.DataFrame, band: pd.DataFrame) -> BookFigure:
    """Lowest eigenvalue and its squared overlap at the end of held descents of one loss."""
    end, late = last_observed(holds), dynamical_threshold(loss)
    sizes = sorted(end["n"].unique())
    span = end["alpha"].min(), end["alpha"].max()
    grid = np.linspace(*span, 40)
    state = [_outlier(solve_threshold_state(loss, alpha)) for alpha in grid]
    theory = band[band["alpha"].between(*span) & band["energy_low"].notna()].sort_values("alpha")
    kinds = {
        "most numerous minima": ("-", [landscape(loss, alpha) for alpha in theory["alpha"]]),
        "lowest minima": (
            ":",
            [
                landscape(loss, alpha, energy=energy)
                for alpha, energy in theory[["alpha", "energy_low"]].to_numpy()
            ],
        ),
    }
    with panels(1, 2, height=3.0) as (figure, (left, right)):
        left.axhline(0, color="0.6", linewidth=1)
        for name, (style, found) in kinds.items():
            ends = [0.0 if each.outlier is None else each.outlier for each in found]
            left.plot(theory["alpha"], ends, style, color=COLOURS[0])
            overlaps = [each.overlap2 for each in found]
            right.plot(theory["alpha"], overlaps, style, color=COLOURS[0], label=name)
        left.plot(grid, [0.0 if s is None else s.position for s in state], "--", color=THEORY)
        right.plot(
            grid,
            [0.0 if s is None else s.overlap2 for s in state],
            "--",
            color=THEORY,
            label="1RSB",
        )
        dodge = 0.014 * np.ptp(span) * (np.arange(len(sizes)) - (len(sizes) - 1) / 2)
        for n, colour, shift in zip(sizes, size_colours(sizes), dodge, strict=True):
            for axis, column in ((left, "lowest"), (right, "overlap2")):
                means = mean_interval(end[end["n"] == n], "alpha", column)
                points(axis, means.index + shift, means, color=colour, label=f"N = {n}")
        for axis in (left, right):
            mark_late(axis.axvspan, axis.axvline, late)
            axis.set_xlabel(r"measurements per dimension $\alpha$")
        left.set_ylabel("lowest eigenvalue of H")
        right.set(ylabel="squared overlap with the signal", ylim=(-0.02, 1))
        legend_below(figure, right, 3)
    ends = end[end["n"] == end["n"].value_counts().idxmax()].groupby("alpha")["overlap2"].mean()
    return BookFigure(
        "fig-threshold-transition",
        title=rf"From {ALPHA} = {ends.index[0]:.3g} to {ends.index[-1]:.3g} the squared overlap of "
        f"held descents goes from {ends.iloc[0]:.2f} to {ends.iloc[-1]:.2f}",
        caption=f"(a) Lowest eigenvalue of the Hessian at threshold states, {of(loss)}; (b) "
        "squared overlap of its eigenvector with the signal. Lines, at infinite size: minima by "
        "Kac and Rice, and one step of replica symmetry breaking (1RSB). Points: ends of held "
        f"descents at time {end['time'].max():g}, with 95 % intervals ({_instances(holds)}); "
        "upright, with its standard error: the dynamical threshold.",
        alt="Lowest eigenvalue and squared overlap against alpha. The simulated overlap rises near "
        f"the dynamical threshold, alpha = {late}, left of where the line of 1RSB does; below it, "
        "it fades as N grows.",
        figure=figure,
    )


def _outlier(state: ThresholdState) -> Outlier | None:
    return outlier(state.measure, Edge(state.gap, state.chi, "soft"))
