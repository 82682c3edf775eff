"""What the book adds to Sphinx: facts that pages must not type, and the reference of its code."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
import tomllib
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

import prlib
from companion.catalogue import year
from companion.claims.typeset import typeset
from companion.reexecution import FOLDER
from companion.sphinx.benchmark_tables import tables
from companion.sphinx.holds import what_holds
from companion.sphinx.import_graph import PACKAGES, floors
from companion.verification import counted, verify
from prlib.sweeps.data import facts

ROOT = FOLDER.parent

API_MARK = re.compile(r"<!-- modules: ([\w.* ]+) -->")

HIDDEN = "companion.sphinx"
"""What no reader calls."""

# What is not prose in a docstring: literals and roles, directives with their content, examples.
LITERAL = re.compile(
    r"``.*?``|`[^`]*`|^( *)\.\. [\w-]+::.*?(?=^\1\S|\Z)|^ *(?:>>>|\.\.\.)[^\n]*",
    re.DOTALL | re.MULTILINE,
)


def modules(root: Path) -> list[ModuleType]:
    """Return every public module of the library and of the book's machinery, floor by floor."""
    found = []
    for package in reversed(PACKAGES):
        order = [name for row in reversed(floors(root, package)) for name in row]
        path = importlib.import_module(package).__path__
        names = [info.name for info in pkgutil.walk_packages(path, f"{package}.")]
        found += sorted(
            (name for name in names if "._" not in name and not name.startswith(HIDDEN)),
            key=lambda name, order=order: (order.index(name.split(".")[1]), name),
        )
    return [importlib.import_module(name) for name in found]


def exported(module: ModuleType) -> list[str]:
    """Return links to what a package offers from the modules below it."""
    links = []
    for name in getattr(module, "__all__", ()):
        member = getattr(module, name)
        # Constants have no page of their own.
        if inspect.isclass(member) or inspect.isfunction(member):
            home = member.__module__
            role = "class" if inspect.isclass(member) else "func"
            links.append(f"{{py:{role}}}`{name} <{home}.{member.__name__}>`")
    return links


def reference(mark: re.Match[str]) -> str:
    """Return the API reference of some modules as MyST: a section for each."""
    text = []
    for module in [prlib, *modules(ROOT)]:
        if not any(fnmatchcase(module.__name__, pattern) for pattern in mark[1].split()):
            continue
        is_package = hasattr(module, "__path__")
        members = "" if is_package else "\n   :members:\n   :show-inheritance:"
        text += [
            f"## `{module.__name__}`",
            f"```{{eval-rst}}\n.. automodule:: {module.__name__}{members}\n```",
        ]
        if is_package and (links := exported(module)):
            text += [f"`{module.__name__}` offers: " + ", ".join(links) + "."]
    return "\n\n".join(text)


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the version and the address also into code blocks, and the reference into its page."""
    for name in ("repository", "version", "year"):
        source[0] = source[0].replace(f"{{{{ {name} }}}}", app.config.myst_substitutions[name])
    if docname.startswith("book/api"):
        source[0] = API_MARK.sub(reference, source[0])


def floor_table(root: Path) -> str:
    """Return the table of floors: the modules that there are, and the first line of each."""
    rows = ["| floor | what lives there |", "| --- | --- |"]
    for module in modules(root):
        if module.__name__.count(".") == 1:
            summary = inspect.getdoc(module).split("\n\n")[0].replace("\n", " ")
            rows.append(f"| `{module.__name__}` | {summary} |")
    return "\n".join(rows)


def commands(root: Path) -> str:
    """Return the table of what the Makefile can do, as `make` itself prints it."""
    rows = ["| command | what it does |", "| --- | --- |"]
    for target, what in re.findall(
        r"^(\w+):.*?## (.*)$", (root / "Makefile").read_text(), re.MULTILINE
    ):
        rows.append(f"| `make {target}` | {what} |")
    return "\n".join(rows)


def data_tables(root: Path) -> str:
    """Return the table of the tables of results, from their specs and records."""
    rows = [
        "| table | what for | rows | core time | computed |",
        "| --- | --- | --- | --- | --- |",
    ]
    specs = root / "data" / "specs"
    for path in [*sorted(specs.glob("*.toml")), *sorted(specs.glob("theory/*.toml"))]:
        folder = path.parent.relative_to(specs)
        text = path.read_text(encoding="utf-8")
        comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
        what = typeset(" ".join(line.lstrip("# ") for line in comment), "markdown")
        found = root / "data" / folder / path.name
        name = (folder / path.stem).as_posix()
        if not found.exists():
            rows.append(f"| `{name}` | {what} | | | not yet: `make data` computes it |")
            continue
        record, about = tomllib.loads(found.read_text(encoding="utf-8")), facts(found)
        rows.append(
            f"| `{name}` | {what} | {record['rows']:,} | "
            f"{record['core_seconds'] / 60:.0f} min "
            f"| {about['finished'][:10]}, commit `{about['commit'][:7]}` |"
        )
    return "\n".join(rows)


def set_facts(app: Sphinx, config: Config) -> None:
    """Give the pages what they must not type: version, address, floors, commands."""
    config.version = config.release = version("prlib")
    url = config.html_theme_options["repository_url"]
    branch = config.html_theme_options["repository_branch"]
    claims = verify()
    config.myst_substitutions = {
        "version": config.release,
        "year": year(),
        "repository": url,
        "citation_file": f"[`CITATION.cff`]({url}/blob/{branch}/CITATION.cff)",
        "floors": floor_table(Path(app.srcdir)),
        "commands": commands(Path(app.srcdir)),
        **tables(Path(app.srcdir)),
        **what_holds(claims),
        **{f"verdicts_{kind}": text for kind, text in counted(claims).items()},
        "data_tables": data_tables(Path(app.srcdir)),
    }
    config.html_theme_options["extra_footer"] = (
        f'Version {config.release} · <a href="{url}">source</a> · MIT licence · companion to '
        '<a href="https://arxiv.org/abs/2403.02418">arXiv 2403.02418</a>'
    )


def keep_bars(_app: Sphinx, *about: Any) -> None:
    """Keep the bars of ``|m|`` in a docstring's prose from being read as a substitution."""
    lines: list[str] = about[-1]
    text, kept, end = "\n".join(lines), [], 0
    for literal in LITERAL.finditer(text):
        kept += [text[end : literal.start()].replace("|", r"\|"), literal[0]]
        end = literal.end()
    lines[:] = "".join([*kept, text[end:].replace("|", r"\|")]).split("\n")


def keep_colon(_app: Sphinx, what: str, _name: str, _obj: Any, _opt: Any, lines: list[str]) -> None:
    """Keep a colon in the first line of an attribute's docstring from being read as its type."""
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("config-inited", set_facts, priority=900)
    app.connect("source-read", expand)
    app.connect("autodoc-process-docstring", keep_colon, priority=100)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
