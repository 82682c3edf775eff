"""Eigenpairs of an actual Hessian, matrix-free against dense."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from prlib.losses import Intensity, NormalizedIntensity
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.eigenpairs import eigenvalues, lowest_eigenpairs, lowest_of_weighted

LOSSES = (
    NormalizedIntensity(0.01),
    NormalizedIntensity(1.0),
    NormalizedIntensity(100.0),
    Intensity(),
)


def instance(loss, n, alpha, dtype=np.float64):
    rng = np.random.default_rng(4)
    problem = Problem.random(loss, n=n, alpha=alpha, rng=rng, dtype=dtype)
    return problem, random_on_sphere(n, rng).astype(dtype)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize(("n", "alpha"), [(2, 3.0), (30, 0.5), (150, 3.0)])
def test_lowest_eigenvalues_agree_with_the_dense_spectrum(loss, n, alpha):
    problem, w = instance(loss, n, alpha)
    for state in (w, problem.signal, 0.6 * w + 0.8 * problem.signal):
        dense = eigenvalues(problem, state)
        k = min(n, 3)
        pairs = lowest_eigenpairs(problem, state, k)
        # An eigenvalue is off by at most its residual norm (Weyl), plus the dense rounding.
        rounding = 1e-13 * np.abs(dense).max() * n
        assert np.abs(pairs.values - dense[:k]).max() <= pairs.residual + rounding
        assert np.allclose(pairs.vectors @ pairs.vectors.T, np.eye(k), atol=1e-10)


def test_the_eigenvector_is_the_dense_one_up_to_its_sign():
    problem, w = instance(NormalizedIntensity(0.01), 200, 3.0)
    values, vectors = np.linalg.eigh(problem.dense_hessian(w))
    pairs = lowest_eigenpairs(problem, w)
    # sin(angle) <= residual / gap (Davis and Kahan).
    gap = values[1] - values[0]
    assert 1 - (pairs.vectors[0] @ vectors[:, 0]) ** 2 <= 2 * (pairs.residual / gap) ** 2 + 1e-12


def test_single_precision_agrees_within_the_rounding_of_a_product():
    problem, w = instance(NormalizedIntensity(0.01), 150, 3.0, np.float32)
    dense = eigenvalues(problem, w)
    bound = 16 * np.finfo(np.float32).eps * np.abs(dense).max() + 1e-4
    assert abs(lowest_eigenpairs(problem, w).values[0] - dense[0]) < bound


def test_a_good_guess_costs_less_than_none():
    problem, w = instance(NormalizedIntensity(0.01), 200, 3.0)
    cold = lowest_eigenpairs(problem, w)
    warm = lowest_eigenpairs(problem, w, guess=cold.vectors)
    assert warm.products < 0.8 * cold.products
    assert warm.values == pytest.approx(cold.values, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("guessed", [[1], [4], [1, 2, 3], [2, 0]], ids=str)
def test_a_guess_of_higher_eigenvectors_does_not_hide_the_lowest(loss, guessed):
    problem, w = instance(loss, 200, 3.0)
    values, vectors = np.linalg.eigh(problem.dense_hessian(w))
    pairs = lowest_eigenpairs(problem, w, 2, guess=vectors.T[guessed])
    assert pairs.values == pytest.approx(values[:2], rel=1e-9)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e4])
def test_the_units_of_the_measurements_do_not_matter(unit):
    problem, w = instance(NormalizedIntensity(0.1), 200, 3.0)
    f = problem.loss.curvature(problem.y, problem.fields(w))
    dense = np.linalg.eigvalsh(unit**2 * (problem.X.T @ (f[:, None] * problem.X)))[:2]
    assert lowest_of_weighted(unit * problem.X, f, 2).values == pytest.approx(dense, rel=1e-9)


@pytest.mark.parametrize("written_out", [0, 2048])
def test_an_operator_gives_the_pairs_of_its_matrix(monkeypatch, written_out):
    monkeypatch.setattr("prlib.spectra.eigenpairs.WRITTEN_OUT", written_out)
    problem, w = instance(NormalizedIntensity(1.0), 150, 3.0)
    operator = Problem(problem.loss, aslinearoperator(problem.X), problem.y, problem.signal)
    dense, found = eigenvalues(problem, w), lowest_eigenpairs(operator, w, 3)
    assert found.values == pytest.approx(dense[:3], rel=1e-9)
    if not written_out:
        # ARPACK's tolerance is that of the residual over the eigenvalue.
        assert found.residual < 1e-6 * np.abs(found.values).max()
    again = lowest_eigenpairs(operator, w, 1, guess=found.vectors[:1])
    assert again.values[0] == pytest.approx(dense[0], rel=1e-9)


@pytest.mark.parametrize("dtype", [int, complex])
def test_measurements_that_are_not_real_numbers_are_refused(dtype):
    with pytest.raises(ValueError, match=r"^X has dtype \w+: must be real floating-point numbers"):
        lowest_of_weighted(np.ones((3, 2), dtype), np.ones(3))


def test_bad_arguments_are_named():
    problem, w = instance(NormalizedIntensity(1.0), 20, 2.0)
    with pytest.raises(ValueError, match=r"k = 21: must be a whole number from 1 to N = 20"):
        lowest_eigenpairs(problem, w, 21)
    with pytest.raises(ValueError, match=r"guess has shape \(1, 3\): must be \(j, 20\)"):
        lowest_eigenpairs(problem, w, guess=np.ones(3))
