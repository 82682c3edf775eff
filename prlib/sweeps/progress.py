"""Progress on standard error: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

SECONDS_A_LINE = 60.0


class Progress:
    """Counts runs, and tells from the work that they are how long it takes.

    A run at N = 1024 costs a hundred at N = 100: what is left goes by estimated seconds.

    Parameters
    ----------
    total : int
        Runs altogether.
    done : int
        Runs that are there already.
    work : float
        Estimated core time of all runs, in any unit.
    left : float
        That of the runs that are not there.
    quiet : bool
        Whether to show nothing.
    """

    def __init__(
        self, total: int, done: int, *, work: float, left: float, quiet: bool = False
    ) -> None:
        self.total, self.done = total, done
        self.left = self.at_first = left
        self.began = self.last_line = time.monotonic()
        self.lines = not quiet and not sys.stderr.isatty()
        self.bar = tqdm(
            total=work,
            initial=work - left,
            bar_format="{percentage:3.0f}%|{bar}| {postfix[0]} of {postfix[1]} runs "
            "[{elapsed}<{remaining}]",
            postfix=[done, total],
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

    def add(self, runs: int, work: float) -> None:
        """Count more finished runs, with their estimated core time."""
        self.done += runs
        self.left -= work
        self.bar.postfix = [self.done, self.total]
        self.bar.update(work)
        self.beat()

    def beat(self) -> None:
        """Print a line if the last one is a minute old."""
        now = time.monotonic()
        if self.lines and now - self.last_line >= SECONDS_A_LINE:
            self.last_line = now
            rate = (self.at_first - self.left) / (now - self.began)
            left = f"{self.left / rate / 60:.0f} min left" if rate > 0 else "starting"
            message = f"{self.done} of {self.total} runs, {left}"
            print(message, file=sys.stderr, flush=True)  # noqa: T201
