"""The process that executes a notebook: of this interpreter, and ended whole whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any, Self

PATIENCE = 10.0
"""Seconds that an interrupted cell has to keep its results."""

LONGEST_SOCKET = 80
"""Longest folder of a socket: the whole name may have 104 bytes on some systems."""


@contextmanager
def own_kernel() -> Iterator[Any]:
    """Offer a kernel of the running interpreter, whichever others are installed.

    In the end it is shut down, and so is every process that it has left.
    """
    from jupyter_client.kernelspec import KernelSpec  # noqa: PLC0415
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415
    from jupyter_core.utils import run_sync  # noqa: PLC0415

    with TemporaryDirectory(prefix="prlib-") as place:

        class ThisInterpreter(AsyncKernelManager):
            kernel_spec = KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3",
                language="python",
                # Neither the reader's settings of IPython, nor a home that can be written.
                env={"IPYTHONDIR": place},
            )

            def client(self, **options: Any) -> Any:
                clients.append(super().client(**options))
                return clients[-1]

        clients: list[Any] = []

        # Sockets of the file system, where their names are short enough, are heard by nobody else.
        transport = "ipc" if len(place) < LONGEST_SOCKET else "tcp"
        kernel = ThisInterpreter(connection_file=f"{place}/kernel.json", transport=transport)
        try:
            # What its workers write past it, as the tracebacks of interrupted ones, is for nobody.
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            run_sync(kernel.start_kernel)(**quiet)
            yield kernel
        finally:
            group = _group(kernel)
            for client in clients:
                client.stop_channels()
            if kernel.has_kernel:
                run_sync(kernel.shutdown_kernel)()
            if group is not None:
                _end(group)


def _group(kernel: Any) -> int | None:
    return getattr(kernel.provisioner, "pgid", None)


def _end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class Interruption:
    """Ctrl-C and SIGTERM go to the cell that runs, so that it keeps its results, and end it.

    Standard error of the cells passes through here, up to the tracebacks of their workers.
    """

    def __init__(self, kernel: Any) -> None:
        self.came = False
        self._kernel = kernel
        self._before: dict[int, Any] = {}
        self._end: threading.Timer | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = (signal.SIGINT, signal.SIGTERM)
            self._before = {number: signal.signal(number, self._interrupt) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._end:
            self._end.cancel()

    def _interrupt(self, *_: object) -> None:
        group = _group(self._kernel)
        if self.came or group is None:
            raise KeyboardInterrupt
        self.came = True
        os.killpg(group, signal.SIGINT)
        self._end = threading.Timer(PATIENCE, _end, (group,))
        self._end.daemon = True
        self._end.start()

    def write(self, text: str) -> None:
        """Pass on what a cell writes."""
        if not self.came:
            sys.stderr.write(text)

    def flush(self) -> None:
        """Show it."""
        sys.stderr.flush()
