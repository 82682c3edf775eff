"""The notebooks as a reader re-executes them."""

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from companion import reexecution
from companion.parameters import RULES, checked
from companion.reexecution import FOLDER, figure_of, find, notebooks, rerun, verdict_of
from prlib.cli import main


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_every_notebook_says_what_it_is_and_ends_in_a_verdict(notebook):
    assert notebook.parameters
    for parameter in notebook.parameters:
        assert parameter.like in RULES
        assert parameter.help
        # papermill drops a parameter whose comment holds an equals sign.
        assert "=" not in parameter.help
    lines = verdict_of(FOLDER / f"{notebook.name}.ipynb").splitlines()
    assert lines
    assert all(line.split()[0] in {"PASS", "UNDERPOWERED", "OPEN", "REFUTED"} for line in lines)


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_the_defaults_are_accepted_values(notebook):
    defaults = {parameter.name: parameter.default for parameter in notebook.parameters}
    assert checked(notebook.parameters, defaults) == defaults
    quick = dict(notebook.quick)
    assert checked(notebook.parameters, quick) == quick
    # What `make notebooks` measured, on two cores.
    assert notebook.seconds.get("quick", 0) <= 120


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_prose_types_no_parameter_that_a_rerun_may_change(notebook):
    found = nbformat.read(FOLDER / f"{notebook.name}.ipynb", as_version=4)
    prose = "\n".join(cell.source for cell in found.cells if cell.cell_type == "markdown")
    assert re.findall(r"(?<![\w{\\])(?:\\alpha|a|n|N)\s*\$?\s*=\s*\$?\s*\d+", prose) == []


def test_a_size_too_small_for_alpha_is_refused_before_anything_runs():
    notebook = notebooks()[1]
    with pytest.raises(ValueError, match="M = 0 measurements"):
        checked(notebook.parameters, {"n": 2, "alphas": [0.1]})


def test_the_readme_shows_the_figure_of_the_notebook():
    readme = FOLDER.parent / "book" / "_static" / "alignment-over-time.svg"
    shown = figure_of(FOLDER / "02-hessian-over-time.ipynb", "fig-alignment-over-time")
    assert hashlib.sha256(readme.read_bytes()).digest() == hashlib.sha256(shown).digest()
    with pytest.raises(ValueError, match="must show it, and does not"):
        figure_of(FOLDER / "02-hessian-over-time.ipynb", "fig-none")


def test_no_folder_of_notebooks_is_an_error_that_helps(tmp_path):
    with pytest.raises(FileNotFoundError, match="need a checkout of its repository"):
        notebooks(tmp_path)


@pytest.fixture
def small(tmp_path):
    """Make a folder with one tiny notebook, which fails where n is large."""
    cells = [
        nbformat.v4.new_markdown_cell("# Tiny"),
        nbformat.v4.new_code_cell("n = 2  # a size", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import sys; print('moving', file=sys.stderr)"),
        nbformat.v4.new_code_cell("assert n < 9, 'too large'"),
        nbformat.v4.new_code_cell(
            "import sys; print('PASS', n, sys.executable)", metadata={"tags": ["verdict"]}
        ),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    kernel["prlib"] = {"quick": {"n": 3}}
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "01-tiny.ipynb")
    return folder


def broken(folder, cells=None, text=None):
    path = folder / "99-mine.ipynb"
    if cells is not None:
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        text = path.read_text()
    path.write_text(text)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([("markdown", "no heading")], "must have a heading"),
        ([("markdown", "# Mine"), ("code", "gamma = 1.0")], "parameter 'gamma': its metadata must"),
        ([("markdown", "# Mine"), ("code", "a = b")], "99-mine.ipynb"),
        ([("markdown", "# Mine"), ("code", "a = = 1")], "99-mine.ipynb"),
    ],
)
def test_an_own_notebook_that_lacks_something_is_named(small, cells, words):
    made = [
        nbformat.v4.new_markdown_cell(source)
        if kind == "markdown"
        else nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        for kind, source in cells
    ]
    broken(small, made)
    with pytest.raises(ValueError, match=r"^99-mine\.ipynb: ") as told:
        notebooks(small)
    assert words in str(told.value)
    # The others are none the worse.
    assert find("01-tiny", small).title == "Tiny"


