r"""The law of labels and fields where a descent at zero overlap ends: threshold states.

One step of replica symmetry breaking at zero overlap and zero temperature has two unknowns, the
response :math:`\chi` and the breaking x. Given a label y, the field h is a standard normal tilted
by :math:`e^{-x V}`, with

.. math:: V(y, h) = \min_{ŷ} \Big[\ell(y, ŷ) + \frac{(ŷ - h)^2}{2\chi}\Big],

and ŷ is the minimiser. The free entropy of the fields, per dimension,

.. math:: S(\chi, x) = \tfrac12 \ln\frac{\chi + x}{\chi}
          + \alpha E_y \ln \int \! Dh\, e^{-x V(y, h)},

is stationary in :math:`\chi` (the saddle), and threshold states are the marginal ones:

.. math:: \alpha E[(ŷ - h)^2] = \frac{\chi}{\chi + x}, \qquad
          \alpha E\Big[\Big(\frac{\chi f}{1 + \chi f}\Big)^2\Big] = 1 .

Both are linear in alpha, so their ratio is a curve x(chi) and alpha follows: every state of a loss
lies on one curve, its *branch*, which begins at chi = 0 and infinite alpha.

The field ŷ is the parameter here, not h: :math:`h = ŷ + \chi\ell'` and
:math:`dh = (1 + \chi f)\,dŷ` for :math:`ŷ \ge ŷ_0(y)`, where :math:`ŷ_0` is positive for labels
with :math:`\chi f(y, 0) < -1`, whose minimiser jumps at h = 0.

References
----------
Sarao Mannelli et al., arXiv:2006.06997; Bonnaire, Biroli & Cammarota, arXiv:2403.02418. Derived in
the book, "Threshold states".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.labels import label_nodes
from prlib.measures.quadrature import CUTOFF, ORDER, UnresolvedError, legendre, sign_changes
from prlib.parameters import ParameterError
from prlib.spectra.bulk import softness
from prlib.spectra.outlier import bbp

_EXPONENT = 42.0
"""Weights below exp(-42), 6e-19, of a row's largest are left out."""

_PANEL = 2.0
"""Length of a panel in units of the width of the tilted law and of one e-fold of 1 + chi f."""


_MOST_PANELS = 200
"""About ten times what a law needs: more means that its needle was not found."""


_ZERO = 1e-9
"""What counts as zero in 1 + chi f: its rounding error, with room."""


@dataclass(frozen=True, eq=False)
class TiltedLaw:
    r"""The replica law at given :math:`\chi` and x, not yet at its saddle.

    Attributes
    ----------
    chi, x : float
        Response and breaking.
    z, y, yhat : ndarray, shape (R, C)
        Nodes: a row for each label, over positive fields.
    weights : ndarray, shape (R, C)
        Probabilities of the nodes; they sum to one.
    log_z : float
        Mean over labels of :math:`\ln \int Dh\, e^{-xV}`.
    jump : float
        Mean over labels of :math:`2 ŷ_0\, p(h = 0 | y)/\chi`: minus the part of
        :math:`E[d\ell'/dh]` that sits in the jump of the minimiser.
    floor : float
        Infimum of the curvature over the support.
    """

    loss: Loss
    chi: float
    x: float
    z: NDArray[np.float64]
    y: NDArray[np.float64]
    yhat: NDArray[np.float64]
    weights: NDArray[np.float64]
    log_z: float
    jump: float
    floor: float

    def mean(self, values: NDArray) -> float:
        """Mean over the law of a function's values on the nodes, shape (R, C)."""
        return float(np.vdot(self.weights, values))

    @cached_property
    def force(self) -> NDArray[np.float64]:
        r"""Derivative :math:`\ell'` on the nodes, which is :math:`(h - ŷ)/\chi`."""
        return self.loss.derivative(self.y, self.yhat)

    def measure(self, alpha: float) -> LabelMeasure:
        """Return the law as a measure at some alpha."""
        nodes = (each.ravel() for each in (self.z, self.y, self.yhat, self.weights))
        return LabelMeasure(self.loss, alpha, *nodes, 0.0, self.floor)

    @cached_property
    def _at_one(self) -> LabelMeasure:
        return self.measure(1.0)

    @cached_property
    def alpha(self) -> float:
        """The alpha at which the law is marginal: chi is the transform at a soft edge."""
        return 1 / softness(self._at_one, self.chi)

    @cached_property
    def stability(self) -> float:
        """One minus the left side of the transition's condition there: negative with an outlier."""
        return 1 - self.alpha * bbp(self._at_one, self.chi)

    @property
    def saddle(self) -> float:
        r"""Logarithm of the ratio of the saddle to marginality: zero on the branch."""
        square = self.chi**2 * self.mean(self.force**2)
        return math.log(self.alpha * square * (1 + self.x / self.chi))


