"""The rules of the gate, declared in one place: strict, frozen, and identified by their digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import SettingsError

Preset = Literal["guarded", "growing", "cross-fit", "each-test", "as-good"]
Mode = Literal["better", "growing", "non-inferior", "cross-fit", "as-good"]
Budget = Literal["lifetime", "each"]

GONE = {
    "horizon": (
        "alpha now covers the whole life of a dataset, however many judgements there are, so there is no horizon: "
        "remove the line"
    ),
}
"""Keys of earlier policies, and what to do about them."""
CHANGED = " (changed)"
"""Ends the name of a policy whose rules differ from those of its preset."""
MODES_WITH_MARGIN = ("growing", "non-inferior")
NOT_OUT_OF_FOLD = ("robustness_margin_pp", "near_copy_alpha", "screen_alpha")
"""Rules that the mode ``cross-fit`` cannot have: all images are trained on, and only the members answer out of fold."""


def _off(value: Any) -> Any:
    # TOML has no null.
    return None if value == "off" else value


_OFF = BeforeValidator(_off)
_Level = Annotated[float, Field(gt=0, le=0.5)]
_Floor = Annotated[Annotated[float, Field(ge=0, lt=1)] | None, _OFF]
_OptionalLevel = Annotated[Annotated[float, Field(gt=0, le=0.5)] | None, _OFF]
_Points = Annotated[Annotated[float, Field(ge=0, lt=100)] | None, _OFF]
_Ratio = Annotated[Annotated[float, Field(gt=0, le=1000)] | None, _OFF]


class GatePolicy(BaseModel):
    """What a challenger must show before it is promoted; ``"off"`` switches a rule off where that is allowed.

    Every field from ``accuracy_floor`` on is the limit of one check (``pipeline.judging.rules``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    preset: Preset = Field("guarded", description="The preset that these rules started from.")
    mode: Mode = Field(
        "better",
        description="``better``: proven better than the champion. ``non-inferior``: proven less than ``margin_pp`` "
        "worse than every champion so far. ``growing``: ``non-inferior`` and at least as good as the champion for the "
        "champion's recipe trained on more images, ``better`` for all others. ``cross-fit``: better out of fold, on "
        "all images, those of the benchmark among them, which are trained on. ``as-good``: accuracy at least the "
        "champion's, which proves nothing.",
    )
    alpha: _Level = Field(
        0.05,
        description="Probability of one wrong promotion or more: over the life of the dataset, or in each judgement.",
    )
    budget: Budget = Field(
        "lifetime",
        description="``lifetime``: the judgements of a dataset share ``alpha``. ``each``: every judgement may err with "
        "``alpha``.",
    )
    margin_pp: _Points = Field(
        None,
        description="Points of accuracy by which a challenger may be worse, in the modes ``growing`` and "
        "``non-inferior``.",
    )
    disclose: Literal["full", "verdict"] = Field(
        "full",
        description="What is shown of a refused challenger: ``full``, every figure; ``verdict``, that it was refused. "
        "It changes no judgement, so it is no part of the digest.",
    )
    accuracy_floor: _Floor = 0.90
    recall_floor: _Floor = 0.80
    class_alpha: _OptionalLevel = 0.05
    calibration_limit: _Floor = 0.20
    calibration_margin: _Floor = 0.05
    robustness_margin_pp: _Points = 5.0
    latency_ratio: _Ratio = None
    size_ratio: _Ratio = None
    near_copy_alpha: _OptionalLevel = 0.001
    screen_alpha: _OptionalLevel = 0.05

    @model_validator(mode="after")
    def _margin_fits_mode(self) -> Self:
        if (self.mode in MODES_WITH_MARGIN) != (self.margin_pp is not None):
            raise ValueError(
                f"margin_pp: the modes {' and '.join(MODES_WITH_MARGIN)} need a margin in points, no other takes one"
            )
        if self.margin_pp == 0:
            raise ValueError("margin_pp: must be above 0; to allow no loss at all use mode 'better'")
        return self

    @model_validator(mode="after")
    def _rules_fit_folds(self) -> Self:
        idle = next((name for name in NOT_OUT_OF_FOLD if self.out_of_fold and getattr(self, name) is not None), None)
        if idle is not None:
            raise ValueError(
                f"{idle}: the mode 'cross-fit' trains on all images, so that nothing is left to check this on: write "
                f'{idle} = "off", or leave it out'
            )
        return self

    @property
    def promises(self) -> bool:
        """Whether ``alpha`` bounds the whole series of judgements."""
        return self.budget == "lifetime" and self.mode != "as-good"

    @property
    def out_of_fold(self) -> bool:
        """Whether models are compared by answers out of fold, the benchmark's images being in the folds."""
        return self.mode == "cross-fit"

    @property
    def caution(self) -> int:
        """What a judgement costs, as a multiple of the p-value it needs: more than 1 where its test is approximate."""
        return 2 if self.out_of_fold else 1

    @property
    def margin(self) -> float:
        """``margin_pp`` as a fraction; 0 in a mode without one."""
        return (self.margin_pp or 0.0) / 100

    @property
    def name(self) -> str:
        """The preset, and whether its rules were changed."""
        return self.preset if self == PRESETS[self.preset] else f"{self.preset}{CHANGED}"

    @property
    def digest(self) -> str:
        """Sha256 over every rule and number."""
        rules = self.model_dump(exclude={"disclose"})
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


LIMITS = tuple(GatePolicy.model_fields)[tuple(GatePolicy.model_fields).index("accuracy_floor") :]
"""The fields that are the limit of one check each."""

_OFF_ALTOGETHER: dict[str, Any] = dict.fromkeys(LIMITS)
_OFF_IN_FOLDS: dict[str, Any] = dict.fromkeys(NOT_OUT_OF_FOLD)

PRESETS: Mapping[str, GatePolicy] = {
    "guarded": GatePolicy(),
    "growing": GatePolicy(preset="growing", mode="growing", margin_pp=0.5),
    "cross-fit": GatePolicy(preset="cross-fit", mode="cross-fit", **_OFF_IN_FOLDS),
    "each-test": GatePolicy(preset="each-test", budget="each"),
    "as-good": GatePolicy(preset="as-good", mode="as-good", budget="each", **_OFF_ALTOGETHER),
}

DEFAULT: Preset = "guarded"
PROMISES_LESS: Mapping[Preset, str] = {
    "each-test": "which promises nothing over many judgements",
    "as-good": "which promises nothing",
}
"""Presets whose ``alpha`` does not bound the whole series, and what they promise."""


def from_table(table: Mapping[str, Any] | None = None, preset: str | None = None) -> GatePolicy:
    """Return the policy of a ``[gate]`` table and a preset named on the command line, which leads.

    Raises:
        SettingsError: The table is empty, or holds an unknown key or an impossible value.
    """
    if table is not None and not table:
        raise SettingsError("[gate] is empty: remove it to use the preset 'guarded', or write preset = \"guarded\".")
    wanted = preset if preset is not None else (table or {}).get("preset", DEFAULT)
    if not isinstance(wanted, str) or wanted not in PRESETS:
        raise SettingsError(f"There is no gate preset {wanted!r}: choose from {', '.join(PRESETS)}.")
    try:
        return GatePolicy(**{**PRESETS[wanted].model_dump(), **(table or {}), "preset": wanted})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if key in GONE:
        return f"[gate] {key}: {GONE[key]}."
    if first["type"] == "extra_forbidden":
        return f"[gate] has an unknown key '{key}': the keys are {', '.join(GatePolicy.model_fields)}."
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return f"[gate] {message}."
    return f"[gate] {key} = {first['input']!r} is impossible: {message[:1].lower()}{message[1:]}."
