"""Threshold states: theory over constrained descents (notebook 03)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from companion.analysis.intervals import mean_interval
from companion.analysis.runs import LATE, relaxation
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    COLOURS,
    THEORY,
    counted,
    heading,
    legend_below,
    panels,
    points,
    sequence,
)
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure
from prlib.measures.threshold_states import ThresholdState, solve_threshold_state
from prlib.spectra.bulk import Edge, density
from prlib.spectra.outlier import Outlier, outlier
from prlib.transitions import alpha_threshold

REACH = 2.5
"""Largest label and field in the picture of their law."""


@book_figure("fig-threshold-law", data=("constrained descents", "theory of infinite size"))
@takes_loss
def law_figure(loss: Loss, alpha: float, law: LabelMeasure, n: int, time: float) -> BookFigure:
    """Law of labels and fields, by theory and at the end of a constrained descent."""
    bins = np.linspace(0, REACH, 36)
    simulated = np.histogram2d(
        np.abs(law.y), np.abs(law.yhat), bins, weights=law.weights / bins[1] ** 2
    )[0]
    pictures = [_theory_picture(solve_threshold_state(loss, alpha), bins), simulated]
    scale = LogNorm(1e-3, max(picture.max() for picture in pictures), clip=True)
    with panels(1, 2, height=3.0, sharey=True) as (figure, axes):
        for axis, picture, name in zip(
            axes, pictures, ("1RSB, N infinite", f"simulation, N = {n}"), strict=True
        ):
            image = axis.pcolormesh(
                bins, bins, picture.T, norm=scale, cmap="mako_r", rasterized=True
            )
            axis.plot([0, REACH], [0, REACH], color="0.5", linewidth=0.6, linestyle=":")
            axis.set_xlabel("label |y|")
            heading(axis, name)
        axes[0].set_ylabel("field |ŷ|")
        figure.colorbar(image, ax=axes, label="density")
    return BookFigure(
        "fig-threshold-law",
        rf"Joint density of labels and fields at threshold states, {loss}, "
        rf"\(\alpha\) = {alpha:g}. (a) One step of replica symmetry breaking. (b) The "
        f"{len(law.y)} pairs of one descent at zero overlap, at time {time:g}. Same bins and "
        "colours; below 0.001 the colour stays. Dotted: fields that fit their labels.",
        "Two maps of density against label and field, alike: the weight is spread over fields on "
        "both sides of the diagonal, up to an upper limit that rises with the label.",
        figure,
    )


def _theory_picture(state: ThresholdState, bins: NDArray, finer: int = 8) -> NDArray:
    # The quadrature has too few labels to fill every bin: sample the density itself, evenly.
    loss, chi, x = state.measure.loss, state.chi, state.x
    width = bins[1] / finer
    y = (np.arange(finer * (len(bins) - 1)) + 0.5)[:, None] * width
    yhat = (np.arange(4 * y.size) + 0.5)[None, :] * width
    force = loss.derivative(y, yhat)
    exponent = -((yhat + chi * force) ** 2) / 2 - x * (loss.value(y, yhat) + chi / 2 * force**2)
    reached = yhat >= loss.jump(y[:, 0], chi)[:, None]
    exponent = np.where(reached, exponent, -np.inf)
    density = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * np.where(
        reached, 1 + chi * loss.curvature(y, yhat), 0.0
    )
    density /= density.sum(axis=1, keepdims=True) * width
    density *= np.sqrt(2 / np.pi) * np.exp(-(y**2) / 2)
    size = len(bins) - 1
    return density[:, : y.size].reshape(size, finer, size, finer).mean(axis=(1, 3))


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
        for axis, share, name in (
            (axes[0], 1.0, "left part of the spectrum"),
            (axes[1], 0.25, "its edge"),
        ):
            end = left + share * reach
            edges = np.linspace(left - 0.03 * share * reach, max(end, 0.1 * right), 50)
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
        axes[1].set_ylim(0, 1.3 * float(density(state.measure, [edges[-1]])[0]))
        axes[0].legend()
    return BookFigure(
        "fig-threshold-spectrum",
        rf"Spectrum of the Hessian at the end of one descent at zero overlap, {loss}, "
        rf"\(\alpha\) = {alpha:g}, time {time:g}: all eigenvalues of one Hessian at N = "
        f"{len(eigenvalues)}, with the direction of the signal. Black: density of threshold "
        "states by one step of replica symmetry breaking, whose edge is at 0. Blue: density from "
        "the state's own labels and fields. Dashed: the outlier of threshold states, if there is "
        "one. The highest 15 % of eigenvalues are cut off.",
        "Histogram of eigenvalues under two densities. The state's own law fits the histogram; "
        "the density of threshold states starts at zero, to the right of the simulated edge. "
        "A single eigenvalue lies well below the bulk.",
        figure,
    )


@book_figure("fig-threshold-relaxation", data=("constrained descents", "theory of infinite size"))
@takes_loss
def relaxation_figure(loss: Loss, rows: pd.DataFrame, alpha: float) -> BookFigure:
    """Energy, multiplier and edge against time at one alpha, and the energies that they reach."""
    state = solve_threshold_state(loss, alpha)
    at_alpha = rows[rows["alpha"] == alpha]
    sizes = sorted(rows["n"].unique())
    quantities = (
        ("energy", "energy per dimension", state.energy),
        ("mu", r"multiplier $\mu$", state.mu),
        ("edge", "left edge of the bulk", 0.0),
    )
    with panels(2, 2, height=2.6) as (figure, axes):
        for axis, (column, label, theory) in zip(axes, quantities, strict=False):
            axis.axhline(theory, color=THEORY, label="1RSB")
            for n, colour in zip(sizes, sequence(len(sizes)), strict=True):
                found = at_alpha[at_alpha["n"] == n]
                means = mean_interval(found, "time", column)
                points(axis, means.index, means, color=colour, label=f"N = {n}")
                if n == sizes[-1]:
                    _power_law(axis, found, column, colour)
            axis.set(xscale="log", xlabel="time t", ylabel=label)
            late = at_alpha.loc[at_alpha["time"] > 0.02 * rows["time"].max(), column]
            span = np.array([min(late.min(), theory), max(late.max(), theory)])
            axis.set_ylim(span + np.array([-0.08, 0.08]) * np.ptp(span))
        _extrapolated(axes[3], loss, rows, sizes)
        axes[0].legend()
    return BookFigure(
        "fig-threshold-relaxation",
        f"Descents at zero overlap, {loss}: means over instances ({counted(rows)}) with 95 % "
        r"intervals. (a) Energy, (b) multiplier and (c) edge of the bulk against time at "
        rf"\(\alpha\) = {alpha:g}; curves: \(v_\infty + c\,t^{{-p}}\) fitted at the largest N to "
        rf"the times from {LATE * rows['time'].max():.3g} on. (d) The energies \(v_\infty\) "
        "against alpha, with 95 % intervals from resampling the runs. Black: threshold states by "
        "one step of replica symmetry breaking.",
        "Energy and multiplier fall with time and level off above the theory lines; the edge "
        "rises toward zero from below. Against alpha the extrapolated energies follow the line "
        "of theory somewhat above it, with intervals that can reach it.",
        figure,
    )


def _power_law(axis: Axes, rows: pd.DataFrame, column: str, colour) -> None:
    fit, last = relaxation(rows, column), rows["time"].max()
    times = np.geomspace(LATE * last, 3 * last, 80)
    curve = fit.limit + fit.amplitude * times**-fit.exponent
    axis.plot(times, curve, color=colour, linewidth=1, label="power law")


def _extrapolated(axis: Axes, loss: Loss, rows: pd.DataFrame, sizes: list[int]) -> None:
    alphas = np.sort(rows["alpha"].unique())
    grid = np.linspace(alphas[0], alphas[-1], 25)
    axis.plot(grid, [solve_threshold_state(loss, x).energy for x in grid], color=THEORY)
    step = 0.012 * (alphas[-1] - alphas[0])
    for i, (n, colour) in enumerate(zip(sizes, sequence(len(sizes)), strict=True)):
        fits = {
            alpha: relaxation(found, "energy")
            for alpha, found in rows[rows["n"] == n].groupby("alpha")
        }
        limits = pd.DataFrame(
            [(fit.limit, *fit.limit_interval) for fit in fits.values()],
            columns=["mean", "low", "high"],
        )
        # A fit may lie outside the central part of its resamples.
        limits["low"] = limits[["low", "mean"]].min(axis=1)
        limits["high"] = limits[["high", "mean"]].max(axis=1)
        at = np.array([*fits]) + step * (i - (len(sizes) - 1) / 2)
        points(axis, at, limits, color=colour)
    axis.set(xlabel=r"measurements per dimension $\alpha$", ylabel="extrapolated energy")


@book_figure("fig-threshold-transition", data=("constrained descents", "theory of infinite size"))
@takes_loss
def threshold_transition_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Lowest eigenvalue and its squared overlap at the end of constrained descents."""
    transition = alpha_threshold(loss).alpha
    end = rows[rows["time"] == rows["time"].max()].assign(
        outlier=lambda found: found["outlier"].fillna(found["edge"])
    )
    sizes = sorted(end["n"].unique())
    span = end["alpha"].min(), end["alpha"].max()
    grid = np.unique(np.append(np.linspace(*span, 60), np.clip(transition + 1e-9, *span)))
    theory = [_outlier(solve_threshold_state(loss, alpha)) for alpha in grid]
    with panels(1, 2, height=3.0) as (figure, (left, right)):
        left.axhline(0, color="0.6", linewidth=1)
        left.plot(
            grid, [0.0 if found is None else found.position for found in theory], color=THEORY
        )
        right.plot(
            grid,
            [0.0 if found is None else found.overlap2 for found in theory],
            color=THEORY,
            label="1RSB, N infinite",
        )
        # Side by side: the sizes, and what the law of the largest states says.
        dodge = 0.014 * (span[1] - span[0]) * (np.arange(len(sizes) + 1) - len(sizes) / 2)
        largest = end[end["n"] == sizes[-1]]
        for axis, column in ((left, "outlier"), (right, "outlier_overlap2")):
            means = mean_interval(largest, "alpha", column)
            points(
                axis,
                means.index + dodge[-1],
                means,
                marker="D",
                color=THEORY,
                markerfacecolor="white",
                label=f"laws of the states at N = {sizes[-1]}",
            )
        for n, colour, shift in zip(sizes, sequence(len(sizes)), dodge[:-1], strict=True):
            for axis, column in ((left, "lowest"), (right, "overlap2")):
                means = mean_interval(end[end["n"] == n], "alpha", column)
                points(axis, means.index + shift, means, color=colour, label=f"N = {n}")
        for axis in (left, right):
            axis.axvline(transition, color="0.6", linewidth=1, linestyle=":")
            axis.set_xlabel(r"measurements per dimension $\alpha$")
        left.set_ylabel("lowest eigenvalue of H")
        right.set(ylabel="squared overlap with the signal", ylim=(-0.02, 1))
        legend_below(figure, right)
    return BookFigure(
        "fig-threshold-transition",
        rf"The transition at threshold states for {loss}. (a) Lowest eigenvalue of the Hessian; "
        "(b) squared overlap of its eigenvector with the signal. Lines: one step of replica "
        "symmetry breaking; without an outlier, its edge at 0. Points: ends of descents at zero "
        rf"overlap, time {rows['time'].max():g}, means over instances ({counted(end)}) with 95 % "
        "intervals. Diamonds, which no line joins: outlier, or else edge, and overlap from the "
        "labels and fields of the largest states themselves, averaged likewise. What belongs to "
        "one alpha is drawn side by side. Vertical: "
        r"\(\alpha_\mathrm{BBP}^\mathrm{TS}\) = "
        f"{transition:.3f}.",
        "Lowest eigenvalue and squared overlap against alpha. The simulated eigenvalues lie below "
        "those of threshold states at every alpha, close to the diamonds. The simulated overlap "
        "follows theory well above the transition; below it, where theory has none, it fades as N "
        "grows.",
        figure,
    )


def _outlier(state: ThresholdState) -> Outlier | None:
    return outlier(state.measure, Edge(state.gap, state.chi, "soft"))
