"""What submissions show of the expected score: how far it was from the public one."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.facts.submission import SubmissionRecord
from pipeline.reports import score_texts
from pipeline.reports.formats import NARROW_SPACE, when

if TYPE_CHECKING:
    import pandas as pd


def table(records: Iterable[SubmissionRecord]) -> "pd.DataFrame":
    """Return ``submissions.csv`` with two more columns: ``public_minus_expected`` and ``within_interval``.

    The interval of a refit is empty, since it is the champion's.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                **asdict(one),
                "expected_low": one.interval[0],
                "expected_high": one.interval[1],
                "public_minus_expected": one.difference,
                "within_interval": one.as_expected,
            }
            for one in records
        ]
    )


def in_words(records: Iterable[SubmissionRecord]) -> str:
    """Return in words how expected and public scores compare, and what is left out; empty where nothing is scored.

    Leaks are not counted, and neither are refits, whose own score nothing predicts. The metric is that of the last
    scored submission; scores by another are not counted. A file that was sent again counts once.
    """
    scored = [one for one in records if one.public_score is not None]
    if not scored:
        return ""
    metric = next((one.metric for one in reversed(scored) if not one.leak and not one.refit), scored[-1].metric)
    reasons = [_left_out(one, metric) for one in scored]
    counting = [one for one, reason in zip(scored, reasons, strict=True) if reason is None]
    same = list({(one.competition, one.file_sha256): one for one in counting}.values())
    omitted = Counter(reason for reason in reasons if reason is not None)
    not_counted = f"Not counted: {', '.join(f'{number} {what}' for what, number in omitted.items())}."
    if not same:
        return f"No public score to compare with an expected one. {not_counted}"
    inside = sum(bool(record.as_expected) for record in same)
    mean = sum(record.difference or 0.0 for record in same) / len(same)
    unit = " points" if score_texts.is_percent(metric) else ""
    which = "the one scored submission" if len(same) == 1 else f"{len(same)} scored submissions"
    return (
        f"Public less expected score of {which}: {score_texts.difference(metric, mean)}{unit} on average; "
        f"{inside} of {len(same)} within the 95 % interval." + (f" {not_counted}" if omitted else "")
    )


def by_competition(records: Sequence[SubmissionRecord]) -> list[str]:
    """Return one sentence a competition on how expected and public scores compare."""
    named = dict.fromkeys(record.competition for record in records)
    found = {name: in_words(one for one in records if one.competition == name) for name in named}
    return [f"{name}: {sentence}" for name, sentence in found.items() if sentence]


def page_row(record: SubmissionRecord) -> dict[str, Any]:
    """Return what the overview shows of a submission."""
    metric = record.metric
    return {
        "when": when(record.submitted_at),
        "version": record.version,
        "competition": record.competition,
        "status": record.status,
        "metric": score_texts.title(metric),
        "expected": score_texts.score(metric, record.expected_score, space=NARROW_SPACE),
        "interval": score_texts.interval(metric, *record.interval, space=NARROW_SPACE),
        "actual": score_texts.score(metric, record.public_score, 3, space=NARROW_SPACE),
        "difference": score_texts.difference(metric, record.difference),
        "surprise": record.as_expected is False,
        "leak": record.leak,
        "refit": bool(record.refit),
        "reason": record.reason,
    }


def _left_out(record: SubmissionRecord, metric: str) -> str | None:
    if record.leak:
        return "trained on test images"
    if record.refit:
        return "predicted by a refit"
    return None if record.metric == metric else f"scored by {score_texts.inside(record.metric)}"
