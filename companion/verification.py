"""What holds: every claim of the book with its number, its interval, its source and its verdict.

The claims are read from the executed notebooks, whose verdicts continuous integration recomputes;
the tables of ``data/`` that they rest on are checked against their records here.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from companion.claims.claim import MIME, Kind
from companion.claims.constrained_vs_random import plateau
from companion.claims.verdicts import Verdict
from companion.reexecution import FOLDER, notebooks
from prlib.parameters import ParameterError
from prlib.sweeps import Spec, SweepError
from prlib.sweeps.runner import DATA
from prlib.sweeps.store import Store
from prlib.sweeps.theory import FOLDER as THEORY
from prlib.sweeps.theory import Courses, problem_of

ELSEWHERE = "elsewhere"
"""Folder of ``data/`` with tables of the same specs, computed on other processors."""


@dataclass(frozen=True)
class Held:
    """One claim, where it is made and whether it holds.

    Attributes
    ----------
    id : str
        Stable name.
    statement : str
        What is claimed.
    number : float or None
        The number it rests on; ``None`` if there is none, as for a file.
    low, high : float or None
        The accepted interval; ``None`` where it has no end.
    source : str
        The notebook or the file.
    verdict : {"PASS", "FAIL", "OPEN"}
        Whether it holds.
    quantity : str
        What the number is.
    kind : {"physics", "check"}
        Whether it is about the world, or about the code and the data.
    """

    id: str
    statement: str
    number: float | None
    low: float | None
    high: float | None
    source: str
    verdict: Verdict
    quantity: str = ""
    kind: Kind = "physics"


def verify(folder: Path = FOLDER, data: Path = DATA) -> tuple[Held, ...]:
    """Gather the claims of all notebooks, and check the tables of results.

    Parameters
    ----------
    folder : pathlib.Path
        Where the executed notebooks lie.
    data : pathlib.Path
        Where the tables lie.

    Returns
    -------
    tuple of Held
        In the order of the book, then one a table, then one a table that was computed again on
        another processor.

    Examples
    --------
    >>> {held.verdict for held in verify()} <= {"PASS", "FAIL", "OPEN"}
    True
    """
    return (*_claims(folder), *_tables(data), *_theory_tables(data), *_elsewhere(data))


def _claims(folder: Path) -> list[Held]:
    found = []
    for notebook in notebooks(folder):
        cells = nbformat.read(folder / f"{notebook.name}.ipynb", as_version=4).cells
        records = [
            record
            for cell in cells
            for output in cell.get("outputs", [])
            for record in _record(output.get("data", {}).get(MIME))
        ]
        if not records:
            statement = "the notebook was executed and says what it claims"
            found.append(Held(notebook.name, statement, None, None, None, notebook.name, "FAIL"))
        found += [Held(**record, source=notebook.name) for record in records]
    return found


def _record(kept: dict | str | None) -> list[dict]:
    if isinstance(kept, str):
        kept = json.loads(kept)
    return kept["claims"] if kept else []


def _as_recorded(source: str, spec: str) -> str:
    return f"{source} is as its record says, and holds the runs of data/specs/{spec}"


def _tables(data: Path) -> list[Held]:
    found = []
    for path in sorted((data / "specs").glob("*.toml")):
        spec = Spec.load(path)
        source = f"data/{spec.name}.parquet"
        statement = _as_recorded(source, path.name)
        try:
            rows, problem = float(_finished(spec, data).num_rows), ""
        except SweepError as error:
            rows, problem = None, f": {error}"
        verdict: Verdict = "FAIL" if problem else "PASS"
        id_ = f"data-{spec.name}"
        found.append(
            Held(id_, statement + problem, rows, rows, rows, source, verdict, "rows", "check")
        )
    return found


def _finished(spec: Spec, folder: Path) -> pa.Table:
    table = Store(spec, folder).finished()
    if table is None:
        raise SweepError("it is not there; `make data` computes it")
    return table


def _theory_tables(data: Path) -> list[Held]:
    found = []
    for path in sorted((data / "specs" / THEORY).glob("*.toml")):
        spec = Courses.load(path)
        source = f"data/{THEORY}/{spec.name}.parquet"
        statement = _as_recorded(source, f"{THEORY}/{path.name}")
        problem = problem_of(spec, data / THEORY)
        rows = (
            None
            if problem
            else float(pq.read_metadata(data / THEORY / f"{spec.name}.parquet").num_rows)
        )
        verdict: Verdict = "FAIL" if problem else "PASS"
        text = f"{statement}: {problem}" if problem else statement
        id_ = f"data-{THEORY}-{spec.name}"
        found.append(Held(id_, text, rows, rows, rows, source, verdict, "rows", "check"))
    return found


def _elsewhere(data: Path) -> list[Held]:
    found = []
    for path in sorted((data / ELSEWHERE).glob("*.parquet")):
        id_, source = f"{ELSEWHERE}-{path.stem}", f"data/{ELSEWHERE}/{path.name}"
        try:
            ours = _finished(Spec.load(data / "specs" / f"{path.stem}.toml"), data).to_pandas()
            again = _again(path, ours)
        except (ParameterError, SweepError) as error:
            statement = f"{source} holds runs of data/{path.name}: {error}"
            found.append(Held(id_, statement, None, None, None, source, "FAIL"))
            continue
        # A table that has grown since is compared in the runs that both have.
        base = ours[ours["run"].isin(again["run"])]
        statement = (
            f"no recovered fraction of data/{path.name} changes beyond its interval when "
            f"{len(again)} of its {len(ours)} runs are computed on {_machine(path)} instead of "
            f"{_machine(data / path.name)}, where {_ended_otherwise(base, again)} end otherwise"
        )
        finding = plateau(base, again)
        found.append(Held(id_, statement, source=source, kind="check", **asdict(finding)))
    return found


def _again(path: Path, ours: pd.DataFrame) -> pd.DataFrame:
    spec = Spec.from_table(_provenance(path).get("spec", {}))
    table = _finished(spec, path.parent).to_pandas()
    if not table["run"].isin(ours["run"]).all():
        raise SweepError(f"it holds runs that data/{path.name} lacks")
    return table


def _ended_otherwise(base: pd.DataFrame, again: pd.DataFrame) -> int:
    both = base.merge(again, on="run", suffixes=("", "_again"), validate="one_to_one")
    return int((both["recovered"] != both["recovered_again"]).sum())


def _machine(path: Path) -> str:
    return _provenance(path)["machine"].split(",")[0]


def _provenance(path: Path) -> dict[str, Any]:
    record = path.with_suffix(".toml")
    try:
        return tomllib.loads(record.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        raise SweepError(f"{record.name} is missing or no record") from None
