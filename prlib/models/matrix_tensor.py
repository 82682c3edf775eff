r"""The spiked matrix-tensor model: a control, in which the outlier cannot be lost.

A signal on the sphere :math:`|w^*|^2 = N` is seen through a noisy matrix and a noisy tensor of
order p. The loss is a Gaussian field with

.. math:: \mathrm{Cov}[L(w), L(w')] = N Q\Big(\frac{w \cdot w'}N\Big), \quad
          E[L(w)] = -N Q(m), \quad Q(q) = \frac{q^p}{p \Delta_p} + \frac{q^2}{2 \Delta_2} .

At zero overlap its Hessian on the sphere is a semicircle of radius :math:`2\sqrt{Q''(1)}`, minus
:math:`1/\Delta_2` times the projector on the signal, minus :math:`\mu`. Only mu moves along a
descent: the outlier is there at every time or at none. The transition of a random start and that
of threshold states coincide, at :math:`1/\Delta_2 = \sqrt{Q''(1)}`.

Prediction, written before any run: where 1/Delta_2 takes the place of alpha there is no window, and
the half points of random and of constrained starts draw together as N grows.

References
----------
Sarao Mannelli, Biroli, Cammarota, Krzakala & Zdeborová, arXiv:1907.08226; Crisanti, Horner &
Sommers, Z. Phys. B 92, 257 (1993), and Cugliandolo & Kurchan, arXiv:cond-mat/9303036, for the
two-time equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.measures.dynamical.flow import Flow, stage_terms, stages_for
from prlib.measures.dynamical.recursion import Component, Term
from prlib.parameters import ParameterError, check, number_above_zero
from prlib.problem import random_on_sphere
from prlib.spectra.bulk import Edge


@dataclass(frozen=True)
class MatrixTensor:
    """The model at given strengths of noise.

    Attributes
    ----------
    matrix, tensor : float
        Variances of the noise of the matrix and of the tensor, Delta_2 and Delta_p, > 0; infinite
        for a part that is absent.
    order : int
        Order p of the tensor, >= 3.

    Examples
    --------
    >>> model = MatrixTensor(matrix=0.5, tensor=2.0)
    >>> round(model.bbp, 4), round(model.outlier(mu=0.0), 9), round(model.overlap2, 9)
    (1.1547, -3.5, 0.25)
    """

    matrix: float
    tensor: float
    order: int = 3

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("matrix", "tensor"):
            value = getattr(self, name)
            if value != math.inf:
                number_above_zero(name, "variance of the noise").check(value)
        if isinstance(self.order, bool) or not isinstance(self.order, int) or self.order < 3:
            raise ParameterError(f"order = {self.order!r}: must be a whole number >= 3")

    def covariance(self, q: ArrayLike) -> NDArray:
        """Covariance Q of the loss, per dimension."""
        q = np.asarray(q, dtype=float)
        return q**self.order / (self.order * self.tensor) + q**2 / (2 * self.matrix)

    def slope(self, q: ArrayLike) -> NDArray:
        """Its first derivative, the covariance of the gradient."""
        q = np.asarray(q, dtype=float)
        return q ** (self.order - 1) / self.tensor + q / self.matrix

    def bend(self, q: ArrayLike) -> NDArray:
        """Its second derivative, the covariance of the Hessian."""
        q = np.asarray(q, dtype=float)
        return (self.order - 1) * q ** (self.order - 2) / self.tensor + 1 / self.matrix

    @cached_property
    def _spread(self) -> float:
        return math.sqrt(self.bend(1.0))

    @property
    def bbp(self) -> float:
        r"""Ratio :math:`(1/\Delta_2)/\sqrt{Q''(1)}`: above 1 there is an outlier, at every time."""
        return 1 / (self.matrix * self._spread)

    def left_edge(self, mu: float) -> Edge:
        """Left edge of the bulk; the transform there is the inverse of the half radius."""
        return Edge(-2 * self._spread - mu, 1 / self._spread, "soft")

    def outlier(self, mu: float) -> float | None:
        r"""Eigenvalue toward the signal, :math:`-1/\Delta_2 - \Delta_2 Q''(1) - \mu`, or None."""
        if self.bbp <= 1:
            return None
        return -1 / self.matrix - self.matrix * self._spread**2 - mu

    @property
    def overlap2(self) -> float:
        r"""Squared overlap of its eigenvector, :math:`1 - \Delta_2^2 Q''(1)`; 0 without one."""
        return max(0.0, 1 - self.bbp**-2)

    @property
    def threshold_mu(self) -> float:
        r"""Multiplier at threshold states, whose bulk begins at zero: :math:`-2\sqrt{Q''(1)}`."""
        return -2 * self._spread


def matrix_transition(tensor: float, order: int = 3) -> float:
    r"""Return the :math:`\Delta_2` below which the Hessian has an outlier, at any time.

    The positive root of :math:`(p - 1) \Delta_2^2/\Delta_p + \Delta_2 = 1`.

    Examples
    --------
    >>> at = matrix_transition(2.0)
    >>> round(MatrixTensor(at, 2.0).bbp, 12)
    1.0
    """
    ratio = (order - 1) / tensor
    return 2 / (1 + math.sqrt(1 + 4 * ratio))


@dataclass(frozen=True, eq=False)
class TwoTime:
    r"""Gradient descent at infinite size, from a random start, at overlap zero.

    Attributes
    ----------
    times : ndarray, shape (T + 1,)
        Flow times.
    energy, mu : ndarray, shape (T + 1,)
        Loss per dimension, and multiplier of the sphere.
    variance, gain : ndarray, shape (T + 1,)
        :math:`V = N\,\mathrm{Var}\,m`, and mean overlap over that at the start.
    correlation : ndarray, shape (T + 1, T + 1)
        :math:`C(t, s) = w_t \cdot w_s/N`.
    """

    times: NDArray[np.float64]
    energy: NDArray[np.float64]
    mu: NDArray[np.float64]
    variance: NDArray[np.float64]
    gain: NDArray[np.float64]
    correlation: NDArray[np.float64]


def two_time(model: MatrixTensor, schedule: Flow | ArrayLike) -> TwoTime:
    r"""Solve the two-time equations of gradient descent.

    The gradient is :math:`g_t = u_t + \sum_{s<t} Q''(C(t,s)) R(t,s) w_s`, with Gaussian u of
    covariance :math:`Q'(C)` and R the response of w_t to a field added to g_s. Along the signal it
    has :math:`-w_t/\Delta_2` besides. The recursion of phase retrieval then closes, with nothing
    sampled. As steps vanish these are the equations of Crisanti, Horner and Sommers.

    Parameters
    ----------
    model : MatrixTensor
        The model.
    schedule : Flow or array_like, shape (T,)
        The gradient flow, from `flow_of`; or the steps :math:`\eta` of gradient descent,
        :math:`w \leftarrow w - \eta (g - \mu w)` and rescaling, to match a simulation step by step.

    Returns
    -------
    TwoTime
        Recorded at the start and after every step.

    Examples
    --------
    >>> run = two_time(MatrixTensor(0.5, 2.0), np.full(20, 0.05))
    >>> bool(np.all(np.diff(run.energy) < 0)), float(run.variance[0])
    (True, 1.0)
    """
    if isinstance(schedule, Flow):
        steps, stages = schedule.steps, schedule.stages
    else:
        steps = _checked(schedule)
        stages = np.ones(len(steps), dtype=int)
    state = _State(model, 1 + int(stages.sum()))
    recorded = [0]
    for step, count in zip(steps, stages, strict=True):
        start = recorded[-1]
        staged = [[(start, 1.0, step)]] if count == 1 else stage_terms(start, step, int(count))
        for terms in staged:
            state.advance(terms, on_sphere=state.t + 1 == start + count)
        recorded.append(state.t)
    return TwoTime(
        np.concatenate([[0.0], np.cumsum(steps)]),
        state.energy[recorded],
        state.mu[recorded],
        np.diagonal(state.signal.covariance[0])[recorded],
        state.signal.gain[0, recorded],
        state.weights.covariance[0][np.ix_(recorded, recorded)],
    )


class _State:
    """Two-time functions up to a time t, of a generic direction and of the signal's."""

    def __init__(self, model: MatrixTensor, capacity: int) -> None:
        self.model, self.t = model, 0
        self.weights, self.signal = Component(1, capacity), Component(1, capacity)
        self.energy, self.mu = np.zeros(capacity), np.zeros(capacity)
        self._evaluate()

    def advance(self, terms: list[tuple[int, float, float]], *, on_sphere: bool) -> None:
        """Take one stage, as `Solver.advance` of the theory of phase retrieval does."""
        made_of = [Term(j, np.array([w + c * self.mu[j]]), c) for j, w, c in terms]
        norm = np.sqrt(self.weights.advance(self.t, made_of))
        self.signal.advance(self.t, made_of)
        self.t += 1
        if on_sphere:
            self.weights.rescale(self.t, norm)
            self.signal.rescale(self.t, norm)
        self._evaluate()

    def _evaluate(self) -> None:
        t, now = self.t, self.t + 1
        C, memory = self.weights.covariance[0, t, :now], self.weights.memory[0, :now, t]
        drive, response = self.model.slope(C), self.model.bend(C) * memory
        for component in (self.weights, self.signal):
            component.drive[0, t, :now] = component.drive[0, :now, t] = drive
            component.response[0, t, :now] = response
        self.signal.response[0, t, t] -= 1 / self.model.matrix
        self.energy[t] = drive @ memory
        self.mu[t] = drive @ memory + response @ C


