"""What the benchmarks refuse to write."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
machine = pytest.importorskip("machine")


def test_a_limit_that_is_beaten_is_measured_again():
    rates = iter([0.1, 5.0, 90.0])
    assert machine.limit("reading X", lambda: next(rates), reached=50.0) == 90.0


def test_a_limit_that_stays_beaten_is_refused():
    with pytest.raises(SystemExit, match="run this on a quiet machine"):
        machine.limit("reading X", lambda: 0.1, reached=50.0)


def test_results_lie_in_the_folder_of_their_processor(tmp_path):
    machine.write("theory", {"machine": {"processor": "AMD EPYC (2 GHz)"}}, tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.json")] == [
        "amd-epyc-2-ghz/theory.json"
    ]


def test_the_machine_says_which_kernels_its_linear_algebra_runs():
    assert machine.machine()["blas"]
