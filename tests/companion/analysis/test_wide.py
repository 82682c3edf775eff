"""What is estimated of wide students is what was put in."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.wide import (
    at_transition,
    explained_table,
    gap,
    halves_by_width,
    halves_table,
    lasting_power,
    powers_at_transition,
    starts_of_widths,
    states_table,
    theory_lines,
    threshold_of_states,
    told_by_own,
)

STARTS = pd.Series({1: 2.0, 2: 1.2})


def students():
    rng = np.random.default_rng(0)
    halves = {(1.0, "random"): 2.5, (1.0, "constrained"): 3.2, (2.0, "random"): 2.0}
    halves[2.0, "constrained"] = 2.2
    rows = [
        (width, start, n, alpha, replica, rng.random() < expit(6 * (alpha - half)))
        for (width, start), half in halves.items()
        for n in (64, 128)
        for alpha in (1.5, 2.0, 2.5, 3.0, 3.5)
        for replica in range(200)
    ]
    columns = ["width", "start", "n", "alpha", "replica", "recovered"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(energy=np.where(table["width"] == 2, 0.0, 0.1))


def test_half_points_and_their_distances_are_found_width_by_width():
    table = students()
    halves = halves_by_width(table)
    for width, apart in ((1, 0.7), (2, 0.2)):
        found, error = gap(halves, width, 64)
        assert abs(found - apart) < 4 * error < 0.4
    assert np.isnan(gap(halves, 4, 64)[0])
    shown = halves_table(halves, STARTS)
    assert shown.index.tolist() == [(1, 64), (1, 128), (2, 64), (2, 128)]
    assert shown.loc[(2, 64), "transition of a start"] == "1.200"
    assert explained_table(table).loc[1].tolist().count("0.00") == 5


def held(powers):
    rng = np.random.default_rng(0)
    rows = [
        (1.0, alpha, n, when, 0.3 * (n / 64) ** -power * np.exp(0.05 * rng.standard_normal()))
        for alpha, pair in powers.items()
        for when, power in zip(("start", "end"), pair, strict=True)
        for n in (64, 128, 256)
        for _ in range(20)
    ]
    return pd.DataFrame(rows, columns=["width", "alpha", "n", "when", "overlap2"])


def test_the_threshold_is_where_the_overlap_falls_as_the_cube_root():
    table = held({2.0: (0.0, 1.0), 3.0: (0.0, 2 / 3), 4.0: (0.0, 0.0)})
    powers = pd.concat(lasting_power(table, when).assign(when=when) for when in ("start", "end"))
    ends = powers[powers["when"] == "end"]
    assert ends["power"].to_numpy() == pytest.approx([1, 2 / 3, 0], abs=0.05)
    states = threshold_of_states(ends)
    assert states.loc[1, "alpha"] == pytest.approx(3.5, abs=3 * states.loc[1, "error"])
    shown = states_table(powers, states, STARTS)
    assert shown.loc[(1, "2"), "threshold, over that of the start"].startswith("1.7")
    never = threshold_of_states(ends.assign(power=1.0, error=0.01))
    assert np.isnan(never.loc[1, "alpha"])


def first_draws():
    rng = np.random.default_rng(1)
    rows = []
    for n in (100, 400):
        for alpha in (1.0, 2.0):
            own = rng.standard_normal(100)
            best = n ** (-1 / 3) * np.exp(0.1 * own)
            for replica, values in enumerate(zip(own, best, strict=True)):
                rows.append((1.0, alpha, n, replica, replica % 4, *values))
    columns = ["width", "alpha", "n", "replica", "best", "own_condition", "best_overlap2"]
    return pd.DataFrame(rows, columns=columns)


def test_random_starts_are_described_at_the_transition_alone():
    table, starts = first_draws(), pd.Series({1: 2.0})
    found = at_transition(table, starts)
    assert found["draws"].tolist() == [100, 100]
    assert found["low"].tolist() == [25, 25]
    assert found["spread"].to_numpy() == pytest.approx([0.1, 0.1], rel=0.3)
    power, error, _ = powers_at_transition(table, starts)[1]
    assert power == pytest.approx(1 / 3, abs=3 * error)
    assert told_by_own(table)["correlation"].min() > 0.99


def test_theory_jumps_where_the_edge_is_hard():
    ratios = [0.99, 1.001, 1.3]
    lines = theory_lines(1.0, [1, 2], ratios)
    assert lines[1]["overlap2"].iloc[0] == lines[2]["overlap2"].iloc[0] == 0
    assert lines[1]["overlap2"].iloc[1] < 0.02 < lines[2]["overlap2"].iloc[1]
    assert starts_of_widths(0.01, [2]).round(5).to_dict() == {2: 1.43999}
