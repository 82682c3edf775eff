"""How a sweep is kept: whole parts while it runs, one table and its provenance when it is done.

In a folder, a sweep NAME has ``NAME.parts/`` with its spec and one Parquet file a chunk, and in the
end ``NAME.parquet`` beside ``NAME.toml``. Every file is written beside its place, flushed to the
disk and moved there at once, so that none is ever seen in part.

The columns of a sweep's rows are in `SCHEMA`; those of one that observes in `OBSERVED`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import shutil
import tomllib
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from prlib.parameters import ParameterError
from prlib.sweeps.spec import Chunk, Spec

SCHEMA = pa.schema(
    [
        ("a", pa.float64()),
        ("alpha", pa.float64()),
        ("n", pa.int64()),
        ("start", pa.string()),
        ("replica", pa.int64()),
        ("seed", pa.int64()),
        ("recovered", pa.bool_()),
        ("overlap", pa.float64()),
        ("energy", pa.float64()),
        ("time", pa.float64()),
        ("steps", pa.int64()),
        ("stopped_by", pa.string()),
        ("start_overlap", pa.float64()),
        ("rises", pa.int64()),
        ("sharpness", pa.float64()),
        ("time_limit", pa.float64()),
        ("constrained_time", pa.float64()),
        ("step", pa.float64()),
        ("safety", pa.float64()),
        ("success", pa.float64()),
        ("dtype", pa.string()),
        ("run", pa.string()),
    ]
)
"""Columns of recovery data. a is null for the un-normalised loss; energy is the sum over all
measurements; start_overlap is the modulus of the overlap at the start, rises and sharpness are
those of `prlib.descent.StepRecord`, the columns from time_limit to dtype are the settings of the
run (time is where it ended), and run is the address of all that determines the row."""

OBSERVED = pa.schema(
    [
        ("a", pa.float64()),
        ("alpha", pa.float64()),
        ("n", pa.int64()),
        ("start", pa.string()),
        ("replica", pa.int64()),
        ("seed", pa.int64()),
        ("recovered", pa.bool_()),
        ("time", pa.float64()),
        ("overlap", pa.float64()),
        ("energy", pa.float64()),
        ("mu", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("lowest", pa.float64()),
        ("overlap2", pa.float64()),
        ("start_overlap2", pa.float64()),
        ("displacement_overlap2", pa.float64()),
        ("gradient_overlap2", pa.float64()),
        ("edge", pa.float64()),
        ("outlier", pa.bool_()),
        ("rises", pa.int64()),
        ("stopped_by", pa.string()),
        ("run", pa.string()),
    ]
)
"""Columns of observations. recovered, rises and stopped_by are those of the whole run; energy is a
dimension's; lowest is the lowest eigenvalue of the Hessian, overlap2 the squared overlap of its
eigenvector with the signal, the next three with v1 of the start, with the displacement and with the
gradient (`prlib.descent.Trajectory`); edge and outlier are what theory makes of the state's own law
of labels and fields."""


def schema_of(spec: Spec) -> pa.Schema:
    """Return the columns of a sweep's rows.

    Parameters
    ----------
    spec : Spec
        The sweep.

    Returns
    -------
    pyarrow.Schema
        `OBSERVED` if it observes, else `SCHEMA`.
    """
    return OBSERVED if spec.observes else SCHEMA


_SECONDS = b"prlib.seconds"


class SweepError(ValueError):
    """A sweep cannot go on as asked; the message says what is kept and what to do."""


def table_bytes(table: pa.Table) -> bytes:
    """Serialise a table; equal tables give equal bytes.

    Parameters
    ----------
    table : pyarrow.Table
        The table.

    Returns
    -------
    bytes
        A Parquet file.
    """
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def keep_part(path: Path, rows: pa.Table, seconds: float) -> None:
    """Write a finished part of a table, which remembers how long it took.

    Parameters
    ----------
    path : Path
        Its place.
    rows : pyarrow.Table
        Its rows.
    seconds : float
        Core seconds; `seconds_of` reads them.
    """
    rows = rows.replace_schema_metadata({_SECONDS: repr(seconds).encode()})
    write_whole(path, table_bytes(rows))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens.

    Parameters
    ----------
    path : Path
        Its place.
    content : bytes
        What it holds.

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
        _sync_folder(path.parent)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        reason = "the disk is full" if full else (error.strerror or str(error))
        raise SweepError(
            f"{path}: cannot be written: {reason}; all finished runs are kept: make room and "
            "give the same command to go on"
        ) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """The files of one sweep in one folder.

    Parameters
    ----------
    spec : Spec
        The sweep.
    folder : Path
        Where its files are.
    """

    def __init__(self, spec: Spec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.parts = folder / f"{spec.name}.parts"
        self.table_path = folder / f"{spec.name}.parquet"
        self.record_path = folder / f"{spec.name}.toml"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the sweep's files alone.

        Yields
        ------
        None
            While no other run of any machine that sees the lock holds them.

        Raises
        ------
        SweepError
            If another run holds them.
        """
        path = self.folder / f".{self.spec.name}.lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        except OSError as error:
            raise ParameterError(f"out = {str(self.folder)!r}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SweepError(
                    f"{self.folder}: another run of the sweep {self.spec.name!r} is at work here; "
                    "wait for it, or give another folder"
                ) from None
            # The file stays: were it removed, two runs could hold locks on two files of one name.
            yield

    def begin(self) -> None:
        """Make the folder of parts, or check that it belongs to this spec.

        Raises
        ------
        SweepError
            If it was begun with another spec.
        """
        record = self.parts / "spec.toml"
        if record.exists():
            self._check_spec(record, "begun")
        else:
            self.parts.mkdir(parents=True, exist_ok=True)
            write_whole(record, self.spec.to_toml().encode())
        for leftover in self.parts.glob(".writing-*"):
            leftover.unlink()

    def _check_spec(self, record: Path, verb: str) -> None:
        try:
            table = tomllib.loads(record.read_text(encoding="utf-8"))
            other = Spec.from_table(table.get("spec", table))
        except (ValueError, OSError):
            raise SweepError(
                f"{record}: is not the record of a sweep; it is left as it is: move it away, or "
                "give another folder"
            ) from None
        if other.digest != self.spec.digest:
            raise SweepError(
                f"{record.parent}: the sweep {self.spec.name!r} here was {verb} with another spec "
                f"({_difference(other, self.spec)}); give another folder or name, or that spec"
            )

    def finished(self) -> pa.Table | None:
        """Return the table of a sweep that is done.

        Returns
        -------
        pyarrow.Table or None
            ``None`` if it is not done.

        Raises
        ------
        SweepError
            If the table is another sweep's, or is not the one that was written.
        """
        if not self.record_path.exists():
            if self.table_path.exists():
                raise SweepError(
                    f"{self.table_path}: has no record {self.record_path.name} beside it; it is "
                    "left as it is: move it away, or give another folder"
                )
            return None
        self._check_spec(self.record_path, "done")
        record = tomllib.loads(self.record_path.read_text(encoding="utf-8"))
        try:
            content = self.table_path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).hexdigest() != record.get("sha256"):
            raise SweepError(
                f"{self.table_path}: differs from what {self.record_path.name} says of it; both "
                "are left as they are: move them away to run the sweep again"
            )
        return pq.read_table(pa.BufferReader(content))

    def part_path(self, chunk: Chunk) -> Path:
        """Return the place of a chunk's rows.

        Parameters
        ----------
        chunk : Chunk
            The chunk.

        Returns
        -------
        Path
            A file that may not exist.
        """
        return self.parts / f"{chunk.name}.parquet"

    def keep(self, chunk: Chunk, rows: pa.Table, seconds: float) -> None:
        """Keep a finished chunk.

        Parameters
        ----------
        chunk : Chunk
            The chunk.
        rows : pyarrow.Table
            Its rows, in the order of its runs.
        seconds : float
            How long it took.
        """
        keep_part(self.part_path(chunk), rows, seconds)

    def kept(self, chunks: Sequence[Chunk]) -> dict[str, tuple[pa.Table, float]]:
        """Read what is finished.

        Parameters
        ----------
        chunks : sequence of Chunk
            The sweep's.

        Returns
        -------
        dict
            Rows and seconds of each finished chunk, by its name.

        Raises
        ------
        SweepError
            If a file is not a whole part of this sweep. It is left as it is.
        """
        expected = {self.part_path(chunk): chunk for chunk in chunks}
        found = {}
        for path in sorted(self.parts.glob("*.parquet")):
            chunk = expected.get(path)
            if chunk is None:
                raise SweepError(_refusal(path, "it belongs to no chunk of this sweep"))
            found[chunk.name] = _read_part(path, chunk, schema_of(self.spec))
        return found

    def finish(self, rows: pa.Table, record: str) -> None:
        """Write the table and its provenance, then drop the parts.

        Parameters
        ----------
        rows : pyarrow.Table
            All rows, in the order of the spec.
        record : str
            Provenance as TOML, without the digest.
        """
        content = table_bytes(rows.replace_schema_metadata(None))
        digest = hashlib.sha256(content).hexdigest()
        write_whole(self.table_path, content)
        # The record comes last: a table counts as done only with it.
        write_whole(self.record_path, f'sha256 = "{digest}"\n{record}'.encode())
        self._drop_parts()

    def _drop_parts(self) -> None:
        shutil.rmtree(self.parts, ignore_errors=True)


