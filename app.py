"""A web page: drop a photo of a garment, and see what the network says and where it looked.

    make app, or, where the packages of requirements.txt are installed: python app.py

Only this machine can open the page, unless it is shared. On Hugging Face Spaces this file runs as
it is.
"""

import argparse
import io
import json
import logging
import os
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

import gradio as gr
import pandas as pd
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow logs errors only
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever a user's keras.json says

from fmnist_utils import photos, store
from fmnist_utils.errors import UserError
from fmnist_utils.photos.display import note
from fmnist_utils.recipes import RECIPES

PROJECT = Path(__file__).parent
SAMPLES = sorted(PROJECT.glob("sample_photos/*.jpg"))
TURNED = " (turned)"
FORGET = (10, 120)  # uploaded files are looked for every 10 seconds, and removed after 120
LARGEST = "50mb"
COLUMNS = ["photo", "answer", "probability", "note", "network"]
WIDTHS = ["105px", "105px", "125px", "380px", "100px"]
ON_KAGGLE = "KAGGLE_KERNEL_RUN_TYPE" in os.environ
TITLE = "Which garment is this?"
INTRODUCTION = f"""# {TITLE}
Drop a photo of a T-shirt or top, trousers, a pullover, a dress, a coat, a shirt, sandals, sneakers,
ankle boots or a bag: the network knows nothing else. One garment, laid out whole and upright on a
background of another colour, works best."""
STYLE = """.gradio-container {width: 100%; max-width: 900px !important; margin: auto}
#samples .grid-container {grid-template-columns: repeat(auto-fit, minmax(90px, 1fr))}"""
SHARING = """Whoever has the public address can use this page while it runs, for a week at most.
All photos then pass through the servers of Gradio, whose address it is."""
# What the browser does to save a text as a file.
SAVE = """text => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
    link.download = "answers.csv";
    link.click();
}"""


@cache
def network(name):
    return store.load(name, PROJECT / "saved_model").model


def networks(chosen):
    """Return the networks to choose from, the best first, as (label, name), and `chosen`."""
    measured = json.loads((PROJECT / "benchmarks/photos.json").read_text())
    right = {name: measured[name]["accuracy"]["all"] for name in RECIPES}
    labelled = []
    for name in sorted(right, key=right.get, reverse=True):
        labelled.append((f"{name}, {right[name]:.0%}", name))
    if chosen not in right:
        labelled.append((chosen, chosen))
    return labelled


def opened(paths):
    """Return files in memory with their names: Gradio removes what was uploaded."""
    files = []
    for path in paths:
        file = io.BytesIO(Path(path).read_bytes())
        file.name = Path(path).name
        files.append(file)
    return files


def held(picture, name):
    """Return a picture as a file in memory, with nothing lost."""
    file = io.BytesIO()
    picture.save(file, "BMP")
    file.name = name
    return file


def uploaded(paths, shown):
    """Return None, which empties the field; the files to show; and what is wrong, as HTML.

    If none of the new files can be read, those that are `shown` stay.
    """
    readable = []
    wrong = ""
    for file in opened(paths):
        try:
            readable.append(held(photos.read(file), file.name))
        except photos.PhotoError as error:
            wrong += note(str(error))
    return None, readable or shown, wrong


def photographed(path, shown):
    return uploaded([path], shown)


def tapped(event: gr.SelectData):
    return opened([SAMPLES[event.index]]), ""


def turned(file):
    """Return a file with the photo turned to the left by 90 degrees."""
    picture = photos.read(file).transpose(Image.Transpose.ROTATE_90)
    return held(picture, file.name.removesuffix(TURNED) + TURNED)


def with_turned(wanted, files):
    """Return the files, of which the `wanted` one, if it is still shown, is turned."""
    shown = []
    for file in files:
        shown.append(turned(file) if file is wanted else file)
    return shown


