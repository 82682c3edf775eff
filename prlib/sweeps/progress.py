"""Progress on standard error: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

SECONDS_A_LINE = 60.0


class Progress:
    """Counts runs.

    Parameters
    ----------
    total : int
        Runs altogether.
    done : int
        Runs that are there already.
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, total: int, done: int, *, quiet: bool = False) -> None:
        self.total, self.done, self.before = total, done, done
        self.began = self.last_line = time.monotonic()
        self.lines = not quiet and not sys.stderr.isatty()
        self.bar = tqdm(
            total=total,
            initial=done,
            unit="run",
            file=sys.stderr,
            disable=quiet or self.lines,
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def add(self, runs: int) -> None:
        """Count finished runs.

        Parameters
        ----------
        runs : int
            How many more.
        """
        self.done += runs
        self.bar.update(runs)
        self.beat()

    def beat(self) -> None:
        """Print a line if the last one is a minute old."""
        now = time.monotonic()
        if self.lines and now - self.last_line >= SECONDS_A_LINE:
            self.last_line = now
            rate = (self.done - self.before) / (now - self.began)
            left = (
                f"{(self.total - self.done) / rate / 60:.0f} min left" if rate > 0 else "starting"
            )
            message = f"{self.done} of {self.total} runs, {rate:.2f} a second, {left}"
            print(message, file=sys.stderr, flush=True)  # noqa: T201
