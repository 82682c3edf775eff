"""What tables say in words is what the numbers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.dynamics import PRINTED, growth_checked, repeated, transition_times
from companion.analysis.finite_size import Growth
from companion.claims.constrained_vs_random import half_points_table, random_does_better
from companion.claims.finite_size_theory import (
    growth_check_table,
    growth_table,
    prediction_table,
)
from companion.claims.time_dependent_bbp import repeat_table

ALPHAS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5)


def run(shift=0.0, bbp=(1.1, 1.05, 0.9)):
    """One run with every printed quantity; all but the condition of the transition shifted."""
    numbers = dict.fromkeys(PRINTED, 2.34567 + shift) | {f"{name}_error": 0.002 for name in PRINTED}
    return pd.DataFrame({"alpha": 3.2, "t": [0.0, 0.5, 1.0], **numbers, "bbp": bbp, "batches": 4})


def test_the_table_of_repeats_shows_each_number_and_the_digits_that_hold():
    shown = repeat_table(repeated(run(), run(-0.008), 1.0))
    row = shown.loc[(3.2, "energy")]
    assert row.tolist() == ["2.346 ± 0.002", "2.338 ± 0.002", "-2.8", "2.3"]
    assert (3.2, "time at which the outlier disappears") in shown.index


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((19.41, 19.44), "19.4"),
        ((0.249, 0.351), "–"),
        ((2.4, 7.0), "–"),
        ((-1.04, -1.02), "-1.0"),
        ((0.77, 0.71), "–"),
        ((18.4, 19.6), "20"),
    ],
)
def test_only_digits_that_both_runs_print_hold(values, shown):
    table = repeat_table(repeated(*(run(value - 2.34567) for value in values), 1.0))
    assert table.loc[(3.2, "energy"), "digits that hold"] == shown


def test_a_run_that_never_loses_its_outlier_lacks_a_number():
    table = repeated(run(), run(bbp=(1.1, 1.05, 1.04)), 1.0)
    assert table["value_again"].isna().sum() == 1


def test_growth_is_compared_with_other_seeds_smaller_batches_and_shorter_steps():
    def at_the_end(variance, *, batches=8):
        columns = {"variance": [1.0, variance], "variance_error": 0.2, "paths": 4096}
        return pd.DataFrame({"alpha": 3.2, "t": [0.5, 1.0], **columns, "batches": batches})

    first, again = at_the_end(20.0), at_the_end(20.2)
    batches, steps = (first, at_the_end(19.0, batches=32)), (at_the_end(20.6), first)
    found = growth_checked(first, again, batches, steps, [1.0]).loc[(3.2, 1.0)]
    assert found["again"] == pytest.approx(np.log(20.2 / 20))
    assert found["again_error"] == pytest.approx(np.hypot(0.2 / 20, 0.2 / 20.2))
    assert found["batches"] == pytest.approx(np.log(20 / 19) / 3)
    assert found["steps"] == pytest.approx(np.log(20 / 20.6) / 3)
    shown = growth_check_table(found.to_frame().T)
    assert shown["other seeds, %"].iloc[0] == "+1.0 ± 1.4"
    assert shown["shorter steps, %"].iloc[0] == "-1.0"


def test_a_run_without_an_outlier_at_any_time_has_no_time_of_its_loss():
    theory = run(bbp=(0.9, 0.9, 0.8))
    assert transition_times(theory).empty
    assert (growth_table(theory, grown(), [0.5, 0.7])["V then"] == "").all()


def grown():
    return Growth(1.0, np.array([3.2]), np.log([2.0]), np.array([0.1]))


def test_a_prediction_and_what_was_found_stand_side_by_side():
    growth = Growth(1.0, *np.array([[1.0, 2.0], [2.0, 6.0], [0.1, 0.1]]))
    runs = pd.DataFrame({"n": 64, "alpha": 1.5, "recovered": [True, False]})
    table = prediction_table(growth, (0.7, 0.02), runs)
    assert table.loc[(64, 1.5), "recovered"] == "1 of 2"


def recovering(halves, alphas=ALPHAS):
    rng = np.random.default_rng(0)
    rows = [
        (start, 64, alpha, replica, rng.random() < expit(4 * (alpha - half)))
        for start, half in halves.items()
        for alpha in alphas
        for replica in range(100)
    ]
    return pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])


def test_where_the_random_start_does_better_ends_where_the_runs_do():
    table = recovering({"random": 2.5, "constrained": 3.5})
    part = table[table["alpha"].between(2.0, 4.0)]
    assert "up to" not in random_does_better(table).loc[64, "random recovers more"]
    assert random_does_better(part).loc[64, "random recovers more"] == "up to 4 or more"


def test_a_half_point_that_no_run_reaches_is_said_to_be_none():
    table = recovering({"random": 2.5, "constrained": 9.0})
    shown = half_points_table(table, ["random", "constrained"])
    assert shown.loc[64, "random"].startswith("2.")
    assert shown.loc[64, "constrained"] == "not reached"
