"""Other dynamics than gradient flow, and where each of them leads (notebook 13)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis.other_dynamics import RECIPES, clock, lost, recipes
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    PALETTE,
    heading,
    legend_below,
    of,
    panels,
    points,
)
from prlib.losses import Loss, takes_loss
from prlib.schemes import as_scheme
from prlib.sweeps import rates

LOOKS = {
    "flow": ("flow", "blue", "o", "-"),
    "sgd": ("batches", "grey", "v", (0, (1, 1))),
    "langevin": ("constant noise", "yellow", "^", "--"),
    "momentum": ("heavy ball", "brown", "s", "-."),
    "nesterov": ("Nesterov", "pink", "D", (0, (8, 2))),
    "annealed": ("annealing", "purple", "*", ":"),
}
"""What each scheme is called and how it is drawn; the flow from random points is blue elsewhere."""


def drawn(scheme: str) -> dict[str, str]:
    """Return the colour, marker and label of a scheme."""
    label, colour, marker, _ = LOOKS[as_scheme(scheme).name]
    return {"color": PALETTE[colour], "marker": marker, "label": label}


def _ordered(schemes: pd.Series) -> list[str]:
    places = list(LOOKS)
    return sorted(schemes.unique(), key=lambda scheme: places.index(as_scheme(scheme).name))


@book_figure("fig-other-recovery", data=("other-dynamics",))
@takes_loss
def schemes_figure(loss: Loss, table: pd.DataFrame) -> BookFigure:
    """Recovered fraction of each scheme from the same random starts, one panel an alpha."""
    alphas, schemes = sorted(table["alpha"].unique()), _ordered(table["scheme"])
    sizes = sorted(table["n"].unique())
    found = rates(table, by=["scheme", "alpha", "n"]).rename(columns={"rate": "mean"})
    with panels(1, len(alphas), height=3.0, sharey=True, sharex=True) as (figure, axes):
        for axis, alpha in zip(axes, alphas, strict=True):
            for place, scheme in enumerate(schemes):
                rows = found[(found["scheme"] == scheme) & (found["alpha"] == alpha)]
                # Side by side: several schemes recover as much.
                x = rows["n"] * 1.05 ** (place - (len(schemes) - 1) / 2)
                points(axis, x, rows, **drawn(scheme))
                axis.plot(x, rows["mean"], color=drawn(scheme)["color"], linewidth=0.6)
            axis.set_xscale("log", base=2)
            axis.set_xticks(sizes, [str(n) for n in sizes])
            axis.minorticks_off()
            axis.set(xlabel="N", ylim=(-0.02, 1.02))
            heading(axis, rf"$\alpha$ = {alpha:g}")
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[0], 3)
    first = found[(found["alpha"] == alphas[0]) & (found["n"] == sizes[0])].set_index("scheme")
    told = [f"{drawn(one)['label']} {first.loc[one, 'mean']:.2f}" for one in schemes]
    rates_first = first["mean"]
    best = rates_first.idxmax()
    return BookFigure(
        "fig-other-recovery",
        title=rf"At {ALPHA} = {alphas[0]:g}, N = {sizes[0]} most is recovered by "
        f"{drawn(best)['label']}, {rates_first[best]:.2f}; the least is {rates_first.min():.2f}",
        caption=f"Fraction of random starts that recover the signal (|m| > 0.99 before t = "
        f"{table['time_limit'].max():g}), {of(loss)}, by scheme: the same instances and the same "
        f"points for all, {found['runs'].min()} to {found['runs'].max()} runs a point. "
        f"{_numbers(schemes)} Points: simulation, with 95 % Wilson intervals, drawn side by side.",
        alt="Recovered fractions against N, one curve a scheme and one panel an alpha. At alpha = "
        f"{alphas[0]:g}, N = {sizes[0]}: {', '.join(told)}.",
        figure=figure,
    )


def _numbers(schemes: list[str]) -> str:
    """Say in a caption what the numbers of the schemes are."""
    told = []
    for scheme in schemes:
        update, name = as_scheme(scheme).update, drawn(scheme)["label"]
        if update.inertia:
            told.append(rf"{name}, \(\beta\) = {update.inertia:g}")
        elif np.isfinite(update.cooling):
            told.append(rf"{name}, from T = {update.temperature:g} to 0 at t = {update.cooling:g}")
        elif update.temperature:
            told.append(f"{name}, T = {update.temperature:g}")
        elif update.batch < 1:
            told.append(f"{name} of {update.batch:g} of the measurements")
    return f"{told[0].capitalize()}; {'; '.join(told[1:])}." if told else ""


@book_figure("fig-other-direction", data=("theory/other-dynamics",))
@takes_loss
def direction_figure(loss: Loss, theory: pd.DataFrame) -> BookFigure:
    """Condition of the transition, overlap of the outlier and energy along each scheme."""
    schemes, times = _ordered(theory["scheme"]), lost(theory)
    first = theory.loc[theory["t"] > 0, "t"].min()
    with panels(1, 3, height=2.9, sharex=True) as (figure, axes):
        for scheme in schemes:
            run = theory[(theory["scheme"] == scheme) & (theory["t"] > 0)]
            style = {name: drawn(scheme)[name] for name in ("color", "label")}
            style["linestyle"] = LOOKS[as_scheme(scheme).name][-1]
            for axis, column in zip(axes, ("bbp", "overlap2", "variance"), strict=True):
                # An edge that is hard has no condition.
                axis.plot(run["t"] * clock(scheme), run[column], **style)
            if scheme in times.index:
                at = times.loc[scheme, "t"]
                axes[0].plot(at * clock(scheme), 1.0, drawn(scheme)["marker"], color=style["color"])
        axes[0].axhline(1, color="0.7", linewidth=0.8)
        axes[0].set_ylabel("condition\nof the transition")
        axes[1].set_ylabel("squared overlap\nof the outlier")
        axes[2].set_ylabel("N times the variance of m")
        axes[2].set_yscale("log")
        for axis, name in zip(axes, ("direction", "what it knows", "growth"), strict=True):
            axis.set_xscale("log")
            axis.set_xlim(first, None)
            axis.set_xlabel("time of the flow")
            heading(axis, name)
        legend_below(figure, axes[0], 3)
    (alpha,) = theory["alpha"].unique()
    told = ", ".join(
        f"{row['t'] * clock(scheme):.2f} ({drawn(scheme)['label']})"
        for scheme, row in times.iterrows()
    )
    return BookFigure(
        "fig-other-direction",
        title=f"The direction is lost at t = {told}" if told else "No scheme loses the direction",
        caption=rf"The Hessian along each scheme at infinite size, {of(loss)}, \(\alpha\) = "
        f"{alpha:g}. (a) The condition of the transition, above one where an informative direction "
        "exists; markers, where it is lost; (b) squared overlap of that direction with the signal; "
        "(c) variance of the overlap that the descent itself gathers. Without inertia the lines of "
        r"(c) lie on each other; with inertia \(\beta\) time is multiplied by \(1/(1-\beta)\). "
        f"{_numbers(schemes)}",
        alt="Three panels against the logarithm of time, one line a scheme. The direction is lost "
        f"at {told}.",
        figure=figure,
    )


@book_figure("fig-recipe", data=("other-dynamics",))
@takes_loss
def recipe_figure(loss: Loss, table: pd.DataFrame, looks: pd.Series) -> BookFigure:
    """Recovered fraction against passes over X, one point a recipe and one panel an alpha."""
    found = recipes(table, looks)
    alphas = sorted(found["alpha"].unique())
    with panels(1, len(alphas), height=3.0, sharey=True, sharex=True) as (figure, axes):
        for axis, alpha in zip(axes, alphas, strict=True):
            for way, rows in found[found["alpha"] == alpha].groupby("way", sort=False):
                label, colour, marker = RECIPES[way]
                points(
                    axis,
                    rows["passes"],
                    rows.rename(columns={"rate": "mean"}),
                    color=PALETTE[colour],
                    marker=marker,
                    label=label,
                    markersize=6,
                )
            axis.set_xscale("log")
            axis.set(xlabel="passes over X, mean of a run", ylim=(-0.02, 1.02))
            heading(axis, rf"$\alpha$ = {alpha:g}")
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[-1], 3)
    best = found.loc[found.groupby("alpha")["rate"].idxmax()]
    told = "; ".join(
        f"alpha = {row.alpha:g}: {RECIPES[row.way][0]}, {row.rate:.2f}" for row in best.itertuples()
    )
    (n,) = table["n"].unique()
    most = RECIPES[best["way"].iloc[0]][0].replace("$v_1$", r"\(v_1\)")
    return BookFigure(
        "fig-recipe",
        title=rf"At {ALPHA} = {best['alpha'].iloc[0]:g} most is recovered by "
        f"{most}, {best['rate'].iloc[0]:.2f}",
        caption=f"What a recipe costs and what it recovers, N = {n}, {of(loss)}, the same "
        f"{found['runs'].min():.0f} instances for all. A pass multiplies X and its transpose with "
        "a vector once: a step of a descent, or a product with the Hessian on the way to its "
        r"lowest eigenvector, \(v_1\). Points: simulation, with 95 % Wilson intervals.",
        alt=f"Recovered fraction against passes, one point a recipe. Most is recovered at {told}.",
        figure=figure,
    )
