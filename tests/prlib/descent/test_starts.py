"""Where descents start: each against a dense reference."""

import numpy as np
import pytest

from prlib.descent import descend_starts, instance, starts
from prlib.descent.starts import STARTS, Start, as_start, starting_point
from prlib.losses import NormalizedIntensity
from prlib.parameters import ParameterError
from prlib.problem import Problem

N = 60


def unit(v):
    return v / np.linalg.norm(v)


def eigenvectors(problem, point):
    """Of the Hessian at the point, from the lowest up."""
    return np.linalg.eigh(problem.dense_hessian(point))[1].T


def at_one(problem):
    return Problem(NormalizedIntensity(1.0), problem.X, problem.y, problem.signal)


def without_signal(problem, v):
    signal = unit(problem.signal)
    return v - (v @ signal) * signal


def best_estimate(problem):
    weights = 1 - 1 / (problem.z**2 + 1e-3)
    return np.linalg.eigh(problem.X.T @ (weights[:, None] * problem.X))[1][:, -1]


REFERENCES = {
    "random": lambda _, point: point,
    "spectral": lambda problem, point: eigenvectors(problem, point)[0],
    "constrained": without_signal,
    "orthogonal": without_signal,
    "deflated": lambda problem, point: without_signal(problem, eigenvectors(problem, point)[0]),
    "optimal": lambda problem, _: best_estimate(problem),
    "wide": lambda problem, point: eigenvectors(at_one(problem), point)[0],
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("loss", [0.01, 1.0, "amplitude(smoothing=0.3)"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_start_is_where_linear_algebra_says(start, loss, dtype):
    for seed in range(3):
        problem, point = instance(loss, 3.0, N, seed, dtype)
        found = starting_point(problem, point, start)
        assert found.dtype == dtype
        assert np.isclose(found @ found, N, rtol=1e-5)
        exact = Problem(problem.loss, *(v.astype(float) for v in (problem.X, problem.y)))
        exact = Problem(exact.loss, exact.X, exact.y, problem.signal.astype(float))
        # Up to a sign, and to single precision over the gap between eigenvalues.
        likeness = abs(unit(found.astype(float)) @ unit(REFERENCES[start](exact, point)))
        assert likeness > 1 - 1e-5


def test_every_start_has_a_reference():
    assert set(REFERENCES) == set(STARTS)


@pytest.mark.parametrize("start", ["constrained", "orthogonal", "deflated"])
def test_controls_know_nothing_of_the_signal(start):
    problem, point = instance(0.01, 3.0, N, 1, np.float64)
    assert abs(problem.overlap(starting_point(problem, point, start))) < 1e-12


def test_one_start_alone_is_held():
    assert [name for name, start in STARTS.items() if start.holds] == ["constrained"]


def test_the_order_is_that_of_the_figures():
    order = "random spectral constrained optimal deflated orthogonal wide"
    assert list(STARTS) == order.split()
    assert all(name == start.name for name, start in STARTS.items())
    for told in ("label", "colour", "marker"):
        assert len({getattr(start, told) for start in STARTS.values()}) == len(STARTS)


def test_one_file_adds_a_start(tmp_path, monkeypatch):
    (tmp_path / "corner.py").write_text(
        "import numpy as np\n"
        "from prlib.descent.starts.start import Start, on_sphere\n"
        "def corner(problem, point):\n"
        "    return on_sphere(np.eye(problem.n)[0])\n"
        "START = Start('corner', corner, False, 'corner', 'corners', 'sky', 'x', 'a test')\n"
    )
    monkeypatch.setattr(starts, "__path__", [*starts.__path__, str(tmp_path)])
    found = starts._found()
    assert list(found) == [*STARTS, "corner"]
    problem, point = instance(1.0, 3.0, 20, 0)
    assert starting_point(problem, point, found["corner"])[0] == pytest.approx(np.sqrt(20))
    end = descend_starts(1.0, 3.0, 20, [found["corner"]], 0.1, 0)[0]
    assert end.start_overlap == pytest.approx(problem.signal[0] / np.sqrt(20), rel=1e-5)


@pytest.mark.parametrize("value", ["somewhere", None, 3, ["random"]])
def test_a_start_that_there_is_not_is_one_line_with_those_that_there_are(value):
    with pytest.raises(ParameterError, match="must be one of random, spectral, constrained") as no:
        as_start(value)
    assert str(no.value).startswith(f"start = {value!r}")


@pytest.mark.parametrize("start", [name for name, start in STARTS.items()])
def test_without_a_signal_a_start_works_or_says_that_it_needs_one(start):
    problem, point = instance(0.01, 3.0, 30, 1, np.float64)
    blind = Problem(problem.loss, problem.X, problem.y)
    if start in {"constrained", "orthogonal", "deflated"}:
        with pytest.raises(ParameterError, match="needs a signal, and the problem has none"):
            starting_point(blind, point, start)
    else:
        seen = starting_point(problem, point, start)
        assert np.array_equal(starting_point(blind, point, start), seen)


def test_a_start_is_an_object_too():
    assert as_start(STARTS["optimal"]) is STARTS["optimal"]
    assert isinstance(as_start("optimal"), Start)
