"""Message passing at finite size, against its state evolution."""

import numpy as np
import pytest

from prlib.channels import Channel
from prlib.descent.message_passing import message_passing
from prlib.losses import NormalizedIntensity
from prlib.parameters import ParameterError
from prlib.problem import Problem
from prlib.sensing import Sensing
from prlib.transitions.state_evolution import message_passing_overlap


def ends(n, alpha, draws, seed, **more):
    rng, found = np.random.default_rng(seed), []
    sigma = getattr(more.get("channel"), "sigma", 0.0)
    for _ in range(draws):
        problem = Problem.random(NormalizedIntensity(1.0), n, alpha, rng, **more)
        found.append(message_passing(problem, rng, sigma=sigma).overlap2[-1])
    return np.array(found)


def test_above_the_jump_it_finds_the_signal_and_far_below_it_does_not():
    assert np.all(ends(400, 1.6, 4, 0) > 0.999)
    assert np.all(ends(400, 0.3, 4, 0) < 0.1)


def test_bad_options_are_named():
    problem = Problem.random(NormalizedIntensity(1.0), 20, 2.0, np.random.default_rng(0))
    with pytest.raises(ParameterError, match="sigma = -1: must be"):
        message_passing(problem, np.random.default_rng(0), sigma=-1)
    with pytest.raises(ParameterError, match="steps = 0: must be"):
        message_passing(problem, np.random.default_rng(0), steps=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("alpha", "more"),
    [
        (1.0, {}),
        (3.0, {"channel": Channel.read("additive(sigma=0.5)")}),
        (1.0, {"sensing": Sensing.read("rademacher")}),
    ],
    ids=str,
)
def test_it_follows_its_state_evolution(alpha, more):
    """At N = 2500 the mean of eight runs is within four standard errors of the theory."""
    found = ends(2500, alpha, 8, 1, **more)
    theory = message_passing_overlap(alpha, getattr(more.get("channel"), "sigma", 0.0))
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 0.06
    assert abs(found.mean() - theory) < 4 * error
