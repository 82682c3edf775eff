"""Products with rows of fast transforms, against their matrices."""

import numpy as np
import pytest
from scipy.linalg import hadamard

import prlib
from prlib import memory
from prlib.descent import descend_starts, reference
from prlib.descent.batch import Batch, Limits
from prlib.descent.instance import instance
from prlib.descent.kernels import Workspace
from prlib.descent.noise import Noise
from prlib.parameters import ParameterError
from prlib.schemes import GradientFlow, as_scheme
from prlib.sensing import Sensing
from prlib.spectra.eigenpairs import eigenvalues, lowest_eigenpairs

# One tile or several; columns of one width or several; radices 2, 4 and 8; blocks cut off or whole.
SHAPES = [(8, 8, 16), (20, 8, 4), (170, 100, 16), (256, 256, 8), (900, 300, 40), (700, 513, 256)]


def draw(m, n, ratio, dtype=np.float64):
    return Sensing.read(f"hadamard({ratio})").draw(m, n, np.random.default_rng(m), dtype)


def matrix(X):
    """Write a matrix out by its definition, with the transform as a matrix."""
    n, length, dense = X.shape[1], X.length, np.zeros(X.shape)
    H = hadamard(length) / np.sqrt(length)
    inputs, outputs, flips = X.forward.inputs, X.forward.outputs, X.forward.flips
    for b in range(len(flips)):
        i, o = (slice(side.starts[b, 0], side.starts[b, -1]) for side in (inputs, outputs))
        block = H[outputs.places[o]] @ (flips[b][:, None] * H[:, inputs.places[i]])
        columns = block * inputs.signs[i] * np.sqrt(length / n)
        dense[np.ix_(outputs.order[o], inputs.order[i])] = columns
    return dense


@pytest.mark.parametrize(("m", "n", "ratio"), SHAPES[:5])
def test_products_are_those_of_the_matrix(m, n, ratio):
    X = draw(m, n, ratio)
    dense = matrix(X)
    # Sums of L terms of size one over the root of N, twice.
    room = 10 * np.finfo(float).eps * np.log2(X.length)
    assert np.allclose(X @ np.eye(n), dense, rtol=0, atol=room)
    assert np.allclose(X.T @ np.eye(m), dense.T, rtol=0, atol=room)


