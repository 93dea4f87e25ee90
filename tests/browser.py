"""Both notebooks in a real browser: JupyterLab in headless Chromium, "Run All Cells" pressed.

    make test-browser

Leaves screenshots of the whole pages in `runs/screenshots`, to be looked at.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.execute import ROOT, copy_project, outputs, pictures

WIDTHS = (1280, 800)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ADDRESS = "http://127.0.0.1:8765"
PARAMETERS = {"train.ipynb": 'RECIPE = "compact"\nEPOCHS = 2', "inference.ipynb": ""}
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab, serving what a user has, with short trainings, and without any output."""
    folder, settings = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("settings")
    copy_project(folder)
    for name, parameters in PARAMETERS.items():
        notebook = nbformat.read(ROOT / name, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                cell.source += f"\n{parameters}"
        nbformat.write(notebook, folder / name)
    (settings / "overrides.json").write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={ADDRESS[-4:]}", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={folder}", f"--LabApp.app_settings_dir={settings}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _wait_until(_answers, seconds=60)
    yield
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def browser():
    found = [path for name in CHROMIUM if (path := shutil.which(name))]
    if not found:
        pytest.exit("Chromium is not installed: `apt-get install chromium`, or Chrome.", 1)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_run_all_cells(name, server, browser):
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": 1000})
    page.goto(f"{ADDRESS}/doc/tree/{name}?reset")
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.keyboard.press("Control+b")  # closes the list of files
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    _wait_until(lambda: _ended(page, name), seconds=900)

    shown = outputs(_saved(name))
    assert not [output for output in shown if output.output_type == "error"]
    figures = len(pictures(outputs(nbformat.read(ROOT / name, as_version=4))))
    assert len(pictures(shown)) == figures
    for width in WIDTHS:
        _screenshot(page, width, ROOT / f"runs/screenshots/{Path(name).stem}-{width}.png")
        fitting = (
            "images => images.filter(i => i.naturalWidth && i.width <= i.parentElement.clientWidth)"
        )
        images = page.locator(".jp-OutputArea-output img")
        assert images.evaluate_all(f"{fitting}.length") == figures


def _ended(page, name):
    """Save the notebook and return whether its last cell was executed, or one ended in an error."""
    page.keyboard.press("Control+s")
    time.sleep(1)
    notebook = _saved(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = any(output.output_type == "error" for output in outputs(notebook))
    return failed or bool(code[-1].execution_count)


def _saved(name):
    """Return a notebook as the server has it, which reads no file that is half written."""
    with urlopen(f"{ADDRESS}/api/contents/{name}") as answer:
        return nbformat.from_dict(json.load(answer)["content"])


def _screenshot(page, width, path):
    """Write a picture of the whole notebook: the window is made as high as all its cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": width, "height": 1000})
    cells = page.locator(".jp-WindowedPanel-outer").first
    height = cells.evaluate("cells => cells.scrollHeight")
    page.set_viewport_size({"width": width, "height": height + 100})
    cells.evaluate("cells => cells.scrollTo(0, 0)")
    time.sleep(1)
    page.screenshot(path=path)


def _wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(1)


def _answers():
    try:
        return urlopen(f"{ADDRESS}/api/status").status == 200
    except URLError:
        return False
