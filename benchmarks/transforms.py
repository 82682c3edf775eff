"""What a step costs with rows of fast transforms, beside a dense X and SciPy's FFT: `make bench`.

    python benchmarks/transforms.py [--out FOLDER] [--seconds S]

writes every number to benchmarks/results/PROCESSOR/transforms.json, which the book shows. All is
measured on one core, in seconds of the processor: what waits for other work does not count.
"""

# ruff: noqa: E402 - threads are set before libraries that read them are loaded
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
from machine import RESULTS, machine, say, write
from scipy.fft import dct

from prlib.descent import instance
from prlib.descent.batch import RUNNING, Batch, Limits
from prlib.descent.kernels import Workspace
from prlib.descent.noise import Noise
from prlib.schemes import GRADIENT, GradientFlow
from prlib.sensing import GAUSSIAN, Sensing

ALPHA, LOSS = 3.0, 0.01
FAST = Sensing.read("hadamard(16)")
SIZES = (256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
DENSE = 4096
"""Largest dimension of a dense X here."""


def processor_seconds(action, budget):
    """Least seconds of the processor that an action takes, over repeats that fill a budget."""
    action()
    began = time.process_time()
    action()
    times = max(1, int(budget / 5 / max(time.process_time() - began, 1e-7)))
    found = np.inf
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            action()
        found = min(found, (time.process_time() - began) / times)
    return found


def step_seconds(n, sensing, budget):
    """Seconds of one step of one descent."""
    problem, w = instance(LOSS, ALPHA, n, 0, sensing=sensing)
    noise = Noise(GRADIENT, problem.m, problem.n, [0], problem.X.dtype)
    workspace = Workspace(problem, 1, 1, noise)
    batch = Batch.at(w[None].astype(np.float32), np.zeros(1))

    def run():
        batch.records["status"] = RUNNING
        limits = Limits(GradientFlow(), 2.0, 0.0, int(batch.records["steps"].max()) + 2)
        workspace.advance(batch, 1e18, limits)

    return processor_seconds(run, budget) / 2


def peak(n):
    """Bytes that a descent with fast rows adds to a process that has compiled all it needs."""
    program = (
        "from prlib.descent import descend_instance\n"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        f"run = lambda n: descend_instance({LOSS}, {ALPHA}, n, 'random', 1e-3, 0, "
        f"sensing='{FAST.id}')\n"
        f"run(64)\nbefore = peak()\nrun({n})\nprint((peak() - before) * 1024)\n"
    )
    found = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return int(found.stdout)


def main():
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each time")
    arguments = parser.parse_args()
    results = {"machine": machine(), "threads": 1, "alpha": ALPHA, "sensing": FAST.id, "rows": []}
    for n in SIZES:
        m, length = round(ALPHA * n), FAST.length(n)
        fast = step_seconds(n, FAST, arguments.seconds)
        numbers = np.ones(length, np.float32)
        # The products of a step: two transforms a block, forward and back.
        transforms = 4 * -(-m // n)
        peer = transforms * processor_seconds(
            lambda x=numbers: dct(x, norm="ortho", workers=1), arguments.seconds
        )
        results["rows"].append(
            {
                "n": n,
                "length": length,
                "fast_seconds": fast,
                "dense_seconds": step_seconds(n, GAUSSIAN, arguments.seconds)
                if n <= DENSE
                else None,
                "scipy_transforms_seconds": peer,
                "times_scipy": peer / fast,
                "fast_bytes": FAST.nbytes(m, n, 4),
                "dense_bytes": GAUSSIAN.nbytes(m, n, 4),
                "peak_bytes": peak(n),
            }
        )
        say(f"N = {n}: {1e3 * fast:.3g} ms a step")
    write("transforms", results, arguments.out)


if __name__ == "__main__":
    main()