def known_rows(paths: Sequence[Path], schema: pa.Schema) -> dict[str, list[dict]]:
    """Read rows that other sweeps have computed.

    Parameters
    ----------
    paths : sequence of Path
        Parquet files of finished sweeps; those of other columns are passed over.
    schema : pyarrow.Schema
        The columns that are wanted.

    Returns
    -------
    dict
        The rows of each run by its address.

    Raises
    ------
    SweepError
        If a file holds no rows of a sweep.
    """
    rows: dict[str, list[dict]] = {}
    for path in paths:
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid):
            raise SweepError(f"{path}: is not a readable Parquet file of a sweep") from None
        if not any(table.schema.equals(one) for one in (SCHEMA, OBSERVED)):
            raise SweepError(f"{path}: its columns are not those of a sweep")
        if table.schema.equals(schema):
            found: dict[str, list[dict]] = {}
            for row in table.to_pylist():
                found.setdefault(row["run"], []).append(row)
            rows |= found
    return rows


def seconds_of(paths: Iterable[Path], wanted: Container[str] = ()) -> float:
    """Return the core seconds that parts of tables, and tables taken whole, say they took.

    Parameters
    ----------
    paths : iterable of Path
        Parquet files: parts, or finished tables with their record beside them.
    wanted : container of str, optional
        Addresses of the runs that are wanted. A finished table counts if all of its runs are
        among them: of one that gives a few rows nobody knows their share of its time.

    Returns
    -------
    float
        Their sum.
    """
    return sum(_seconds(path, wanted) for path in paths)


