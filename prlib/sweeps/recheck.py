"""Recompute a few rows of a table, and say how far they are from what it holds.

Settings, seeds and addresses must agree exactly. What is computed from them is another matter:
rounding grows along a descent, exponentially where it passes saddles, and differs between
processors; a start that is an eigenvector is known to the tolerance of its solver. How much that
can matter is measured, run by run: the run is made in both precisions, and where they part, the
table may be as far from either, up to a factor. Where the two end in different ways rounding
decides the end, and only the start is compared. The theory knows its sampling errors, and must
agree to a small fraction of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from prlib.sweeps.addresses import digest
from prlib.sweeps.data import THEORY, data_root
from prlib.sweeps.descents import Task
from prlib.sweeps.models import ModelTask
from prlib.sweeps.spec import AnyTask, Sweep
from prlib.sweeps.store import SweepError, read, record_of
from prlib.sweeps.theory import TheoryTask

START_ROUNDING = 1e-12
"""Accepted difference of overlaps at the start, beyond `APART`; two processors differ by 4e-16."""

APART = 100.0
"""Accepted distance of a row, in units of that between the precisions: of 384 runs to N = 128 on
another processor the farthest was at 21."""

RESOLUTION = 1e-6
"""Rounding of sums of some hundred float32 of order one: precisions part by less by luck."""

SAMPLING = 1e-3
"""Accepted difference from a run of the theory, in units of its standard error."""

STEPS = 1e-6
"""Relative rounding of the steps of the theory, which a pilot chooses in single precision."""

EARLY = 5
"""Recorded times at which a long run of the theory is compared, from its start."""

EXACT = (
    *("loss", "alpha", "n", "start", "replica", "seed", "recovered"),
    *("time_limit", "hold", "scheme", "success", "dtype", "channel", "sensing", "run"),
)
"""Columns of descents that must agree to the letter."""

LOOSE = ("stopped_by", "observe", "outlier")
"""Columns in which rounding may decide and others say what they would: how a run stops without
recovery may hang on the last digit of its gradient, but its time and energy are compared; and
whether there is an outlier, around the signal, but the edge of the same law is compared."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Rechecked:
    """One run of a table, computed again.

    Attributes
    ----------
    run : str
        Its address.
    title : str
        Its settings in words.
    extent : {"whole", "start", "early"}
        What was computed: all of it, its start alone (the rest takes too long, or is decided by
        rounding), or its early times.
    column : str
        The column that is farthest off.
    distance : float
        By how much.
    accepted : float
        What is accepted there.
    """

    run: str
    title: str
    extent: str
    column: str
    distance: float
    accepted: float

    @property
    def holds(self) -> bool:
        """Whether the row is what its settings give."""
        return self.distance <= self.accepted


def recheck(
    table: str | Path,
    rows: int = 10,
    *,
    seconds: float = 5.0,
    data: str | Path | None = None,
) -> tuple[Rechecked, ...]:
    """Compute some runs of a table again.

    Parameters
    ----------
    table : str or Path
        A Parquet file with its record beside it, or its name in the data folder.
    rows : int
        How many runs, spread over the settings that are affordable; the same ones each time.
    seconds : float
        About how long it may take on one core. Of runs that take more than their share, only the
        start or early times are computed.
    data : str or Path, optional
        The data folder; see `prlib.sweeps.data.data_root`.

    Raises
    ------
    SweepError
        If the table is not there, is damaged, or holds other runs than its record says.

    Examples
    --------
    >>> import tempfile
    >>> grid = {"a": 1.0, "alpha": 6.0, "n": 40, "start": "random", "replicas": 2, "time": 50.0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Sweep.from_table(grid).run(folder, executor="serial", quiet=True).path
    ...     [(one.extent, one.holds) for one in recheck(path)]
    [('whole', True), ('whole', True)]
    """
    path = _place(table, data_root(data))
    kept, sweep = read(path), Sweep.from_table(record_of(path)["spec"])
    if tuple(dict.fromkeys(kept.runs)) != sweep.run_ids:
        raise SweepError(f"{path}: its rows have other addresses than the runs of its spec")
    frame = kept.table.to_pandas()
    found = []
    for task, run, affordable in _chosen(sweep, rows, seconds / max(rows, 1)):
        mine = frame[frame["run"] == run].to_dict("records")
        check = CHECKS[type(task)]
        found.append(check(task, run, mine, affordable=affordable))
    return tuple(found)


