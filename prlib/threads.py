"""One thread of linear algebra while small matrices are at work, whoever else is at it here."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import threadpoolctl


class _Inside:
    """Those who want one thread of BLAS now, and the limit that they share."""

    def __init__(self) -> None:
        self.lock, self.count, self.limit = threading.Lock(), 0, None

    def enter(self, controller: threadpoolctl.ThreadpoolController) -> None:
        with self.lock:
            if not self.count:
                _let_any_thread_set_limits()
                self.limit = controller.limit(limits=1, user_api="blas")
            self.count += 1

    def leave(self) -> None:
        with self.lock:
            self.count -= 1
            if not self.count:
                _let_any_thread_set_limits()
                self.limit.restore_original_limits()
                _let_any_thread_set_limits()


def _let_any_thread_set_limits() -> None:
    # threadpoolctl obeys, without a word, only the first thread that ever set a limit of OpenBLAS.
    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_inside = _Inside()

if hasattr(os, "register_at_fork"):
    # The threads that were inside, and whoever held the lock, are not in the child.
    os.register_at_fork(after_in_child=_inside.__init__)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread until all who asked for it have left; then it is as before.

    The limit belongs to the process, so descents in several of its threads must share one: each
    with a limit of its own would lift that of the others when it ends. That of OpenMP belongs to
    the thread.
    """
    controller = threadpoolctl.ThreadpoolController()
    with controller.limit(limits=1, user_api="openmp"):
        _inside.enter(controller)
        try:
            yield
        finally:
            _inside.leave()
