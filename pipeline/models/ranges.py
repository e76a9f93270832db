"""What the parameters of the recipes may be, so that an impossible one is refused before anything trains.

A default is always possible, also where it lies outside: 0 epochs, for instance, stand for what the effort means.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.models.cnn_plan import EFFORTS
from pipeline.models.own import FIT_PARAMETERS
from pipeline.models.shifting import DIRECTIONS
from pipeline.models.tree_features import KINDS


@dataclass(frozen=True)
class Range:
    """The numbers from ``least`` to ``most``, both included."""

    least: float
    most: float

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most

    def __str__(self) -> str:
        least, most = (f"{end:,}" if isinstance(end, int) else f"{end:g}" for end in (self.least, self.most))
        return f"from {least} to {most}"


class Choices(tuple[str, ...]):
    """The texts there are."""

    def __str__(self) -> str:
        return f"among {', '.join(self)}"


Allowed = Range | Choices

FINITE = Range(-1e300, 1e300)
"""The numbers of a user's own recipe."""
_RATE_OF_TREES = Range(1e-9, 1.0)
_RANGES: dict[str, Allowed] = {
    # Below it, probabilities differ by less than a float32 tells.
    "C": Range(1e-6, 1e9),
    "batch_size": Range(1, 1_000_000),
    "colsample_bytree": Range(0.001, 1.0),
    # Beyond it, whole images shrink to a point.
    "distortion": Range(0.0, 5.0),
    "effort": Choices(EFFORTS),
    "epochs": Range(1, 10_000),
    "features": Choices(KINDS),
    "gamma": Range(0.0, 1e9),
    "label_smoothing": Range(0.0, 0.99),
    "learning_rate": Range(1e-9, 1e9),
    "max_bin": Range(2, 65_536),
    # 0 is XGBoost's word for no limit.
    "max_depth": Range(0, 1000),
    "max_iter": Range(1, 1_000_000),
    "members": Range(1, 100),
    "min_child_weight": Range(0.0, 1e9),
    "patience": Range(0, 100_000),
    "rounds": Range(1, 100_000),
    "shifts": Range(0, len(DIRECTIONS)),
    "subsample": Range(0.001, 1.0),
    "units": Range(1, 100_000),
    "weight_decay": Range(0.0, 10.0),
    "xgboost.learning_rate": _RATE_OF_TREES,
    "xgboost_2018.learning_rate": _RATE_OF_TREES,
}
"""By the parameter's name, or by ``recipe.parameter`` where a recipe differs from the others."""


def allowed(recipe: str, parameter: str, default: Any) -> Allowed | None:
    """What a parameter may be besides its default; ``None`` where a user's own recipe does not say."""
    if ":" not in recipe or (parameter in FIT_PARAMETERS and type(default) is int):
        return _RANGES.get(f"{recipe}.{parameter}") or _RANGES[parameter]
    return FINITE if type(default) is float else None