def _require_zero(loss: Loss, channel: Channel) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.isfinite(loss.derivative(np.zeros(1), np.zeros(1)))
    if not known:
        raise ParameterError(
            f"channel = {channel.id}: has labels of exactly zero, where loss = {loss.id} has no "
            "derivative at a field of zero; threshold states need one"
        )


def tilted_law(
    loss: Loss, chi: float, x: float, channel: Channel = NOISELESS, *, order: int = ORDER
) -> TiltedLaw:
    r"""Law of labels and fields tilted by :math:`e^{-xV}`, by quadrature.

    Parameters
    ----------
    loss : Loss
        Its proximal map may jump at h = 0 and nowhere else.
    chi, x : float
        Response and breaking, > 0.
    channel : Channel
        What is measured: at zero overlap fields know of it only through the law of labels.
    order : int
        Nodes a panel; the error of every mean falls exponentially with it.

    Raises
    ------
    ParameterError
        If some labels are exactly zero, and the loss has no derivative there.
    ValueError
        If the proximal map of the loss jumps elsewhere than at h = 0.
    UnresolvedError
        If the law is too sharp to resolve.

    Examples
    --------
    >>> from prlib.losses import Intensity
    >>> law = tilted_law(Intensity(), chi=0.1, x=1e-9)  # hardly tilted: h is normal
    >>> round(law.mean((law.yhat + law.chi * law.force) ** 2), 6)
    1.0
    """
    kinks = _kinks(loss, chi, CUTOFF * channel.width)
    z, labels, label_weights = label_nodes(loss.scale, channel, kinks=kinks, order=order)
    if not labels.all():
        _require_zero(loss, channel)
    start = loss.jump(labels, chi)
    y = labels[:, None]
    edges = _panels(loss, chi, x, y, start)
    yhat, steps = legendre(edges, order)
    force, step = loss.derivative(y, yhat), 1 + chi * loss.curvature(y, yhat)
    _require_single_jump(loss, chi, y, start, step)
    exponent = _exponent(loss, chi, x, y, yhat, force)
    top = exponent.max(axis=1, keepdims=True)
    density = np.exp(exponent - top) * step * steps
    half = density.sum(axis=1)
    at_zero = np.where(
        start > 0, np.exp(_exponent(loss, chi, x, labels, start, -start / chi) - top[:, 0]), 0.0
    )
    return TiltedLaw(
        loss=loss,
        chi=chi,
        x=x,
        z=np.broadcast_to(z[:, None], yhat.shape),
        y=np.broadcast_to(y, yhat.shape),
        yhat=yhat,
        weights=density * (label_weights / half)[:, None],
        log_z=float(label_weights @ (top[:, 0] + np.log(half) - math.log(math.sqrt(math.pi / 2)))),
        jump=float(label_weights @ (start * at_zero / half)) / chi,
        floor=_floor(loss, chi, labels, start),
    )


def _exponent(
    loss: Loss, chi: float, x: float, y: NDArray, yhat: NDArray, force: NDArray
) -> NDArray:
    # V at its minimiser, where ŷ - h = -chi l'.
    potential = loss.value(y, yhat) + chi / 2 * force**2
    return -((yhat + chi * force) ** 2) / 2 - x * potential


def _kinks(loss: Loss, chi: float, last: float) -> list[float]:
    """Labels at which the jump of the minimiser starts or ends: chi f(y, 0) = -1."""

    def step(y: NDArray | float) -> NDArray:
        return 1 + chi * loss.curvature(y, np.zeros_like(y))

    return [kink for kink, _ in sign_changes(step, loss.scale, last)]


def _floor(loss: Loss, chi: float, y: NDArray, start: NDArray) -> float:
    # Without a jump every field is reached. Where a jump starts 1 + chi f passes zero, also if
    # that label is too rare for the quadrature. Where every label jumps the floor is at the jumps.
    if loss.curvature_floor >= -1 / chi:
        return loss.curvature_floor
    if np.any(start == 0):
        return -1 / chi
    return float(loss.curvature(y, start).min())


