"""The Hessian along the descent: limits at time zero, the outlier's coming and going."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prlib.parameters import ParameterError
from prlib.transitions import spectrum
from prlib.transitions.time_dependent import crossings, dynamics, t_bbp


@pytest.fixture(scope="module")
def states():
    return dynamics(a=0.01, alpha=4.0, time=0.02, paths=16384)


def test_it_starts_at_the_spectrum_of_a_random_start(states):
    start, exact = states[0], spectrum(0.01, 4.0)
    assert start.t == 0
    assert start.variance == start.amplification == 1
    assert start.mu == pytest.approx(exact.mu, abs=4 * start.mu_error)
    assert start.edge_kind == exact.edge_kind
    assert start.left_edge == pytest.approx(exact.left_edge, abs=4 * start.left_edge_error)
    assert start.outlier == pytest.approx(exact.outlier, abs=4 * start.outlier_error)
    assert start.overlap2 == pytest.approx(exact.overlap2, abs=4 * start.overlap2_error)


def test_the_condition_and_the_outlier_tell_the_same(states):
    for state in states:
        assert (state.bbp > 1) == (state.outlier is not None) == (state.overlap2 > 0)
        assert state.outlier < state.left_edge
    times = [state.t for state in states]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(0.02)


def test_the_energy_falls_and_fluctuations_grow(states):
    energies = [state.energy for state in states]
    variances = [state.variance for state in states]
    assert energies == sorted(energies, reverse=True)
    assert variances == sorted(variances)


def test_without_a_floor_of_the_curvature_there_is_no_edge():
    state = dynamics(a=None, alpha=3.0, time=0.01, paths=1024, batches=4)[-1]
    assert state.left_edge is None
    assert state.outlier is None
    assert state.bbp is None
    assert crossings([state, state]) == ()


def _course(states, conditions, error=0.01):
    return [
        replace(state, t=float(i), bbp=condition, bbp_error=error)
        for i, (state, condition) in enumerate(
            zip([states[0]] * len(conditions), conditions, strict=True)
        )
    ]


def test_a_crossing_lies_where_the_condition_is_met(states):
    (gone,) = crossings(_course(states, [1.2, 1.1, 0.9, 0.8]))
    assert gone.t == pytest.approx(1.5)
    assert gone.error == pytest.approx(0.05)
    assert gone.event == "disappears"
    events = [c.event for c in crossings(_course(states, [0.9, 1.1, 0.9]))]
    assert events == ["appears", "disappears"]


def test_a_curve_that_lingers_at_the_transition_does_not_flicker(states):
    assert crossings(_course(states, [1.2, 1.005, 0.995, 1.004, 0.99, 1.2])) == ()
    assert len(crossings(_course(states, [1.2, 1.005, 0.995, 1.004, 0.99, 0.8]))) == 1


def test_what_is_not_a_parameter_is_refused():
    with pytest.raises(ParameterError, match="time = -1"):
        dynamics(a=0.01, alpha=3.0, time=-1)
    with pytest.raises(ParameterError, match="alpha = 0"):
        t_bbp(a=0.01, alpha=0)


@pytest.mark.slow
def test_the_outlier_is_lost_in_time_between_the_two_thresholds():
    (gone,) = t_bbp(a=0.01, alpha=3.2, time=2.0, paths=16384)
    assert gone.event == "disappears"
    assert 0.3 < gone.t < 1.5
    assert t_bbp(a=0.01, alpha=6.0, time=0.3, paths=16384) == ()
    assert t_bbp(a=0.01, alpha=2.0, time=0.3, paths=16384) == ()
