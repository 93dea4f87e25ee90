"""Both notebooks in a real browser: JupyterLab in headless Chromium, "Run All Cells" pressed.

`make test-browser` leaves screenshots of the whole pages in `runs/screenshots`, to be looked at.
"""

import json
import shutil
import socket
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from docs.execute import ROOT, code_cells, pictures, read
from run import parameters
from tests.conftest import copy_project

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
PORT = 8765
PARAMETERS = {"train": 'RECIPE = "compact"\nEPOCHS = 2', "inference": ""}
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
IMAGES = ".jp-OutputArea-output img"
FITTING = "images => images.filter(i => i.naturalWidth && i.width <= i.parentElement.clientWidth)"
NOTEBOOK = "jupyterapp.shell.currentWidget.content.model.toJSON()"
ERROR = f"{NOTEBOOK}.cells.some(cell => cell.outputs?.some(o => o.output_type == 'error'))"
ENDED = f"{ERROR} || {NOTEBOOK}.cells.findLast(c => c.cell_type == 'code').execution_count"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, and JupyterLab with what a user has: short trainings, and no outputs."""
    folder = tmp_path_factory.mktemp("project")
    settings = tmp_path_factory.mktemp("settings")
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not chromium:
        pytest.exit("Chromium is not installed: `apt-get install chromium`, or Chrome.", 1)
    copy_project(folder)
    for name, added in PARAMETERS.items():
        notebook = read(f"{name}.ipynb")
        parameters(notebook).source += f"\n{added}"
        for cell in code_cells(notebook):
            cell.outputs = []
            cell.execution_count = None
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (settings / "overrides.json").write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={PORT}", "--IdentityProvider.token=", "--expose-app-in-browser"]
    command += [f"--ServerApp.root_dir={folder}", f"--LabApp.app_settings_dir={settings}"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while server.poll() is None and socket.socket().connect_ex(("127.0.0.1", PORT)):
        time.sleep(1)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    server.terminate()
    server.wait()


@pytest.mark.parametrize("name", PARAMETERS)
def test_run_all_cells(name, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"http://127.0.0.1:{PORT}/doc/tree/{name}.ipynb?reset")
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ENDED, timeout=900_000, polling=1000)
    assert not page.evaluate(ERROR)

    figures = len(pictures(read(f"{name}.ipynb").cells))
    panel = page.locator(".jp-WindowedPanel-outer").first
    images = page.locator(IMAGES)
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 1000})
        height = panel.evaluate("panel => panel.scrollHeight")
        page.set_viewport_size({"width": width, "height": height + 100})  # the whole notebook
        panel.evaluate("panel => panel.scrollTo(0, 0)")
        time.sleep(1)
        page.screenshot(path=ROOT / f"runs/screenshots/{name}-{width}.png")
        assert images.evaluate_all(f"{FITTING}.length") == figures
