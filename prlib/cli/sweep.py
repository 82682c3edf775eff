"""``prlib sweep``: many descents, or much theory, as a file says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from prlib.cli import command


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands, "sweep", _sweep, "many descents, as a TOML file says; goes on where it stopped"
    )
    parser.add_argument(
        "spec", help="TOML file of grids in loss or a, alpha, n, start, replicas, time"
    )
    parser.add_argument("--out", help="folder of the results; by default the spec's name, here")
    parser.add_argument(
        "--executor", default="processes", help="processes (default), dask, or serial: no workers"
    )
    parser.add_argument("--scheduler", help="address of a Dask scheduler, as tcp://host:8786")
    parser.add_argument("--jobs", type=int, help="worker processes; all cores by default")
    parser.add_argument(
        "--reuse",
        "--known",
        action="append",
        default=[],
        metavar="TABLE",
        help=(
            "table of a finished sweep, whose runs are taken and not computed again; may be given "
            "more than once"
        ),
    )


def _sweep(arguments: argparse.Namespace) -> None:
    from prlib.losses import as_loss  # noqa: PLC0415
    from prlib.sweeps import Sweep, rates  # noqa: PLC0415

    sweep = Sweep.load(arguments.spec)
    result = sweep.run(
        arguments.out or Path(arguments.spec).stem,
        executor=arguments.executor,
        jobs=arguments.jobs,
        scheduler=arguments.scheduler,
        reuse=arguments.reuse,
    )
    found = {"runs": sweep.runs, "computed": result.computed}
    found |= {"table": str(result.path), "record": str(result.record)}
    table = rates(result.table) if sweep.kind in ("descents", "observations") else None
    if arguments.json:
        if table is not None:
            found["rates"] = json.loads(table.to_json(orient="records"))
            for row in found["rates"]:  # the paper's family by its number, too
                row["a"] = as_loss(row["loss"]).names["a"]
        print(json.dumps(found))
        return
    if table is not None:
        print(table.to_string(index=False, float_format="{:.3g}".format) + "\n")
    print(f"{sweep.runs} runs, {result.computed} computed now: {result.path}")
