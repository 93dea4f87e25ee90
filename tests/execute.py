"""Execute notebooks in place, note what was executed, and write the README's pictures.

python -m tests.execute train.ipynb inference.ipynb
"""

import base64
import hashlib
import io
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "docs"
SHOWN = {"history": "curves.plot(", "confused": "plots.grid(rows)", "photos": "plots.photos("}


def copy_project(folder):
    """Copy what the notebooks need into `folder`."""
    for name in ("fmnist_utils", "saved_model", "sample_photos", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, folder / name)


def executed_hash(notebook):
    """Return the SHA-256 of all code in `notebook`: it changes when a cell is edited."""
    sources = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(sources.encode()).hexdigest()


def code_cells(path, markdown=False):
    """Return the sources of a notebook's code cells, or of those with its text."""
    notebook = nbformat.read(path, as_version=4)
    kind = "markdown" if markdown else "code"
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def outputs(notebook):
    """Return the outputs of all cells of `notebook`."""
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(outputs):
    """Return the data of those `outputs` that are pictures: base64 under "image/png"."""
    return [output.data for output in outputs if "image/png" in output.get("data", {})]


def shrink_pictures(notebook):
    """Store each picture as a smaller PNG: drawings in 256 colours, photos as they are."""
    for picture in pictures(outputs(notebook)):
        png = base64.b64decode(picture["image/png"])
        picture["image/png"] = base64.b64encode(_smaller(png)).decode()


def write_documents_pictures(notebook):
    """Write the pictures that the README shows: those of the cells with these calls."""
    for cell in notebook.cells:
        for name, call in SHOWN.items():
            if call in cell.source:
                [picture] = pictures(cell.outputs)
                png = base64.b64decode(picture["image/png"])
                (DOCUMENTS / f"{name}.png").write_bytes(png)


def _smaller(png):
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.getcolors(4096):
        image = image.quantize(256)
    smaller = io.BytesIO()
    image.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        shrink_pictures(notebook)
        notebook.metadata["executed"] = executed_hash(notebook)
        nbformat.write(notebook, path)
        write_documents_pictures(notebook)