def _seconds(path: Path, wanted: Container[str]) -> float:
    metadata = pq.read_schema(path).metadata or {}
    if _SECONDS in metadata:
        return float(metadata[_SECONDS])
    record = path.with_suffix(".toml")
    if not record.exists():
        return 0.0
    runs = pq.read_table(path, columns=["run"]).column("run").to_pylist()
    if not all(run in wanted for run in runs):
        return 0.0
    return float(tomllib.loads(record.read_text(encoding="utf-8")).get("core_seconds", 0.0))


def _read_part(path: Path, chunk: Chunk, schema: pa.Schema) -> tuple[pa.Table, float]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        raise SweepError(_refusal(path, "it is damaged or no Parquet file")) from None
    if not table.schema.equals(schema):
        raise SweepError(_refusal(path, "its columns are not those of a sweep"))
    if table.column("run").to_pylist() != list(chunk.run_ids):
        raise SweepError(_refusal(path, "it holds other runs than its name says"))
    return table, float((table.schema.metadata or {}).get(_SECONDS, b"nan"))


def _refusal(path: Path, reason: str) -> str:
    return f"{path}: {reason}; it is left as it is: move it away to go on with the other parts"


def _difference(before: Spec, now: Spec) -> str:
    old, new = before.to_toml().splitlines(), now.to_toml().splitlines()
    for one, other in zip(old, new, strict=False):
        if one != other and not one.startswith("name"):
            return f"{one}, now {other}"
    return f"{len(before.grids)} grids, now {len(now.grids)}"
