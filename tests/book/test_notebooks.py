"""The notebooks are committed as the book shows them: executed, quiet, and ending in a verdict."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request: pytest.FixtureRequest) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(request.param, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def tagged(cells: list[nbformat.NotebookNode], tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in cells if tag in cell.metadata.get("tags", [])]


def test_every_cell_was_run_in_order(cells: list[nbformat.NotebookNode]) -> None:
    counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_no_output_is_an_error_or_a_progress_bar(cells: list[nbformat.NotebookNode]) -> None:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []


def test_it_opens_with_a_claim_and_has_one_cell_of_parameters(
    cells: list[nbformat.NotebookNode],
) -> None:
    assert cells[0].source.startswith("# ")
    assert "**Claim.**" in cells[0].source
    assert len(tagged(cells, "parameters")) == 1


def test_its_verdict_is_kept_and_compared(cells: list[nbformat.NotebookNode]) -> None:
    (verdict,) = tagged(cells, "verdict")
    assert "nbval-check-output" in verdict.metadata.tags
    lines = "".join(output.get("text", "") for output in verdict.outputs).splitlines()
    assert lines
    assert all(line.split()[0] in {"PASS", "UNDERPOWERED", "OPEN", "REFUTED"} for line in lines)


def test_no_loop_runs_in_it(cells: list[nbformat.NotebookNode]) -> None:
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert not any(line.startswith(("for ", "while ", "def ")) for line in code.splitlines())
