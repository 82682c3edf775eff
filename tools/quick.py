"""Measure how long `prlib rerun --quick` of every notebook takes, and note it in the notebook."""

from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from companion.reexecution import FOLDER, notebooks, rerun

if __name__ == "__main__":
    for notebook in notebooks():
        with TemporaryDirectory() as folder:
            output = rerun(notebook.name, output=Path(folder, "out.ipynb"), quick=True)
            took = nbformat.read(output, as_version=4).metadata["prlib"]["seconds"]
        path = FOLDER / f"{notebook.name}.ipynb"
        committed = nbformat.read(path, as_version=4)
        committed.metadata.setdefault("prlib", {})["seconds"] = {**notebook.seconds, **took}
        nbformat.write(committed, path)
        print(notebook.name, took)
