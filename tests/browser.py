"""The page, and both notebooks in JupyterLab, "Run All Cells" pressed, in headless Chromium.

`make test-browser` leaves screenshots of the whole pages in `runs/screenshots`, to be looked at.
"""

import json
import socket
import subprocess
import sys
import time

import nbformat
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import app
from docs.execute import ROOT, code_cells, pictures, read
from docs.screenshot import drop, start_chromium
from fmnist_utils import photos
from given import parameters
from tests.conftest import copy_project

PORT = 8765
PARAMETERS = {"train": 'RECIPE = "compact"\nEPOCHS = 2', "inference": "PAGE = True"}
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
IMAGES = ".jp-RenderedImage img"
FITTING = "images => images.filter(i => i.naturalWidth && i.width <= i.parentElement.clientWidth)"
NOTEBOOK = "jupyterapp.shell.currentWidget.content.model.toJSON()"
ERROR = f"{NOTEBOOK}.cells.some(cell => cell.outputs?.some(o => o.output_type == 'error'))"
ENDED = f"{ERROR} || {NOTEBOOK}.cells.findLast(c => c.cell_type == 'code').execution_count"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        yield start_chromium(playwright)


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """JupyterLab with what a user has: short trainings, and no outputs."""
    folder = tmp_path_factory.mktemp("project")
    settings = tmp_path_factory.mktemp("settings")
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
    yield
    server.terminate()
    server.wait()


@pytest.mark.parametrize("name", PARAMETERS)
def test_run_all_cells(name, browser, jupyterlab):
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
    if name == "inference":
        inline = page.frame_locator(".jp-OutputArea-output iframe")
        inline.get_by_text("Drop File Here").wait_for()
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 1000})
        height = panel.evaluate("panel => panel.scrollHeight")
        page.set_viewport_size({"width": width, "height": height + 100})  # the whole notebook
        panel.evaluate("panel => panel.scrollTo(0, 0)")
        time.sleep(1)
        page.screenshot(path=ROOT / f"runs/screenshots/{name}-{width}.png")
        assert images.evaluate_all(f"{FITTING}.length") == figures


@pytest.fixture(scope="module")
def served():
    """The address of the page."""
    blocks, address = app.launch()
    yield address
    blocks.close()


@pytest.fixture
def visit(browser, served):
    """A function that opens the page for somebody new, to whom all other hosts are closed."""
    complaints = []

    def route(request):
        if request.request.url.startswith(served):
            request.continue_()
        else:
            complaints.append(request.request.url)
            request.abort()

    def hear(message):
        if message.type == "error":
            complaints.append(message.text)

    def opened(width):
        context = browser.new_context(viewport={"width": width, "height": 1000})
        context.route("http*://**", route)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served)
        page.get_by_text("Drop File Here").wait_for()
        return page

    yield opened
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_photo_is_answered_turned_and_saved_and_a_text_refused(width, visit, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("nothing")
    page = visit(width)
    page.screenshot(path=ROOT / f"runs/screenshots/page-{width}-at-first.png")
    drop(page, [ROOT / "sample_photos/trousers-on-wood.jpg", notes])
    page.get_by_text("Trouser 80.3%", exact=True).wait_for()
    refused = page.get_by_text("notes.txt is not a picture that can be read")
    refused.wait_for()
    page.screenshot(path=ROOT / f"runs/screenshots/page-{width}.png", full_page=True)
    turn = page.get_by_role("button", name="Turn the photo")
    turn.click()
    page.get_by_text("trousers-on-wood.jpg (turned)").first.wait_for()
    for _ in range(3):
        page.wait_for_timeout(200)
        turn.click()
    page.get_by_text("Trouser 80.3%", exact=True).wait_for()  # upright again
    drop(page, [ROOT / "sample_photos/shirt-on-a-blanket.jpg"])
    refused.wait_for(state="detached")
    drop(page, [notes])
    refused.wait_for()
    page.get_by_text("T-shirt/top 72.8%", exact=True).wait_for()
    page.locator(".thumbnail-item").nth(3).click()
    page.get_by_text("Sandal 65.2%", exact=True).wait_for()
    page.get_by_label("compact").click()
    page.get_by_text("Sandal 65.2%", exact=True).wait_for(state="detached")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all answers").click()
    saved = pd.read_csv(download.value.path())
    sandals = "sandals-on-a-table.jpg"
    shirt = "shirt-on-a-blanket.jpg"
    trousers = "trousers-on-wood.jpg"
    turned = 4 * [f"{trousers} (turned)"]
    assert list(saved["photo"]) == [sandals, sandals, shirt, *turned, trousers]
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_photo_is_taken_with_the_camera(visit):
    page = visit(390)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('video').currentTime > 1")
    page.get_by_label("capture photo").click()
    page.get_by_role("button", name="Turn the photo").wait_for()


def test_four_who_drop_twenty_photos_at_once_get_their_own_answers(visit, splits, tmp_path):
    files = []
    for number, image in enumerate(splits.test.images[:80]):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(255 - image.squeeze()).resize((280, 280)).save(files[-1])
    items = photos.classify(app.network("photos"), files)
    pages = [visit(1280) for _ in range(4)]
    for number, page in enumerate(pages):
        drop(page, files[20 * number : 20 * number + 20])
    for number, page in enumerate(pages):
        turns = page.get_by_role("button", name="Turn the photo")
        turns.nth(19).wait_for(timeout=60_000)
        text = page.locator("body").inner_text()
        for item in items[20 * number : 20 * number + 20]:
            assert item.source.name in text
            assert f"{item.label} {item.probability:.1%}" in text
