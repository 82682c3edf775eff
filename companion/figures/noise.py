"""What noise does to the early direction, and to where descents end (notebook 12)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    THEORY,
    heading,
    legend_below,
    of,
    panels,
    points,
    sequence,
)
from prlib.channels.additive import Additive
from prlib.losses import as_loss
from prlib.transitions import alpha_init
from prlib.transitions.state_evolution import message_passing_overlap

MARKERS = "osD^"
"""How losses are marked, in the order of `drawn`; their colours are steps of one sequence."""


@book_figure("fig-noise-life", data=("theory/noise",))
def life_figure(found: pd.DataFrame, multiple: float) -> BookFigure:
    """Transition of the start, life of the early direction and what it is worth, against noise.

    Parameters
    ----------
    found : pandas.DataFrame
        From `companion.analysis.noise.lives`.
    multiple : float
        Measurements of the runs, over the transition of each loss without noise.
    """
    looks = drawn(found["loss"])
    noises = np.linspace(0.02, 1.15 * found["sigma"].max(), 12)
    with panels(1, 3, height=3.0, sharex=True) as (figure, axes):
        for loss, look in looks.items():
            colour = look["color"]
            clean = alpha_init(loss).alpha
            lines = [alpha_init(loss, channel=Additive(sigma)).alpha / clean for sigma in noises]
            axes[0].plot([0.0, *noises], [1.0, *lines], color=colour)
            rows = found[found["loss"] == loss]
            for axis, column in zip(axes[1:], ("share", "variance"), strict=True):
                reach = 1.96 * rows[f"{column}_error"]
                ends = {"low": rows[column] - reach, "high": rows[column] + reach}
                points(axis, rows["sigma"], rows.assign(mean=rows[column], **ends), **look)
                axis.plot(rows["sigma"], rows[column], color=colour, linewidth=0.8)
        axes[0].axhline(multiple, color=THEORY, linestyle=":", linewidth=1)
        axes[0].set_ylabel("transition of the start,\nover that without noise")
        axes[1].set_ylabel("time until it is lost,\nover that without noise")
        axes[2].set_ylabel("N times the variance of m\nby then")
        axes[1].set_ylim(-0.02, None)
        for axis, title in zip(axes, ("the start", "how long", "what it was worth"), strict=True):
            axis.set_xlabel(r"noise $\sigma$")
            heading(axis, title)
        legend_below(figure, axes[1], 2)
    last = found[found["sigma"] == found["sigma"].max()]
    told = ", ".join(f"{row.share:.2f} ({name(row.loss)})" for row in last.itertuples())
    alphas = found.groupby("loss", sort=False)["alpha"].first()
    own = ", ".join(f"{alpha:.3f} ({name(loss)})" for loss, alpha in alphas.items())
    return BookFigure(
        "fig-noise-life",
        title=f"At noise {last['sigma'].iloc[0]:g} the early direction lasts, as a share of its "
        f"time without: {told}",
        caption=r"The early direction where labels are noisy, \(y = z + \sigma\xi\), at infinite "
        rf"size, by loss, at {multiple:g} times the measurements of its own transition without "
        rf"noise, \(\alpha\) = {own}. Left: the transition of the start; dotted, those "
        "measurements: where a line crosses it the start goes blind. Middle: time at which the "
        "outlier is lost, over that without noise, so that no unit of time matters; right: how "
        "much the chance overlap has grown by then. Points: dynamical theory, with 95 % "
        "intervals.",
        alt=f"Three panels against the noise, one line a loss. At noise "
        f"{last['sigma'].iloc[0]:g} the time is a share of that without noise: {told}.",
        figure=figure,
    )


@book_figure("fig-noise-overlap", data=("noise",))
def reached_figure(found: pd.DataFrame, n: int, time: float) -> BookFigure:
    """Overlap that descents reach against alpha, one panel a noise, beside message passing.

    Parameters
    ----------
    found : pandas.DataFrame
        From `companion.analysis.noise.reached`.
    n : int
        Dimension of the descents.
    time : float
        Their flow time.
    """
    noises, looks = sorted(found["sigma"].unique()), drawn(found["loss"])
    grid = np.linspace(0.4, found["alpha"].max(), 60)
    with panels(1, len(noises), height=3.0, sharey=True) as (figure, axes):
        for axis, sigma in zip(axes, noises, strict=True):
            best = [np.sqrt(message_passing_overlap(alpha, sigma)) for alpha in grid]
            axis.plot(grid, best, color=THEORY, label="message passing")
            at = found[found["sigma"] == sigma]
            for loss, look in looks.items():
                rows = at[at["loss"] == loss]
                points(axis, rows["alpha"], rows, **look)
                axis.plot(rows["alpha"], rows["mean"], color=look["color"], linewidth=0.8)
            axis.set_xlabel(r"$\alpha$")
            axis.set_ylim(0, 1.02)
            heading(axis, rf"$\sigma$ = {sigma:g}")
        axes[0].set_ylabel("overlap |m|")
        legend_below(figure, axes[0], 2)
    counts = found["count"]
    told = "; ".join(
        f"noise {row.sigma:g}, {name(row.loss)}: {row.mean:.2f}, message passing {row.best:.2f}"
        for row in found[found["alpha"] == found["alpha"].max()].itertuples()
    )
    worst = found[found["sigma"] == noises[-1]]
    worst = worst[worst["alpha"] == worst["alpha"].max()]
    return BookFigure(
        "fig-noise-overlap",
        title=rf"At noise {noises[-1]:g} and {ALPHA} = {worst['alpha'].iloc[0]:g} descents reach "
        f"an overlap of {worst['mean'].max():.2f} at most, message passing "
        f"{worst['best'].iloc[0]:.2f}",
        caption="Overlap with the signal reached from random starts where labels are noisy, "
        rf"\(y = z + \sigma\xi\): means of {counts.min()} descents or more a point to "
        f"t = {time:g}, N = {n}, with 95 % Student intervals. Line: what message passing reaches "
        "at large N without any knowledge, by its state evolution. No descent can be told to be "
        "right by its end, so the overlap stands in place of a recovered fraction.",
        alt=f"Overlap against alpha, one panel a noise. At alpha = {found['alpha'].max():g}: "
        f"{told}.",
        figure=figure,
    )


def name(loss: str) -> str:
    """Name a loss in a legend.

    Examples
    --------
    >>> name("normalized(a=1)"), name("amplitude(smoothing=0.3)")
    ('a = 1', 'amplitude, smoothing = 0.3')
    """
    return of(as_loss(loss)).removeprefix("the ").replace(" loss with ", ", ")


def drawn(losses: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return how losses are drawn: those of the paper's family by their a, then the others."""
    order = sorted(set(losses), key=lambda loss: (as_loss(loss).names["a"] or math.inf, loss))
    return {
        loss: {"color": colour, "marker": marker, "label": name(loss)}
        for loss, colour, marker in zip(order, sequence(len(MARKERS))[::-1], MARKERS, strict=False)
    }
