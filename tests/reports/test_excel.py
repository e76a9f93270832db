"""The workbook, loaded again as a reader's spreadsheet would."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import openpyxl
import pandas as pd
import pytest

from pipeline.contracts import Check
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.reports import dataset_growth, excel, style, tables


@pytest.fixture(scope="module")
def versions(make_version):
    return [
        make_version("cnn", seed=1, train_size=100),
        make_version("cnn", seed=2, train_size=1_000, champion="first", in_production=True),
        make_version("mlp", seed=3, train_size=100, outcome="fail", champion="first", override="=HYPERLINK(1)"),
        make_version("xgboost", seed=4, outcome="error", damage="scores.json is missing."),
    ]


@pytest.fixture(scope="module")
def parts(versions):
    results = tables.results_table(versions)
    submissions = pd.DataFrame(
        [{"version": versions[1].id, "expected_score": 0.99, "public_score": None, "leak": False}]
    )
    return versions, results, tables.learning_curve_table(results), submissions


@pytest.fixture(scope="module")
def book(parts):
    return openpyxl.load_workbook(BytesIO(excel.workbook(*parts)))


def test_it_has_a_sheet_for_each_kind_of_figure(book):
    expected = ["Summary", "Learning curve", "Charts", "Verdicts", "Per class", "Confusion"]
    assert book.sheetnames == [*expected, "Calibration", "Robustness", "Submissions", "All figures", "Figures of 2018"]


def test_robustness_says_on_how_many_images_each_accuracy_was_measured(book, make_version):
    header, first, *_ = book["Robustness"].iter_rows(values_only=True)
    row = dict(zip(header, first, strict=True))
    images = make_version().scores.images
    assert (row["images"], row["clean images"]) == (min(images, 500), images)


def test_sheets_without_content_are_left_out(make_version):
    results = tables.results_table([make_version(robustness=False, dataset="clothes")])
    content = excel.workbook([make_version(robustness=False)], results, tables.learning_curve_table(results))
    names = openpyxl.load_workbook(BytesIO(content)).sheetnames
    expected = ["Summary", "Learning curve", "Charts", "Verdicts", "Per class", "Confusion"]
    assert names == [*expected, "Calibration", "All figures"]


def test_calibration_and_training_history_are_the_versions_own(make_version, write_version, make_history, tmp_path):
    version = make_version()
    version = write_version(replace(version, folder=tmp_path / version.id))
    results = tables.results_table([version])
    book = openpyxl.load_workbook(BytesIO(excel.workbook([version], results, tables.learning_curve_table(results))))
    bins = [row[2:] for row in book["Calibration"].iter_rows(min_row=2, values_only=True)]
    names = ("low", "high", "images", "confidence", "accuracy")
    assert bins == [pytest.approx(tuple(getattr(row, name) for name in names)) for row in version.scores.calibration]
    steps = [row[2] for row in book["Training history"].iter_rows(min_row=2, values_only=True)]
    assert steps == [row["step"] for row in make_history(seed=version.manifest.seed)]


def test_the_summary_has_the_figures_of_the_results(book, parts):
    rows = list(book["Summary"].iter_rows(values_only=True))
    assert len(rows[0]) == 13
    first = dict(zip(rows[0], rows[1], strict=True))
    assert first["version"] == parts[0][0].id
    assert first["accuracy"] == pytest.approx(parts[1]["accuracy"].iloc[0])
    assert first["gain pp"] is None
    assert [row[2] for row in rows[1:4]] == [None, "yes", "override: =HYPERLINK(1)"]
    assert [cell.value for cell in book["All figures"][1]] == [
        name.replace("_", " ") for name in tables.RESULTS_COLUMNS if name != "standing"
    ]


def test_times_are_dates_and_no_digest_is_shown_where_people_read(book, parts):
    sheet = book["Summary"]
    at = [cell.value for cell in sheet[1]].index("judged at") + 1
    judged = datetime.fromisoformat(parts[0][0].verdict.judged_at)
    assert sheet.cell(2, at).value == judged.astimezone(UTC).replace(tzinfo=None)
    assert sheet.cell(2, at).number_format == "yyyy-mm-dd hh:mm"
    curve = book["Learning curve"]
    place = [cell.value for cell in curve[1]].index("benchmark sha256") + 1
    assert curve.column_dimensions[openpyxl.utils.get_column_letter(place)].hidden


def test_sheets_print_as_wide_as_one_page_with_their_heads(book):
    for sheet in (sheet for sheet in book if sheet.title != "Charts"):
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
            *("landscape", 1, 0),
        )
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.title == "Confusion" or sheet.print_title_rows == "$1:$1"


def test_both_charts_print_on_one_page(book):
    setup = book["Charts"].page_setup
    assert (setup.orientation, setup.fitToWidth, setup.fitToHeight) == ("portrait", 1, 1)
    assert book["Charts"].sheet_properties.pageSetUpPr.fitToPage


def test_text_keeps_away_from_the_number_beside_it(book):
    head, row = book["Summary"][1], book["Summary"][2]
    indents = {
        cell.value: (cell.alignment.indent, below.alignment.indent) for cell, below in zip(head, row, strict=True)
    }
    assert indents["judged at"] == indents["recipe"] == (1, 1)
    assert indents["accuracy"] == (0, 0)


def test_a_row_is_as_high_as_its_longest_sentence(make_version):
    long = Check("accuracy_floor", "accuracy", "pass", 0.9, 0.9, "This is what was found on all images of it. " * 8)
    version = make_version()
    version = replace(version, verdict=replace(version.verdict, checks=(long, replace(long, sentence="Short."))))
    results = tables.results_table([version])
    content = excel.workbook([version], results, tables.learning_curve_table(results))
    sheet = openpyxl.load_workbook(BytesIO(content))["Verdicts"]
    assert sheet.row_dimensions[2].height >= 6 * 15
    assert sheet.row_dimensions[3].height is None


def test_a_damaged_version_is_named_below_the_summary_and_outside_its_filter(book, parts):
    sheet = book["Summary"]
    assert sheet.cell(sheet.max_row, 1).value == f"{parts[0][3].id} is left out: scores.json is missing."
    assert sheet.auto_filter.ref.endswith("4")


def test_heads_are_frozen_and_tables_can_be_filtered(book):
    for sheet in (sheet for sheet in book if sheet.title != "Charts"):
        assert sheet.freeze_panes == ("B1" if sheet.title == "Confusion" else "B2")
        assert sheet.title == "Confusion" or sheet.auto_filter.ref.startswith("A1:")


def test_numbers_look_like_what_they_are(book):
    sheet = book["All figures"]
    formats = {
        sheet.cell(1, column).value: sheet.cell(3, column).number_format for column in range(1, sheet.max_column + 1)
    }
    assert formats["accuracy"] == "0.00%" and formats["train size"] == "#,##0"
    assert formats["gain pp"].startswith("+0.00") and formats["p value"] == "0.0E+00"


def test_a_submission_stands_beside_what_was_expected_of_it(book, parts):
    sheet = book["Submissions"]
    assert [cell.value for cell in sheet[2]] == [parts[0][1].id, 0.99, None, False]
    assert sheet["B2"].number_format == "0.00000"


def test_pass_and_fail_have_a_colour_and_a_mark(book):
    looks = {cell.value: cell.fill.fgColor.rgb for cell in book["Summary"]["B"][1:4]}
    expected = {name: "FF" + style.OUTCOMES[name].tint[1:].upper() for name in ("pass", "unproven")}
    assert looks == {"✓ passed": expected["pass"], "– not promoted": expected["unproven"]}


def test_the_confusion_sheet_holds_each_matrix_with_its_mistakes_shaded(book, parts):
    sheet = book["Confusion"]
    confusion = parts[0][0].scores.confusion
    read = [[sheet.cell(3 + row, 2 + column).value for column in range(10)] for row in range(10)]
    assert read == [list(row) for row in confusion]
    for row in range(10):
        for column in range(10):
            shaded = sheet.cell(3 + row, 2 + column).fill.fill_type == "solid"
            assert shaded == (confusion[row][column] > 0 or row == column)


def test_verdicts_have_a_row_per_check_with_its_sentence(book, parts):
    rows = list(book["Verdicts"].iter_rows(min_row=2, values_only=True))
    checks = [check for version in parts[0][:3] for check in version.verdict.checks]
    assert [row[-1] for row in rows] == [check.sentence for check in checks]
    assert [row[7] for row in rows] == [check.value for check in checks]


def charted(book, series):
    """The values of the cells that a series points at."""
    sheet, _, cells = series.yVal.numRef.f.rpartition("!")
    return [cell.value for (cell,) in book[sheet.strip("'")][f"{cells}:{cells}" if ":" not in cells else cells]]


def test_a_point_without_errors_is_charted_as_half_an_error(parts):
    versions, results, *_ = parts
    curve = tables.learning_curve_table(results.assign(accuracy=1.0, benchmark_images=500))
    book = openpyxl.load_workbook(BytesIO(excel.workbook(versions, results, curve)))
    error, seconds = book["Charts"]._charts
    assert charted(book, error.series[0]) == [0.001, 0.001]
    titles = ["".join(run.t for run in chart.x_axis.title.tx.rich.p[0].r) for chart in (error, seconds)]
    assert "0 errors: drawn as half an error" in titles[0] and titles[1] == "training images"


def test_the_charts_are_native_logarithmic_and_point_at_the_right_cells(book, parts):
    curve = parts[2]
    assert len(book["Charts"]._charts) == 2
    error = book["Charts"]._charts[0]
    assert (error.x_axis.scaling.logBase, error.y_axis.scaling.logBase) == (10, 10)
    read = {series.tx.v: charted(book, series) for series in error.series[:2]}
    expected = {recipe: list(rows["error"]) for recipe, rows in curve.groupby("recipe")}
    assert read == {recipe: pytest.approx(errors) for recipe, errors in expected.items()}
    assert [series.tx.v for series in error.series[2:]] == ["mlp of the 2018 pipeline", "xgboost of the 2018 pipeline"]


def test_other_settings_of_a_recipe_are_a_series_with_an_unfilled_marker(parts):
    versions, results, _, submissions = parts
    efforts = ['{"effort": "max"}', '{"effort": "quick"}']
    both = pd.concat([results.iloc[[0]].assign(parameters=effort) for effort in efforts], ignore_index=True)
    content = excel.workbook(versions, results, tables.learning_curve_table(both), submissions)
    series = openpyxl.load_workbook(BytesIO(content))["Charts"]._charts[0].series[:2]
    fills = [one.marker.graphicalProperties.solidFill.srgbClr for one in series]
    assert [one.tx.v.split()[1] for one in series] == ["effort=max", "effort=quick"]
    assert fills[0] != fills[1] == "FFFFFF"


def test_what_others_wrote_is_never_a_formula(book):
    formulas = [cell.coordinate for sheet in book for row in sheet for cell in row if cell.data_type == "f"]
    assert formulas == []


def test_control_characters_in_names_do_not_stop_it(make_version):
    version = make_version(classes=("a\x00b", "=c"), override="line\x0bbreak")
    results = tables.results_table([version])
    content = excel.workbook([version], results, tables.learning_curve_table(results))
    assert openpyxl.load_workbook(BytesIO(content))["Per class"]["C2"].value == "ab"


def test_equal_figures_make_equal_files(parts):
    assert excel.workbook(*parts) == excel.workbook(*parts)


def test_an_empty_home_makes_a_workbook_too():
    results = tables.results_table([])
    content = excel.workbook([], results, tables.learning_curve_table(results))
    assert openpyxl.load_workbook(BytesIO(content))["Summary"].max_row == 1


def test_production_is_a_sheet_of_every_promotion():
    facts = {"digest": "d", "previous_id": "zero", "action": "override", "reason": "asked", "promoted_at": "2026-11-21"}
    record = DeploymentRecord(dataset="mnist", id="first", **facts)
    results = tables.results_table([])
    content = excel.workbook([], results, tables.learning_curve_table(results), production=[record])
    head, row = openpyxl.load_workbook(BytesIO(content))["Production"].values
    assert head == ("promoted at", "dataset", "action", "id", "previous id", "reason")
    assert row == (datetime(2026, 11, 21), "mnist", "override", "first", "zero", "asked")


def test_the_growth_of_a_dataset_is_a_sheet_with_a_chart():
    rows = [
        ("letters", "letters@1", "2026-11-20T13:00:00Z", 300, None, ""),
        ("letters", "letters@2", "2026-11-21T13:00:00Z", 500, 100, "v"),
    ]
    growth = pd.DataFrame(rows, columns=list(dataset_growth.COLUMNS))
    results = tables.results_table([])
    content = excel.workbook([], results, tables.learning_curve_table(results), growth=growth)
    sheet = openpyxl.load_workbook(BytesIO(content))["Dataset growth"]
    assert [cell.value for cell in sheet["D"]] == ["images", 300, 500]
    assert [cell.value for cell in sheet["E"]] == ["benchmark images", None, 100]
    (chart,) = sheet._charts
    assert [series.val.numRef.f for series in chart.series] == ["'Dataset growth'!$D$2:$D$3"]
