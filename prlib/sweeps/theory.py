"""Runs of the dynamical theory, kept as those of simulations are: read where ``data/`` holds them.

A run takes seconds to minutes and gives one row a recorded time. Each is kept whole as soon as it
is done, so that a table of many goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from prlib.parameters import ParameterError, check
from prlib.sweeps.runner import DATA, provenance
from prlib.sweeps.sources import note
from prlib.sweeps.spec import UNNORMALIZED
from prlib.sweeps.store import SweepError, keep_part, seconds_of, table_bytes, write_whole
from prlib.transitions.time_dependent import TOLERANCE, DynamicState, dynamics

FOLDER = "theory"
"""Folder of such tables in ``data/``."""

_TEXT = {"edge_kind"}
_COLUMN = {"edge_kind": "edge"}


@dataclass(frozen=True)
class Course:
    """One run of `prlib.transitions.time_dependent.dynamics`.

    Attributes
    ----------
    a, alpha, time, paths, batches, tolerance, seed
        Its arguments.
    """

    a: float | None
    alpha: float
    time: float
    paths: int
    batches: int = 16
    tolerance: float = TOLERANCE
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values that a table gives; `dynamics` checks the others."""
        unnormalized = self.a in (None, UNNORMALIZED)
        object.__setattr__(self, "a", None if unnormalized else check("a", self.a))
        for name in ("alpha", "time", "seed"):
            object.__setattr__(self, name, check(name, getattr(self, name)))

    @property
    def run(self) -> str:
        """Address of all that determines its rows."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def courses(
    a: float | None, alphas: Iterable[float], time: float, paths: int, **options: Any
) -> tuple[Course, ...]:
    """Ask for one run at each of several alphas.

    Parameters
    ----------
    a : float or None
        Normalisation of the loss; ``None`` for the un-normalised one.
    alphas : iterable of float
        Measurements per dimension.
    time, paths, **options
        See `Course`.

    Returns
    -------
    tuple of Course
        In the order of the alphas.
    """
    return tuple(Course(a, alpha, time, paths, **options) for alpha in alphas)


SCHEMA = pa.schema(
    [
        *(("a", pa.float64()), ("alpha", pa.float64()), ("time", pa.float64())),
        *(("paths", pa.int64()), ("seed", pa.int64()), ("run", pa.string())),
        *(
            (
                _COLUMN.get(field.name, field.name),
                pa.string() if field.name in _TEXT else pa.float64(),
            )
            for field in fields(DynamicState)
        ),
    ]
)
"""Columns: a is null for the un-normalised loss, time is where the run ends, and those from t on
are the fields of `prlib.transitions.time_dependent.DynamicState`; null means that there is none."""


@dataclass(frozen=True)
class Courses:
    """A table of runs of the theory.

    Attributes
    ----------
    courses : tuple of Course
        The runs.
    name : str
        Name of its files.

    Examples
    --------
    >>> spec = Courses.from_table({"a": 1.0, "alpha": [2.0, 3.0], "time": 0.1, "paths": 1024})
    >>> len(spec.courses)
    2
    """

    courses: tuple[Course, ...]
    name: str = "dynamics"

    @classmethod
    def load(cls, path: str | Path) -> Courses:
        """Read a table's spec from a TOML file: keys as `Course`, grids as in `prlib.sweeps.Spec`.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Courses
            Named as the file.

        Raises
        ------
        ParameterError
            If a key or value is not accepted.
        """
        path = Path(path)
        return cls.from_table(tomllib.loads(path.read_text(encoding="utf-8")), path.stem)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], name: str = "dynamics") -> Courses:
        """Make it from the keys and values of a TOML file.

        Parameters
        ----------
        table : mapping
            See `load`.
        name : str
            Name of its files.

        Returns
        -------
        Courses
            The runs, in the order of the grids.
        """
        shared = {key: value for key, value in table.items() if key != "grid"}
        known = {field.name for field in fields(Course)}
        courses = []
        for grid in table.get("grid", [{}]):
            values = {**shared, **grid}
            for key in sorted(values.keys() - known):
                accepted = ", ".join(sorted(known))
                raise ParameterError(f"{key}: is no key of such a spec; must be one of {accepted}")
            for key in sorted({"a", "alpha", "time", "paths"} - values.keys()):
                raise ParameterError(f"{key}: is missing; a run of the theory needs it")
            lists = [_as_list(values.pop(key)) for key in ("a", "alpha")]
            courses += [Course(a=a, alpha=alpha, **values) for a, alpha in product(*lists)]
        return cls(tuple(courses), name)

    def to_toml(self) -> str:
        """Write every run as TOML.

        Returns
        -------
        str
            One table a run.
        """
        lines = []
        for course in self.courses:
            lines += ["", "[[grid]]"]
            settings = asdict(course) | ({"a": UNNORMALIZED} if course.a is None else {})
            lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        return "\n".join(lines) + "\n"


def describes_theory(path: str | Path) -> bool:
    """Whether a TOML file describes runs of the theory, and not descents: it has ``paths``.

    Parameters
    ----------
    path : str or Path
        The file; one that cannot be read describes nothing.

    Returns
    -------
    bool
        Whether it does.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    grids = table.get("grid", [])
    return "paths" in table or any("paths" in grid for grid in grids if isinstance(grid, dict))


