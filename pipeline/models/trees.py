"""Boosted trees: those of the 2018 pipeline, and our own."""

from pipeline.models.xgboost_family import XGBoostModel
from pipeline.models.xgboost_training import Boosting

EFFORTS = {"quick": (60, 0.3), "standard": (150, 0.3), "max": (600, 0.1)}
"""Most rounds, and the learning rate that suits them."""


def build_2018(
    shape: tuple[int, int, int], n_classes: int, *, rounds: int, max_depth: int, learning_rate: float, gamma: float
) -> XGBoostModel:
    """The few deep trees of the 2018 pipeline."""
    parameters = {"max_depth": max_depth, "learning_rate": learning_rate, "gamma": gamma}
    return XGBoostModel(shape, n_classes, Boosting(parameters, rounds))


def build(
    shape: tuple[int, int, int],
    n_classes: int,
    *,
    effort: str,
    rounds: int,
    patience: int,
    shifts: int,
    learning_rate: float,
    max_depth: int,
    max_bin: int,
    min_child_weight: float,
    subsample: float,
    colsample_bytree: float,
    features: str,
) -> XGBoostModel:
    """Our own: histogram trees on samples of rows and of gradient features, stopped early on validation rows.

    ``rounds`` and ``learning_rate`` 0 take what ``effort`` means, and ``shifts`` -1 what suits the number of images.
    """
    most_rounds, rate = EFFORTS[effort]
    parameters = {
        "tree_method": "hist",
        "learning_rate": learning_rate or rate,
        "max_depth": max_depth,
        "max_bin": max_bin,
        "min_child_weight": min_child_weight,
        "subsample": subsample,
        "colsample_bytree": colsample_bytree,
    }
    return XGBoostModel(shape, n_classes, Boosting(parameters, rounds or most_rounds, patience, shifts, features))
