"""Claims on wide students, transitions that jump and networks that are trained (chapter 15)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.analysis.half_points import Halves
from companion.analysis.trained import excess, kept_share
from companion.analysis.wide import CRITICAL, gap
from companion.claims.claim import Refuted, Row
from companion.claims.verdicts import Finding, agrees, coverage, exceeds, jointly, rises, too_few
from prlib.sweeps import wilson

BEFORE = 100.0
"""Time of training before which neither network has learned what it will."""

ONE, TWO, FOUR, EIGHT = 1, 2, 4, 8


def _sizes(halves: Halves, *widths: int) -> list[int]:
    found = [{n for width, _, n in halves.best.index if width == one} for one in widths]
    return sorted(set.intersection(*found))


def _needs_more(halves: Halves, more: int, fewer: int, quantity: str) -> Finding:
    """Ask that random starts of one width need more measurements than of another, at every N."""
    sizes, found = _sizes(halves, more, fewer), {}
    for n in sizes:
        one, other = (more, "random", n), (fewer, "random", n)
        known = {one, other} <= {*halves.best.index}
        found[f"N = {n}"] = (
            rises(
                *halves.of(lambda x, one=one, other=other: x[one] - x[other]),
                math.inf,
                quantity,
                tests=len(sizes),
            )
            if known
            else too_few()
        )
    return jointly(found)


def _two(halves: Halves) -> Finding:
    return _needs_more(halves, ONE, TWO, "half point of one unit less that of two")


def _eight(halves: Halves) -> Finding:
    return _needs_more(halves, EIGHT, TWO, "half point of eight units less that of two")


def _closes(halves: Halves) -> Finding:
    found = {}
    pairs = [
        (one, other, n)
        for one, other in ((ONE, TWO), (TWO, FOUR))
        for n in _sizes(halves, one, other)
    ]
    for one, other, n in pairs:
        (wide, wide_error), (narrow, narrow_error) = gap(halves, one, n), gap(halves, other, n)
        error = math.hypot(wide_error, narrow_error)
        quantity = "distance of the two starts lost with width"
        found[f"{one} to {other}, N = {n}"] = rises(
            wide - narrow, error, math.inf, quantity, tests=len(pairs)
        )
    return jointly(found)


def _forgets(powers: pd.DataFrame) -> Finding:
    powers = powers.reset_index(drop=True)
    lowest = powers.loc[powers.groupby(["when", "width"])["alpha"].idxmin()]
    ends, begins = (lowest[lowest["when"] == when].set_index("width") for when in ("end", "start"))
    return jointly(
        {
            f"{width} units": rises(
                ends.loc[width, "power"] - begins.loc[width, "power"],
                math.hypot(ends.loc[width, "error"], begins.loc[width, "error"]),
                ends.loc[width, "count"],
                "power of N as which the overlap falls, less that at the start",
                tests=len(ends),
            )
            for width in ends.index
        }
    )


def _opens(states: pd.DataFrame, starts: pd.Series) -> Finding:
    ratio = states["alpha"] / starts.reindex(states.index)
    error = states["error"] / starts.reindex(states.index)
    wide = [width for width in states.index if width > ONE]
    return jointly(
        {
            f"{width} units": rises(
                ratio[width] - ratio[ONE],
                math.hypot(error[width], error[ONE]),
                math.inf,
                "ratio of the two transitions, less that with one unit",
                tests=len(wide),
            )
            for width in wide
        }
    )


def _low(starting: pd.DataFrame) -> Finding:
    found = {}
    for row in starting.itertuples():
        low, high = wilson(row.low, row.draws, coverage(len(starting)))
        share = row.low / row.draws
        found[f"{row.width} units, N = {row.n}"] = exceeds(
            share - 0.5, (low - 0.5, high - 0.5), "share of draws, less one half"
        )
    return jointly(found)


def _own(told: pd.DataFrame) -> Finding:
    hard = told[told["width"] > ONE]
    return jointly(
        {
            f"{row.width} units, N = {row.n}": rises(
                row.correlation, row.error, row.draws, "rank correlation", tests=len(hard)
            )
            for row in hard.itertuples()
        }
    )


def _soft(soft: tuple[float, float, int]) -> Finding:
    power, error, count = soft
    return agrees(power, error, CRITICAL, count, "power of N")


def _control(control: Halves) -> Finding:
    sizes = sorted({n for _, n in control.best.index})
    if len(sizes) < 2:
        return too_few()

    def lost(x: pd.Series) -> float:
        first, last = (x["constrained", n] - x["random", n] for n in (sizes[0], sizes[-1]))
        return first - last

    return rises(*control.of(lost), math.inf, "distance lost from the smallest N to the largest")


def _mean(values: pd.Series, less: float, quantity: str, tests: int = 1) -> Finding:
    return rises(values.mean() - less, values.sem(), len(values), quantity, tests=tests)


def _teacher(teacher: pd.DataFrame) -> Finding:
    true = teacher[teacher["labels"] == "true"]
    shuffled = teacher[(teacher["labels"] == "shuffled") & (teacher["t"] == 0)]
    own = true[true["t"] == 0].set_index("replica")["toward"]
    quantity = "logarithm of the factor, less that of two"
    ratio = np.log(own / shuffled.set_index("replica")["toward"])
    return jointly(
        {
            "chance": _mean(excess(true, "toward", "chance", 0.0), math.log(2), quantity, 2),
            "shuffled labels": _mean(ratio, math.log(2), quantity, 2),
        }
    )


def _teacher_kept(teacher: pd.DataFrame) -> Finding:
    kept = kept_share(teacher[teacher["labels"] == "true"], "toward", 0.0, BEFORE)
    return _mean(kept, math.log(0.5), "logarithm of the share that is kept, less that of one half")


def _digits(digits: pd.DataFrame) -> Finding:
    true = digits[digits["labels"] == "true"]
    quantity = "logarithm of the factor, less that of what is claimed"
    return jointly(
        {
            "chance": _mean(excess(true, "displaced", "chance", 0.0), math.log(3), quantity, 2),
            "shuffled labels": _mean(
                excess(true, "displaced", "other_displaced", 0.0), math.log(2), quantity, 2
            ),
        }
    )


def _digits_turned(digits: pd.DataFrame) -> Finding:
    true = digits[(digits["labels"] == "true") & (digits["t"] == BEFORE)]
    return _mean(0.3 - true["early"], 0.0, "0.3 less the share of the start")


CLAIMS = (
    Row(
        "wide-two",
        "two hidden units recover half of the random starts at fewer measurements than one, at "
        "every N",
        _two,
        effect=0.2,
    ),
    Row(
        "wide-eight",
        "more units do not go on lowering it: eight need more measurements than two",
        _eight,
        effect=0.2,
    ),
    Row(
        "wide-closes",
        "the half points of random and of held starts lie closer with two units than with one, "
        "and with four than with two, at every N",
        _closes,
        effect=0.2,
    ),
    Row(
        "wide-forgets",
        "with every width, not far above the transition of a random start, the overlap of the "
        "lowest eigenvectors falls faster with N at threshold states than at the start",
        _forgets,
        effect=0.3,
    ),
    Row(
        "wide-opens",
        "threshold states get an outlier at more times the transition of a random start with two "
        "and with four units than with one",
        _opens,
        effect=0.3,
    ),
    Row(
        "jump-low",
        "at the transition of infinite size, at every N and width, the best-aligned eigenvector is "
        "among the lowest in more than half of the draws",
        _low,
        effect=0.3,
        refuted=Refuted(
            "2026-11-26",
            "so it is with two and four units; with one, where the edge is soft, it is in about "
            "half of them",
        ),
    ),
    Row(
        "jump-own",
        "where the edge is hard, at fixed alpha, the condition of the transition by a draw's own "
        "labels tells how well its best eigenvector is aligned",
        _own,
        effect=0.2,
    ),
    Row(
        "jump-soft",
        "where the edge is soft, the squared overlap at the transition falls as N to the power "
        "-1/3",
        _soft,
        effect=0.1,
    ),
    Row(
        "tensor-closes",
        "in the matrix-tensor model, which has no window, the half points of random and of held "
        "starts draw together as N grows",
        _control,
        effect=0.1,
    ),
    Row(
        "trained-teacher",
        "before training, the lowest eigenvectors of a network overlap with its teacher at least "
        "twice as much as by chance, and as those on shuffled labels",
        _teacher,
        effect=math.log(2),
    ),
    Row(
        "trained-teacher-kept",
        "that overlap is not lost before the teacher is found",
        _teacher_kept,
        effect=math.log(2),
    ),
    Row(
        "trained-digits",
        "before training on digits, the lowest eigenvectors span at least three times as much of "
        "the displacement of the whole training as by chance, and twice as much as of that on "
        "shuffled labels",
        _digits,
        effect=math.log(2),
    ),
    Row(
        "trained-digits-turned",
        "along training on digits the lowest eigenvectors turn away from those at the start",
        _digits_turned,
        effect=0.2,
    ),
)
"""Evaluated on ``halves``, from `companion.analysis.wide.halves_by_width`; ``powers``, from
`lasting_power` with a column ``when``; ``states``, from `threshold_of_states`; ``starts``, the
transitions by width; ``starting`` and ``told``, from `at_transition` and `told_by_own`; ``soft``,
the power of N of one unit at the transition; ``control``, from `control_halves`; ``teacher`` and
``digits``, with their ``chance``. What was predicted, and before what, is said in the specs."""
