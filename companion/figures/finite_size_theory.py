"""Recovery at finite size without simulation (notebook 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.finite_size import Growth, predicted_halves, recovery_probability
from companion.analysis.intervals import mean_interval, weighted_mean
from companion.analysis.scaling import FORMS, Scaling
from companion.figures.export import BookFigure, book_figure, nothing_drawn
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    ALPHA,
    PALETTE,
    THEORY,
    heading,
    legend_below,
    mark_late,
    of,
    panels,
    points,
    sequence,
    size_colours,
)
from companion.figures.theory import DASHES, name_lines
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.transitions import alpha_init

MOST_LINES = 8
"""Alphas that one panel can show."""

GREY = "0.4"
"""Colour of the fitted forms."""


@book_figure(
    "fig-fluctuations",
    "fig-fluctuations-wide",
    data=("theory/growth", "theory/border", "theory/wide", "alignment", "alignment-a1"),
)
@takes_loss
def fluctuations_figure(
    loss: Loss, theory: pd.DataFrame, observed: pd.DataFrame, name: str = "fig-fluctuations"
) -> BookFigure:
    """N times the variance of the overlap against time, theory under simulation."""
    n, all_alphas = int(observed["n"].iloc[0]), sorted(theory["alpha"].unique())
    both = sorted({*all_alphas} & {*observed["alpha"]}) or all_alphas
    chosen = np.linspace(0, len(both) - 1, min(MOST_LINES, len(both)))
    alphas = [both[i] for i in sorted({*np.round(chosen).astype(int)})]
    observed = observed.assign(square=n * observed["abs_overlap"] ** 2)
    with panels(height=3.6, width=5.6) as (figure, (axis,)):
        for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True):
            run = theory[(theory["alpha"] == alpha) & (theory["t"] > 0)]
            # On the logarithm, where an error of the order of V itself has a meaning.
            spread = np.exp(1.96 * run["variance_error"] / run["variance"])
            label = rf"$\alpha$ = {alpha:g}"
            axis.plot(run["t"], run["variance"], color=colour, label=label)
            low, high = run["variance"] / spread, run["variance"] * spread
            axis.fill_between(run["t"], low, high, color=colour, alpha=0.25, linewidth=0)
            rows = observed[(observed["alpha"] == alpha) & (observed["time"] > 0)]
            if len(rows):
                found = mean_interval(rows, "time", "square")
                points(axis, found.index, found, color=colour, markersize=3)
        axis.axhline(n, color="0.6", linewidth=0.8, linestyle="--")
        axis.annotate(f"|m| = 1 at N = {n}", (2e-3, n), va="bottom", color="0.4")
        last = theory["t"].max()
        axis.set(xscale="log", yscale="log", xlabel="time t", ylabel="N Var m")
        axis.set(xlim=(1e-3, last), ylim=(0.8, None))
        legend_below(figure, axis, columns=5)
    return BookFigure(
        name,
        title=_grown(theory, alphas),
        caption=r"Growth of the fluctuations of the overlap along gradient flow from a random "
        f"start, {of(loss)}. Lines: V(t) = N Var m of the theory of infinite size, with 95 % bands "
        "of its sampling error (on the logarithm). Points: N times the mean square overlap of "
        f"{observed.groupby('alpha')['replica'].nunique().min()} descents at N = {n} for each "
        f"\\(\\alpha\\), with 95 % intervals; dashed: where the overlap is one.",
        alt="V against time on logarithmic axes, theory as lines and simulation as points. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


def _grown(theory: pd.DataFrame, alphas: list[float]) -> str:
    """Say by how much V has grown at the least and the largest alpha when the theory ends."""
    ends = [theory[theory["alpha"] == alpha].sort_values("t").iloc[-1] for alpha in alphas]
    told = " and ".join(
        rf"{_rounded(row['variance'])} times at {ALPHA} = {row['alpha']:g} (t = {row['t']:.2g})"
        for row in (ends[0], ends[-1])
    )
    return f"The variance of the overlap grows {told}"


def _rounded(value: float) -> str:
    """Write a large number with two digits and no exponent."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


