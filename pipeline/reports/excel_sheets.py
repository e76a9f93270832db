"""The parts that every sheet of the workbook is made of: heads, tables, formats, and a file that repeats exactly."""

import math
import re
import textwrap
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType
from typing import Any

from pipeline.judging.scalar_figures import FIGURES
from pipeline.reports import style
from pipeline.reports.formats import moment

THOUSANDS = "#,##0"
_PERCENT, _POINTS, _FINE, _SECONDS = "0.00%", "+0.00;-0.00;0.00", "0.0000", "#,##0.0"
FORMATS = {
    **dict.fromkeys(("train_size", "fitted_images", "validation_images", "benchmark_images", "images"), THOUSANDS),
    "clean_images": THOUSANDS,
    **dict.fromkeys(("train_images", "test_images", "errors", "model_bytes", "rows", "runs"), THOUSANDS),
    **dict.fromkeys(
        ("accuracy", "accuracy_low", "accuracy_high", "accuracy_min", "accuracy_max", "accuracy_std", "clean_accuracy"),
        _PERCENT,
    ),
    **dict.fromkeys(("error", "error_drawn"), _PERCENT),
    **dict.fromkeys(("precision_macro", "recall_macro", "f1_macro", "f1_weighted"), _PERCENT),
    **dict.fromkeys(("precision", "recall", "recall_low", "recall_high", "f1"), _PERCENT),
    **dict.fromkeys(("validation_accuracy", "confidence_from", "confidence_to", "mean_confidence"), _PERCENT),
    **dict.fromkeys(("loss", "validation_loss"), _FINE),
    **{name: _PERCENT if one.form == "percent" else _FINE for name, one in FIGURES.items()},
    **dict.fromkeys(("fit_seconds", "fit_seconds_min", "fit_seconds_max", "seconds"), _SECONDS),
    # Checks range from accuracies to tiny p-values, which must not read as nought.
    **dict.fromkeys(("value", "limit"), "[=0]0;[<0.001]0.0E+00;0.0000"),
    **dict.fromkeys(("expected_low", "expected_score", "expected_high", "public_score"), "0.00000"),
    "public_minus_expected": "+0.00000;-0.00000;0.00000",
    "gain_pp": _POINTS,
    "p_value": "0.0E+00",
    "latency_ms": "0.000",
}
"""Number format by column; a column that is not named stays general."""
MOMENTS = frozenset({"created_at", "judged_at", "promoted_at", "submitted_at"})
"""Columns with a time in UTC."""
WRAPPED = frozenset({"sentence", "reason", "parameters", "automatic"})
"""Columns with sentences."""
_NUMBER: Mapping[str, Any] = MappingProxyType({"horizontal": "right"})
_TEXT: Mapping[str, Any] = MappingProxyType({"horizontal": "left", "indent": 1})
"""Text keeps away from the number that ends where it starts."""
_NARROWEST, _WIDEST, _LINE_POINTS = 9, 60, 15
FONT = {"name": "Calibri", "size": 11}
_TIMELESS = (1980, 1, 1, 0, 0, 0)


