"""Where results lie: the tables of a data folder, and which of them some rows came from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prlib.sweeps.provenance import from_tables, joined
from prlib.sweeps.store import Kept, SweepError, read, record_of
from prlib.system import cache_folder, first_writable

VARIABLE = "PRLIB_DATA"
"""Environment variable that names the data folder."""

SOURCE = "source"
"""Column of results that names the table each row was read from."""

THEORY, _COMPUTED = "theory", "computed"
"""Folders of the data folder: runs of the theory, and results that were computed when asked for."""


def data_root(data: str | Path | None = None) -> Path:
    """Return the data folder: an argument, the variable PRLIB_DATA, or ``data`` here."""
    return Path(data or os.environ.get(VARIABLE) or "data")


def computed_folder(data: Path) -> Path:
    """Return where results that are not there yet are kept: in the data folder, if it takes them.

    Raises
    ------
    SweepError
        If no folder can be written to.
    """
    found = first_writable([data / _COMPUTED, cache_folder() / _COMPUTED])
    if found is None:
        raise SweepError(
            f"{data}: cannot be written to, nor can {cache_folder()}; data=, or the variable "
            f"{VARIABLE}, chooses another folder"
        )
    return found


def tables_with(wanted: Iterable[str], data: Path) -> list[Kept]:
    """Read the tables of the data folder that hold some of the wanted runs.

    The committed ones come first, so that rows come from them where they are.

    Raises
    ------
    SweepError
        If one is damaged.
    """
    wanted, found = frozenset(wanted), []
    folders = (data, data / THEORY, *_subfolders(data), *_subfolders(cache_folder()))
    for path in (path for folder in folders for path in sorted(folder.glob("*.parquet"))):
        try:
            runs = (
                pq.read_table(path, columns=["run"], use_threads=False, pre_buffer=False)
                .column("run")
                .to_pylist()
            )
        except (KeyError, pa.ArrowKeyError):
            continue
        except (OSError, pa.ArrowInvalid):
            raise SweepError(f"{path}: is not a readable Parquet file of a sweep") from None
        if not wanted.isdisjoint(runs):
            found.append(read(path))
    return found


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in (root / _COMPUTED).glob("*") if path.is_dir())


def name_of(path: Path, data: Path) -> str:
    """Return the name of a table as results give it: its place from the folder above ``data``."""
    return path.relative_to(data.parent).as_posix() if path.is_relative_to(data) else str(path)


def sources(*frames: pd.DataFrame, data: str | Path | None = None) -> tuple[dict[str, str], ...]:
    """Return what the records say of the tables that rows come from.

    A column of the rows names their table, so that it goes wherever they go: through filters,
    joins and concatenations alike, where an attribute of a frame would be lost or grow stale.

    Parameters
    ----------
    *frames : DataFrame
        Rows of `results`, or part of them; frames without the column have no source.
    data : str or Path, optional
        The data folder; see `data_root`.

    Returns
    -------
    tuple of dict
        ``table``, ``sha256``, ``commit``, ``machine`` and ``finished``, in the order of the rows;
        results that were computed for the call, and lie in no committed table, are left out.
    """
    root = data_root(data)
    columns = [frame[SOURCE] for frame in frames if SOURCE in frame]
    names = dict.fromkeys(name for column in columns for name in column.dropna().unique())
    paths = {name: root.parent / name for name in names}
    committed = {n: path for n, path in paths.items() if path.parent in (root, root / THEORY)}
    return tuple({"table": name, **facts(path)} for name, path in committed.items())


def facts(path: Path) -> dict[str, str]:
    """Return what the record of a table says of it: digest, and its parts' code, machines, date."""
    record = record_of(path)
    parts, _ = from_tables(record)
    return {
        "sha256": record["sha256"],
        "commit": joined(part.origin.code for part in parts),
        "machine": joined(part.origin.machine for part in parts),
        "finished": max(part.finished for part in parts),
    }
