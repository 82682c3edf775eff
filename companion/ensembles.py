"""Many random instances of one setting, observed: the simulation beside a theory's line.

Every instance has a seed of its own, made from its replica and the reader's seed, so that the rows
are the same for any number of workers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh
from scipy.stats import t as student
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from prlib.descent import descend, starting_point
from prlib.descent import instance as seeded_instance
from prlib.losses import Loss
from prlib.measures import LabelMeasure, empirical
from prlib.problem import Problem
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier
from prlib.sweeps import Grid, Sweep, TheoryGrid, results
from prlib.sweeps.data import VARIABLE

_DATA = Path(__file__).resolve().parent.parent / "data"


def data_folder() -> Path:
    """Return where results lie: the folder that PRLIB_DATA names, or ``data`` of this checkout."""
    return Path(os.environ.get(VARIABLE) or _DATA)


RECOVERED = 0.99
"""Absolute overlap above which the signal counts as recovered."""


def instance(
    loss: Loss, alpha: float, n: int, replica: int, seed: int
) -> tuple[Problem, NDArray[np.float64]]:
    """Draw one instance and one random point of the sphere, the same for every loss.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension.
    replica : int
        Which of the instances of this setting.
    seed : int
        The reader's seed.

    Returns
    -------
    problem : Problem
        The instance.
    w : ndarray, shape (N,)
        The point.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> problem, w = instance(NormalizedIntensity(1.0), 2.0, 20, 0, seed=1)
    >>> again, _ = instance(NormalizedIntensity(1.0), 2.0, 20, 0, seed=1)
    >>> bool((problem.X == again.X).all())
    True
    """
    of_replica = int(np.random.SeedSequence([seed, replica]).generate_state(1)[0])
    problem, point = seeded_instance(None, alpha, n, of_replica, dtype=np.float64)
    return replace(problem, loss=loss), point


def start_spectrum(
    loss: Loss, alpha: float, n: int, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Whole spectrum of the Hessian of one random start.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension.
    seed : int
        The reader's seed.

    Returns
    -------
    eigenvalues : ndarray, shape (N,)
        In rising order, before the shift by mu: the multiplier of one instance fluctuates much
        more than its bulk does.
    mu : float
        That multiplier.
    """
    problem, w = instance(loss, alpha, n, 0, seed)
    mu = problem.mu(w)
    return eigvalsh(problem.dense_hessian(w)) + mu, mu


def start_spectra(
    loss: Loss, alphas: Sequence[float], sizes: Sequence[int], replicas: int, seed: int
) -> pd.DataFrame:
    """Lowest eigenpair of the Hessian of many random starts.

    Parameters
    ----------
    loss : Loss
        The loss.
    alphas : sequence of float
        Measurements per dimension.
    sizes : sequence of int
        Dimensions.
    replicas : int
        Instances at the largest dimension; smaller ones, which cost less and fluctuate more,
        get more in proportion.
    seed : int
        The reader's seed.

    Returns
    -------
    pandas.DataFrame
        One row an instance: ``alpha, n, replica``, the lowest eigenvalue before the shift by mu
        (``lowest``), the left edge of the bulk by the instance's own empirical law
        (``empirical_edge``), the multiplier ``mu``, the squared overlap of the lowest
        eigenvector with the signal (``overlap2``) and what that empirical law predicts for it
        (``predicted_overlap2``).
    """
    tasks = [
        (loss, alpha, n, replica, seed)
        for n in sorted(sizes, reverse=True)
        for alpha in alphas
        for replica in range(replicas * max(sizes) // n)
    ]
    return pd.DataFrame(in_parallel(_start_row, tasks, "random starts"))


def _start_row(loss: Loss, alpha: float, n: int, replica: int, seed: int) -> dict[str, float]:
    problem, w = instance(loss, alpha, n, replica, seed)
    values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 0])
    law, mu = empirical(problem, w), problem.mu(w)
    edge = left_edge(law)
    predicted = outlier(law, edge)
    return {
        "alpha": alpha,
        "n": n,
        "replica": replica,
        "lowest": values[0] + mu,
        "empirical_edge": edge.position + mu,
        "mu": mu,
        "overlap2": float(vectors[:, 0] @ problem.signal) ** 2 / n,
        "predicted_overlap2": 0.0 if predicted is None else predicted.overlap2,
    }


