"""A signal from measurements of one's own: found, refused, or said to be worth nothing."""

import itertools

import numpy as np
import pytest

from prlib import recover
from prlib.descent.recovery import log10_chance
from prlib.parameters import ParameterError


def drawn(alpha, n=80, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    X, signal = rng.standard_normal((round(alpha * n), n)), rng.standard_normal(n)
    y = X @ signal
    return X, np.abs(y + noise * np.std(y) * rng.standard_normal(len(y))), signal


def alignment(found, signal):
    w = found.estimate
    return abs(w @ signal) / np.sqrt((w @ w) * (signal @ signal))


def distance(found, signal):
    return min(np.abs(found.estimate - s * signal).max() for s in (1, -1))


@pytest.mark.parametrize("alpha", [2.5, 4.0])
@pytest.mark.parametrize("units", [1.0, 1e-6, 3e5])
def test_the_signal_is_found_in_any_units(alpha, units):
    X, y, signal = drawn(alpha)
    found = recover(X=X * units, y=y * 7, a=0.01)
    assert found.trusted
    assert distance(found, signal * 7 / units) < 1e-9 * np.abs(signal * 7 / units).max()


def test_columns_that_are_far_from_independent_are_whitened():
    X, y, signal = drawn(4.0)
    rng = np.random.default_rng(1)
    mixed = np.linalg.qr(rng.standard_normal((80, 80)))[0] * np.geomspace(1, 100, 80)
    found = recover(X=X @ mixed, y=y, a=0.01)
    assert found.whitened
    assert found.trusted
    assert distance(found, np.linalg.solve(mixed, signal)) < 1e-8
    assert not recover(X=X, y=y, a=0.01).whitened


def test_noise_leaves_a_residual_and_the_estimate_is_trusted_for_what_it_is():
    X, y, signal = drawn(6.0, noise=0.05)
    found = recover(X=X, y=y, a=0.01, starts=3)
    assert found.trusted
    assert found.residual == pytest.approx(0.05, rel=0.2)
    assert alignment(found, signal) > 0.99
    assert found.agreeing >= 2


@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.0])
def test_no_more_measurements_than_dimensions_are_never_trusted(alpha):
    X, y, _ = drawn(alpha)
    found = recover(X=X, y=y, a=0.01, starts=2)
    assert not found.trusted
    assert found.verdict.startswith("not trusted: with")


def test_labels_without_a_signal_are_not_trusted():
    X, y, _ = drawn(4.0)
    found = recover(X=X, y=np.random.default_rng(3).permutation(y), a=0.01, starts=3)
    assert not found.trusted
    assert found.residual > 0.2


def test_a_bad_minimum_is_not_trusted():
    X, y, signal = drawn(1.3, n=120)
    found = recover(X=X, y=y, a=0.01, starts=2)
    assert not found.trusted
    assert alignment(found, signal) < 0.95


def test_the_chance_bounds_what_all_choices_of_signs_leave():
    rng = np.random.default_rng(0)
    m, n, limit = 9, 2, 0.25
    signs = np.array(list(itertools.product([1, -1], repeat=m - 1)))
    signs = np.hstack([np.ones((len(signs), 1)), signs])
    hits = 0
    for _ in range(4000):
        Q = np.linalg.qr(rng.standard_normal((m, n)))[0]
        y = np.abs(rng.standard_normal(m))
        left = 1 - ((signs * y) @ Q).__pow__(2).sum(axis=1) / (y @ y)
        hits += np.sqrt(left.min()) < limit
    bound = 10 ** log10_chance(m, n, limit)
    assert hits / 4000 < bound < 1
    # The sum over signs is no more than a few times too large here: the bound is not idle.
    assert bound < 5 * hits / 4000


def test_the_same_seed_gives_the_same_estimate():
    X, y, _ = drawn(1.6)
    one, two = (recover(X=X, y=y, a=0.01, starts=2, seed=4) for _ in range(2))
    assert np.array_equal(one.estimate, two.estimate)


@pytest.mark.parametrize(
    ("X", "y", "told"),
    [
        (np.ones((3, 2)) * 1j, np.ones(3), "X holds complex numbers"),
        (np.ones((3, 2)), np.ones(4), r"y has shape \(4,\): must be \(3,\)"),
        (np.full((3, 2), np.nan), np.ones(3), "X holds NaN"),
        (np.ones((3, 2)), np.array([1, np.inf, 1]), "y holds NaN or infinite"),
        (np.ones(3), np.ones(3), r"X has shape \(3,\)"),
        (np.ones((3, 1)), np.ones(3), "n = 1: must be a whole number >= 2"),
        (np.ones((9, 2)), np.ones(9), "not of full rank"),
        (np.zeros((9, 2)), np.ones(9), "X holds only zeros"),
        (np.eye(9)[:, :2], np.zeros(9), "y holds only zeros"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(X, y, told):
    with pytest.raises(ParameterError, match=told) as refusal:
        recover(X=X, y=y, a=0.01)
    assert "\n" not in str(refusal.value)