def _require_single_jump(loss: Loss, chi: float, y: NDArray, start: NDArray, step: NDArray) -> None:
    at_zero = 1 + chi * loss.curvature(y[:, 0], np.zeros(len(y)))
    # Where a jump starts both are zero, give or take rounding.
    if np.any(step < -_ZERO) or np.any((start > 0) & (at_zero > _ZERO)):
        raise ValueError(
            f"{loss}: its proximal map jumps away from h = 0 (chi = {chi:.6g}); threshold states "
            "need a loss whose l'(y, ŷ)/ŷ rises with |ŷ|"
        )


def _panels(loss: Loss, chi: float, x: float, y: NDArray, start: NDArray) -> NDArray:
    """Edges of the panels in ŷ, a row for each label, shape (R, P + 1).

    Panels are equal in a variable that counts widths of the tilted law in h where the weight
    counts, e-folds of 1 + chi f, and factors of the distance from the jump beyond the scale at
    which 1 + chi f starts to change: what makes the integrand smooth on a panel.
    """
    reach = _reach(loss, chi, y[:, 0], start) - start
    grid = start[:, None] + reach[:, None] * _SAMPLES
    variable = _panel_variable(loss, chi, x, y, grid)
    for _ in range(_ZOOMS):
        # A sharp law hides between two samples: look closer until every step is short.
        coarse = np.diff(variable, axis=1).max(axis=1) > _PANEL
        if not coarse.any():
            break
        grid[coarse] = _equal_in(variable[coarse], grid[coarse], len(_SAMPLES) - 1)
        variable[coarse] = _panel_variable(loss, chi, x, y[coarse], grid[coarse])
    panels = max(3, math.ceil(variable[:, -1].max() / _PANEL))
    if panels > _MOST_PANELS:
        raise UnresolvedError(f"{loss}: the law at chi = {chi:.6g}, x = {x:.6g} is too sharp")
    return _equal_in(variable, grid, panels)


_SAMPLES = np.concatenate([[0.0], np.geomspace(1e-7, 1.0, 63)])
_ZOOMS = 8


def _panel_variable(loss: Loss, chi: float, x: float, y: NDArray, grid: NDArray) -> NDArray:
    force = loss.derivative(y, grid)
    # The tiny number keeps the logarithm finite where rounding makes a start of the jump zero.
    step = np.log(np.abs(1 + chi * loss.curvature(y, grid)) + 1e-14)
    changed = np.abs(step - step[:, :1]) > 0.5
    first = np.where(changed.any(axis=1), np.argmax(changed, axis=1), grid.shape[1] - 1)
    distance = grid - grid[:, :1]
    scale = np.take_along_axis(distance, first[:, None], axis=1)
    widths = math.sqrt(1 + x / chi) * np.abs(np.diff(grid + chi * force, axis=1))
    factors = np.abs(np.diff(step, axis=1)) + np.diff(np.arcsinh(distance / scale), axis=1)
    share = _share_that_counts(_exponent(loss, chi, x, y, grid, force))
    measure = np.maximum(share, 1e-9) * (widths + factors / 2)
    return np.concatenate([np.zeros((len(y), 1)), np.cumsum(measure, axis=1)], axis=1)


def _share_that_counts(exponent: NDArray) -> NDArray:
    # Of each interval, by linear interpolation between its ends; all of it beside the top
    # sample, because the true maximum may lie between the two.
    top = exponent.max(axis=1, keepdims=True)
    above = exponent - top + _EXPONENT
    high, low = np.maximum(above[:, 1:], above[:, :-1]), np.minimum(above[:, 1:], above[:, :-1])
    share = np.clip(high / np.maximum(high - low, 1e-300), 0.0, 1.0)
    peak = exponent == top
    return np.where(peak[:, 1:] | peak[:, :-1], 1.0, np.where(low >= 0, 1.0, share))


def _equal_in(variable: NDArray, grid: NDArray, panels: int) -> NDArray:
    # One interpolation for all rows: each is laid out on its own interval [2r, 2r + 1].
    base = 2.0 * np.arange(len(grid))[:, None]
    levels = base + np.linspace(0, 1, panels + 1)
    rows = base + variable / variable[:, -1:]
    return np.interp(levels.ravel(), rows.ravel(), grid.ravel()).reshape(levels.shape)


def _reach(loss: Loss, chi: float, y: NDArray, start: NDArray) -> NDArray:
    # The tilt pulls h towards y at most, so the weight is spent where h^2 = y^2 + 2 * _EXPONENT.
    goal = np.sqrt(y**2 + 2 * _EXPONENT)
    low, high = start, goal.copy()
    while np.any(short := high + chi * loss.derivative(y, high) < goal):
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    for _ in range(8):
        middle = (low + high) / 2
        short = middle + chi * loss.derivative(y, middle) < goal
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
