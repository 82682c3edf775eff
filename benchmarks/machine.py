"""What both benchmarks share: the least time of an action, the machine, progress, results."""

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

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
    }


def write(name, results, folder=RESULTS):
    """Write results as JSON, whole or not at all."""
    results["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / f"{name}.json")
    say(f"written: {folder / name}.json")
