"""How fast the theory is, and how exact: `make bench`.

    python benchmarks/theory.py [--out FOLDER] [--seconds S]

writes benchmarks/results/PROCESSOR/theory.json, which the book shows: each number with its time and
the digits it can vouch for, beside the same by plain quadrature and by Monte Carlo; how long the
command line takes; and how the cost of the dynamical theory grows.
"""

import argparse
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from machine import RESULTS, best, machine, once, say, without_overrides, write
from plain import (
    alpha_init_monte_carlo,
    alpha_init_quadrature,
    threshold_state_monte_carlo,
    threshold_state_quadrature,
)

from companion.ensembles import in_parallel
from prlib.losses import NormalizedIntensity
from prlib.measures import random_start as measures_random_start
from prlib.measures.dynamical import dynamical
from prlib.measures.threshold_states import branch, solve_threshold_state
from prlib.transitions import (
    alpha_init,
    alpha_threshold,
    random_start,
    threshold_states,
)
from prlib.transitions import landscape as landscape_of
from prlib.transitions import minima as minima_of

STATE = (0.01, 4.0)
BATCHES = 16


def uncached(function, *arguments):
    """Run a function of the theory with nothing remembered."""
    modules = [random_start, measures_random_start, branch, threshold_states]
    modules += [landscape_of, minima_of]
    for value in [value for module in modules for value in vars(module).values()]:
        if hasattr(value, "cache_clear"):
            value.cache_clear()
    return function(*arguments)


def digits(error, value):
    """Significant digits that an error leaves."""
    return float(-np.log10(error / abs(value)))


def numbers(seconds):
    """Each number of the theory: its time and its digits."""
    rows = []
    for a in (0.01, 1.0):
        loss = NormalizedIntensity(a)
        for name, solve, alpha in (
            ("alpha_init", alpha_init, None),
            ("threshold_state", solve_threshold_state, 4.0),
            ("alpha_threshold", alpha_threshold, None),
        ):
            action = partial(uncached, solve, loss, *([] if alpha is None else [alpha]))
            found = action()
            value, error = (
                (found.energy, found.energy_error)
                if alpha is not None
                else (found.alpha, found.error)
            )
            rows.append(
                {
                    "number": name,
                    "a": a,
                    "alpha": alpha,
                    "value": value,
                    "seconds": best(action, seconds, 5),
                    "digits": digits(error, value),
                }
            )
            say(f"{name}, a = {a:g}: {1e3 * rows[-1]['seconds']:.1f} ms")
    return rows


def diagram():
    """Both transitions at 60 values of a, on all cores, the workers' start included or not."""
    values = [(float(a),) for a in np.geomspace(1e-3, 100, 60)]
    in_parallel(alpha_init, values[:2], "warm")
    found, seconds = once(
        lambda: [
            one
            for solve in (alpha_init, alpha_threshold)
            for one in in_parallel(solve, values, "diagram")
        ]
    )
    worst = min(digits(one.error, one.alpha) for one in found if np.isfinite(one.alpha))
    return {"values_of_a": len(values), "seconds": seconds, "least_digits": worst}


def minima(seconds):
    """Time a point of the landscape of minima, its lines, and a map of alpha and overlap."""
    rows = []
    for a in (0.01, 1.0):
        loss = NormalizedIntensity(a)
        for name, solve, arguments in (
            ("landscape", landscape_of.landscape, (4.0,)),
            ("band", landscape_of.band, (4.0,)),
            ("alpha_minima", minima_of.alpha_minima, ()),
        ):
            waits = best(partial(uncached, solve, loss, *arguments), seconds, 5)
            rows.append({"number": name, "a": a, "seconds": waits})
            say(f"{name}, a = {a:g}: {1e3 * waits:.1f} ms")
    alphas, overlaps = np.linspace(1.6, 6, 60), np.linspace(0, 0.975, 40)
    plane, waits = once(lambda: landscape_of.landscape_map(0.01, alphas, overlaps))
    say(f"map of {plane.complexity.shape[0]} x {plane.complexity.shape[1]}: {waits:.1f} s")
    return {"numbers": rows, "map_shape": plane.complexity.shape, "map_seconds": waits}


