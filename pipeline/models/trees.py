"""Boosted trees: those of the 2018 pipeline, and our own."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pipeline.contracts import EffortName, Shape
from pipeline.models.parameters import Parameters
from pipeline.models.search_space import Searched
from pipeline.models.shifting import DIRECTIONS
from pipeline.models.tree_features import Kind
from pipeline.models.xgboost_family import XGBoostModel
from pipeline.models.xgboost_training import Boosting

EFFORTS: Mapping[EffortName, tuple[int, float]] = {"quick": (60, 0.3), "standard": (150, 0.3), "max": (600, 0.1)}
"""Most rounds, and the learning rate that suits them."""


class XgboostParameters(Parameters):
    """What `xgboost` can be given; fields that are not taken out in ``build`` go to ``xgboost.train`` as they are."""

    effort: EffortName = Field(
        "standard", description="How much time to spend on accuracy: number of rounds and learning rate."
    )
    rounds: Annotated[int, Searched(50, 400, log=True)] = Field(
        0, ge=0, le=100_000, description="Maximum number of boosting rounds; 0: set by the effort."
    )
    patience: int = Field(
        20, ge=0, le=100_000, description="Rounds without a better validation loss before training ends; 0 runs all."
    )
    shifts: int = Field(
        -1,
        ge=-1,
        le=len(DIRECTIONS),
        description="Copies of each training image to add, shifted by a pixel; -1: up to four, within 30,000 rows in "
        "all.",
    )
    learning_rate: Annotated[float, Searched(0.03, 0.6, log=True)] = Field(
        0.0, ge=0, le=1, description="Weight of each tree; 0: set by the effort."
    )
    max_depth: Annotated[int, Searched(3, 9)] = Field(
        5, ge=0, le=1000, description="Maximum depth of a tree; 0: no limit."
    )
    max_bin: Annotated[int, Searched(8, 128, log=True)] = Field(
        32, ge=2, le=65_536, description="Bins of each feature's histogram."
    )
    min_child_weight: Annotated[float, Searched(0.01, 10, log=True)] = Field(
        0.1, ge=0, le=1e9, description="Minimum sum of Hessians in a leaf."
    )
    subsample: Annotated[float, Searched(0.3)] = Field(
        0.5, ge=0.001, le=1, description="Share of the rows used for each tree."
    )
    colsample_bytree: Annotated[float, Searched(0.1)] = Field(
        0.3, ge=0.001, le=1, description="Share of the features used for each tree."
    )
    features: Kind = Field("gradients", description="Input features: pixels, or gradients (the directions of strokes).")


class Xgboost2018Parameters(Parameters):
    """What `xgboost_2018` can be given."""

    rounds: Annotated[int, Searched(5, 100, log=True)] = Field(9, ge=1, le=100_000, description="Boosting rounds.")
    max_depth: Annotated[int, Searched(3, 12)] = Field(
        9, ge=0, le=1000, description="Maximum depth of a tree; 0: no limit."
    )
    learning_rate: Annotated[float, Searched(0.05, 1, log=True)] = Field(
        0.375, ge=1e-9, le=1, description="Weight of each tree."
    )
    gamma: Annotated[float, Searched(0, 3)] = Field(
        0.9, ge=0, le=1e9, description="Minimum loss reduction for a split."
    )


def build_2018(shape: Shape, n_classes: int, parameters: Xgboost2018Parameters) -> XGBoostModel:
    """Return the few deep trees of the 2018 pipeline."""
    return XGBoostModel(shape, n_classes, Boosting(parameters.model_dump(exclude={"rounds"}), parameters.rounds))


def build(shape: Shape, n_classes: int, parameters: XgboostParameters) -> XGBoostModel:
    """Return histogram trees on samples of rows and of gradient features, stopped early on validation rows."""
    most_rounds, rate = EFFORTS[parameters.effort]
    trees = parameters.model_dump(exclude={"effort", "rounds", "patience", "shifts", "features"})
    trees |= {"tree_method": "hist", "learning_rate": parameters.learning_rate or rate}
    rounds = parameters.rounds or most_rounds
    automatic = {
        name: used
        for name, asked, used in (
            ("rounds", parameters.rounds, rounds),
            ("learning_rate", parameters.learning_rate, rate),
        )
        if not asked
    }
    boosting = Boosting(trees, rounds, parameters.patience, parameters.shifts, parameters.features, automatic)
    return XGBoostModel(shape, n_classes, boosting)
