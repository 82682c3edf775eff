"""Sensing: rows have norm one on average, and what is universal is told from what is not."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import t as student

import prlib
from prlib.losses import NormalizedIntensity
from prlib.measures import empirical, initial
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.sensing import Sensing
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier

ALL = [
    "gaussian",
    "rademacher",
    "sparse(share=0.1)",
    "student(freedom=5)",
    "orthogonal",
    "correlated(exponent=0.5)",
    "hadamard(ratio=16)",
    "coded_diffraction",
]


def test_every_sensing_is_tried_here():
    assert {Sensing.read(text).name for text in ALL} == set(Sensing.members)


@pytest.mark.parametrize("text", ALL)
def test_rows_have_mean_zero_and_norm_one_on_average(text):
    sensing = Sensing.read(text)
    assert sensing.id == text
    X = sensing.draw(500, 200, np.random.default_rng(2), np.float32)
    assert X.shape == (500, 200)
    assert X.dtype == np.float32
    X = X @ np.eye(200)
    assert (X.astype(float) ** 2).sum() == pytest.approx(500, rel=0.05)
    assert abs(X.mean()) * np.sqrt(200) < 4 / np.sqrt(X.size) * (1 + 10 * ("corr" in text))


@pytest.mark.parametrize("text", ["orthogonal", "coded_diffraction"])
def test_orthogonal_rows_are_orthogonal(text):
    X = Sensing.read(text).draw(50, 20, np.random.default_rng(0)) @ np.eye(20)
    for block in (X[:20], X[20:40], X[40:]):
        assert np.allclose(block @ block.T, np.eye(len(block)))


def test_each_pattern_is_the_cosine_transform_behind_a_mask_of_its_own():
    n, rng = 30, np.random.default_rng(1)
    X = Sensing.read("coded_diffraction").draw(2 * n + 7, n, rng)
    k, j = np.arange(n)[:, None], np.arange(n)
    waves = np.sqrt(2 / n) * np.cos(np.pi * k * (2 * j + 1) / (2 * n))
    waves[0] /= np.sqrt(2)
    masks = np.array(X.signs, dtype=float)
    expected = np.concatenate([waves * mask for mask in masks])[: 2 * n + 7]
    assert {*masks.ravel()} == {-1.0, 1.0}
    assert len(np.unique(masks, axis=0)) == 3
    assert np.allclose(X @ np.eye(n), expected)
    u = rng.standard_normal(2 * n + 7)
    assert np.allclose(X.T @ u, expected.T @ u)


def test_correlated_columns_have_the_spectrum_that_they_say():
    X = Sensing.read("correlated(exponent=1)").draw(60_000, 20, np.random.default_rng(0))
    found = np.linalg.eigvalsh(X.T @ X / 60_000 * 20)[::-1]
    expected = 1 / np.arange(1, 21)
    assert found == pytest.approx(expected * 20 / expected.sum(), rel=0.03)


def test_the_default_draws_what_it_always_did():
    """The instance of a seed is part of the meaning of every published row."""
    problem = Problem.random(NormalizedIntensity(1.0), 30, 3.0, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    assert np.array_equal(problem.X, rng.standard_normal((90, 30)) / np.sqrt(30))
    assert np.array_equal(problem.signal, random_on_sphere(30, rng))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("student(freedom=2)", "freedom = 2: must be above 2"),
        ("sparse(share=1.5)", "share = 1.5: must be a number above 0, at most 1"),
        ("hadamar", "must be one of gaussian, coded_diffraction"),
        ("sparse", "must be given as sparse\\(share=...\\)"),
        ("hadamard(ratio=0.5)", "ratio = 0.5: must be a finite number >= 1"),
    ],
)
def test_a_bad_sensing_is_one_line(text, message):
    with pytest.raises(ParameterError, match=message):
        prlib.descend(1.0, 3.0, 20, sensing=text)


def test_a_ratio_that_is_not_given_is_told_in_ids():
    """Its default is chosen from data and may change; what rows were run with may not."""
    sensing = Sensing.read("hadamard")
    assert sensing.id == f"hadamard(ratio={sensing.ratio:g})"
    assert Sensing.read(sensing.id) == sensing


def test_a_sweep_tells_sensings_and_channels_apart():
    def sweep(**more):
        grid = prlib.Grid(a=1.0, alpha=3.0, n=16, start="random", replicas=1, time=0.5, **more)
        return prlib.Sweep((grid,))

    spoken = sweep(channel="noiseless", sensing="gaussian")
    assert spoken.run_ids == sweep().run_ids
    others = [sweep(sensing=text) for text in ALL[1:]] + [sweep(channel="additive(0.3)")]
    assert len({one.run_ids for one in [sweep(), *others]}) == len(others) + 1
    rows = [next(iter(one.tasks)).rows()[0] for one in others]
    assert [row["sensing"] for row in rows] == [*ALL[1:], "gaussian"]
    assert prlib.Sweep.from_table({**_table(others[0]), "name": "sweep"}) == others[0]


def _table(sweep):
    import tomllib

    return tomllib.loads(sweep.to_toml())


def measured(text, n=800, draws=12, a=1.0, alpha=3.0):
    """How far Hessians are from the theory of normal rows at their own labels and fields.

    A row a draw: lowest eigenvalue and second one, less outlier and edge, in units of the depth of
    the edge below mu's shift; squared overlap with the signal, less its theory.
    """
    loss, sensing, rng = NormalizedIntensity(a), Sensing.read(text), np.random.default_rng(8)
    rows = []
    for _ in range(draws):
        problem = Problem.random(loss, n, alpha, rng, sensing=sensing)
        w = random_on_sphere(n, rng)
        law = empirical(problem, w)
        edge, theory = left_edge(law), outlier(law)
        values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 1])
        depth = abs(edge.position + law.mu)
        rows.append(
            [
                (values[0] - theory.position) / depth,
                (values[1] - edge.position) / depth,
                (vectors[:, 0] @ problem.signal) ** 2 / n - theory.overlap2,
            ]
        )
    return np.array(rows)


def interval(rows):
    """Ends of the 95 % intervals of the means."""
    reach = student(len(rows) - 1).ppf(0.975) * rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    return rows.mean(axis=0) - reach, rows.mean(axis=0) + reach


@pytest.fixture(scope="module")
def normal():
    return measured("gaussian")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["gaussian", "rademacher", "student(freedom=10)"])
def test_independent_entries_keep_the_theory_of_normal_ones(text):
    """Equivalence: whole intervals lie within the effects that would matter.

    Those are a tenth of the edge's depth, where the second eigenvalue lies above the edge by about
    half of that at this size, and a tenth in the squared overlap.
    """
    low, high = interval(measured(text))
    assert np.all(low > -0.1)
    assert np.all(high < [0.1, 0.15, 0.1])


@pytest.mark.slow
def test_sparse_rows_approach_the_theory_with_their_number_of_entries():
    """The edge lies deeper by about the inverse of the entries that a row has."""
    laws = ("gaussian", "sparse(share=0.05)", "sparse(share=0.25)")
    normal, few, many = (measured(text, n=400)[:, 1].mean() for text in laws)
    assert few - normal < 3 * (many - normal) < 0


@pytest.mark.slow
@pytest.mark.parametrize("text", ["orthogonal", "correlated(exponent=0.5)"])
def test_dependent_rows_and_columns_of_unlike_variance_move_the_edge(text, normal):
    """The interval of the difference from normal rows leaves out zero, at 99.9 %."""
    found = measured(text)[:, 1]
    error = np.sqrt((found.var(ddof=1) + normal[:, 1].var(ddof=1)) / len(found))
    assert abs(found.mean() - normal[:, 1].mean()) > student(22).ppf(0.9995) * error


@pytest.mark.slow
@pytest.mark.parametrize("text", ["orthogonal", "coded_diffraction"])
def test_blocks_of_orthogonal_rows_have_the_edge_of_a_free_sum(text, normal):
    law = initial(NormalizedIntensity(1.0), 3.0)
    f, least = law.curvature, float(law.curvature.min())

    def z(chi):
        # The R-transform of the law of f at -chi is u + 1/chi, where E[1/(f - u)] = chi.
        u = brentq(lambda u: law.mean(1 / (f - u)) - chi, least - 1 / chi, least - 1e-4)
        return -1 / chi + law.alpha * (u + 1 / chi)

    top = law.mean(1 / (f - least + 1e-4))
    edge = -minimize_scalar(lambda chi: -z(chi), bounds=(0.01, 0.999 * top), method="bounded").fun
    plain = left_edge(law).position + law.mu
    expected = (edge - plain) / abs(plain)
    found = measured(text)[:, 1]
    error = np.sqrt((found.var(ddof=1) + normal[:, 1].var(ddof=1)) / len(found))
    assert abs(found.mean() - normal[:, 1].mean() - expected) < 4 * error
