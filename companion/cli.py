"""The commands of the book, beside those of the library: ``prlib notebooks``, ``rerun``, ..."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlib import cli
from prlib.cli import harmless, literal
from prlib.parameters import ParameterError

if TYPE_CHECKING:
    from companion.verification import Held

CHECKOUT = Path(__file__).resolve().parent.parent
"""Where the book lies beside its machinery."""

RUNS_AGAIN = 10
"""Runs of each table that ``prlib verify`` computes again."""


def add_commands(commands: Any) -> None:
    """Add the commands of the book to the command line; `prlib.cli` calls it by entry point."""
    _add_notebooks(commands)
    _add_rerun(commands)
    _add_figures(commands)
    _add_verify(commands)
    _add_where(commands)


def command(commands: Any, name: str, run: Callable, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand that needs the book."""

    def run_in_checkout(arguments: argparse.Namespace) -> None:
        if not (CHECKOUT / "notebooks").is_dir():
            raise FileNotFoundError(
                f"prlib {name} needs a checkout of the book's repository, and only the library is "
                "installed here"
            )
        try:
            run(arguments)
        except ModuleNotFoundError as error:
            raise RuntimeError(
                f"prlib {name} needs the package {error.name}: `make setup` installs what the "
                "book takes"
            ) from None

    return cli.command(commands, name, run_in_checkout, summary)


def _add_notebooks(commands: Any) -> None:
    command(commands, "notebooks", _notebooks, "the notebooks and their parameters")


def _notebooks(arguments: argparse.Namespace) -> None:
    from companion.reexecution import notebooks  # noqa: PLC0415

    found = notebooks()
    if arguments.json:
        print(json.dumps({"notebooks": [notebook.described() for notebook in found]}))
        return
    for notebook in found:
        print(harmless(f"{notebook.name}\n  {notebook.title}"))
        for parameter in notebook.parameters:
            default = json.dumps(parameter.default)
            told = f"    {parameter.name:<10} {parameter.type:<16} {default:<24} {parameter.help}"
            print(harmless(told))
        if notebook.quick:
            values = ", ".join(f"{name} {json.dumps(v)}" for name, v in notebook.quick.items())
            print(f"    --quick sets {values}")


def _add_rerun(commands: Any) -> None:
    parser = command(commands, "rerun", _rerun, "execute a notebook with parameters of your own")
    parser.add_argument("name", help="name of the notebook; `prlib notebooks` lists them")
    parser.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter; may be repeated",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller sizes and fewer runs, for minutes: what `prlib notebooks` names under it",
    )
    parser.add_argument("-o", "--output", help="file to write; by default NAME.rerun.ipynb here")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")


def _rerun(arguments: argparse.Namespace) -> None:
    from companion.reexecution import rerun, verdict_of  # noqa: PLC0415

    parameters: dict[str, Any] = {}
    for name, value in arguments.parameter:
        if name in parameters:
            raise ParameterError(f"parameter {name!r}: given twice; must be given once")
        parameters[name] = literal(value)
    path = rerun(
        arguments.name,
        parameters,
        arguments.output,
        quick=arguments.quick,
        overwrite=arguments.overwrite,
    )
    verdict = verdict_of(path)
    if arguments.json:
        print(
            json.dumps(
                {
                    "notebook": arguments.name,
                    "parameters": parameters,
                    "output": str(path),
                    "verdict": verdict,
                }
            )
        )
        return
    print(harmless(f"{verdict}\n\nwritten: {path}"))


def _add_figures(commands: Any) -> None:
    command(commands, "figures", _figures, "the figures of the book, their ids and files")
    parser = command(commands, "figure", _figure, "write a figure of the book, and its citation")
    parser.add_argument("id", help="id of the figure; `prlib figures` lists them")
    parser.add_argument(
        "--format", default="pdf", help="svg, pdf (default), column.pdf, png, csv or bib"
    )
    parser.add_argument("--out", default=".", help="folder of the files; this one by default")
    parser = command(commands, "cite", _cite, "a BibTeX entry for a figure of the book")
    parser.add_argument("id", help="id of the figure; `prlib figures` lists them")


def _figures(arguments: argparse.Namespace) -> None:
    from companion.catalogue import figures  # noqa: PLC0415

    found = figures()
    if arguments.json:
        records = [asdict(figure) | {"files": figure.files, "url": figure.url} for figure in found]
        print(json.dumps({"figures": records}))
        return
    for figure in found:
        print(harmless(f"{figure.id:<30} {figure.notebook:<28} {figure.title}"))


def _figure(arguments: argparse.Namespace) -> None:
    from companion.catalogue import save  # noqa: PLC0415

    path, citation = save(arguments.id, arguments.format, Path(arguments.out))
    found = {"figure": arguments.id, "file": str(path), "citation": str(citation)}
    print(json.dumps(found) if arguments.json else f"written: {path}\nto cite: {citation}")


def _cite(arguments: argparse.Namespace) -> None:
    from companion.catalogue import bibtex, find_figure  # noqa: PLC0415

    entry = bibtex(find_figure(arguments.id))
    found = {"figure": arguments.id, "bibtex": entry}
    print(json.dumps(found) if arguments.json else entry)


def _add_verify(commands: Any) -> None:
    command(commands, "verify", _verify, "every claim of the book, its number and its verdict")


def _verify(arguments: argparse.Namespace) -> None:
    from companion.verification import counted, verify  # noqa: PLC0415

    found = verify(again=RUNS_AGAIN)
    for held in found:
        if arguments.json:
            print(json.dumps(asdict(held)))
            continue
        print(_line(held))
    if not arguments.json:
        titles = {"physics": "claims of physics", "check": "checks of the code"}
        for kind, told in counted(found).items():
            print(f"{titles.get(kind, 'checks of the data')}: {told}")
    failed = [held.id for held in found if held.verdict == "FAIL"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(found)} claims fail: {', '.join(failed)}")


def _line(held: Held) -> str:
    from companion.claims.typeset import digits, power, spread  # noqa: PLC0415

    number = "no number" if held.number is None else digits(held.number)
    told = [f"{held.quantity or 'number'} {number}"]
    if held.ends and held.ends[0] != held.ends[1]:
        told[0] += f" ({spread(held.ends)})"
    told.append(f"accepted {spread((held.low, held.high)) or 'any'}")
    if held.effect is not None:
        told.append(f"effect seen, that matters: {power(held)}")
    told.append(held.source)
    return f"{held.verdict}  {held.id}: {held.statement}  [{'; '.join(told)}]"


def _add_where(commands: Any) -> None:
    summary = "where a figure, claim, table or notebook comes from: function, cell, tables, tests"
    parser = command(commands, "where", _where, summary)
    parser.add_argument("id", help="id of any of them; figures, verify and notebooks list them")


def _where(arguments: argparse.Namespace) -> None:
    from companion.origins import where  # noqa: PLC0415

    found = asdict(where(arguments.id))
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:<9} {', '.join(value) if isinstance(value, tuple) else value}".rstrip())
