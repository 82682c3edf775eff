"""A descent named by its numbers: what the command line, the sweeps and the notebooks call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from prlib.descent.flow import descend_together
from prlib.descent.starts import Start, as_start, starting_point
from prlib.descent.trajectory import StoppedBy, Trajectory
from prlib.losses import as_loss
from prlib.parameters import check, check_measurements
from prlib.problem import Problem, random_on_sphere

CONSTRAINED_TIME = 20.0
"""Flow time for which the constrained start keeps its overlap at zero, by default."""


@dataclass(frozen=True)
class Descent:
    """How one descent ended.

    Attributes
    ----------
    recovered : bool
        Whether the signal was found.
    overlap : float
        Modulus of the overlap at the end.
    energy : float
        Energy at the end.
    steps : int
        Gradient steps taken.
    time : float
        Flow time at the end, the sum of the steps.
    stopped_by : {"recovered", "stationary", "time", "steps", "diverged"}
        Why it ended.
    start_overlap : float
        Modulus of the overlap at the start.
    rises : int
        Steps that raised the energy.
    trajectory : Trajectory
        All that was recorded.
    """

    recovered: bool
    overlap: float
    energy: float
    steps: int
    time: float
    stopped_by: StoppedBy
    start_overlap: float
    rises: int
    trajectory: Trajectory = field(repr=False, compare=False)

    @classmethod
    def of(cls, path: Trajectory) -> Descent:
        """Summarise a trajectory.

        Parameters
        ----------
        path : Trajectory
            What was recorded.

        Returns
        -------
        Descent
            Its end.
        """
        return cls(
            recovered=path.recovered,
            overlap=abs(float(path.overlap[-1])),
            energy=float(path.energy[-1]),
            steps=path.steps,
            time=float(path.time[-1]),
            stopped_by=path.stopped_by,
            start_overlap=abs(float(path.overlap[0])),
            rises=path.step.rises,
            trajectory=path,
        )


def instance(
    a: float | None, alpha: float, n: int, seed: int, *, dtype: DTypeLike = np.float32
) -> tuple[Problem, NDArray[np.float64]]:
    """Draw the instance and the random point that a seed stands for.

    Measurements, signal and point come from streams of their own. They depend on the seed, on N
    and on M alone: neither the loss nor the start nor the precision changes them.

    Parameters
    ----------
    a : float or None
        Normalisation > 0 of the loss; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension N.
    seed : int
        Seed >= 0.
    dtype : dtype
        Precision of X.

    Returns
    -------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> problem, point = instance(0.01, 3.0, 40, seed=1)
    >>> problem.X.shape, round(float(point @ point), 6)
    ((120, 40), 40.0)
    """
    loss = as_loss(a)
    n, alpha, seed = check("n", n), check("alpha", alpha), check("seed", seed)
    m = check_measurements(n, alpha)
    streams = np.random.SeedSequence([seed, n, m]).spawn(2)
    of_problem, of_point = (np.random.default_rng(stream) for stream in streams)
    problem = Problem.random(loss, n=n, alpha=alpha, rng=of_problem, dtype=np.dtype(dtype))
    return problem, random_on_sphere(n, of_point)


def descend_instance(
    a: float | None,
    alpha: float,
    n: int,
    start: str | Start = "random",
    time: float = 100.0,
    seed: int = 0,
    *,
    constrained_time: float = CONSTRAINED_TIME,
    dtype: DTypeLike = np.float32,
    **options: object,
) -> Descent:
    """Descend over one random instance.

    Parameters
    ----------
    a : float or None
        Normalisation > 0 of the loss; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension N.
    start : str or Start
        A name in `prlib.descent.starts.STARTS`, or the start.
    time : float
        Flow time at which to stop. For the constrained start the constrained part counts.
    seed : int
        Seed >= 0. Every start of one seed shares the instance and the random point.
    constrained_time : float
        Flow time for which the constrained start keeps its overlap at zero.
    dtype : dtype
        Precision.
    **options
        Passed on to `prlib.descent.flow.descend`.

    Returns
    -------
    Descent
        How it ended, and its trajectory.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> end = descend_instance(a=1.0, alpha=6.0, n=60, seed=3)
    >>> end.recovered, end.stopped_by
    (True, 'recovered')
    """
    return descend_starts(
        a, alpha, n, [start], time, seed, constrained_time=constrained_time, dtype=dtype, **options
    )[0]


def descend_starts(
    a: float | None,
    alpha: float,
    n: int,
    starts: Sequence[str | Start],
    time: float,
    seed: int,
    *,
    constrained_time: float = CONSTRAINED_TIME,
    dtype: DTypeLike = np.float32,
    **options: object,
) -> list[Descent]:
    """Descend over one random instance from several starts at once.

    Parameters
    ----------
    a, alpha, n, time, seed, constrained_time, dtype, **options
        See `descend_instance`.
    starts : sequence of str or Start
        Names in `prlib.descent.starts.STARTS`, or the starts.

    Returns
    -------
    list of Descent
        One a start, in their order.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    starts = [as_start(start) for start in starts]
    time, constrained_time = check("time", time), check("constrained_time", constrained_time)
    release = [min(constrained_time, time) if start.holds else 0.0 for start in starts]
    # One thread of linear algebra: the rounding of a start must not depend on the machine's cores.
    with threadpool_limits(1, user_api="blas"):
        problem, point = instance(a, alpha, n, seed, dtype=dtype)
        points = np.array([starting_point(problem, point, start) for start in starts])
        paths = descend_together(problem, points, time=time, release=release, **options)
    return [Descent.of(path) for path in paths]
