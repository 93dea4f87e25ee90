"""Draw the sample photos: test images, dyed, at photo size, on backgrounds made here.

    python -m sample_photos.draw

One is hard on purpose: a garment in the colours of the cloth that it lies on.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fmnist_utils import data

WIDTH, HEIGHT = 480, 640
FOLDER = Path(__file__).parent


def plain(rng):
    """A wall: one colour, a little darker to one side, with a camera's noise."""
    shade = np.linspace(1, 0.93, WIDTH)[None, :, None]
    return np.array([205, 214, 220]) * shade + rng.normal(0, 2, (HEIGHT, WIDTH, 1))


def wood(rng):
    """Planks with a grain and dark gaps."""
    grain = np.cumsum(rng.normal(0, 2, (HEIGHT, WIDTH)), axis=1) * 0.3
    grain += 7 * np.sin(np.arange(HEIGHT) / 3 + rng.normal(0, 0.2, HEIGHT))[:, None]
    planks = rng.uniform(-18, 18, HEIGHT // 80 + 1)[np.arange(HEIGHT) // 80]
    gap = -60 * (np.arange(HEIGHT) % 80 < 3)
    return np.array([176, 128, 84]) + (grain + (planks + gap)[:, None])[..., None]


def cloth(rng, colour=(232, 226, 214), depth=14):
    """A sheet with creases: light and shade in waves of several directions."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = np.zeros((HEIGHT, WIDTH))
    for _ in range(12):
        angle, phase, length = rng.uniform(0, np.pi), rng.uniform(0, 6.3), rng.uniform(60, 200)
        light += np.sin((x * np.cos(angle) + y * np.sin(angle)) * 6.3 / length + phase) ** 3
    return np.array(colour) + (depth * light / 2 + rng.normal(0, 2, light.shape))[..., None]


def lay(garment, background, colour):
    """Return `background` with a garment `(28, 28)` of the dataset, dyed, laid on its middle."""
    size = (380, 380)
    grey, shape = (
        Image.fromarray(array).resize(size, Image.Resampling.BICUBIC)
        for array in (garment, np.where(garment > 40, 255, 0).astype(np.uint8))
    )
    grey = grey.filter(ImageFilter.GaussianBlur(3))
    # Blurred, then made steep again: a round outline instead of the pixels' steps.
    shape = shape.filter(ImageFilter.GaussianBlur(11)).point(lambda value: 12 * (value - 100))
    dyed = (1 - np.asarray(grey)[..., None] / 255 * 0.75) * np.array(colour)
    picture = Image.fromarray(background.clip(0, 255).astype(np.uint8))
    place = ((WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2)
    picture.paste(Image.fromarray(dyed.clip(0, 255).astype(np.uint8)), place, shape)
    return picture


def main():
    test = data.load().test
    rng = np.random.default_rng(0)
    third = {label: test.images[test.labels == label][2].squeeze() for label in range(10)}
    pictures = {
        "boot on a plain wall": lay(third[9], plain(rng), (150, 90, 60)),
        "trousers on wood": lay(third[1], wood(rng), (70, 90, 160)),
        "pullover on creased cloth": lay(third[2], cloth(rng), (60, 130, 110)),
        "shirt hard to see": lay(third[6], cloth(rng, (150, 140, 130), 34), (215, 205, 195)),
    }
    for name, picture in pictures.items():
        picture.save(FOLDER / f"{name.replace(' ', '-')}.jpg", quality=85)


if __name__ == "__main__":
    main()
