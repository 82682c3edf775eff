"""The tables of the benchmark page, from what `make bench` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prlib.sensing import Sensing
from prlib.sweeps.store import read

NUMBERS = {
    "alpha_init": r"$\alpha_\mathrm{BBP}^\mathrm{init}$",
    "threshold_state": "a threshold state (its energy)",
    "alpha_threshold": r"$\alpha_\mathrm{BBP}^\mathrm{TS}$",
    "chi": r"a threshold state (its $\chi$)",
}
TARGETS = {"alpha_init": 0.002, "threshold_state": 0.05, "alpha_threshold": 0.5}
DIAGRAM_TARGET, DYNAMICAL_TARGET, SWEEP_TARGET = 15.0, 6.0, 20 * 60.0
IMPORT_TARGET, COMMAND_TARGET = 0.6, 2.0
LIBRARIES = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch"}


def tables(root: Path) -> dict[str, str]:
    """Return every table and fact of the benchmark page under its name.

    They are those of the newest run; what was measured on other processors stands beside them as
    ratios.
    """
    runs = {
        name: sorted(
            (
                json.loads(path.read_text(encoding="utf-8"))
                for path in (root / "benchmarks" / "results").glob(f"*/{name}.json")
            ),
            key=lambda run: run["finished"],
            reverse=True,
        )
        for name in ("theory", "descent", "transforms")
    }
    theory, descent, fast = (runs[name][0] for name in ("theory", "descent", "transforms"))
    found = {**_theory(theory), **_dynamical(theory["dynamical"]), **_descent(descent)}
    found |= {"transforms": _transforms(fast), "transforms_on": fast["machine"]["processor"]}
    found |= _on_paper(fast, read(root / "data" / "fast-scaling.parquet").table.to_pandas())
    found["processors"] = _processors(runs["descent"])
    found["machine"] = "; ".join(
        f"{what}: {m['processor']}, {m['cores']} cores, {m['system']}, Python {m['python']}, "
        f"{results['finished'][:10]}"
        for what, results in (("theory", theory), ("descent", descent))
        for m in [results["machine"]]
    )
    return {f"bench_{name}": text for name, text in found.items()}


def _processors(runs: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            run["machine"]["processor"],
            row["n"],
            "not run" if row["times_best_peer"] is None else f"{row['times_best_peer']:.2g}",
            f"{row['times_numpy']:.2g}",
            f"{row['share_of_bandwidth']:.0%}",
        ]
        for run in runs
        for row in run["steps"]
        if row["count"] == 1
    ]
    header = ["processor", "N", "times the best peer", "times NumPy", "share of reading X once"]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _seconds(value: float | None) -> str:
    if value is None:
        return "not run"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.1e} s"


def _transforms(results: dict[str, Any]) -> str:
    rows = [
        [
            f"{row['n']:,}",
            _seconds(row["fast_seconds"]),
            _seconds(row["dense_seconds"]),
            f"{row['times_scipy']:.2g}",
            *(
                f"{row[key] / 2**20:,.0f} MiB"
                for key in ("fast_bytes", "peak_bytes", "dense_bytes")
            ),
        ]
        for row in results["rows"]
    ]
    header = ["N", "a step", "with a dense X", "times SciPy", "holds", "at most", "a dense X"]
    return _table(header, rows)


CALIBRATED, CHECKED, ON_PAPER = 2**18, 2**20, 10**7
"""Dimensions at which the cost is taken, at which it is held against a measured one, and at which
nobody measured it."""


def _on_paper(results: dict[str, Any], runs: pd.DataFrame) -> dict[str, str]:
    """Tell the cost of a descent at any N from one measured step, and how far that is off.

    A step costs what its additions do, and holds a fixed multiple of what X holds; the number of
    steps is a power of N, fitted to random starts that ran to their last time.
    """
    sensing, alpha = Sensing.read(results["sensing"]), results["alpha"]
    measured = {row["n"]: row for row in results["rows"]}

    def additions(n: int) -> float:
        return 2 * sensing.cost(round(alpha * n), n)

    def held(n: int) -> int:
        return sensing.nbytes(round(alpha * n), n, 4)

    def predicted(n: int, at: int) -> tuple[float, float]:
        known = measured[at]
        seconds = known["fast_seconds"] * additions(n) / additions(at)
        return seconds, known["peak_bytes"] * held(n) / held(at)

    whole = runs[(runs["start"] == "random") & (runs["stopped_by"] == "time")]
    steps = whole.groupby("n")["steps"].median()
    power, factor = np.polyfit(np.log(steps.index), np.log(steps), 1)
    rows = []
    for n, at in ((CHECKED, CALIBRATED), (ON_PAPER, CHECKED)):
        seconds, peak = predicted(n, at)
        count = float(np.exp(factor) * n**power)
        found = measured.get(n)
        rows.append(
            [
                f"{n:,}",
                f"{at:,}",
                _seconds(seconds),
                _seconds(found and found["fast_seconds"]),
                f"{peak / 2**30:.2g} GiB",
                f"{found['peak_bytes'] / 2**30:.2g} GiB" if found else "not run",
                f"{count:,.0f}",
                f"{count * seconds / 3600:.2g} h",
            ]
        )
    header = [
        *("N", "from", "a step", "measured", "memory", "measured"),
        *(f"steps to t = {whole['time_limit'].max():g}", "a descent"),
    ]
    off = measured[CHECKED]["fast_seconds"] / predicted(CHECKED, CALIBRATED)[0]
    return {"paper": _table(header, rows), "paper_off": f"{off:.2g}", "paper_power": f"{power:.2f}"}


def _met(*, is_met: bool) -> str:
    return "met" if is_met else "missed"


def _at_most(value: float, target: float) -> str:
    return f"at most {_seconds(target)}: {_met(is_met=value <= target)}"


def _at_least_share(share: float, target: float) -> str:
    return f"at least {target:.0%}: {_met(is_met=share >= target)}"


def _at_least(value: float | None, target: float) -> str:
    return (
        "not run"
        if value is None
        else f"{value:.2g} (target {target:g}: {_met(is_met=value >= target)})"
    )


def _theory(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for row in results["numbers"]:
        alpha = "" if row["alpha"] is None else rf", $\alpha$ = {row['alpha']:g}"
        rows.append(
            [
                NUMBERS[row["number"]],
                f"$a$ = {row['a']:g}{alpha}",
                f"{row['value']:.6g}",
                f"{row['digits']:.1f}",
                _seconds(row["seconds"]),
                _at_most(row["seconds"], TARGETS[row["number"]]),
            ]
        )
    diagram, waits = results["diagram"], results["processes"]
    rows.append(
        [
            f"both transitions at {diagram['values_of_a']} values of $a$",
            "0.001 to 100",
            "",
            f"{diagram['least_digits']:.1f}",
            _seconds(diagram["seconds"]),
            _at_most(diagram["seconds"], DIAGRAM_TARGET),
        ]
    )
    for what, key, target in (
        ("`import prlib`", "import_seconds", IMPORT_TARGET),
        ("`prlib thresholds --a 0.01`", "thresholds_seconds", COMMAND_TARGET),
    ):
        rows.append([what, "", "", "", _seconds(waits[key]), _at_most(waits[key], target)])
    header = ["what", "where", "value", "digits", "time", "target"]
    ours = {}
    for row in results["numbers"]:
        ours.setdefault(row["number"], row["seconds"])
    ours["chi"] = ours["threshold_state"]
    plain = [
        [
            NUMBERS[row["number"]],
            row["method"],
            f"{row['digits']:.1f}",
            _seconds(row["seconds"]),
            _long(row["seconds_for_six_digits"]),
            f"{row['seconds_for_six_digits'] / ours[row['number']]:.1e}",
        ]
        for row in results["plain"]
    ]
    return {
        "theory": _table(header, rows),
        "plain": _table(["what", "by", "digits", "time", "time for 6 digits", "times ours"], plain),
    }


def _long(seconds: float) -> str:
    for unit, size in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0)):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}"
    return _seconds(seconds)


def _dynamical(results: dict[str, Any]) -> dict[str, str]:
    growth = [
        [row["steps"], f"{row['paths']:,}", row.get("batches", 16), _seconds(row["seconds"])]
        for row in results["growth"]
    ]
    reference = next(
        row for row in results["growth"] if row["steps"] == 160 and row["paths"] == 16384
    )
    plain = next(row for row in results["sampling"] if row["sampling"] == "plain")
    # Time to a given error: error squared times seconds.
    sampling = [
        [
            row["sampling"],
            *(
                f"{(plain[key] / row[key]) ** 2 * plain['seconds'] / row['seconds']:.2g}"
                for key in ("energy_error", "mu_error", "log_variance_error")
            ),
        ]
        for row in results["sampling"]
    ]
    return {
        "dynamical": _table(["steps", "paths", "batches", "time"], growth),
        "dynamical_target": _at_most(reference["seconds"], DYNAMICAL_TARGET),
        "sampling": _table(
            ["paths drawn", "energy", r"$\mu$", r"$\log V$"],
            sampling,
        ),
    }


def _descent(results: dict[str, Any]) -> dict[str, str]:
    times, shares = [], []
    for row in results["steps"]:
        one = row["count"] == 1
        times.append(
            [
                row["n"],
                row["count"],
                _seconds(row["prlib_seconds"]),
                *(_seconds(row[f"{name}_seconds"]) for name in LIBRARIES),
                _at_least(row["times_numpy"], 5)
                if one and row["n"] == 1024
                else f"{row['times_numpy']:.2g}",
                _at_least(row["times_best_peer"], 2)
                if one and row["n"] == 1024
                else "not run"
                if row["times_best_peer"] is None
                else f"{row['times_best_peer']:.2g}",
            ]
        )
        if one:
            share = row["share_of_bandwidth"]
            limit, rate = "reading X once", f"{row['read_bandwidth'] / 1e9:.3g} GB/s"
            met = _at_least_share(share, 0.8) if row["n"] == 4096 else "no target"
        else:
            share = row["share_of_sgemm_square"]
            limit, rate = "sgemm, square", f"{row['sgemm_square'] / 1e9:.3g} Gflop/s"
            met = _at_least_share(share, 0.5)
        shares.append([row["n"], row["count"], limit, rate, f"{share:.0%}", met])
        if not one:
            shares.append(
                [
                    row["n"],
                    row["count"],
                    "sgemm, the shapes of a step",
                    f"{row['sgemm_same_shape'] / 1e9:.3g} Gflop/s",
                    f"{row['share_of_sgemm_same_shape']:.0%}",
                    "no target",
                ]
            )
    profile = [
        [
            n,
            *(
                f"{row[part] / row['step_seconds']:.0%}"
                for part in ("fields_seconds", "back_projection_seconds", "step_rule_seconds")
            ),
            f"{row['fields_flops_a_second_in_cache'] / 1e9:.3g}",
            f"{row['back_projection_flops_a_second_in_cache'] / 1e9:.3g}",
        ]
        for n, row in results["profile"].items()
    ]
    recovery = [
        [
            row["n"],
            f"{row['recovered']} of {row['runs']}",
            _seconds(row["seconds_a_run"]),
            _seconds(row["seconds_a_signal"]),
        ]
        for row in results["recovery"]
    ]
    sweep, memory = results["sweep"], results["memory"]
    lacking = "" if sweep["replicas"] == 200 else f" (from {sweep['replicas']} replicas, scaled)"
    return {
        "steps": _table(
            ["N", "descents", "prlib", *LIBRARIES.values(), "times NumPy", "times the best peer"],
            times,
        ),
        "shares": _table(["N", "descents", "limit", "its rate", "share", "target"], shares),
        "profile": _table(
            [
                "N",
                "fields",
                "back-projection",
                "step rule",
                "fields in cache, Gflop/s",
                "back-projection in cache, Gflop/s",
            ],
            profile,
        ),
        "recovery": _table(["N", "recovered", "time a run", "time a recovered signal"], recovery),
        "sweep": f"{sweep['seconds_for_200_replicas'] / 60:.3g} min{lacking}, "
        + _at_most(sweep["seconds_for_200_replicas"], SWEEP_TARGET).replace(
            _seconds(SWEEP_TARGET), f"{SWEEP_TARGET / 60:g} min"
        ),
        "memory": ", ".join(
            f"{share:.2f} for a {start} start" for start, share in memory["peak_over_x"].items()
        )
        + f" (N = {memory['n']}; target 1.2: "
        + _met(is_met=max(memory["peak_over_x"].values()) <= 1.2)
        + ")",
    }
