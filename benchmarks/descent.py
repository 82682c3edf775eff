"""How fast the descent is, against its peers and against the machine: `make bench`.

    python benchmarks/descent.py [--peers PYTHON] [--out FOLDER] [--seconds S] [--full]

writes every number to benchmarks/results/PROCESSOR/descent.json, which the book shows. PYTHON is an
interpreter with the packages of benchmarks/requirements.txt; without one JAX and PyTorch are left
out and the file says so. --full runs the whole recovery sweep instead of a sample of it.

All times are the least over repeats: what others do on the machine can only add to them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from machine import RESULTS, best, limit, machine, say, without_overrides, write
from numba import njit, prange
from peers import draw, seconds_a_step

from prlib.descent import descend_instance, products
from prlib.descent.batch import RUNNING, Batch, Limits
from prlib.descent.blocks import fields_block
from prlib.descent.kernels import Workspace, _curvature_bound
from prlib.descent.noise import Noise
from prlib.losses import NormalizedIntensity
from prlib.problem import Problem
from prlib.schemes import GRADIENT, GradientFlow
from prlib.sweeps import Sweep

HERE = Path(__file__).parent
THREADS = 2
SIZES = (256, 1024, 4096)
COUNTS = (1, 12)


# --- the machine's limits -------------------------------------------------------------------------


def read_bandwidth(nbytes, seconds):
    """Bytes a second of reading an array once with two threads, the way a step reads X."""
    n = 4096
    m = max(16, nbytes // (4 * n) // 16 * 16)

    rows_8, place = fields_block(8, 1), products.place

    @njit(parallel=True, error_model="numpy")
    def read(X, w, Z):
        m, n = X.shape
        for t in prange(THREADS):
            for r in range(t * m // THREADS, (t + 1) * m // THREADS, 8):
                rows_8(place(X, r * n), n, place(w, 0), n, n, place(Z, r), m)

    X, w, Z = (
        np.ones((m, n), np.float32),
        np.zeros((1, n), np.float32),
        np.zeros((1, m), np.float32),
    )
    return X.nbytes / best(lambda: read(X, w, Z), seconds)


def square_sgemm(seconds):
    """Flops a second of BLAS for a square product."""
    square = np.ones((3000, 3000), np.float32)
    out = np.empty_like(square)
    return 2 * 3000**3 / best(lambda: np.dot(square, square, out=out), seconds)


def same_shape_sgemm(n, count, seconds):
    """Flops a second of BLAS for the two products of a step."""
    X, W = np.ones((3 * n, n), np.float32), np.ones((count, n), np.float32)
    Z = W @ X.T
    return 4 * X.size * count / best(lambda: (W @ X.T, Z @ X), seconds)


# --- the descent ----------------------------------------------------------------------------------


def workspace_of(problem, count, threads):
    """Room for descents along the gradient."""
    noise = Noise(GRADIENT, problem.m, problem.n, range(count), problem.X.dtype)
    return Workspace(problem, count, threads, noise)


def ours(n, count, seconds, threads, dtype=np.float32):
    """Least seconds of one compiled step."""
    X, _, signal, starts = draw(n, count)
    problem = Problem(
        NormalizedIntensity(0.01), X.astype(dtype), (X @ signal).astype(dtype), signal.astype(dtype)
    )
    workspace = workspace_of(problem, count, threads)
    batch = Batch.at(starts.astype(dtype), np.zeros(count))

    def run(steps):
        batch.records["status"] = RUNNING
        limits = Limits(GradientFlow(), 2.0, 0.0, int(batch.records["steps"].max()) + steps)
        workspace.advance(batch, 1e18, limits)

    return seconds_a_step(run, seconds)


def profile(n, count, seconds):
    """Where a step of many descents spends its time, on one thread."""
    X, _, signal, starts = draw(n, count)
    problem = Problem(NormalizedIntensity(0.01), X, X @ signal, signal)
    w = workspace_of(problem, count, 1)
    rows, m = w.rows, len(X)
    w.Q[:] = 1e-3
    w.F[:] = 1.0

    def over_all(part):
        return best(lambda: [part(row) for row in range(0, m - rows + 1, rows)], seconds)

    def fields(row):
        products.fields(X, starts, count, row, row + rows, n, w.Z)

    def back(row):
        products.back(X, w.Q[0], count, row, row + rows, n, 64, w.G[0])

    cached = 4 * rows * n * count
    return {
        "fields_flops_a_second_in_cache": cached / 2 / best(lambda: fields(0), seconds),
        "back_projection_flops_a_second_in_cache": cached / 2 / best(lambda: back(0), seconds),
        "fields_seconds": over_all(fields),
        "back_projection_seconds": over_all(back),
        "step_rule_seconds": count
        * best(lambda: _curvature_bound(w.y, w.Z[0], w.F[0], n, 0.0), seconds),
        "step_seconds": ours(n, count, seconds, 1),
    }


def recovery(seconds_left):
    """Time per recovered signal against N, random starts at alpha = 3, one core."""
    found = []
    for n in (64, 128, 256, 512, 1024, 2048):
        runs = recovered = 0
        began = time.perf_counter()
        while runs < 20 and (runs < 3 or time.perf_counter() - began < seconds_left):
            recovered += descend_instance(0.01, 3.0, n, "random", 100.0, runs).recovered
            runs += 1
        spent = time.perf_counter() - began
        found.append(
            {
                "n": n,
                "runs": runs,
                "recovered": recovered,
                "seconds_a_run": spent / runs,
                "seconds_a_signal": spent / recovered if recovered else None,
            }
        )
    return found


def sweep_seconds(full):
    """Wall time of 3 starts x 200 replicas x 8 alphas at N = 512, time 100, on two cores."""
    replicas = 200 if full else 6
    sweep = Sweep.from_table(
        {
            "a": 0.01,
            "alpha": [1.5, 2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0],
            "n": 512,
            "start": ["random", "spectral", "constrained"],
            "replicas": replicas,
            "time": 100.0,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = sweep.run(folder, jobs=THREADS, quiet=True)
        wall = time.perf_counter() - began
    return {
        "replicas": replicas,
        "wall_seconds": wall,
        "seconds_for_200_replicas": wall * 200 / replicas,
        "steps_a_run": float(result.table["steps"].mean()),
        "rises": int(result.table["rises"].sum()),
    }


def worker_memory(n):
    """Bytes that one descent of N adds to a process, over the bytes of X."""
    program = (
        "import sys\n"
        "from prlib.descent import descend_instance\n"
        # Not ru_maxrss: a child begins with its parent's.
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "for start in ('random', 'spectral'): descend_instance(0.01, 3.0, 64, start, 0.1, 0)\n"
        "before = peak()\n"
        f"descend_instance(0.01, 3.0, {n}, sys.argv[1], 1e-3, 0)\n"
        "print((peak() - before) * 1024)\n"
    )
    nbytes = 4 * 3 * n * n
    found = {}
    for start in ("random", "spectral"):
        output = subprocess.run(  # noqa: S603 - this interpreter
            [sys.executable, "-c", program, start], capture_output=True, text=True, check=True
        ).stdout
        found[start] = int(output) / nbytes
    return {"n": n, "peak_over_x": found}


# --- all of it ------------------------------------------------------------------------------------


def peer(python, library, n, count, seconds):
    """Run one peer in a process of its own."""
    command = [python, str(HERE / "peers.py"), library, str(n), str(count), str(seconds)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS))
    found = subprocess.run(  # noqa: S603 - an interpreter that the caller names
        command, capture_output=True, text=True, check=False, env={**os.environ, **threads}
    )
    return json.loads(found.stdout)["seconds"] if found.returncode == 0 else None


def steps(python, seconds):
    """Step times of all, for each size and count, with their ratios."""
    rows = []
    for n in SIZES:
        nbytes = 4 * 3 * n * n
        for count in COUNTS:
            mine = min(ours(n, count, seconds, threads) for threads in (1, THREADS))
            flops = nbytes * count
            bandwidth = limit("reading X", partial(read_bandwidth, nbytes, seconds), nbytes / mine)
            shaped = same_shape_sgemm(n, count, seconds)
            square = limit("sgemm", partial(square_sgemm, seconds), max(shaped, flops / mine))
            times = {"numpy": peer(sys.executable, "numpy", n, count, seconds)}
            for library in ("jax", "torch"):
                times[library] = peer(python, library, n, count, seconds) if python else None
            known = [t for name, t in times.items() if name != "numpy" and t]
            rows.append(
                {
                    "n": n,
                    "count": count,
                    "prlib_seconds": mine,
                    **{f"{name}_seconds": t for name, t in times.items()},
                    "times_numpy": times["numpy"] / mine if times["numpy"] else None,
                    "times_best_peer": min(known) / mine if known else None,
                    "read_bytes_a_second": nbytes / mine,
                    "read_bandwidth": bandwidth,
                    "share_of_bandwidth": nbytes / mine / bandwidth,
                    "flops_a_second": flops / mine,
                    "sgemm_square": square,
                    "sgemm_same_shape": shaped,
                    "share_of_sgemm_square": flops / mine / square,
                    "share_of_sgemm_same_shape": flops / mine / shaped,
                }
            )
            say(f"N = {n}, {count} descents: {1e6 * mine:.0f} us a step")
    return rows


def main():
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="interpreter with benchmarks/requirements.txt")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each time")
    parser.add_argument("--full", action="store_true", help="run the whole recovery sweep")
    arguments = parser.parse_args()
    without_overrides()
    default = HERE / ".venv" / "bin" / "python"
    python = arguments.peers or (str(default) if default.exists() else None)
    if python is None:
        say("no interpreter with JAX and PyTorch (benchmarks/requirements.txt): left out")
    results = {"machine": machine(), "threads": THREADS, "alpha": 3.0}
    results["steps"] = steps(python, arguments.seconds)
    results["profile"] = {str(n): profile(n, 12, arguments.seconds / 4) for n in (256, 1024)}
    results["memory"] = worker_memory(2048)
    say("the cost of a recovered signal")
    results["recovery"] = recovery(15 * arguments.seconds)
    say("the recovery sweep")
    results["sweep"] = sweep_seconds(arguments.full)
    write("descent", results, arguments.out)


if __name__ == "__main__":
    main()