@book_figure("fig-predicted-recovery", data=("theory/growth", "theory/border", "recovery"))
@takes_loss
def predicted_recovery_figure(
    loss: Loss,
    growth: Growth,
    constant: tuple[float, float],
    compared: pd.DataFrame,
    seen: Sequence[int],
) -> BookFigure:
    """Recovered fraction against alpha: predicted, and simulated."""
    sizes = sorted(compared["n"].unique())
    if np.isnan(constant[0]):
        return nothing_drawn("fig-predicted-recovery", _no_constant(growth))
    grid = np.linspace(growth.alphas[0], growth.alphas[-1], 300)
    groups = ([n for n in sizes if n in seen], [n for n in sizes if n not in seen])
    with panels(1, 2, height=3.2, sharey=True) as (figure, axes):
        colours = dict(zip(sizes, size_colours(sizes), strict=True))
        for axis, group, title in zip(axes, groups, ("fitted", "predicted"), strict=True):
            for n in group:
                rate = recovery_probability(n, growth.variance(grid), constant[0])
                axis.plot(grid, rate, color=colours[n])
                rows = compared[compared["n"] == n]
                points(axis, rows["alpha"], rows, color=colours[n], label=f"N = {n}")
            axis.set(xlabel=r"$\alpha$", ylim=(-0.02, 1.02))
            axis.legend(loc="lower right")
            heading(axis, title)
        axes[0].set_ylabel(f"recovered by t = {growth.time:g}")
    unseen = compared[~compared["n"].isin(seen)].dropna(subset=["predicted"])
    miss = (unseen["mean"] - unseen["predicted"]).abs()
    return BookFigure(
        "fig-predicted-recovery",
        title=f"One constant from N up to {max(seen)} predicts "
        + (
            f"larger sizes to {miss.mean():.2f} in the recovered fraction on average"
            if len(miss)
            else "the lines of every size"
        ),
        caption=f"Fraction of random starts that recover the signal by t = {growth.time:g}, "
        f"{of(loss)}. Points: simulation, with 95 % Wilson intervals ({compared['runs'].min()} to "
        rf"{compared['runs'].max()} runs each). Lines: theory, \(\mathrm{{erfc}}(c\sqrt{{N/2V}})\) "
        f"with V of infinite size and c = {constant[0]:.2f}, estimated from the sizes of panel (a) "
        "alone.",
        alt="Two panels of recovered fraction against alpha. In the first the lines are fitted to "
        "the points by one constant, in the second they are predictions for larger sizes. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


@book_figure("fig-basin", data=("theory/basin", "theory/growth", "recovery"))
@takes_loss
def basin_figure(
    loss: Loss, found: pd.DataFrame, compared: pd.DataFrame, time: float
) -> BookFigure:
    """Draw the constant of theory against alpha, and those that simulations ask for."""
    known = compared.dropna(subset=["alpha"])
    if found.empty:
        return nothing_drawn("fig-basin", f"At no alpha does theory recover by t = {time:g}.")
    with panels(height=3.2, width=5.6) as (figure, (axis,)):
        reach = 1.96 * found["constant_error"]
        low, high = found["constant"] - reach, found["constant"] + reach
        axis.plot(found.index, found["constant"], color=THEORY, label=r"theory, $m_* A$")
        axis.fill_between(found.index, low, high, color=THEORY, alpha=0.15, linewidth=0)
        for (n, row), colour in zip(known.iterrows(), size_colours(known.index), strict=True):
            interval = pd.DataFrame({"mean": [row["constant"]]})
            interval["low"] = row["constant"] - 1.96 * row["error"]
            interval["high"] = row["constant"] + 1.96 * row["error"]
            points(axis, [row["alpha"]], interval, color=colour, label=f"N = {n}")
        axis.set(xlabel=r"$\alpha$", ylim=(0, 1.2))
        axis.set_ylabel("constant c")
        legend_below(figure, axis, columns=4)
    both = (found["constant"], known["constant"])
    ends = [f"{x.min():.2f} to {x.max():.2f}" for x in both if len(x)]
    return BookFigure(
        "fig-basin",
        title=f"Theory gives a constant of {ends[0]}"
        + (f", simulations ask for {ends[1]}" if len(ends) > 1 else ""),
        caption="How large an overlap must have become, had it gone on growing as small ones do, "
        f"for its descent to recover by t = {time:g}, {of(loss)}. Line: theory of infinite size, "
        r"\(c = m_* A\), with a 95 % band: \(m_*\) is the overlap of the start that recovers just "
        "in time, A what small overlaps grow by. Points: the constant that the recovered fractions "
        r"of each size ask for, at the \(\alpha\) of its half point, with 95 % intervals.",
        alt="A nearly level line of theory against alpha, with the constants of the simulations. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


@book_figure("fig-predicted-half-points", data=("theory/growth", "theory/border", "recovery"))
@takes_loss
def predicted_half_points_figure(
    loss: Loss,
    growths: Sequence[Growth],
    constants: Sequence[tuple[float, float]],
    simulated: Sequence[pd.DataFrame],
    fits: Sequence[Scaling],
) -> BookFigure:
    """Half points against the dimension, far beyond what can be simulated."""
    if np.isnan(constants).all():
        return nothing_drawn("fig-predicted-half-points", _no_constant(growths[-1]))
    sizes = np.geomspace(50, 1e7, 60)
    with panels(height=3.8, width=5.6) as (figure, (axis,)):
        colours, reached = [PALETTE["sky"], PALETTE["blue"], PALETTE["brown"]], None
        for growth, constant, found, colour in zip(
            growths, constants, simulated, colours, strict=False
        ):
            line = predicted_halves(growth, constant, sizes)
            label, known = f"theory, t = {growth.time:g}", line.dropna(subset=["half"])
            reached = known.iloc[-1] if len(known) else reached
            axis.plot(line["n"], line["half"], color=colour, label=label)
            axis.fill_between(
                line["n"], line["low"], line["high"], color=colour, alpha=0.2, linewidth=0
            )
            points(axis, found["n"], found.rename(columns={"half": "mean"}), color=colour)
        # The forms are labelled where they leave the picture.
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        for fit, style in zip(fits, DASHES, strict=False):
            axis.plot(
                sizes,
                fit.half_point(sizes),
                color=GREY,
                linewidth=1,
                linestyle=style,
                label=f"{FORMS[fit.form][0]}, t = {growths[-1].time:g}",
            )
        early, late = alpha_init(loss).alpha, dynamical_threshold(loss)
        axis.axhline(early, color=THEORY, linestyle=":", linewidth=0.8)
        mark_late(axis.axhspan, axis.axhline, late, linestyle="--")
        for place, name, x, side in (
            (early, r"$\alpha_\mathrm{BBP}^\mathrm{init}$", 0.99, "right"),
            (late.alpha, r"$\alpha_\mathrm{BBP}^\mathrm{TS}$", 0.01, "left"),
        ):
            where = axis.get_yaxis_transform()
            beside = {"xytext": (0, 3), "textcoords": "offset points"}
            axis.annotate(name, (x, place), xycoords=where, ha=side, va="bottom", **beside)
        axis.set(xscale="log", xlabel="N", xlim=(sizes[0], sizes[-1]))
        axis.set_ylabel(r"$\alpha$ at which half have recovered")
        lowest = np.nanmin([found["half"].min() for found in simulated])
        axis.set_ylim(lowest - 0.4, 1.1 * late.alpha)
        forms = [(FORMS[fit.form][0], sizes, fit.half_point(sizes), GREY) for fit in fits]
        name_lines(axis, forms)
    return BookFigure(
        "fig-predicted-half-points",
        title=_goes_on(growths[-1].time, simulated[-1], reached),
        caption=rf"The \(\alpha\) at which half the random starts have recovered the signal by a "
        f"time t, {of(loss)}. Coloured lines: theory without simulation but for one constant, with "
        "95 % bands; they end where the theory was not run. Points: simulation with 95 % bootstrap "
        "intervals; grey: forms fitted to the runs of the longest time. Level: the transitions at "
        "the start (dotted) and at threshold states (dashed).",
        alt="Half points against N: lines of theory, points of simulation, and the fitted forms. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


def _no_constant(growth: Growth) -> str:
    least, most = growth.alphas[[0, -1]]
    return (
        f"by t = {growth.time:g} half of the runs recover at no alpha from {least:g} to {most:g}, "
        "where the theory was run"
    )


def _goes_on(time: float, simulated: pd.DataFrame, reached: pd.Series | None) -> str:
    """Say where simulated half points end, and where theory's do."""
    told = []
    if len(simulated):
        n, half = simulated.iloc[-1][["n", "half"]]
        told.append(rf"simulated descents at {ALPHA} = {half:.2f} at N = {n:.0f}")
    if reached is not None:
        told.append(f"theory goes on to {reached['half']:.2f} at N = {_rounded(reached['n'])}")
    return f"By t = {time:g} half recover: {', '.join(told) or 'at no size'}"


@book_figure("fig-escape", data=("theory/border", "escape", "recovery"))
@takes_loss
def escape_figure(loss: Loss, escapes: pd.DataFrame) -> BookFigure:
    """Median time to recover against N above both transitions, with the rise of theory."""
    if escapes.empty:
        return nothing_drawn("fig-escape", "at no alpha do half the descents recover")
    alphas = sorted(escapes.index.unique("alpha"))
    with panels(height=3.2, width=4.6) as (figure, (axis,)):
        for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True):
            rows = escapes.loc[alpha]
            delay, _ = weighted_mean(rows["time"] - rows["expected"], rows["error"])
            label = rf"$\alpha$ = {alpha:g}"
            axis.plot(rows.index, rows["expected"] + delay, color=colour, label=label)
            low, high = (rows["time"] + sign * 1.96 * rows["error"] for sign in (-1, 1))
            estimate = pd.DataFrame({"mean": rows["time"], "low": low, "high": high})
            points(axis, rows.index, estimate, color=colour, markersize=4)
        axis.set(xscale="log", xlabel="N", ylabel="median time to recover")
        legend_below(figure, axis)
    return BookFigure(
        "fig-escape",
        title=_slower(escapes),
        caption="How long random starts take to recover the signal where the outlier is never "
        f"lost, {of(loss)}. Points: medians of {escapes['runs'].min()} to {escapes['runs'].max()} "
        "descents, with 95 % intervals. Lines: the time at which V of theory has grown in "
        r"proportion to N, plus one delay for each \(\alpha\).",
        alt="Median time against the logarithm of N. For each alpha the points rise along the line "
        f"of theory, nearly straight, the steeper the smaller alpha. {ends_in_words(figure)}",
        figure=figure,
    )


def _slower(escapes: pd.DataFrame) -> str:
    """Say how the median time goes from the smallest to the largest size, at the least alpha."""
    alpha = escapes.index.unique("alpha").min()
    rows = escapes.loc[alpha].sort_index()
    return (
        rf"At {ALPHA} = {alpha:g} the median time to recover goes from {rows['time'].iloc[0]:.2g} "
        f"at N = {rows.index[0]} to {rows['time'].iloc[-1]:.2g} at N = {rows.index[-1]}"
    )
