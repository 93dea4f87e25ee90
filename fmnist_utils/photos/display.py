"""Show a classified photo as HTML: in a notebook, and on the page that `app.py` makes."""

import base64
import html
import io

import numpy as np
from PIL import Image, ImageColor

from fmnist_utils.photos.reading import printable

BLUE = "#0072B2"  # the colours of `plots`, which takes a second to import
ORANGE = "#D55E00"
STRONGEST = 0.5  # a fall of the probability that is drawn in full orange

# Styles stand in the tags: notebooks drop style sheets. What doesn't fit into a row wraps.
CARD = """<div style="margin: 0 0 1.5em; line-height: 1.4; overflow-wrap: anywhere">
<div><b>{name}</b></div>
<div style="display: flex; flex-wrap: wrap; gap: 8px 16px">
<div style="display: flex; gap: 8px; flex: 0 1 440px">{pictures}</div>
<div style="flex: 1 1 210px">{answer}</div>
</div></div>"""
PICTURE = """<figure style="margin: 0; flex: 0 1 104px">
<img src="data:image/webp;base64,{data}" alt="{title}: {name}" style="width: 100%; aspect-ratio: 1;
object-fit: contain; image-rendering: pixelated; margin: 0">
<figcaption style="font-size: 11px; line-height: 1.2; text-align: center">{title}</figcaption>
</figure>"""
BAR = """<div style="display: flex; align-items: center; gap: 6px; white-space: nowrap">
<span style="background: {color}; width: {width:.0f}px; min-width: 1px; height: 14px"></span>
<span>{label} {share:.1%}</span></div>"""
NOTE = '<p style="color: {color}; overflow-wrap: anywhere">{sentence}</p>'


def card(item, looked) -> str:
    """Return HTML with the stages, the three likeliest classes and the note of a `Classified`.

    `looked` (28, 28), from `photos.occlusion`, is where the network looked.
    """
    if item.error:
        return note(item.error)
    name = html.escape(printable(item.source))
    stages = dict(item.prepared.stages)
    stages["where it looked"] = _overlay(item.prepared.views[0], looked)
    pictures = [_picture(title, image, name) for title, image in stages.items()]
    color = ORANGE if item.warning else BLUE
    answer = []
    for label, share in item.ranking[:3]:
        answer.append(BAR.format(color=color, width=120 * share, label=label, share=share))
    if item.warning:
        answer.append(note(f"This is a guess: {item.warning}."))
    return CARD.format(name=name, pictures="".join(pictures), answer="".join(answer))


def note(sentence) -> str:
    """Return HTML with a sentence about what is wrong or doubtful."""
    return NOTE.format(color=ORANGE, sentence=html.escape(sentence))


def _picture(title, image, name):
    content = io.BytesIO()
    image.save(content, "WEBP")  # a third of what PNG takes
    data = base64.b64encode(content.getvalue()).decode()
    return PICTURE.format(title=title, data=data, name=name)


def _overlay(view, looked):
    """Return the network's input, the more orange the more a part speaks for the answer."""
    strength = np.clip(looked / STRONGEST, 0, 1)[..., np.newaxis]
    orange = np.array(ImageColor.getrgb(ORANGE))
    return Image.fromarray(np.uint8((1 - strength) * view + strength * orange))
