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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from prlib.losses import Loss
from prlib.measures.initial import initial
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.quadrature import CUTOFF, half_normal_with_kinks, legendre
from prlib.parameters import ParameterError, check

SEARCH, COARSE, FINE = 4, 7, 10
"""Orders of quadrature: to find a state, to estimate the error, and to report it."""

LOWEST_ALPHA = 1.2
"""Least alpha followed: towards 1 the law turns into needles at the labels, chi into infinity."""

_EXPONENT = 42.0
"""Weights below exp(-42), 6e-19, of a row's largest are left out."""

_PANEL = 2.0
"""Length of a panel in units of the width of the tilted law and of one e-fold of 1 + chi f."""


_MOST_PANELS = 200
"""About ten times what a law needs: more means that its needle was not found."""


_ZERO = 1e-9
"""What counts as zero in 1 + chi f: its rounding error, with room."""


class UnresolvedError(ValueError):
    """The law at this response and breaking is too sharp to resolve, or there is none."""


@dataclass(frozen=True, eq=False)
class TiltedLaw:
    r"""The replica law at given :math:`\chi` and x, not yet at its saddle.

    Attributes
    ----------
    loss : Loss
        The loss.
    chi, x : float
        Response and breaking.
    y, yhat : ndarray, shape (R, C)
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
    def curvature(self) -> NDArray[np.float64]:
        """Curvature f on the nodes."""
        return self.loss.curvature(self.y, self.yhat)

    @cached_property
    def force(self) -> NDArray[np.float64]:
        r"""Derivative :math:`\ell'` on the nodes, which is :math:`(h - ŷ)/\chi`."""
        return self.loss.derivative(self.y, self.yhat)

    @cached_property
    def response(self) -> NDArray[np.float64]:
        r""":math:`\chi f/(1 + \chi f)` on the nodes."""
        return 1 - 1 / (1 + self.chi * self.curvature)

    @cached_property
    def marginality(self) -> float:
        r""":math:`E[(\chi f/(1 + \chi f))^2]`, which is :math:`1/\alpha` at a threshold state."""
        return self.mean(self.response**2)

    @cached_property
    def signal(self) -> float:
        r""":math:`E[(1 - y^2)\chi f/(1 + \chi f)]`, which is :math:`1/\alpha` at the transition."""
        return self.mean((1 - self.y**2) * self.response)

    @property
    def saddle(self) -> float:
        r"""Logarithm of the ratio of the saddle to marginality: zero on the branch."""
        square = self.chi**2 * self.mean(self.force**2)
        return math.log(square * (1 + self.x / self.chi) / self.marginality)


def tilted_law(loss: Loss, chi: float, x: float, *, order: int = FINE) -> TiltedLaw:
    r"""Law of labels and fields tilted by :math:`e^{-xV}`, by quadrature.

    Parameters
    ----------
    loss : Loss
        The loss; its proximal map may jump at h = 0 and nowhere else.
    chi, x : float
        Response and breaking, > 0.
    order : int
        Nodes a panel; the error of every mean falls exponentially with it.

    Returns
    -------
    TiltedLaw
        See there.

    Raises
    ------
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
    labels, label_weights = half_normal_with_kinks(loss.scale, _kinks(loss, chi), order)
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


def _kinks(loss: Loss, chi: float) -> list[float]:
    """Labels at which the jump of the minimiser starts or ends: chi f(y, 0) = -1."""
    grid = np.geomspace(1e-4 * loss.scale, CUTOFF, 100)

    def step(y: NDArray | float) -> NDArray:
        return 1 + chi * loss.curvature(y, np.zeros_like(y))

    sign = step(grid) < 0
    return [
        brentq(step, grid[i], grid[i + 1], xtol=1e-15, rtol=1e-14)
        for i in np.flatnonzero(sign[1:] != sign[:-1])
    ]


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


