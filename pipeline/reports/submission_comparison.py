"""What submissions show of the expected score: how far it was from the public one."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.facts.submission import SubmissionRecord
from pipeline.reports import score_texts

if TYPE_CHECKING:
    import pandas as pd


def table(records: Iterable[SubmissionRecord]) -> "pd.DataFrame":
    """Return ``submissions.csv`` with two more columns: ``public_minus_expected`` and ``within_interval``."""
    import pandas as pd

    return pd.DataFrame(
        [
            {**asdict(one), "public_minus_expected": one.difference, "within_interval": one.as_expected}
            for one in records
        ]
    )


def in_words(records: Iterable[SubmissionRecord]) -> str:
    """Return one sentence on how expected and public scores compare; empty where no score is known.

    Leaks are not counted, and neither are refits, whose own score nothing predicts. The metric is that of the last
    scored submission; scores by another are not counted.
    """
    scored = [one for one in records if one.public_score is not None and not one.leak and not one.refit]
    if not scored:
        return ""
    metric = scored[-1].metric
    same = [record for record in scored if record.metric == metric]
    inside = sum(bool(record.as_expected) for record in same)
    mean = sum(record.difference or 0.0 for record in same) / len(same)
    unit = " points" if score_texts.is_percent(metric) else ""
    which = "the one scored submission" if len(same) == 1 else f"{len(same)} scored submissions"
    return (
        f"Public less expected score of {which}: {score_texts.difference(metric, mean)}{unit} on average; "
        f"{inside} of {len(same)} within the 95 % interval."
    )