def mean_interval(
    rows: pd.DataFrame, by: str | list[str], column: str, level: float = 0.95
) -> pd.DataFrame:
    """Mean of a column with its Student interval, group by group.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row an instance.
    by : str or list of str
        The grouping columns.
    column : str
        The averaged column.
    level : float
        Confidence.

    Returns
    -------
    pandas.DataFrame
        Indexed by the groups: ``mean, error`` (standard error), ``low, high, count``.

    Examples
    --------
    >>> rows = pd.DataFrame({"n": [1, 1, 1], "x": [1.0, 2.0, 3.0]})
    >>> float(mean_interval(rows, "n", "x").loc[1, "mean"])
    2.0
    """
    found = rows.groupby(by)[column].agg(["mean", "sem", "count"])
    found = found.rename(columns={"sem": "error"})
    reach = found["error"] * student.ppf((1 + level) / 2, np.maximum(found["count"] - 1, 1))
    return found.assign(low=found["mean"] - reach, high=found["mean"] + reach)


def in_parallel(function: Callable, tasks: Sequence[Iterable[Any]], what: str) -> list[Any]:
    """Run a function over tasks on all cores, one linear-algebra thread each.

    Parameters
    ----------
    function : callable
        Called with the items of each task.
    tasks : sequence of iterable
        The arguments of each call.
    what : str
        What the progress bar, on standard error, counts.

    Returns
    -------
    list
        Results in the order of the tasks.
    """
    calls = (joblib.delayed(_one_thread)(function, *task) for task in tasks)
    running = joblib.Parallel(n_jobs=-1, return_as="generator")(calls)
    return list(tqdm(running, total=len(tasks), desc=what, file=sys.stderr, leave=False))


def _one_thread(function: Callable, *arguments: Any) -> Any:
    with threadpool_limits(1):
        return function(*arguments)


def descents(
    loss: Loss,
    alphas: Sequence[float],
    n: int,
    replicas: int,
    time: float,
    seed: int,
    *,
    points: int = 22,
) -> pd.DataFrame:
    """Descend from many random starts and observe the Hessian at log-spaced times.

    A run goes on to the end of the time whether it recovers or not, so that every run is
    observed at every time.

    Parameters
    ----------
    loss : Loss
        The loss.
    alphas : sequence of float
        Measurements per dimension.
    n : int
        Dimension.
    replicas : int
        Instances of each alpha.
    time : float
        Flow time of each run.
    seed : int
        The reader's seed.
    points : int
        Observations after the one at time 0.

    Returns
    -------
    pandas.DataFrame
        One row a run and time: ``alpha, n, replica, time``, energy per dimension (``energy``),
        ``mu``, ``abs_overlap``, lowest eigenvalue of the Hessian (``lowest``), left
        edge of the bulk by the empirical law (``edge``), squared overlap of the lowest eigenvector
        with the signal (``overlap2``), whether the empirical law has an outlier toward the signal
        (``outlier``); and of the whole run ``recovered``, ``steps``, ``rises``, ``stopped_by``.
    """
    tasks = [
        (loss, alpha, n, replica, time, seed, points)
        for alpha in sorted(alphas, reverse=True)
        for replica in range(replicas)
    ]
    return pd.concat(in_parallel(_descent_rows, tasks, "descents"), ignore_index=True)


def _descent_rows(
    loss: Loss, alpha: float, n: int, replica: int, time: float, seed: int, points: int
) -> pd.DataFrame:
    problem, w = instance(loss, alpha, n, replica, seed)
    times = np.geomspace(1e-4 * time, time, points)
    run = descend(
        problem,
        w,
        time=time,
        times=times,
        success=None,
        stationary=0.0,
        eigenpairs=1,
        keep_states=True,
    )
    laws = [empirical(problem, state) for state in run.states]
    edges = [left_edge(law) for law in laws]
    return pd.DataFrame(
        {
            "alpha": alpha,
            "n": n,
            "replica": replica,
            "time": run.time,
            "energy": run.energy,
            "mu": run.mu,
            "abs_overlap": np.abs(run.overlap),
            "lowest": run.eigenvalues[:, 0],
            "edge": [edge.position for edge in edges],
            "overlap2": run.signal_overlap2[:, 0],
            "outlier": [
                outlier(law, edge) is not None for law, edge in zip(laws, edges, strict=True)
            ],
            "recovered": bool(np.abs(run.overlap[-1]) > RECOVERED),
            "steps": run.steps,
            "rises": run.step.rises,
            "stopped_by": run.stopped_by,
        }
    )


