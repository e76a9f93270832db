"""The workbook ``metric_results.xlsx``: the same figures as everywhere, for those who like spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.contracts import Version
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.judging import robustness, standings
from pipeline.reports import excel_charts, style
from pipeline.reports.excel_sheets import (
    THOUSANDS,
    add_head,
    add_note,
    add_table,
    add_text,
    colour_of,
    fill_of,
    hide_column,
    saved,
    set_up_print,
)
from pipeline.reports.learning_curves import SAME_DIGITS
from pipeline.reports.tables import curve_2018, damaged, half_an_error

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl import Workbook

_CLASS_COLUMNS = ("class", "images", "precision", "recall", "recall_low", "recall_high", "f1")
_VERDICT_COLUMNS = (
    *("version", "judged_at", "verdict", "policy", "champion"),
    *("check", "check_outcome", "value", "limit", "sentence"),
)
_BIN_COLUMNS = ("confidence_from", "confidence_to", "images", "mean_confidence", "accuracy")
_CALIBRATION_COLUMNS = ("version", "outcome", *_BIN_COLUMNS)
_STEP_COLUMNS = ("step", "loss", "accuracy", "validation_loss", "validation_accuracy")
_HISTORY_COLUMNS = ("version", "outcome", *_STEP_COLUMNS)
_ROBUSTNESS_COLUMNS = ("version", "outcome", "corruption", "accuracy", "images", "clean_accuracy", "clean_images")
_PRODUCTION_COLUMNS = ("promoted_at", "dataset", "action", "id", "previous_id", "reason")
_SUMMARY_COLUMNS = (
    *("version", "outcome", "in_production", "dataset", "recipe", "train_size"),
    *("accuracy", "accuracy_low", "accuracy_high", "errors", "gain_pp", "fit_seconds", "judged_at"),
)


def workbook(
    versions: Sequence[Version],
    results: "pd.DataFrame",
    curve: "pd.DataFrame",
    submissions: "pd.DataFrame | None" = None,
    production: Iterable[DeploymentRecord] = (),
    *,
    growth: "pd.DataFrame | None" = None,
    evaluated: "pd.DataFrame | None" = None,
) -> bytes:
    """Return the workbook's bytes; the same input gives the same bytes.

    First those that people read: Summary, Learning curve and its native Charts. Behind them Verdicts, Per class and
    Confusion; Calibration, Training history, Robustness, Submissions, Production, Dataset growth (with a native
    chart) and Test sets where there are any; All figures, with every column of ``results.csv``; and Figures of 2018
    where the digits are the same.

    Args:
        versions: The judged versions; damaged ones are named below the summary.
        results: ``tables.results_table``.
        curve: ``tables.learning_curve_table``.
        submissions: ``submission_comparison.table``.
        production: The records of ``production/history.jsonl``.
        growth: ``dataset_growth.table``.
        evaluated: ``test_sets.table``.
    """
    import pandas as pd
    from openpyxl import Workbook

    whole = sorted((version for version in versions if version.damage is None), key=lambda version: version.id)
    book = Workbook()
    book.remove(book.active)
    shown = results.assign(outcome=results["standing"]).drop(columns="standing")
    _add_summary(book, versions, shown)
    # What tells benchmarks apart is a digest, for the chart and not for people.
    curve = curve.assign(error_drawn=curve["error"].clip(lower=half_an_error(curve)))
    curve = curve[[*curve.columns.drop("benchmark_sha256"), "benchmark_sha256"]]
    curve_sheet = add_table(book, "Learning curve", tuple(curve.columns), curve.itertuples(index=False))
    hide_column(curve_sheet, len(curve.columns))
    add_table(book, "Verdicts", _VERDICT_COLUMNS, _verdicts(whole))
    add_table(book, "Per class", ("version", "outcome", *_CLASS_COLUMNS), _per_class(whole))
    _add_confusion(book, whole)
    _add_what_there_is(book, whole, pd.DataFrame() if submissions is None else submissions, production)
    if growth is not None and len(growth):
        sheet = add_table(book, "Dataset growth", tuple(growth.columns), _with_gaps(growth))
        excel_charts.add_growth(sheet, growth)
    if evaluated is not None and len(evaluated):
        add_table(book, "Test sets", tuple(evaluated.columns), _with_gaps(evaluated))
    add_table(book, "All figures", tuple(shown.columns), shown.itertuples(index=False))
    _add_charts(book, curve_sheet, curve)
    return saved(book)


def _add_what_there_is(
    book: "Workbook", whole: Sequence[Version], sent: "pd.DataFrame", production: Iterable[DeploymentRecord]
) -> None:
    """Add the sheets that a home may have no rows for."""
    served = ([getattr(record, name) for name in _PRODUCTION_COLUMNS] for record in production)
    optional: tuple[tuple[str, Sequence[str], Iterable[Sequence[Any]]], ...] = (
        ("Calibration", _CALIBRATION_COLUMNS, _calibration(whole)),
        ("Training history", _HISTORY_COLUMNS, _history(whole)),
        ("Robustness", _ROBUSTNESS_COLUMNS, _robustness(whole)),
        ("Submissions", tuple(sent.columns), sent.itertuples(index=False)),
        ("Production", _PRODUCTION_COLUMNS, served),
    )
    for title, columns, rows in optional:
        if found := list(rows):
            add_table(book, title, columns, found)


def _with_gaps(table: "pd.DataFrame") -> Iterable[Sequence[Any]]:
    """The rows of a table, with an empty cell where it has no value."""
    yield from table.astype(object).where(table.notna(), None).itertuples(index=False)


def _add_summary(book: Any, versions: Sequence[Version], results: "pd.DataFrame") -> None:
    served = {version.id: _in_production(version) for version in versions}
    table = results.assign(in_production=[served.get(name, "") for name in results["version"]])
    rows = table[list(_SUMMARY_COLUMNS)].itertuples(index=False)
    sheet = add_table(book, "Summary", _SUMMARY_COLUMNS, rows)
    for sentence in damaged(versions):
        add_note(sheet, sentence)


def _in_production(version: Version) -> str:
    override = f"override: {version.override}" if version.override else ""
    serves = "yes" if version.in_production else "formerly" if version.was_in_production else ""
    return ", ".join(filter(None, (serves, override)))


def _per_class(versions: Iterable[Version]) -> Iterable[Sequence[Any]]:
    for version in versions:
        for row in version.scores.per_class:
            figures = (row.images, row.precision, row.recall, row.recall_low, row.recall_high, row.f1)
            yield version.id, standings.of_version(version), row.name, *figures


def _verdicts(versions: Iterable[Version]) -> Iterable[Sequence[Any]]:
    for version in versions:
        for verdict in version.verdicts:
            standing = standings.of_verdict(verdict)
            given = (version.id, verdict.judged_at, standing, verdict.policy, verdict.champion_id)
            for check in verdict.checks:
                yield *given, check.title, standings.of_check(check), check.value, check.limit, check.sentence


def _calibration(versions: Iterable[Version]) -> Iterable[Sequence[Any]]:
    for version in versions:
        for row in version.scores.calibration:
            bounds = row.low, row.high, row.images, row.confidence, row.accuracy
            yield version.id, standings.of_version(version), *bounds


def _history(versions: Iterable[Version]) -> Iterable[Sequence[Any]]:
    for version in versions:
        path = version.folder / "history.csv"
        if not path.is_file():
            continue
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            figures = (float(row[name]) if row.get(name) else None for name in _STEP_COLUMNS)
            yield version.id, standings.of_version(version), *figures


def _robustness(versions: Iterable[Version]) -> Iterable[Sequence[Any]]:
    for version in versions:
        scores, standing = version.scores, standings.of_version(version)
        found = scores.robustness.by_corruption if scores.robustness else {}
        clean = robustness.images_of(scores.images), scores.accuracy.value, scores.images
        for corruption, accuracy in found.items():
            yield version.id, standing, corruption.replace("_", " "), accuracy, *clean


def _add_charts(book: Any, sheet: Any, curve: "pd.DataFrame") -> None:
    dated = curve_2018() if set(curve["dataset"]) & set(SAME_DIGITS) else None
    dated_sheet = None
    if dated is not None:
        dated = dated.assign(error=1 - dated["accuracy"])
        dated_sheet = add_table(book, "Figures of 2018", tuple(dated.columns), dated.itertuples(index=False))
    if len(curve):
        excel_charts.add(book, sheet, curve, dated_sheet, dated)


def _add_confusion(book: Any, versions: Sequence[Version]) -> None:
    """A matrix for each version, one below the other: truth in rows, prediction in columns, mistakes shaded."""
    sheet = book.create_sheet("Confusion")
    sheet.freeze_panes = "B1"
    set_up_print(sheet)
    sheet.column_dimensions["A"].width = 22
    row = 1
    for version in (version for version in versions if version.scores.confusion):
        look = style.OUTCOMES[standings.of_version(version)]
        title = f"{version.id} ({look.word}): truth in rows, prediction in columns"
        add_text(sheet, row, 1, title, bold=True, color=colour_of(look.colour))
        classes = version.manifest.dataset.classes
        add_head(sheet, ["", *classes], row + 1)
        _add_matrix(sheet, row + 2, classes, version.scores.confusion)
        row += len(classes) + 3


def _add_matrix(sheet: Any, first: int, classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> None:
    most = max((n for i, line in enumerate(confusion) for j, n in enumerate(line) if i != j), default=0)
    for place, (name, line) in enumerate(zip(classes, confusion, strict=True)):
        add_text(sheet, first + place, 1, name, bold=True)
        for column, images in enumerate(line):
            cell = sheet.cell(first + place, column + 2, images)
            cell.number_format = THOUSANDS
            if column == place:
                cell.fill = fill_of(style.OUTCOMES["pass"].tint)
            elif images:
                cell.fill = fill_of(style.mixed(style.PAPER, style.ORANGE, 0.12 + 0.5 * images / most))
