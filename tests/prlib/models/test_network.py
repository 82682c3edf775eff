"""A network's gradient and Hessian are those of its loss; what is trained learns."""

import numpy as np
import pytest

from prlib.losses import NormalizedIntensity
from prlib.models.digits import digits
from prlib.models.network import Network, train, within
from prlib.models.wide import wide_hessian
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere

RNG = np.random.default_rng(5)


def small(units, *, m=60, n=6, p=4):
    X = RNG.standard_normal((m, n)) / np.sqrt(n)
    y = (X @ random_on_sphere(n, RNG)) ** 2
    net = Network(X, y, units, p, 1 / (0.5 + y))
    return net, RNG.standard_normal(net.size)


@pytest.mark.parametrize("units", ["square", "relu"])
def test_derivatives_are_those_of_finite_differences(units):
    net, theta = small(units)
    h, eye = 1e-6, np.eye(net.size)
    slopes = [(net.loss(theta + h * e) - net.loss(theta - h * e)) / (2 * h) for e in eye]
    assert np.allclose(net.gradient(theta), slopes, atol=1e-7 * np.abs(slopes).max())
    bends = [(net.gradient(theta + h * e) - net.gradient(theta - h * e)) / (2 * h) for e in eye]
    hessian = np.array([net.hessian(theta) @ e for e in eye])
    assert np.allclose(hessian, hessian.T, atol=1e-12)
    assert np.allclose(hessian, bends, atol=1e-6 * np.abs(hessian).max())


def test_lowest_eigenvectors_are_those_of_the_matrix():
    net, theta = small("square")
    H = np.array([net.hessian(theta) @ e for e in np.eye(net.size)])
    values, vectors = net.lowest(theta, 3)
    assert np.allclose(values, np.linalg.eigvalsh(H)[:3])
    assert np.allclose(vectors @ H, values[:, None] * vectors, atol=1e-6)
    assert np.allclose(vectors @ vectors.T, np.eye(3), atol=1e-9)


def test_with_a_fixed_second_layer_it_is_the_wide_student():
    loss, p = NormalizedIntensity(0.3), 3
    problem = Problem.random(loss, 10, 4.0, RNG)
    W = np.array([random_on_sphere(10, RNG) for _ in range(p)])
    net = Network(problem.X, problem.y**2, "square", p, 1 / (0.3 + problem.y**2))
    theta = np.concatenate([W.ravel(), np.full(p, 1 / p)])
    # p (S - y^2)^2 / (4 (a + y^2)) of each, against the mean of (F - y^2)^2 / (2 (a + y^2)).
    block = np.array([net.hessian(theta) @ e for e in np.eye(net.size)])[:-p, :-p]
    factor = p * problem.m / 2
    found = wide_hessian(problem, W).reshape(p, 10, p, 10)
    fields = W @ problem.X.T
    output = np.sqrt((fields**2).mean(axis=0))
    common = loss.derivative(problem.y, output) / output
    for k in range(p):
        found[k, :, k] += (common @ fields[k] ** 2) / 10 * np.eye(10)
    assert np.allclose(factor * block, found.reshape(30, 30))


def test_training_goes_down_and_lands_on_its_times():
    net, theta = small("relu", m=40)
    path = list(train(net, theta, [0.0, 1.0, 10.0, 100.0]))
    losses = [net.loss(at) for at in path]
    assert np.array_equal(path[0], theta)
    assert np.all(np.diff(losses) < 0)
    # Shorter steps come nearer to the flow.
    coarse, fine, finest = (next(train(net, theta, [1.0], safety=s)) for s in (0.5, 0.1, 0.01))
    assert np.array_equal(coarse, path[1])
    assert 2 * np.abs(fine - finest).max() < np.abs(coarse - finest).max()


def test_overlaps_with_a_space_add_up():
    space = np.linalg.qr(RNG.standard_normal((6, 6)))[0]
    v = RNG.standard_normal(6)
    v /= np.linalg.norm(v)
    assert within(v, space)[0] == pytest.approx(1)
    assert within(v, space[:2])[0] + within(v, space[2:])[0] == pytest.approx(1)


def test_unknown_units_and_labels_of_another_length_are_refused():
    X = np.ones((3, 2))
    with pytest.raises(ParameterError, match="square, relu"):
        Network(X, np.ones(3), "tanh", 2)
    with pytest.raises(ParameterError, match=r"\(3,\)"):
        Network(X, np.ones(2), "relu", 2)


def test_pictures_are_centred_and_cannot_be_told_apart_by_scale():
    pictures, numbers = digits()
    assert np.allclose(pictures.mean(axis=0), 0)
    assert pictures.std() == pytest.approx(1)
    assert sorted(set(numbers)) == list(range(10))