@dataclass(frozen=True, eq=False)
class ThresholdState:
    r"""A threshold state of a loss: its order parameters, its law, and what the two imply.

    Attributes
    ----------
    measure : LabelMeasure
        Law of labels and fields.
    coarse : LabelMeasure
        The same by a coarser quadrature: what the two disagree on is not to be trusted.
    alpha : float
        Measurements per dimension.
    chi : float
        Response: the Stieltjes transform of the Hessian at the left edge of its bulk.
    x : float
        Breaking parameter over temperature.
    energy : float
        Energy per dimension, :math:`\alpha E[\ell]`.
    mu : float
        Multiplier of the sphere, :math:`\alpha E[\ell' ŷ]`.
    gap : float
        Left edge of the bulk, :math:`-1/\chi + \alpha E[f/(1 + \chi f)] - \mu`. It is zero, as in
        an exact solution, where the minimiser of no label jumps. Where one does it is
        :math:`\alpha E_y[2ŷ_0\, p(h = 0|y)]/\chi`: how far this approximation is from consistent.
    complexity : float
        Logarithm of the number of these states per dimension in this approximation. Where it is
        negative full replica symmetry breaking raises the energy.
    mixing : float
        :math:`\alpha E_y[(\langle h^2 \rangle_y - 1)^2] (\chi + x)^2/x^2`. Above 1 the assumption
        that different states have zero overlap is unstable.
    chi_error, x_error, energy_error, mu_error : float
        Estimated numerical errors: how far each moves when the quadrature is refined.
    """

    measure: LabelMeasure
    coarse: LabelMeasure
    alpha: float
    chi: float
    x: float
    energy: float
    mu: float
    gap: float
    complexity: float
    mixing: float
    chi_error: float
    x_error: float
    energy_error: float
    mu_error: float


def threshold_state(loss: Loss, alpha: float) -> LabelMeasure:
    """Law of labels and fields at the threshold states of a loss.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.

    Returns
    -------
    LabelMeasure
        The `measure` of `solve_threshold_state`.

    Raises
    ------
    ValueError
        If there is no threshold state at this alpha; the message says where they end.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> law = threshold_state(NormalizedIntensity(0.01), 4.436)
    >>> round(float(law.mean(law.y**2)), 9)
    1.0
    """
    return solve_threshold_state(loss, alpha).measure


def solve_threshold_state(
    loss: Loss, alpha: float, *, orders: tuple[int, int] = (COARSE, FINE)
) -> ThresholdState:
    """Find order parameters and law of the threshold states of a loss.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

    Returns
    -------
    ThresholdState
        See there.

    Raises
    ------
    ValueError
        If there is no threshold state at this alpha; the message says where they end.
    RuntimeError
        If one of the internal checks fails: two ways to mu, two ways to the left edge.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> state = solve_threshold_state(NormalizedIntensity(0.01), 4.436)
    >>> round(state.chi, 4), round(state.x, 4)
    (0.3239, 0.7547)
    """
    alpha = check("alpha", alpha)
    followed = max(alpha, LOWEST_ALPHA)

    def excess(law: TiltedLaw) -> float:
        return math.log(followed * law.marginality)

    try:
        coarse, fine = marginal_laws(loss, excess, followed, orders=orders)
    except BranchEndError as end:
        raise ParameterError(f"alpha = {alpha:g}: {end}") from None
    if alpha < followed:
        raise ParameterError(
            f"alpha = {alpha:g}: threshold states of {loss} are followed down to alpha = "
            f"{followed:g}; their energy vanishes towards alpha = 1, where N fields can fit as "
            "many labels"
        )
    return _described(fine, coarse, alpha)


def _described(law: TiltedLaw, coarse: TiltedLaw, alpha: float) -> ThresholdState:
    measure, rough = (_label_measure(each, alpha) for each in (law, coarse))
    edge = (alpha * law.mean(law.response) - 1) / law.chi
    state = ThresholdState(
        measure=measure,
        coarse=rough,
        alpha=alpha,
        chi=law.chi,
        x=law.x,
        energy=measure.energy,
        mu=measure.mu,
        gap=edge - measure.mu,
        complexity=_complexity(law, measure),
        mixing=_mixing(law, alpha),
        chi_error=_moved(law.chi, coarse.chi),
        x_error=_moved(law.x, coarse.x),
        energy_error=_moved(measure.energy, rough.energy),
        mu_error=_moved(measure.mu, rough.mu, scale=1 / law.chi),
    )
    _require_consistent(state, alpha * law.jump)
    return state


def _label_measure(law: TiltedLaw, alpha: float) -> LabelMeasure:
    y, yhat, weights = (each.ravel() for each in (law.y, law.yhat, law.weights))
    return LabelMeasure(law.loss, alpha, y, y, yhat, weights, 0.0, law.floor)


