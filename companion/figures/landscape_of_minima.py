"""Where minima are, in overlap and in energy, and where descents are among them (notebook 11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from companion.analysis.intervals import mean_interval
from companion.analysis.minima import (
    fields_of,
    first_beyond,
    joint_density,
    minima_density,
    state_density,
)
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    COLOURS,
    THEORY,
    heading,
    legend_below,
    look,
    of,
    panels,
    points,
)
from companion.figures.theory import start_overlaps
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure
from prlib.measures.threshold_states import solve_threshold_state
from prlib.transitions import Thresholds, alpha_init
from prlib.transitions.landscape import LandscapeMap, band, landscape

NEAR = 0.5
"""How far in alpha beyond the held descents the last panel reaches."""

LEAST = 5
"""Runs below which no quartile is drawn."""

FIELDS = np.linspace(0, 2.5, 26)
"""Bins of fields, and of the labels that make up the ranges below."""

RANGES = ((0.1, 0.4), (0.7, 1.0), (1.4, 1.8))
"""Ranges of labels, one a panel."""


@book_figure("fig-minima-plane", data=("recovery", "theory of infinite size"))
@takes_loss
def plane_figure(
    loss: Loss, plane: LandscapeMap, found: pd.DataFrame, table: pd.DataFrame, lines: Thresholds
) -> BookFigure:
    """Complexity in the plane of alpha and overlap, with what descents start from and end in."""
    stuck = table[(table["start"] == "random") & ~table["recovered"]]
    sizes = sorted(stuck["n"].unique())
    optimal = table[table["start"] == "optimal"].groupby("alpha")["abs_start_overlap"].mean()
    unstable = _unstable(plane, found)
    with panels(height=4.2, width=6.0) as (figure, (axis,)):
        shades = axis.pcolormesh(
            plane.alphas,
            plane.overlaps,
            np.nan_to_num(plane.complexity).T,
            cmap="crest",
            shading="gouraud",
            vmin=0,
            rasterized=True,
        )
        figure.colorbar(shades, ax=axis, label=r"complexity $\Sigma$ of the most numerous minima")
        axis.fill_between(
            found["alpha"],
            found["overlap_max"],
            1,
            facecolor="white",
            edgecolor="0.85",
            hatch="///",
            linewidth=0,
        )
        axis.plot(found["alpha"], found["overlap_max"], color=THEORY, label="last minima, $m_c$")
        axis.plot(*unstable, "--", color=THEORY, label="minima turn unstable")
        axis.plot(*_lowest(loss, found["alpha"]), color=COLOURS[3], label=r"$v_1$, theory")
        axis.plot(
            optimal.index,
            optimal,
            color=look("optimal")["color"],
            marker="D",
            linestyle="",
            label="optimal start",
        )
        for place, (n, colour) in enumerate(zip(sizes, ("#ffffff", "#f6d55c"), strict=False)):
            quartiles = _quartiles(stuck[stuck["n"] == n])
            points(
                axis,
                quartiles.index + 0.03 * (place - (len(sizes) - 1) / 2),
                quartiles,
                color=colour,
                markeredgecolor=THEORY,
                ecolor=THEORY,
                label=f"stuck, N = {n}",
            )
        axis.set(
            xlabel=r"measurements per dimension $\alpha$",
            ylabel="overlap with the signal |m|",
            xlim=(found["alpha"].min(), found["alpha"].max()),
            ylim=(0, 1),
        )
        legend_below(figure, axis, 3)
    v1 = first_beyond(found["alpha"], found["v1"], found["overlap_max"])
    best = _optimal_beyond(optimal, found)
    counts = stuck.groupby(["n", "alpha"]).size()
    counts = counts[counts >= LEAST]
    medians = [
        f"{at.median():.2f} at N = {n}, alpha = {alpha:g}"
        for (n, alpha), at in stuck.groupby(["n", "alpha"])["abs_overlap"]
        if alpha == stuck["alpha"].min()
    ]
    return BookFigure(
        "fig-minima-plane",
        title=rf"The optimal start lies beyond the last minima {_from(best)}, the lowest "
        f"eigenvector {_from(v1)}",
        caption=rf"Minima in the plane of \(\alpha\) and overlap, {of(loss)}. Colour: complexity "
        "of the most numerous minima by Kac and Rice, labels held, at infinite size; hatched: none "
        "is left; dashed: below and left of it they are stable toward the signal. Orange: overlap "
        "of the lowest eigenvector at a random start, by theory; diamonds: mean overlap of the "
        f"optimal spectral start at N = {sizes[0]}; circles, side by side: median overlap, with "
        f"quartiles, of random starts that did not recover ({counts.min()} to {counts.max()} runs "
        "each).",
        alt="A map of alpha against overlap. Complexity is largest at small alpha and small "
        "overlap and vanishes at a line that falls from "
        f"{found['overlap_max'].iloc[0]:.2f} at alpha = {found['alpha'].iloc[0]:g} to "
        f"{found['overlap_max'].iloc[-1]:.2f} at alpha = {found['alpha'].iloc[-1]:g}. Overlaps of "
        f"stuck descents lie below it (medians {'; '.join(medians)}). The optimal start crosses it "
        f"{_from(best, plain=True)}, the lowest eigenvector {_from(v1, plain=True)}. At zero "
        f"overlap minima are stable up to alpha = {lines.alpha_minima:.3f}.",
        figure=figure,
    )


def _unstable(plane: LandscapeMap, found: pd.DataFrame) -> tuple[NDArray, NDArray]:
    """Where the condition passes 1, overlap by overlap, as long as minima exist there."""
    alphas = []
    for column in plane.bbp.T:
        known = np.isfinite(column)
        crossed = known.any() and column[known][0] < 1 < column[known][-1]
        alphas.append(np.interp(1, column[known], plane.alphas[known]) if crossed else np.nan)
    alphas = np.array(alphas)
    exist = plane.overlaps < np.interp(alphas, found["alpha"], found["overlap_max"])
    return alphas[exist], plane.overlaps[exist]


def _lowest(loss: Loss, alphas: pd.Series) -> tuple[NDArray, NDArray]:
    """Overlap of the lowest eigenvector at a random start, from where there is one."""
    first, end = alpha_init(loss).alpha, alphas.max()
    grid = np.linspace(max(alphas.min(), min(first, end)), end, 80)
    return grid, np.sqrt(start_overlaps(loss, grid))


def _quartiles(stuck: pd.DataFrame) -> pd.DataFrame:
    by = stuck.groupby("alpha")["abs_overlap"]
    named = {"low": 0.25, "mean": 0.5, "high": 0.75}
    quartiles = pd.DataFrame({name: by.quantile(level) for name, level in named.items()})
    return quartiles[by.size() >= LEAST]


def _optimal_beyond(optimal: pd.Series, found: pd.DataFrame) -> float:
    limit = np.interp(optimal.index, found["alpha"], found["overlap_max"])
    return first_beyond(pd.Series(optimal.index), optimal, pd.Series(limit))


def _from(alpha: float, *, plain: bool = False) -> str:
    if np.isnan(alpha):
        return "nowhere here"
    return f"from {'alpha' if plain else ALPHA} = {alpha:.1f} on"


@book_figure("fig-minima-energies", data=("long-hold", "theory of infinite size"))
@takes_loss
def energies_figure(
    loss: Loss, found: pd.DataFrame, held: pd.DataFrame, lines: Thresholds
) -> BookFigure:
    """Band of energies of minima at zero overlap, 1RSB, and where held descents end."""
    end = held[held["time"] == held["time"].max()]
    means = mean_interval(end, "alpha", "energy")
    low, high = found["energy_low"], found["energy_high"]
    alphas = found["alpha"]
    with panels(1, 3, height=3.0) as (figure, axes):
        # Middle: measured from the middle of the band, which is too narrow to see on the left.
        middle = (low + high) / 2
        for axis, less in ((axes[0], 0 * middle), (axes[1], middle)):
            axis.fill_between(
                alphas,
                low - less,
                high - less,
                color=COLOURS[0],
                alpha=0.25,
                linewidth=0,
                label="band of minima",
            )
            axis.plot(alphas, high - less, color=COLOURS[0], linewidth=1, label="most numerous")
            axis.plot(alphas, low - less, ":", color=COLOURS[0], label=r"lowest, $\Sigma = 0$")
            axis.plot(alphas, found["energy_1rsb"] - less, "--", color=THEORY, label="1RSB")
            at = means.sub(np.interp(means.index, alphas, less), axis=0)
            points(axis, means.index, at, color=COLOURS[3], label="held descents")
            axis.set(xlabel=r"$\alpha$ = M/N", xlim=(alphas.min(), alphas.max()))
        _conditions(axes[2], found, end)
        axes[0].set_ylabel("energy per dimension")
        axes[1].set_ylabel("energy less band's middle")
        axes[2].set_ylabel("condition of the transition")
        heading(axes[0], "energies")
        heading(axes[1], "band enlarged")
        heading(axes[2], "instability")
        legend_below(figure, axes[0], 5)
    n, count = end["n"].iloc[0], end.groupby("alpha").size().min()
    gap = (low - found["energy_1rsb"]).dropna()
    width = high - low
    return BookFigure(
        "fig-minima-energies",
        title=_among(means, found, gap),
        caption=f"Energies of minima at zero overlap, {of(loss)}, (a) as they are and (b) from the "
        "middle of the band; (c) the condition of the transition, which passes 1 (grey) where "
        "minima turn unstable toward the signal. Blue: minima exist, by Kac and Rice with labels "
        "held, from the most numerous (solid) down to the lowest (dotted); dashed: threshold "
        "states by one step of replica symmetry breaking (1RSB). Points: descents held at zero "
        f"overlap to time {held['time'].max():g}, means over {count} instances with N = {n}, with "
        "95 % intervals.",
        alt=f"Energies rise with alpha. The band is {width.min():.3f} to {width.max():.3f} wide; "
        f"the dashed line of 1RSB lies {gap.min():.3f} to {gap.max():.3f} below it at every alpha. "
        f"{_places(means, found)} The condition rises with alpha, and 1RSB lies lowest: the most "
        f"numerous minima turn unstable at {lines.alpha_minima:.3f}, the lowest at "
        f"{lines.alpha_minima_low:.3f}, 1RSB at {lines.alpha_threshold:.3f}.",
        figure=figure,
    )


def _among(means: pd.DataFrame, found: pd.DataFrame, gap: pd.Series) -> str:
    """Say how many mean energies of held descents lie among those of minima, and where 1RSB is."""
    ends = (np.interp(means.index, found["alpha"], found[f"energy_{e}"]) for e in ("low", "high"))
    low, high = ends
    inside = int(((means["mean"] >= low) & (means["mean"] <= high)).sum())
    return (
        f"Held descents end among the energies of minima at {inside} of {len(means)} alphas, and "
        f"1RSB lies {gap.min():.3f} to {gap.max():.3f} below them"
    )


def _conditions(axis: Axes, found: pd.DataFrame, end: pd.DataFrame) -> None:
    alphas, low, high = found["alpha"], found["bbp_low"], found["bbp_high"]
    axis.axhline(1, color="0.6", linewidth=1)
    axis.fill_between(alphas, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    axis.plot(alphas, high, color=COLOURS[0], linewidth=1)
    axis.plot(alphas, low, ":", color=COLOURS[0])
    axis.plot(alphas, found["bbp_1rsb"], "--", color=THEORY)
    means = mean_interval(end, "alpha", "bbp")
    points(axis, means.index, means, color=COLOURS[3])
    near = (alphas >= means.index.min() - NEAR) & (alphas <= means.index.max() + NEAR)
    axis.set(
        xlabel=r"$\alpha$ = M/N",
        xlim=(alphas[near].min(), alphas[near].max()),
        ylim=(0.95 * found.loc[near, "bbp_1rsb"].min(), 1.03 * high[near].max()),
    )


def _places(means: pd.DataFrame, found: pd.DataFrame) -> str:
    """Say of each point whether it lies in the band."""
    told = []
    for alpha, row in means.iterrows():
        low, high = (
            np.interp(alpha, found["alpha"], found[f"energy_{e}"]) for e in ("low", "high")
        )
        where = "below" if row["mean"] < low else "above" if row["mean"] > high else "inside"
        told.append(f"{where} it at alpha = {alpha:g}")
    return f"Means of held descents lie {', '.join(told)}."


@book_figure("fig-minima-law", data=("constrained descents", "theory of infinite size"))
@takes_loss
def fields_figure(
    loss: Loss, alpha: float, laws: Sequence[LabelMeasure], n: int, time: float
) -> BookFigure:
    """Fields at small, middle and large labels: of minima, of 1RSB and of held descents."""
    ends = {"most numerous": None, r"lowest, $\Sigma = 0$": band(loss, alpha).energy_low}
    theory = [minima_density(landscape(loss, alpha, energy=energy)) for energy in ends.values()]
    theory.append(state_density(solve_threshold_state(loss, alpha)))
    joint = [joint_density(density, FIELDS) for density in theory]
    simulated = [fields_of(law, FIELDS) for law in laws]
    middle = (FIELDS[1:] + FIELDS[:-1]) / 2
    with panels(1, len(RANGES), height=2.8, sharex=True) as (figure, axes):
        for axis, (low, high) in zip(axes, RANGES, strict=True):
            within = (middle > low) & (middle < high)
            most, least, one_step = (_given(picture, within) for picture in joint)
            axis.fill_between(
                middle,
                most,
                least,
                color=COLOURS[0],
                alpha=0.25,
                linewidth=0,
                label="band of minima",
            )
            looks = (most, {"linewidth": 1}), (least, {"linestyle": ":"})
            for (line, look_), label in zip(looks, ends, strict=True):
                axis.plot(middle, line, color=COLOURS[0], label=label, **look_)
            axis.plot(middle, one_step, "--", color=THEORY, label="1RSB")
            drawn = pd.DataFrame([_given(picture, within) for picture in simulated], columns=middle)
            rows = drawn.melt(var_name="field", value_name="density")
            found = mean_interval(rows, "field", "density")
            points(axis, found.index, found, color=COLOURS[3], markersize=3, label="held descents")
            axis.axvspan(low, high, color="0.92", zorder=0, linewidth=0)
            axis.set(xlabel="field |ŷ|", xlim=(0, FIELDS[-1]), ylim=(0, None))
            heading(axis, f"|y| from {low:g} to {high:g}")
        axes[0].set_ylabel("density given the label")
        legend_below(figure, axes[0], 5)
    return BookFigure(
        "fig-minima-law",
        title="Fields of held descents are "
        f"{_peaks(middle, simulated, RANGES[:: len(RANGES) - 1])}",
        caption=rf"Density of fields at small, middle and large labels, {of(loss)}, \(\alpha\) = "
        f"{alpha:g}, zero overlap. Blue: minima at infinite size, from the most numerous (solid) "
        "to the lowest (dotted); dashed: 1RSB. Points: "
        f"{len(laws)} descents at N = {n} that are held at zero overlap to time {time:g}, with 95 "
        "% intervals over them; grey: fields that fit the label.",
        alt="Three densities of the field, one a range of labels. Points follow the band of "
        f"minima: {_peaks(middle, simulated)}.",
        figure=figure,
    )


def _given(joint: NDArray, within: NDArray) -> NDArray:
    """Density of the field for labels in a range."""
    rows = joint[within].sum(axis=0)
    # Of the label itself: half of a normal law, which fields beyond the bins belong to as well.
    labels = FIELDS[1] * np.sqrt(2 / np.pi) * np.exp(-(((FIELDS[1:] + FIELDS[:-1]) / 2) ** 2) / 2)
    return FIELDS[1] * rows / labels[within].sum()


def _peaks(
    middle: NDArray, simulated: Sequence[NDArray], ranges: Sequence[tuple[float, float]] = RANGES
) -> str:
    told = []
    for low, high in ranges:
        mean = np.mean([_given(each, (middle > low) & (middle < high)) for each in simulated], 0)
        told.append(f"at {middle[mean.argmax()]:.2f} for labels from {low:g} to {high:g}")
    return f"most frequent {', '.join(told)}"
