"""The baselines of optimal estimation: known thresholds, and the scalar problem drawn as it is."""

import numpy as np
import pytest

from prlib.parameters import ParameterError
from prlib.transitions.state_evolution import (
    baseline,
    fixed_point,
    message_passing_overlap,
    update,
)


def test_known_thresholds_without_noise():
    """Weak recovery at 1/2 (arXiv:1708.05932), the jump near 1.128, all of it above 1."""
    found = baseline()
    assert found.weak_recovery == 0.5
    assert 1.12697 < found.jump < 1.12851
    assert found.perfect_recovery == 1
    assert fixed_point(1e-7) == pytest.approx(0.5, rel=1e-6)
    assert fixed_point(1 - 1e-7) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_noise_moves_weak_recovery_to_the_limit_of_the_curve(sigma):
    found = baseline(sigma)
    assert fixed_point(1e-7, sigma) == pytest.approx(found.weak_recovery, rel=1e-5)
    assert found.perfect_recovery == np.inf


@pytest.mark.parametrize(("q", "sigma"), [(0.1, 0.0), (0.6, 0.0), (0.97, 0.0), (0.5, 0.4)])
def test_a_step_is_that_of_the_scalar_problem(q, sigma):
    """Fields drawn with their means, labels guessed: the score's square by its mean over draws."""
    rng, size = np.random.default_rng(6), 400_000
    omega = np.sqrt(q) * rng.standard_normal(size)
    z = omega + np.sqrt(1 - q) * rng.standard_normal(size)
    y = np.abs(z + sigma * rng.standard_normal(size))
    total = 1 - q + sigma**2
    squares = ((y * np.tanh(y * omega / total) - omega) / total) ** 2
    low, high = squares.mean() + np.array([-4, 4]) * squares.std() / np.sqrt(size)
    assert 1.1 * low / (1 + 1.1 * low) < update(q, 1.1, sigma) < 1.1 * high / (1 + 1.1 * high)


@pytest.mark.parametrize("alpha", [0.55, 0.8, 1.1])
def test_iterations_end_at_the_fixed_point(alpha):
    q = 1e-4
    for _ in range(800):
        q = update(q, alpha)
    assert q == pytest.approx(message_passing_overlap(alpha), rel=1e-5)


def test_without_noise_the_overlap_jumps_to_one():
    jump = baseline().jump
    assert message_passing_overlap(jump - 1e-4) < 0.9
    assert message_passing_overlap(jump + 1e-4) == 1
    assert message_passing_overlap(0.5) == 0


def test_a_bad_noise_is_one_line():
    with pytest.raises(ParameterError, match="sigma = -1: must be a finite number >= 0"):
        baseline(-1)
