"""What the benchmarks refuse to write."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from companion.sphinx.benchmark_tables import CALIBRATED, CHECKED, ON_PAPER, _on_paper, _processors
from prlib.sensing.hadamard import Hadamard

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
machine = pytest.importorskip("machine")


def test_a_limit_that_is_beaten_is_measured_again():
    rates = iter([0.1, 5.0, 90.0])
    assert machine.limit("reading X", lambda: next(rates), reached=50.0) == 90.0


def test_a_limit_that_stays_beaten_is_refused():
    with pytest.raises(SystemExit, match="run this on a quiet machine"):
        machine.limit("reading X", lambda: 0.1, reached=50.0)


def test_a_run_begins_again_without_another_processors_kernels(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    begun = []
    monkeypatch.setattr(machine.os, "execve", lambda *arguments: begun.append(arguments))
    machine.without_overrides()
    ((program, _, environment),) = begun
    assert program == sys.executable
    assert "OPENBLAS_CORETYPE" not in environment


def test_the_page_shows_the_ratios_of_every_processor():
    step = {"count": 1, "times_best_peer": 1.25, "times_numpy": 1.8, "share_of_bandwidth": 0.41}
    runs = [
        {"machine": {"processor": name}, "steps": [{"n": n, **step} for n in (1024, 4096)]}
        for name in ("AMD EPYC", "Intel Xeon")
    ]
    lines = _processors(runs).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| AMD EPYC"] * 2 + ["| Intel Xeon"] * 2
    assert lines[0].endswith("| 1.2 | 1.8 | 41% |")


def test_results_lie_in_the_folder_of_their_processor(tmp_path):
    machine.write("theory", {"machine": {"processor": "AMD EPYC (2 GHz)"}}, tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.json")] == [
        "amd-epyc-2-ghz/theory.json"
    ]


def test_the_machine_says_which_kernels_its_linear_algebra_runs():
    assert machine.machine()["blas"]


def test_the_cost_on_paper_is_the_rule_that_a_measured_step_is_held_against():
    """Made-up steps that cost ten nanoseconds an addition, but for the largest: twice as much."""
    fast = Hadamard(16)
    rows = [
        {
            "n": n,
            "fast_seconds": times * 1e-8 * 2 * fast.cost(3 * n, n),
            "peak_bytes": 2 * fast.nbytes(3 * n, n, 4),
        }
        for n, times in ((CALIBRATED, 1), (CHECKED, 2))
    ]
    runs = pd.DataFrame({"start": "random", "stopped_by": "time", "n": [1024, 4096, 16384]})
    runs = runs.assign(steps=10 * runs["n"] ** 0.25, time_limit=10.0)
    found = _on_paper({"sensing": fast.id, "alpha": 3.0, "rows": rows}, runs)
    assert (found["paper_off"], found["paper_power"]) == ("2", "0.25")
    seconds = 2e-8 * 2 * fast.cost(3 * ON_PAPER, ON_PAPER)
    steps = 10 * ON_PAPER**0.25
    assert f"| {steps:,.0f} | {steps * seconds / 3600:.2g} h |" in found["paper"]
