r"""Wide students: p hidden units that together estimate one signal.

Unit k has an estimate on the sphere, :math:`|w_k|^2 = N`, and a field :math:`ŷ_k`. The output is
:math:`S = \frac1p \sum_k ŷ_k^2`. The loss of a measurement is :math:`p\, \ell(y, \sqrt S)`, for one
unit the loss itself, and its Hessian in the p fields is

.. math:: c\, \delta_{kl} + (f - c)\, u_k u_l, \qquad
          c = \frac{\ell'(y, \sqrt S)}{\sqrt S}, \quad f = \ell''(y, \sqrt S), \quad
          u = \frac{(ŷ_1, \dots, ŷ_p)}{\sqrt{pS}} .

At a random start all directions of u are alike, so that the resolvent is the same in every unit and
the spectrum is that of one field whose curvature is f with probability 1/p and c otherwise, with
:math:`pS \sim \chi^2_p`. The outlier toward the signal is p-fold.

References
----------
Annesi, Bocchi & Cammarota, arXiv:2510.18435.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator
from scipy.special import gammaln

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, NormalizedIntensity, takes_loss
from prlib.measures.computable import computable
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.labels import label_nodes
from prlib.measures.quadrature import CUTOFF, ORDER, graded_edges, legendre
from prlib.parameters import ParameterError
from prlib.problem import Problem
from prlib.spectra.bulk import softness
from prlib.spectra.outlier import bbp
from prlib.transitions.random_start import InitialTransition, converged, transition


def as_width(value: Any) -> float:
    """Return a checked number of hidden units: whole, or infinite.

    Examples
    --------
    >>> as_width(3), as_width("inf")
    (3.0, inf)
    """
    number = math.inf if value == "inf" else value
    whole = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not whole or not number >= 1 or (math.isfinite(number) and number != int(number)):
        raise ParameterError(
            f"width = {value!r}: must be a whole number >= 1, or inf (hidden units of the student)"
        )
    return float(number)


@dataclass(frozen=True, eq=False)
class WideMeasure(LabelMeasure):
    """Law of labels and outputs of a wide student at a random start.

    Attributes
    ----------
    width : float
        Hidden units p.
    across : ndarray of bool, shape (K,)
        Nodes of the curvature c, across the fields, which p - 1 directions have; the others are of
        f, along them. The field ŷ of a node is the root of the output.
    """

    width: float
    across: NDArray[np.bool_]

    @cached_property
    def curvature(self) -> NDArray[np.float64]:
        """Curvature on the nodes, shape (K,)."""
        common = self.loss.derivative(self.y, self.yhat) / self.yhat
        return np.where(self.across, common, self.loss.curvature(self.y, self.yhat))

    @cached_property
    def energy(self) -> float:
        """Energy per dimension N of one unit; infinite for infinitely many."""
        return float(self.width * self.alpha * self.mean(self.loss.value(self.y, self.yhat)))


def wide_start(
    loss: Loss,
    alpha: float,
    width: float,
    channel: Channel = NOISELESS,
    *,
    order: int = ORDER,
) -> WideMeasure:
    """Law of labels and outputs of a wide student at a random start.

    Parameters
    ----------
    loss, alpha, channel
        As in `prlib.measures.initial`, of which this is the case of one unit.
    width : float
        Hidden units p >= 1; with infinitely many the output is one.
    order : int
        Quadrature nodes a panel.

    Examples
    --------
    >>> law = wide_start(NormalizedIntensity(0.1), 2.0, 3)
    >>> round(float(law.mean(law.yhat**2)), 9), round(float(law.weights[law.across].sum()), 9)
    (1.0, 0.666666667)
    """
    alpha, width = computable(loss, alpha), as_width(width)
    z, y, label_weights = label_nodes(loss.scale, channel, order=order)
    roots, output_weights = _roots_of_outputs(loss.scale, width, order)
    count = len(roots)
    nodes = np.repeat(z, count), np.repeat(y, count), np.tile(roots, len(y))
    weights = np.outer(label_weights, output_weights).ravel()
    return _measure(loss, alpha, width, nodes, weights)


def wide_empirical(problem: Problem, W: NDArray) -> WideMeasure:
    """Law of labels and outputs of one instance at one set of estimates, as if all were alike.

    Parameters
    ----------
    problem : Problem
        The instance.
    W : ndarray, shape (p, N)
        The estimates, without overlap with the signal or with each other.
    """
    output = np.sqrt(((W @ problem.X.T) ** 2).mean(axis=0))
    nodes = tuple(each.astype(np.float64) for each in (problem.z, problem.y, output))
    weights = np.full(problem.m, 1 / problem.m)
    return _measure(problem.loss, problem.alpha, float(len(W)), nodes, weights)


def _measure(
    loss: Loss,
    alpha: float,
    width: float,
    nodes: tuple[NDArray, NDArray, NDArray],
    weights: NDArray,
) -> WideMeasure:
    # Both curvatures on every node: c for p - 1 of p directions, f for one. c is a mean of f over
    # smaller fields, so that the two have one floor, approached at large labels: no quadrature
    # reaches it.
    z, y, root = (np.tile(each, 2) for each in nodes)
    shares = np.concatenate([weights * (1 - 1 / width), weights / width])
    across = np.arange(len(shares)) < len(weights)
    return WideMeasure(loss, alpha, z, y, root, shares, 0.0, loss.curvature_floor, width, across)


@lru_cache(maxsize=64)
def _roots_of_outputs(scale: float, width: float, order: int) -> tuple[NDArray, NDArray]:
    if math.isinf(width):
        return np.ones(1), np.ones(1)
    root = math.sqrt(width)
    edges = graded_edges(scale * root)
    # Of norms of p normal numbers, which lie around the root of p.
    panels = 4 + math.ceil(CUTOFF + root)
    edges = np.concatenate([edges[edges < 2], np.linspace(2, CUTOFF + root, panels)])
    norm, weights = legendre(edges, order)
    log_density = (width - 1) * np.log(norm) - norm**2 / 2 - gammaln(width / 2)
    weights = weights * np.exp(log_density - (width / 2 - 1) * math.log(2))
    return norm / root, weights / weights.sum()


@dataclass(frozen=True)
class WideTransition:
    """The transition of a wide student at a random start.

    Attributes
    ----------
    loss : str
        Id of the loss.
    a : float or None
        Its normalisation, if it has one.
    width : float
        Hidden units p.
    alpha_init, alpha_init_error : float
        Measurements per dimension above which p eigenvalues leave the bulk toward the signal, and
        its estimated numerical error; ``inf`` if none does.
    edge_init : {"soft", "hard"}
        Kind of the edge of the bulk there.
    chi : float
        The Stieltjes transform there.
    channel : str
        Id of what is measured.
    """

    loss: str
    a: float | None
    width: float
    alpha_init: float
    alpha_init_error: float
    edge_init: Literal["soft", "hard"]
    chi: float
    channel: str


@takes_loss
def wide_thresholds(
    loss: Loss, width: float, *, channel: str | Channel = NOISELESS
) -> WideTransition:
    r"""Transition in the Hessian of a wide student at a random start.

    For infinitely many units and the paper's loss it is at :math:`\alpha = (1 + a)/2`, at a hard
    edge.

    Raises
    ------
    ParameterError
        If the width is no whole number >= 1 nor infinite, or the loss is outside the theory.

    Examples
    --------
    >>> found = wide_thresholds(0.01, 2)
    >>> round(found.alpha_init, 5), found.edge_init
    (1.43999, 'soft')
    >>> round(wide_thresholds(0.01, "inf").alpha_init, 12)
    0.505
    """
    width, channel = as_width(width), Channel.read(channel)

    def with_order(order: int) -> tuple[float, float, Literal["soft", "hard"]]:
        return transition(wide_start(loss, 1.0, width, channel, order=order))

    unbounded = loss.curvature_floor == -math.inf
    found = InitialTransition(math.inf, 0.0, "hard", 0.0) if unbounded else converged(with_order)
    return WideTransition(
        **loss.names,
        width=width,
        alpha_init=found.alpha,
        alpha_init_error=found.error,
        edge_init=found.edge_kind,
        chi=found.chi,
        channel=channel.id,
    )


def turns_hard(width: float) -> float:
    """Return the normalisation a above which the transition happens at a hard edge, a_c(p).

    There the transition is discontinuous: the overlap starts from a value above zero.

    Examples
    --------
    >>> round(turns_hard(2), 4)
    0.8304
    """

    def gap(a: float) -> float:
        law = wide_start(NormalizedIntensity(a), 1.0, width)
        last = 1 - 1e-13
        return softness(law, last) - bbp(law, last)

    return brentq(gap, 0.01, 2.0, xtol=1e-9)


def wide_hessian(problem: Problem, W: NDArray) -> NDArray:
    r"""Hessian of a wide student on its p spheres, as a matrix of shape (p N, p N).

    Its blocks, one a pair of units, are

    .. math:: X^T \mathrm{diag}(c\,\delta_{kl} + (f - c)\, u_k u_l) X - \mu_k \delta_{kl} I .

    Parameters
    ----------
    problem : Problem
        The instance.
    W : ndarray, shape (p, N)
        The estimates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), 20, 3.0, rng)
    >>> w = problem.signal[::-1]
    >>> bool(np.allclose(wide_hessian(problem, w[None]), problem.dense_hessian(w)))
    True
    """
    fields = W @ problem.X.T
    p, n = W.shape
    output = np.sqrt((fields**2).mean(axis=0))
    common = problem.loss.derivative(problem.y, output) / output
    along = (problem.loss.curvature(problem.y, output) - common) / (p * output**2)
    H = np.empty((p, n, p, n))
    for k in range(p):
        for l in range(k, p):
            weights = along * fields[k] * fields[l] + (common if k == l else 0.0)
            H[k, :, l, :] = problem.X.T @ (weights[:, None] * problem.X)
            H[l, :, k, :] = H[k, :, l, :].T
        H[k, :, k, :] -= (common @ fields[k] ** 2) / n * np.eye(n)
    return H.reshape(p * n, p * n)


def wide_operator(problem: Problem, W: NDArray) -> LinearOperator:
    r"""Hessian of a wide student as `wide_hessian` has it, without forming it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), 20, 3.0, rng)
    >>> W = rng.standard_normal((2, 20))
    >>> v = rng.standard_normal(40)
    >>> bool(np.allclose(wide_operator(problem, W) @ v, wide_hessian(problem, W) @ v))
    True
    """
    X, n, p = problem.X, problem.n, len(W)
    fields = W @ X.T
    output = np.sqrt((fields**2).mean(axis=0))
    common = problem.loss.derivative(problem.y, output) / output
    along = (problem.loss.curvature(problem.y, output) - common) / (p * output**2)
    mu = (fields**2) @ common[:, None] / n

    def apply(v: NDArray) -> NDArray:
        v = v.reshape(p, n)
        moved = v @ X.T
        radial = along * (fields * moved).sum(axis=0)
        return ((common * moved + radial * fields) @ X - mu * v).ravel()

    return LinearOperator((p * n, p * n), matvec=apply, rmatvec=apply, dtype=X.dtype)


def wide_energy(problem: Problem, W: NDArray) -> float:
    """Energy of a wide student per dimension N: p times the loss of its output."""
    output = np.sqrt(((W @ problem.X.T) ** 2).mean(axis=0))
    return float(len(W) * problem.loss.value(problem.y, output).sum(dtype=np.float64)) / problem.n


def subspace_overlap2(problem: Problem, W: NDArray) -> float:
    """Squared overlap of the signal with the space that the units span; p/N by chance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), 20, 3.0, rng)
    >>> other = rng.standard_normal(20)
    >>> round(subspace_overlap2(problem, np.array([problem.signal + other, other])), 9)
    1.0
    """
    basis = np.linalg.svd(W.astype(np.float64), full_matrices=False)[2]
    return float(((basis @ problem.signal) ** 2).sum()) / problem.n