def evolutions(courses: Iterable[Course], data: Path = DATA) -> pd.DataFrame:
    """Return runs of the dynamical theory: read where ``data/`` has them, computed where not.

    Parameters
    ----------
    courses : iterable of Course
        What is wanted.
    data : Path
        Where results lie.

    Returns
    -------
    DataFrame
        One row a run and recorded time, with the columns of `SCHEMA`.

    Raises
    ------
    SweepError
        If a file of ``data/`` is damaged.
    """
    courses = tuple(courses)
    have: dict[str, pd.DataFrame] = {}
    for path in sorted((data / FOLDER).glob("*.parquet")):
        found = dict(iter(_read(path).to_pandas().groupby("run", sort=False)))
        if found.keys() & {course.run for course in courses}:
            note(path)
            have |= found
    missing = [course for course in courses if course.run not in have]
    for course, table in _computed(missing, data / "computed" / FOLDER):
        have[course.run] = table.to_pandas()
    return pd.concat([have[course.run] for course in courses], ignore_index=True)


def tabulate(spec: Courses, out: str | Path) -> Path:
    """Write the table of a spec and its provenance, from wherever it stands.

    Parameters
    ----------
    spec : Courses
        The runs.
    out : str or Path
        Folder of the table.

    Returns
    -------
    Path
        The Parquet file.

    Raises
    ------
    SweepError
        If the disk is full; all finished runs are kept.
    """
    out, began = Path(out), time.perf_counter()
    path = out / f"{spec.name}.parquet"
    if problem_of(spec, out) is None:
        return path
    parts = out / f"{spec.name}.parts"
    rows = pa.concat_tables(table for _, table in _computed(spec.courses, parts))
    content = table_bytes(rows.replace_schema_metadata(None))
    core = seconds_of(_part(parts, course) for course in spec.courses)
    wall = time.perf_counter() - began
    record = provenance(spec.to_toml(), rows.num_rows, core=core, wall=wall)
    write_whole(path, content)
    digest = hashlib.sha256(content).hexdigest()
    write_whole(out / f"{spec.name}.toml", f'sha256 = "{digest}"\n{record}'.encode())
    shutil.rmtree(parts, ignore_errors=True)
    return path


def problem_of(spec: Courses, out: Path) -> str | None:
    """Say what is wrong with a table, if anything is.

    Parameters
    ----------
    spec : Courses
        What it should hold.
    out : Path
        Folder of the table.

    Returns
    -------
    str or None
        ``None`` if it is there, is what its record says, and holds the runs of the spec.
    """
    path, record_path = out / f"{spec.name}.parquet", out / f"{spec.name}.toml"
    if not path.exists() or not record_path.exists():
        return "it is not there; `make data` computes it"
    record = tomllib.loads(record_path.read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.get("sha256"):
        return f"it differs from what {record_path.name} says of it"
    runs = dict.fromkeys(_read(path).column("run").to_pylist())
    if list(runs) != [course.run for course in spec.courses]:
        return "it holds other runs than its spec"
    return None


def _computed(courses: Iterable[Course], parts: Path) -> Iterator[tuple[Course, pa.Table]]:
    courses = tuple(courses)
    for number, course in enumerate(courses, 1):
        path = _part(parts, course)
        if not path.exists():
            parts.mkdir(parents=True, exist_ok=True)
            title = f"theory {number} of {len(courses)}: alpha = {course.alpha:g}"
            began = time.process_time()
            keep_part(path, _rows(course, title), time.process_time() - began)
        yield course, _read(path)


def _part(parts: Path, course: Course) -> Path:
    return parts / f"{course.run}.parquet"


def _rows(course: Course, title: str) -> pa.Table:
    with tqdm(desc=title, unit="step", file=sys.stderr, leave=False) as bar:

        def progress(done: int, steps: int) -> None:
            bar.total = steps
            bar.update(done - bar.n)

        states = dynamics(**asdict(course), progress=progress)
    shared = {name: getattr(course, name) for name in SCHEMA.names[:6]}
    return pa.Table.from_pylist(
        [shared | {_COLUMN.get(k, k): v for k, v in asdict(state).items()} for state in states],
        schema=SCHEMA,
    )


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        raise SweepError(f"{path}: is not a readable Parquet file") from None
    if not table.schema.equals(SCHEMA):
        raise SweepError(f"{path}: its columns are not those of runs of the theory")
    return table


def _as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]