def plainly():
    """Solve the same by plain means: quadrature to six digits, Monte Carlo to what it reaches."""
    a, alpha = STATE
    start = alpha_init(NormalizedIntensity(a)).alpha
    state = solve_threshold_state(NormalizedIntensity(a), alpha)
    guess = (1.2 * state.chi, 0.8 * state.x)
    rows = []

    def add(number, method, value, exact, error, seconds, samples=None):
        rows.append(
            {
                "number": number,
                "method": method,
                "value": float(value),
                "digits": digits(error, exact),
                "seconds": seconds,
                "samples": samples,
                # An error falls as one over the root of the time.
                "seconds_for_six_digits": seconds * (error / abs(exact) / 1e-6) ** 2
                if samples
                else seconds,
                "standard_errors_off": (value - exact) / error if samples else None,
            }
        )
        say(f"{number} by {method}: {value:.8g}, exact {exact:.8g}, {seconds:.2f} s")

    found, seconds = once(lambda: alpha_init_quadrature(a, 1e-7))
    add("alpha_init", "scipy.integrate", found, start, abs(found - start) + 1e-14, seconds)
    found, seconds = once(lambda: threshold_state_quadrature(a, alpha, 1e-7, guess)[0])
    add("chi", "scipy.integrate", found, state.chi, abs(found - state.chi) + 1e-14, seconds)

    def batches(solve):
        streams = np.random.SeedSequence(1).spawn(BATCHES)
        values = [solve(np.random.default_rng(stream)) for stream in streams]
        return np.mean(values), np.std(values, ddof=1) / BATCHES**0.5

    (found, error), seconds = once(
        lambda: batches(lambda rng: alpha_init_monte_carlo(a, 200_000, rng))
    )
    add("alpha_init", "Monte Carlo", found, start, error, seconds, BATCHES * 200_000)
    (found, error), seconds = once(
        lambda: batches(lambda rng: threshold_state_monte_carlo(a, alpha, 2000, 200, rng, guess)[0])
    )
    add("chi", "Monte Carlo", found, state.chi, error, seconds, BATCHES * 400_000)
    return rows


def command(arguments, repeats=5):
    """Median seconds of a process that starts from nothing."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True)  # noqa: S603 - this interpreter
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def processes():
    """Measure what a reader waits for at the command line, with compiled files there already."""
    prlib_ = str(Path(sys.executable).with_name("prlib"))
    python = command([sys.executable, "-c", "pass"])
    return {
        "import_seconds": command([sys.executable, "-c", "import prlib"]) - python,
        "thresholds_seconds": command([prlib_, "thresholds", "--a", "0.01"]),
        "python_seconds": python,
    }


def dynamical_cost():
    """Time of the dynamical theory against steps and paths, and what its sampling pays."""
    loss = NormalizedIntensity(1.0)

    def run(steps, paths, **options):
        return once(lambda: dynamical(loss, 3.0, np.full(steps, 0.01), paths=paths, **options))

    run(4, 1024)
    growth = []
    for steps, paths, batches in (
        (40, 16384, BATCHES),
        (80, 16384, BATCHES),
        (160, 16384, BATCHES),
        (160, 4096, BATCHES),
        (160, 65536, BATCHES),
        (160, 65536, 2),
        (320, 65536, 2),
    ):
        seconds = run(steps, paths, batches=batches)[1]
        growth.append({"steps": steps, "paths": paths, "batches": batches, "seconds": seconds})
        say(f"dynamical theory, {steps} steps, {paths} paths in {batches}: {seconds:.2f} s")
    sampling = []
    for name in ("sobol", "random", "plain"):
        found, seconds = run(80, 16384, sampling=name, batches=32)
        sampling.append(
            {
                "sampling": name,
                "seconds": seconds,
                "energy_error": float(found.energy.error[-1]),
                "mu_error": float(found.mu.error[-1]),
                "log_variance_error": float(found.variance.error[-1] / found.variance.value[-1]),
            }
        )
    return {"growth": growth, "sampling": sampling}


def main():
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each time")
    arguments = parser.parse_args()
    without_overrides()
    write(
        "theory",
        {
            "machine": machine(),
            "numbers": numbers(arguments.seconds),
            "diagram": diagram(),
            "minima": minima(arguments.seconds),
            "plain": plainly(),
            "processes": processes(),
            "dynamical": dynamical_cost(),
        },
        arguments.out,
    )


if __name__ == "__main__":
    main()
