"""Where chunks run: behind the interface of concurrent.futures."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from typing import Any

from prlib.parameters import ParameterError

EXECUTORS = ("processes", "dask")
"""The executors by name."""

_ONE_THREAD = dict.fromkeys(
    (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)


def check_executor(name: str, jobs: int | None, scheduler: str | None) -> None:
    """Refuse what `executor` would not take.

    Parameters
    ----------
    name, jobs, scheduler
        See `executor`.

    Raises
    ------
    ParameterError
        If there is no such executor, or it takes no such arguments.
    """
    if name not in EXECUTORS:
        raise ParameterError(f"executor = {name!r}: must be one of {', '.join(EXECUTORS)}")
    if scheduler is not None and name != "dask":
        raise ParameterError(f"scheduler = {scheduler!r}: needs executor = 'dask'")
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1):
        raise ParameterError(f"jobs = {jobs!r}: must be a whole number >= 1 (worker processes)")


@contextmanager
def executor(name: str, jobs: int | None, scheduler: str | None, most: int) -> Iterator[Executor]:
    """Start workers of one thread each, and end them.

    Parameters
    ----------
    name : {"processes", "dask"}
        Worker processes of this machine, or the workers of a Dask scheduler.
    jobs : int or None
        How many processes; all cores if ``None``. For Dask without a scheduler as well.
    scheduler : str or None
        Address of a Dask scheduler; ``None`` starts a local cluster.
    most : int
        More processes than this have nothing to do.

    Yields
    ------
    concurrent.futures.Executor
        It runs one chunk a worker.

    Raises
    ------
    ParameterError
        If the scheduler does not answer.
    """
    count = min(jobs or available_cores(), most)
    with _processes(count) if name == "processes" else _dask(count, scheduler) as pool:
        yield pool


def available_cores() -> int:
    """Return how many cores this process may use.

    Returns
    -------
    int
        At least one.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Keep Ctrl-C until it is asked for.

    Raised between any two instructions, it could leave a lock taken for ever that a pool needs to
    end. Where Ctrl-C is ignored it stays so, and threads other than the main one never see it.

    Yields
    ------
    callable
        It raises `KeyboardInterrupt` if Ctrl-C was pressed.

    Examples
    --------
    >>> with deferred_interrupt() as raise_if_pressed:
    ...     signal.raise_signal(signal.SIGINT)
    ...     try:
    ...         raise_if_pressed()
    ...     except KeyboardInterrupt:
    ...         print("now it is raised")
    now it is raised
    """
    pressed = threading.Event()

    def raise_if_pressed() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    with _on_interrupt(lambda *_: pressed.set()):
        yield raise_if_pressed


@contextmanager
def _on_interrupt(handler: Any) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    from joblib.externals.loky import ProcessPoolExecutor  # noqa: PLC0415

    pool = ProcessPoolExecutor(
        count, env=_ONE_THREAD, initializer=_prepare_worker, initargs=(os.getpid(),)
    )
    # Ctrl-C reaches the whole group: the parent alone answers it. A worker that is started while
    # it is ignored ignores it from its first instruction on.
    with _on_interrupt(signal.SIG_IGN):
        pool.submit(os.getpid)
    try:
        yield pool
    finally:
        # Whatever still runs is not wanted: all that was has been kept by now. loky forgets what
        # waits but not its numbers, and its thread then looks for the forgotten: take these too.
        with suppress(queue.Empty):
            while True:
                pool._work_ids.get_nowait()  # noqa: SLF001
        pool.shutdown(wait=True, kill_workers=True)


def _prepare_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # started from a thread that can't ignore it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A parent that is killed cannot say so; its workers must not go on without it.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _dask(count: int, scheduler: str | None) -> Iterator[Executor]:
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError:
        raise ParameterError(
            "executor = 'dask': needs Dask; install it with: pip install 'prlib[dask]'"
        ) from None
    if scheduler is None:
        with (
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            yield client.get_executor(retries=3)
        return
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParameterError(
            f"scheduler = {scheduler!r}: does not answer ({reason}); must be the address of a "
            "running Dask scheduler, such as tcp://host:8786"
        ) from None
    with client:
        yield client.get_executor(retries=3)