def constrained_descents(
    loss: Loss,
    alphas: Sequence[float],
    sizes: Sequence[int],
    replicas: int,
    time: float,
    seed: int,
    *,
    points: int = 16,
) -> pd.DataFrame:
    """Descend without any component along the signal, and observe the Hessian.

    Parameters
    ----------
    loss : Loss
        The loss.
    alphas : sequence of float
        Measurements per dimension.
    sizes : sequence of int
        Dimensions.
    replicas : int
        Instances at the largest dimension; smaller ones get more in proportion.
    time : float
        Flow time of each run.
    seed : int
        The reader's seed.
    points : int
        Observations, log-spaced over the last two decades of the time.

    Returns
    -------
    pandas.DataFrame
        One row a run and time: ``alpha, n, replica, time``, energy per dimension (``energy``),
        ``mu``, ``overlap``, lowest eigenvalue of the Hessian with the direction of the signal in
        it (``lowest``), squared overlap of its eigenvector with the signal (``overlap2``); by the
        state's own law of labels and fields, left edge of the bulk (``edge``), outlier and its
        squared overlap (``outlier``, ``outlier_overlap2``: NaN and 0 where there is none); and
        ``rises``, the steps of the run that raised the energy.
    """
    tasks = [
        (loss, alpha, n, replica, time, seed, points)
        for n in sorted(sizes, reverse=True)
        for alpha in sorted(alphas, reverse=True)
        for replica in range(replicas * max(sizes) // n)
    ]
    found = in_parallel(_constrained_rows, tasks, "constrained descents")
    return pd.concat(found, ignore_index=True)


def _constrained_rows(
    loss: Loss, alpha: float, n: int, replica: int, time: float, seed: int, points: int
) -> pd.DataFrame:
    problem, w = instance(loss, alpha, n, replica, seed)
    run = descend(
        problem,
        starting_point(problem, w, "constrained"),
        time=time,
        times=np.geomspace(1e-2 * time, time, points),
        hold=time,
        success=None,
        stationary=0.0,
        eigenpairs=1,
        keep_states=True,
    )
    laws = [empirical(problem, state) for state in run.states]
    edges = [left_edge(law) for law in laws]
    outliers = [outlier(law, edge) for law, edge in zip(laws, edges, strict=True)]
    rows = pd.DataFrame(
        {
            "alpha": alpha,
            "n": n,
            "replica": replica,
            "time": run.time,
            "energy": run.energy,
            "mu": run.mu,
            "overlap": run.overlap,
            "lowest": run.eigenvalues[:, 0],
            "overlap2": run.signal_overlap2[:, 0],
            "edge": [edge.position for edge in edges],
            "outlier": [np.nan if found is None else found.position for found in outliers],
            "outlier_overlap2": [0.0 if found is None else found.overlap2 for found in outliers],
            "rises": run.step.rises,
        }
    )
    return rows[rows["time"] > 0]


def correlations(
    loss: Loss,
    alpha: float,
    n: int,
    replicas: int,
    waiting: Sequence[float],
    times: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    """Descend from random starts and correlate the states of two times.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension.
    replicas : int
        Instances.
    waiting : sequence of float
        The earlier times.
    times : sequence of float
        The later times; pairs in the wrong order are left out.
    seed : int
        The reader's seed.

    Returns
    -------
    pandas.DataFrame
        One row a run and pair: ``n, replica, waiting, time`` and ``correlation``, the overlap of
        the two states.
    """
    tasks = [(loss, alpha, n, replica, waiting, times, seed) for replica in range(replicas)]
    found = in_parallel(_correlation_rows, tasks, "correlations")
    return pd.concat(found, ignore_index=True)


def _correlation_rows(
    loss: Loss,
    alpha: float,
    n: int,
    replica: int,
    waiting: Sequence[float],
    times: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    problem, w = instance(loss, alpha, n, replica, seed)
    when = sorted({*waiting, *times})
    options = {"success": None, "stationary": 0.0, "keep_states": True}
    run = descend(problem, w, time=when[-1], times=when, **options)
    states = dict(zip(np.round(run.time, 12), run.states, strict=True))
    rows = [
        (n, replica, early, late, float(states[round(early, 12)] @ states[round(late, 12)]) / n)
        for early in waiting
        for late in times
        if late > early
    ]
    return pd.DataFrame(rows, columns=["n", "replica", "waiting", "time", "correlation"])


OBSERVED_TIMES = (
    *(0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 15.0),
    *(25.0, 40.0, 60.0, 100.0),
)
"""Flow times at which the data of the book observe the Hessian."""


MANY = 512
"""Largest dimension at which descents cost so little that one runs all that are asked for."""


def recovery(
    a: float,
    alphas: Sequence[float],
    sizes: Sequence[int],
    starts: Sequence[str],
    replicas: int,
    time: float,
    seed: int,
    **settings: Any,
) -> pd.DataFrame:
    """Descend from several starts of many instances; what ``data/`` holds is read, not run.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    alphas : sequence of float
        Measurements per dimension.
    sizes : sequence of int
        Dimensions.
    starts : sequence of str
        Names in `prlib.descent.starts.STARTS`.
    replicas : int
        Instances of each alpha up to N = `MANY`. Beyond it there are fewer, as 1/N.
    time : float
        Flow time at which a run that has not recovered stops.
    seed : int
        The sweep's seed.
    **settings
        Other settings of `prlib.sweeps.Grid`.

    Returns
    -------
    pandas.DataFrame
        One row a run, with the columns of `prlib.sweeps.descents.SCHEMA`.
    """
    grids = tuple(
        Grid(
            a=a,
            alpha=tuple(sorted(alphas)),
            n=n,
            start=tuple(starts),
            replicas=max(1, replicas * MANY // max(n, MANY)),
            time=time,
            **settings,
        )
        for n in sorted(sizes)
    )
    return results(Sweep(grids, seed, "recovery"), data=data_folder())


def observations(
    a: float,
    alphas: Sequence[float],
    n: int,
    starts: Sequence[str],
    replicas: int,
    seed: int,
    *,
    times: Sequence[float] = OBSERVED_TIMES,
    **settings: Any,
) -> pd.DataFrame:
    """Descend as `recovery` does, and observe the Hessian along the way.

    Parameters
    ----------
    a, alphas, starts, seed
        See `recovery`.
    n : int
        Dimension.
    replicas : int
        Instances of each alpha.
    times : sequence of float
        Flow times of the observations; the run goes on to the last.
    **settings
        Other settings of `prlib.sweeps.Grid`.

    Returns
    -------
    pandas.DataFrame
        One row a run and time, with the columns of `prlib.sweeps.descents.OBSERVED`.
    """
    grid = Grid(
        a=a,
        alpha=tuple(sorted(alphas)),
        n=n,
        start=tuple(starts),
        replicas=replicas,
        time=times[-1],
        observe=tuple(times),
        **settings,
    )
    return results(Sweep(grid, seed, "observations"), data=data_folder())


def theory_runs(
    a: float, alphas: Sequence[float], time: float, paths: int, **settings: Any
) -> pd.DataFrame:
    """Run the dynamical theory at several alphas; what ``data/`` holds is read, not run.

    Parameters
    ----------
    a, alphas, time, paths, **settings
        See `prlib.sweeps.TheoryGrid`.

    Returns
    -------
    pandas.DataFrame
        One row a run and recorded time, with the columns of `prlib.sweeps.theory.SCHEMA`.
    """
    grid = TheoryGrid(a=a, alpha=tuple(alphas), time=time, paths=paths, **settings)
    return results(Sweep(grid, name="dynamics"), data=data_folder())


def constrained_spectrum(
    loss: Loss, alpha: float, n: int, time: float, seed: int
) -> tuple[NDArray[np.float64], LabelMeasure]:
    """Whole spectrum of the Hessian at the end of one constrained descent, and its law.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    n : int
        Dimension.
    time : float
        Flow time of the run.
    seed : int
        The reader's seed.

    Returns
    -------
    eigenvalues : ndarray, shape (N,)
        In rising order, with the direction of the signal and after the shift by mu.
    law : LabelMeasure
        Labels and fields of the state.
    """
    problem, w = instance(loss, alpha, n, 0, seed)
    start = starting_point(problem, w, "constrained")
    options = {"time": time, "hold": time, "success": None, "stationary": 0.0}
    state = descend(problem, start, **options).w
    return eigvalsh(problem.dense_hessian(state)), empirical(problem, state)
