"""Classify clothes: a small package behind `train.ipynb` and `inference.ipynb`.

Imports run to the left only: data -> batches -> model -> training -> evaluation -> plots.
`store` keeps a trained network with its results, `pictures` reads any picture, `photos` classifies
it, and `errors` has what a user is told in one sentence.
"""
