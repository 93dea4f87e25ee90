"""Execute a notebook with the values that `make` was given, and print what its cells print.

    GIVEN_PHOTOS="my photos" python run.py inference

`runs/` gets the executed notebook, the same as HTML, and a log with all that libraries print.
"""

import ast
import asyncio
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from fmnist_utils.errors import as_path

GIVEN = "GIVEN_"  # how the names of the values begin in the environment
SENTENCES = ("UserError", "PhotoError", "Stopped", "SystemExit")  # errors shown without their name
# nbconvert's own page, with the cells' alternative text; a phone scrolls figures and lines aside.
PAGE = """{% extends "lab/index.html.j2" %}
{% block html_head_css %}{{ super() }}
<style>
.jp-OutputArea-output pre {font-family: monospace}
@media (max-width: 600px) {
  .jp-RenderedImage, .jp-RenderedText {overflow-x: auto}
  .jp-RenderedImage img {max-width: none !important; width: 700px}
  .jp-OutputArea-output pre {white-space: pre !important}
}
</style>{% endblock %}
{% block data_png scoped %}
{{ super() | replace('<img', '<img alt="' ~ (cell.metadata.alt | e) ~ '"') }}{% endblock %}"""
IN_TERMINAL = sys.stdout.isatty()
CLEAR = "\033[K" if IN_TERMINAL else ""  # what is left of the bar, which the next line replaces


class Client(NotebookClient):
    """Prints what cells print, the tables of those tagged "printed", and in a terminal the bar."""

    def process_message(self, message, cell, index):
        content = message["content"]
        data = content.get("data", {})
        if message["msg_type"] == "stream":
            file = sys.stdout if content["name"] == "stdout" else sys.stderr
            print(CLEAR + content["text"], end="", file=file, flush=True)
        elif "text/plain" in data and "printed" in cell.metadata.get("tags", []):
            print(data["text/plain"])
        elif list(data) == ["text/plain"] and IN_TERMINAL:
            print(CLEAR + data["text/plain"], end="\r", flush=True)
        return super().process_message(message, cell, index)

    def let_interrupts_through(self, notebook):
        """Have Ctrl-C reach the cell that is running: a training says how it continues."""

        def interrupt():
            self.interrupted = asyncio.ensure_future(self.km.interrupt_kernel())

        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)


def parameters(notebook):
    """Return the one cell with the values that a reader may change."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            return cell
    raise ValueError("The notebook has no cell that is tagged 'parameters'.")


def set_values(notebook):
    """Add a cell with the values given; exit with one sentence where one can't be used."""
    cell = parameters(notebook)
    defaults = {}
    for assignment in ast.parse(cell.source).body:
        defaults[assignment.targets[0].id] = assignment.value.value
    lines = []
    for variable, text in os.environ.items():
        if variable.startswith(GIVEN) and text:
            name = variable.removeprefix(GIVEN)
            lines.append(f"{name} = {value(name, text, defaults)!r}")
    if lines:
        place = notebook.cells.index(cell) + 1
        notebook.cells.insert(place, nbformat.v4.new_code_cell("\n".join(lines)))


def value(name, text, defaults):
    """Return the value in `text`, of the type that the notebook's own has."""
    if name not in defaults:
        sys.exit(f"This notebook has no {name}; it has {', '.join(defaults)}.")
    is_pattern = "*" in text or "?" in text
    if name == "PHOTOS" and not is_pattern and not as_path(text, name).exists():
        sys.exit(f"PHOTOS is {text}, which does not exist; check the path.")
    try:
        return type(defaults[name])(text)
    except ValueError:
        sys.exit(f"{name} cannot be {text!r}; give a whole number.")


def execute(notebook, name, folder):
    """Execute a notebook, write it and its HTML into `folder`; return why it failed, if it did."""
    os.dup2(os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT), 2)
    client = Client(notebook, timeout=None, shutdown_kernel="immediate")
    client.on_notebook_start = client.let_interrupts_through
    try:
        client.execute(stdout=2)
        nbformat.write(notebook, folder / f"{name}.ipynb")
        html, _ = HTMLExporter(raw_template=PAGE).from_notebook_node(notebook)
        (folder / f"{name}.html").write_text(html)
    except Exception as error:  # a cell's, or one of the kernel itself
        traceback.print_exc()
        kind = getattr(error, "ename", type(error).__name__)
        sentence = getattr(error, "evalue", str(error))
        return sentence if kind in SENTENCES else f"{kind}: {sentence}"
    return ""


def main(name):
    notebook = nbformat.read(f"{name}.ipynb", 4)
    set_values(notebook)
    notebook.metadata["title"] = notebook.cells[0].source.splitlines()[0].strip("# ")
    Path("runs").mkdir(exist_ok=True)
    # In a folder of its own first, so that two runs at once don't mix what they write.
    with tempfile.TemporaryDirectory(dir="runs", prefix=f".{name}-") as folder:
        failed = execute(notebook, name, Path(folder))
        for path in Path(folder).iterdir():
            path.replace(Path("runs", path.name))
    if failed:
        print(f"{CLEAR}The full log is runs/{name}.log.\n{failed}")
        sys.exit(1)
    print(f"The executed notebook is runs/{name}.ipynb; for a browser it is runs/{name}.html.")


if __name__ == "__main__":
    main(sys.argv[1])
