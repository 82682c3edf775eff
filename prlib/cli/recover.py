"""``prlib recover``: a signal from the reader's own measurements."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np

from prlib.cli import add_option, add_read, command, print_record
from prlib.losses import as_loss
from prlib.parameters import ParameterError


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands, "recover", _recover, "estimate a signal from measurements of your own"
    )
    parser.add_argument(
        "data", help="X and y: .npz, .parquet (column y, the others are X), or .npy with X alone"
    )
    parser.add_argument("labels", nargs="?", help=".npy with y, beside an X alone")
    parser.add_argument(
        "--intensities", action="store_true", help="y holds squares of what was measured"
    )
    parser.add_argument("-o", "--output", help=".npy file for the estimate; never replaced")
    help_ = "what the descent goes down; normalized(a=0.01) by default"
    add_read(parser, "loss", as_loss, default=as_loss(0.01), help=help_)
    parser.add_argument("--starts", type=int, default=10, help="descents at most; 10 by default")
    add_option(parser, "time", default=100.0)
    add_option(parser, "seed", default=0)


def _recover(arguments: argparse.Namespace) -> None:
    from prlib.descent.recovery import recover  # noqa: PLC0415
    from prlib.measurements import read_measurements  # noqa: PLC0415
    from prlib.sweeps.store import write_whole  # noqa: PLC0415

    output = _checked_output(arguments.output)
    X, y = read_measurements(arguments.data, arguments.labels, intensities=arguments.intensities)
    options = {name: getattr(arguments, name) for name in ("starts", "time", "seed")}
    found = recover(arguments.loss, X, y, **options)
    if output:
        content = io.BytesIO()
        np.save(content, found.estimate)
        write_whole(output, content.getvalue())
    print_record(found, as_json=arguments.json)
    print(f"prlib: {found.verdict}", file=sys.stderr)


def _checked_output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix != ".npy":
        raise ParameterError(f"output = {name!r}: must end in .npy")
    if path.exists():
        raise FileExistsError(f"{path}: is there already; must be the name of a new file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    return path