def classified(files, chosen, answers):
    """Return what the network says about `files`, and the table of all answers so far."""
    if not files:
        return [], answers
    items = photos.classify(network(chosen), files)
    table = photos.table(items)
    table["network"] = chosen
    return items, pd.concat([table, answers]).drop_duplicates()


def draw_cards(items, name, files):
    """Draw what the network called `name` says about each photo of the state `files`."""
    for number, item in enumerate(items):
        with gr.Row():
            with gr.Column(min_width=300):
                gr.HTML(photos.cards(network(name), [item]))
            # The key lets a second click through while the page is drawn anew.
            key = f"turn {number}"
            turn = gr.Button("Turn the photo", key=key, size="sm", scale=0, min_width=120)
            turn.click(partial(with_turned, item.source), files, files, key=key)


def draw_table(answers):
    """Draw the table of all answers, and the button that saves it."""
    shown = answers[COLUMNS].copy()
    shown["probability"] = shown["probability"].map("{:.1%}".format)
    gr.Dataframe(shown, label="All answers", interactive=False, wrap=True, column_widths=WIDTHS)
    text = gr.Textbox(answers.to_csv(index=False), visible=False)
    save = gr.Button("Save all answers as CSV", size="sm")
    save.click(None, text, None, js=SAVE)


def page(chosen="photos") -> gr.Blocks:
    """Return the page: whenever `files` changes, they are classified, and the answers shown."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=FORGET) as blocks:
        files = gr.State([])
        items = gr.State([])
        answers = gr.State(pd.DataFrame())
        gr.Markdown(INTRODUCTION)
        with gr.Tab("Photos"):
            drop = gr.File(file_count="multiple", label="Photos, each up to 50 MB", height=150)
        with gr.Tab("Camera or clipboard"):
            camera = gr.Image(sources=["webcam", "clipboard"], type="filepath", label="Your photo")
        wrong = gr.HTML()
        cards = gr.Column()
        gr.Markdown("No photo at hand? Tap one of these.")
        samples = gr.Gallery(
            SAMPLES,
            columns=6,
            height="fit-content",
            show_label=False,
            allow_preview=False,
            buttons=[],
            elem_id="samples",
        )
        label = "Network, and the share of test photos that it gets right"
        model = gr.Radio(networks(chosen), value=chosen, label=label)
        drop.upload(uploaded, [drop, files], [drop, files, wrong])
        camera.input(photographed, [camera, files], [camera, files, wrong])
        samples.select(tapped, None, [files, wrong])
        gr.on(
            [files.change, model.change],
            classified,
            [files, model, answers],
            [items, answers],
            show_progress_on=[drop, camera],
        )

        with cards:

            @gr.render(inputs=[items, model], triggers=[items.change])
            def show_cards(items, name):
                draw_cards(items, name, files)

        @gr.render(inputs=answers, triggers=[answers.change])
        def show_table(answers):
            draw_table(answers)

    return blocks


def launch(chosen="photos", share=False):
    """Serve the page, in a notebook below the cell; return the page and its address."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of batches of a new size
    network(chosen)  # a mistake in its name is told before anything is shown
    share = share or ON_KAGGLE  # there, no other address leads to the page
    if share:
        print(SHARING)
    blocks = page(chosen)
    _, local, public = blocks.launch(
        share=share,
        max_file_size=LARGEST,
        footer_links=[],
        css=STYLE,
        height=900,
        quiet=True,
        prevent_thread_lock=True,
    )
    return blocks, public or local


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="photos", help="a name in saved_model, or a path")
    parser.add_argument("--share", action="store_true", help="let others open the page, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # so that nothing is left when the page ends
        try:
            blocks, address = launch(given.model, given.share)
        except UserError as error:
            sys.exit(str(error))
        print(f"The page is {address} in a browser. Ctrl-C ends it.", flush=True)
        blocks.block_thread()


if __name__ == "__main__":
    main()
