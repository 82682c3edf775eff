"""What a sweep runs: grids of settings, read from a TOML file and unfolded into tasks."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from prlib.parameters import ParameterError, check
from prlib.sweeps.addresses import digest, normalized
from prlib.sweeps.descents import Grid, Task
from prlib.sweeps.models import ModelGrid, ModelTask
from prlib.sweeps.theory import TheoryGrid, TheoryTask

if TYPE_CHECKING:
    from prlib.sweeps.runner import SweepResult

_CHUNK_SECONDS = 8.0

AnyTask = Task | TheoryTask | ModelTask

MOST_RUNS = 10**6
"""Runs of one sweep, whose addresses are in memory."""


@dataclass(frozen=True)
class Chunk:
    """Tasks that one worker runs in a row and whose rows are kept in one file."""

    tasks: tuple[AnyTask, ...]

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The addresses of its runs."""
        return tuple(run for task in self.tasks for run in task.run_ids)

    @property
    def name(self) -> str:
        """Its own address."""
        return digest(self.run_ids)

    @property
    def seconds(self) -> float:
        """About how long it takes on one core."""
        return sum(task.seconds for task in self.tasks)

    @property
    def nbytes(self) -> float:
        """About how many bytes it takes: its tasks run one after the other."""
        return max(task.nbytes for task in self.tasks)


@dataclass(frozen=True)
class Sweep:
    """Grids of one kind: descents, descents that are observed, runs of the theory, or of a model.

    Attributes
    ----------
    grids : tuple of Grid, of TheoryGrid, or of ModelGrid
        They may overlap only if they differ in a setting.
    seed : int
        Seed of the sweep, from which those of the replicas come; a run of the theory has its own.
    name : str
        Name of its files.

    Examples
    --------
    >>> sweep = Sweep.from_table(
    ...     {"a": 0.01, "alpha": [2.0, 3.0], "n": 64, "start": "random", "replicas": 3, "time": 9.0}
    ... )
    >>> sweep.runs
    6
    """

    grids: tuple[Grid, ...] | tuple[TheoryGrid, ...] | tuple[ModelGrid, ...]
    seed: int = 0
    name: str = "sweep"

    def __post_init__(self) -> None:
        """Check every value, and that no run occurs twice."""
        grids = self.grids if isinstance(self.grids, (list, tuple)) else (self.grids,)
        object.__setattr__(self, "grids", tuple(grids))
        object.__setattr__(self, "seed", check("seed", self.seed))
        if not self.grids:
            raise ParameterError("grid = []: must be at least one grid")
        plain = isinstance(self.name, str) and self.name and not self.name.startswith(".")
        if not plain or not self.name.isprintable() or set(self.name) & set("/\\"):
            raise ParameterError(f"name = {self.name!r}: must be a plain name of a file")
        if len({grid.kind for grid in self.grids}) > 1:
            raise ParameterError(
                "grid: all grids of a sweep must be of one kind: with observe or without, or with "
                "paths (the theory), or of one experiment"
            )
        runs = sum(grid.runs for grid in self.grids)
        if runs > MOST_RUNS:
            raise ParameterError(f"grid: gives {runs:.3g} runs; must be at most {MOST_RUNS:.0e}")
        if len(set(self.run_ids)) < len(self.run_ids):
            raise ParameterError("grid: two grids hold the same run; each may occur once")

    @classmethod
    def load(cls, path: str | Path) -> Sweep:
        """Read a spec from a TOML file.

        Parameters
        ----------
        path : str or Path
            The file. Keys at its top are those of `Grid`, of `TheoryGrid` if ``paths`` is among
            them, or of `ModelGrid` if ``experiment`` is, and ``seed`` and ``name``; tables
            ``[[grid]]`` override them, one grid a table.

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
        except RecursionError:
            raise ParameterError(f"spec = {str(path)!r}: is nested too deeply") from None
        except tomllib.TOMLDecodeError as error:
            raise ParameterError(f"spec = {str(path)!r}: is not TOML: {error}") from None
        return cls.from_table({"name": path.stem, **table})

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Sweep:
        """Make a sweep from the keys and values of a TOML file; see `load`."""
        grids = table.get("grid", [{}])
        if not isinstance(grids, list) or not all(isinstance(grid, Mapping) for grid in grids):
            raise ParameterError(f"grid = {grids!r}: must be tables, each headed [[grid]]")
        theory = any("paths" in one for one in (table, *grids))
        apart = {"name", "grid"} if theory else {"name", "grid", "seed"}
        shared = {key: value for key, value in table.items() if key not in apart}
        kind = TheoryGrid if theory else Grid
        whole = [{**shared, **grid} for grid in grids]
        made = tuple(
            ModelGrid.of(one) if "experiment" in one else _grid(kind, one) for one in whole
        )
        return cls(made, 0 if theory else table.get("seed", 0), table.get("name", "sweep"))

    @property
    def kind(self) -> str:
        """What its rows are: descents, observations, theory, or an experiment by its name."""
        return self.grids[0].kind

    @property
    def schema(self) -> pa.Schema:
        """The columns of its rows."""
        return self.grids[0].schema

    @cached_property
    def tasks(self) -> tuple[AnyTask, ...]:
        """All tasks, in the order of the grids."""
        return tuple(task for grid in self.grids for task in grid.tasks(self.seed))

    @cached_property
    def run_ids(self) -> tuple[str, ...]:
        """The addresses of its runs, in the order of its rows."""
        return tuple(run for task in self.tasks for run in task.run_ids)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.run_ids)

    def chunks(self, have: Container[str] = ()) -> list[Chunk]:
        """Cut the tasks whose runs are not all there into chunks of a few seconds."""
        chunks: list[list[AnyTask]] = []
        seconds = 0.0
        for task in self.tasks:
            if all(run in have for run in task.run_ids):
                continue
            if not chunks or seconds >= _CHUNK_SECONDS or task.group != chunks[-1][-1].group:
                chunks.append([])
                seconds = 0.0
            chunks[-1].append(task)
            seconds += task.seconds
        return [Chunk(tuple(tasks)) for tasks in chunks]

    def to_toml(self) -> str:
        """Write the spec as TOML that `load` reads back to an equal one."""
        lines = [f"name = {_toml(self.name)}", f"seed = {self.seed}"]
        for grid in self.grids:
            lines += ["", "[[grid]]"]
            lines += [f"{name} = {_toml(value)}" for name, value in grid.settings.items()]
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        """Address of the sweep: a digest of its runs in their order."""
        return digest([self.kind, *self.run_ids])

    def run(self, out: str | Path, **options: Any) -> SweepResult:
        """Run the sweep to its end, from wherever it stands; see `prlib.sweeps.runner.run`."""
        from prlib.sweeps.runner import run  # noqa: PLC0415 - it runs sweeps

        return run(self, out, **options)


def _grid(kind: type[Grid | TheoryGrid], table: Mapping[str, Any]) -> Grid | TheoryGrid:
    known = {f.name for f in fields(kind)} | {"a"}
    for key in table:
        if key not in known:
            accepted = ", ".join(sorted(known | {"seed", "name"}))
            raise ParameterError(f"{key}: is no key of a spec; must be one of {accepted}")
    given = set(table) | ({"loss"} if "a" in table else set())
    for key in sorted(set(kind.NEEDED) - given):
        needed = ", ".join(sorted(kind.NEEDED))
        raise ParameterError(f"{key}: is missing; a grid needs {needed} (a stands for a loss)")
    return kind(**table)


def _toml(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(normalized(value))
