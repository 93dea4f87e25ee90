"""Classify clothes: a small package behind `train.ipynb` and `inference.ipynb`.

Data flows one way, and each file imports only files to its left:

    data -> augment -> batches -> model -> training -> evaluation -> plots

data        the images and their labels, checked and split
augment     the random changes: flip, shift, erase, ...
batches     what an epoch is: shuffled, changed batches
recipes     the choices of a training, and the three recipes that were trained
model       the network
training    `compile` and `fit`
checkpoint  the state of a training, saved after each epoch, so that it can continue
identity    what makes two runs the same run: recipe, data, seed and code
progress    the bar, and a line for each epoch
interrupts  Ctrl-C, and a loss that is not finite
evaluation  every number that says how good a network is
store       a trained network in a file, together with its results
plots       the figures that both notebooks share
errors      what a user is told in one sentence
photos      a package of its own around all this: from a photo to the ten classes
"""

# As early as possible: `identity` hashes the code as it is when it is imported.
import fmnist_utils.identity  # noqa: F401
