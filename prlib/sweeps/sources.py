"""Which tables of ``data/`` this process has read, so that a figure can name its source."""

from __future__ import annotations

import tomllib
from pathlib import Path

_read: dict[Path, dict[str, str]] = {}


def note(path: Path) -> None:
    """Remember that a table was read, and what its record says of it.

    Parameters
    ----------
    path : Path
        The Parquet file; one without a record beside it is no table of ``data/``.
    """
    try:
        record = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    except OSError:
        return
    folder = "data/theory" if path.parent.name == "theory" else "data"
    facts = {name: str(record[name]) for name in ("sha256", "commit", "machine", "finished")}
    _read[path] = {"table": f"{folder}/{path.name}", **facts}


def sources() -> tuple[dict[str, str], ...]:
    """Return what the records of the tables say that were read so far.

    Returns
    -------
    tuple of dict
        ``table`` (its path from the folder above ``data/``), ``sha256``, ``commit``, ``machine``
        and ``finished``, in the order of reading.
    """
    return tuple(_read.values())
