"""How a sweep is kept: whole parts while it runs, one table and its record when it is done.

In a folder, a sweep NAME has ``NAME.parts/`` with its spec and one Parquet file a chunk, and in the
end ``NAME.parquet`` beside ``NAME.toml``, the record: digest, spec, and where each row comes from.
Every file is written beside its place, flushed to the disk and moved there at once, so that none is
ever seen in part. Nothing is ever replaced that was not written here.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prlib.parameters import ParameterError
from prlib.sweeps.addresses import digest
from prlib.sweeps.observables import OBSERVABLES
from prlib.sweeps.provenance import Part, from_tables, to_tables
from prlib.sweeps.spec import Sweep
from prlib.sweeps.theory import NEWER
from prlib.system import sync_folder, try_lock

_PART = b"prlib.part"
_SECONDS_BETWEEN_TRIES = 0.2


class SweepError(ValueError):
    """A sweep cannot go on as asked; the message says what is kept and what to do."""


def table_bytes(table: pa.Table) -> bytes:
    """Serialise a table as Parquet; equal tables give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens.

    Raises
    ------
    SweepError
        If the disk does not take it.
    """
    try:
        # Opened plainly, so that whoever may read the folder may read the file.
        beside = path.with_name(f".writing-{uuid4().hex}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        reason = "the disk is full" if full else (error.strerror or str(error))
        raise SweepError(
            f"{path}: cannot be written: {reason}; all finished runs are kept: make room and "
            "give the same command to go on"
        ) from None
    sync_folder(path.parent)


# --- rows, and where they come from ---------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A table as it lies on disk.

    Attributes
    ----------
    path : Path
        The file.
    table : pyarrow.Table
        Its rows.
    parts : tuple of Part
        Where they come from.
    of : ndarray of int
        Which part each row belongs to.
    """

    path: Path
    table: pa.Table
    parts: tuple[Part, ...]
    of: NDArray[np.int64]

    @property
    def runs(self) -> list[str]:
        """The address of the run of each row."""
        return self.table.column("run").to_pylist()


def read(path: Path, content: bytes | None = None) -> Kept:
    """Read a finished table with its record, or a part.

    Parameters
    ----------
    path : Path
        The Parquet file.
    content : bytes, optional
        What it holds, if that is known.

    Raises
    ------
    SweepError
        If it holds no rows of a sweep, or differs from what its record says.
    """
    try:
        content = path.read_bytes() if content is None else content
        record = record_of(path) if path.with_suffix(".toml").exists() else None
        if record and hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise SweepError(
                f"{path}: differs from what {path.with_suffix('.toml').name} says of it; both are "
                "left as they are: move them away to run the sweep again"
            )
        # Without Arrow's threads: at the end of a short process they may still be starting.
        table = pq.read_table(pa.BufferReader(content), use_threads=False, pre_buffer=False)
    except (OSError, pa.ArrowInvalid):
        raise SweepError(f"{path}: is not a readable Parquet file of a sweep") from None
    if "run" not in table.column_names:
        raise SweepError(f"{path}: its columns are not those of a sweep: run is missing")
    part = (table.schema.metadata or {}).get(_PART)
    if part:
        return Kept(path, table, (Part.from_json(part),), np.zeros(len(table), int))
    return Kept(path, table, *from_tables(record or record_of(path)))


def record_of(path: Path) -> dict[str, Any]:
    """Read the record beside a table.

    Raises
    ------
    SweepError
        If there is none, or it was not written by a sweep.
    """
    record = path.with_suffix(".toml")
    try:
        found = tomllib.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SweepError(
            f"{path}: has no record {record.name} beside it; it is left as it is: move it away, "
            "or give another folder"
        ) from None
    except (OSError, ValueError):
        found = {}
    if not {"sha256", "sweep", "rows", "part", "spec"} <= found.keys():
        raise SweepError(
            f"{record}: was not written by a sweep; it is left as it is: give another folder, or "
            "another name"
        )
    return found


@dataclass(frozen=True)
class Rows:
    """Rows in the order of a sweep, and where they come from.

    Attributes
    ----------
    table : pyarrow.Table
        The rows.
    parts : tuple of Part
        Where they come from.
    of : ndarray of int
        Which part each row belongs to.
    paths : list of Path
        The file that each was read from.
    lacking : dict
        For each observable, the files that lack it.
    """

    table: pa.Table
    parts: tuple[Part, ...]
    of: NDArray[np.int64]
    paths: list[Path]
    lacking: dict[str, list[Path]]


