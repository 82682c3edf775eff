"""Compile a kernel once, and keep it on disk where no accident can spoil it.

Numba keeps the compiled forms of one function under one index, which two processes may write at
once. Here every form (what a function refers to, and the types of its arguments) is a function
with a name and an index of its own: whoever writes last has written the same.
"""

from __future__ import annotations

import atexit
import hashlib
import inspect
import os
import pickle
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from numba import config, get_num_threads, njit, set_num_threads, typeof
from numba.core import event

from prlib.parameters import ParameterError
from prlib.system import compiled_folder

_SPOILED = (OSError, EOFError, pickle.PickleError)
"""What reading a damaged file, or writing to a full disk, may raise."""

_lock = threading.RLock()
_kernels: dict[tuple, Callable] = {}


def compiled(
    function: FunctionType,
    arguments: tuple,
    sources: str,
    *,
    nogil: bool = False,
    error_model: str = "python",
    **names: object,
) -> Callable:
    """Return a function compiled for the types of some arguments.

    Parameters
    ----------
    function : function
        Plain Python that Numba compiles.
    arguments : tuple
        Arguments, for their types.
    sources : str
        Stands for the source of all that the function refers to.
    nogil, error_model
        See `numba.njit`.
    **names
        Values for global names of the function.
    """
    signature = tuple(map(typeof, arguments))
    key = (function, sources, signature, *names.values())
    with _lock:
        if key not in _kernels:
            words = [sources, *map(str, signature), *(value.__name__ for value in names.values())]
            form = renamed(function, f"{function.__name__}_{digest(*words)}", **names)
            options = {"nogil": nogil, "error_model": error_model}
            _kernels[key] = cached(lambda *, keep: _compile(form, signature, cache=keep, **options))
    return _kernels[key]


def _compile(form: FunctionType, signature: tuple, **options: Any) -> Callable:
    kernel = njit(**options)(form)
    kernel.compile(signature)
    return kernel


def cached(compile_: Callable[..., Any]) -> Any:
    """Compile with Numba's cache on disk, here or in a temporary folder, or else without one.

    Parameters
    ----------
    compile_ : callable
        ``compile_(keep=)`` takes whether to cache, and compiles a function whose name no other has.
    """
    with _lock, event.install_listener("numba:compile", _Announcement()):
        for place in (lambda: config.CACHE_DIR or compiled_folder(), _temporary_folder):
            try:
                with _cache_in(place()):
                    return compile_(keep=True)
            except _SPOILED:
                continue
            except RuntimeError as error:
                if "no locator available" not in str(error):
                    raise
        return compile_(keep=False)


def renamed(function: FunctionType, name: str, **names: object) -> FunctionType:
    """Return a copy of a function under another name, with other values of global names."""
    copy = FunctionType(
        function.__code__, {**function.__globals__, **names}, name, function.__defaults__
    )
    copy.__qualname__ = name
    return copy


def digest_of_sources(*modules: ModuleType) -> str:
    """Return a digest of the source of modules."""
    return digest(*map(inspect.getsource, modules))


def digest(*words: str) -> str:
    """Return a short digest of some texts."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


@contextmanager
def _cache_in(folder: str) -> Iterator[None]:
    before, config.CACHE_DIR = config.CACHE_DIR, folder
    try:
        yield
    finally:
        config.CACHE_DIR = before


@cache
def _temporary_folder() -> str:
    # What others can write to is not fit to run code from: one's own folder, or a new one.
    try:
        folder = Path(tempfile.gettempdir(), f"prlib-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o77:
            return str(folder)
    except (AttributeError, OSError):
        pass
    new = tempfile.mkdtemp(prefix="prlib-")
    atexit.register(shutil.rmtree, new, ignore_errors=True)
    return new


class _Announcement(event.Listener):
    """Say that the compiler is at work, before the first of its functions."""

    # A notebook would keep it among its results.
    said = "ipykernel" in sys.modules

    def on_start(self, event: event.Event) -> None:  # noqa: ARG002
        if not _Announcement.said:
            print("prlib: compiling, once", file=sys.stderr)  # noqa: T201
        _Announcement.said = True

    def on_end(self, event: event.Event) -> None:
        """Say nothing."""


class Threads:
    """Numba's threads: one kernel at a time, and none in a process forked from theirs."""

    lock = threading.Lock()
    started_in: int | None = None

    @classmethod
    @contextmanager
    def of(cls, count: int) -> Iterator[None]:
        """Have a number of them, for kernels that use more than one."""
        if count == 1:
            yield
            return
        if cls.started_in not in (None, os.getpid()):
            raise ParameterError(
                f"threads = {count}: must be 1 in a process that was forked from one with threads "
                "of its own (start processes by spawn)"
            )
        with cls.lock:
            cls.started_in, before = os.getpid(), get_num_threads()
            set_num_threads(min(count, before))
            try:
                yield
            finally:
                set_num_threads(before)
