"""Descend on the sphere, record on the way, and say how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.descent.batch import DIVERGED, RECOVERED, RUNNING, STATIONARY, STEPS, Batch, Limits
from prlib.descent.noise import Noise, Seed
from prlib.descent.trajectory import StepRecord, StoppedBy, Trajectory
from prlib.parameters import ParameterError, check
from prlib.problem import Problem
from prlib.schemes import Scheme, as_scheme
from prlib.sensing.hadamard import Transforms
from prlib.spectra.eigenpairs import lowest_eigenpairs

_ENDS: dict[int, StoppedBy] = {
    RUNNING: "time",
    RECOVERED: "recovered",
    STATIONARY: "stationary",
    STEPS: "steps",
    DIVERGED: "diverged",
}


def descend(problem: Problem, w0: NDArray, *, hold: float = 0.0, **options: object) -> Trajectory:
    r"""Descend from one estimate along the sphere.

    Each step is :math:`w \leftarrow w - \eta (g - \mu w)`, with what else the scheme makes it of,
    rescaled to squared norm N; its length is chosen from a bound on the largest eigenvalue of the
    Hessian (`prlib.descent.reference.curvature_bound`).

    Parameters
    ----------
    problem : Problem
        The instance; its precision is the descent's. Without a signal overlaps are NaN and
        nothing is ever recovered. Where X is an operator of a reader's own, NumPy takes the steps.
    w0 : ndarray, shape (N,)
        Where to start; it is rescaled to squared norm N.
    hold : float
        Flow time for which an update has no component along the signal.
    **options
        See `descend_together`; `time` is needed.

    Raises
    ------
    ParameterError
        If an argument is out of range.
    ValueError
        If shapes do not match.

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
    return descend_together(problem, np.asarray(w0)[None], hold=[hold], **options)[0]


def descend_together(
    problem: Problem,
    starts: NDArray,
    *,
    time: float,
    times: ArrayLike | None = None,
    hold: Sequence[float] | None = None,
    eigenpairs: int = 0,
    keep_states: bool = False,
    scheme: str | Scheme = "flow",
    success: float | None = 0.99,
    stationary: float = 1e-6,
    max_steps: int = 1_000_000,
    threads: int = 1,
    seeds: Sequence[Seed] | None = None,
) -> list[Trajectory]:
    """Descend from several estimates over one instance, each row of an array X loaded once for all.

    Parameters
    ----------
    problem : Problem
        See `descend`.
    starts : ndarray, shape (B, N)
        Where to start, one descent a row.
    time : float
        Flow time at which to stop, the sum of the steps.
    times : array_like, optional
        Flow times at which to record; 0 and the end are always among them. `flow` shortens a step
        to land on each; `descent` records after the step that is nearest.
    hold : sequence of float, optional
        For each descent, see `descend`.
    eigenpairs : int
        How many of the lowest eigenpairs of the Hessian to record.
    keep_states : bool
        Whether to keep the estimates at the recorded times.
    scheme : str or Scheme
        How to step, see `prlib.schemes.as_scheme`.
    success : float or None
        Modulus of the overlap at which the signal counts as recovered, in (0, 1]; ``None`` to go
        on regardless.
    stationary : float
        Norm of the gradient over the root of N below which to stop; 0 to go on regardless.
    max_steps : int
        Largest number of steps.
    threads : int
        Threads of the compiled step. A process that has used several must not be forked: the
        child has none of them, and is refused any but one.
    seeds : sequence of int or SeedSequence, optional
        For each descent, the seed of the noise of a scheme that has any; independent by default.
    """
    scheme = as_scheme(scheme)
    stops = _stops(scheme, times, check("time", time))
    limits = _limits(scheme, success, stationary, max_steps)
    if threads < 1:
        raise ParameterError(f"threads = {threads!r}: must be a whole number >= 1")
    starts = _checked_starts(problem, starts)
    batch = Batch.at(starts, scheme.stops(_checked_hold(problem, hold, len(starts))))
    recorders = [_Recorder(problem, w, eigenpairs, keep_states) for w in batch.W]
    if seeds is None:
        seeds = np.random.SeedSequence(0).spawn(len(starts))
    noise = Noise(scheme.update, *problem.X.shape, seeds, batch.W.dtype)
    advance = _engine(problem, len(starts), threads, noise)
    for stop in stops:
        running = np.flatnonzero(batch.records["status"] == RUNNING)
        advance(batch, stop, limits)
        for b in running:
            recorders[b].record(batch.W[b], batch.records[b])
    return [
        recorder.trajectory(w, record)
        for recorder, w, record in zip(recorders, batch.W, batch.records, strict=True)
    ]


def _engine(
    problem: Problem, count: int, threads: int, noise: Noise
) -> Callable[[Batch, float, Limits], None]:
    # The compiler is loaded where a descent runs, so that theory alone starts at once.
    if not isinstance(problem.X, (np.ndarray, Transforms)):
        from prlib.descent.reference import advance  # noqa: PLC0415

        return partial(advance, problem, noise=noise)
    from prlib.descent.kernels import Workspace  # noqa: PLC0415

    return Workspace(problem, count, threads, noise).advance


def _limits(scheme: Scheme, success: float | None, stationary: float, max_steps: int) -> Limits:
    if success is not None and not 0 < success <= 1:
        raise ParameterError(
            f"success = {success!r}: must be a number in (0, 1], or None (overlap that counts)"
        )
    if not 0 <= stationary < math.inf:
        raise ParameterError(f"stationary = {stationary!r}: must be a finite number >= 0")
    if max_steps < 1:
        raise ParameterError(f"max_steps = {max_steps!r}: must be a whole number >= 1")
    return Limits(scheme, math.inf if success is None else success, stationary, max_steps)


def _stops(scheme: Scheme, times: ArrayLike | None, time: float) -> list[float]:
    wanted = np.atleast_1d(np.asarray([] if times is None else times, dtype=float))
    if wanted.ndim != 1 or not np.all((wanted >= 0) & (wanted <= time)):
        raise ParameterError(f"times: must be a list of numbers from 0 to time = {time:g}")
    last = float(scheme.stops(time))
    if not last > 0:
        raise ParameterError(f"time = {time:g}: must be at least one step of {scheme}")
    return sorted({0.0, last, *scheme.stops(wanted).tolist()})


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


def _checked_hold(
    problem: Problem, hold: Sequence[float] | None, count: int
) -> NDArray[np.float64]:
    times = np.zeros(count) if hold is None else np.asarray(hold, dtype=float)
    if times.shape != (count,) or not np.all(np.isfinite(times) & (times >= 0)):
        raise ParameterError(
            f"hold = {times.tolist()}: must be a finite time >= 0 for each of {count} starts"
        )
    if problem.signal is None and np.any(times > 0):
        raise ParameterError(
            f"hold = {times.max():g}: must be 0 where the problem has no signal to hold it from"
        )
    return times


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
        signal = self.problem.signal
        directions = (
            np.zeros(len(w)) if signal is None else signal,
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
    """Refuse a number of eigenpairs that there are not."""
    if not 0 <= count <= n:
        raise ParameterError(f"eigenpairs = {count!r}: must be a whole number from 0 to N = {n}")


def _overlap2(vectors: NDArray, direction: NDArray) -> NDArray:
    direction = direction.astype(np.float64)
    norm2 = float(direction @ direction)
    return (vectors @ direction) ** 2 / norm2 if norm2 > 0 else np.full(len(vectors), np.nan)
