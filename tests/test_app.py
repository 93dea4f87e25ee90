"""The page: what is dropped on it is answered, kept from others, and gone soon."""

import io
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import httpx
import pandas as pd
import pytest
from PIL import Image

import app
from benchmarks import report
from docs.execute import ROOT

SHIRT = ROOT / "sample_photos/shirt-on-a-blanket.jpg"
TROUSERS = ROOT / "sample_photos/trousers-on-wood.jpg"
NOTHING = pd.DataFrame()


def test_what_is_dropped_is_answered_by_name():
    room, files, wrong = app.uploaded([TROUSERS, SHIRT], [])
    items, answers = app.classified(files, "photos", NOTHING)
    assert (room, wrong) == (None, "")
    assert items[0].label == "Trouser"
    assert list(answers["photo"]) == ["trousers-on-wood.jpg", "shirt-on-a-blanket.jpg"]
    originals, _ = app.classified(app.opened([TROUSERS, SHIRT]), "photos", NOTHING)
    assert [item.ranking for item in items] == [item.ranking for item in originals]

    items, answers = app.classified(app.opened([SHIRT]), "compact", answers)
    assert len(items) == 1
    assert answers["photo"].iloc[0] == "shirt-on-a-blanket.jpg"
    assert list(answers["network"]) == ["compact", "photos", "photos"]
    again, same = app.classified(files, "photos", answers)
    assert len(again) == 2
    assert len(same) == 3


def test_what_cannot_be_read_is_a_sentence_and_nothing_else_changes(tmp_path):
    notes = tmp_path / "my <notes>.txt"
    notes.write_text("nothing")
    before = app.opened([SHIRT])
    room, files, wrong = app.uploaded([notes], before)
    assert room is None
    assert files is before
    assert wrong.startswith("<p ")
    assert ">my &lt;notes&gt;.txt is not a picture" in wrong
    _, files, wrong = app.uploaded([notes, TROUSERS], before)
    assert [file.name for file in files] == ["trousers-on-wood.jpg"]
    assert "is not a picture" in wrong
    empty, unchanged = app.classified([], "photos", NOTHING)
    assert empty == []
    assert unchanged is NOTHING


def test_a_photo_that_lies_sideways_can_be_turned(tmp_path):
    upright, _ = app.classified(app.opened([TROUSERS]), "photos", NOTHING)
    sideways = tmp_path / "sideways.png"
    Image.open(TROUSERS).transpose(Image.Transpose.ROTATE_270).save(sideways)
    files = app.opened([SHIRT, sideways])
    shown = app.with_turned(files[1], files)
    items, answers = app.classified(shown, "photos", NOTHING)
    assert shown[0] is files[0]
    assert list(answers["photo"]) == ["shirt-on-a-blanket.jpg", "sideways.png (turned)"]
    assert items[1].label == "Trouser"
    assert items[1].probability == pytest.approx(upright[0].probability, abs=0.1)
    assert app.with_turned(files[1], shown) == shown  # which is not shown any more
    assert app.turned(shown[1]).name == "sideways.png (turned)"


def test_four_who_drop_twenty_photos_at_once_get_their_own_answers(splits):
    dropped = []
    for image in splits.test.images[:80]:
        file = io.BytesIO()
        Image.fromarray(255 - image.squeeze()).resize((280, 280)).save(file, "PNG")
        dropped.append(file)
    visitors = [dropped[start : start + 20] for start in range(0, 80, 20)]

    def answered(files):
        items, _ = app.classified(files, "compact", NOTHING)
        return [item.ranking for item in items]

    expected = [answered(files) for files in visitors]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answered, visitors)) == expected


def test_the_networks_are_offered_with_their_accuracy_on_photos():
    offered = app.networks("runs/mine/compact")
    shown = {name: label for label, name in offered}
    right = report.PHOTOS["photos"]["accuracy"]["all"]
    assert list(shown) == ["photos", "improved", "compact", "baseline", "runs/mine/compact"]
    assert shown["photos"] == f"photos, {right:.0%}"


@pytest.fixture
def connected(monkeypatch):
    """The hosts that this process connects to; only this machine can be reached."""
    hosts = set()
    connect = socket.socket.connect

    def connect_here(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            hosts.add(address[0])
            if address[0] not in ("127.0.0.1", "::1"):
                raise OSError("no network")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    return hosts


@pytest.fixture
def address(monkeypatch, tmp_path, connected):
    """The address of the page, which forgets after a second."""
    monkeypatch.setattr(app, "FORGET", (1, 1))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    blocks, address = app.launch()
    yield address
    blocks.close()


def test_only_this_machine_is_served_and_asked(address, connected):
    assert address.startswith("http://127.0.0.1:")
    html = httpx.get(address).text
    assert app.TITLE in html
    assert not re.findall(r'(?:src|href)="https?://(?!127\.0\.0\.1)', html)
    assert '"analytics_enabled":false' in html.replace(" ", "")
    assert connected == {"127.0.0.1"}


def test_what_is_uploaded_is_removed_and_what_is_too_large_is_refused(address):
    upload = f"{address}gradio_api/upload"
    sent = httpx.post(upload, files={"files": ("mine.jpg", SHIRT.read_bytes())})
    [stored] = sent.json()
    assert Path(stored).read_bytes() == SHIRT.read_bytes()
    large = httpx.post(upload, files={"files": ("large.jpg", bytes(50 * 2**20 + 1))}, timeout=60)
    assert large.status_code == 413
    ends = time.monotonic() + 20
    while Path(stored).exists() and time.monotonic() < ends:
        time.sleep(0.2)
    assert not Path(stored).exists()


def test_sharing_is_asked_for_and_explained(monkeypatch, capsys):
    shared = []

    def launch(self, share, **options):
        shared.append(share)
        return None, "http://127.0.0.1:7860/", "https://a.gradio.live" if share else None

    monkeypatch.setattr(gr.Blocks, "launch", launch)
    assert app.launch()[1] == "http://127.0.0.1:7860/"
    assert capsys.readouterr().out == ""
    assert app.launch(share=True)[1] == "https://a.gradio.live"
    assert "Whoever has the public address" in capsys.readouterr().out
    assert shared == [False, True]


def test_a_network_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--model", "nowhere"])
    with pytest.raises(SystemExit, match=r"nowhere.keras does not exist"):
        app.main()
