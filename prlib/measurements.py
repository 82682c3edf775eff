"""Measurement vectors and labels from files of a reader's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import ParameterError

_TAKEN = ".npz (arrays X and y), .npy (one array) or .parquet (a column y, the others are X)"


def read_measurements(
    path: str | Path, labels: str | Path | None = None, *, intensities: bool = False
) -> tuple[NDArray, NDArray]:
    """Read measurement vectors X and labels y.

    Parameters
    ----------
    path : path
        ``.npz`` with arrays X and y, ``.parquet`` with a column y and one column a dimension, or
        ``.npy`` with X alone.
    labels : path, optional
        ``.npy`` with y, where the first file holds X alone.
    intensities : bool
        Whether the labels are squares of what was measured.

    Returns
    -------
    X : ndarray, shape (M, N)
    y : ndarray, shape (M,)

    Raises
    ------
    ParameterError
        In one line: which file, what it lacks, or that an intensity is negative.
    FileNotFoundError
        If there is no such file.
    """
    found = _arrays(Path(path))
    if labels is not None:
        if "y" in found:
            raise ParameterError(f"{path}: holds y already; must be X alone beside {labels}")
        found["y"] = _arrays(Path(labels)).get("X", np.empty(0))
    if "y" not in found:
        raise ParameterError(f"{path}: holds no y; must be given in a second file, as y.npy")
    X, y = found["X"], found["y"]
    if intensities:
        if np.iscomplexobj(y) or not np.all(y >= 0):
            raise ParameterError("y holds what is not an intensity: all must be >= 0")
        y = np.sqrt(y)
    return X, y


def _arrays(path: Path) -> dict[str, Any]:
    readers = {".npz": _npz, ".npy": _npy, ".parquet": _parquet}
    if path.suffix not in readers:
        raise ParameterError(f"{path}: must be {_TAKEN}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found = readers[path.suffix](path)
    except (ValueError, OSError, EOFError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParameterError(f"{path}: cannot be read as {path.suffix} ({reason})") from None
    if "X" not in found:
        raise ParameterError(f"{path}: holds no X; must be {_TAKEN}")
    return found


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in ("X", "y") if name in file}


def _npy(path: Path) -> dict[str, Any]:
    return {"X": np.load(path)}


def _parquet(path: Path) -> dict[str, Any]:
    import pandas as pd  # noqa: PLC0415 - heavy, and only for this kind

    table = pd.read_parquet(path)
    columns = [name for name in table if name != "y"]
    found = {"X": table[columns].to_numpy()} if columns else {}
    return found | ({"y": table["y"].to_numpy()} if "y" in table else {})