@pytest.mark.parametrize("text", ["", "{", '{"cells": []}', "[]", '{"nbformat": 4, "cells": 3}'])
def test_a_notebook_cut_short_is_named(small, text):
    broken(small, text=text)
    with pytest.raises(ValueError, match=r"^99-mine\.ipynb: "):
        notebooks(small)


@pytest.fixture
def executions(monkeypatch):
    """Values with which notebooks would be executed; none is."""
    found = []

    def note(node, _name, values):
        found.append(values)
        return node

    monkeypatch.setattr(reexecution, "_executed", note)
    return found


@pytest.mark.parametrize(
    ("options", "expected"), [({}, {}), ({"quick": True}, {"n": 3})], ids=["book", "quick"]
)
def test_quick_takes_the_small_values_unless_others_are_given(
    small, tmp_path, executions, options, expected
):
    rerun("01-tiny", output=tmp_path / "a.ipynb", folder=small, **options)
    rerun("01-tiny", {"n": 4}, tmp_path / "b.ipynb", folder=small, **options)
    assert executions == [expected, {"n": 4}]


def test_the_command_reaches_what_its_options_name(tmp_path, executions, capsys):
    quick = dict(find("06-finite-size-scaling").quick)
    output = tmp_path / "a{b}.ipynb"
    arguments = ["rerun", "06-finite-size-scaling", "--quick", "-p", "replicas", "7"]
    assert main([*arguments, "-o", str(output)]) == 0
    assert executions == [{**quick, "replicas": 7}]
    assert output.exists()
    assert main([*arguments, "-o", str(output)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "-o", str(output), "--overwrite"]) == 0


def test_a_rerun_says_which_parameters_are_not_the_books(small, tmp_path, executions):
    output = rerun("01-tiny", {"n": 4}, tmp_path / "a.ipynb", folder=small)
    first = nbformat.read(output, as_version=4).cells[0].source
    assert "other parameters than the book's" in first
    assert "`n = 4` (not 2)" in first
    output = rerun("01-tiny", {"n": 2}, tmp_path / "b.ipynb", folder=small)
    assert nbformat.read(output, as_version=4).cells[0].source == "# Tiny"


def test_a_rerun_says_how_long_the_last_one_took(small, tmp_path, executions, capsys):
    kept = rerun("01-tiny", output=small / "01-tiny.ipynb", overwrite=True, folder=small)
    assert nbformat.read(kept, as_version=4).metadata["prlib"]["seconds"] == {"book": 1}
    assert capsys.readouterr().err == ""
    rerun("01-tiny", {"n": 4}, tmp_path / "a.ipynb", folder=small)
    told = capsys.readouterr().err
    assert "took about 1 s" in told
    assert "other values may take longer" in told
    quick = rerun("01-tiny", output=tmp_path / "b.ipynb", quick=True, folder=small)
    assert nbformat.read(quick, as_version=4).metadata["prlib"]["seconds"].keys() == {
        "book",
        "quick",
    }


def test_a_name_that_no_folder_takes_is_refused_first(small, tmp_path, executions):
    with pytest.raises(ValueError, match="name another with -o"):
        rerun("01-tiny", output=tmp_path / f"{'a' * 250}.ipynb", folder=small)
    assert executions == []


