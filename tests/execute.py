"""Execute notebooks in place and note, in their metadata, the code that was executed.

python -m tests.execute train.ipynb inference.ipynb
"""

import hashlib
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def executed_hash(notebook):
    """Return the SHA-256 of all code in `notebook`: it changes when a cell is edited."""
    sources = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(sources.encode()).hexdigest()


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        notebook.metadata["executed"] = executed_hash(notebook)
        nbformat.write(notebook, path)
