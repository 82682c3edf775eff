"""Gradient flow on the sphere: descend, record, and say how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.descent.batch import DIVERGED, RECOVERED, RUNNING, STATIONARY, STEPS, Batch, Limits
from prlib.descent.trajectory import StepRecord, StoppedBy, Trajectory
from prlib.parameters import ParameterError, check
from prlib.problem import Problem
from prlib.spectra.numerical import lowest_eigenpairs

SAFETY = 1.0
"""Step times bounded curvature. The bound holds at large N; at N = 32 the curvature exceeds it by
up to a fifth, and a step stays stable up to twice its inverse."""

_ENDS: dict[int, StoppedBy] = {
    RUNNING: "time",
    RECOVERED: "recovered",
    STATIONARY: "stationary",
    STEPS: "steps",
    DIVERGED: "diverged",
}


def descend(
    problem: Problem,
    w0: NDArray,
    *,
    time: float,
    times: ArrayLike | None = None,
    release: float = 0.0,
    eigenpairs: int = 0,
    keep_states: bool = False,
    step: float = 0.5,
    safety: float = SAFETY,
    success: float | None = 0.99,
    stationary: float = 1e-6,
    max_steps: int = 1_000_000,
    threads: int = 1,
) -> Trajectory:
    r"""Descend from one estimate along the sphere.

    Each step is :math:`w \leftarrow w - \eta (g - \mu w)`, rescaled to squared norm N, and as large
    as both `step` and the curvature allow: :math:`\eta = \min(\eta_{max}, s/\lambda)`, with
    lambda a bound on the largest eigenvalue of the Hessian
    (`prlib.descent.reference.curvature_bound`) and s the safety.

    Parameters
    ----------
    problem : Problem
        The instance. Its precision is the descent's.
    w0 : ndarray, shape (N,)
        Where to start; it is rescaled to squared norm N.
    time : float
        Flow time at which to stop, the sum of the steps.
    times : array_like, optional
        Flow times at which to record; 0 and the end are always among them. A step is shortened
        to land on each.
    release : float
        Flow time until which an update has no component along the signal.
    eigenpairs : int
        How many of the lowest eigenpairs of the Hessian to record.
    keep_states : bool
        Whether to keep the estimates at the recorded times.
    step : float
        Largest step.
    safety : float
        Largest product of a step and the bounded curvature, in (0, 2).
    success : float or None
        Modulus of the overlap at which the signal counts as recovered, in (0, 1]; ``None`` to go
        on regardless.
    stationary : float
        Norm of the gradient over the root of N below which to stop; 0 to go on regardless.
    max_steps : int
        Largest number of steps.
    threads : int
        Threads of the compiled step.

    Returns
    -------
    Trajectory
        The observables at the recorded times that were reached, and how the descent ended.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not match.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.problem import random_on_sphere
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), n=60, alpha=6.0, rng=rng)
    >>> path = descend(problem, random_on_sphere(60, rng), time=50.0, times=[1.0, 10.0])
    >>> path.stopped_by, bool(abs(path.overlap[-1]) >= 0.99), path.step.rises
    ('recovered', True, 0)
    """
    return descend_together(
        problem,
        np.asarray(w0)[None],
        time=time,
        times=times,
        release=[release],
        eigenpairs=eigenpairs,
        keep_states=keep_states,
        step=step,
        safety=safety,
        success=success,
        stationary=stationary,
        max_steps=max_steps,
        threads=threads,
    )[0]


def descend_together(
    problem: Problem,
    starts: NDArray,
    *,
    time: float,
    times: ArrayLike | None = None,
    release: Sequence[float] | None = None,
    eigenpairs: int = 0,
    keep_states: bool = False,
    step: float = 0.5,
    safety: float = SAFETY,
    success: float | None = 0.99,
    stationary: float = 1e-6,
    max_steps: int = 1_000_000,
    threads: int = 1,
) -> list[Trajectory]:
    """Descend from several estimates over one instance, each row of X loaded once for all.

    Parameters
    ----------
    problem : Problem
        The instance.
    starts : ndarray, shape (B, N)
        Where to start, one descent a row.
    time, times, eigenpairs, keep_states, step, safety, success, stationary, max_steps, threads
        See `descend`.
    release : sequence of float, optional
        For each descent, see `descend`.

    Returns
    -------
    list of Trajectory
        One a start, in their order.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not match.
    """
    time = check("time", time)
    limits = _limits(step, safety, success, stationary, max_steps)
    if threads < 1:
        raise ParameterError(f"threads = {threads!r}: must be a whole number >= 1")
    stops = _stops(times, time)
    starts = _checked_starts(problem, starts)
    batch = Batch.at(starts, _checked_release(release, len(starts)))
    recorders = [_Recorder(problem, w, eigenpairs, keep_states) for w in batch.W]
    advance = _engine(problem, len(starts), threads)
    for stop in stops:
        running = np.flatnonzero(batch.records["status"] == RUNNING)
        advance(batch, stop, limits)
        for b in running:
            recorders[b].record(batch.W[b], batch.records[b])
    return [
        recorder.trajectory(w, record)
        for recorder, w, record in zip(recorders, batch.W, batch.records, strict=True)
    ]


def _engine(problem: Problem, count: int, threads: int) -> Callable[[Batch, float, Limits], None]:
    # The compiler is loaded where a descent runs, so that theory alone starts at once.
    from prlib.descent.kernels import Workspace  # noqa: PLC0415

    return Workspace(problem, count, threads).advance


def _limits(
    step: float, safety: float, success: float | None, stationary: float, max_steps: int
) -> Limits:
    step = check("step", step)
    if not 0 < safety < 2:
        raise ParameterError(
            f"safety = {safety!r}: must be a number between 0 and 2 (step times curvature)"
        )
    if success is not None and not 0 < success <= 1:
        raise ParameterError(
            f"success = {success!r}: must be a number in (0, 1], or None (overlap that counts)"
        )
    if not 0 <= stationary < math.inf:
        raise ParameterError(f"stationary = {stationary!r}: must be a finite number >= 0")
    if max_steps < 1:
        raise ParameterError(f"max_steps = {max_steps!r}: must be a whole number >= 1")
    return Limits(step, safety, math.inf if success is None else success, stationary, max_steps)


def _stops(times: ArrayLike | None, time: float) -> list[float]:
    if times is None:
        return [0.0, time]
    wanted = np.atleast_1d(np.asarray(times, dtype=float))
    if wanted.ndim != 1 or not np.all((wanted >= 0) & (wanted <= time)):
        raise ParameterError(f"times: must be a list of numbers from 0 to time = {time:g}")
    return sorted({0.0, time, *wanted.tolist()})


def _checked_starts(problem: Problem, starts: NDArray) -> NDArray:
    starts = np.asarray(starts)
    if starts.ndim != 2 or starts.shape[1] != problem.n or len(starts) < 1:
        raise ValueError(
            f"the start has shape {starts.shape[1:] if len(starts) == 1 else starts.shape}: "
            f"must be ({problem.n},) to match X"
        )
    norms = np.linalg.norm(starts.astype(np.float64), axis=1)
    if not np.all(np.isfinite(norms) & (norms > 0)):
        raise ValueError("the start holds NaN or infinite values, or is zero: must be a point")
    return (starts * (math.sqrt(problem.n) / norms)[:, None]).astype(problem.X.dtype)


def _checked_release(release: Sequence[float] | None, count: int) -> NDArray[np.float64]:
    if release is None:
        return np.zeros(count)
    release = np.asarray(release, dtype=float)
    if release.shape != (count,) or not np.all(np.isfinite(release) & (release >= 0)):
        raise ParameterError(
            f"release = {release.tolist()}: must be a finite time >= 0 for each of {count} starts"
        )
    return release


@dataclass
class _Recorder:
    """Gathers the rows of one trajectory."""

    problem: Problem
    w0: NDArray
    eigenpairs: int
    keep_states: bool
    rows: list[tuple[float, ...]] = field(default_factory=list)
    spectra: list[NDArray] = field(default_factory=list)
    states: list[NDArray] = field(default_factory=list)
    last_vectors: NDArray | None = None
    first_vector: NDArray | None = None

    def __post_init__(self) -> None:
        self.w0 = self.w0.copy()
        if self.eigenpairs:
            check_eigenpairs(self.eigenpairs, self.problem.n)

    def record(self, w: NDArray, observed: np.void) -> None:
        """Add a row."""
        self.rows.append(
            tuple(observed[["time", "energy", "mu", "overlap", "gradient_norm"]].item())
        )
        if self.eigenpairs:
            self.spectra.append(self._spectrum(w))
        if self.keep_states:
            self.states.append(w.copy())

    def _spectrum(self, w: NDArray) -> NDArray:
        if not np.all(np.isfinite(w)):
            return np.full((5, self.eigenpairs), np.nan)
        pairs = lowest_eigenpairs(self.problem, w, self.eigenpairs, guess=self.last_vectors)
        self.last_vectors = pairs.vectors
        if self.first_vector is None:
            self.first_vector = pairs.vectors[0]
        directions = (
            self.problem.signal,
            self.first_vector,
            w.astype(np.float64) - self.w0,
            self.problem.gradient(w),
        )
        return np.array([pairs.values, *(_overlap2(pairs.vectors, d) for d in directions)])

    def trajectory(self, w: NDArray, last: np.void) -> Trajectory:
        """Close the record."""
        columns = np.array(self.rows, dtype=np.float64).T
        spectra = np.array(self.spectra).reshape(len(self.rows), 5, self.eigenpairs)
        return Trajectory(
            *columns,
            *(spectra[:, i] for i in range(5)),
            states=np.array(self.states) if self.keep_states else None,
            w=w.copy(),
            steps=int(last["steps"]),
            stopped_by=_ENDS[int(last["status"])],
            step=StepRecord(
                smallest=float(last["smallest_step"]) if last["steps"] else 0.0,
                largest=float(last["largest_step"]),
                rises=int(last["rises"]),
                sharpness=float(last["sharpness"]),
            ),
        )


def check_eigenpairs(count: int, n: int) -> None:
    """Refuse a number of eigenpairs that there are not.

    Parameters
    ----------
    count : int
        How many are asked for.
    n : int
        Dimension N.

    Raises
    ------
    ParameterError
        Unless it is a whole number from 0 to N.
    """
    if not 0 <= count <= n:
        raise ParameterError(f"eigenpairs = {count!r}: must be a whole number from 0 to N = {n}")


def _overlap2(vectors: NDArray, direction: NDArray) -> NDArray:
    direction = direction.astype(np.float64)
    norm2 = float(direction @ direction)
    return (vectors @ direction) ** 2 / norm2 if norm2 > 0 else np.full(len(vectors), np.nan)
