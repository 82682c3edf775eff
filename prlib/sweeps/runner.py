"""Run a sweep: what is kept is not run again, and what is run is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from prlib.sweeps.data import SOURCE, computed_folder, data_root, name_of, tables_with
from prlib.sweeps.descents import Grid
from prlib.sweeps.executors import as_finished, check_executor, workers_for
from prlib.sweeps.progress import Progress
from prlib.sweeps.provenance import Origin, Part
from prlib.sweeps.spec import Chunk, Sweep
from prlib.sweeps.store import Kept, Rows, Store, SweepError, found_in, gather, read
from prlib.sweeps.theory import TheoryGrid

ATTEMPTS = 3
"""How often a chunk is tried whose workers die."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; the message says how to go on."""


class FailedRunsError(RuntimeError):
    """Some runs of a sweep cannot be done; the message names one, and the others are kept."""


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A finished sweep.

    Attributes
    ----------
    table : DataFrame
        Its rows, in the order of the spec.
    path, record : Path
        The Parquet file and its record.
    computed : int
        Runs of this call; the rest was there already.
    """

    table: pd.DataFrame
    path: Path
    record: Path
    computed: int


@dataclass(frozen=True)
class Outcome:
    """What a worker made of a chunk: rows, core seconds, what failed and why.

    It names the chunk and does not hold it: a loss of a notebook that came back would be a second
    class of its name.
    """

    chunk: str
    rows: list[dict[str, Any]]
    seconds: float
    failed: list[tuple[str, str]]


def run_chunk(chunk: Chunk) -> Outcome:
    """Run the tasks of one chunk; one that fails does not stop the others."""
    # Waiting for a busy machine does not count, and the threads of a task do.
    began = time.process_time()
    rows, failed = [], []
    for task in chunk.tasks:
        try:
            rows += task.rows()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is named
            failed.append((task.title, " ".join(str(error).split()) or type(error).__name__))
    return Outcome(chunk.name, rows, time.process_time() - began, failed)


def run(
    sweep: Sweep,
    out: str | Path,
    *,
    executor: str = "processes",
    jobs: int | None = None,
    scheduler: str | None = None,
    reuse: Sequence[str | Path] = (),
    quiet: bool = False,
) -> SweepResult:
    """Run a sweep to its end, from wherever it stands.

    The rows are the same whatever the executor, the number of workers, the order and the
    interruptions. A sweep that is killed at any moment goes on when the same call is made again,
    and one that is at work elsewhere is waited for.

    Parameters
    ----------
    sweep : Sweep
        What to run.
    out : str or Path
        Folder of its files; it is made if it is not there.
    executor : str
        A name in `prlib.sweeps.executors.EXECUTORS`.
    jobs : int, optional
        Worker processes; by default all cores, or as many as memory holds, or one for runs of the
        theory, which use all cores.
    scheduler : str, optional
        Address of a Dask scheduler.
    reuse : sequence of path, optional
        Tables of finished sweeps, or parts of others: runs that they hold are taken from there.
    quiet : bool
        Whether to show no progress; otherwise it goes to standard error.

    Raises
    ------
    ParameterError
        If an argument is not accepted.
    SweepError
        If the folder was begun with another spec or holds files that are damaged or not a
        sweep's, or the disk is full. What is there is left untouched.
    FailedRunsError
        If runs could not be done; the others are kept.
    SweepInterrupted
        On Ctrl-C, with a message that says how to go on.
    """
    check_executor(executor, jobs, scheduler)
    began, store = time.perf_counter(), Store(sweep, Path(out))
    with store.held():
        done = store.finished()
        if done is not None:
            return _result(store, done, 0)
        others = [read(Path(path)) for path in reuse]
        store.begin()
        kept = [*others, *store.kept()]
        have = found_in(kept, frozenset(sweep.run_ids))
        chunks = sweep.chunks(have)
        failed: list[tuple[str, str]] = []
        if chunks:
            if jobs is None and sweep.kind == "theory":
                jobs = 1
            each = max(chunk.nbytes for chunk in chunks)
            options = {"name": executor, "jobs": workers_for(jobs, len(chunks), each)}
            options["scheduler"] = scheduler
            kept += _computed(store, chunks, options, failed, quiet=quiet)
        if failed:
            raise FailedRunsError(
                f"{len(failed)} of {len(sweep.tasks)} tasks failed, the first with {failed[0][0]}: "
                f"{failed[0][1]}; the other runs are kept in {store.parts}"
            )
        computed = sum(len(set(chunk.run_ids) - have.keys()) for chunk in chunks)
        rows = gather(kept, sweep)
        return _result(store, store.finish(rows, wall=time.perf_counter() - began), computed)


def _result(store: Store, done: Kept, computed: int) -> SweepResult:
    return SweepResult(
        done.table.to_pandas(use_threads=False), store.table_path, store.record_path, computed
    )


def _computed(
    store: Store,
    chunks: Sequence[Chunk],
    options: dict[str, Any],
    failed: list[tuple[str, str]],
    *,
    quiet: bool,
) -> Iterator[Kept]:
    """Yield rows as they are finished and kept."""
    sweep, origin = store.sweep, Origin.here()
    work = sum(task.seconds for task in sweep.tasks)
    left = sum(chunk.seconds for chunk in chunks)
    counted = sweep.runs - sum(len(chunk.run_ids) for chunk in chunks)
    with Progress(sweep.runs, counted, work=work, left=left, quiet=quiet) as progress:
        try:
            for chunk, outcome in _outcomes(chunks, options, progress):
                failed += outcome.failed
                if outcome.rows:
                    part = Part.now(origin, outcome.seconds, len(outcome.rows))
                    yield store.keep(outcome.rows, part)
                progress.add(len(chunk.run_ids), chunk.seconds)
        except KeyboardInterrupt:
            raise SweepInterrupted(
                f"interrupted with {progress.done} of {sweep.runs} runs kept in {store.parts}; "
                "give the same command to go on"
            ) from None


def _outcomes(
    chunks: Sequence[Chunk], options: dict[str, Any], progress: Progress
) -> Iterator[tuple[Chunk, Outcome]]:
    """Yield chunks as they finish; start new workers for those whose workers died."""
    left = {chunk.name: chunk for chunk in chunks}
    # Compiled code is cached on disk: made here once, or by each worker at the same time.
    chunks[0].tasks[0].warm_up()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            waiting = list(left.values())
            for outcome in as_finished(run_chunk, waiting, beat=progress.beat, **options):
                yield left.pop(outcome.chunk), outcome
        except BrokenProcessPool:
            if attempt == ATTEMPTS:
                raise SweepError(
                    f"a worker died {ATTEMPTS} times, perhaps for want of memory; all finished "
                    "runs are kept: give the same command with fewer jobs to go on"
                ) from None
        else:
            return


def results(
    what: Sweep | Grid | TheoryGrid | Iterable[Grid | TheoryGrid],
    *,
    data: str | Path | None = None,
    columns: Sequence[str] = (),
    quiet: bool = False,
) -> pd.DataFrame:
    """Return the rows of a sweep: read where the data folder holds them, computed where not.

    Parameters
    ----------
    what : Sweep, Grid or TheoryGrid, or several grids
        What is wanted.
    data : str or Path, optional
        The data folder; see `prlib.sweeps.data.data_root`. New results are kept in its folder
        ``computed``, or in that of the user if it cannot be written to.
    columns : sequence of str
        Observables that are needed. Others are left out where no table has them.
    quiet : bool
        Whether to show no progress.

    Returns
    -------
    DataFrame
        Its rows, in the order of the spec, with the columns of its schema and ``source``, the table
        that each was read from; see `prlib.sweeps.sources`.

    Raises
    ------
    SweepError
        If a table is damaged, or lacks a needed column; see also `run`.
    """
    sweep = what if isinstance(what, Sweep) else Sweep(what)
    root = data_root(data)
    known = tables_with(sweep.run_ids, root)
    if sweep.chunks(found_in(known, frozenset(sweep.run_ids))):
        out = computed_folder(root) / sweep.digest
        paths = [one.path for one in known]
        known.append(read(run(sweep, out, reuse=paths, quiet=quiet).path))
    rows = gather(known, sweep)
    _refuse_lacking(rows, columns)
    absent = [name for name, paths in rows.lacking.items() if {*rows.paths} <= {*paths}]
    frame = rows.table.drop_columns(absent).to_pandas(use_threads=False)
    names = {path: name_of(path, root) for path in {*rows.paths}}
    return frame.assign(**{SOURCE: [names[path] for path in rows.paths]})


def _refuse_lacking(rows: Rows, columns: Iterable[str]) -> None:
    for name in columns:
        if name not in rows.table.column_names:
            raise SweepError(f"columns: {name} is no column of such rows")
        for path in rows.lacking.get(name, ()):
            raise SweepError(
                f"{path}: lacks {name}, which was not observed when it was computed; move it away "
                "to compute it again"
            )
