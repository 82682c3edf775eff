"""What both benchmarks share: the least time of an action, the machine, progress, results."""

import json
import os
import platform
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings with which OpenBLAS takes another processor's kernels, and is slow."""

ATTEMPTS = 5

RESULTS = Path(__file__).parent / "results"


def best(action, seconds, repeats=7):
    """Least seconds of an action, repeated to fill a budget: other work can only add to it."""
    action()
    began = time.perf_counter()
    action()
    times = max(1, int(seconds / repeats / max(time.perf_counter() - began, 1e-7)))
    found = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(times):
            action()
        found = min(found, (time.perf_counter() - began) / times)
    return found


def without_overrides():
    """Begin this program again without settings that make NumPy look slower than it is."""
    if any(name in os.environ for name in OVERRIDES):
        kept = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
        os.execve(sys.executable, [sys.executable, *sys.argv], kept)  # noqa: S606 - this program


def limit(name, measure, reached):
    """Measure a limit of the machine until what was reached stays below it, or refuse.

    A limit that is beaten is a failed measurement: something else was at work meanwhile.
    """
    found = measure()
    for _ in range(ATTEMPTS):
        if found >= reached:
            return found
        found = max(found, measure())
    raise SystemExit(
        f"{name} = {found:.3g} a second: measured {ATTEMPTS + 1} times, and a step reaches "
        f"{reached:.3g}; nothing was written: run this on a quiet machine"
    )


def once(action):
    """Return the result of an action and its seconds."""
    began = time.perf_counter()
    result = action()
    return result, time.perf_counter() - began


def say(message):
    """Progress, on standard error."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def machine():
    """Name the machine."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), name)
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "blas": sorted(
            {
                f"{lib['internal_api']} {lib['architecture']}"
                for lib in threadpool_info()
                if lib["user_api"] == "blas"
            }
        ),
    }


def write(name, results, folder=RESULTS):
    """Write results as JSON, whole or not at all, into the folder of the processor."""
    folder = folder / re.sub(r"[^a-z0-9]+", "-", results["machine"]["processor"].lower()).strip("-")
    results["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / f"{name}.json")
    say(f"written: {folder / name}.json")
