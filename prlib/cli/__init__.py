"""The ``prlib`` command: the functions of the package, one subcommand each.

``--json`` prints one JSON object on standard output and nothing else there. Progress goes to
standard error. What cannot be had, as for a bad argument, is one line there and exit status 2.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from importlib.metadata import entry_points, version
from typing import Any

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, as_loss
from prlib.parameters import PARAMETERS, ParameterError
from prlib.schemes import as_scheme
from prlib.sensing import GAUSSIAN, Sensing

LONG_SECONDS = 10.0
"""A run that takes longer says so before it starts."""


class _Once(argparse.Action):
    """Store a value, and refuse a second one: the first would be lost without a word."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        del parser
        given = namespace.__dict__.setdefault("given", set())
        if option_string and self.dest in given:
            raise ParameterError(f"{option_string}: must be given once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    later: Callable[[argparse.ArgumentParser], None] | None = None
    """Adds the options whose values are in a registry: read where the command is used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> None:
        raise ParameterError(message)

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        if self.later is not None:
            self.later, add = None, self.later
            add(self)
        return super().parse_known_args(*args, **kwargs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 0; 2 where what is asked cannot be had, as for a bad argument; 1 where it was
        asked rightly and fails (a claim, a cell, a run of a sweep, a disk); 130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Greek letters gets question marks instead.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone; leave it nothing to complain about.
        _silence()
    except (ValueError, FileExistsError, FileNotFoundError) as error:
        return _fail(2, error)
    except OSError as error:
        if error.filename is None:
            _silence()
        return _fail(1, f"{error.filename or 'output'}: {error.strerror or error}")
    except RuntimeError as error:
        return _fail(1, error)
    except KeyboardInterrupt as interruption:
        return _fail(130, str(interruption) or "interrupted")
    return 0


def _joined(argv: Sequence[str]) -> list[str]:
    """Join an option and a negative number, which argparse would take for another option."""
    joined: list[str] = []
    for word in argv:
        negative = re.match(r"-(\d|\.\d|inf|nan)", word)
        if negative and joined and re.fullmatch(r"--[a-z_-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _fail(status: int, error: object) -> int:
    print("prlib:", plain(error), file=sys.stderr)
    return status


def _silence() -> None:
    # What is left in the buffer would fail once more when the interpreter ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain(text: object) -> str:
    """Return a text as one line, in which nothing can command a terminal."""
    return harmless(" ".join(str(text).split()))


def harmless(text: str) -> str:
    """Return a text from a file with what could command a terminal made visible."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _parser() -> _Parser:
    # These need what is here.
    from prlib.cli.recover import add as add_recover  # noqa: PLC0415
    from prlib.cli.sweep import add as add_sweep  # noqa: PLC0415

    parser = _Parser(prog="prlib", description="The Hessian of phase retrieval.")
    parser.add_argument("--version", action="version", version=f"prlib {version('prlib')}")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, parser_class=_Parser
    )
    _add_thresholds(commands)
    _add_records(commands)
    _add_landscape(commands)
    _add_dynamics(commands)
    _add_descend(commands)
    add_sweep(commands)
    add_recover(commands)
    for more in entry_points(group="prlib.commands"):
        more.load()(commands)
    return parser


