"""Run a sweep: what is kept is not run again, and what is run is kept."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from prlib.descent.instance import descend_starts, instance
from prlib.schemes import GradientFlow
from prlib.sweeps.executors import available_cores, check_executor, deferred_interrupt
from prlib.sweeps.executors import executor as start_executor
from prlib.sweeps.progress import Progress
from prlib.sweeps.sources import note
from prlib.sweeps.spec import Chunk, Spec, Task
from prlib.sweeps.store import Store, SweepError, known_rows, schema_of, seconds_of

DATA = Path(__file__).resolve().parent.parent.parent / "data"
"""Where the committed results of this checkout lie."""

ATTEMPTS = 3
"""How often a chunk is tried whose workers die."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; the message says how to go on."""


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A finished sweep.

    Attributes
    ----------
    table : DataFrame
        One row a run, in the order of the spec.
    path, record : Path
        The Parquet file and its provenance.
    computed : int
        Runs of this call; the rest was there already.
    """

    table: pd.DataFrame
    path: Path
    record: Path
    computed: int


def run_task(task: Task) -> list[dict[str, Any]]:
    """Run the descents of one task.

    Parameters
    ----------
    task : Task
        What to run.

    Returns
    -------
    list of dict
        One row a start, with the columns of `prlib.sweeps.store.SCHEMA`; or one an observation,
        with those of `prlib.sweeps.store.OBSERVED`.

    Examples
    --------
    >>> spec = Spec.from_table(
    ...     {"a": 1.0, "alpha": 6.0, "n": 40, "start": "random", "replicas": 1, "time": 50.0}
    ... )
    >>> row = run_task(next(spec.tasks()))[0]
    >>> row["start"], row["recovered"], row["stopped_by"]
    ('random', True, 'recovered')
    """
    if task.observe:
        return _observed_rows(task)
    ends = descend_starts(
        task.a,
        task.alpha,
        task.n,
        task.starts,
        task.time,
        task.seed,
        hold=task.constrained_time,
        dtype=task.dtype,
        scheme=GradientFlow(task.step, task.safety),
        success=task.success,
    )
    return [
        {
            "a": task.a,
            "alpha": task.alpha,
            "n": task.n,
            "start": start,
            "replica": task.replica,
            "seed": task.seed,
            "recovered": end.recovered,
            "overlap": end.abs_overlap,
            "energy": end.energy * task.n,
            "time": end.time,
            "steps": end.steps,
            "stopped_by": end.stopped_by,
            "start_overlap": end.abs_start_overlap,
            "rises": end.rises,
            "sharpness": end.trajectory.step.sharpness,
            "time_limit": task.time,
            "constrained_time": task.constrained_time,
            "step": task.step,
            "safety": task.safety,
            "success": task.success,
            "dtype": task.dtype,
            "run": run,
        }
        for start, end, run in zip(task.starts, ends, task.run_ids(), strict=True)
    ]


def _observed_rows(task: Task) -> list[dict[str, Any]]:
    # A worker that does not observe starts without the theory.
    from prlib.measures import empirical  # noqa: PLC0415
    from prlib.spectra.bulk import left_edge  # noqa: PLC0415
    from prlib.spectra.outlier import outlier  # noqa: PLC0415

    runs = descend_starts(
        task.a,
        task.alpha,
        task.n,
        task.starts,
        task.observe[-1],
        task.seed,
        hold=task.constrained_time,
        dtype=task.dtype,
        scheme=GradientFlow(task.step, task.safety),
        success=None,
        stationary=0.0,
        times=task.observe,
        eigenpairs=1,
        keep_states=True,
    )
    problem, _ = instance(task.a, task.alpha, task.n, task.seed, dtype=task.dtype)
    rows = []
    for start, run, address in zip(task.starts, runs, task.run_ids(), strict=True):
        path = run.trajectory
        whole = {
            "a": task.a,
            "alpha": task.alpha,
            "n": task.n,
            "start": start,
            "replica": task.replica,
            "seed": task.seed,
            "recovered": run.abs_overlap >= task.success,
            "rises": run.rises,
            "stopped_by": run.stopped_by,
            "run": address,
        }
        for i, state in enumerate(path.states):
            law = empirical(problem, state)
            edge = left_edge(law)
            rows.append(
                {
                    **whole,
                    "time": path.time[i],
                    "overlap": abs(path.overlap[i]),
                    "energy": path.energy[i],
                    "mu": path.mu[i],
                    "gradient_norm": path.gradient_norm[i],
                    "lowest": path.eigenvalues[i, 0],
                    "overlap2": path.signal_overlap2[i, 0],
                    "start_overlap2": path.start_overlap2[i, 0],
                    "displacement_overlap2": path.displacement_overlap2[i, 0],
                    "gradient_overlap2": path.gradient_overlap2[i, 0],
                    "edge": edge.position,
                    "outlier": outlier(law, edge) is not None,
                }
            )
    return rows


def run_chunk(chunk: Chunk) -> tuple[list[dict[str, Any]], float]:
    """Run the tasks of one chunk.

    Parameters
    ----------
    chunk : Chunk
        What to run.

    Returns
    -------
    rows : list of dict
        In the order of its runs.
    seconds : float
        Core time that it took: waiting for a busy machine does not count.
    """
    began = time.thread_time()
    rows = [row for task in chunk.tasks for row in run_task(task)]
    return rows, time.thread_time() - began


def run_sweep(
    spec: Spec,
    out: str | Path,
    *,
    executor: str | Executor = "processes",
    jobs: int | None = None,
    scheduler: str | None = None,
    known: Sequence[str | Path] = (),
    quiet: bool = False,
) -> SweepResult:
    """Run a sweep to its end, from wherever it stands.

    The rows are the same whatever the executor, the number of workers, the order and the
    interruptions. A sweep that is killed at any moment goes on when the same call is made again.

    Parameters
    ----------
    spec : Spec
        What to run.
    out : str or Path
        Folder of its files; it is made if it is not there.
    executor : {"processes", "dask"} or concurrent.futures.Executor
        Where to run: worker processes of this machine, a Dask cluster, or an executor of the
        caller's, which is left running.
    jobs : int, optional
        Worker processes; all cores by default.
    scheduler : str, optional
        Address of a Dask scheduler.
    known : sequence of path, optional
        Tables of finished sweeps, or parts of others: runs that they hold are taken from there.
    quiet : bool
        Whether to show no progress; otherwise it goes to standard error.

    Returns
    -------
    SweepResult
        The table and where it is.

    Raises
    ------
    ParameterError
        If an argument is not accepted.
    SweepError
        If the folder is in use, was begun with another spec or holds damaged files, or the disk
        is full. What is good is left untouched.
    SweepInterrupted
        On Ctrl-C, with a message that says how to go on.
    """
    if isinstance(executor, str):
        check_executor(executor, jobs, scheduler)
    store = Store(spec, Path(out))
    with store.held():
        done = store.finished()
        if done is not None:
            return _result(store, done, 0)
        store.begin()
        have = known_rows([Path(path) for path in known], schema_of(spec))
        chunks = spec.chunks(have)
        kept = store.kept(chunks)
        began, commit = time.perf_counter(), _commit()
        computed = 0
        open_chunks = [chunk for chunk in chunks if chunk.name not in kept]
        if open_chunks:
            counted = spec.runs - sum(_runs(chunk) for chunk in open_chunks)
            work = sum(task.seconds() for task in spec.tasks())
            left = sum(chunk.seconds() for chunk in open_chunks)
            with Progress(spec.runs, counted, work=work, left=left, quiet=quiet) as progress:
                try:
                    for chunk, rows, seconds in _run(
                        open_chunks, executor, jobs, scheduler, progress
                    ):
                        table = pa.Table.from_pylist(rows, schema=schema_of(spec))
                        store.keep(chunk, table, seconds)
                        kept[chunk.name] = (table, seconds)
                        computed += _runs(chunk)
                        progress.add(_runs(chunk), chunk.seconds())
                except KeyboardInterrupt:
                    raise SweepInterrupted(
                        f"interrupted with {progress.done} of {spec.runs} runs kept in "
                        f"{store.parts}; give the same command to go on"
                    ) from None
        rows = _in_order(spec, have, [kept[chunk.name][0] for chunk in chunks])
        core_seconds = sum(seconds for _, seconds in kept.values())
        if known:
            core_seconds += seconds_of({Path(path).resolve() for path in known}, {*spec.run_ids()})
        wall_seconds = time.perf_counter() - began
        record = provenance(
            spec.to_toml(), rows.num_rows, core=core_seconds, wall=wall_seconds, commit=commit
        )
        store.finish(rows, record)
        return _result(store, rows, computed)


def _result(store: Store, rows: pa.Table, computed: int) -> SweepResult:
    return SweepResult(rows.to_pandas(), store.table_path, store.record_path, computed)


def _runs(chunk: Chunk) -> int:
    return sum(len(task.starts) for task in chunk.tasks)


def _in_order(
    spec: Spec, have: Mapping[str, list[dict[str, Any]]], parts: Sequence[pa.Table]
) -> pa.Table:
    """Put the rows that were known and those that were computed in the order of the spec."""
    if not have:
        return pa.concat_tables([part.replace_schema_metadata(None) for part in parts])
    rows = dict(have)
    for part in parts:
        mine: dict[str, list[dict[str, Any]]] = {}
        for row in part.to_pylist():
            mine.setdefault(row["run"], []).append(row)
        rows |= mine
    ordered = [row for run in spec.run_ids() for row in rows[run]]
    return pa.Table.from_pylist(ordered, schema=schema_of(spec))


def results(spec: Spec, *, quiet: bool = False) -> pd.DataFrame:
    """Return the rows of a sweep: read where ``data/`` holds them, computed and kept where not.

    Parameters
    ----------
    spec : Spec
        What is wanted.
    quiet : bool
        Whether to show no progress.

    Returns
    -------
    DataFrame
        One row a run, or one an observation, in the order of the spec.

    Raises
    ------
    SweepError
        If a file of ``data/`` is damaged; see also `run_sweep`.
    """
    known, have = sorted(DATA.glob("*.parquet")), {}
    wanted = {*spec.run_ids()}
    for path in known:
        found = known_rows([path], schema_of(spec))
        if wanted & found.keys():
            note(path)
            have |= found
    if not spec.chunks(have):
        return _in_order(spec, have, []).to_pandas()
    out = DATA / "computed" / spec.digest
    return run_sweep(spec, out, known=known, quiet=quiet).table


def _run(
    chunks: Sequence[Chunk],
    where: str | Executor,
    jobs: int | None,
    scheduler: str | None,
    progress: Progress,
) -> Iterator[tuple[Chunk, list[dict[str, Any]], float]]:
    """Yield chunks as they finish; start new workers for those whose workers died."""
    left = list(chunks)

    def start() -> AbstractContextManager[Executor]:
        if isinstance(where, str):
            return start_executor(where, jobs, scheduler, len(left))
        return nullcontext(where)

    if where == "processes":
        _compile_once(left[0])
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with deferred_interrupt() as raise_if_pressed, start() as pool:

                def beat() -> None:
                    progress.beat()
                    raise_if_pressed()

                for chunk, rows, seconds in _as_finished(
                    pool, list(left), beat, cancel=not isinstance(where, str)
                ):
                    left.remove(chunk)
                    yield chunk, rows, seconds
        except BrokenProcessPool:
            if attempt == ATTEMPTS:
                raise SweepError(
                    f"a worker died {ATTEMPTS} times, perhaps for want of memory; all finished "
                    "runs are kept: give the same command with fewer jobs to go on"
                ) from None
        else:
            return


def _as_finished(
    pool: Executor, chunks: Sequence[Chunk], beat: Callable[[], None], *, cancel: bool
) -> Iterator[tuple[Chunk, list[dict[str, Any]], float]]:
    futures: dict[Future, Chunk] = {pool.submit(run_chunk, chunk): chunk for chunk in chunks}
    try:
        while futures:
            # A short wait, so that Ctrl-C and the line a minute are never late.
            done, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            beat()
            for future in done:
                chunk = futures.pop(future)
                yield chunk, *future.result()
    finally:
        # The caller's executor lives on. Ours is about to be ended with all that it runs, and
        # loky's own way of doing so does not expect cancelled futures.
        for future in futures if cancel else ():
            future.cancel()


def _compile_once(chunk: Chunk) -> None:
    # Compiled code is cached on disk: made here once, or by each worker at the same time.
    task = chunk.tasks[0]
    descend_starts(task.a, 2.0, 8, ("random",), 1e-3, 0, dtype=task.dtype)


def provenance(spec: str, rows: int, *, core: float, wall: float, commit: str | None = None) -> str:
    """Write down where rows come from.

    Parameters
    ----------
    spec : str
        What was computed, as TOML; it comes to stand below a table ``[spec]``.
    rows : int
        How many there are.
    core, wall : float
        Seconds of work, and seconds that passed.
    commit : str, optional
        Commit that the work began with; by default the one now.

    Returns
    -------
    str
        TOML.
    """
    facts = {
        "rows": rows,
        "prlib": _version("prlib"),
        "commit": commit or _commit(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "scipy", "numba")},
        "machine": f"{_processor()}, {available_cores()} cores, {platform.system()}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(wall, 1),
        "core_seconds": round(core, 1),
    }
    lines = [
        f"{key} = {value}" if isinstance(value, (int, float)) else f'{key} = "{value}"'
        for key, value in facts.items()
    ]
    return "\n".join(lines) + "\n\n[spec]\n" + spec.replace("[[grid]]", "[[spec.grid]]")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    # The tables themselves may be on their way; what made them is the code.
    head, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", ":/prlib")
    if head is None or changed is None:
        return "unknown"
    return head + ("-dirty" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        found = subprocess.run(  # noqa: S603 - fixed commands
            ["git", "-C", str(Path(__file__).parent), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip().replace('"', "")
    return platform.processor() or platform.machine()