@pytest.mark.parametrize(("m", "n", "ratio"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_adjoint_is_the_adjoint(m, n, ratio, dtype):
    X, rng = draw(m, n, ratio, dtype), np.random.default_rng(1)
    u, v = rng.standard_normal(m).astype(dtype), rng.standard_normal(n).astype(dtype)
    field, back = X @ v, X.T @ u
    assert field.dtype == back.dtype == dtype
    room = 10 * np.finfo(dtype).eps * np.log2(X.length) * np.linalg.norm(u) * np.linalg.norm(field)
    assert abs(float(u @ field) - float(back @ v)) < room


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_at_once_and_in_threads_are_the_same_numbers(dtype):
    X, rng = draw(700, 513, 256, dtype), np.random.default_rng(1)
    V, U = rng.standard_normal((513, 3)).astype(dtype), rng.standard_normal((700, 3)).astype(dtype)
    one = X @ V, X.T @ U
    for k in range(3):
        assert np.array_equal(one[0][:, k], X @ V[:, k])
        assert np.array_equal(one[1][:, k], X.T @ U[:, k])
    for threads in (2, 3):
        X.threads = threads
        assert np.array_equal(one[0], X @ V)
        assert np.array_equal(one[1], X.T @ U)


def test_a_whole_block_has_the_singular_values_of_a_rotation():
    """At L = N nothing is cut away: rows are orthonormal."""
    X = draw(256, 128, 1) @ np.eye(128)
    assert np.allclose(X[:128] @ X[:128].T, np.eye(128))


def test_entries_have_the_covariance_of_independent_ones():
    n, m, draws = 6, 9, 4000
    rng, law = np.random.default_rng(3), Sensing.read("hadamard(16)")
    found = np.array([(law.draw(m, n, rng) @ np.eye(n)).ravel() for _ in range(draws)])
    covariance = found.T @ found / draws * n
    # Products of two entries have variance one; the squares of Gaussian ones two.
    assert np.abs(covariance - np.eye(m * n)).max() < 6 * np.sqrt(2 / draws)
    assert (found**4).mean() * n**2 == pytest.approx(3, rel=0.05)


def test_a_seed_stands_for_its_rows():
    drawn = [instance(1.0, 2.0, 50, 7, sensing="hadamard(16)") for _ in range(2)]
    (one, w), (other, v) = drawn
    assert np.array_equal(one.X @ w, other.X @ v)
    assert np.array_equal(one.y, one.X @ one.signal)
    half = instance(1.0, 2.0, 50, 7, np.float32, sensing="hadamard(16)")[0]
    assert np.allclose(half.X @ w, one.X @ w, rtol=0, atol=1e-5)


def noise_for(problem, scheme, count):
    return Noise(scheme.update, problem.m, problem.n, range(count), problem.X.dtype)


@pytest.mark.parametrize(
    ("threads", "scheme"), [(1, "flow"), (2, "flow"), (1, "sgd(0.5)"), (2, "sgd(0.5)")]
)
def test_the_compiled_descent_is_that_of_plain_numpy(threads, scheme):
    scheme = as_scheme(scheme)
    problem, w = instance(0.01, 2.5, 300, 3, np.float64, sensing="hadamard(4)")
    starts = np.array([w, w[::-1]])
    limits = Limits(scheme, 2.0, 0.0, 10**9)
    compiled, plain = (Batch.at(starts, np.array([0.0, 0.1])) for _ in range(2))
    noise = noise_for(problem, scheme, 2)
    Workspace(problem, 2, threads, noise).advance(compiled, 0.3, limits)
    reference.advance(problem, plain, 0.3, limits, noise)
    assert np.array_equal(compiled.records["steps"], plain.records["steps"])
    assert np.allclose(compiled.W, plain.W, rtol=0, atol=1e-9)


def test_a_descent_of_the_operator_is_that_of_its_matrix():
    problem, w = instance(0.01, 3.0, 64, 5, np.float64, sensing="hadamard(16)")
    dense = prlib.Problem(problem.loss, matrix(problem.X), problem.y, problem.signal)
    pair = [Batch.at(w[None], np.zeros(1)) for _ in range(2)]
    for one, batch in zip((problem, dense), pair, strict=True):
        space = Workspace(one, 1, 1, noise_for(one, GradientFlow(), 1))
        space.advance(batch, 0.5, Limits(GradientFlow(), 2.0, 0.0, 10**9))
    assert np.allclose(pair[0].W, pair[1].W, rtol=0, atol=1e-8)


def test_all_starts_and_observations_work_without_x():
    starts = ("random", "spectral", "constrained", "optimal")
    ends = descend_starts(
        1.0, 8.0, 64, starts, 50.0, 2, sensing="hadamard(16)", times=[1.0], eigenpairs=1
    )
    # The constrained start begins at the equator, the others where they find the signal.
    assert [end.recovered for end in ends] == [True, True, False, True]
    assert ends[1].abs_start_overlap > 0.5
    assert ends[2].abs_start_overlap < 1e-6


def test_eigenpairs_need_no_matrix(monkeypatch):
    monkeypatch.setattr("prlib.spectra.eigenpairs.WRITTEN_OUT", 0)
    problem, w = instance(0.1, 3.0, 128, 5, np.float64, sensing="hadamard(16)")
    dense, found = eigenvalues(problem, w), lowest_eigenpairs(problem, w, 2)
    assert np.abs(found.values - dense[:2]).max() <= found.residual + 1e-10 * dense[-1]
    again = lowest_eigenpairs(problem, w, guess=found.vectors)
    assert again.values[0] == pytest.approx(dense[0], abs=again.residual)


def test_what_does_not_fit_is_refused_and_what_does_is_not(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2.0**26)
    with pytest.raises(ParameterError, match=r"n = 4096, alpha = 3: needs 0.188 GiB"):
        instance(1.0, 3.0, 4096, 0)
    problem, _ = instance(1.0, 3.0, 4096, 0, sensing="hadamard(16)")
    mixing = problem.X.forward
    held = sum(a.nbytes for side in mixing[:2] for a in side) + mixing.flips.nbytes
    law = Sensing.read("hadamard(16)")
    assert law.nbytes(*problem.X.shape, 4) == pytest.approx(held + 4 * problem.X.length, rel=0.01)
    with pytest.raises(ParameterError, match=r"n = 524288, alpha = 3: needs"):
        instance(1.0, 3.0, 2**19, 0, sensing="hadamard(16)")
