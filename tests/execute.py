"""Execute notebooks in place, note what was executed, and write the README's pictures.

python -m tests.execute train.ipynb inference.ipynb
"""

import base64
import hashlib
import io
import shutil
import sys
from pathlib import Path

import nbclient
import nbformat
from PIL import Image

ROOT = Path(__file__).parent.parent
SHOWN = {"history": "curves.plot(", "confused": "plots.grid(rows)", "photos": "plots.photos("}


def copy_project(folder):
    """Copy the notebooks, and what they need, into `folder`."""
    for name in ("fmnist_utils", "saved_model", "sample_photos", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    for path in (*ROOT.glob("*.ipynb"), ROOT / "run.py"):
        shutil.copy(path, folder)


def read(name):
    return nbformat.read(ROOT / name, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def executed_hash(notebook):
    """Return the SHA-256 of all code in `notebook`: it changes when a cell is edited."""
    sources = "\n".join(cell.source for cell in code_cells(notebook))
    return hashlib.sha256(sources.encode()).hexdigest()


def outputs(cells):
    return [output for cell in cells for output in cell.get("outputs", [])]


def pictures(cells):
    """Return the data of those outputs of `cells` that are pictures: base64 under "image/png"."""
    return [output.data for output in outputs(cells) if "image/png" in output.get("data", {})]


def tidy(notebook):
    """Make pictures smaller, drawings in 256 colours; write the README's."""
    for cell in notebook.cells:
        for picture in pictures([cell]):
            image = Image.open(io.BytesIO(base64.b64decode(picture["image/png"]))).convert("RGB")
            image, smaller = image.quantize(256) if image.getcolors(4096) else image, io.BytesIO()
            image.save(smaller, "PNG", optimize=True)
            picture["image/png"] = base64.b64encode(smaller.getvalue()).decode()
            for name in (name for name, call in SHOWN.items() if call in cell.source):
                (ROOT / f"docs/{name}.png").write_bytes(smaller.getvalue())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        notebook = read(name)
        nbclient.execute(notebook, timeout=None, kernel_name="python3", record_timing=False)
        tidy(notebook)
        notebook.metadata["executed"] = executed_hash(notebook)
        nbformat.write(notebook, ROOT / name)
