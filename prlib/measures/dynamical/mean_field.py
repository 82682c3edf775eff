"""The law of labels and fields at every time of gradient descent from a random start."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.dynamical.flow import Flow, flow_step
from prlib.measures.dynamical.paths import QUASI_DIMENSIONS, SamplePaths, Sampling
from prlib.measures.dynamical.response import LANES
from prlib.measures.dynamical.solver import Solver, workers
from prlib.measures.dynamical.steps import take_step
from prlib.measures.label_measure import LabelMeasure
from prlib.memory import available_memory
from prlib.parameters import ParameterError, check
from prlib.schemes import GRADIENT, Update
from prlib.threads import one_blas_thread

PATHS = 32768
BATCHES = 16

_NEAREST = float(np.finfo(float).eps)
"""Distance to the signal that rounding lets be told from none."""

RATE = 6e9
"""Multiplications and additions of the backward sweep per second and processor, for estimates."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Means over independent batches, and their standard errors.

    Attributes
    ----------
    value, error : ndarray
        Of the same shape.
    batches : int
        Batches that the errors come from: with few, intervals need Student's quantiles.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    batches: int

    @classmethod
    def of(cls, batches: NDArray) -> Estimate:
        """Estimate from one value a batch, along the first axis."""
        error = batches.std(axis=0, ddof=1) / math.sqrt(len(batches))
        return cls(batches.mean(axis=0), error, len(batches))

    @classmethod
    def log_of_mean(cls, batches: NDArray) -> Estimate:
        """Estimate the logarithm of a mean of positive values, by the jackknife over batches."""
        count = len(batches)
        whole = np.log(batches.mean(axis=0))
        without = np.log((batches.sum(axis=0) - batches) / (count - 1))
        error = np.sqrt((count - 1) * without.var(axis=0))
        return cls(count * whole - (count - 1) * without.mean(axis=0), error, count)

    def interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of the confidence interval, by Student's law."""
        reach = stdtrit(self.batches - 1, (1 + level) / 2) * self.error
        return self.value - reach, self.value + reach


@dataclass(frozen=True)
class Cost:
    """What a run takes.

    Attributes
    ----------
    memory : float
        Bytes.
    seconds : float
        Rough time on the processors of this process.
    """

    memory: float
    seconds: float


