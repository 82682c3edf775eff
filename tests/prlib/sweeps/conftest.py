"""Small sweeps and a way to run one in a process of its own."""

import os
import subprocess
import sys

import pytest

from prlib.sweeps import Sweep

TABLE = {
    "name": "small",
    "seed": 5,
    "a": [0.01, "unnormalized"],
    "alpha": [2.0, 6.0],
    "n": [16, 24],
    "start": ["random", "spectral", "constrained"],
    "replicas": 3,
    "time": 5.0,
    "hold": 1.0,
}

# A shell's background job hands down that Ctrl-C is ignored: here it must not be.
PROGRAM = """
import signal, sys, time
import prlib.sweeps.spec, prlib.sweeps.runner
from prlib.sweeps import Sweep, SweepError, SweepInterrupted
prlib.sweeps.spec._CHUNK_SECONDS = 0.05
# prelude
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        Sweep.load(sys.argv[1]).run(sys.argv[2], jobs=2)
    except SweepInterrupted as interrupted:
        print(interrupted, file=sys.stderr)
        sys.exit(130)
    except SweepError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
"""


@pytest.fixture(scope="session")
def table():
    return TABLE


@pytest.fixture
def spec():
    return Sweep.from_table(TABLE)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("prlib.sweeps.spec._CHUNK_SECONDS", 0.05)


@pytest.fixture
def launch(tmp_path):
    """Start a sweep in a process group of its own."""
    processes = []

    def start(spec_path, out, prelude=""):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM.replace("# prelude", prelude))
        process = subprocess.Popen(
            [sys.executable, str(program), str(spec_path), str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
