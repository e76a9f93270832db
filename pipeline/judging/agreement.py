"""Whether two models disagree on more images than their errors explain."""

from dataclasses import dataclass

from pipeline.judging.intervals import clopper_pearson

ALPHA = 0.001
"""How often, at most, a model that is as good as the other one is taken for worse."""


@dataclass(frozen=True)
class Agreement:
    """Two models on the same images, of which one was judged before.

    Attributes:
        disagreements, images: On how many of how many images their labels differ.
        least: What the true share of disagreements is at least.
        most: What it can be at most if neither errs more often than the judged one was found to.
    """

    disagreements: int
    images: int
    least: float
    most: float

    @property
    def plausible(self) -> bool:
        """Whether the disagreements can be explained by the errors of two models that are equally good."""
        return self.least <= self.most


def agreement(disagreements: int, images: int, errors: int, judged: int) -> Agreement:
    """Hold the disagreements of two models against the errors of one of them.

    Where two models differ, at least one is wrong. If neither errs on more than a share ``e`` of the images, they
    differ on at most ``2 e``. ``e`` is bounded from above and the disagreements from below, each by Clopper and
    Pearson's exact bound at half of ``ALPHA``, so models of equal accuracy fail with a probability of at most
    ``ALPHA``, however their errors are correlated, as long as the images are like those of the judgement.

    Args:
        disagreements: Images on which they differ,
        images: of so many.
        errors: Images that the judged model got wrong,
        judged: of so many.
    """
    confidence = 1 - ALPHA  # two-sided: each of its bounds fails with half of ALPHA
    least = float(clopper_pearson(disagreements, images, confidence).low)
    most = 2 * float(clopper_pearson(errors, judged, confidence).high)
    return Agreement(disagreements, images, least, min(1.0, most))
