"""Tables on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pipeline.cli.columns import Column, print_columns
from pipeline.cli.terminal import hanging
from pipeline.contracts import Standing, Verdict, Version
from pipeline.judging import standings
from pipeline.judging.words import not_passed
from pipeline.reports import formats

if TYPE_CHECKING:
    from pipeline.orchestration.session import Row
    from pipeline.simulator import Summary

COLUMNS = (
    Column("images", is_number=True),
    Column("model"),
    Column("accuracy (95 %)", is_number=True),
    Column("seconds", is_number=True, place="spare"),
    Column("verdict"),
    Column("production", place="spare"),
    Column("version", place="below"),
)
STYLES = {"pass": "bold blue", "passed_before": "", "unproven": "", "fail": "yellow", "error": "bold red"}
MARKS = {
    "pass": "✔ pass",
    "passed_before": "– passed before",
    "unproven": "– not promoted",
    "fail": "✘ fail",
    "error": "! error",
}


def print_summary(console: Console, summary: "Summary") -> None:
    """Print the table that ends a run, what is in production now, and what to look at."""
    serving = summary.champion.id if summary.champion else None
    title = f"{summary.dataset}: what was trained and what became of it"
    print_columns(console, COLUMNS, [_cells(row, serving) for row in summary.rows], title)
    for row in summary.rows:
        _print_reason(console, row)
    if summary.growth:
        console.print(f"\nWhat changed as {summary.dataset} grew:", style="bold", markup=False)
        for sentence in summary.growth:
            _print_indented(console, sentence)
    else:
        _print_advice(console, summary.rows, serving)
    _print_outcome(console, summary)


def percent(fraction: float | None) -> str:
    """Return a fraction as ``99.35 %``, with a plain space; a dash where it is unknown."""
    return formats.percent(fraction, space=" ")


def percent_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a fraction with its interval: ``99.35 % (99.17–99.50)``; a dash where it is unknown."""
    if low is None or high is None:
        return percent(value)
    return f"{percent(value)} ({100 * low:.2f}–{100 * high:.2f})"


def accuracy(version: Version) -> str:
    """Return the accuracy of a version with its interval."""
    value = version.scores.accuracy
    return percent_with_interval(value.value, value.low, value.high)


def verdict_text(standing: Standing, damage: str | None, override: str | None) -> Text:
    """Return how a version stands with its mark and colour, and the override where there is one."""
    text = Text("! damaged", style=STYLES["error"]) if damage else Text(MARKS[standing], style=STYLES[standing])
    return text.append(" (overridden)", style="bold magenta") if override else text


def _cells(row: "Row", serving: str | None) -> tuple[str | Text, ...]:
    size, recipe = f"{row.cell.train_size:,}", row.cell.recipe
    seconds = f"{row.fit_seconds:,.1f}" + (" (kept)" if row.reused else "")
    if row.version is None:
        return size, recipe, percent(row.accuracy), seconds, f"repeat {row.cell.repeat + 1}", "", ""
    version = row.version
    verdict = verdict_text(standings.of_version(version), version.damage, version.override)
    champion = Text("● champion", style="bold blue") if version.id == serving else Text("")
    return size, recipe, accuracy(version), seconds, verdict, champion, version.id


def _print_reason(console: Console, row: "Row") -> None:
    if row.version is None:
        return
    verdict = row.version.verdict
    if verdict.outcome == "pass":
        _print_proof(console, row, verdict)
        return
    console.print(f"{row.version.id} was not promoted:", style="dim", markup=False)
    lacking = [f"✘ {not_passed(check)}: {check.sentence}" for check in verdict.checks if check.outcome != "pass"]
    for line in lacking or ["No check was made."]:
        _print_indented(console, line, style="dim")


def _print_proof(console: Console, row: "Row", verdict: Verdict) -> None:
    """Print what a version that was judged in this run was proven to be."""
    from pipeline.judging import explain

    check = explain.proof(verdict)
    if check is None or row.reused:
        return
    console.print(f"{verdict.candidate_id} was promoted:", style="dim", markup=False)
    _print_indented(console, f"✔ {check.title}: {check.sentence}", style="dim")


def _print_indented(console: Console, line: str, style: str = "") -> None:
    console.print(hanging(f"  {line}", style))


def _print_advice(console: Console, rows: "Sequence[Row]", serving: str | None) -> None:
    """Print what helps the best of the refused challengers for which there is advice, if only the proof is lacking."""
    from pipeline.judging import advice

    verdicts = [(row.accuracy or 0.0, row.version.verdict) for row in rows if row.version]
    advised = [
        (accuracy, verdict, said) for accuracy, verdict in verdicts if (said := advice.of_verdict(verdict, serving))
    ]
    if advised:
        _, best, said = max(advised, key=lambda one: (one[1].lack is not None, one[0]))
        console.print(f"\n{best.candidate_id}: {said}", markup=False)


def _print_outcome(console: Console, summary: "Summary") -> None:
    if summary.submission:
        made = summary.submission
        known = f", {percent(made.accuracy)} right" if made.accuracy is not None else ""
        console.print(f"\nThe {made.predictor} predicted {made.source}{known}: {made.place}", markup=False)
        if made.stand_in:
            console.print("No test set was available; --test-images FILE predicts yours.", style="dim")
    else:
        console.print(f"\n{_without_champion(summary)}", markup=False, soft_wrap=True)
    if summary.sent:
        console.print(
            f"\nSubmitted: {summary.sent.place}, predicted by {summary.sent.version_id}.", markup=False, soft_wrap=True
        )
    console.print("\nResults:")
    for title, path in summary.figures.items():
        console.print(f"  {title:<16} {path}", markup=False, soft_wrap=True)


def _without_champion(summary: "Summary") -> str:
    lacking = f"No version of '{summary.dataset}' has passed the gate yet, so it has no champion"
    if summary.without_champion is None or summary.sent is not None:
        return f"{lacking}."
    return (
        f"{lacking} and no predictions were written; to write those of a version that was refused, run "
        f"`{summary.without_champion}`."
    )