def test_a_folder_that_cannot_be_written_is_refused_first(small, tmp_path, executions, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match="can be written; name another with -o"):
        rerun("01-tiny", output=tmp_path / "a.ipynb", folder=small)
    assert executions == []


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A kernel named python3 of another environment, found before our own."""
    folder = tmp_path / "share" / "kernels" / "python3"
    folder.mkdir(parents=True)
    kernel = {"argv": ["/bin/false"], "display_name": "Another", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(kernel))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))


def test_a_rerun_has_its_own_verdict_and_this_interpreter(small, tmp_path, foreign):
    output = rerun("01-tiny", {"n": 5}, tmp_path / "{n}.ipynb", folder=small)
    assert output.name == "{n}.ipynb"
    assert verdict_of(output) == f"PASS 5 {sys.executable}"
    cells = nbformat.read(output, as_version=4).cells
    assert not [o for cell in cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
    assert [path.name for path in tmp_path.glob("*.ipynb*")] == ["{n}.ipynb"]


def test_nbval_runs_this_interpreter_too(small, foreign, tmp_path):
    options = (
        "-q -m '' --nbval-lax --nbval-current-env -p no:cacheprovider -o filterwarnings=default"
    )
    environment = {**os.environ, "EXPECTED": sys.executable, "IPYTHONDIR": f"{tmp_path}/ipython"}
    node = nbformat.read(small / "01-tiny.ipynb", as_version=4)
    node.cells[-1].source = "import os, sys; assert sys.executable == os.environ['EXPECTED']"
    nbformat.write(node, small / "01-tiny.ipynb")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *shlex.split(options), small / "01-tiny.ipynb"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.slow
def test_a_failing_cell_is_one_line_and_leaves_nothing(small, tmp_path):
    with pytest.raises(RuntimeError, match="failed with AssertionError: too large"):
        rerun("01-tiny", {"n": 9}, tmp_path / "out.ipynb", folder=small)
    assert not list(tmp_path.glob("*.ipynb*"))


def smallest(notebook):
    """One alpha, one size, one instance."""
    found = {}
    for parameter in notebook.parameters:
        value = notebook.quick.get(parameter.name, parameter.default)
        if parameter.like == "replicas":
            found[parameter.name] = [1] if isinstance(value, list) else 1
        elif isinstance(value, list):
            found[parameter.name] = value[:1]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ["01", "05", "11"])
def test_a_quick_look_ends_in_a_verdict(chapter, tmp_path):
    # The other chapters' takes a minute or two: `make notebooks` runs and times them all.
    notebook = next(one for one in notebooks() if one.name.startswith(chapter))
    output = rerun(notebook.name, output=tmp_path / "out.ipynb", quick=True)
    # Of sizes as small as these a claim of physics may fail, as it may of any parameters.
    assert verdict_of(output)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_no_claim_fails_for_want_of_evidence(notebook, tmp_path):
    output = rerun(notebook.name, smallest(notebook), tmp_path / "out.ipynb", quick=True)
    lines = verdict_of(output).splitlines()
    assert [
        line for line in lines if line.split()[0] not in {"PASS", "UNDERPOWERED", "OPEN", "REFUTED"}
    ] == []


WAITING = """
import multiprocessing, pathlib, time, os
worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
worker.start()
pathlib.Path("pids").write_text(f"{os.getpid()} {worker.pid}")
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_rerun_that_is_ended_leaves_no_process_and_no_file(small, tmp_path, number):
    node = nbformat.read(small / "01-tiny.ipynb", as_version=4)
    node.cells[2].source = WAITING
    nbformat.write(node, small / "01-tiny.ipynb")
    script = (
        "import sys; from pathlib import Path; import companion.reexecution as r; "
        "from prlib.cli import main; r.rerun.__kwdefaults__['folder'] = Path('notebooks'); "
        "sys.exit(main(['rerun', '01-tiny', '-o', 'out.ipynb']))"
    )
    run = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE)
    pids = tmp_path / "pids"
    deadline = time.monotonic() + 60
    while not (pids.exists() and pids.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(number)
    told = run.communicate(timeout=60)[1].decode()
    assert run.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("prlib: 01-tiny: interrupted, nothing is written")
    time.sleep(0.5)
    alive = [pid for pid in pids.read_text().split() if running(int(pid))]
    assert alive == []
    assert {path.name for path in tmp_path.iterdir()} == {"notebooks", "pids"}


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for a parent that does not ask; it does nothing more.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
