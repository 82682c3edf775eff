"""What threshold states are: order parameters, law, and what the two imply."""

from __future__ import annotations

from dataclasses import dataclass

from prlib.measures.label_measure import LabelMeasure


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
