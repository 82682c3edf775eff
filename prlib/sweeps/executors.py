"""Where chunks run: worker processes or a Dask cluster, behind the generators of joblib.

An executor is a context in which joblib's `Parallel` has workers; `EXECUTORS` is the one list.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import joblib

from prlib.memory import available_memory
from prlib.parameters import ParameterError
from prlib.system import available_cores

_BEAT = 0.2
"""Seconds between two looks at Ctrl-C and the clock."""

_LAST_WORDS = 5.0
"""Most seconds that joblib is given to notice that its workers are gone."""

_LOOK, _IDLE = 10.0, 60.0
"""Seconds between two looks at a Dask cluster, and those without work that mean that it gave up."""


def check_executor(name: object, jobs: object, scheduler: object) -> None:
    """Refuse an executor that is not there, or does not take such arguments.

    Raises
    ------
    ParameterError
        In one line.
    """
    if not isinstance(name, str) or name not in EXECUTORS:
        shown = repr(name) if isinstance(name, str) else type(name).__name__
        raise ParameterError(
            f"executor = {shown}: must be one of {', '.join(EXECUTORS)} (threads share one limit "
            "on those of linear algebra, and rows would depend on it)"
        )
    if scheduler is not None and name != "dask":
        raise ParameterError(f"scheduler = {scheduler!r}: needs executor = 'dask'")
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1):
        raise ParameterError(f"jobs = {jobs!r}: must be a whole number >= 1 (worker processes)")


def as_finished(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    name: str,
    jobs: int,
    scheduler: str | None,
    beat: Callable[[], None],
) -> Iterator[Any]:
    """Call a function on items by an executor, and yield what it returns as it comes.

    Parameters
    ----------
    function : callable
        What the workers call.
    items : iterable
        What it is called with.
    name, jobs, scheduler
        The executor, how many workers at most, and the address of a Dask scheduler.
    beat : callable
        Called a few times a second; what it raises ends the workers with all that they run.
    """
    with (
        deferred_interrupt() as raise_if_pressed,
        _beside() as start,
        EXECUTORS[name](jobs, scheduler, raise_if_pressed) as workers,
    ):
        # Ctrl-C reaches the whole group, and this process alone answers it: workers that are
        # started while it is ignored ignore it from their first instruction on.
        with _on_interrupt(signal.SIG_IGN):
            calls = (joblib.delayed(function)(item) for item in items)
            running = workers.run(calls)
        arrived: queue.SimpleQueue = queue.SimpleQueue()
        start(_drain, running, arrived)
        while True:
            with suppress(queue.Empty):
                kind, value = arrived.get(timeout=_BEAT)
                if kind == "end":
                    return
                if kind == "error":
                    raise value
                yield value
            raise_if_pressed()
            workers.look()
            beat()


@contextmanager
def _beside() -> Iterator[Callable[..., None]]:
    """Yield a function that calls another in a thread, which is waited for at the end.

    What joblib cleans up there when its workers are killed, it would clean up once more at exit.
    """
    started: list[threading.Thread] = []

    def start(function: Callable[..., None], *args: Any) -> None:
        started.append(threading.Thread(target=function, args=args, daemon=True))
        started[-1].start()

    try:
        yield start
    finally:
        for thread in started:
            thread.join(_LAST_WORDS)


def _drain(running: Iterator[Any], arrived: queue.SimpleQueue) -> None:
    # In a thread of its own, so that the main one can look at the clock and at Ctrl-C.
    try:
        for value in running:
            arrived.put(("value", value))
        arrived.put(("end", None))
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        arrived.put(("error", error))


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Keep Ctrl-C, and the wish of the system that the process end, until it is asked for.

    Raised between any two instructions, it could leave a lock taken for ever that a pool needs to
    end. Where Ctrl-C is ignored it stays so, and threads other than the main one never see it.

    Yields
    ------
    callable
        It raises `KeyboardInterrupt` if either came.

    Examples
    --------
    >>> with deferred_interrupt() as raise_if_pressed:
    ...     signal.raise_signal(signal.SIGTERM)
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
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, old in before.items():
        if callable(old) or (number == signal.SIGTERM and old == signal.SIG_DFL):
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


Patience = Callable[[], None]


@dataclass(frozen=True)
class Workers:
    """What runs calls of joblib, and what is called while it is waited for."""

    run: Callable[[Iterable[Any]], Iterator[Any]]
    look: Patience = lambda: None


@contextmanager
def _processes(jobs: int, *_: object) -> Iterator[Workers]:
    from joblib.externals.loky import get_reusable_executor  # noqa: PLC0415

    options = {"initializer": _prepare_worker, "initargs": (os.getpid(),)}
    with joblib.parallel_config("loky", inner_max_num_threads=1, **options):
        try:
            yield Workers(_parallel(jobs))
        finally:
            # What is left is a pool without work, or one whose work is not wanted any more.
            if jobs > 1:
                get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _prepare_worker(parent: int) -> None:
    # A worker may be started from a thread, which cannot ignore them for it. The parent answers
    # both, and ends its workers by a signal that cannot be ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A parent that is killed cannot say so; its workers must not go on without it.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _dask(jobs: int, scheduler: str | None, patience: Patience) -> Iterator[Workers]:
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError:
        raise ParameterError(
            "executor = 'dask': needs Dask; install it with: pip install 'prlib[dask]'"
        ) from None
    if scheduler is None:
        cluster: Any = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster) as client, joblib.parallel_config("dask", client=client):
            yield _watched(client)
        return
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParameterError(
            f"scheduler = {scheduler!r}: does not answer ({reason}); must be the address of a "
            "running Dask scheduler, such as tcp://host:8786"
        ) from None
    with client, joblib.parallel_config("dask", client=client):
        while not client.nthreads():  # on a cluster they may wait in a queue themselves
            time.sleep(_BEAT)
            patience()
        for worker, count in client.nthreads().items():
            if count > 1:
                raise ParameterError(
                    f"scheduler = {scheduler!r}: its worker {worker} runs {count} threads, which "
                    "share one limit on those of linear algebra; start workers with --nthreads 1"
                )
        yield _watched(client)


def _watched(client: Any) -> Workers:
    # joblib waits for ever for a task that Dask has given up on, since its workers died with it.
    looked = busy = time.monotonic()

    def look() -> None:
        nonlocal looked, busy
        now = time.monotonic()
        if now - looked < _LOOK:
            return
        looked = now
        if any(client.processing().values()):
            busy = now
        elif now - busy > _IDLE:
            raise BrokenProcessPool

    return Workers(_parallel(-1), look)


@contextmanager
def _serial(*_: object) -> Iterator[Workers]:
    with joblib.parallel_config("sequential"):
        yield Workers(_parallel(1))


def _parallel(jobs: int) -> Callable[[Iterable[Any]], Iterator[Any]]:
    return joblib.Parallel(jobs, batch_size=1, return_as="generator_unordered")


EXECUTORS: dict[str, Callable[..., AbstractContextManager[Workers]]] = {
    "processes": _processes,
    "dask": _dask,
    "serial": _serial,
}
"""The executors by name: worker processes of this machine, the workers of a Dask scheduler (of a
local cluster without one), or this process alone."""


def workers_for(jobs: int | None, most: int, each: float) -> int:
    """Return how many workers to start: by default one a core, if memory holds all they do.

    Parameters
    ----------
    jobs : int or None
        As many as that instead.
    most : int
        As much work as there is.
    each : float
        Bytes of the largest piece of it.
    """
    held = available_memory() / max(each, 1)
    return int(max(1, min(jobs or min(available_cores(), held), most)))
