"""Many random instances of one setting: the simulations behind the book's figures and claims.

Every instance has the seed that a sweep gives its replica, so that rows are the same for any number
of workers, and a replica is the same instance wherever it is met.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh
from tqdm import tqdm

from prlib.descent import Trajectory, descend, instance, starting_point
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure, empirical
from prlib.measures.dynamical.mean_field import BATCHES
from prlib.parameters import LARGEST
from prlib.problem import Problem
from prlib.sensing import GAUSSIAN
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier
from prlib.sweeps import Grid, ModelGrid, Sweep, TheoryGrid, results
from prlib.sweeps.data import VARIABLE
from prlib.sweeps.descents import replica_seed

_DATA = Path(__file__).resolve().parent.parent / "data"

MANY = 512
"""Largest dimension at which descents cost so little that one runs all that are asked for."""

LEAST_BATCH, EARLY = 512, 1.0
"""Sample paths of a batch of the theory of which fewer may diverge beyond this flow time."""

OBSERVED_TIMES = (
    *(0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 15.0),
    *(25.0, 40.0, 60.0, 100.0),
)
"""Flow times at which the data of the book observe the Hessian."""


def data_folder() -> Path:
    """Return where results lie: the folder that PRLIB_DATA names, or ``data`` of this checkout."""
    return Path(os.environ.get(VARIABLE) or _DATA)


@takes_loss
def recovery(
    loss: Loss,
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
    replicas : int
        Instances of each alpha up to N = `MANY`. Beyond it there are fewer, as 1/N.
    time : float
        Flow time at which a run that has not recovered stops.
    loss, alphas, sizes, starts, seed, **settings
        Those of `prlib.sweeps.Grid` and `prlib.sweeps.Sweep`.

    Returns
    -------
    pandas.DataFrame
        One row a run, with the columns of `prlib.sweeps.descents.SCHEMA`.
    """
    grids = tuple(
        _grid(
            loss,
            alphas,
            n,
            starts,
            replicas=max(1, replicas * MANY // max(n, MANY)),
            time=time,
            **settings,
        )
        for n in sorted(sizes)
    )
    return results(Sweep(grids, seed, "recovery"), data=data_folder())


@takes_loss
def descents(
    loss: Loss,
    alphas: Sequence[float],
    n: int,
    starts: Sequence[str],
    replicas: int,
    time: float,
    seed: int,
    **settings: Any,
) -> pd.DataFrame:
    """Descend as `recovery` does at one size, over as many instances as are asked for."""
    grid = _grid(loss, alphas, n, starts, replicas=replicas, time=time, **settings)
    return results(Sweep(grid, seed, "recovery"), data=data_folder())


@takes_loss
def spec_runs(
    loss: Loss, name: str, *, largest: float = math.inf, replicas: int = LARGEST
) -> pd.DataFrame:
    """Read or run what a spec of ``data/specs`` asks for, or less of it, or of another loss.

    Parameters
    ----------
    name : str
        The spec.
    largest : float
        Dimensions beyond it are left out, but for the least.
    replicas : int
        Most instances of each setting.
    """
    spec = Sweep.load(_DATA / "specs" / f"{name}.toml")
    grids = [replace(grid, loss=loss) for grid in spec.grids]
    if spec.kind != "theory":
        most = max(largest, min(n for grid in grids for n in grid.n))
        grids = [
            replace(grid, replicas=min(grid.replicas, replicas), n=sizes)
            for grid in grids
            if (sizes := tuple(n for n in grid.n if n <= most))
        ]
    return results(replace(spec, grids=tuple(grids)), data=data_folder())


@takes_loss
def observations(
    loss: Loss,
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

    Returns
    -------
    pandas.DataFrame
        One row a run and time, with the columns of `prlib.sweeps.descents.OBSERVED`; a run goes
        on to the last of the times, whether it recovers or not.
    """
    observe = tuple(map(float, times))
    run = {"replicas": replicas, "time": observe[-1], "observe": observe}
    grid = _grid(loss, alphas, n, starts, **run, **settings)
    return results(Sweep(grid, seed, "observations"), data=data_folder())


def _grid(loss: Loss, alphas: Sequence[float], n: int, starts: Sequence[str], **run: Any) -> Grid:
    return Grid(loss=loss, alpha=tuple(sorted(alphas)), n=n, start=tuple(starts), **run)


@takes_loss
def theory_runs(
    loss: Loss, alphas: Sequence[float], time: float, paths: int, **settings: Any
) -> pd.DataFrame:
    """Run the dynamical theory as `prlib.sweeps.TheoryGrid` says; what ``data/`` holds is read.

    Few paths come in fewer batches, of `LEAST_BATCH`, where they go beyond `EARLY`.
    """
    batches = max(2, min(BATCHES, paths // LEAST_BATCH)) if time > EARLY else BATCHES
    settings = {"batches": batches, "time": time, "paths": paths, **settings}
    grid = TheoryGrid(loss=loss, alpha=tuple(alphas), **settings)
    return results(Sweep(grid, name="dynamics"), data=data_folder())


@takes_loss
def start_spectrum(
    loss: Loss, alpha: float, n: int, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Whole spectrum of the Hessian of one random start.

    Returns
    -------
    eigenvalues : ndarray, shape (N,)
        In rising order, before the shift by mu: the multiplier of one instance fluctuates much
        more than its bulk does.
    mu : float
        That multiplier.
    """
    problem, w = _replica(loss, alpha, n, 0, seed)
    mu = problem.mu(w)
    return eigvalsh(problem.dense_hessian(w)) + mu, mu


@takes_loss
def start_spectra(
    loss: Loss,
    alphas: Sequence[float],
    sizes: Sequence[int],
    replicas: int,
    seed: int,
    *,
    sensing: str = GAUSSIAN.id,
) -> pd.DataFrame:
    """Lowest eigenpair of the Hessian of many random starts.

    Parameters
    ----------
    loss, alphas, sizes, seed
        See `recovery`.
    replicas : int
        Instances at the largest dimension; smaller ones, which cost less and fluctuate more,
        get more in proportion.
    sensing : str
        The law of the measurement vectors, by its id.

    Returns
    -------
    pandas.DataFrame
        One row an instance: ``loss`` (its id), ``alpha, n, replica``, the lowest eigenvalue before
        the shift by mu (``lowest``), the left edge of the bulk by the instance's own empirical law
        (``empirical_edge``), the multiplier ``mu``, the squared overlap of the lowest eigenvector
        with the signal (``overlap2``) and what that empirical law predicts for it
        (``predicted_overlap2``).
    """
    tasks = [(loss, *task, seed, sensing) for task in _tasks(alphas, sizes, replicas)]
    return pd.DataFrame(in_parallel(_start_row, tasks, "random starts"))


def _start_row(
    loss: Loss, alpha: float, n: int, replica: int, seed: int, sensing: str
) -> dict[str, Any]:
    problem, w = _replica(loss, alpha, n, replica, seed, sensing)
    values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 0])
    law, mu = empirical(problem, w), problem.mu(w)
    edge = left_edge(law)
    predicted = outlier(law, edge)
    return {
        "loss": loss.id,
        "alpha": alpha,
        "n": n,
        "replica": replica,
        "lowest": values[0] + mu,
        "empirical_edge": edge.position + mu,
        "mu": mu,
        "overlap2": float(vectors[:, 0] @ problem.signal) ** 2 / n,
        "predicted_overlap2": 0.0 if predicted is None else predicted.overlap2,
    }


