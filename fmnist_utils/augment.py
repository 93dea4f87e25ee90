"""The random changes that give a network more to learn from than there are images.

Each is a function of `images`, uint8 (B, 28, 28, 1), and a numpy random `generator`. It returns new
images of the same shape and type, and leaves the given ones as they are.
"""

import cv2
import numpy as np

SHIFT = 2  # pixels, at most
SMALLEST_BOX = 3  # pixels, for each side
LARGEST_BOX = 10
STRONGEST_NOISE = 25  # grey levels, as a standard deviation
MOST_PEPPER = 0.05  # share of an image's pixels
NARROWEST = 0.75  # of an image's width
WIDEST = 1.15
LARGEST_ANGLE = 10  # degrees
SMALLEST = 0.85  # of an image's width and height


def flip(images, generator):
    """Mirror each image left to right with probability 1/2."""
    mirrored = generator.random(len(images)) < 0.5
    flipped = images.copy()
    flipped[mirrored] = images[mirrored, :, ::-1]
    return flipped


def shift(images, generator):
    """Move each image by up to SHIFT pixels, up or down and left or right; the gap is black."""
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    tops, lefts = generator.integers(0, 2 * SHIFT + 1, (2, len(images)))
    shifted = np.empty_like(images)
    for index in range(len(images)):
        top = tops[index]
        left = lefts[index]
        shifted[index] = padded[index, top : top + height, left : left + width]
    return shifted


def erase(images, generator):
    """Blacken a box of random size and place, with probability 1/2 (arXiv 1708.04896)."""
    heights, widths = generator.integers(SMALLEST_BOX, LARGEST_BOX + 1, (2, len(images)))
    tops = generator.integers(0, images.shape[1] + 1 - heights)
    lefts = generator.integers(0, images.shape[2] + 1 - widths)
    chosen = generator.random(len(images)) < 0.5
    erased = images.copy()
    for index in np.flatnonzero(chosen):
        bottom = tops[index] + heights[index]
        right = lefts[index] + widths[index]
        erased[index, tops[index] : bottom, lefts[index] : right] = 0
    return erased


def gaussian_noise(images, generator):
    """Add noise to each image, with a random strength of up to STRONGEST_NOISE."""
    deviations = generator.uniform(0, STRONGEST_NOISE, len(images))
    noisy = generator.normal(images, _for_each_pixel(deviations))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def salt_and_pepper(images, generator):
    """Turn a random share of each image's pixels, up to MOST_PEPPER, white or black."""
    share = _for_each_pixel(generator.uniform(0, MOST_PEPPER, len(images)))
    draws = generator.random(images.shape)
    peppered = images.copy()
    peppered[draws < share] = 255
    peppered[draws < share / 2] = 0
    return peppered


def tone(images, generator):
    """Brighten or darken the middle greys: raise pixels from 0 to 1 to a power of 1/2 to 2."""
    powers = 2 ** generator.uniform(-1, 1, len(images))
    toned = 255 * (images / 255) ** _for_each_pixel(powers)
    return np.rint(toned).astype(np.uint8)


def warp(images, generator):
    """Squeeze or stretch each image sideways, turn it and shrink it, each by a random amount."""
    stretches = generator.uniform(NARROWEST, WIDEST, len(images))
    angles = generator.uniform(-LARGEST_ANGLE, LARGEST_ANGLE, len(images))
    scales = generator.uniform(SMALLEST, 1, len(images))
    height, width = images.shape[1:3]
    middle = ((width - 1) / 2, (height - 1) / 2)
    warped = np.empty_like(images)
    for index in range(len(images)):
        stretch = stretches[index]
        matrix = cv2.getRotationMatrix2D(middle, angles[index], scales[index])
        matrix[:, 2] += (1 - stretch) * middle[0] * matrix[:, 0]  # so that the middle stays there
        matrix[:, 0] *= stretch
        warped[index, ..., 0] = cv2.warpAffine(images[index], matrix, (width, height))
    return warped


def _for_each_pixel(values):
    """Return one value per image, (B,), in a shape that numpy spreads over the image's pixels."""
    return values[:, np.newaxis, np.newaxis, np.newaxis]


# The changes that a recipe can name. To try one of your own: AUGMENTATIONS["mine"] = mine
AUGMENTATIONS = {
    "flip": flip,
    "shift": shift,
    "erase": erase,
    "gaussian_noise": gaussian_noise,
    "salt_and_pepper": salt_and_pepper,
    "tone": tone,
    "warp": warp,
}