@dataclass(frozen=True, eq=False)
class MeanField:
    r"""Gradient descent at infinite size, from a random start or one with an overlap.

    The descent is recorded at T + 1 times; B is the number of batches and S their paths.

    Attributes
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    times : ndarray, shape (T + 1,)
        Flow times, from 0.
    z, y, weights : ndarray, shape (B, S)
        Signal's fields and labels of the paths, and their probabilities in each batch; with the
        fields, one quadrant of a law symmetric in all signs.
    yhat : ndarray, shape (T + 1, B, S)
        Fields at each time.
    batch_energy, batch_mu : ndarray, shape (B, T + 1)
        Energy per dimension and multiplier of the sphere, per batch.
    batch_variance, batch_gain : ndarray, shape (B, T + 1)
        :math:`V = N\,\mathrm{Var}\,m` and amplification, per batch; NaN with an overlap.
    batch_overlap : ndarray, shape (B, T + 1)
        Overlap m with the signal, per batch.
    batch_correlation : ndarray, shape (B, T + 1, T + 1)
        :math:`C(t, s) = w_t \cdot w_s/N`, per batch.
    """

    loss: Loss
    alpha: float
    times: NDArray[np.float64]
    z: NDArray[np.float64]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    yhat: NDArray[np.float64]
    batch_energy: NDArray[np.float64]
    batch_mu: NDArray[np.float64]
    batch_variance: NDArray[np.float64]
    batch_gain: NDArray[np.float64]
    batch_overlap: NDArray[np.float64]
    batch_correlation: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of recorded times."""
        return len(self.times)

    @property
    def energy(self) -> Estimate:
        r"""Energy per dimension, :math:`\alpha E[\ell]`, shape (T + 1,)."""
        return Estimate.of(self.batch_energy)

    @property
    def mu(self) -> Estimate:
        r"""Multiplier of the sphere, :math:`\alpha E[\ell' ŷ]`, shape (T + 1,)."""
        return Estimate.of(self.batch_mu)

    @property
    def variance(self) -> Estimate:
        r""":math:`V = N\,\mathrm{Var}\,m`, 1 at the start, shape (T + 1,)."""
        return Estimate.of(self.batch_variance)

    @property
    def log_variance(self) -> Estimate:
        """Logarithm of V, whose errors are the more symmetric: shape (T + 1,)."""
        return Estimate.log_of_mean(self.batch_variance)

    @property
    def amplification(self) -> Estimate:
        r""":math:`A = E[m_t | m_0]/m_0`, shape (T + 1,)."""
        return Estimate.of(self.batch_gain)

    @property
    def overlap(self) -> Estimate:
        r"""Overlap with the signal, :math:`m = w \cdot w^*/N`, shape (T + 1,)."""
        return Estimate.of(self.batch_overlap)

    @property
    def log_distance(self) -> Estimate:
        """Logarithm of 1 - |m|, which falls at a steady rate in the end: shape (T + 1,)."""
        return Estimate.of(np.log(np.maximum(1 - np.abs(self.batch_overlap), _NEAREST)))

    @property
    def correlation(self) -> Estimate:
        r"""Two-time correlation :math:`C(t, s)`, shape (T + 1, T + 1)."""
        return Estimate.of(self.batch_correlation)

    def measure(self, index: int, batch: int | None = None) -> LabelMeasure:
        """Law of labels and fields at a recorded time.

        Parameters
        ----------
        index : int
            Which time.
        batch : int, optional
            One batch alone; all of them by default.

        Returns
        -------
        LabelMeasure
            One node a path. Its support is taken to be the whole plane, as at the start.
        """
        nodes = [self.z, self.y, self.yhat[index], self.weights]
        overlap = self.batch_overlap[:, index]
        if batch is None:
            nodes[-1] = self.weights / len(self.y)
        else:
            nodes, overlap = [each[batch] for each in nodes], overlap[batch]
        nodes = [each.ravel() for each in nodes]
        m = float(np.mean(overlap))
        return LabelMeasure(self.loss, self.alpha, *nodes, m, self.loss.curvature_floor)


# Its matrices are small: threads of linear algebra would wait for each other more than they do.
@one_blas_thread()
def dynamical(
    loss: Loss,
    alpha: float,
    schedule: Flow | ArrayLike,
    *,
    paths: int = PATHS,
    batches: int = BATCHES,
    seed: int = 0,
    sampling: Sampling = "sobol",
    progress: Callable[[int, int], None] | None = None,
    channel: Channel = NOISELESS,
    overlap: float = 0.0,
    update: Update = GRADIENT,
) -> MeanField:
    r"""Solve the dynamical mean-field theory of gradient descent from a random start.

    A field is :math:`ŷ_t = \omega_t + \sum_{s<t} R_w(t,s)\, r_s` with residuals
    :math:`r = \ell'(y, ŷ)` and Gaussian noise of covariance :math:`C_w`. The two-time functions of
    the weights follow exactly, step by step, from

    .. math:: C_r(t,s) = \alpha E[r_t r_s], \qquad
              R_r(t,s) = \alpha E\Big[\frac{dr_t}{d\omega_s}\Big] .

    The component along the signal obeys the same recursion with z² inside both means, which gives
    the fluctuations of the overlap at finite size.

    With an overlap the start is random but for it. Then the signal's field adds to every field,
    :math:`ŷ_t = m_t z + \omega_t + \dots`, the two-time functions are those of the part orthogonal
    to the signal, and m follows the gradient along the signal, :math:`\alpha E[r_t z]`.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    schedule : Flow or array_like, shape (T,)
        The gradient flow, from `choose_flow`; or the steps eta of gradient descent,
        :math:`w \leftarrow w - \eta (g - \mu w)` and rescaling, to match a simulation step by step.
    paths : int
        Sample paths in all; each batch is rounded up to a power of two, 64 at least.
    batches : int
        Independent batches, >= 2, from which errors are estimated.
    seed : int
        Seed; the same seed gives the same digits.
    sampling : {"sobol", "random", "plain"}
        Quasi-random paths that favour small labels and large first fields; independent ones
        that do; or independent ones that do not.
    progress : callable, optional
        Called with the steps done and the steps in all.
    channel : Channel
        What is measured; its labels must have a density.
    overlap : float
        Overlap with the signal at the start; without noise only.
    update : Update
        What steps that are given are made of beside the gradient.

    Returns
    -------
    MeanField
        Recorded at the start and after every step.

    Raises
    ------
    ParameterError
        If an argument is not accepted, or the run does not fit into memory.
    FloatingPointError
        If the descent diverges: a step was too large for the curvature.

    References
    ----------
    Mignacco, Urbani & Zdeborová, arXiv:2103.04902, for the method; the book's chapter
    "The descent at infinite size" for the derivation.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> run = dynamical(NormalizedIntensity(1.0), 3.0, [0.01] * 4, paths=1024, batches=4)
    >>> len(run), bool(run.energy.value[-1] < run.energy.value[0]), run.variance.value[0].item()
    (5, True, 1.0)
    """
    alpha, seed = computable(loss, alpha), check("seed", seed)
    overlap = check("overlap", overlap)
    schedule = schedule if isinstance(schedule, Flow) else _checked_steps(schedule)
    if sampling not in get_args(Sampling):
        raise ParameterError(
            f"sampling = {sampling!r}: must be one of {', '.join(get_args(Sampling))}"
        )
    size = _batch_size(paths, batches)
    times = schedule.times if isinstance(schedule, Flow) else 1 + len(schedule)
    _refuse_if_too_large(paths, batches, times)
    with ThreadPoolExecutor(workers()) as pool:
        drawn = SamplePaths(batches, size, seed, sampling, loss.scale, channel, paired=overlap != 0)
        solver = Solver(loss, alpha, drawn, times, pool, overlap, update)
        recorded, fields = _run(solver, schedule, update, progress)
    steps = schedule.steps if isinstance(schedule, Flow) else schedule
    unknown = math.nan if overlap else 0.0
    return MeanField(
        loss,
        alpha,
        np.concatenate([[0.0], np.cumsum(steps)]),
        solver.z,
        solver.y,
        drawn.weights,
        np.stack(fields),
        solver.energy[:, recorded],
        solver.mu[:, recorded],
        np.diagonal(solver.signal.covariance, axis1=1, axis2=2)[:, recorded] + unknown,
        solver.signal.gain[:, recorded] + unknown,
        solver.overlap[:, recorded],
        solver.correlation(recorded),
    )


def cost(paths: int, times: int, batches: int = BATCHES) -> Cost:
    """Memory and time of a run.

    Parameters
    ----------
    paths : int
        Sample paths in all.
    times : int
        Times of the theory: steps of gradient descent plus one, or `Flow.times`.
    batches : int
        Independent batches.

    Returns
    -------
    Cost
        Memory grows as paths times `times`, plus batches times its square; time as paths times
        its cube.

    Examples
    --------
    >>> small, long = cost(16384, 161), cost(16384, 1610)
    >>> small.memory < 2e8, 500 < long.seconds / small.seconds < 1500
    (True, True)
    """
    total = batches * _batch_size(paths, batches)
    # Residuals and curvatures, the Gaussians, the recorded fields at most; then eight two-time
    # functions, and the recorded correlation.
    memory = total * (16 * times + 12 * QUASI_DIMENSIONS) + 72 * batches * times**2
    operations = total * times**3 / 6 + 500 * total * times
    return Cost(memory, operations / (RATE * workers()))


def _run(
    solver: Solver,
    schedule: Flow | NDArray,
    update: Update,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[int], list[NDArray]]:
    steps = schedule.steps if isinstance(schedule, Flow) else schedule
    times = np.cumsum([0.0, *steps])
    recorded, fields = [0], [solver.yhat]
    for index, step in enumerate(steps):
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(schedule, Flow):
                flow_step(solver, step, int(schedule.stages[index]))
            else:
                take_step(solver, update, times[index], step, steps[index - 1])
        _refuse_if_diverged(solver, index, step, update.temperature)
        recorded.append(solver.t)
        fields.append(solver.yhat)
        if progress is not None:
            progress(index + 1, len(steps))
    return recorded, fields


def _refuse_if_diverged(solver: Solver, index: int, step: float, temperature: float) -> None:
    # The energy of a flow falls; of a descent with finite steps, nearly so. A path beyond its
    # stability grows by orders of magnitude.
    energy = solver.energy[:, solver.t]
    if np.all(energy < 10 * (solver.energy[:, 0] + temperature)):
        return
    paths = solver.yhat.shape[-1]
    raise FloatingPointError(
        f"step {index} of {step:.3g} is too large for the curvature at alpha = {solver.alpha:g}: "
        f"the descent diverges; take more paths ({paths} are in a batch) or smaller steps"
    )


def _checked_steps(steps: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(steps, dtype=float)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)) or array.min() <= 0:
        raise ParameterError(
            f"schedule has shape {array.shape}: must be a Flow, or one or more finite steps > 0"
        )
    return array


def _batch_size(paths: int, batches: int) -> int:
    if batches < 2:
        raise ParameterError(f"batches = {batches}: must be a whole number >= 2 (errors need two)")
    if paths < 1:
        raise ParameterError(f"paths = {paths}: must be a whole number >= 1 (sample paths in all)")
    return max(LANES, 1 << math.ceil(math.log2(max(paths / batches, 1))))


def _refuse_if_too_large(paths: int, batches: int, times: int) -> None:
    needed, available = cost(paths, times, batches).memory, available_memory()
    if needed > 0.8 * available:
        raise ParameterError(
            f"paths = {paths}: with {times} times takes {needed / 2**30:.1f} GiB of memory; must "
            f"fit into {0.8 * available / 2**30:.1f} GiB, so at most about "
            f"{int(paths * 0.8 * available / needed)} paths"
        )
