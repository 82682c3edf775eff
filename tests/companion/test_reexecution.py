"""The notebooks as a reader re-executes them."""

import hashlib

import nbformat
import pytest

from companion.reexecution import FOLDER, checked, figure_of, notebooks, rerun, verdict_of
from prlib.parameters import PARAMETERS


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_every_notebook_says_what_it_is_and_ends_in_a_verdict(notebook):
    assert notebook.parameters
    for parameter in notebook.parameters:
        assert parameter.name in PARAMETERS
        assert parameter.help
        # papermill drops a parameter whose comment holds an equals sign.
        assert "=" not in parameter.help
    lines = verdict_of(FOLDER / f"{notebook.name}.ipynb").splitlines()
    assert lines
    assert all(line.split()[0] in {"PASS", "OPEN"} for line in lines)


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_the_defaults_are_accepted_values(notebook):
    defaults = {parameter.name: parameter.default for parameter in notebook.parameters}
    assert checked(notebook, defaults) == defaults
    quick = dict(notebook.quick)
    assert checked(notebook, quick) == quick


def test_a_size_too_small_for_alpha_is_refused_before_anything_runs():
    notebook = notebooks()[1]
    with pytest.raises(ValueError, match="M = 0 measurements"):
        checked(notebook, {"n": 2, "alphas": [0.1]})


def test_the_readme_shows_the_figure_of_the_notebook():
    readme = FOLDER.parent / "book" / "_static" / "alignment-over-time.svg"
    shown = figure_of(FOLDER / "02-hessian-over-time.ipynb", "fig-alignment-over-time")
    assert hashlib.sha256(readme.read_bytes()).digest() == hashlib.sha256(shown).digest()
    with pytest.raises(ValueError, match="must show it, and does not"):
        figure_of(FOLDER / "02-hessian-over-time.ipynb", "fig-none")


def test_no_folder_of_notebooks_is_an_error_that_helps(tmp_path):
    with pytest.raises(FileNotFoundError, match="from a checkout of the repository"):
        notebooks(tmp_path)


@pytest.fixture
def small(tmp_path):
    """Make a folder with one tiny notebook, which fails where n is large."""
    cells = [
        nbformat.v4.new_markdown_cell("# Tiny"),
        nbformat.v4.new_code_cell("n = 2  # a size", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import sys; print('moving', file=sys.stderr)"),
        nbformat.v4.new_code_cell("assert n < 9, 'too large'"),
        nbformat.v4.new_code_cell("print(f'PASS {n}')", metadata={"tags": ["verdict"]}),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    kernel["prlib"] = {"quick": {"n": 3}}
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "01-tiny.ipynb")
    return folder


@pytest.mark.slow
def test_a_rerun_has_its_own_verdict_and_no_progress_in_it(small, tmp_path):
    output = rerun("01-tiny", {"n": 5}, tmp_path / "out.ipynb", folder=small)
    assert verdict_of(output) == "PASS 5"
    cells = nbformat.read(output, as_version=4).cells
    assert not [o for cell in cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
    assert [path.name for path in tmp_path.glob("*.ipynb*")] == ["out.ipynb"]


@pytest.mark.slow
def test_a_quick_rerun_takes_the_small_values_unless_others_are_given(small, tmp_path):
    quick = rerun("01-tiny", output=tmp_path / "quick.ipynb", quick=True, folder=small)
    assert verdict_of(quick) == "PASS 3"
    output = rerun("01-tiny", {"n": 4}, tmp_path / "own.ipynb", quick=True, folder=small)
    assert verdict_of(output) == "PASS 4"


@pytest.mark.slow
def test_a_failing_cell_is_one_line_and_leaves_nothing(small, tmp_path):
    with pytest.raises(RuntimeError, match="failed with AssertionError: too large"):
        rerun("01-tiny", {"n": 9}, tmp_path / "out.ipynb", folder=small)
    assert not list(tmp_path.glob("*.ipynb*"))
