"""A descent named by its numbers: what the command line, the sweeps and the notebooks call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from prlib.channels import NOISELESS, Channel
from prlib.descent.simulate import descend_together
from prlib.descent.starts import Start, as_start, starting_point
from prlib.descent.trajectory import StoppedBy, Trajectory
from prlib.losses import Loss, takes_loss
from prlib.memory import check_memory
from prlib.parameters import ParameterError, check, check_measurements
from prlib.problem import Problem, random_on_sphere
from prlib.sensing import GAUSSIAN, Sensing
from prlib.threads import one_blas_thread

HOLD = 20.0
"""Flow time for which a start that holds is kept at overlap zero, by default."""


@dataclass(frozen=True)
class Descent:
    """How one descent ended.

    Attributes
    ----------
    recovered, overlap, energy, steps, time, stopped_by
        Those of the trajectory at its end.
    start_overlap : float
        Overlap at the start; ``abs_overlap`` and ``abs_start_overlap`` are the two without a sign.
    rises : int
        See `prlib.descent.StepRecord`.
    trajectory : Trajectory
        All that was recorded.
    """

    recovered: bool
    overlap: float
    abs_overlap: float
    energy: float
    steps: int
    time: float
    stopped_by: StoppedBy
    start_overlap: float
    abs_start_overlap: float
    rises: int
    trajectory: Trajectory = field(repr=False, compare=False)

    @classmethod
    def of(cls, path: Trajectory) -> Descent:
        """Summarise a trajectory."""
        start, end = float(path.overlap[0]), float(path.overlap[-1])
        return cls(
            recovered=path.recovered,
            overlap=end,
            abs_overlap=abs(end),
            energy=float(path.energy[-1]),
            steps=path.steps,
            time=float(path.time[-1]),
            stopped_by=path.stopped_by,
            start_overlap=start,
            abs_start_overlap=abs(start),
            rises=path.step.rises,
            trajectory=path,
        )


@takes_loss
def instance(
    loss: Loss,
    alpha: float,
    n: int,
    seed: int,
    dtype: DTypeLike = np.float32,
    *,
    channel: str | Channel = NOISELESS,
    sensing: str | Sensing = GAUSSIAN,
) -> tuple[Problem, NDArray[np.float64]]:
    """Draw the instance and the random point that a seed stands for.

    The instance and the point come from streams of their own. They depend on the seed, on N and on
    M alone: neither the loss nor the start nor the precision changes them, and noise is drawn last.

    Parameters
    ----------
    loss, alpha, n, seed
        See `prlib.parameters`; the loss is what `prlib.losses.as_loss` reads.
    dtype : dtype
        Precision of X, float32 or float64.
    channel : Channel or str
        How labels come of the signal's fields, or its id, as ``additive(sigma=0.3)``.
    sensing : Sensing or str
        The law of the measurement vectors, or its id, as ``rademacher``.

    Raises
    ------
    ParameterError
        If an argument is out of range, or X does not fit into memory.

    Examples
    --------
    >>> problem, point = instance(0.01, 3.0, 40, seed=1)
    >>> problem.X.shape, round(float(point @ point), 6)
    ((120, 40), 40.0)
    """
    n, alpha, seed = check("n", n), check("alpha", alpha), check("seed", seed)
    dtype = _precision(dtype)
    m = check_measurements(n, alpha)
    channel, sensing = Channel.read(channel), Sensing.read(sensing)
    check_memory(f"n = {n}, alpha = {alpha:g}", nbytes(m, n, dtype.itemsize, sensing))
    of_problem, of_point = map(np.random.default_rng, _streams(seed, n, m)[:2])
    drawn = {"channel": channel, "sensing": sensing}
    problem = Problem.random(loss, n=n, alpha=alpha, rng=of_problem, dtype=dtype, **drawn)
    return problem, random_on_sphere(n, of_point)


def _streams(seed: int, n: int, m: int) -> list[np.random.SeedSequence]:
    # Of the instance, of the random point, and of the noise of steps, which all starts share.
    return np.random.SeedSequence([seed, n, m]).spawn(3)


_BESIDE = 24
"""Bytes of labels, fields and slopes beside a row of X, about: they count where n is small."""


def nbytes(m: int, n: int, itemsize: int, sensing: Sensing) -> int:
    """Return about how many bytes an instance takes.

    Examples
    --------
    >>> nbytes(3 * 2**16, 2**16, 4, Sensing.read("hadamard")) < 2**25 < 2**35
    True
    """
    return sensing.nbytes(m, n, itemsize) + m * _BESIDE


def _precision(dtype: DTypeLike) -> np.dtype:
    try:
        precision = np.dtype(dtype)
        known = precision.name in {"float32", "float64"}
    except TypeError:
        known = False
    if not known:
        raise ParameterError(f"dtype = {dtype!r}: must be float32 or float64")
    return precision


@takes_loss
def descend_instance(
    loss: Loss,
    alpha: float,
    n: int,
    start: str | Start = "random",
    time: float = 100.0,
    seed: int = 0,
    **options: object,
) -> Descent:
    """Descend over one random instance.

    Parameters
    ----------
    loss, alpha, n, seed
        See `instance`. Every start of one seed shares the instance and the random point.
    start : str or Start
        A name in `prlib.descent.starts.STARTS`, or the start.
    time : float
        Flow time at which to stop. The time for which a start is held counts.
    **options
        See `descend_starts`.

    Examples
    --------
    >>> end = descend_instance(a=1.0, alpha=6.0, n=60, seed=3)
    >>> end.recovered, end.stopped_by
    (True, 'recovered')
    """
    return descend_starts(loss, alpha, n, [start], time, seed, **options)[0]


@takes_loss
def descend_starts(
    loss: Loss,
    alpha: float,
    n: int,
    starts: Sequence[str | Start],
    time: float,
    seed: int,
    *,
    hold: float = HOLD,
    dtype: DTypeLike = np.float32,
    channel: str | Channel = NOISELESS,
    sensing: str | Sensing = GAUSSIAN,
    **options: object,
) -> list[Descent]:
    """Descend over one random instance from several starts at once.

    Parameters
    ----------
    loss, alpha, n, starts, time, seed
        See `descend_instance`.
    hold : float
        Flow time for which the starts that hold keep the overlap at zero.
    dtype : dtype
        Precision, float32 or float64.
    channel, sensing
        See `instance`.
    **options
        As `scheme`, `times`, `eigenpairs` and `success`: see
        `prlib.descent.simulate.descend_together`.
    """
    starts = [as_start(start) for start in starts]
    time, hold = check("time", time), check("hold", hold)
    holds = [min(hold, time) if start.holds else 0.0 for start in starts]
    # The rounding of a start must not depend on the machine's cores.
    with one_blas_thread():
        problem, point = instance(loss, alpha, n, seed, dtype, channel=channel, sensing=sensing)
        points = np.array([starting_point(problem, point, start) for start in starts])
        seeds = [_streams(seed, problem.n, problem.m)[2]] * len(starts)
        paths = descend_together(problem, points, time=time, hold=holds, seeds=seeds, **options)
    return [Descent.of(path) for path in paths]
