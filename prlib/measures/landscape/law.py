r"""The law of labels and fields over critical points, and the function that is stationary there.

Count the critical points whose labels and fields have a given law (Kac and Rice). Among those of
one overlap m, energy and stability, the most numerous have, given a label y, fields with density

.. math:: p(ŷ|y) \propto N(ŷ; m y, 1 - m^2)\, (1 + \chi f)\, \exp\Big\{-\chi \ell' ŷ
          - \tfrac{s}{2} \ell'^2 - \lambda \ell' (y - m ŷ) - x \ell
          + \eta \Big[\frac{f}{1 + \chi f} - \ell' ŷ\Big]\Big\}, \qquad 1 + \chi f > 0.

With :math:`Z(y)` its integral, everything follows from one function,

.. math:: \Phi(\chi, s, \lambda, x, \eta; m, \alpha) = \tfrac12 \ln(1 - m^2) + \tfrac12 \ln s
          - \ln\chi - \frac{\eta}{\chi} + \alpha E_y \ln Z(y):

it is stationary in :math:`s` (gradients of the right size), :math:`\lambda` (no gradient toward the
signal), :math:`\chi` and :math:`\eta` (the Stieltjes transform at 0, which is the left edge where
stability binds); :math:`-\partial_x \Phi` is the energy; and the complexity is
:math:`\Sigma = \Phi - x \partial_x \Phi`. The law is an exponential family, so that second
derivatives are covariances: `Law` gives value, gradient and Hessian of Phi at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures.quadrature import (
    CUTOFF,
    UnresolvedError,
    graded_edges,
    legendre,
    on_panels,
    sign_changes,
)


class Point(NamedTuple):
    """Arguments of Phi, in the order of its gradient."""

    chi: float
    s: float
    lagrange: float
    x: float
    eta: float
    overlap: float
    alpha: float


CHI, S, LAGRANGE, X, ETA, OVERLAP, ALPHA = range(7)

_EXPONENT = 60.0
"""Densities below exp(-60) of a label's largest are left out; small ones are resolved less."""

_PANEL = 1.5
"""Length of a panel in units of the widths and e-folds of the law."""

_ZOOMS, _SPLIT = 30, 12
_MOST_PANELS = 20_000


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of the quadrature: for each label, one after the other, its fields.

    Attributes
    ----------
    y, yhat, steps : ndarray, shape (K,)
        Labels (positive), fields (positive ones only at zero overlap) and weights of the fields.
    starts, counts : ndarray of int, shape (R,)
        Where each label's fields start, and how many there are.
    labels : ndarray, shape (R,)
        Weights of the labels.
    """

    y: NDArray[np.float64]
    yhat: NDArray[np.float64]
    steps: NDArray[np.float64]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]
    labels: NDArray[np.float64]

    def rows(self, values: NDArray) -> NDArray:
        """Repeat a value for each label over its fields."""
        return np.repeat(values, self.counts, axis=-1)

    def sums(self, values: NDArray) -> NDArray:
        """Sum over the fields of each label."""
        return np.add.reduceat(values, self.starts, axis=-1)


def _terms(loss: Loss, point: Point, y: NDArray, yhat: NDArray):
    """Return l, l', f, 1 + chi f and the logarithm of the density, reference included."""
    chi, s, lagrange, x, eta, m, _ = point
    value, force = loss.value(y, yhat), loss.derivative(y, yhat)
    curvature = loss.curvature(y, yhat)
    step = 1 + chi * curvature
    inside = step > 0
    safe = np.where(inside, step, 1.0)
    rest = 1 - m * m
    exponent = (
        np.log(safe)
        - (yhat - m * y) ** 2 / (2 * rest)
        - (chi + eta) * force * yhat
        - s / 2 * force**2
        - lagrange * force * (y - m * yhat)
        - x * value
        + eta * curvature / safe
    )
    return value, force, curvature, safe, np.where(inside, exponent, -np.inf)


def log_density(loss: Loss, point: Point, y: NDArray, yhat: NDArray) -> NDArray[np.float64]:
    """Logarithm of the density in the field, given the label, up to a constant for each label."""
    return _terms(loss, point, y, yhat)[-1]


