"""The rules of the gate, declared in one place: strict, frozen, and identified by their digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import SettingsError

Preset = Literal["guarded", "each-test", "as-good"]
Mode = Literal["better", "non-inferior", "as-good"]


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
    """What a challenger must show before it is promoted; ``"off"`` switches a rule off where that is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    preset: Preset = "guarded"
    """The preset that these rules started from."""
    mode: Mode = "better"
    """``better``: proven better than the champion. ``non-inferior``: proven less than ``margin_pp`` worse than the
    best champion there ever was. ``as-good``: accuracy at least the champion's, which proves nothing."""
    alpha: _Level = 0.05
    """Probability of promoting at least one challenger that is no better, over the whole horizon."""
    horizon: Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, _OFF] = 200
    """Over how many judgements ``alpha`` is shared; off: each judgement may err with probability ``alpha``."""
    margin_pp: _Points = None
    """Points of accuracy that a non-inferior challenger may be worse."""
    accuracy_floor: _Floor = 0.90
    """The lower 95 % bound of accuracy must be at least this."""
    recall_floor: _Floor = 0.80
    """The lower 95 % bound of each class's recall must be at least this."""
    class_alpha: _OptionalLevel = 0.05
    """Level of the veto against a class that got worse, Holm's correction over the classes."""
    calibration_limit: _Floor = 0.20
    """Expected calibration error must be at most this."""
    robustness_margin_pp: _Points = 5.0
    """Points by which mean accuracy on corrupted images may be below the champion's."""
    latency_ratio: _Ratio = None
    """Median milliseconds of one prediction, at most this many times the champion's."""
    size_ratio: _Ratio = None
    """Bytes of the model, at most this many times the champion's."""
    screen_alpha: _OptionalLevel = 0.05
    """Level of the free screen: clearly worse than the champion on validation images is not judged at all."""

    @model_validator(mode="after")
    def _margin_fits_mode(self) -> Self:
        if (self.mode == "non-inferior") != (self.margin_pp is not None):
            raise ValueError("margin_pp: mode 'non-inferior' needs a margin in points, and no other mode takes one")
        if self.margin_pp == 0:
            raise ValueError("margin_pp: must be above 0; to allow no loss at all use mode 'better'")
        return self

    @property
    def level(self) -> float:
        """The p-value that one judgement needs."""
        return self.alpha / self.horizon if self.horizon else self.alpha

    @property
    def promises(self) -> bool:
        """Whether ``alpha`` bounds the whole series of judgements."""
        return self.horizon is not None and self.mode != "as-good"

    @property
    def name(self) -> str:
        """The preset, and whether its rules were changed."""
        return self.preset if self == PRESETS[self.preset] else f"{self.preset} (changed)"

    @property
    def digest(self) -> str:
        """Sha256 over every rule and number."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    def in_words(self) -> list[str]:
        """The rules as sentences for a person."""
        return [_comparison(self), *_rules(self)]


PRESETS: Mapping[str, GatePolicy] = {
    "guarded": GatePolicy(),
    "each-test": GatePolicy(preset="each-test", horizon=None),
    "as-good": GatePolicy(
        preset="as-good",
        mode="as-good",
        horizon=None,
        accuracy_floor=None,
        recall_floor=None,
        class_alpha=None,
        calibration_limit=None,
        robustness_margin_pp=None,
        screen_alpha=None,
    ),
}


def from_table(table: Mapping[str, Any] | None = None, preset: str | None = None) -> GatePolicy:
    """The policy of a ``[gate]`` table and a preset named on the command line, which leads.

    Raises:
        SettingsError: The table is empty, or holds an unknown key or an impossible value.
    """
    if table is not None and not table:
        raise SettingsError("[gate] is empty: remove it to use the preset 'guarded', or write preset = \"guarded\".")
    wanted = preset if preset is not None else (table or {}).get("preset", "guarded")
    if not isinstance(wanted, str) or wanted not in PRESETS:
        raise SettingsError(f"There is no gate preset {wanted!r}: choose from {', '.join(PRESETS)}.")
    try:
        return GatePolicy(**{**PRESETS[wanted].model_dump(), **(table or {}), "preset": wanted})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"[gate] has an unknown key '{key}': the keys are {', '.join(GatePolicy.model_fields)}."
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return f"[gate] {message}."
    return f"[gate] {key} = {first['input']!r} is impossible: {message[:1].lower()}{message[1:]}."


def _comparison(policy: GatePolicy) -> str:
    if policy.mode == "as-good":
        return "Accuracy at least the champion's on the same images; chance alone gets through (the rule of 2018)."
    claim = "Proven better than the champion"
    if policy.mode == "non-inferior":
        claim = f"Proven less than {policy.margin_pp:g} points worse than the best champion ever on this benchmark"
    needs = f"{claim}: exact one-sided paired test, p at most {policy.level:.3g}"
    if policy.horizon is None:
        return f"{needs} each time; over many judgements nothing is promised."
    return f"{needs} ({policy.alpha:g} shared by {policy.horizon} judgements)."


def _rules(policy: GatePolicy) -> list[str]:
    rules = (
        (policy.screen_alpha, "Not clearly worse than the champion on validation images (p {:g}); this costs nothing."),
        (policy.accuracy_floor, "Lower 95 % bound of accuracy at least {:.4g}."),
        (policy.recall_floor, "Lower 95 % bound of the recall of every class at least {:.4g}."),
        (policy.class_alpha, "No class proven worse than with the champion (Holm, {:g})."),
        (policy.calibration_limit, "Expected calibration error at most {:g}."),
        (policy.robustness_margin_pp, "Mean accuracy on corrupted images at most {:g} points below the champion's."),
        (policy.latency_ratio, "Median milliseconds of one prediction at most {:g} times the champion's."),
        (policy.size_ratio, "Model size at most {:g} times the champion's."),
    )
    always = (
        "Always: the exported model equals the native one, no training image is among the benchmark images, "
        "both are scored on the same images now, and the champion is never compared with itself."
    )
    return [*(text.format(value) for value, text in rules if value is not None), always]
