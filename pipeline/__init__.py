"""A staged machine-learning pipeline for small images: train, judge, promote, predict."""

__version__ = "0.1.0"
