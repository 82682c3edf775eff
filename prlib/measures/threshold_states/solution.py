"""The threshold states of a loss at one alpha."""

from __future__ import annotations

import math
from dataclasses import dataclass

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.threshold_states.branch import (
    ACCURACY,
    COARSE,
    FINE,
    BranchEndError,
    branch_of,
)
from prlib.measures.threshold_states.law import TiltedLaw
from prlib.parameters import ParameterError
from prlib.spectra.bulk import stieltjes_inverse


@dataclass(frozen=True, eq=False)
class ThresholdState:
    r"""A threshold state of a loss: its order parameters, its law, and what the two imply.

    Attributes
    ----------
    measure : LabelMeasure
        Law of labels and fields.
    coarse : LabelMeasure
        The same by a coarser quadrature: what the two disagree on is not to be trusted.
    chi : float
        Response: the Stieltjes transform of the Hessian at the left edge of its bulk.
    x : float
        Breaking parameter over temperature.
    alpha, energy, mu
        Those of the measure.
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


def threshold_state(loss: Loss, alpha: float, channel: Channel = NOISELESS) -> LabelMeasure:
    """Law of labels and fields at the threshold states of a loss.

    Raises
    ------
    ParameterError
        If there is none at this alpha; the message says where they end.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> law = threshold_state(NormalizedIntensity(0.01), 4.436)
    >>> round(float(law.mean(law.y**2)), 9)
    1.0
    """
    return solve_threshold_state(loss, alpha, channel).measure


def solve_threshold_state(
    loss: Loss,
    alpha: float,
    channel: Channel = NOISELESS,
    *,
    orders: tuple[int, int] = (COARSE, FINE),
) -> ThresholdState:
    """Find order parameters and law of the threshold states of a loss.

    Parameters
    ----------
    channel : Channel
        What is measured.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

    Raises
    ------
    ParameterError
        If there is none at this alpha; the message says where they end.
    RuntimeError
        If an internal check fails: two ways to mu, two ways to the left edge.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> state = solve_threshold_state(NormalizedIntensity(0.01), 4.436)
    >>> round(state.chi, 4), round(state.x, 4)
    (0.3239, 0.7547)
    """
    alpha = computable(loss, alpha)
    branch = branch_of(loss, channel)
    try:
        coarse, fine = branch.laws(lambda law: math.log(alpha / law.alpha), orders)
    except BranchEndError as end:
        raise ParameterError(f"alpha = {alpha:g}: {end}") from None
    return _described(fine, coarse, alpha)


def _described(law: TiltedLaw, coarse: TiltedLaw, alpha: float) -> ThresholdState:
    measure, rough = law.measure(alpha), coarse.measure(alpha)
    state = ThresholdState(
        measure=measure,
        coarse=rough,
        alpha=alpha,
        chi=law.chi,
        x=law.x,
        energy=measure.energy,
        mu=measure.mu,
        gap=float(stieltjes_inverse(measure, law.chi)) - measure.mu,
        complexity=_complexity(law, measure),
        mixing=_mixing(law, alpha),
        chi_error=_moved(law.chi, coarse.chi),
        x_error=_moved(law.x, coarse.x),
        energy_error=_moved(measure.energy, rough.energy),
        mu_error=_moved(measure.mu, rough.mu, scale=1 / law.chi),
    )
    _require_consistent(state, alpha * law.jump)
    return state


def _complexity(law: TiltedLaw, measure: LabelMeasure) -> float:
    # The Legendre transform S + x e, with e = -dS/dx the energy.
    return math.log1p(law.x / law.chi) / 2 + measure.alpha * law.log_z + law.x * measure.energy


def _mixing(law: TiltedLaw, alpha: float) -> float:
    mass = law.weights.sum(axis=1)
    square = (law.weights * (law.yhat + law.chi * law.force) ** 2).sum(axis=1) / mass
    return float(alpha * mass @ (square - 1) ** 2 * (1 + law.chi / law.x) ** 2)


def _moved(fine: float, coarse: float, *, scale: float = 0.0) -> float:
    return abs(fine - coarse) + ACCURACY * max(abs(fine), scale)


def _require_consistent(state: ThresholdState, jump: float) -> None:
    # Integration by parts in h: the edge of the resolvent and the radial force agree but for the
    # jump of the minimiser. It holds only at a solution, and only if the quadrature is good.
    allowed = 100 * (state.mu_error + state.chi_error / state.chi**2)
    if abs(state.gap - jump) > allowed:
        raise RuntimeError(
            f"{state.measure.loss} at alpha = {state.alpha:g}: left edge {state.gap:.3e} and jump "
            f"{jump:.3e} differ by more than {allowed:.1e}: the quadrature failed"
        )
