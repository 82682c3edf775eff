"""What a long sweep says of itself while it runs."""

import io
import sys

import pytest

from prlib.sweeps import progress as module
from prlib.sweeps.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told, and not in a bar of tqdm."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_a_minute_tells_what_is_left_by_work_and_not_by_runs(clock, capsys):
    with Progress(100, 10, work=1000.0, left=900.0) as progress:
        clock[0] = 30.0
        progress.beat()
        assert capsys.readouterr().err == ""
        clock[0] = 60.0
        progress.add(80, 90.0)
        assert capsys.readouterr().err == "90 of 100 runs, 9 min left\n"
        clock[0] = 119.0
        progress.beat()
        assert capsys.readouterr().err == ""


def test_before_the_first_chunk_nothing_is_foretold(clock, capsys):
    with Progress(5, 0, work=5.0, left=5.0) as progress:
        clock[0] = 61.0
        progress.beat()
    assert capsys.readouterr().err == "0 of 5 runs, starting\n"


def test_a_terminal_sees_a_bar_with_runs_and_share_of_work(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(100, 10, work=1000.0, left=900.0) as progress:
        progress.add(80, 400.0)
    last = terminal.getvalue().split("\r")[-1]
    assert "50%" in last
    assert "90 of 100 runs" in last
