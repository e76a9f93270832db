"""What came of a blend: its members with their weights, and what they answer for the validation images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.contracts import Labels, Probabilities, Version
from pipeline.judging.competition_metrics import METRICS, CompetitionMetric
from pipeline.reports import score_texts


@dataclass(frozen=True, eq=False)
class Member:
    """One member of a blend.

    Attributes:
        version: Which version.
        content: Its ``model.onnx``.
        answers: Its probabilities for all validation images ``[N, K]``; out of fold where it is cross-fitted.
        weight: What it counts, from 0 to 1.
    """

    version: Version
    content: bytes
    answers: Probabilities
    weight: float


@dataclass(frozen=True, eq=False)
class Blended:
    """What came of a blend.

    Attributes:
        version: The blend, judged.
        members: Those that were given, including any without weight.
        labels: The truth of the validation images, ``[N]``.
        metric: What the weights were learned for.
        new: Whether it was made now; otherwise it existed.
    """

    version: Version
    members: Sequence[Member]
    labels: Labels
    metric: CompetitionMetric
    new: bool

    @property
    def lines(self) -> list[str]:
        """Weight and validation results of each member, and those of the blend."""
        return [
            *(f"{one.weight:.4f}  {self._figures(one.answers)}  {one.version.id}" for one in self.members),
            f"blend   {self._figures(mixed(self.members))}  {self.version.id}"
            f"{'' if self.new else ' (it existed already; nothing was judged again)'}",
            f"Compared on {len(self.labels):,} validation images, the ones on which the weights were learned, for the "
            f"best {score_texts.inside(self.metric.name)}.",
        ]

    def _figures(self, answers: Probabilities) -> str:
        names = dict.fromkeys([self.metric.name, "accuracy", "log-loss"])
        values = {name: METRICS[name].measure(answers, self.labels, None) for name in names}
        return ", ".join(f"{score_texts.inside(name)} {score_texts.score(name, values[name])}" for name in names)


def mixed(members: Sequence[Member]) -> Probabilities:
    """Return the weighted mean of what members answer for the validation images, ``[N, K]``."""
    mean: Probabilities = np.sum([member.weight * member.answers for member in members], axis=0).astype(np.float32)
    return mean