@takes_loss
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
    loss, alphas, sizes, replicas, seed
        See `start_spectra`.
    time : float
        Flow time of each run.
    points : int
        Observations, log-spaced over the last two decades of the time.

    Returns
    -------
    pandas.DataFrame
        One row a run and time: ``alpha, n, replica, time``, energy per dimension (``energy``),
        ``mu``, ``abs_overlap``, lowest eigenvalue of the Hessian with the direction of the signal
        in it (``lowest``), squared overlap of its eigenvector with the signal (``overlap2``); by
        the state's own law of labels and fields, left edge of the bulk (``edge``), outlier and its
        squared overlap (``outlier``, ``outlier_overlap2``: NaN and 0 where there is none); and
        ``rises``, the steps of the run that raised the energy.
    """
    times = np.geomspace(1e-2 * time, time, points)
    tasks = [(loss, *task, seed, times) for task in _tasks(alphas, sizes, replicas)]
    found = in_parallel(_constrained_rows, tasks, "constrained descents")
    return pd.concat(found, ignore_index=True)


def _constrained_rows(
    loss: Loss, alpha: float, n: int, replica: int, seed: int, times: NDArray
) -> pd.DataFrame:
    problem, w = _replica(loss, alpha, n, replica, seed)
    run = _constrained(problem, w, times, eigenpairs=1, keep_states=True)
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
            "abs_overlap": np.abs(run.overlap),
            "lowest": run.eigenvalues[:, 0],
            "overlap2": run.signal_overlap2[:, 0],
            "edge": [edge.position for edge in edges],
            "outlier": [np.nan if found is None else found.position for found in outliers],
            "outlier_overlap2": [0.0 if found is None else found.overlap2 for found in outliers],
            "rises": run.step.rises,
        }
    )
    return rows[rows["time"] > 0]


@takes_loss
def constrained_spectrum(
    loss: Loss, alpha: float, n: int, time: float, seed: int
) -> tuple[NDArray[np.float64], LabelMeasure]:
    """Whole spectrum of the Hessian at the end of one constrained descent, and its law.

    Returns
    -------
    eigenvalues : ndarray, shape (N,)
        In rising order, with the direction of the signal and after the shift by mu.
    law : LabelMeasure
        Labels and fields of the state.
    """
    problem, w = _replica(loss, alpha, n, 0, seed)
    state = _constrained(problem, w, [time]).w
    return eigvalsh(problem.dense_hessian(state)), empirical(problem, state)


@takes_loss
def constrained_laws(
    loss: Loss, alpha: float, n: int, replicas: int, time: float, seed: int
) -> list[LabelMeasure]:
    """Laws of labels and fields at the ends of constrained descents, one an instance."""
    tasks = [(loss, alpha, n, replica, time, seed) for replica in range(replicas)]
    return in_parallel(_constrained_law, tasks, "constrained descents")


def _constrained_law(
    loss: Loss, alpha: float, n: int, replica: int, time: float, seed: int
) -> LabelMeasure:
    problem, w = _replica(loss, alpha, n, replica, seed)
    return empirical(problem, _constrained(problem, w, [time]).w)


def _constrained(
    problem: Problem, w: NDArray, times: Sequence[float] | NDArray, **observe: Any
) -> Trajectory:
    start, end = starting_point(problem, w, "constrained"), times[-1]
    # To the end: neither a signal nor a flat place stops it.
    stops = {"success": None, "stationary": 0.0}
    return descend(problem, start, time=end, times=times, hold=end, **stops, **observe)


@takes_loss
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
    loss, alpha, n, replicas, seed
        See `observations`.
    waiting, times : sequence of float
        The earlier and the later times; pairs in the wrong order are left out.

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
    problem, w = _replica(loss, alpha, n, replica, seed)
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


def _replica(
    loss: Loss, alpha: float, n: int, replica: int, seed: int, sensing: str = GAUSSIAN.id
) -> tuple[Problem, NDArray[np.float64]]:
    seed = replica_seed(seed, replica)
    return instance(loss, alpha, n, seed, dtype=np.float64, sensing=sensing)


def _tasks(
    alphas: Sequence[float], sizes: Sequence[int], replicas: int
) -> list[tuple[float, int, int]]:
    """List alpha, n and replica, the longest first."""
    return [
        (float(alpha), n, replica)
        for n in sorted(sizes, reverse=True)
        for alpha in sorted(alphas, reverse=True)
        for replica in range(replicas * max(sizes) // n)
    ]


def in_parallel(function: Callable, tasks: Sequence[Iterable[Any]], what: str) -> list[Any]:
    """Call a function with the items of each task, on all cores, one linear-algebra thread each.

    A bar on standard error counts what the tasks are.
    """
    calls = (joblib.delayed(function)(*task) for task in tasks)
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        running = joblib.Parallel(n_jobs=-1, return_as="generator")(calls)
        return list(tqdm(running, total=len(tasks), desc=what, file=sys.stderr, leave=False))


def held_descents(
    a: float,
    alphas: Sequence[float],
    sizes: Sequence[int],
    instances: Sequence[int],
    *,
    seed: int,
    times: Sequence[float],
) -> pd.DataFrame:
    """Observe descents that are held without the signal to the last of some times.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    alphas, sizes, instances : sequence
        Measurements per dimension; dimensions, and how many instances of each.
    seed, times
        See `observations`.

    Returns
    -------
    pandas.DataFrame
        Rows of `observations`, with ``a``.
    """
    rows = (
        observations(a, alphas, n, ["constrained"], count, seed, times=times, hold=times[-1])
        for n, count in zip(sizes, instances, strict=False)
    )
    return pd.concat(rows).assign(a=a)


def model_runs(
    experiment: str, seed: int, *grids: Mapping[str, Any], **shared: Any
) -> pd.DataFrame:
    """Run an experiment on seeded instances, as `prlib.sweeps.ModelGrid` says, grid by grid."""
    made = [ModelGrid.of({"experiment": experiment, **shared, **one}) for one in grids or ({},)]
    return results(Sweep(tuple(made), seed, experiment), data=data_folder())