def _complexity(law: TiltedLaw, measure: LabelMeasure) -> float:
    # The Legendre transform S + x e, with e = -dS/dx the energy.
    return math.log1p(law.x / law.chi) / 2 + measure.alpha * law.log_z + law.x * measure.energy


def _mixing(law: TiltedLaw, alpha: float) -> float:
    mass = law.weights.sum(axis=1)
    square = (law.weights * (law.yhat + law.chi * law.force) ** 2).sum(axis=1) / mass
    return float(alpha * mass @ (square - 1) ** 2 * (1 + law.chi / law.x) ** 2)


_ROUNDING = 1e-11
"""Relative accuracy to which the equations are solved, part of every error estimate."""


def _moved(fine: float, coarse: float, *, scale: float = 0.0) -> float:
    return abs(fine - coarse) + _ROUNDING * max(abs(fine), scale)


def _require_consistent(state: ThresholdState, jump: float) -> None:
    # Integration by parts in h: the edge of the resolvent and the radial force agree but for the
    # jump of the minimiser. It holds only at a solution, and only if the quadrature is good.
    allowed = 100 * (state.mu_error + state.chi_error / state.chi**2)
    if abs(state.gap - jump) > allowed:
        raise RuntimeError(
            f"{state.measure.loss} at alpha = {state.alpha:g}: left edge {state.gap:.3e} and jump "
            f"{jump:.3e} differ by more than {allowed:.1e}: the quadrature failed"
        )


class BranchEndError(ValueError):
    """The branch of threshold states ends before the condition is met."""


class NeverMetError(BranchEndError):
    """The condition is met at no alpha, however large."""


def marginal_laws(
    loss: Loss,
    excess: Callable[[TiltedLaw], float],
    alpha: float,
    *,
    orders: tuple[int, int] = (COARSE, FINE),
) -> tuple[TiltedLaw, TiltedLaw]:
    """Find the state on the branch of a loss where a quantity vanishes, at two orders.

    The branch is followed in chi at low order, one bracketed root in x a step; Newton's method
    in (log chi, log x) then solves both equations at the orders asked for.

    Parameters
    ----------
    loss : Loss
        The loss.
    excess : callable
        A function of the law, negative towards chi = 0 (large alpha) and rising to zero.
    alpha : float
        Where to begin on the branch; the state had better be at this alpha or below.
    orders : pair of int
        Orders of quadrature; the second is the better one.

    Returns
    -------
    coarse, fine : TiltedLaw
        The law at each order.

    Raises
    ------
    BranchEndError
        If the branch ends first; `NeverMetError` if the excess is positive all along it.
    """
    law, slopes = _locate(loss, excess, alpha)
    coarse, slopes = _polish(loss, excess, _place(law), slopes, orders[0], _ROUNDING)
    fine, _ = _polish(loss, excess, _place(coarse), slopes, orders[1], _ROUNDING)
    return coarse, fine


def _residuals(law: TiltedLaw, excess: Callable[[TiltedLaw], float]) -> NDArray:
    return np.array([law.saddle, excess(law)])


def _place(law: TiltedLaw) -> NDArray:
    return np.log([law.chi, law.x / law.chi])


def _law_at(loss: Loss, point: NDArray, order: int) -> TiltedLaw:
    chi = math.exp(point[0])
    return tilted_law(loss, chi, chi * math.exp(point[1]), order=order)


def _polish(
    loss: Loss,
    excess: Callable[[TiltedLaw], float],
    point: NDArray,
    slopes: NDArray,
    order: int,
    accuracy: float,
) -> tuple[TiltedLaw, NDArray]:
    """Solve both equations by Newton's method, the slopes updated after Broyden."""
    law = _law_at(loss, point, order)
    residuals = _residuals(law, excess)
    for _ in range(40):
        if np.abs(residuals).max() < accuracy:
            return law, slopes
        step = np.linalg.solve(slopes, -residuals)
        step *= min(1.0, 0.2 / np.abs(step).max())
        point = point + step
        law = _law_at(loss, point, order)
        previous, residuals = residuals, _residuals(law, excess)
        slopes = slopes + np.outer(residuals - previous - slopes @ step, step) / (step @ step)
    raise RuntimeError(f"{loss}: no convergence near chi = {law.chi:.6g}, x = {law.x:.6g}")


