"""Refuse what cannot fit into memory before it is tried."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from prlib.parameters import ParameterError

_MEMINFO, _CONTAINER = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def available_memory() -> float:
    """Return about how many bytes this process can still have; infinite if nothing tells."""
    found = [float("inf")]
    with suppress(OSError, ValueError):
        found.append(float(_CONTAINER.read_text()))
    with suppress(OSError):
        lines = _MEMINFO.read_text().splitlines()
        found += [1024 * float(one.split()[1]) for one in lines if one.startswith("MemAvailable:")]
    if len(found) == 1:
        with suppress(AttributeError, OSError, ValueError):
            found.append(0.5 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found)


def check_memory(what: str, needed: float) -> None:
    """Refuse what needs more memory than there is.

    Raises
    ------
    ParameterError
        In one line: what, the memory it needs, the memory there is.
    """
    available = available_memory()
    if needed > available:
        raise ParameterError(
            f"{what}: needs {needed / 2**30:.3g} GiB of memory; must fit into "
            f"{available / 2**30:.3g} GiB"
        )