def laid_out(loss: Loss, point: Point, order: int) -> Nodes:
    """Lay out nodes that resolve the law at a point.

    Raises
    ------
    UnresolvedError
        If the law is too sharp.
    """
    labels, label_weights = on_panels(_label_panels(loss, point), order)
    rows, low, high = _field_panels(loss, point, labels)
    x, w = legendre(np.array([0.0, 1.0]), order)
    yhat = (low[:, None] + (high - low)[:, None] * x).ravel()
    steps = ((high - low)[:, None] * w).ravel()
    counts = np.bincount(rows, minlength=len(labels)) * order
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return Nodes(np.repeat(labels, counts), yhat, steps, starts, counts, label_weights)


def _field_panels(loss: Loss, point: Point, labels: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Row and ends of each panel in the fields: equal shares of the widths and e-folds there are.

    A sharp law hides between two samples: the longest steps are cut in three until all are short.
    """
    rows, edges = np.arange(len(labels)), _samples(loss, point, labels)
    done = []
    for zoom in range(_ZOOMS + 1):
        variable = _variable(loss, point, labels[rows, None], edges)
        steps = np.diff(variable, axis=1)
        coarse = (steps.max(axis=1) > _PANEL) & (zoom < _ZOOMS)
        if not coarse.all():
            done.append((rows[~coarse], *_cut(variable[~coarse], edges[~coarse], point)))
        if not coarse.any():
            break
        rows, edges, steps = rows[coarse], edges[coarse], steps[coarse]
        longest = np.argpartition(-steps, _SPLIT, axis=1)[:, :_SPLIT]
        left, right = (np.take_along_axis(e, longest, 1) for e in (edges[:, :-1], edges[:, 1:]))
        middles = np.concatenate([(2 * left + right) / 3, (left + 2 * right) / 3], axis=1)
        edges = np.sort(np.concatenate([edges, middles], axis=1), axis=1)
    row, low, high = (
        np.concatenate(each)
        for each in zip(
            *((np.repeat(rows, panels), low, high) for rows, panels, low, high in done), strict=True
        )
    )
    order = np.argsort(row, kind="stable")
    return row[order], low[order], high[order]


def _label_panels(loss: Loss, point: Point) -> NDArray:
    """Edges of panels in y, graded to where fields near zero leave the support.

    Passing there, 1 + chi f(y, 0) changes sign, and the law changes over eta/chi of it.
    """

    def step(y: NDArray | float) -> NDArray:
        return 1 + point.chi * loss.curvature(y, np.zeros_like(y))

    edges = [graded_edges(loss.scale)]
    for kink, slope in sign_changes(step, loss.scale):
        width = max(abs(point.eta) / point.chi, 1e-6) / slope / 2
        distances = np.append(
            0.0, width * 3.0 ** np.arange(max(1, math.log2(CUTOFF / width) / math.log2(3)))
        )
        edges += [kink - distances[distances < kink / 2], kink + distances]
    edges = np.unique(np.concatenate(edges))
    return edges[edges <= CUTOFF]


_SHARES = np.geomspace(1e-6, 1.0, 24)


def _samples(loss: Loss, point: Point, labels: NDArray) -> NDArray:
    """First look at the fields of each label: around 0 and around the label, graded."""
    m = abs(point.overlap)
    y = labels[:, None]
    reach = np.sqrt((1 - m * m) * 2 * _EXPONENT + (1 + m) ** 2 * y**2)
    for _ in range(20):
        ends = [reach] if m == 0 else [reach, -reach]
        near = np.minimum(y, reach)
        inner = np.concatenate([near * _SHARES[::4], near * (1 - _SHARES[::4] / 2)], axis=1)
        outer = near + (reach - near) * _SHARES
        positive = np.concatenate([np.zeros_like(y), inner, near, outer], axis=1)
        samples = positive if m == 0 else np.concatenate([-positive, positive], axis=1)
        samples = np.sort(samples, axis=1)
        exponent = _terms(loss, point, y, samples)[-1]
        top = exponent.max(axis=1)
        last = np.max([_terms(loss, point, y, end)[-1][:, 0] for end in ends], axis=0)
        short = last > top - _EXPONENT
        if not short.any():
            return samples
        reach[short] *= 1.5
    raise UnresolvedError(f"{loss}: the law at {point} has no end")


def _variable(loss: Loss, point: Point, y: NDArray, edges: NDArray) -> NDArray:
    """Count widths and e-folds of the law along each row, where its weight counts."""
    value, force, curvature, step, exponent = _terms(loss, point, y, edges)
    chi, s, lagrange, x, eta, m, _ = point

    def moved(values: NDArray) -> NDArray:
        return np.abs(np.diff(values, axis=1))

    pole = eta * np.where(np.isfinite(exponent), curvature / step, -100.0 / max(eta, 1e-300))
    widths = (
        moved(edges) / math.sqrt(1 - m * m)
        + math.sqrt(s) * moved(force)
        + math.sqrt(abs(x)) * moved(np.sqrt(2 * value))
        + (moved(np.log(step)) + (abs(chi + eta)) * moved(force * edges) + moved(pole)) / 2
        + abs(lagrange) * moved(force * (y - m * edges)) / 2
        + moved(np.arcsinh(edges / _scale(loss, y, edges, curvature)))
    )
    share = _share_that_counts(exponent)
    measure = np.maximum(share, 1e-9) * widths
    return np.concatenate([np.zeros((len(edges), 1)), np.cumsum(measure, axis=1)], axis=1)


def _scale(loss: Loss, y: NDArray, edges: NDArray, curvature: NDArray) -> NDArray:
    """Distance from zero over which the curvature changes by a quarter of all its change."""
    change = np.abs(curvature - loss.curvature(y, np.zeros_like(y)))
    far = change >= change.max(axis=1, keepdims=True) / 4
    return np.where(far, np.abs(edges), np.inf).min(axis=1, keepdims=True)


def _share_that_counts(exponent: NDArray) -> NDArray:
    # Of each interval, by linear interpolation between its ends; all of it beside the top
    # sample, because the true maximum may lie between the two.
    top = exponent.max(axis=1, keepdims=True)
    above = np.maximum(exponent - top + _EXPONENT, -_EXPONENT)
    high, low = np.maximum(above[:, 1:], above[:, :-1]), np.minimum(above[:, 1:], above[:, :-1])
    share = np.clip(high / np.maximum(high - low, 1e-300), 0.0, 1.0)
    peak = exponent == top
    share = share * (np.maximum(high, 0) + np.maximum(low, 0)) / (2 * _EXPONENT)
    return np.where(peak[:, 1:] | peak[:, :-1], 1.0, share)


def _cut(variable: NDArray, edges: NDArray, point: Point) -> tuple[NDArray, NDArray, NDArray]:
    """Return the number of panels of each row, and the ends of all, one after the other."""
    if not variable[:, -1].sum() < _PANEL * _MOST_PANELS:
        raise UnresolvedError(f"the law at {point} is too sharp")
    panels = np.maximum(2, np.ceil(variable[:, -1] / _PANEL)).astype(int)
    row = np.repeat(np.arange(len(panels)), panels)
    number = np.arange(panels.sum()) - np.repeat(np.cumsum(panels) - panels, panels)
    # One interpolation for all rows: each is laid out on its own interval [2r, 2r + 1].
    levels = (2.0 * np.arange(len(edges))[:, None] + variable / variable[:, -1:]).ravel()
    low, high = (
        np.interp(2.0 * row + (number + shift) / panels[row], levels, edges.ravel())
        for shift in (0, 1)
    )
    return panels, low, high


class Law:
    """The law at a point, on given nodes: Phi, its derivatives, and what is measured on the law.

    Attributes
    ----------
    value, force, curvature, step : ndarray, shape (K,)
        Loss, first and second derivative, and 1 + chi f, on the nodes.
    labels : ndarray, shape (R,)
        Probabilities of the labels.
    weights : ndarray, shape (K,)
        Probabilities of the nodes.
    log_z : float
        Mean of ln Z over labels that are held; ln of the mean of Z where labels tilt too.
    """

    def __init__(self, loss: Loss, point: Point, nodes: Nodes, *, annealed: bool) -> None:
        self.loss, self.point, self.nodes, self.annealed = loss, point, nodes, annealed
        terms = _terms(loss, point, nodes.y, nodes.yhat)
        self.value, self.force, self.curvature, self.step, exponent = terms
        top = np.maximum.reduceat(exponent, nodes.starts)
        density = np.exp(exponent - nodes.rows(top)) * nodes.steps
        mass = nodes.sums(density)
        norm = math.log(2 * math.pi * (1 - point.overlap**2)) / 2
        log_z = top + np.log(mass) - norm + (math.log(2) if point.overlap == 0 else 0.0)
        self.log_z, self.labels = float(nodes.labels @ log_z), nodes.labels
        if annealed:
            tilted = nodes.labels * np.exp(log_z - log_z.max())
            self.log_z = float(log_z.max() + math.log(tilted.sum()))
            self.labels = tilted / tilted.sum()
        self.weights = density * nodes.rows(self.labels / mass)

    def mean(self, values: NDArray) -> float:
        """Mean over the law of a function's values on the nodes."""
        return float(self.weights @ values)

    @cached_property
    def phi(self) -> float:
        """Phi, at this point."""
        chi, s, _, _, eta, m, alpha = self.point
        return (
            (math.log1p(-m * m) + math.log(s)) / 2 - math.log(chi) - eta / chi + alpha * self.log_z
        )

    @property
    def gradient(self) -> NDArray[np.float64]:
        """First derivatives of Phi, in the order of `Point`."""
        return self._derivatives[0]

    @property
    def hessian(self) -> NDArray[np.float64]:
        """Second derivatives of Phi."""
        return self._derivatives[1]

    @property
    def softness(self) -> float:
        r""":math:`1/\chi^2 - \alpha E[f^2/(1 + \chi f)^2]`: zero where chi is at the left edge."""
        return self._derivatives[2]

    @property
    def softness_slope(self) -> NDArray[np.float64]:
        """First derivatives of `softness`."""
        return self._derivatives[3]

    @property
    def energy(self) -> float:
        """Energy per dimension."""
        return -float(self.gradient[X])

    @property
    def complexity(self) -> float:
        """Logarithm of the number of such critical points, per dimension."""
        return self.phi + self.point.x * self.energy

    @cached_property
    def _derivatives(self) -> tuple[NDArray, NDArray, float, NDArray]:
        chi, s, lagrange, _, eta, m, alpha = self.point
        y, yhat, rest = self.nodes.y, self.nodes.yhat, 1 - self.point.overlap**2
        radial, gap = self.force * yhat, yhat - m * y
        ratio = self.curvature / self.step
        square = ratio**2
        # Derivatives of the log density, one more than there are: the square, for its softness.
        scores = np.array(
            [
                ratio - radial - eta * square,
                self.force**2 / -2,
                -self.force * (y - m * yhat),
                -self.value,
                ratio - radial,
                (m + y * gap - m * gap**2 / rest) / rest + lagrange * radial,
                square,
            ]
        )
        weighted = scores * self.weights
        means, rows = weighted.sum(axis=1), self.nodes.sums(weighted)
        second = weighted @ scores.T
        if m == 0:
            # Odd in the field, of which the positive ones stand for both signs.
            odd, even = [LAGRANGE, OVERLAP], [CHI, S, X, ETA, ALPHA]
            means[odd] = rows[odd] = 0
            second[np.ix_(odd, even)] = second[np.ix_(even, odd)] = 0
        second -= np.outer(means, means) if self.annealed else (rows / self.labels) @ rows.T
        second[CHI, CHI] += self.mean((2 * eta * ratio - 1) * square)
        second[CHI, ETA] -= means[ALPHA]
        second[ETA, CHI] -= means[ALPHA]
        mixed, bend = self.mean(radial), 1 - y**2 - gap**2 / rest
        bend = bend / rest + 2 * m * (m + 2 * y * gap - 2 * m * gap**2 / rest) / rest**2
        second[OVERLAP, OVERLAP] += self.mean(bend)
        second[LAGRANGE, OVERLAP] += mixed
        second[OVERLAP, LAGRANGE] += mixed
        gradient, hessian = alpha * means, alpha * second
        softness, slope = 1 / chi**2 - gradient[ALPHA], -hessian[ALPHA]
        slope[CHI] += 2 * alpha * self.mean(square * ratio) - 2 / chi**3
        slope[ALPHA] = -means[ALPHA]
        gradient[ALPHA] = self.log_z
        hessian[ALPHA, :] = hessian[:, ALPHA] = np.append(means[:ALPHA], 0.0)
        # What does not depend on the law.
        gradient += [(eta / chi - 1) / chi, 0.5 / s, 0, 0, -1 / chi, -m / rest, 0]
        hessian[[CHI, ETA], [ETA, CHI]] += 1 / chi**2
        diagonal = [(1 - 2 * eta / chi) / chi**2, -0.5 / s**2, 0, 0, 0, -(1 + m * m) / rest**2, 0]
        hessian += np.diag(diagonal)
        return gradient, hessian, softness, slope