_SHORT, _LONG = 0.14, 0.5
"""Steps along the branch in log chi; the short one does not miss where alpha turns back."""

_SHARPEST = 1e3
"""Largest x/chi followed: the law is then a needle around its labels."""

_FLATTEST = 1e-6
"""Smallest x/chi followed: the tilt is then nothing."""


class _Branch:
    """The curve x(chi) of a loss at low order, followed from chi = 0 upwards.

    Each step extrapolates log x/chi and corrects it by the secant method: one or two laws a step.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.points: list[NDArray] = []
        self.slope = 0.2

    def law(self, log_chi: float, accuracy: float) -> TiltedLaw:
        """Law on the branch at this chi."""
        point = np.array([log_chi, self._predicted(log_chi)])
        law = _law_at(self.loss, point, SEARCH)
        saddle = law.saddle
        for _ in range(25):
            if abs(saddle) < accuracy:
                self.points = [*self.points[-1:], point]
                return law
            step = float(np.clip(-saddle / self.slope, -1, 1))
            end = math.log(_SHARPEST if step > 0 else _FLATTEST)
            if point[1] == end:
                break
            # A step too long may leave what is followed: look at its end first.
            step = min(step, end - point[1]) if step > 0 else max(step, end - point[1])
            point = np.array([log_chi, end if point[1] + step == end else point[1] + step])
            law = _law_at(self.loss, point, SEARCH)
            previous, saddle = saddle, law.saddle
            # The saddle rises with x: a slope that says otherwise belongs to too long a step.
            self.slope = max((saddle - previous) / step, 0.02)
        raise UnresolvedError(f"no x solves the saddle point at chi = {math.exp(log_chi):.6g}")

    def _predicted(self, log_chi: float) -> float:
        if not self.points:
            return 0.0
        (before, earlier), (here, value) = self.points[0], self.points[-1]
        slope = (
            0.0 if here == before else float(np.clip((value - earlier) / (here - before), -4, 4))
        )
        return float(value + slope * (log_chi - here))


@dataclass(frozen=True)
class _Stop:
    """A place on the branch and how far the condition is from being met there."""

    point: NDArray[np.float64]
    excess: float
    log_alpha: float


def _locate(
    loss: Loss, excess: Callable[[TiltedLaw], float], alpha: float
) -> tuple[TiltedLaw, NDArray]:
    """Find the state at low order, and the slopes of both equations there."""
    branch = _Branch(loss)

    def stop(log_chi: float, accuracy: float = 2e-3, *, near: _Stop | None = None) -> _Stop:
        if near is not None:
            branch.points = [near.point]
        law = branch.law(log_chi, accuracy)
        return _Stop(_place(law), excess(law), -math.log(law.marginality))

    low, high = _bracket(loss, stop, _before(loss, max(alpha, _UNFOLDED)))
    for _ in range(_HALVINGS):
        share = low.excess / (low.excess - high.excess)
        guess = low.point + share * (high.point - low.point)
        try:
            law, slopes = _polish(loss, excess, guess, _slopes(loss, excess, guess), SEARCH, 1e-5)
        except (RuntimeError, np.linalg.LinAlgError):
            law = None
        # Newton may run to another solution, beyond a turn of the branch: then come closer first.
        if (
            law is not None
            and low.point[0] - _SHORT < math.log(law.chi) < high.point[0] + _SHORT / 2
        ):
            return law, slopes
        middle = stop((low.point[0] + high.point[0]) / 2, 1e-6)
        low, high = (middle, high) if middle.excess < 0 else (low, middle)
    raise RuntimeError(f"{loss}: no convergence near chi = {math.exp(low.point[0]):.6g}")


_HALVINGS = 12
_UNFOLDED = 4.0
"""Branches that turn back do so at smaller alpha: beginning there, the turn is not missed."""


def _slopes(loss: Loss, excess: Callable[[TiltedLaw], float], point: NDArray) -> NDArray:
    base, small = _residuals(_law_at(loss, point, SEARCH), excess), 1e-4
    columns = [
        (_residuals(_law_at(loss, point + shift, SEARCH), excess) - base) / small
        for shift in small * np.eye(2)
    ]
    return np.array(columns).T


def _before(loss: Loss, alpha: float) -> float:
    """Return a log chi before the state at alpha: marginality at a random start lies close."""
    start = initial(loss, 1.0, order=SEARCH)
    size = np.abs(start.curvature)

    def excess(log_chi: float) -> float:
        s = size * math.exp(log_chi)
        return math.log(alpha * start.mean((s / (1 + s)) ** 2))

    low = high = -math.log(start.mean(size) * math.sqrt(alpha))
    while excess(low) > 0:
        low -= 1
    while excess(high) < 0:
        high += 1
    near = brentq(excess, low, high, xtol=0.05) - 2 * _SHORT
    # Nothing jumps, turns or sharpens before chi reaches -1 / inf f: begin no later.
    floor = loss.curvature_floor
    return near if floor == -math.inf or floor >= 0 else min(near, math.log(-0.5 / floor))


def _bracket(loss: Loss, stop: Callable[..., _Stop], log_chi: float) -> tuple[_Stop, _Stop]:
    """Follow the branch until the excess changes sign."""
    last = stop(log_chi)
    if last.excess >= 0:
        return _bracket_below(loss, stop, last)
    before, slope, bend = last, -1.0, 0.0
    while True:
        stride = _LONG if last.excess < -1 else _SHORT
        if slope + 2 * bend > 0:
            # Two more steps like these and alpha rises: tread carefully.
            stride = _SHORT / 4
        try:
            here = stop(last.point[0] + stride)
        except UnresolvedError:
            return _needle(loss, stop, last, last.point[0] + stride)
        if here.excess >= 0:
            return last, here
        if here.log_alpha > last.log_alpha:
            return _turn(loss, stop, before, here)
        if _collapsed(last, here):
            return _needle(loss, stop, last, here.point[0])
        steeper, slope = slope, (here.log_alpha - last.log_alpha) / stride
        bend = (slope - steeper) * _SHORT / stride
        before, last = last, here


def _bracket_below(loss: Loss, stop: Callable[..., _Stop], high: _Stop) -> tuple[_Stop, _Stop]:
    for _ in range(_DESCENTS):
        low = stop(high.point[0] - _LONG)
        if low.excess < 0:
            return low, high
        high = low
    raise NeverMetError(f"threshold states of {loss} do not meet this condition at any alpha")


_DESCENTS = 40
"""Steps towards chi = 0: nine decades."""


def _turn(loss: Loss, stop: Callable[..., _Stop], low: _Stop, high: _Stop) -> tuple[_Stop, _Stop]:
    """Bracket before the turn of the branch in alpha, or say where it is."""
    asked = []

    def log_alpha(log_chi: float) -> float:
        asked.append(log_chi)
        return stop(log_chi, 1e-6, near=low).log_alpha

    bounds = low.point[0], high.point[0]
    try:
        found = minimize_scalar(log_alpha, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    except UnresolvedError:
        return _needle(loss, stop, low, asked[-1])
    turn = stop(float(found.x), 1e-7, near=low)
    if turn.excess >= 0:
        return low, turn
    raise BranchEndError(
        f"threshold states of {loss} end at alpha = {_ceiling(turn.log_alpha)}, where two kinds of "
        "them merge; must be larger"
    )


def _collapsed(last: _Stop, here: _Stop) -> bool:
    # x/chi falls sevenfold in a step only if a needle was passed in between.
    return here.point[1] < last.point[1] - 2


def _needle(loss: Loss, stop: Callable[..., _Stop], last: _Stop, bad: float) -> tuple[_Stop, _Stop]:
    """Bracket before the law turns into a needle too sharp to follow, or say where that is."""
    for _ in range(_HALVINGS):
        try:
            here = stop((last.point[0] + bad) / 2, near=last)
        except UnresolvedError:
            bad = (last.point[0] + bad) / 2
            continue
        if here.log_alpha > last.log_alpha or here.point[1] < last.point[1]:
            # Beyond the needle, on the way back: before it x/chi rises as alpha falls.
            bad = here.point[0]
        elif here.excess >= 0:
            return last, here
        else:
            last = here
    raise BranchEndError(
        f"threshold states of {loss} are followed down to alpha = {_ceiling(last.log_alpha)}, "
        f"where their law becomes a needle (x/chi = {_SHARPEST:g}); must be larger"
    )


def _ceiling(log_alpha: float) -> str:
    # Rounded up with a margin for the low order, so that the number itself is accepted.
    return f"{math.ceil(math.exp(log_alpha) * 1e3 + 0.5) / 1e3:.3f}"
