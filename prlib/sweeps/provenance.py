"""Where rows come from: what computed them, on what machine and when, part by part of a table."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prlib.system import available_cores, processor


@dataclass(frozen=True)
class Origin:
    """What computed some rows.

    Attributes
    ----------
    commit : str
        Commit of the code; ``"unknown"`` outside of a checkout.
    dirty : bool
        Whether the library differed from that commit.
    machine, prlib, python, numpy, scipy, numba : str
        Processor, cores and system; versions.
    """

    commit: str
    dirty: bool
    machine: str
    prlib: str
    python: str
    numpy: str
    scipy: str
    numba: str

    @classmethod
    def here(cls) -> Origin:
        """Return what computes now."""
        # The tables themselves may be on their way; what makes them is the code.
        head, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", ":/prlib")
        packages = {name: _version(name) for name in ("prlib", "numpy", "scipy", "numba")}
        return cls(
            commit=head or "unknown",
            dirty=bool(head and changed),
            machine=f"{processor()}, {available_cores()} cores, {platform.system()}",
            python=platform.python_version(),
            **packages,
        )

    @property
    def code(self) -> str:
        """The commit, and whether the code differed from it."""
        return self.commit + ("-dirty" if self.dirty else "")


@dataclass(frozen=True)
class Part:
    """Rows of one origin.

    Attributes
    ----------
    origin : Origin
        What computed them.
    finished : str
        When the last of them was, in UTC.
    core_seconds : float
        What they took on one core.
    rows : int
        How many there are.
    """

    origin: Origin
    finished: str
    core_seconds: float
    rows: int

    @classmethod
    def now(cls, origin: Origin, core_seconds: float, rows: int) -> Part:
        """Return a part that is finished now."""
        return cls(origin, datetime.now(UTC).isoformat(timespec="seconds"), core_seconds, rows)

    def to_json(self) -> bytes:
        """Write it for the metadata of a file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Part:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"origin": Origin(**values["origin"])})


def to_tables(parts: Sequence[Part], of: NDArray[np.int64]) -> tuple[str, float]:
    """Write the parts of a table as TOML, one ``[[part]]`` an origin.

    Parameters
    ----------
    parts : sequence of Part
        The parts.
    of : ndarray of int
        Which of them each row belongs to.

    Returns
    -------
    text : str
        TOML; ``rows`` are the first and the last row of each stretch, counted from 0.
    core_seconds : float
        What all of it took. A part that gave a few rows does not count: of its time nobody knows
        their share.
    """
    lines, whole = [], np.bincount(of, minlength=len(parts))
    origins = list(dict.fromkeys(parts[index].origin for index in of))
    total = 0.0
    for origin in origins:
        mine = [i for i, part in enumerate(parts) if part.origin == origin and whole[i]]
        stretches = _stretches(np.isin(of, mine))
        seconds = sum(parts[i].core_seconds for i in mine if whole[i] == parts[i].rows)
        total += seconds
        facts = {
            "rows": stretches,
            "finished": max(parts[i].finished for i in mine),
            "core_seconds": round(seconds, 1),
            **asdict(origin),
        }
        lines += ["", "[[part]]", *(f"{key} = {json.dumps(facts[key])}" for key in facts)]
    return "\n".join(lines) + "\n", round(total, 1)


def from_tables(record: Mapping[str, Any]) -> tuple[tuple[Part, ...], NDArray[np.int64]]:
    """Read the parts of a table from its record: what `to_tables` was given, merged by origin."""
    parts, of = [], np.zeros(record["rows"], dtype=np.int64)
    for number, table in enumerate(record["part"]):
        rows = 0
        for first, last in table["rows"]:
            of[first : last + 1] = number
            rows += last + 1 - first
        origin = Origin(**{name: table[name] for name in Origin.__dataclass_fields__})
        parts.append(Part(origin, table["finished"], table["core_seconds"], rows))
    return tuple(parts), of


def _stretches(chosen: NDArray[np.bool_]) -> list[list[int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(int), [0]])))
    return [[int(first), int(end) - 1] for first, end in edges.reshape(-1, 2)]


def joined(values: Iterable[str]) -> str:
    """Return distinct values, in their order, as one text."""
    return ", ".join(dict.fromkeys(values))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str | None:
    try:
        found = subprocess.run(  # noqa: S603 - fixed commands
            ["git", "-C", str(Path(__file__).parent), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