def add_table(book: Any, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """Add a sheet with a frozen head, a filter, number formats, coloured outcomes, fitted columns and print setup."""
    sheet = book.create_sheet(title)
    add_head(sheet, [name.replace("_", " ") for name in columns], 1)
    widths = [len(name) + 4 for name in columns]
    for number, values in enumerate(rows, start=2):
        for place, (name, value) in enumerate(zip(columns, values, strict=True)):
            cell = _add_value(sheet, number, place + 1, (moment(value) or value) if name in MOMENTS else value)
            _format(cell, name)
            shown = len(str(cell.value)) + 3 if isinstance(value, str) else _NARROWEST
            widths[place] = max(widths[place], shown)
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[_letter(place)].width = min(width, _WIDEST)
    _fit_rows(sheet, [place for place, name in enumerate(columns, start=1) if name in WRAPPED])
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{_letter(len(columns))}{max(1, sheet.max_row)}"
    set_up_print(sheet)
    return sheet


def set_up_print(sheet: Any) -> None:
    """Print a sheet on landscape pages, as wide as one page, its head and its name on each."""
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    if sheet.auto_filter.ref:
        sheet.print_title_rows = "1:1"
    sheet.oddHeader.left.text, sheet.oddFooter.right.text = "&A", "&P / &N"
    sheet.page_margins.left = sheet.page_margins.right = 0.4


def hide_column(sheet: Any, number: int) -> None:
    """Hide a column, the first being 1."""
    sheet.column_dimensions[_letter(number)].hidden = True


def _fit_rows(sheet: Any, wrapped: Sequence[int]) -> None:
    """Make each row as high as its longest wrapped text: not every spreadsheet does so on opening."""
    for row in range(2, sheet.max_row + 1) if wrapped else ():
        lines = max(_lines(sheet.cell(row, place).value) for place in wrapped)
        if lines > 1:
            sheet.row_dimensions[row].height = lines * _LINE_POINTS + 2


def _lines(text: Any) -> int:
    # Proportional letters are narrower than the digit that a column's width counts, but lines break at words.
    return len(textwrap.wrap(str(text), _WIDEST - 4)) if text else 1


def add_head(sheet: Any, names: Sequence[str], row: int) -> None:
    """Add a row of column names, bold on a shade."""
    from openpyxl.styles import Alignment, Border, Side

    sheet.row_dimensions[row].height = 1.3 * _LINE_POINTS
    for place, name in enumerate(names, start=1):
        cell = add_text(sheet, row, place, name, bold=True, color=colour_of(style.INK))
        cell.fill = fill_of(style.RULE)
        is_number = name.replace(" ", "_") in FORMATS
        cell.alignment = Alignment(vertical="center", **(_NUMBER if is_number else _TEXT))
        cell.border = Border(bottom=Side(style="thin", color=colour_of(style.MUTED)))


def add_text(sheet: Any, row: int, column: int, text: str, **font: Any) -> Any:
    """Add a cell of text in some font, never taken for a formula."""
    from openpyxl.styles import Font

    cell = _add_value(sheet, row, column, text)
    cell.font = Font(**FONT, **font)
    return cell


def add_note(sheet: Any, sentence: str) -> None:
    """Add a sentence below a sheet's table, outside its filter."""
    gap = 2 if sheet.auto_filter.ref.endswith(str(sheet.max_row)) else 1
    add_text(sheet, sheet.max_row + gap, 1, sentence, italic=True, color=colour_of(style.OUTCOMES["fail"].colour))


def colour_of(colour: str) -> str:
    """Return a colour of ``style`` as openpyxl wants it: opaque ARGB."""
    return "FF" + colour.removeprefix("#").upper()


def fill_of(colour: str) -> Any:
    """Return a plain background."""
    from openpyxl.styles import PatternFill

    return PatternFill("solid", fgColor=colour_of(colour))


def saved(book: Any) -> bytes:
    """Return the workbook's bytes without the time of writing, so that equal figures make equal files."""
    raw, content = BytesIO(), BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"1980-01-01T00:00:00Z", part)
            target.writestr(zipfile.ZipInfo(name, _TIMELESS), part, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _add_value(sheet: Any, row: int, column: int, value: Any) -> Any:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    missing = value is None or (isinstance(value, float) and not math.isfinite(value))
    if not isinstance(value, str):
        return sheet.cell(row, column, None if missing else value)
    cell = sheet.cell(row, column, ILLEGAL_CHARACTERS_RE.sub("", value))
    # A name that starts with '=' stays text: what others wrote is never run in a reader's spreadsheet.
    cell.data_type = "s"
    return cell


def _format(cell: Any, column: str) -> None:
    from openpyxl.styles import Alignment, Font

    cell.number_format = FORMATS.get(column, "General")
    if column in {"outcome", "verdict", "check_outcome"} and cell.value in style.OUTCOMES:
        look = style.OUTCOMES[cell.value]
        cell.font, cell.fill = Font(**FONT, bold=True, color=colour_of(look.colour)), fill_of(look.tint)
        cell.value = f"{look.mark} {look.of_check if column == 'check_outcome' else look.word}"
    elif column in MOMENTS:
        cell.number_format = "yyyy-mm-dd hh:mm"
    side = _TEXT if column in MOMENTS or isinstance(cell.value, str) else {}
    cell.alignment = Alignment(**side, wrap_text=column in WRAPPED, vertical="top")


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column))
