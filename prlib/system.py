"""What differs from one operating system to another: locks, folders on disk, cores, processors."""

from __future__ import annotations

import errno
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


def try_lock(file: IO) -> bool:
    """Lock an open file until it is closed, or say that somebody else holds it.

    Raises
    ------
    OSError
        If the disk takes no locks.
    """
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can: the file itself is there."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the name of the processor, as far as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip().replace('"', "")
    return platform.processor() or platform.machine()


def cache_folder() -> Path:
    """Return the folder of this user for what can be made again."""
    if "XDG_CACHE_HOME" in os.environ:
        return Path(os.environ["XDG_CACHE_HOME"]) / "prlib"
    return Path("~/.cache/prlib").expanduser()


def compiled_folder() -> str:
    """Return where compiled code is kept: beside its source in a checkout (""), else in the cache.

    An installed package is never written to: where the cache cannot be, Numba would do so.

    Raises
    ------
    OSError
        If the cache cannot be written to.
    """
    if (Path(__file__).resolve().parent.parent / "pyproject.toml").exists():
        return ""
    folder = first_writable([cache_folder()])
    if folder is None:
        raise OSError(f"{cache_folder()} cannot be written to")
    return str(folder)


def first_writable(folders: Iterable[Path]) -> Path | None:
    """Return the first of some folders that files can be written to; it is made if need be."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None
