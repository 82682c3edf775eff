"""What a sweep runs: grids of parameters, unfolded into tasks that know their own seeds."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from prlib.descent.instance import HOLD
from prlib.descent.starts import as_start
from prlib.parameters import ParameterError, check, check_measurements

UNNORMALIZED = "unnormalized"
"""The value of a that stands for the un-normalised loss in a spec."""

_LISTS = {"a": "a", "alpha": "alpha", "n": "n", "start": "start"}
_CHUNK_SECONDS = 8.0


@dataclass(frozen=True)
class Task:
    """Descents over one instance, from several starts.

    Attributes
    ----------
    a : float or None
        Normalisation of the loss; ``None`` for the un-normalised one.
    alpha, n, replica, seed
        The instance: measurements per dimension, dimension, number and seed.
    starts : tuple of str
        Where the descents start.
    time, constrained_time, step, safety, success, dtype
        See `prlib.descent.descend_instance`.
    observe : tuple of float
        Flow times at which to observe; see `Grid`.
    """

    a: float | None
    alpha: float
    n: int
    replica: int
    seed: int
    starts: tuple[str, ...]
    time: float
    constrained_time: float
    step: float
    safety: float
    success: float
    dtype: str
    observe: tuple[float, ...] = ()

    @property
    def rows_a_run(self) -> int:
        """Rows of each of its runs: one, or one an observation, that at time 0 among them."""
        return 1 + len(self.observe)

    def run_ids(self) -> tuple[str, ...]:
        """Return the address of each run: a digest of all that determines its row.

        Returns
        -------
        tuple of str
            One a start.
        """
        shared = {k: v for k, v in _settings(self).items() if k != "starts"}
        return tuple(_digest({**shared, "start": start}) for start in self.starts)

    def seconds(self) -> float:
        """Return about how long it takes on one core, for the size of chunks and for progress.

        Returns
        -------
        float
            Seconds.
        """
        size = self.n * self.n * self.alpha / (3 * 512**2)
        descent = (0.3 + 0.2 * len(self.starts)) * self.time / 100
        return 0.02 + (descent + 0.03 * len(self.starts) * len(self.observe)) * size


@dataclass(frozen=True)
class Chunk:
    """Tasks that one worker runs in a row and whose rows are kept in one file.

    Attributes
    ----------
    tasks : tuple of Task
        In their order.
    """

    tasks: tuple[Task, ...]

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The address of the run of each of its rows."""
        return tuple(
            run for task in self.tasks for run in task.run_ids() for _ in range(task.rows_a_run)
        )

    @property
    def name(self) -> str:
        """Its own address."""
        return _digest(tuple(dict.fromkeys(self.run_ids)))

    def seconds(self) -> float:
        """Return about how long it takes on one core.

        Returns
        -------
        float
            Seconds.
        """
        return sum(task.seconds() for task in self.tasks)


