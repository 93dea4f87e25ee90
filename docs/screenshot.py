"""Take the README's picture of the page, in headless Chromium: `make screenshot`.

The picture holds the answers that it shows as a text, so that a test can compare them.
"""

import shutil

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

import app
from docs.execute import ROOT
from fmnist_utils import photos

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = [
    "--no-sandbox",  # for machines where tests run as root
    "--use-fake-ui-for-media-stream",  # a camera without asking, with a made-up picture
    "--use-fake-device-for-media-stream",
]
NAMES = ("coat-on-a-sheet", "sandals-on-a-table", "shirt-on-a-blanket")
SHOWN = [ROOT / f"sample_photos/{name}.jpg" for name in NAMES]
PICTURE = ROOT / "docs/page.png"
COLOURS = 256


def start_chromium(playwright):
    """Return a browser; raise FileNotFoundError if there is none."""
    for name in CHROMIUM:
        path = shutil.which(name)
        if path:
            return playwright.chromium.launch(executable_path=path, args=OPTIONS)
    raise FileNotFoundError("Chromium is not installed: `apt-get install chromium`, or Chrome.")


def drop(page, files):
    """Put files into the page's field for photos."""
    page.locator("input[type=file]").first.set_input_files(files)


def answers():
    """Return what the network that ships says about the photos shown, as CSV."""
    table = photos.table(photos.classify(app.network("photos"), app.opened(SHOWN)))
    return table[["photo", "answer", "probability"]].to_csv(index=False)


def main():
    blocks, address = app.launch()
    with sync_playwright() as playwright:
        page = start_chromium(playwright).new_page(viewport={"width": 1100, "height": 1000})
        page.goto(address)
        drop(page, SHOWN)
        turns = page.get_by_role("button", name="Turn the photo")
        turns.nth(len(SHOWN) - 1).wait_for()
        page.wait_for_timeout(1000)  # until nothing moves any more
        bottom = page.get_by_text("No photo at hand?").bounding_box()["y"]
        page.screenshot(path=PICTURE, clip={"x": 80, "y": 0, "width": 940, "height": bottom})
    blocks.close()
    text = PngInfo()
    text.add_text("answers", answers())
    Image.open(PICTURE).quantize(COLOURS).save(PICTURE, optimize=True, pnginfo=text)


if __name__ == "__main__":
    main()