def _place(table: str | Path, data: Path) -> Path:
    for path in (Path(table), data / f"{table}.parquet", data / THEORY / f"{table}.parquet"):
        if path.is_file():
            return path
    raise SweepError(f"table = {str(table)!r}: is no file, and no table of {data}")


def _chosen(sweep: Sweep, rows: int, share: float) -> Iterator[tuple[AnyTask, str, bool]]:
    """Spread over the settings that fit into their share of time, or else over the cheapest."""
    settings: dict[str, list[tuple[AnyTask, str]]] = {}
    for task in sweep.tasks:
        if isinstance(task, TheoryTask):
            settings[task.run_ids[0]] = [(task, task.run_ids[0])]
            continue
        if isinstance(task, ModelTask):
            key = digest([task.experiment.id, task.n])
            settings.setdefault(key, []).extend((task.alone(run), run) for run in task.run_ids)
            continue
        for start, run in zip(task.starts, task.run_ids, strict=True):
            alone = replace(task, starts=(start,))
            key = digest([{**alone.settings, "seed": None}, start.name])
            settings.setdefault(key, []).append((alone, run))
    # Twice, since a descent is made in both precisions.
    cost = {key: 2 * runs[0][0].seconds for key, runs in settings.items()}
    affordable = [key for key in settings if cost[key] <= share]
    cheap = [key for key in sorted(cost, key=cost.get) if cost[key] <= 3 * min(cost.values())]
    keys = affordable or cheap
    if not affordable and isinstance(sweep.tasks[0], ModelTask):
        # They have no shorter form: fewer of them.
        rows = max(1, int(rows * share / min(cost.values())))
    for number in range(min(rows, sweep.runs)):
        key = keys[number * len(keys) // rows] if len(keys) >= rows else keys[number % len(keys)]
        runs = settings[key]
        seed = hashlib.sha256(f"{key} {number}".encode()).digest()
        if len(keys) < rows:  # several of one setting: different ones
            place = number // len(keys)
            if place >= len(runs):
                continue
        else:
            place = int.from_bytes(seed[:8]) % len(runs)
        yield *runs[place], bool(affordable)


def _descent(task: Task, run: str, rows: Sequence[Row], *, affordable: bool) -> Rechecked:
    if not affordable:
        return _begun(task, run, rows)
    one = task.rows()
    other = replace(task, dtype=_other(task)).rows()
    if one[0]["recovered"] != other[0]["recovered"]:
        return _begun(task, run, rows)
    found = [] if len(rows) == len(one) else [("rows", math.inf, 0.0)]
    columns = [name for name in one[0] if name in rows[0] and name not in {*EXACT, *LOOSE}]
    parted = dict.fromkeys(columns, 0.0)  # so far: rounding grows along a run
    for row, again, apart in zip(rows, one, other, strict=False):
        found += _exactly(row, again)
        for column in columns:
            parted[column] = max(parted[column], _distance(again, apart, column))
            accepted = APART * parted[column] + RESOLUTION * (1 + abs(again[column]))
            if column == "abs_start_overlap":
                accepted = APART * parted[column] + START_ROUNDING
            found.append((column, _distance(row, again, column), accepted))
    return _worst(task, run, "whole", found)


def _model(task: ModelTask, run: str, rows: Sequence[Row], *, affordable: bool) -> Rechecked:
    del affordable
    one, other = (
        [row for row in both.rows() if row[task.experiment.part] == rows[0][task.experiment.part]]
        for both in (task, replace(task, dtype=_other(task)))
    )
    columns = task.experiment.columns
    counted = [name for name, kind in columns.items() if not pa.types.is_floating(kind)]
    # Where rounding decides how a run ends, what is known before is compared.
    alike = all(a[name] == b[name] for a, b in zip(one, other, strict=True) for name in counted)
    compared = columns if alike else task.experiment.begun
    settings = [name for name in one[0] if name not in {*columns, "run"}]
    found = [] if len(rows) == len(one) else [("rows", math.inf, 0.0)]
    for row, again, apart in zip(rows, one, other, strict=False):
        found += [(name, 0.0 if row[name] == again[name] else math.inf, 0.0) for name in settings]
        for name in compared:
            scale = RESOLUTION * (1 + abs(again[name]))
            accepted = APART * _distance(again, apart, name) + scale
            found.append((name, _distance(row, again, name), accepted))
    return _worst(task, run, "whole" if alike else "start", found)


def _other(task: Task | ModelTask) -> str:
    return "float64" if task.dtype == "float32" else "float32"


def _begun(task: Task, run: str, rows: Sequence[Row]) -> Rechecked:
    """Compare the settings, and the start."""
    begun = replace(task, time=1e-9, observe=())
    again, apart = begun.rows()[0], replace(begun, dtype=_other(task)).rows()[0]
    settings = {"recovered": rows[0]["recovered"], "time_limit": task.time, "run": run}
    found = _exactly(rows[0], again | settings)
    column = "abs_overlap" if task.observe else "abs_start_overlap"
    accepted = APART * _distance(again, apart, "abs_start_overlap") + START_ROUNDING
    distance = abs(rows[0][column] - again["abs_start_overlap"])
    found.append((column, distance, accepted))
    return _worst(task, run, "start", found)


def _theory(task: TheoryTask, run: str, rows: Sequence[Row], *, affordable: bool) -> Rechecked:
    # A little before a recorded time: the steps to the one before are those of the whole run.
    until = None if affordable else rows[EARLY]["t"] * (1 - 1e-4)
    early, found = rows if affordable else rows[:EARLY], []
    for row, again in zip(early, task.rows(until), strict=False):
        for column, value in again.items():
            if column not in row:
                continue
            if isinstance(value, str):
                found.append((column, 0.0 if row[column] == value else math.inf, 0.0))
                continue
            # An error is not known better than to some percent itself.
            error = abs(value or 0) if column.endswith("_error") else row.get(f"{column}_error")
            error = error or 0.0
            accepted = SAMPLING * (0.0 if math.isnan(error) else error) + STEPS * abs(value or 0)
            found.append((column, _distance(row, again, column), accepted))
    return _worst(task, run, "whole" if affordable else "early", found)


def _exactly(row: Row, again: Row) -> list[tuple[str, float, float]]:
    columns = [column for column in EXACT if column in row]
    return [(name, 0.0 if row[name] == again[name] else math.inf, 0.0) for name in columns]


def _distance(row: Row, again: Row, column: str) -> float:
    one, other = (math.nan if of[column] is None else float(of[column]) for of in (row, again))
    if math.isnan(one) or math.isnan(other):
        return 0.0 if math.isnan(one) and math.isnan(other) else math.inf
    return abs(one - other)


def _worst(
    task: AnyTask, run: str, extent: str, found: Sequence[tuple[str, float, float]]
) -> Rechecked:
    column, distance, accepted = max(
        found, key=lambda one: (one[1] > one[2], one[1] / one[2] if one[2] else one[1])
    )
    return Rechecked(run, task.title, extent, column, float(distance), float(accepted))


CHECKS = {Task: _descent, TheoryTask: _theory, ModelTask: _model}
"""How a run of each kind is compared."""
