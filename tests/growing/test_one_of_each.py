"""Counts of one in sentences."""

from collections import Counter

import pytest

from pipeline.growing import screening
from pipeline.growing.exporting import Difference
from pipeline.growing.label_doubts import Doubts


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            Doubts(300, 1, 1).in_words(),
            [
                "300 labels were compared with out-of-fold predictions; 1 waits for review.",
                "1 of them is a benchmark image: it stays in the dataset and is reviewed blind.",
            ],
        ),
        (
            Difference(Counter(a=1), Counter(b=2), Counter({("a", "b"): 1}), ()).in_words("x@1", "x@2"),
            [
                "x@2 has 1 image that x@1 lacks (a 1).",
                "x@1 has 2 images that x@2 lacks (b 2).",
                "1 image of class a is now b.",
            ],
        ),
        (screening.uneven({"a": 1, "b": 9, "c": 9}), ["Class a has 1 image; the median class has 9."]),
    ],
)
def test_one_is_singular(said: list[str], wanted: list[str]) -> None:
    assert said == wanted
