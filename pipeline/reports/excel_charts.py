"""Native charts of the learning curve and of growth: they stay live in the spreadsheet, and follow its cells."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.reports import style
from pipeline.reports.excel_sheets import set_up_print
from pipeline.reports.learning_curves import HALF
from pipeline.reports.tables import GROWING, LINE, line_label

if TYPE_CHECKING:
    import pandas as pd

_SYMBOLS = {"o": "circle", "s": "square", "D": "diamond", "d": "diamond", "^": "triangle", "v": "triangle"}
_EMU_A_POINT = 12_700
_WIDTH_CM, _HEIGHT_CM, _ROWS_HIGH = 24.0, 13.0, 27


def add(
    book: Any, sheet: Any, curve: "pd.DataFrame", dated_sheet: Any | None = None, dated: "pd.DataFrame | None" = None
) -> None:
    """Add a sheet of two scatter charts, both axes logarithmic: error and seconds against training images.

    Below a table of some length, a printer would cut them in two: they have a sheet and a page of their own.

    Args:
        book: Gets the sheet, behind that of the curve.
        sheet: Holds the curve, head in row 1, in the order of ``curve``.
        curve: ``tables.learning_curve_table`` with ``error_drawn``: the error, or half an error in place of none.
        dated_sheet, dated: The figures of 2018 and the sheet that holds them, where they are to be shown.
    """
    looks = style.series_styles([*curve["recipe"], "mlp", "xgboost_2018"])
    charts = book.create_sheet("Charts", book.index(sheet) + 1)
    set_up_print(charts)
    charts.page_setup.orientation, charts.page_setup.fitToHeight = "portrait", 1
    for place, (title, measured, dated_measured, number_format) in enumerate(_CHARTS):
        chart = _chart(title, number_format)
        if measured == "error_drawn" and (curve["error_drawn"] > curve["error"]).any():
            chart.x_axis.title = f"training images ({HALF})"
            chart.x_axis.title.overlay = False
        seen: set[tuple[str, str]] = set()
        for label, recipe, rows in _labelled(curve):
            series = _series(sheet, curve, rows, ("train_size", measured), label)
            # Other settings of one recipe have its marker unfilled.
            alike = (rows["benchmark_sha256"].iloc[0], recipe)
            _dress(series, looks[recipe], filled=alike not in seen)
            seen.add(alike)
            chart.series.append(series)
        for recipe, rows in dated.groupby("recipe", sort=True) if dated is not None else ():
            label = f"{recipe.removesuffix('_2018')} of the 2018 pipeline"
            series = _series(dated_sheet, dated, rows, ("train_images", dated_measured), label)
            _dress(series, looks[recipe], dated=True)
            chart.series.append(series)
        charts.add_chart(chart, f"A{1 + place * _ROWS_HIGH}")


def add_growth(sheet: Any, growth: "pd.DataFrame") -> None:
    """Add a chart of the number of images of each dataset, snapshot by snapshot.

    Args:
        sheet: Holds the table, head in row 1, in the order of ``growth``.
        growth: ``dataset_growth.table``.
    """
    from openpyxl.chart import LineChart, Reference, Series
    from openpyxl.utils import get_column_letter

    chart = LineChart()
    chart.title, chart.width, chart.height = "Images in the dataset", _WIDTH_CM, _HEIGHT_CM
    chart.x_axis.title, chart.y_axis.title, chart.y_axis.number_format = "snapshot", "images", "#,##0"
    place = growth.columns.get_loc("images") + 1
    for dataset, rows in growth.groupby("dataset", sort=True):
        first = growth.index.get_loc(rows.index[0]) + 2
        values = Reference(sheet, min_col=place, min_row=first, max_row=first + len(rows) - 1)
        chart.series.append(Series(values, title=dataset))
    for axis in (chart.x_axis, chart.y_axis):
        axis.delete = False
    for part in (chart.title, chart.x_axis.title, chart.y_axis.title, chart.legend):
        part.overlay = False
    sheet.add_chart(chart, f"{get_column_letter(len(growth.columns) + 2)}2")


_CHARTS = (
    ("Error against training images", "error_drawn", "error", "0.0%"),
    ("Seconds to fit against training images", "fit_seconds", "seconds", "General"),
)


def _labelled(curve: "pd.DataFrame") -> Iterator[tuple[str, str, "pd.DataFrame"]]:
    several = len(curve[["dataset", "benchmark_sha256"]].drop_duplicates()) > 1
    for (dataset, benchmark, recipe, settings), rows in curve.groupby(list(LINE), sort=True):
        label = line_label(recipe, settings)
        judged_on = GROWING if benchmark == GROWING else f"{rows['benchmark_images'].max():,}"
        yield f"{label}, {dataset} ({judged_on})" if several else label, recipe, rows


def _chart(title: str, number_format: str) -> Any:
    from openpyxl.chart import ScatterChart

    chart = ScatterChart()
    chart.title, chart.style, chart.scatterStyle = title, 2, "lineMarker"
    chart.width, chart.height = _WIDTH_CM, _HEIGHT_CM
    chart.x_axis.title, chart.y_axis.title = "training images", title.split(" against", maxsplit=1)[0].lower()
    for axis, text in ((chart.x_axis, "#,##0"), (chart.y_axis, number_format)):
        axis.scaling.logBase = 10
        axis.number_format, axis.numFmt.sourceLinked = text, False
        axis.delete = False
        # At the edge also where values are below one: a logarithmic axis would cross in the middle.
        axis.crosses, axis.tickLblPos = "min", "low"
    # Spreadsheets lay titles over the plot by default.
    for part in (chart.title, chart.x_axis.title, chart.y_axis.title, chart.legend):
        part.overlay = False
    return chart


def _series(sheet: Any, table: "pd.DataFrame", rows: "pd.DataFrame", columns: tuple[str, str], label: str) -> Any:
    from openpyxl.chart import Reference, Series

    first = table.index.get_loc(rows.index[0]) + 2
    across, up = (
        Reference(sheet, min_col=table.columns.get_loc(name) + 1, min_row=first, max_row=first + len(rows) - 1)
        for name in columns
    )
    return Series(up, across, title=label)


def _dress(series: Any, look: style.SeriesStyle, *, dated: bool = False, filled: bool = True) -> None:
    colour = look.colour.removeprefix("#")
    line = series.graphicalProperties.line
    line.solidFill, line.dashStyle = colour, "sysDash" if dated else "solid"
    line.width = round((0.9 if dated else 2.0) * _EMU_A_POINT)
    series.marker.symbol = "none" if dated else _SYMBOLS.get(look.marker, "auto")
    series.marker.size = 7
    series.marker.graphicalProperties.solidFill = colour if filled else "FFFFFF"
    series.marker.graphicalProperties.line.solidFill = colour
    series.smooth = False
