"""Verdicts on the Hessian over time, on courses made to deserve them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from companion.claims.time_dependent_bbp import (
    PRINTED,
    at_times,
    batch_bias,
    batch_claim,
    batch_table,
    convergence,
    convergence_claims,
    convergence_table,
    evolution_claims,
    transition_times,
)
from prlib.transitions import spectrum

TIMES = np.array([0.0, 0.01, 0.1, 1.0, 3.0])
EMPTY = pd.DataFrame(columns=["alpha", "n", "time", "energy", "edge", "overlap2"])


def course(alpha, bbp, *, error=1e-3, edge=None):
    """One run whose condition of the transition takes given values at `TIMES`."""
    start = spectrum(0.01, alpha).left_edge if edge is None else edge
    return pd.DataFrame(
        {
            "alpha": alpha,
            "t": TIMES,
            "bbp": bbp,
            "bbp_error": error,
            "left_edge": np.linspace(start, -1, len(TIMES)),
            "left_edge_error": 0.05,
            "energy": np.linspace(25, 1, len(TIMES)),
            "energy_error": 0.01,
            "overlap2": np.linspace(0.3, 0.4, len(TIMES)),
            "overlap2_error": 0.01,
        }
    )


@pytest.fixture
def theory():
    return pd.concat(
        [
            course(2.0, [0.9, 0.9, 0.9, 0.8, 0.7]),
            course(2.8, [0.99, 1.02, 1.03, 0.9, 0.8]),
            course(3.2, [1.05, 1.06, 1.02, 0.95, 0.9]),
            course(3.5, [1.1, 1.12, 1.08, 0.97, 0.9]),
            course(3.8, [1.2, 1.2, 1.2, 1.1, 0.98]),
        ]
    )


def verdicts(theory, simulated=EMPTY):
    return {c.id: c.verdict for c in evolution_claims(0.01, theory, simulated, 1.0)}


def test_comings_and_goings_are_found(theory):
    found = transition_times(theory)
    events = [(row.alpha, row.event) for row in found.itertuples()]
    assert events == [
        (2.8, "appears"),
        (2.8, "disappears"),
        (3.2, "disappears"),
        (3.5, "disappears"),
        (3.8, "disappears"),
    ]
    assert found["t"].between(0, 3).all()


def test_the_mechanism_passes(theory):
    found = verdicts(theory)
    assert found == {
        "evolution-start": "PASS",
        "evolution-lost": "PASS",
        "evolution-comes-later": "PASS",
    }


def test_each_verdict_can_fail(theory):
    wrong = pd.concat([theory, course(3.4, [1.3, 1.3, 1.3, 1.3, 1.2], edge=-50.0)])
    assert verdicts(wrong)["evolution-start"] == "FAIL"
    earlier = pd.concat([theory, course(4.2, [1.05, 1.04, 0.9, 0.9, 0.9])])
    assert verdicts(earlier)["evolution-lost"] == "FAIL"
    none_later = theory[theory["alpha"] != 2.8]
    assert verdicts(none_later)["evolution-comes-later"] == "FAIL"


def test_simulation_is_compared_at_its_largest_size(theory):
    rows = [
        (3.2, n, 1.0, energy + 0.01 * i, edge + 0.05 * i, 0.375)
        for n, energy, edge in ((500, 99.0, -99.0), (4000, 7.0, -21.0))
        for i in (-1, 0, 1)
    ]
    value, _ = at_times(theory[theory["alpha"] == 3.2], "left_edge", [1.0])
    simulated = pd.DataFrame(rows, columns=EMPTY.columns)
    simulated["edge"] += float(value[0]) - simulated["edge"].where(simulated["n"] == 4000).mean()
    found = verdicts(theory, simulated)
    assert found["evolution-energy-3.2"] == found["evolution-edge-3.2"] == "PASS"
    simulated["energy"] += 1.0
    assert verdicts(theory, simulated)["evolution-energy-3.2"] == "FAIL"


def printed_course(shift=0.0, bbp=(1.1, 1.05, 0.9)):
    """One run with every printed quantity; all but the condition of the transition shifted."""
    numbers = dict.fromkeys(PRINTED, 2.34567 + shift) | {f"{name}_error": 0.002 for name in PRINTED}
    return pd.DataFrame({"alpha": 3.2, "t": [0.0, 0.5, 1.0], **numbers, "bbp": bbp})


def convergence_verdicts(*runs):
    return [claim.verdict for claim in convergence_claims(convergence(*runs))]


def test_other_steps_may_move_a_number_within_its_error_and_other_paths_by_several():
    base, finer, more = printed_course(), printed_course(0.0009), printed_course(-0.008)
    assert convergence_verdicts(base, finer, more) == ["PASS", "PASS"]
    shown = convergence_table(convergence(base, finer, more))
    assert shown.loc[(3.2, "energy")].tolist() == [
        "2.346 ± 0.002",
        "2.347",
        "2.338 ± 0.002",
        "2.3",
    ]
    assert (3.2, "time at which the outlier disappears") in shown.index


def test_a_number_that_moves_or_is_missing_fails():
    base = printed_course()
    moved = printed_course(0.02)
    assert convergence_verdicts(base, moved, moved) == ["FAIL", "FAIL"]
    never_lost = printed_course(bbp=(1.1, 1.05, 1.04))
    assert convergence_verdicts(base, never_lost, never_lost) == ["FAIL", "FAIL"]


def test_only_digits_that_all_runs_print_hold():
    for values, shown in (
        ((19.41, 19.43, 19.44), "19.4"),
        ((0.249, 0.351, 0.251), "–"),
        ((2.4, 7.0, 3.0), "–"),
        ((-1.04, -1.041, -1.02), "-1.0"),
        ((0.77, 0.77, 0.71), "–"),
        ((18.4, 18.4, 19.6), "20"),
    ):
        base, finer, more = (printed_course(value - 2.34567) for value in values)
        table = convergence_table(convergence(base, finer, more))
        assert table.loc[(3.2, "energy"), "digits that hold"] == shown


def test_small_batches_may_be_biased_by_less_than_a_standard_error():
    def runs(variance):
        return pd.DataFrame({"alpha": 3.2, "variance": [1.0, variance], "variance_error": 0.2})

    bias = batch_bias(runs(19.0), runs(20.0))
    assert bias.loc[3.2, "bias"] == pytest.approx(-0.05)
    assert bias.loc[3.2, "bias_error"] == pytest.approx(0.95 * np.hypot(0.2 / 19, 0.2 / 20))
    assert batch_claim(bias, runs(20.0), 10).verdict == "PASS"
    assert batch_claim(bias, runs(20.0), 4).verdict == "FAIL"
    shown = batch_table(bias, 512, 8192)
    assert shown.loc[3.2].tolist() == ["19.0 ± 0.2", "20.0 ± 0.2", "-5.0% ± 1.4%"]
