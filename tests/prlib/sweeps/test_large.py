"""A sweep at N = 65,536, where no dense X fits: killed it goes on, and it stays small."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prlib.sweeps import Sweep

MOST = 100 * 2**20
"""Bytes that such runs may add to a process that has made all it needs with small ones; a dense X
would take 51 GB."""

TABLE = {
    "name": "large",
    "seed": 3,
    "a": 0.01,
    "alpha": 3.0,
    "n": 65_536,
    "start": "random",
    "sensing": "hadamard",
    "replicas": 3,
    "time": 0.05,
}

PROGRAM = """
import sys
from pathlib import Path
import prlib.sweeps.spec
from prlib.sweeps import Sweep
prlib.sweeps.spec._CHUNK_SECONDS = 0.01  # a run a part
def peak():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
sweep, out = Sweep.load(sys.argv[1]), Path(sys.argv[2])
small = Sweep.from_table({**eval(sys.argv[3]), "n": 64, "name": "small"})
small.run(out / "small", executor="serial", quiet=True)
before = peak()
result = sweep.run(out / "large", executor="serial", quiet=True)
print(result.computed, peak() - before)
"""


@pytest.fixture
def launch(tmp_path):
    """Start the sweep in a process of its own, which prints the runs it computed and its memory."""
    spec = tmp_path / "large.toml"
    spec.write_text(Sweep.from_table(TABLE).to_toml())
    processes = []

    def start():
        command = [sys.executable, "-c", PROGRAM, str(spec), str(tmp_path / "out"), repr(TABLE)]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read there")
def test_a_killed_sweep_goes_on_at_its_last_finished_run_in_little_memory(launch, tmp_path):
    parts = tmp_path / "out" / "large" / "large.parts"
    killed = launch()
    while killed.poll() is None and not list(parts.glob("*.parquet")):
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    kept = len(list(parts.glob("*.parquet")))
    assert 1 <= kept < TABLE["replicas"]
    output, _ = launch().communicate()
    computed, added = map(int, output.split())
    assert computed == TABLE["replicas"] - kept
    assert added < MOST
