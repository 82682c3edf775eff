"""A scheme is an object, and an id that reads back."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from prlib.parameters import ParameterError
from prlib.schemes import (
    SCHEMES,
    Annealed,
    GradientDescent,
    GradientFlow,
    Langevin,
    Momentum,
    Nesterov,
    Scheme,
    StochasticGradient,
    as_scheme,
    temperature_at,
)

ALL = [
    GradientFlow(),
    GradientFlow(step=0.25),
    GradientFlow(safety=0.8),
    GradientFlow(step=0.1 + 0.2, safety=0.5),
    GradientDescent(0.01),
    GradientDescent(1e-7),
    Momentum(0.9),
    Nesterov(0.9, step=0.01),
    Langevin(0.1, safety=0.5),
    Annealed(0.1, cooling=20.0),
    StochasticGradient(0.25),
]


def test_every_scheme_is_tried_here():
    assert {type(scheme) for scheme in ALL} == set(SCHEMES.values())


@pytest.mark.parametrize("scheme", ALL, ids=str)
def test_an_id_reads_back(scheme):
    assert as_scheme(scheme.id) == scheme
    assert as_scheme(scheme) is scheme


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flow", "flow"),
        ("flow()", "flow"),
        (" flow( step = 5e-1 )", "flow"),
        ("flow(0.25)", "flow(step=0.25)"),
        ("flow(safety=0.30000000000000004)", "flow(safety=0.3)"),
        ("descent(0.010)", "descent(step=0.01)"),
        ("descent(step=1)", "descent(step=1)"),
    ],
)
def test_one_scheme_has_one_id(text, expected):
    assert as_scheme(text).id == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("flw", r"must be one of flow\(step=\.\.\., safety=\.\.\.\), descent\(step=\.\.\.\)"),
        ("flow(", "must be one of flow"),
        ("flow(1, 1, 1)", "must be given as flow"),
        ("flow(0.5, step=0.5)", "must be given as flow"),
        ("flow(step=0.5, step=0.4)", "must be one of flow"),
        ("__import__('os').system('true')", "must be one of flow"),
        ("", "must be one of flow"),
        (None, "must be one of flow"),
        (0.5, "must be one of flow"),
        ("flow(stp=0.5)", r"must be given as flow\(step=\.\.\., safety=\.\.\.\)"),
        ("flow(step=0)", "step = 0: must be a finite number > 0"),
        ("flow(step='a')", "step = 'a': must be a finite number > 0"),
        ("flow(step=1e999)", "step = inf: must be"),
        ("flow(safety=2)", "safety = 2: must be a number between 0 and 2"),
        ("flow(safety='a')", "safety = 'a': must be a number between 0 and 2"),
        ("descent", r"must be given as descent\(step=\.\.\.\)"),
        ("descent(step=-1)", "step = -1: must be a finite number > 0"),
        ("momentum(1)", "beta = 1: must be a number between 0 and 1"),
        ("nesterov(beta=0)", "beta = 0: must be a number between 0 and 1"),
        ("langevin(-0.1)", "temperature = -0.1: must be a finite number > 0"),
        ("annealed(0.1)", "must be given as annealed"),
        ("annealed(0.1, 0)", "cooling = 0: must be a finite number > 0"),
        ("sgd(1.5)", "batch = 1.5: must be a number above 0, at most 1"),
    ],
)
def test_a_bad_scheme_is_one_line(value, message):
    with pytest.raises(ParameterError, match=message) as refusal:
        as_scheme(value)
    assert "\n" not in str(refusal.value)


def test_the_flow_heeds_the_curvature_and_descent_does_not():
    assert GradientFlow().length(1e-3) == 0.5
    assert GradientFlow(safety=0.8).length(100.0) == 0.008
    assert GradientDescent(0.01).length(1e9) == GradientDescent(0.01).length(math.inf) == 0.01


def test_a_batch_is_steeper_than_all_measurements():
    assert StochasticGradient(0.25).length(10.0) == GradientFlow().length(40.0)
    assert Momentum(0.9).length(10.0) == GradientFlow().length(10.0)


def test_only_the_gradient_is_plain():
    plain = {type(scheme) for scheme in ALL if scheme.update.plain}
    assert plain == {GradientFlow, GradientDescent}


def test_a_temperature_falls_to_zero_and_stays():
    assert [temperature_at(0.2, 4.0, t) for t in (0.0, 1.0, 4.0, 9.0)] == pytest.approx(
        [0.2, 0.15, 0, 0]
    )
    assert temperature_at(0.2, math.inf, 1e9) == 0.2


def test_descent_stops_after_whole_steps():
    assert np.array_equal(GradientFlow().stops([0.123, 4.0]), [0.123, 4.0])
    assert np.array_equal(GradientDescent(0.25).stops([0, 0.3, 1.0]), [0, 0.25, 1.0])


def test_a_scheme_of_ones_own_enters_by_its_name():
    @dataclass(frozen=True)
    class Careful(Scheme, name="careful"):
        step: float = 0.5
        safety: float = 0.1

        def stops(self, times):
            return np.asarray(times, dtype=float)

    try:
        assert as_scheme("careful(safety=0.2)").length(1.0) == 0.2
    finally:
        del SCHEMES["careful"]
