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
    COLOURS,
    OPAQUE,
    THEORY,
    counted,
    heading,
    legend_below,
    panels,
    points,
    size_colours,
)
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.bulk import density, left_edge
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_init


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
        rf"The Hessian of a random start, before its shift by \(\mu\), for {loss} at "
        rf"\(\alpha\) = {alphas} (\(\alpha_\mathrm{{BBP}}\) at initialisation is "
        rf"{alpha_init(loss).alpha:.3f}). Bars: eigenvalues of one Hessian with N = {n}, its left "
        "part. Line: density at infinite size. Triangle: the lowest eigenvalue of that Hessian. "
        "Dashed: the predicted outlier, where theory has one.",
        f"Three histograms of Hessian eigenvalues at alpha = {alphas}, each following the "
        "theoretical density; above the transition the lowest eigenvalue stands apart on the "
        "left, at the predicted place.",
        figure,
    )


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
    rise, seen = _overlap_at(transition.edge_kind, curve.overlap2[curve.alpha > transition.alpha])
    return BookFigure(
        name,
        rf"The transition at a random start for {loss}. (a) Lowest eigenvalue of the Hessian "
        rf"before its shift by \(\mu\), over the theoretical {transition.edge_kind} edge and "
        "outlier. (b) Squared overlap of its eigenvector with the signal. "
        f"Lines: infinite size{rise}. "
        f"Points: means over Hessians ({counted(rows)}) with 95 % intervals. "
        "Dotted curves: edge and overlap predicted from the labels and fields of the largest "
        "states themselves, averaged. "
        rf"Vertical: \(\alpha_\mathrm{{BBP}}\) = {transition.alpha:.3f}.",
        f"Lowest eigenvalue and squared overlap against alpha. {seen}",
        figure,
    )


def _overlap_at(edge: str, above: NDArray) -> tuple[str, str]:
    """Return what the squared overlap does at the transition: for the caption, and for the blind.

    `above` holds that of infinite size at the alphas above the transition, if there are any.
    """
    if edge == "soft" or not len(above):
        return "", (
            "Simulated points follow the theory lines away from the transition; near it the "
            "overlap rises smoothly, the more steeply the larger N is."
        )
    jump = f"jumps from 0 to {above[0]:.2f} at the transition"
    return f"; the overlap {jump}", (
        f"The overlap of infinite size {jump}. Above it the simulated points lie close to the "
        "lines of theory. Below it their overlap falls off smoothly with falling alpha, along "
        "the dotted curve and hardly depending on N, and their lowest eigenvalue lies above the "
        "edge of infinite size and below the dotted one."
    )
