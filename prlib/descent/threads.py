"""One thread of linear algebra while descents run, whoever else is at it in this process."""

from __future__ import annotations

import os
import threading

from threadpoolctl import threadpool_limits


class _OneThread:
    """Limit BLAS to one thread while anybody is inside; as before once all have left.

    The limit belongs to the process, so descents in several of its threads must share one: each
    with a limit of its own would lift that of the others when it ends.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._limit = threading.Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = threadpool_limits(1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()
                self._limit = None


one_blas_thread = _OneThread()

if hasattr(os, "register_at_fork"):
    # The threads that were inside, and whoever held the lock, are not in the child.
    os.register_at_fork(after_in_child=one_blas_thread.__init__)
