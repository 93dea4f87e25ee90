"""Classify clothes: a small package behind `train.ipynb` and `inference.ipynb`.

Data flows one way, and so do the imports:

    data        where the images come from: `load`, `CLASS_NAMES`
    batches     what an epoch is: shuffled, augmented batches
    model       `Recipe` (what may differ between runs), `BASELINE`, `build`
    training    `train`: fit, keep the best weights, go on after a stop
    evaluation  `evaluate`: every number
    store       `save` and `load` a trained model with its results
    photos      pictures from outside: `read`, `prepare`, `classify`
    plots       every picture

`progress` is the bar while it trains, and `errors` holds what is said in one sentence: a user's
mistake, or that a training was stopped.
"""
