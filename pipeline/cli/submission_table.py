"""Submissions on a terminal: what ``kaggle status`` shows of each."""

from collections.abc import Sequence

from rich.console import Console

from pipeline.cli.columns import Column, print_columns
from pipeline.facts.submission import SubmissionRecord
from pipeline.publishing.submitter import LEAK_WORDS, OUTSIDE_WORDS, REFIT_WORDS
from pipeline.reports import score_texts

COLUMNS = (
    Column("when", place="spare"),
    Column("reference", place="spare"),
    *map(Column, ("status", "metric", "expected", "95 %", "public", "difference")),
    Column("version", place="below"),
    Column("", place="note"),
)


def show(console: Console, records: Sequence[SubmissionRecord]) -> None:
    """Print a row for each submission, with a note on what makes it special."""
    print_columns(console, COLUMNS, [_row(record) for record in records])


def _row(record: SubmissionRecord) -> tuple[str, ...]:
    metric = record.metric
    return (
        record.submitted_at,
        str(record.reference or ""),
        record.status,
        metric,
        score_texts.score(metric, record.expected_score),
        score_texts.interval(metric, *record.interval),
        score_texts.score(metric, record.public_score, digits=3),
        score_texts.difference(metric, record.difference),
        record.version,
        _note(record),
    )


def _note(record: SubmissionRecord) -> str:
    special = {
        OUTSIDE_WORDS: record.as_expected is False,
        LEAK_WORDS: record.leak,
        REFIT_WORDS: bool(record.refit),
        record.reason: bool(record.reason),
    }
    return "; ".join(words for words, applies in special.items() if applies)