@dataclass(frozen=True)
class Grid:
    """Every combination of a few parameters.

    Attributes
    ----------
    a : tuple of (float or None)
        Normalisations of the loss; ``None`` for the un-normalised one.
    alpha : tuple of float
        Measurements per dimension.
    n : tuple of int
        Dimensions.
    start : tuple of str
        Starts. They share the instance and the random point of each replica.
    replicas : int
        Instances for each combination.
    time : float
        Flow time.
    constrained_time, step, safety, success, dtype
        See `prlib.descent.descend_instance`.
    observe : tuple of float
        Flow times, rising, at which the Hessian is observed; a run then gives a row at time 0 and
        at each of them, and goes on to its last whether it recovers or not. All grids of a sweep
        observe, or none.

    Examples
    --------
    >>> grid = Grid(a=(0.01,), alpha=(2.0, 3.0), n=(64,), start=("random",), replicas=2, time=50.0)
    >>> len(list(grid.tasks(seed=1)))
    4
    """

    a: tuple[float | None, ...]
    alpha: tuple[float, ...]
    n: tuple[int, ...]
    start: tuple[str, ...]
    replicas: int
    time: float
    constrained_time: float = HOLD
    step: float = 0.5
    safety: float = 1.0
    success: float = 0.99
    dtype: str = "float32"
    observe: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        for name in _LISTS:
            values = getattr(self, name)
            if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
                values = (values,)
            object.__setattr__(self, name, tuple(_checked(name, value) for value in values))
            if not getattr(self, name):
                raise ParameterError(f"{name} = []: must be a list of at least one value")
        for name in ("replicas", "time", "constrained_time", "step"):
            object.__setattr__(self, name, check(name, getattr(self, name)))
        for name, low, high in (("safety", 0, 2), ("success", 0, 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                value = float("nan")
            if not low < value <= high:
                raise ParameterError(
                    f"{name} = {getattr(self, name)!r}: must be a number in ({low}, {high}]"
                )
            object.__setattr__(self, name, float(value))
        if self.dtype not in {"float32", "float64"}:
            raise ParameterError(f"dtype = {self.dtype!r}: must be 'float32' or 'float64'")
        for n, alpha in product(self.n, self.alpha):
            check_measurements(n, alpha)
        object.__setattr__(self, "observe", _observed(self.observe, self.time))

    def tasks(self, seed: int) -> Iterator[Task]:
        """Unfold the grid.

        Parameters
        ----------
        seed : int
            Seed of the sweep.

        Yields
        ------
        Task
            In the order of n, a, alpha and replica.
        """
        shared = {
            name: getattr(self, name)
            for name in (
                *("time", "constrained_time", "step", "safety", "success", "dtype"),
                "observe",
            )
        }
        for n, a, alpha in product(self.n, self.a, self.alpha):
            for replica in range(self.replicas):
                yield Task(
                    a=a,
                    alpha=alpha,
                    n=n,
                    replica=replica,
                    seed=replica_seed(seed, replica),
                    starts=self.start,
                    **shared,
                )


@dataclass(frozen=True)
class Spec:
    """A sweep: its seed and its grids.

    Attributes
    ----------
    seed : int
        Seed of the sweep.
    grids : tuple of Grid
        They may overlap only if they differ in something that a row shows.
    name : str
        Name of its files.

    Examples
    --------
    >>> spec = Spec.from_table(
    ...     {"a": 0.01, "alpha": [2.0, 3.0], "n": 64, "start": "random", "replicas": 3, "time": 9.0}
    ... )
    >>> spec.runs
    6
    """

    seed: int
    grids: tuple[Grid, ...]
    name: str = "sweep"

    def __post_init__(self) -> None:
        """Check every value, and that no run occurs twice."""
        object.__setattr__(self, "seed", check("seed", self.seed))
        object.__setattr__(self, "grids", tuple(self.grids))
        if not self.grids:
            raise ParameterError("grid = []: must be at least one grid")
        if not self.name or set(self.name) & set("/\\\0") or self.name.startswith("."):
            raise ParameterError(f"name = {self.name!r}: must be a plain name of a file")
        seen: set[str] = set()
        for run in self.run_ids():
            if run in seen:
                raise ParameterError("grid: two grids hold the same run; each may occur once")
            seen.add(run)
        if len({bool(grid.observe) for grid in self.grids}) > 1:
            raise ParameterError("observe: must be given in every grid of a sweep, or in none")

    @classmethod
    def load(cls, path: str | Path) -> Spec:
        """Read a spec from a TOML file.

        Parameters
        ----------
        path : str or Path
            The file. Keys at its top are those of `Grid`, ``seed`` and ``name``; in tables
            ``[[grid]]`` they are overridden, one grid a table.

        Returns
        -------
        Spec
            Named as the file, unless it names itself.

        Raises
        ------
        ParameterError
            If the file is missing, is no TOML, or holds a key or value that is not accepted.
        """
        path = Path(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise ParameterError(f"spec = {str(path)!r}: cannot be read: {reason}") from None
        except tomllib.TOMLDecodeError as error:
            raise ParameterError(f"spec = {str(path)!r}: is not TOML: {error}") from None
        return cls.from_table({"name": path.stem, **table})

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Spec:
        """Make a spec from the keys and values of a TOML file.

        Parameters
        ----------
        table : mapping
            See `load`.

        Returns
        -------
        Spec
            The sweep.

        Raises
        ------
        ParameterError
            If a key or value is not accepted.
        """
        shared = {k: v for k, v in table.items() if k not in {"seed", "name", "grid"}}
        grids = table.get("grid", [{}])
        if not isinstance(grids, list) or not all(isinstance(grid, Mapping) for grid in grids):
            raise ParameterError("grid: must be tables, each headed [[grid]]")
        return cls(
            seed=table.get("seed", 0),
            grids=tuple(_grid({**shared, **grid}) for grid in grids),
            name=table.get("name", "sweep"),
        )

    @property
    def observes(self) -> bool:
        """Whether its rows are observations along the runs, and not their ends."""
        return bool(self.grids[0].observe)

    def tasks(self) -> Iterator[Task]:
        """Unfold all grids.

        Yields
        ------
        Task
            In the order of the grids.
        """
        for grid in self.grids:
            yield from grid.tasks(self.seed)

    def run_ids(self) -> Iterator[str]:
        """Return the addresses of its runs.

        Yields
        ------
        str
            In the order of its rows.
        """
        for task in self.tasks():
            yield from task.run_ids()

    @property
    def runs(self) -> int:
        """How many descents there are."""
        return sum(len(task.starts) for task in self.tasks())

    def chunks(self, known: Container[str] = ()) -> list[Chunk]:
        """Cut the tasks into chunks of a few seconds; the cut depends on the arguments alone.

        Parameters
        ----------
        known : container of str
            Addresses of runs: a task that has no others is left out.

        Returns
        -------
        list of Chunk
            In the order of the tasks.
        """
        chunks, current, seconds = [], [], 0.0
        for task in self.tasks():
            if all(run in known for run in task.run_ids()):
                continue
            if current and (seconds >= _CHUNK_SECONDS or task.n != current[-1].n):
                chunks.append(Chunk(tuple(current)))
                current, seconds = [], 0.0
            current.append(task)
            seconds += task.seconds()
        return [*chunks, Chunk(tuple(current))] if current else chunks

    def to_toml(self) -> str:
        """Write the spec as TOML that `load` reads back to an equal one.

        Returns
        -------
        str
            The text.
        """
        lines = [f"name = {_toml(self.name)}", f"seed = {self.seed}"]
        for grid in self.grids:
            lines += ["", "[[grid]]"]
            lines += [f"{name} = {_toml(value)}" for name, value in _settings(grid).items()]
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        """Address of the sweep: a digest of its seed and grids."""
        return _digest([self.seed, [_settings(grid) for grid in self.grids]])


def replica_seed(seed: int, replica: int) -> int:
    """Return the seed of one replica, which `prlib.descent.descend_instance` takes as well.

    Parameters
    ----------
    seed : int
        Seed of the sweep.
    replica : int
        Number of the replica.

    Returns
    -------
    int
        53 bits, so that every reader of numbers keeps it whole.
    """
    return int(np.random.SeedSequence([seed, replica]).generate_state(1, np.uint64)[0] >> 11)


def _settings(of: Task | Grid) -> dict[str, Any]:
    """Return all that determines a row; a run that is not observed keeps its address."""
    settings = asdict(of)
    if not settings["observe"]:
        del settings["observe"]
    return settings


def _observed(times: object, end: float) -> tuple[float, ...]:
    if isinstance(times, (str, bytes)) or not hasattr(times, "__iter__"):
        times = (times,)
    found = tuple(check("time", time) for time in times)
    if any(late >= later for late, later in pairwise((*found, end + 1))) or found[-1:] > (end,):
        raise ParameterError(
            f"observe = {list(found)}: must be a list of rising times, up to time = {end:g}"
        )
    return found


def _checked(name: str, value: object) -> Any:
    if name == "a" and value in (None, UNNORMALIZED):
        return None
    return as_start(value).name if name == "start" else check(name, value)


def _grid(table: Mapping[str, Any]) -> Grid:
    known = {f.name for f in fields(Grid)}
    needed = {"a", "alpha", "n", "start", "replicas", "time"}
    for key in table:
        if key not in known:
            accepted = ", ".join(sorted(known | {"seed", "name"}))
            raise ParameterError(f"{key}: is no key of a spec; must be one of {accepted}")
    missing = sorted(needed - set(table))
    if missing:
        raise ParameterError(f"{missing[0]}: is missing; a grid needs {', '.join(sorted(needed))}")
    return Grid(**table)


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _toml(value: object) -> str:
    if value is None:
        return json.dumps(UNNORMALIZED)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
