"""A version, its scores and a comparison as lines for a terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.facts import Facts
from pipeline.cli.terminal import hanging
from pipeline.cli.terminal_tables import percent, percent_with_interval, verdict_text
from pipeline.contracts import Version
from pipeline.facts.manifest_facts import BlendFacts, Manifest
from pipeline.facts.score_facts import Scores
from pipeline.facts.submission import SubmissionRecord
from pipeline.judging import advice, explain, standings
from pipeline.judging.scalar_figures import FIGURES
from pipeline.judging.words import counted
from pipeline.reports import score_texts
from pipeline.reports.formats import count, decimal

if TYPE_CHECKING:
    from pipeline.inspection.comparison import VersionComparison

NOT_FULLY_VERIFIED = (
    "Not fully verified: it was made by an earlier version of this program, whose digest does not cover "
    "class names and image shape; these were checked against its scores and its model."
)

OUT_OF_FOLD = "Out of fold: each image is answered by the member that was not trained on it."


def lines(version: Version, submissions: Sequence[SubmissionRecord], champion: str | None) -> Iterator[RenderableType]:
    """Return what ``show`` prints of a version, where ``champion`` is the id of what serves its dataset."""
    yield (
        Text(version.id, style="bold")
        .append("  ")
        .append(verdict_text(standings.of_version(version), version.damage, version.override))
    )
    if version.damage:
        yield Text(f"Damaged: {version.damage} It is not loaded and cannot be promoted.", style="bold red")
        return
    if not version.fully_verified:
        yield Text(NOT_FULLY_VERIFIED, style="yellow")
    if version.in_production:
        yield Text(f"● champion of {version.verdict.dataset}", style="bold blue")
    if version.was_in_production:
        yield Text(f"○ former champion of {version.verdict.dataset}")
    if version.override:
        yield Text(
            f"Promoted by hand against the gate, whose promise does not cover it: {version.override}", "bold magenta"
        )
    yield Text()
    for number, verdict in enumerate(version.earlier, 1):
        where = "in the report" if number == 1 else "judged again"
        yield Text(f"Judged {verdict.judged_at}: {verdict.outcome} by the gate '{verdict.policy}' ({where})", "dim")
    if version.earlier:
        yield Text(f"Latest verdict, {version.verdict.judged_at}:")
    yield from (hanging(line) for line in explain.lines(version.verdict, advice.of_verdict(version.verdict, champion)))
    yield Text()
    yield from score_lines(version.scores)
    if version.manifest.rows.benchmark_in_folds:
        yield Text(OUT_OF_FOLD, style="dim")
    yield Text()
    yield _training(version.manifest)
    for record in submissions:
        yield Text(
            f"Submitted to {record.competition} on {record.submitted_at}: {record.status}, {_public_score(record)}"
            + ("" if record.metric == "accuracy" else f", {score_texts.inside(record.metric)}")
            + (", trained on test images" if record.leak else "")
            + (", predicted by its refit on all labels" if record.refit else "")
        )


def score_lines(scores: Scores) -> Iterator[RenderableType]:
    """Return the main figures of ``scores.json``, and the classes."""
    accuracy = scores.accuracy
    yield Text(
        f"Accuracy {percent(accuracy.value)} (95 %: {percent(accuracy.low)} to {percent(accuracy.high)}); "
        f"{count(scores.errors)} {'error' if scores.errors == 1 else 'errors'} in {counted(scores.images, 'image')}"
    )
    figures = [f"{one.title} {decimal(scores.figure(name))}" for name, one in FIGURES.items()]
    yield Text(f"Macro F1 {decimal(scores.f1.macro)}; {'; '.join(figures)}")
    confusions = [f"{pair.truth} taken for {pair.predicted} ({pair.images})" for pair in scores.top_confusions[:5]]
    if confusions:
        yield Text(f"Most often confused: {', '.join(confusions)}")
    table = Table("class", "images", "precision", "recall (95 %)", "F1")
    for row in scores.per_class:
        recall = percent_with_interval(row.recall, row.recall_low, row.recall_high)
        table.add_row(Text(row.name), f"{row.images:,}", percent(row.precision), recall, decimal(row.f1))
    yield table


def comparison_lines(result: "VersionComparison") -> Iterator[RenderableType]:
    """Return what ``compare`` prints."""
    yield Text(f"A  {result.first}  {percent(result.first_accuracy)}")
    yield Text(f"B  {result.second}  {percent(result.second_accuracy)}")
    yield Text(
        f"On the {counted(result.images, 'image')} that both were judged on, B fixed {counted(result.fixed, 'error')} "
        f"of A and made {counted(result.made, 'new one')}; {counted(result.both_wrong, 'error')} "
        f"{'is' if result.both_wrong == 1 else 'are'} common to both."
    )
    yield Text(
        f"Gain {result.gain_pp:+.2f} points (95 %: {result.gain_low_pp:+.2f} to {result.gain_high_pp:+.2f}); exact "
        f"one-sided paired test: B better p = {result.p_second_better:.2g}, A better p = {result.p_first_better:.2g}."
    )
    table = Table("class", "images", "fixed by B", "broken by B")
    for row in result.by_class:
        table.add_row(Text(row.name), f"{row.images:,}", str(row.fixed), str(row.made))
    yield table


def _public_score(record: SubmissionRecord) -> str:
    metric = record.metric
    score = "not known yet"
    if record.public_score is not None:
        score = score_texts.score(metric, record.public_score, digits=3)
    inside = "" if record.refit else f"; {score_texts.interval(metric, *record.interval)}"
    return f"public score {score} (expected {score_texts.score(metric, record.expected_score)}{inside})"


def _training(facts: Manifest) -> Facts:
    rows = facts.rows
    weights = f", {facts.weights:,} trained parameters" if facts.weights is not None else ""
    found = (
        ("recipe", f"{facts.recipe} ({facts.family}){weights}"),
        ("parameters", ", ".join(f"{name} = {value}" for name, value in facts.parameters_used.items()) or "none"),
        ("images", f"{rows.train_size:,}: {rows.train:,} fitted, {rows.validation:,} for validation"),
        *([("folds", f"{facts.folds} members, each without its own")] if facts.folds else []),
        *([("blend of", _members(facts.blend))] if facts.blend else []),
        *([("shifts at prediction", ", ".join(facts.test_shifts))] if facts.test_shifts else []),
        *([("tuned", f"by a search of {facts.tuned.trials} trials")] if facts.tuned else []),
        ("from", facts.dataset.source),
        ("seed", str(facts.seed)),
        ("fitted in", f"{facts.timings.fit_seconds:,.1f} s on {facts.machine.cores or 'an unknown number of'} cores"),
        ("digest", facts.digest),
        ("libraries", ", ".join(f"{name} {version}" for name, version in facts.libraries.items())),
    )
    return Facts(found)


def _members(facts: BlendFacts) -> str:
    return ", ".join(f"{one.weight:.4g} of {one.id}" for one in facts.members)
