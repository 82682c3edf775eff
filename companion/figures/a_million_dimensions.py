"""Half points over decades of N, and what fast transforms change (notebook 14)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.fast import biases, corner_edge, fitted_bias
from companion.analysis.finite_size import Growth, predicted_halves
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    ALPHA,
    LATE,
    THEORY,
    heading,
    legend_below,
    look,
    mark_late,
    of,
    panels,
    points,
)
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.spectra.bulk import left_edge


@book_figure(
    "fig-million",
    data=(
        *("fast-scaling", "fast-scaling-held", "recovery", "recovery-more"),
        *("theory/growth", "theory/border"),
    ),
)
@takes_loss
def million_figure(
    loss: Loss, growth: Growth, constant: tuple[float, float], halves: pd.DataFrame
) -> BookFigure:
    """Half points against the dimension, theory under Gaussian and fast runs.

    Parameters
    ----------
    halves : pandas.DataFrame
        From `companion.analysis.fast.halves_by_ratio`.
    """
    sizes = np.geomspace(50, 2e5, 80)
    with panels(height=4.2) as (figure, (axis,)):
        line = predicted_halves(growth, constant, sizes)
        axis.plot(line["n"], line["half"], color=THEORY, label="random, theory")
        axis.fill_between(line["n"], line["low"], line["high"], color=THEORY, alpha=0.15, lw=0)
        for (start, fast), found in halves.groupby(["start", np.isfinite(halves["ratio"])]):
            drawn = look(start)
            name = f"{drawn['label']}, {'fast' if fast else 'Gaussian'} rows"
            points(
                axis,
                found["n"],
                found.rename(columns={"half": "mean"}),
                color=drawn["color"],
                marker=drawn["marker"],
                label=name,
                markerfacecolor="white" if fast else drawn["color"],
                markersize=6 if fast else 4,
            )
        late = dynamical_threshold(loss)
        mark_late(axis.axhspan, axis.axhline, late, linestyle="--")
        name, where = "dynamical threshold", (0.02, late.alpha + 0.04)
        axis.text(*where, name, color=LATE, transform=axis.get_yaxis_transform())
        axis.set(xscale="log", xlabel="N", xlim=(sizes[0], sizes[-1]))
        axis.set_ylabel(r"$\alpha$ at which half have recovered")
        legend_below(figure, axis, columns=2)
    counts = halves[np.isfinite(halves["ratio"])].groupby("n")["runs"].sum()
    counted = ", ".join(f"{runs} runs at N = {n}" for n, runs in counts.items())
    return BookFigure(
        "fig-million",
        title=_rise_in_words(halves),
        caption=rf"The \(\alpha\) at which half the descents have recovered the signal by t = "
        f"{growth.time:g} against the dimension, {of(loss)}; constrained starts are held first and "
        "have longer. Filled: Gaussian rows, which fit into memory; open: rows of fast transforms, "
        f"{counted} near the half points. With 95 % bootstrap intervals. Line: theory, with one "
        "constant from Gaussian runs at small N, and its 95 % band; it ends where the theory was "
        f"not run. Dashed: the dynamical threshold, {late}.",
        alt="Half points against N on a logarithmic axis, from tens to tens of thousands. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


def _rise_in_words(halves: pd.DataFrame) -> str:
    found = halves[halves["start"] == "random"].dropna(subset="half").sort_values("n")
    if found["n"].nunique() < 2:
        return ""
    first, last = found.iloc[0], found.iloc[-1]
    return (
        f"Half of the random starts recover at {ALPHA} = {first['half']:.2f} where N = "
        f"{first['n']:.0f}, and at {last['half']:.2f} where N = {last['n']:.0f}"
    )


@book_figure("fig-fast-bias", data=("fast-bias", "fast-scaling-held", "recovery", "recovery-more"))
@takes_loss
def bias_figure(
    loss: Loss, alpha: float, n: int, shifts: pd.DataFrame, halves: pd.DataFrame
) -> BookFigure:
    """Draw what fast transforms change against N/L: the edge of the start, and half points.

    Parameters
    ----------
    alpha, n
        Of the edges.
    shifts, halves : pandas.DataFrame
        From `companion.analysis.fast.edge_shifts` and `halves_by_ratio`.
    """
    law = initial(loss, alpha)
    edge = left_edge(law).position + law.mu
    most = 1.15 / min(shifts.index.min(), halves["ratio"].min())
    shares = np.linspace(1e-4, most, 40)
    with panels(1, 2, height=3.0) as (figure, (left, right)):
        expected = [(corner_edge(law, 1 / share) - edge) / abs(edge) for share in shares]
        left.plot(shares, expected, color=THEORY, label="theory")
        points(left, 1 / shifts.index.to_numpy(), shifts, color="0.4", label="descents")
        left.set(xlabel="N/L", ylabel="shift of the edge, in its depth", xlim=(0, most))
        heading(left, "edge of the start")
        groups = list(biases(halves).groupby(["start", "n"]))
        for place, ((start, size), rows) in enumerate(groups):
            drawn = look(start)
            # Side by side, so that intervals do not hide each other.
            x = 1 / rows["ratio"] * (1 + 0.06 * (place - (len(groups) - 1) / 2))
            label = f"{drawn['label']}, N = {size}"
            filled = "white" if size != min(halves["n"]) else drawn["color"]
            style = {"color": drawn["color"], "marker": drawn["marker"], "markerfacecolor": filled}
            points(right, x, rows, label=label, **style)
        fit = fitted_bias(halves)["mean"]
        right.plot(shares, fit["limit"] + fit["slope"] * shares, color="0.6", label="fit")
        right.axhline(0, color="0.8", linewidth=0.8)
        right.set(xlabel="N/L", ylabel=r"shift of the half point, in $\alpha$", xlim=(0, most))
        heading(right, "half points")
        legend_below(figure, right, columns=3)
    return BookFigure(
        "fig-fast-bias",
        title=f"At N/L = {1 / shifts.index.min():g} the edge lies "
        f"{shifts['mean'].iloc[0]:+.3f} of its depth from that of Gaussian rows, half points "
        f"{fit['limit'] + fit['slope'] / shifts.index.min():+.3f}",
        caption="What rows of fast transforms change against N/L, the dimension over the length of "
        rf"the transforms, {of(loss)}. (a) The lowest eigenvalue at a random start, \(\alpha\) = "
        f"{alpha:g}, N = {n}, less that with Gaussian rows ({shifts['count'].min()} instances "
        "each); line: free sums of corners of orthogonal matrices. (b) Half points less those with "
        "Gaussian rows; line: a constant and a slope, fitted to all. With 95 % intervals.",
        alt=f"Two panels against N/L. {ends_in_words(figure)}",
        figure=figure,
    )