def flow_of(model: MatrixTensor, time: float, *, growth: float = 0.05, first: float = 0.01) -> Flow:
    """Choose the steps of the gradient flow up to a time.

    Parameters
    ----------
    model : MatrixTensor
        The model.
    time : float
        Flow time to reach.
    growth : float
        Step over the time at which it starts: as the descent ages, all it does slows down alike.
    first : float
        First step, in units of the inverse of the bulk's radius.

    Returns
    -------
    Flow
        Steps that sum to `time`, with the stages that keep them stable.
    """
    time = check("time", time)
    # The bulk's right edge, at the least multiplier that a descent reaches.
    widest = 4 / model.left_edge(0.0).chi
    steps: list[float] = []
    while (left := time - math.fsum(steps)) > 1e-9 * time:
        step = 2 * first / widest + growth * math.fsum(steps)
        steps.append(left if step >= left else min(step, left / 2))
    stages = [stages_for(1.1 * step * widest) for step in steps]
    return Flow(np.array(steps), np.array(stages))


def _checked(steps: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(steps, dtype=float)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)) or array.min() <= 0:
        raise ParameterError(f"steps has shape {array.shape}: must be one or more finite steps > 0")
    return array


@dataclass(frozen=True, eq=False)
class Instance:
    """One draw of the model with a tensor of order three.

    Attributes
    ----------
    model : MatrixTensor
        The model.
    matrix : ndarray, shape (N, N)
        Symmetric noise; its part of the loss is half the quadratic form.
    tensor : ndarray, shape (N, N, N)
        Symmetric noise; its part of the loss is a third of the cubic form.
    signal : ndarray, shape (N,)
        The signal, on the sphere.
    """

    model: MatrixTensor
    matrix: NDArray[np.float64]
    tensor: NDArray[np.float64]
    signal: NDArray[np.float64]

    @classmethod
    def random(cls, model: MatrixTensor, n: int, rng: np.random.Generator) -> Instance:
        """Draw an instance: the matrix, the tensor, the signal."""
        n = check("n", n)
        if model.order != 3:
            raise ParameterError(f"order = {model.order}: must be 3, the order that is simulated")
        matrix = rng.standard_normal((n, n))
        tensor = rng.standard_normal((n, n, n))
        cyclic = tensor + tensor.transpose(1, 2, 0) + tensor.transpose(2, 0, 1)
        # The mean over six orders, times three for the gradient and over the root of three.
        tensor = (cyclic + cyclic.transpose(1, 0, 2)) / (2 * math.sqrt(3 * model.tensor) * n)
        matrix = (matrix + matrix.T) / math.sqrt(2 * model.matrix * n)
        return cls(model, matrix, tensor, random_on_sphere(n, rng))

    def overlap(self, w: NDArray) -> float:
        """Overlap with the signal."""
        return float(w @ self.signal) / len(w)

    def energy(self, w: NDArray) -> float:
        """Loss per dimension."""
        return self._value(w)[0]

    def gradient(self, w: NDArray) -> NDArray:
        """Gradient in the whole space."""
        return self._value(w)[1]

    def _value(self, w: NDArray) -> tuple[float, NDArray]:
        # One pass over the tensor, which is what costs.
        cubic, square, m = (self.tensor @ w) @ w, self.matrix @ w, self.overlap(w)
        noise = float(cubic @ w) / 3 + float(square @ w) / 2
        pull = float(self.model.slope(m))
        return noise / len(w) - float(self.model.covariance(m)), (
            cubic + square - pull * self.signal
        )

    def hessian(self, w: NDArray) -> NDArray:
        r"""Hessian on the sphere, less its shift by mu along w itself: shape (N, N)."""
        n = len(w)
        mu = float(self.gradient(w) @ w) / n
        spike = float(self.model.bend(self.overlap(w))) / n * np.outer(self.signal, self.signal)
        return 2 * (self.tensor @ w) + self.matrix - spike - mu * np.eye(n)

    def descend(
        self, w: NDArray, steps: ArrayLike, *, held: int = 0
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Descend with the steps given.

        Parameters
        ----------
        w : ndarray, shape (N,)
            Where to start.
        steps : array_like, shape (T,)
            Steps, as in `two_time`.
        held : int
            So many first steps keep the overlap at zero, where they begin.

        Returns
        -------
        overlap, energy : ndarray, shape (T + 1,)
            At the start and after every step.
        w : ndarray, shape (N,)
            The last estimate.
        """
        steps, n = _checked(steps), len(w)
        w = self.held(w) if held else w
        overlap, energy = [], []
        for index, step in enumerate(steps):
            value, g = self._value(w)
            overlap.append(self.overlap(w))
            energy.append(value)
            w = w - step * (g - (g @ w) / n * w)
            w = self.held(w) if index < held else w * math.sqrt(n / (w @ w))
        return np.array([*overlap, self.overlap(w)]), np.array([*energy, self.energy(w)]), w

    def held(self, w: NDArray) -> NDArray:
        """Return the nearest point of the equator, where the overlap is zero."""
        w = w - self.overlap(w) * self.signal
        return w * math.sqrt(len(w) / (w @ w))


def descend_strengths(
    tensor: float,
    matrices: ArrayLike,
    n: int,
    rng: np.random.Generator,
    *,
    steps: int,
    step: float,
    held: int,
    dtype: str = "float32",
) -> tuple[NDArray, NDArray]:
    r"""Descend over one draw of the noise at several strengths of the matrix's noise at once.

    All share the tensor, the matrix up to its scale, the signal and the point, so that the tensor,
    which is what costs, is read once a step. From the point itself, and from it held at overlap
    zero for a time.

    Parameters
    ----------
    tensor : float
        Variance of the noise of the tensor.
    matrices : array_like, shape (K,)
        Variances of the noise of the matrix.
    n : int
        Dimension.
    rng : Generator
        Of the noise, the signal and the point.
    steps, step, held
        How many steps a free descent takes, how long each is, and how many a held one takes
        before: both are free for the same time.
    dtype : str
        Precision, float32 or float64.

    Returns
    -------
    start, end : ndarray, shape (2, K)
        Overlaps at the start and in the end, of random starts and of held ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> _, end = descend_strengths(2.0, [0.1, 2.0], 30, rng, steps=300, step=0.05, held=50)
    >>> (np.abs(end) > 0.5).tolist()
    [[True, False], [True, False]]
    """
    matrices = np.asarray(matrices, dtype=float)
    unit = Instance.random(MatrixTensor(1.0, tensor), n, rng)
    point = random_on_sphere(n, rng)
    cubic = np.ascontiguousarray(unit.tensor.reshape(n * n, n), dtype=dtype)
    square, signal = unit.matrix.astype(dtype), unit.signal.astype(dtype)
    weight = (matrices**-0.5).astype(dtype)
    constrained = unit.held(point)
    # Columns: the strengths of random starts, then those of held ones.
    w = np.repeat(np.array([point, constrained]).T, len(matrices), axis=1).astype(dtype)
    ratio, linear = np.tile(weight, 2), np.tile(1 / matrices, 2).astype(dtype)
    start = signal @ w / n

    def advance(w: NDArray, scale: NDArray, linear: NDArray, *, hold: bool) -> NDArray:
        m = signal @ w / n
        # The mean slope: of the tensor's part, and of the matrix's at its own strength.
        pull = m**2 / w.dtype.type(tensor) + m * linear
        g = np.einsum("ijk,jk->ik", (cubic @ w).reshape(n, n, -1), w) + scale * (square @ w)
        g -= signal[:, None] * pull
        w = w - w.dtype.type(step) * (g - w * ((g * w).sum(axis=0) / n))
        if hold:
            w = w - signal[:, None] * (signal @ w / n)
        return w * np.sqrt(n / (w**2).sum(axis=0))

    half = len(matrices)
    for _ in range(held):
        w[:, half:] = advance(w[:, half:], ratio[half:], linear[half:], hold=True)
    for _ in range(steps):
        w = advance(w, ratio, linear, hold=False)
    return start.reshape(2, -1).astype(float), (signal @ w / n).reshape(2, -1).astype(float)