def command(commands: Any, name: str, run: Callable, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand with ``--json``, which calls ``run`` with the parsed arguments."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    parser.set_defaults(run=run)
    return parser


def told(convert: Callable[[Any], Any], value: object) -> Any:
    """Convert an option's value; what is wrong with it is said as argparse wants it."""
    try:
        return convert(value)
    except ParameterError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_option(parser: Any, name: str, **kwargs: Any) -> None:
    """Add the option of a parameter of the registry."""
    parameter = PARAMETERS[name]
    parser.add_argument(
        f"--{name}",
        type=lambda text: told(parameter.check, literal(text)),
        help=f"{parameter.help}; {parameter.accepts}",
        metavar=name.upper(),
        **kwargs,
    )


def add_read(parser: Any, name: str, read: Callable[[str], Any], **kwargs: Any) -> None:
    """Add an option whose text a registry reads."""
    parser.add_argument(
        f"--{name}", type=lambda text: told(read, text), metavar=name.upper(), **kwargs
    )


def literal(text: str) -> Any:
    """Read a Python literal; anything else is text, which the registry then judges."""
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _add_loss(parser: argparse.ArgumentParser, **kwargs: Any) -> None:
    losses = parser.add_mutually_exclusive_group(required=True)
    add_option(losses, "a", **kwargs)
    add_read(
        losses, "loss", as_loss, help="any loss by its id, as 'amplitude(smoothing=0.3)'", **kwargs
    )
    losses.add_argument(
        "--unnormalized", action="store_true", help="the loss (ŷ² - y²)²/4, without normalisation"
    )


def _loss(arguments: argparse.Namespace) -> Loss:
    return as_loss(arguments.a) if arguments.loss is None else arguments.loss


def _add_channel(parser: argparse.ArgumentParser) -> None:
    channels = parser.add_mutually_exclusive_group()
    names = ", ".join(Channel.members)
    help_ = f"what is measured: {names}; as 'outliers(fraction=0.05)'"
    add_read(channels, "channel", Channel.read, default=NOISELESS, help=help_)
    channels.add_argument(
        "--noise",
        type=lambda text: told(lambda sigma: Channel.read(f"additive({sigma})"), text),
        dest="channel",
        help="short for --channel 'additive(sigma=SIGMA)': noise before the modulus",
        metavar="SIGMA",
    )


def _add_scheme(parser: argparse.ArgumentParser) -> None:
    help_ = "flow (default): the gradient flow; or as descent(step=0.01), momentum(0.9), sgd(0.5)"
    add_read(parser, "scheme", as_scheme, default=as_scheme("flow"), help=help_)


def print_record(*records: Any, as_json: bool) -> None:
    """Print the fields of results, as JSON or as a list in which errors limit the digits."""
    # Fields that a dataclass hides from its repr, as a whole trajectory, are not for the command.
    values = {f.name: getattr(one, f.name) for one in records for f in fields(one) if f.repr}
    if as_json:
        print(_json(values))
        return
    # A number with an error estimate shows the digits that it can vouch for, in place of both.
    errors = {key.removesuffix("_error"): values[key] for key in values if key.endswith("_error")}
    shown = {
        key: _shown(value, errors.get(key))
        for key, value in values.items()
        if not key.endswith("_error") and (key != "a" or value is not None)
    }
    width = max(map(len, shown))
    for key, value in shown.items():
        print(f"{key:<{width}}  {value}")


def _json(values: Mapping[str, Any]) -> str:
    """One JSON object: what is infinite is null there, and the kind of an edge has both names."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }
    former = {"edge": finite["edge_kind"]} if "edge_kind" in finite else {}
    return json.dumps(finite | former, allow_nan=False)


def _shown(value: object, error: float | None = None) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinity"
    if not error or not value:
        return f"{value:.6g}"
    return f"{value:.{min(10, max(1, math.floor(math.log10(abs(value) / error))))}g}"


def _add_thresholds(commands: Any) -> None:
    parser = command(
        commands, "thresholds", _thresholds, "the thresholds in alpha of one loss, or of several"
    )
    _add_loss(parser, action="append")
    _add_channel(parser)
    parser.add_argument(
        "--width",
        type=lambda text: told(_width, literal(text)),
        help="of a student with so many hidden units, or inf: at a random start",
        metavar="P",
    )


def _width(value: object) -> float:
    from prlib.models.wide import as_width  # noqa: PLC0415

    return as_width(value)


def _thresholds(arguments: argparse.Namespace) -> None:
    from prlib import thresholds, wide_thresholds  # noqa: PLC0415 - each imports what it needs

    for position, loss in enumerate(arguments.loss or arguments.a or [None]):
        if position and not arguments.json:
            print()
        if arguments.width is None:
            found = thresholds(loss, channel=arguments.channel)
        else:
            found = wide_thresholds(loss, arguments.width, channel=arguments.channel)
        print_record(found, as_json=arguments.json)


def _add_records(commands: Any) -> None:
    for name, summary in (
        ("spectrum", "edge and outlier of the Hessian of a random start"),
        ("threshold-state", "the state in which descent is trapped"),
    ):
        parser = command(commands, name, _record, summary)
        _add_loss(parser)
        add_option(parser, "alpha", required=True)
        _add_channel(parser)


def _record(arguments: argparse.Namespace) -> None:
    import prlib  # noqa: PLC0415

    describe = getattr(prlib, arguments.command.replace("-", "_"))
    found = describe(_loss(arguments), arguments.alpha, channel=arguments.channel)
    print_record(found, as_json=arguments.json)


def _add_landscape(commands: Any) -> None:
    parser = command(
        commands, "landscape", _landscape, "the minima of one overlap: how many, and what they are"
    )
    _add_loss(parser)
    add_option(parser, "alpha", required=True)
    add_option(parser, "overlap", default=0.0)
    add_option(parser, "energy")
    parser.add_argument(
        "--labels",
        choices=("held", "annealed"),
        default="held",
        help="whether labels are given (default) or counted over as well",
    )


def _landscape(arguments: argparse.Namespace) -> None:
    from prlib.transitions.landscape import band, landscape  # noqa: PLC0415

    loss, alpha, overlap = _loss(arguments), arguments.alpha, arguments.overlap
    found = landscape(loss, alpha, overlap, arguments.energy, arguments.labels)
    ends = band(loss, alpha, overlap, arguments.labels)
    print_record(found, ends, as_json=arguments.json)


def _add_dynamics(commands: Any) -> None:
    parser = command(
        commands, "dynamics", _dynamics, "the descent and its Hessian against time, infinite size"
    )
    _add_loss(parser)
    add_option(parser, "alpha", required=True)
    add_option(parser, "time", required=True)
    add_option(parser, "overlap", default=0.0)
    add_option(parser, "seed", default=0)
    _add_scheme(parser)
    _add_channel(parser)


def _dynamics(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm  # noqa: PLC0415

    from prlib import dynamics  # noqa: PLC0415
    from prlib.transitions.time_dependent import TOLERANCE, schedule  # noqa: PLC0415

    loss, scheme = _loss(arguments), arguments.scheme
    given = {"channel": arguments.channel, "overlap": arguments.overlap}
    options = {"tolerance": TOLERANCE, "announce": _announce, **given}
    steps = schedule(loss, arguments.alpha, arguments.time, scheme, **options)
    with tqdm(unit="step", file=sys.stderr, leave=False) as bar:

        def progress(done: int, steps: int) -> None:
            bar.total = steps
            bar.update(done - bar.n)

        try:
            states = dynamics(
                loss,
                arguments.alpha,
                arguments.time,
                scheme=scheme,
                steps=steps,
                seed=arguments.seed,
                progress=progress,
                **given,
            )
        except FloatingPointError as error:
            raise ParameterError(str(error)) from None
    if arguments.json:
        for state in states:
            print(_json(loss.names | asdict(state)))
        return
    last = "overlap" if arguments.overlap else "variance"
    names = ("t", "energy", "mu", "left_edge", "outlier", "overlap2", last)
    print("  ".join(f"{name:>10}" for name in names))
    for state in states:
        values = (
            _shown(getattr(state, name), getattr(state, f"{name}_error", None)) for name in names
        )
        print("  ".join(f"{value:>10}" for value in values))


def _announce(times: int) -> None:
    from prlib.measures.dynamical import cost  # noqa: PLC0415
    from prlib.transitions.time_dependent import PATHS  # noqa: PLC0415

    needs = cost(PATHS, times)
    if needs.seconds > LONG_SECONDS:
        print(
            f"prlib: about {times} times of {PATHS} sample paths take about {needs.seconds:.0f} s "
            f"on a quiet machine, and {needs.memory / 2**30:.1f} GiB of memory",
            file=sys.stderr,
        )


def _add_descend(commands: Any) -> None:
    parser = command(commands, "descend", _descend, "one descent of one random instance")
    _add_loss(parser)
    for name, default in (
        ("alpha", None),
        ("n", None),
        ("time", 100.0),
        ("seed", 0),
        ("hold", 20.0),
    ):
        add_option(parser, name, default=default, required=default is None)
    _add_scheme(parser)
    _add_channel(parser)
    help_ = f"law of the measurement vectors: {', '.join(Sensing.members)}"
    add_read(parser, "sensing", Sensing.read, default=GAUSSIAN, help=help_)
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="precision of the numbers; float32 by default",
    )
    parser.later = _add_start


def _add_start(parser: argparse.ArgumentParser) -> None:
    from prlib.descent.starts import STARTS, as_start  # noqa: PLC0415

    help_ = f"where the descent starts: {', '.join(STARTS)}"
    add_read(parser, "start", lambda text: as_start(text).name, default="random", help=help_)


def _descend(arguments: argparse.Namespace) -> None:
    from prlib import descend  # noqa: PLC0415

    names = ("alpha", "n", "start", "time", "seed", "hold", "scheme", "dtype")
    names += ("channel", "sensing")
    options = {name: getattr(arguments, name) for name in names}
    print_record(descend(_loss(arguments), **options), as_json=arguments.json)
