"""What holds: every claim of the book with its number, its interval, its source and its verdict.

The claims are read from the executed notebooks, whose verdicts continuous integration recomputes;
the tables of ``data/`` that they rest on are checked against their records here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import nbformat
import pandas as pd
import pyarrow as pa

from companion.claims.claim import MIME, Kind
from companion.claims.constrained_vs_random import plateau
from companion.claims.verdicts import Verdict
from companion.ensembles import data_folder
from companion.reexecution import FOLDER, notebooks
from prlib.parameters import ParameterError
from prlib.sweeps import Sweep, SweepError, recheck
from prlib.sweeps.data import THEORY, facts
from prlib.sweeps.store import Store, record_of

OTHER_MACHINE = "other_machine"
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
    verdict, quantity, kind, ends, effect, members
        See `companion.claims.claim.Claim`; members are dicts here.
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
    ends: Sequence[float | None] | None = None
    effect: float | None = None
    members: Sequence[dict] = ()


def counted(claims: Iterable[Held]) -> dict[Kind, str]:
    """Say how many claims of each kind there are of each verdict."""
    claims = list(claims)
    found = {}
    for kind in get_args(Kind):
        counts = Counter(held.verdict for held in claims if held.kind == kind)
        told = [f"{counts[one]} {one}" for one in get_args(Verdict) if counts[one]]
        found[kind] = ", ".join(told) or "none"
    return found


def verify(folder: Path = FOLDER, data: Path | None = None, *, again: int = 0) -> tuple[Held, ...]:
    """Gather the claims of all notebooks, and check the tables of results.

    They come in the order of the book, then one a table, then one a table whose runs were
    computed on another processor too, then one a table of which some runs are computed now.

    Parameters
    ----------
    folder, data : pathlib.Path
        Where the executed notebooks and the tables lie.
    again : int
        How many runs of each table to compute again.

    Examples
    --------
    >>> {held.kind for held in verify()} == {"physics", "check", "data"}
    True
    """
    data = data or data_folder()
    computed = _computed_again(data, again) if again else ()
    return (*_claims(folder), *_tables(data), *_other_machine(data), *computed)


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
            found.append(
                Held(notebook.name, statement, None, None, None, notebook.name, "FAIL", kind="data")
            )
        found += [Held(**record, source=notebook.name) for record in records]
    return found


def _record(kept: dict | str | None) -> list[dict]:
    if isinstance(kept, str):
        kept = json.loads(kept)
    return kept["claims"] if kept else []


def _tables(data: Path) -> list[Held]:
    found, specs = [], data / "specs"
    for path in [*sorted(specs.glob("*.toml")), *sorted((specs / THEORY).glob("*.toml"))]:
        spec = path.relative_to(specs)
        source = f"data/{spec.with_suffix('.parquet').as_posix()}"
        statement = (
            f"{source} is as its record says, and holds the runs of data/specs/{spec.as_posix()}"
        )
        try:
            rows, problem = float(_finished(Sweep.load(path), (data / spec).parent).num_rows), ""
        except (ParameterError, SweepError) as error:
            rows, problem = None, f": {error}"
        verdict: Verdict = "FAIL" if problem else "PASS"
        id_ = "-".join(["data", *spec.with_suffix("").parts])
        text = statement + problem
        found.append(Held(id_, text, rows, rows, rows, source, verdict, "rows", "data"))
    return found


def _computed_again(data: Path, runs: int) -> list[Held]:
    found = []
    for folder in (data, data / THEORY, data / OTHER_MACHINE):
        for path in sorted(folder.glob("*.parquet")):
            name = path.relative_to(data).with_suffix("")
            source = f"data/{path.relative_to(data).as_posix()}"
            id_ = "-".join(["again", *name.parts]).replace("_", "-")
            statement = f"runs of {source}, computed again, give what it holds"
            try:
                checked = recheck(path, runs)
            except (ParameterError, SweepError) as error:
                text = f"{statement}: {error}"
                found.append(Held(id_, text, None, None, None, source, "FAIL", kind="data"))
                continue
            worst = max(checked, key=lambda one: (not one.holds, one.distance))
            extents = Counter(one.extent for one in checked)
            told = ", ".join(f"{count} {extent}" for extent, count in extents.items())
            text = (
                f"{len(checked)} {statement} ({told}), as far as rounding lets it: the farthest is "
                f"{worst.column} with {worst.title}"
            )
            verdict: Verdict = "PASS" if worst.holds else "FAIL"
            ends = (worst.distance, 0.0, worst.accepted)
            found.append(Held(id_, text, *ends, source, verdict, "distance", "data"))
    return found


def _finished(sweep: Sweep, folder: Path) -> pa.Table:
    """Return the table of a sweep, whose rows have the addresses of its spec in their order."""
    done = Store(sweep, folder).finished()
    if done is None:
        raise SweepError("it is not there; `make data` computes it")
    if tuple(dict.fromkeys(done.runs)) != sweep.run_ids:
        raise SweepError("its rows have other addresses than the runs of its spec")
    return done.table


def _other_machine(data: Path) -> list[Held]:
    found = []
    for path in sorted((data / OTHER_MACHINE).glob("*.parquet")):
        id_, source = f"other-machine-{path.stem}", f"data/{OTHER_MACHINE}/{path.name}"
        try:
            ours = _finished(Sweep.load(data / "specs" / f"{path.stem}.toml"), data).to_pandas()
            again = _again(path, ours)
            machines = [facts(one)["machine"].split(",")[0] for one in (path, data / path.name)]
        except (ParameterError, SweepError) as error:
            statement = f"{source} holds runs of data/{path.name}: {error}"
            found.append(Held(id_, statement, None, None, None, source, "FAIL", kind="data"))
            continue
        # A table that has grown since is compared in the runs that both have.
        base = ours[ours["run"].isin(again["run"])]
        statement = (
            f"no recovered fraction of data/{path.name} changes beyond its interval when "
            f"{len(again)} of its {len(ours)} runs are computed on {machines[0]} instead of "
            f"{machines[1]}, where {_ended_otherwise(base, again)} end otherwise"
        )
        finding = plateau(base, again)
        told = (finding.number, *finding.accepted(None), source, finding.verdict, finding.quantity)
        found.append(Held(id_, statement, *told, "data"))
    return found


def _again(path: Path, ours: pd.DataFrame) -> pd.DataFrame:
    sweep = Sweep.from_table(record_of(path)["spec"])
    table = _finished(sweep, path.parent).to_pandas()
    if not table["run"].isin(ours["run"]).all():
        raise SweepError(f"it holds runs that data/{path.name} lacks")
    return table


def _ended_otherwise(base: pd.DataFrame, again: pd.DataFrame) -> int:
    both = base.merge(again, on="run", suffixes=("", "_again"), validate="one_to_one")
    return int((both["recovered"] != both["recovered_again"]).sum())
