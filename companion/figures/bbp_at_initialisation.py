"""The Hessian of a random start (notebook 01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    COLOURS,
    OPAQUE,
    THEORY,
    counted,
    heading,
    legend_below,
    of,
    panels,
    points,
    size_colours,
)
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.bulk import density, left_edge
from prlib.spectra.outlier import outlier
from prlib.transitions import InitialTransition, alpha_init


@book_figure("fig-bbp-spectra", data=("simulated starts", "theory of infinite size"))
@takes_loss
def start_spectra_figure(
    loss: Loss, spectra: Sequence[tuple[float, NDArray]], name: str = "fig-bbp-spectra"
) -> BookFigure:
    """Histogram of actual Hessians over the theoretical density, one panel an alpha."""
    with panels(1, len(spectra), height=2.9, sharey=False) as (figure, axes):
        for axis, (alpha, eigenvalues) in zip(axes, spectra, strict=True):
            _spectrum_panel(axis, loss, alpha, eigenvalues)
        axes[0].set_ylabel("density of eigenvalues")
        legend_below(figure, axes[-1])
    alphas = ", ".join(f"{alpha:.3g}" for alpha, _ in spectra)
    n = len(spectra[0][1])
    return BookFigure(
        name,
        title=_apart(loss, spectra),
        caption=f"Hessians of a random start before their shift by \\(\\mu\\), {of(loss)}. Bars: "
        f"eigenvalues of one Hessian, N = {n}, its left part; line: density at infinite size. "
        "Triangle: its lowest eigenvalue; dashed: the outlier of theory, where there is one.",
        alt=f"Three histograms of Hessian eigenvalues at alpha = {alphas}, each following the "
        "theoretical density; above the transition the lowest eigenvalue stands apart on the "
        "left, at the predicted place.",
        figure=figure,
    )


def _apart(loss: Loss, spectra: Sequence[tuple[float, NDArray]]) -> str:
    """Say how far the lowest eigenvalue stands from the bulk, at the last alpha with an outlier."""
    for alpha, eigenvalues in reversed(spectra):
        measure = initial(loss, alpha)
        edge = left_edge(measure)
        if (found := outlier(measure, edge)) is not None:
            gap = edge.position + measure.mu - eigenvalues[0]
            return (
                rf"At {ALPHA} = {alpha:.3g} the lowest eigenvalue lies {gap:.2f} below the edge of "
                f"the bulk, and theory's outlier {edge.position - found.position:.2f}"
            )
    return rf"Up to {ALPHA} = {spectra[-1][0]:.3g} theory has no outlier"


def _spectrum_panel(axis: Axes, loss: Loss, alpha: float, eigenvalues: NDArray) -> None:
    measure = initial(loss, alpha)
    edge = left_edge(measure).position + measure.mu
    theory = outlier(measure)
    left = min(eigenvalues[0], edge)
    right = float(np.quantile(eigenvalues, 0.3))
    reach = (left - 0.12 * (right - left), right)
    bins = np.linspace(*reach, 46)
    counts, _ = np.histogram(eigenvalues, bins)
    axis.stairs(
        counts / np.diff(bins) / len(eigenvalues),
        bins,
        fill=True,
        color=COLOURS[0],
        alpha=0.45,
        label=f"one Hessian, N = {len(eigenvalues)}",
    )
    grid = np.linspace(edge, reach[1], 300)
    rho = density(measure, grid - measure.mu)
    axis.plot(grid, rho, color=THEORY, label="theory")
    axis.plot(
        eigenvalues[0],
        0,
        "^",
        color=COLOURS[3],
        markersize=7,
        clip_on=False,
        label="lowest eigenvalue",
        zorder=5,
    )
    if theory is not None:
        axis.axvline(
            theory.position + measure.mu,
            color=COLOURS[3],
            linestyle="--",
            linewidth=1.2,
            label="predicted outlier",
        )
    axis.set(xlim=reach, xlabel=r"eigenvalue $\lambda + \mu$")
    axis.set_ylim(0, 1.2 * rho.max())
    heading(axis, rf"$\alpha$ = {alpha:.3g}")


@dataclass(frozen=True)
class _TheoryCurve:
    alpha: NDArray
    edge: NDArray
    outlier: NDArray
    overlap2: NDArray


def _theory(loss: Loss, alphas: NDArray) -> _TheoryCurve:
    edges, outliers, overlaps = [], [], []
    for alpha in alphas:
        measure = initial(loss, float(alpha))
        edge = left_edge(measure)
        found = outlier(measure, edge)
        edges.append(edge.position + measure.mu)
        outliers.append(np.nan if found is None else found.position + measure.mu)
        overlaps.append(0.0 if found is None else found.overlap2)
    return _TheoryCurve(alphas, np.array(edges), np.array(outliers), np.array(overlaps))


@book_figure(
    "fig-bbp-transition",
    "fig-bbp-transition-hard",
    data=("simulated starts", "theory of infinite size"),
)
@takes_loss
def start_transition_figure(loss: Loss, rows: pd.DataFrame, name: str) -> BookFigure:
    """Outlier, edge and squared overlap against alpha, theory under simulation at several sizes."""
    transition = alpha_init(loss)
    span = rows["alpha"].min(), rows["alpha"].max()
    grid = np.unique(np.append(np.linspace(*span, 160), transition.alpha * (1 + 1e-9)))
    curve = _theory(loss, grid)
    sizes = sorted(rows["n"].unique())
    with panels(1, 2, height=3.2) as (figure, (left, right)):
        left.plot(curve.alpha, curve.edge, color=THEORY, label="left edge of the bulk")
        left.plot(curve.alpha, curve.outlier, color=COLOURS[3], label="outlier")
        right.plot(curve.alpha, curve.overlap2, color=THEORY, label="theory, N infinite")
        at_largest = rows[rows["n"] == sizes[-1]].groupby("alpha")
        left.plot(at_largest["empirical_edge"].mean(), color=THEORY, linestyle=":", linewidth=1)
        right.plot(
            at_largest["predicted_overlap2"].mean(),
            color=THEORY,
            linestyle=":",
            linewidth=1,
            label=f"theory, laws of the states at N = {sizes[-1]}",
        )
        dodge = 0.012 * (span[1] - span[0]) * (np.arange(len(sizes)) - (len(sizes) - 1) / 2)
        for n, colour, shift in zip(sizes, size_colours(sizes), dodge, strict=True):
            for axis, column in ((left, "lowest"), (right, "overlap2")):
                means = mean_interval(rows[rows["n"] == n], "alpha", column)
                points(axis, means.index + shift, means, color=colour, label=f"N = {n}")
        for axis in (left, right):
            axis.axvline(transition.alpha, color="0.6", linewidth=1, linestyle=":")
            axis.set_xlabel(r"measurements per dimension $\alpha$")
        left.set_ylabel(r"lowest eigenvalue $\lambda_1 + \mu$")
        right.set(ylabel="squared overlap with the signal", ylim=(-0.02, 1))
        legend_below(figure, right, 5)
        left.legend(handles=left.get_lines()[:2], loc="upper left", **OPAQUE)
    above = curve.overlap2[curve.alpha > transition.alpha]
    return BookFigure(
        name,
        title=_rise(transition, above, rows),
        caption=f"(a) Lowest eigenvalue of the Hessian of a random start before its shift by "
        rf"\(\mu\), {of(loss)}; (b) squared overlap of its eigenvector with the signal. Points: "
        f"means with 95 % intervals ({counted(rows)}), sizes side by side; lines: infinite size, "
        f"with a {transition.edge_kind} edge, from the dotted upright on with an outlier. Dotted "
        "curves: theory for the labels and fields of the largest states.",
        alt="Lowest eigenvalue and squared overlap against alpha. "
        f"{_seen(transition.edge_kind, above)}",
        figure=figure,
    )


def _rise(transition: InitialTransition, above: NDArray, rows: pd.DataFrame) -> str:
    """Say what the squared overlap does at the transition and beyond.

    `above` holds that of infinite size at the alphas above the transition, if there are any.
    """
    start = rf"From {ALPHA} = {transition.alpha:.2f} on"
    largest = rows[rows["n"] == rows["n"].max()].groupby("alpha")["overlap2"].mean()
    if not len(above):
        return rf"Below {ALPHA} = {transition.alpha:.2f} the lowest eigenvector sees no signal"
    if transition.edge_kind == "soft":
        return (
            f"{start} the lowest eigenvector sees the signal: its squared overlap reaches "
            rf"{largest.iloc[-1]:.2f} at {ALPHA} = {largest.index[-1]:.3g}"
        )
    below = largest[largest.index < transition.alpha]
    blurred = f"; at N = {rows['n'].max()} it is {below.iloc[-1]:.2f} just below"
    jump = rf"At {ALPHA} = {transition.alpha:.2f} the squared overlap jumps at infinite size"
    return f"{jump} to {above[0]:.2f}{blurred if len(below) else ''}"


def _seen(edge: str, above: NDArray) -> str:
    """Say for the blind what the squared overlap does at the transition."""
    if edge == "soft" or not len(above):
        return (
            "Simulated points follow the theory lines away from the transition; near it the "
            "overlap rises smoothly, the more steeply the larger N is."
        )
    return (
        f"The overlap of infinite size jumps from 0 to {above[0]:.2f} at the transition. Above it "
        "the simulated points lie close to the "
        "lines of theory. Below it their overlap falls off smoothly with falling alpha, along "
        "the dotted curve and hardly depending on N, and their lowest eigenvalue lies above the "
        "edge of infinite size and below the dotted one."
    )
