"""Write the README's figure, as the notebook that makes it last drew it."""

from pathlib import Path

from companion.reexecution import FOLDER, figure_of

ROOT = Path(__file__).resolve().parent.parent
SOURCE = FOLDER / "02-hessian-over-time.ipynb"
TARGET = ROOT / "book" / "_static" / "alignment-over-time.svg"

if __name__ == "__main__":
    TARGET.write_bytes(figure_of(SOURCE, "fig-alignment-over-time"))
