"""Which tables of ``data/`` this process has read, so that a figure can name its source."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

_read: dict[Path, None] = {}


def note(path: Path) -> None:
    """Remember that a table was read.

    Parameters
    ----------
    path : Path
        The Parquet file.
    """
    _read[path] = None


def sources() -> tuple[dict[str, str], ...]:
    """Return what the records of the tables say that were read so far.

    Returns
    -------
    tuple of dict
        ``table`` (its path from the folder above ``data/``), ``sha256``, ``commit``, ``machine``
        and ``finished``, in the order of reading.
    """
    return tuple(_described(path) for path in _read)


@lru_cache
def _described(path: Path) -> dict[str, str]:
    record = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    folder = "data/theory" if path.parent.name == "theory" else "data"
    facts = {name: str(record[name]) for name in ("sha256", "commit", "machine", "finished")}
    return {"table": f"{folder}/{path.name}", **facts}