def found_in(kept: Sequence[Kept], wanted: Collection[str]) -> dict[str, tuple[int, list[int]]]:
    """Return where wanted runs lie: which file, the first that has it, and which of its rows."""
    found: dict[str, tuple[int, list[int]]] = {}
    for number, one in enumerate(kept):
        for row, run in enumerate(one.runs):
            if run in wanted:
                where, rows = found.setdefault(run, (number, []))
                if where == number:
                    rows.append(row)
    return found


def gather(kept: Sequence[Kept], sweep: Sweep) -> Rows:
    """Put the rows of a sweep in its order.

    Raises
    ------
    SweepError
        If a file that gives rows lacks a column that has no default; the message names it.
    """
    found = found_in(kept, frozenset(sweep.run_ids))
    used = sorted({number for number, _ in found.values()})
    lacking: dict[str, list[Path]] = {}
    tables = [_conforming(kept[number], sweep, lacking) for number in used]
    first_row = dict(zip(used, np.cumsum([0, *map(len, tables)]), strict=False))
    first_part = dict(zip(used, np.cumsum([0, *(len(kept[n].parts) for n in used)]), strict=False))
    order, paths = [], []
    for run in sweep.run_ids:
        number, rows = found[run]
        order += [first_row[number] + row for row in rows]
        paths += [kept[number].path] * len(rows)
    of = np.concatenate([kept[number].of + first_part[number] for number in used])
    parts = tuple(part for number in used for part in kept[number].parts)
    table = pa.concat_tables(tables).take(pa.array(order, pa.int64())).combine_chunks()
    return Rows(table, parts, of[order], paths, lacking)


