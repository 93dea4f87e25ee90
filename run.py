"""Execute a notebook with the values given, and print what its reader wants to know.

    python run.py inference PHOTOS="my photos"

`runs/` gets the executed notebook, the same as a page for the browser, and a log with all that
libraries print. The tags of a cell say what goes where: a terminal shows what those tagged
"printed" print, the page leaves out those tagged "off-page", and on a phone the figures of those
tagged "fits" are as wide as the screen.
"""

import asyncio
import os
import signal
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from given import checked, from_make, parameters

NOTEBOOKS = ("train", "inference")
ANSWERS = "runs/answers.csv"  # all answers about photos, with all ten probabilities
SENTENCES = ("UserError", "PhotoError", "Stopped", "SystemExit")  # errors shown without their name
OFF_PAGE = Config({"TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": ["off-page"]}})
# nbconvert's own page, with the cells' alternative text, and without what it fetches from elsewhere
# for formulas and widgets; a phone scrolls wide figures aside.
PAGE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_css %}{{ super() }}
<style>
.jp-OutputArea-output pre {font-family: monospace; word-break: normal; overflow-wrap: anywhere}
.jp-InputPrompt, .jp-OutputPrompt {display: none}
@media (max-width: 600px) {
  .jp-Notebook {padding: 8px}
  .jp-RenderedImage, .jp-RenderedHTMLCommon {overflow-x: auto}
  .jp-RenderedImage img {max-width: 700px !important}
  .celltag_fits .jp-RenderedImage img {max-width: 100% !important}
}
</style>{% endblock %}
{% block data_png scoped %}
{{ super() | replace('<img', '<img alt="' ~ (cell.metadata.alt | e) ~ '"') }}{% endblock %}"""
IN_TERMINAL = sys.stdout.isatty()
CLEAR = "\033[K" if IN_TERMINAL else ""  # what is left of the bar, which the next line replaces


class Client(NotebookClient):
    """Prints what cells tagged "printed" print, and in a terminal the bar."""

    def process_message(self, message, cell, index):
        content = message["content"]
        data = content.get("data", {})
        if message["msg_type"] == "stream":
            is_wanted = content["name"] == "stdout" and "printed" in cell.metadata.get("tags", [])
            file = sys.stdout if is_wanted else sys.stderr  # which is the log
            print(CLEAR + content["text"], end="", file=file, flush=True)
        elif list(data) == ["text/plain"] and IN_TERMINAL:
            print(CLEAR + data["text/plain"], end="\r", flush=True)
        return super().process_message(message, cell, index)

    def let_interrupts_through(self, notebook):
        """Have Ctrl-C reach the cell that is running: a training says how it continues."""

        def interrupt():
            self.interrupted = asyncio.ensure_future(self.km.interrupt_kernel())

        if sys.platform != "win32":  # where Ctrl-C reaches the kernel anyway
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)


def given_values(name, arguments):
    """Return the values given for a notebook: by `make`, and as NAME=VALUE."""
    given = {"ANSWERS": ANSWERS} if name == "inference" else {}
    given.update(from_make())
    for argument in arguments:
        variable, _, text = argument.partition("=")
        given[variable] = text
    return checked(name, given)


def set_values(notebook, given):
    """Add a cell with the values given, below the one that has the notebook's own."""
    lines = [f"{name} = {value!r}" for name, value in given.items()]
    place = notebook.cells.index(parameters(notebook)) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell("\n".join(lines)))


@contextmanager
def errors_in(log):
    """Have what this process and its kernels print as errors go into the file `log`."""
    kept = os.dup(2)
    file = os.open(log, os.O_WRONLY | os.O_CREAT, 0o666)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(kept, 2)  # Windows moves no file that is open
        os.close(kept)


def execute(notebook, name, folder):
    """Execute a notebook, write it and its HTML into `folder`; return why it failed, if it did."""
    client = Client(notebook, timeout=None, shutdown_kernel="immediate")
    client.on_notebook_start = client.let_interrupts_through
    try:
        client.execute(stdout=2)
        nbformat.write(notebook, folder / f"{name}.ipynb")
        exporter = HTMLExporter(OFF_PAGE, raw_template=PAGE)
        if name == "inference":  # the page of photos hides the code, that of a training shows it
            exporter.exclude_input = True
            exporter.exclude_output_prompt = True
        html, _ = exporter.from_notebook_node(notebook)
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    except DeadKernelError:
        traceback.print_exc()
        return "The kernel was killed, most likely for memory: close programs, and run this again."
    except Exception as error:  # a cell's, or one of the kernel itself
        traceback.print_exc()
        kind = getattr(error, "ename", type(error).__name__)
        sentence = getattr(error, "evalue", str(error))
        return sentence if kind in SENTENCES else f"{kind}: {sentence}"
    return ""


def main(name, arguments):
    page = Path(f"runs/{name}.html")
    page.unlink(missing_ok=True)  # so that nothing earlier is taken for what this run writes
    if name == "inference":
        Path(ANSWERS).unlink(missing_ok=True)
    notebook = nbformat.read(f"{name}.ipynb", 4)
    given = given_values(name, arguments)
    if given:
        set_values(notebook, given)
    notebook.metadata["title"] = notebook.cells[0].source.splitlines()[0].strip("# ")
    Path("runs").mkdir(exist_ok=True)
    # In a folder of its own first, so that two runs at once don't mix what they write.
    with tempfile.TemporaryDirectory(dir="runs", prefix=f".{name}-") as folder:
        with errors_in(Path(folder, f"{name}.log")):
            failed = execute(notebook, name, Path(folder))
        for path in Path(folder).iterdir():
            path.replace(Path("runs", path.name))
    if failed:
        print(f"{CLEAR}The full log is runs/{name}.log.\n{failed}")
        sys.exit(1)
    print(f"The page for a browser is {page}.")
    if "ANSWERS" in given:
        print(given["ANSWERS"])


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # where a terminal lacks a character
    if len(sys.argv) < 2 or sys.argv[1] not in NOTEBOOKS:
        sys.exit(f"Give the name of a notebook: python run.py {' or '.join(NOTEBOOKS)}.")
    main(sys.argv[1], sys.argv[2:])
