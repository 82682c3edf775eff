"""What the book lets one add is added once, in the way that the architecture page says."""

import math

import matplotlib.pyplot as plt
import nbformat
import pytest

from companion.catalogue import figures
from companion.claims.claim import Row, evaluate
from companion.claims.verdicts import within
from companion.figures.export import registered
from companion.reexecution import notebooks, rerun
from companion.verification import verify

NOTEBOOK = """
from companion.claims.claim import Row, evaluate, evidence
from companion.claims.verdicts import within
from companion.figures.export import BookFigure
import matplotlib.pyplot as plt

figure, axis = plt.subplots()
axis.plot([0, radius], [0, radius])
BookFigure("fig-own", "A line of one's own.", "A line.", figure, title="It rises")
"""
CLAIM = """
row = Row("own-claim", "radius {radius:g} is small", lambda radius: within(radius, 0, 9))
found = evaluate([row], radius=radius)
print(*found, sep="\\n")
evidence(found)
"""


@pytest.fixture
def own(tmp_path):
    """A notebook of one's own, with a parameter that no other has."""
    cells = [
        nbformat.v4.new_markdown_cell("# A notebook of one's own"),
        nbformat.v4.new_code_cell(
            "radius = 1.0  # of the circle", metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell(NOTEBOOK),
        nbformat.v4.new_code_cell(CLAIM, metadata={"tags": ["verdict"]}),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["prlib"] = {"parameters": {"radius": "time"}}
    nbformat.write(notebook, tmp_path / "99-own.ipynb")
    return tmp_path


def test_a_claim_is_one_row():
    row = Row("pi-{n}", "{n} digits of pi", lambda pi: ({"n": 3}, within(pi, 3.14, 3.15)))
    assert [str(claim) for claim in evaluate([row], pi=math.pi)] == ["PASS  pi-3: 3 digits of pi"]
    assert evaluate([row], pi=3.0)[0].verdict == "FAIL"


def test_every_figure_of_the_book_is_registered():
    assert {figure.id for figure in figures()} <= set(registered())


def test_a_notebook_of_ones_own_runs_with_its_parameter_and_is_verified(own):
    (described,) = notebooks(own)
    assert [(p.name, p.default, p.help) for p in described.parameters] == [
        ("radius", 1.0, "of the circle")
    ]
    with pytest.raises(ValueError, match="radius = -1: must be a finite number > 0"):
        rerun("99-own", {"radius": -1}, own / "out.ipynb", folder=own)
    path = rerun("99-own", {"radius": 10.0}, own / "98-other.ipynb", folder=own)
    held = {claim.source: claim for claim in verify(own, own) if claim.id == "own-claim"}
    assert held["98-other"].verdict == "FAIL"
    assert [figure.id for figure in figures(own)] == ["fig-own"]
    assert path.name == "98-other.ipynb"
    plt.close("all")
