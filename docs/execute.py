"""Execute notebooks in place, note which code was executed, and write the README's figures.

python -m docs.execute train.ipynb inference.ipynb
"""

import base64
import hashlib
import io
import sys
from pathlib import Path

import nbclient
import nbformat
from PIL import Image

ROOT = Path(__file__).parent.parent
# The README's figures, and the line of the cell that draws each.
SHOWN = {
    "history": "plots.history(",
    "confused": "plots.named_rows(rows)",
}
FEW_COLOURS = 4096  # a drawing has no more; a photo has
COLOURS = 48  # enough for a drawing, and for grey pictures of 28 × 28 pixels


def read(name):
    return nbformat.read(ROOT / name, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def executed_hash(notebook):
    """Return the SHA-256 of all code in `notebook`: it changes when a cell is edited."""
    sources = "\n".join(cell.source for cell in code_cells(notebook))
    return hashlib.sha256(sources.encode()).hexdigest()


def outputs(cells):
    found = []
    for cell in cells:
        found += cell.get("outputs", [])
    return found


def pictures(cells):
    """Return the data of those outputs of `cells` that are pictures: base64 under "image/png"."""
    return [output.data for output in outputs(cells) if "image/png" in output.get("data", {})]


def smaller(picture):
    """Return a picture's PNG file, written as small as it can be; a drawing in COLOURS."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    if image.getcolors(FEW_COLOURS):
        image = image.quantize(COLOURS)
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def tidy(notebook):
    """Make the pictures of a notebook smaller, and write those that the README shows."""
    for cell in code_cells(notebook):
        for data in pictures([cell]):
            content = smaller(data["image/png"])
            data["image/png"] = base64.b64encode(content).decode()
            for name, line in SHOWN.items():
                if line in cell.source:
                    (ROOT / f"docs/{name}.png").write_bytes(content)


def main(names):
    for name in names:
        notebook = read(name)
        nbclient.execute(notebook, timeout=None, kernel_name="python3", record_timing=False)
        tidy(notebook)
        notebook.metadata["executed"] = executed_hash(notebook)
        nbformat.write(notebook, ROOT / name)


if __name__ == "__main__":
    main(sys.argv[1:])