def _conforming(kept: Kept, sweep: Sweep, lacking: dict[str, list[Path]]) -> pa.Table:
    # More columns than are asked for are no fault; fewer are none where a default says the rest.
    table, defaults = kept.table, type(sweep.tasks[0]).defaults()
    optional = {entry.name for entry in OBSERVABLES} if sweep.kind == "observations" else set()
    columns, missing = [], []
    for field in sweep.schema:
        if field.name in table.column_names:
            columns.append(table.column(field.name))
        elif field.name in defaults:
            columns.append(pa.array([defaults[field.name]] * len(table), field.type))
        elif sweep.kind == "theory" and field.name in NEWER:
            columns.append(pa.nulls(len(table), field.type))
        elif field.name in optional:
            lacking.setdefault(field.name, []).append(kept.path)
            columns.append(pa.nulls(len(table), field.type))
        else:
            missing.append(field.name)
    if missing:
        raise SweepError(
            f"{kept.path}: its columns are not those of {sweep.kind}: it lacks {', '.join(missing)}"
        )
    try:
        return pa.table(columns, schema=sweep.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
        raise SweepError(
            f"{kept.path}: its columns are not those of {sweep.kind}: their types differ"
        ) from None


# --- the files of one sweep -----------------------------------------------------------------------


class Store:
    """The files of one sweep in one folder."""

    def __init__(self, sweep: Sweep, folder: Path) -> None:
        self.sweep, self.folder = sweep, folder
        self.parts = folder / f"{sweep.name}.parts"
        self.table_path = folder / f"{sweep.name}.parquet"
        self.record_path = folder / f"{sweep.name}.toml"

    @contextmanager
    def held(self, patience: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the sweep's files alone; wait, with a line on standard error, while others do.

        Parameters
        ----------
        patience : callable
            Called while waiting; what it raises ends the wait.

        Raises
        ------
        ParameterError
            If the folder cannot be written to, or takes no locks.
        """
        path = self.folder / f".{self.sweep.name}.lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        except OSError as error:
            raise ParameterError(
                f"out = {str(self.folder)!r}: cannot be written to: {error.strerror}; --out (out=, "
                "or the variable PRLIB_DATA) chooses another folder"
            ) from None
        with file:
            told = False
            while not self._locks(file):
                if not told:
                    told = True
                    print(  # noqa: T201 - progress
                        f"prlib: another run of the sweep {self.sweep.name!r} is at work in "
                        f"{self.folder}; waiting for it",
                        file=sys.stderr,
                        flush=True,
                    )
                time.sleep(_SECONDS_BETWEEN_TRIES)
                patience()
            # The file stays: were it removed, two runs could hold locks on two files of one name.
            yield

    def _locks(self, file: Any) -> bool:
        try:
            return try_lock(file)
        except OSError as error:
            raise ParameterError(
                f"out = {str(self.folder)!r}: its disk takes no locks ({error.strerror}), so that "
                "two runs could mix; give a folder on another disk"
            ) from None

    def begin(self) -> None:
        """Make the folder of parts, or check that it belongs to this spec.

        Raises
        ------
        SweepError
            If it was begun with another spec, or is not a sweep's.
        """
        record = self.parts / "spec.toml"
        if record.exists():
            self._check_spec(record, "begun")
        else:
            self.parts.mkdir(parents=True, exist_ok=True)
            text = f'sweep = "{self.sweep.digest}"\n\n{self._spec()}'
            write_whole(record, text.encode())
        for leftover in self.parts.glob(".writing-*"):
            leftover.unlink()

    def _spec(self) -> str:
        return "[spec]\n" + self.sweep.to_toml().replace("[[grid]]", "[[spec.grid]]")

    def _check_spec(self, record: Path, verb: str) -> None:
        try:
            text = record.read_text(encoding="utf-8")
            whose = tomllib.loads(text)["sweep"]
        except (ValueError, OSError, KeyError):
            raise SweepError(
                f"{record}: was not written by a sweep; it is left as it is: give another folder, "
                "or another name"
            ) from None
        if whose != self.sweep.digest:
            raise SweepError(
                f"{record.parent}: the sweep {self.sweep.name!r} here was {verb} with another spec "
                f"({_difference(text, self._spec())}); give another folder or name, or that spec"
            )

    def finished(self) -> Kept | None:
        """Return the table of a sweep that is done, or ``None``.

        Raises
        ------
        SweepError
            If a file is there that is another sweep's, was not written by one, or is not as it was.
        """
        if self.record_path.exists():
            record_of(self.table_path)
            self._check_spec(self.record_path, "done")
            return read(self.table_path) if self.table_path.exists() else None
        if self.table_path.exists() and not (self.parts / "spec.toml").exists():
            record_of(self.table_path)
        return None

    def keep(self, rows: list[dict[str, Any]], part: Part) -> Kept:
        """Keep the rows of some finished runs."""
        table = pa.Table.from_pylist(rows, schema=self.sweep.schema)
        table = table.replace_schema_metadata({_PART: part.to_json()})
        path = self.parts / f"{_part_name(table.column('run').to_pylist())}.parquet"
        content = table_bytes(table)
        write_whole(path, content)
        return read(path, content)

    def kept(self) -> list[Kept]:
        """Read what is finished.

        Raises
        ------
        SweepError
            If a file is not a whole part of this sweep. It is left as it is.
        """
        found, mine = [], frozenset(self.sweep.run_ids)
        for path in sorted(self.parts.glob("*.parquet")):
            try:
                one = read(path)
            except SweepError:
                raise SweepError(_refusal(path, "it is damaged, or no part of a sweep")) from None
            if path.stem != _part_name(one.runs):
                raise SweepError(_refusal(path, "it holds other runs than its name says"))
            if not mine.issuperset(one.runs):
                raise SweepError(_refusal(path, "its runs are not of this sweep"))
            found.append(one)
        return found

    def finish(self, rows: Rows, *, wall: float) -> Kept:
        """Write the table and its record, which tells the seconds of this call; drop the parts."""
        content = table_bytes(rows.table.replace_schema_metadata(None))
        unknown = self.table_path.exists() and not self.record_path.exists()
        if unknown and self.table_path.read_bytes() != content:
            record_of(self.table_path)
        parts, core = to_tables(rows.parts, rows.of)
        record = (
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nsweep = "{self.sweep.digest}"\n'
            f'kind = "{self.sweep.kind}"\nrows = {rows.table.num_rows}\n'
            f"core_seconds = {core}\nwall_seconds = {round(wall, 1)}\n{parts}\n{self._spec()}"
        )
        write_whole(self.table_path, content)
        # The record comes last: a table counts as done only with it.
        write_whole(self.record_path, record.encode())
        self._drop_parts()
        return read(self.table_path, content)

    def _drop_parts(self) -> None:
        # Its own files alone; a folder with others in it stays.
        with suppress(OSError):
            for path in (*self.parts.glob("*.parquet"), self.parts / "spec.toml"):
                path.unlink(missing_ok=True)
            self.parts.rmdir()


def _part_name(runs: Sequence[str]) -> str:
    return digest([*dict.fromkeys(runs)])


def _refusal(path: Path, reason: str) -> str:
    return f"{path}: {reason}; it is left as it is: move it away to go on with the other parts"


def _difference(before: str, now: str) -> str:
    old, new = (text[text.index("[spec]") :].splitlines() for text in (before, now))
    for one, other in zip(old, new, strict=False):
        if one != other and not one.startswith("name"):
            return f"{one}, now {other}"
    return f"{before.count('grid]]')} grids, now {now.count('grid]]')}"
