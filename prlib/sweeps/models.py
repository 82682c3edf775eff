"""Sweeps of experiments with models: a grid of their numbers, unfolded into runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import pyarrow as pa

from prlib.identifiers import normalized
from prlib.parameters import ParameterError, check
from prlib.sweeps.addresses import address, spoken
from prlib.sweeps.descents import Addressed, listed, replica_seed
from prlib.sweeps.experiments import EXPERIMENTS, Experiment
from prlib.threads import one_blas_thread


@dataclass(frozen=True)
class ModelTask(Addressed):
    """Some replicas of one experiment at one setting, which are run together.

    The rows of a replica do not depend on which others are run with it.
    """

    KIND: ClassVar[str] = "model"

    experiment: Experiment
    n: int
    replicas: tuple[int, ...]
    seeds: tuple[int, ...]
    dtype: str = "float32"

    @cached_property
    def run_ids(self) -> tuple[str, ...]:
        """The address of each run: of each replica, one a part."""
        return tuple(self._run(seed, part) for seed in self.seeds for part in self.experiment.parts)

    def _run(self, seed: int, part: str) -> str:
        experiment = self.experiment
        settings = {"experiment": experiment.id, "n": self.n, "seed": seed, experiment.part: part}
        return address(self.KIND, spoken(settings | {"dtype": self.dtype}, self.defaults()))

    @property
    def title(self) -> str:
        """The task in words."""
        return f"{self.experiment.id}, n = {self.n}, seed {self.seeds[0]}"

    @property
    def group(self) -> int:
        """Tasks of different groups come into different chunks."""
        return self.n

    @property
    def seconds(self) -> float:
        """About how long it takes on one core."""
        return len(self.seeds) * self.experiment.seconds(self.n)

    @property
    def nbytes(self) -> float:
        """About how many bytes it takes."""
        return len(self.seeds) * self.experiment.nbytes(self.n)

    def warm_up(self) -> None:
        """Compile what it needs: nothing."""

    def alone(self, run: str) -> ModelTask:
        """Return the task of the one replica that a run belongs to."""
        index = self.run_ids.index(run) // len(self.experiment.parts)
        only = (self.replicas[index],), (self.seeds[index],)
        return ModelTask(self.experiment, self.n, *only, self.dtype)

    @one_blas_thread()
    def rows(self) -> list[dict[str, Any]]:
        """Run it, with the columns of its grid's schema.

        Examples
        --------
        >>> grid = ModelGrid.of(
        ...     {
        ...         "experiment": "wide_start",
        ...         "width": 1,
        ...         "alpha": 3.0,
        ...         "a": 0.1,
        ...         "n": 40,
        ...         "replicas": 1,
        ...     }
        ... )
        >>> [row["start"] for row in next(grid.tasks(seed=0)).rows()]
        ['random']
        """
        part = self.experiment.part
        numbers = {f.name: getattr(self.experiment, f.name) for f in fields(self.experiment)}
        shared = {"experiment": self.experiment.name, **numbers, "n": self.n, "dtype": self.dtype}
        measured = self.experiment.rows(self.n, self.seeds, self.dtype)
        return [
            shared | {"replica": replica, "seed": seed, "run": self._run(seed, row[part])} | row
            for replica, seed, rows in zip(self.replicas, self.seeds, measured, strict=True)
            for row in rows
        ]


@dataclass(frozen=True)
class ModelGrid:
    """Runs of one experiment for every combination of its numbers.

    Attributes
    ----------
    experiment : str
        A name in `prlib.sweeps.experiments.EXPERIMENTS`.
    numbers : tuple of (str, tuple of float)
        Values of each of its numbers.
    n : tuple of int
        Dimensions.
    replicas : int
        Instances of each combination.
    dtype : str
        Precision, float32 or float64.
    """

    experiment: str
    numbers: tuple[tuple[str, tuple[float, ...]], ...]
    n: tuple[int, ...]
    replicas: int
    dtype: str = "float32"

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> ModelGrid:
        """Make a grid from the keys of a spec: those of the class, and the experiment's numbers.

        Raises
        ------
        ParameterError
            If a key is missing or unknown, or a value is not accepted.
        """
        table = dict(table)
        name = table.pop("experiment")
        if name not in EXPERIMENTS:
            known = ", ".join(EXPERIMENTS)
            raise ParameterError(f"experiment = {name!r}: must be one of {known}")
        own = fields(EXPERIMENTS[name])
        accepted = {*(f.name for f in own), "n", "replicas", "dtype"}
        for key in table:
            if key not in accepted:
                told = ", ".join(sorted(accepted))
                raise ParameterError(f"{key}: is no key of {name}; must be one of {told}")
        needed = {f.name for f in own if f.default is MISSING} | {"n", "replicas"}
        for key in sorted(needed - table.keys()):
            told = ", ".join(sorted(needed))
            raise ParameterError(f"{key}: is missing; the experiment {name} needs {told}")
        dtype = table.get("dtype", "float32")
        if dtype not in ("float32", "float64"):
            raise ParameterError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
        numbers = tuple(
            (f.name, listed(f.name, table.get(f.name, f.default), lambda x: normalized(float(x))))
            for f in own
        )
        n = listed("n", table["n"], lambda one: check("n", one))
        return cls(name, numbers, n, check("replicas", table["replicas"]), dtype)

    @property
    def settings(self) -> dict[str, Any]:
        """All of it, as a spec writes it."""
        found = {"experiment": self.experiment, **dict(self.numbers)}
        return found | {"n": self.n, "replicas": self.replicas, "dtype": self.dtype}

    @property
    def kind(self) -> str:
        """What its rows are."""
        return self.experiment

    @property
    def schema(self) -> pa.Schema:
        """The columns of its rows: settings, what was measured, the address."""
        experiment = EXPERIMENTS[self.experiment]
        return pa.schema(
            [
                ("experiment", pa.string()),
                *((name, pa.float64()) for name, _ in self.numbers),
                *(("n", pa.int64()), ("replica", pa.int64()), ("seed", pa.int64())),
                (experiment.part, pa.string()),
                *experiment.columns.items(),
                *(("dtype", pa.string()), ("run", pa.string())),
            ]
        )

    @property
    def runs(self) -> int:
        """How many runs it holds."""
        combinations = math.prod(len(values) for _, values in self.numbers)
        parts = len(EXPERIMENTS[self.experiment].parts)
        return combinations * len(self.n) * self.replicas * parts

    def tasks(self, seed: int) -> Iterator[ModelTask]:
        """Unfold the grid of a sweep with that seed."""
        kind = EXPERIMENTS[self.experiment]
        names = [name for name, _ in self.numbers]
        for n, *values in product(self.n, *(values for _, values in self.numbers)):
            experiment = kind(**dict(zip(names, values, strict=True)))
            for first in range(0, self.replicas, kind.batch):
                replicas = tuple(range(first, min(first + kind.batch, self.replicas)))
                seeds = tuple(replica_seed(seed, replica) for replica in replicas)
                yield ModelTask(experiment, n, replicas, seeds, self.dtype)
