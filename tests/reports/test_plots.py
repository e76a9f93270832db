"""Every plot, drawn in ordinary and in extreme cases and looked at as pixels."""

import itertools
import warnings
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from quick_cases import quick

from pipeline.facts.score_facts import CalibrationBin
from pipeline.reports import dataset_growth, exploration_plots, figures, learning_curves, plots, style, tables

PHONE_PIXELS, READABLE_PIXELS = 390 - 2 * 16, 9
"""The width of a picture on a phone that is 390 pixels wide, less the margins of the page; and of the smallest text."""
RECIPES = ("cnn", "cnn_ensemble", "xgboost", "mlp", "xgboost_2018", "logistic", "dummy", "mypackage.mymodule:build")


def pixels(png):
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def has_colour(png, colour):
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return bool((np.abs(pixels(png).astype(int) - wanted).max(axis=2) <= 2).any())


def has_clear_border(png):
    """Whether nothing reaches the picture's edge, so that nothing was cut off there."""
    picture = pixels(png)
    edges = (picture[:4], picture[-4:], picture[:, :4], picture[:, -4:])
    return all((edge == 255).all() for edge in edges)


def curve(
    recipes=RECIPES[:3], sizes=(42, 420, 4_200, 33_600), runs=3, dataset="mnist", errors=None, efforts=("standard",)
):
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset": dataset,
            "benchmark_sha256": "b",
            "benchmark_images": 1_000,
            "recipe": recipe,
            "parameters": tables.parameters_text({"effort": effort}),
            "train_size": size,
            "seed": seed,
            "accuracy": 1 - (min(0.9, (2 + place) * size**-0.5 * rng.uniform(0.8, 1.2)) if errors is None else errors),
            "fit_seconds": 0.01 * size * rng.uniform(0.8, 1.2),
        }
        for place, recipe in enumerate(recipes)
        for size in sizes
        for seed in range(runs)
        for effort in efforts
    ]
    return tables.learning_curve_table(pd.DataFrame(rows))


CURVES = {
    "three recipes, four sizes": curve(),
    "eight recipes": curve(RECIPES),
    "one run of one recipe at one size": curve(("cnn",), (1_797,), 1, "digits"),
    "two efforts": curve(efforts=("quick", "standard")),
    "five efforts of long names": curve(
        (RECIPES[-1],), efforts=tuple(f"{number} of a long name" for number in range(5))
    ),
    "just below a power of ten": curve(("cnn",), (400,), 1).assign(accuracy=0.9, accuracy_min=0.9, accuracy_max=0.9),
    "no mistakes at all": curve(("cnn",), errors=0.0),
    "two datasets": pd.concat([curve(), curve(dataset="digits", sizes=(100, 1_000))], ignore_index=True),
    "nothing judged yet": tables.learning_curve_table(tables.results_table([])),
}


@pytest.mark.parametrize("draw", [learning_curves.learning_curve, learning_curves.learning_curve_seconds])
@pytest.mark.parametrize("case", quick(CURVES, "two efforts", "nothing judged yet"))
def test_a_learning_curve_is_drawn_whole_and_without_complaint(case, draw):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = draw(CURVES[case])
    assert has_clear_border(png)


def growing(sizes=(400, 800, 1_600, 4_000), days=(1, 2, 5, 9)):
    """The curve of a dataset that grew, and its growth."""
    points = curve(("cnn", "xgboost"), sizes, runs=1, dataset="letters").assign(benchmark_sha256=tables.GROWING)
    rows = [
        (
            "letters",
            f"letters@{number}",
            f"2026-11-{day:02d}T12:00:00Z",
            size * 5 // 4,
            size // 4,
            f"v{number}" * (number % 2),
        )
        for number, (size, day) in enumerate(zip(sizes, days, strict=True), start=1)
    ]
    return points, pd.DataFrame(rows, columns=list(dataset_growth.COLUMNS))


GROWN = {
    "four snapshots": growing(),
    "one snapshot": growing((400,), (1,)),
    "all on one day": growing(days=(3, 3, 3, 3)),
    "nothing judged or promoted": (growing()[0], growing()[1].assign(benchmark_images=np.nan, champion="")),
}


@pytest.mark.parametrize("case", quick(GROWN, "four snapshots"))
def test_the_growth_of_a_dataset_is_drawn_below_its_curve(case):
    points, growth = GROWN[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = learning_curves.learning_curve(points, growth)
    assert has_clear_border(png)
    assert pixels(png).shape[0] > 1.3 * pixels(learning_curves.learning_curve(points)).shape[0]


def test_a_growing_dataset_has_one_panel_and_any_other_one_for_each_benchmark():
    points, growth = GROWN["four snapshots"]
    split = points.assign(benchmark_sha256=[f"b{size}" for size in points["train_size"]])
    one = pixels(learning_curves.learning_curve(points, growth))
    several = pixels(learning_curves.learning_curve(split))
    assert several.shape[0] > 2 * one.shape[0]


def test_every_line_of_a_panel_has_a_label_and_a_look_of_its_own():
    points = CURVES["five efforts of long names"]
    lines = learning_curves._lines(points.assign(nothing=False), "digits", learning_curves._SECONDS)
    assert len({line.label for line in lines}) == len({line.dashes for line in lines}) == len(lines) == 5


def test_each_recipe_has_its_colour_in_the_learning_curve():
    png = learning_curves.learning_curve(curve(RECIPES[:5]))
    for recipe in RECIPES[:5]:
        assert has_colour(png, style.RECIPES[recipe].colour), recipe


@pytest.mark.parametrize(("dataset", "shown"), [("mnist", True), ("kaggle", True), ("digits", False)])
def test_the_figures_of_2018_stand_only_beside_the_same_digits(dataset, shown):
    png = learning_curves.learning_curve(curve(("cnn",), dataset=dataset))
    assert has_colour(png, style.RECIPES["mlp"].text_colour) == shown


@pytest.fixture
def figure_of(monkeypatch):
    """Draws a learning curve as matplotlib's figure."""
    monkeypatch.setattr(learning_curves, "_curves", learning_curves._curves.__wrapped__)
    return learning_curves.learning_curve


def test_the_images_that_2018_was_judged_on_are_said_to_be_others(figure_of):
    axes = figure_of(curve(("cnn",), dataset="mnist")).axes[0]
    (subtitle,) = [text.get_text() for text in axes.texts if "judged on" in text.get_text()]
    assert subtitle.endswith("; dashed: 2018, on 8,400 others")


def markers(axes, *, face):
    return [line for line in axes.lines if len(line.get_xdata()) and line.get_markerfacecolor() == face]


def test_a_point_without_errors_is_open_and_says_so(figure_of):
    points = curve(("cnn",), (359, 1_438), runs=1, dataset="digits").assign(accuracy=[0.99, 1.0])
    axes = figure_of(points).axes[0]
    assert [text.get_text() for text in axes.texts].count("0 errors") == 1
    assert "0 errors: drawn as half an error" in axes.get_xlabel()
    (opened,) = markers(axes, face=style.PAPER)
    assert (list(opened.get_xdata()), list(opened.get_ydata())) == ([1_438], [0.0005])
    axes = figure_of(points.assign(accuracy=0.99)).axes[0]
    assert "0 errors" not in axes.get_xlabel() and not markers(axes, face=style.PAPER)


def test_no_marker_points_along_the_line_to_its_label():
    looks = style.series_styles([*RECIPES, *(f"own_{number}" for number in range(20))])
    assert not {"<", ">", 4, 5, 8, 9} & {look.marker for look in looks.values()}


@pytest.mark.parametrize("judged", [1, 4])
def test_the_benchmark_images_of_a_growing_dataset_are_drawn_where_their_label_points(figure_of, judged):
    points, growth = growing()
    growth.loc[: 3 - judged, "benchmark_images"] = np.nan
    axes = figure_of(points, growth).axes[1]
    label = next(text for text in axes.texts if text.get_text() == "benchmark images")
    dots = next(line for line in axes.lines if line.get_color() == style.MUTED)
    assert label.arrow_patch is not None and label.xy[1] == dots.get_ydata()[-1] == 1_000
    assert dots.get_marker() == "o" and len(dots.get_xdata()) == judged


MOMENTS = {
    "seconds": (("2026-11-22T14:14:05Z", "2026-11-22T14:14:45Z"), "14:14:10", "22 Nov 2026"),
    "one snapshot": (("2026-11-22T14:14:05Z",), "14:10", "22 Nov 2026"),
    "days": (("2026-11-01T12:00:00Z", "2026-11-12T12:00:00Z"), "05 Nov", "2026"),
}


@pytest.mark.parametrize("case", MOMENTS)
def test_moments_of_growth_are_written_in_full(figure_of, case):
    times, shown, shared = MOMENTS[case]
    points, growth = growing((400, 800)[: len(times)], (1, 2)[: len(times)])
    figure = figure_of(points, growth.assign(created_at=times))
    axis = figure.axes[1].xaxis
    figure.savefig(BytesIO())
    written = [label.get_text() for label in axis.get_ticklabels()]
    assert shown in written and len(set(written)) == len(written) >= 3
    assert axis.get_offset_text().get_text() == shared


def test_marks_of_growth_are_said_to_be_snapshots(figure_of):
    texts = [text.get_text() for text in figure_of(*growing()).axes[1].texts]
    assert "◆ a version trained on this snapshot was promoted" in texts


def test_nothing_crosses_the_label_of_a_point_without_errors(figure_of):
    points = curve(("cnn", "mlp"), (200, 718, 1_438), runs=1, dataset="digits")
    runs = {key: [0.9, 0.98, 1.0, 0.9, 0.95, 0.99] for key in ("accuracy", "accuracy_min", "accuracy_max")}
    figure = figure_of(points.assign(**runs))
    figure.savefig(BytesIO())
    axes = figure.axes[0]
    label = next(text for text in axes.texts if text.get_text() == "0 errors").get_window_extent()
    drawn = [line.get_path().transformed(line.get_transform()) for line in axes.lines]
    assert not any(path.intersects_bbox(label, filled=False) for path in drawn if len(path.vertices))
    assert label.y0 >= axes.get_window_extent().y0


def test_two_datasets_have_a_panel_each():
    one = pixels(learning_curves.learning_curve(CURVES["three recipes, four sizes"]))
    two = pixels(learning_curves.learning_curve(CURVES["two datasets"]))
    assert two.shape[0] > 1.8 * one.shape[0]


AXES = {
    "several decades": (0.0004, 0.7),
    "one decade": (0.01, 0.1),
    "less than an octave": (0.025, 0.048),
    "next to nothing": (6.1, 6.9),
    "many decades": (1e-9, 1.0),
}


@pytest.mark.parametrize("text", [figures.percent, figures.seconds])
@pytest.mark.parametrize("case", AXES)
def test_a_logarithmic_axis_has_three_different_labels_in_plain_numbers(case, text):
    axes = figures.figure(6, 4).subplots()
    axes.set(yscale="log", ylim=AXES[case])
    figures.log_axis(axes.yaxis, text)
    low, high = AXES[case]
    shown = [text for value, text in _labels(axes.yaxis) if low <= value <= high and text]
    assert len(shown) == len(set(shown)) >= 3
    assert not any("$" in text for text in shown)


def _labels(axis):
    for major in (True, False):
        locations = axis.get_majorticklocs() if major else axis.get_minorticklocs()
        formatter = axis.get_major_formatter() if major else axis.get_minor_formatter()
        yield from zip(locations, formatter.format_ticks(locations), strict=True)


def test_labels_take_the_first_place_that_covers_no_other():
    one, two = [(0.0, 0.0)], [(0.5, 0.0), (2.0, 0.0)]
    assert figures.free_places([one, two, one], [(1.0, 1.0)] * 3) == [(0.0, 0.0), (2.0, 0.0), None]


def test_names_on_the_map_stand_at_their_groups_or_in_a_legend():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    names = ["square", "row", "column", "nothing"]
    mixed = rng.normal(0, 10, (400, 2)).astype(np.float32)
    apart = mixed + 60 * np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])[labels]
    drawn = [exploration_plots.embedding.__wrapped__(points, labels, names) for points in (mixed, apart)]
    assert [figure.axes[0].get_legend() is not None for figure in drawn] == [True, False]
    assert [len(figure.axes[0].texts) for figure in drawn] == [0, 4]


VERSIONS = {
    "ten digits": {"images": 1_000},
    "two classes": {"classes": ("cat", "dog"), "images": 40, "accuracy": 0.8},
    "sixty classes": {"classes": tuple(f"kind of clothing {number}" for number in range(60)), "accuracy": 0.7},
    "long names": {"classes": ("a name that goes on and on and on and on", "$x_1$", "Ankle boot"), "images": 90},
    "no mistakes": {"images": 100, "accuracy": 1.0},
    "only mistakes": {"images": 100, "accuracy": 0.0},
}


@pytest.fixture(scope="module", params=VERSIONS)
def version(request, make_version):
    return make_version(**VERSIONS[request.param])


@pytest.mark.slow
def test_every_plot_of_a_version_is_drawn_whole_and_without_complaint(version):
    scores = version.scores
    corruptions, accuracy = scores.robustness.by_corruption, scores.accuracy.value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = [
            plots.confusion_matrix(scores.confusion, version.manifest.dataset.classes),
            plots.calibration(scores.calibration),
            plots.robustness(corruptions, accuracy),
            plots.robustness(corruptions, accuracy, champion=corruptions),
        ]
    assert all(has_clear_border(png) for png in drawn)


def test_the_worst_mistake_is_the_darkest_cell():
    png = plots.confusion_matrix([[90, 9, 1], [0, 100, 0], [0, 0, 100]], ["a", "b", "c"])
    darkest = mpl.colormaps[style.MISTAKES](0.95)
    assert has_colour(png, mpl.colors.to_hex(darkest))
    assert has_colour(png, style.OUTCOMES["pass"].tint)


def test_bins_with_a_handful_of_images_are_pale():
    pale = style.mixed(style.PAPER, style.BLUE, 0.3)

    def has_pale(images):
        bins = [CalibrationBin(low=0.4, high=0.5, images=images, confidence=0.45, accuracy=0.5)]
        return has_colour(plots.calibration(bins), pale)

    assert has_pale(figures.HANDFUL - 1)
    assert not has_pale(figures.HANDFUL)


def smallest_text_on_a_phone(draw, *args):
    """The size in pixels of a plot's smallest text where a phone shows the whole plot."""
    with style.plotting():
        axes = draw.__wrapped__(*args).axes[0]
        written = min(text.get_fontsize() for text in (*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()))
    return written * style.DPI / 72 * min(1.0, PHONE_PIXELS / pixels(draw(*args)).shape[1])


def test_the_matrix_of_ten_classes_can_be_read_on_a_phone():
    images = np.full((10, 10), 1_234)
    assert smallest_text_on_a_phone(plots.confusion_matrix, images, list("0123456789")) >= READABLE_PIXELS


NAMES = {
    "digits": "0123456789",
    "words": ["elephant seal", "a name that goes on and on and on", "cat"],
    "sixty": [f"kind {number}" for number in range(60)],
}


@pytest.mark.parametrize("case", NAMES)
def test_the_images_of_each_class_can_be_read_on_a_phone(case):
    counts = np.arange(len(NAMES[case])) * 1_000
    png = exploration_plots.class_distribution(counts, NAMES[case])
    assert has_clear_border(png)
    assert smallest_text_on_a_phone(exploration_plots.class_distribution, counts, NAMES[case]) >= READABLE_PIXELS


HISTORIES = {
    "twelve epochs": (12, (), 9),
    "one epoch": (1, (), 1),
    "four hundred rounds of one metric": (400, ("validation_loss",), 212),
    "nothing known of the best step": (5, ("loss", "validation_accuracy"), None),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_a_training_history_is_drawn_from_whatever_metrics_there_are(case, make_history):
    steps, fields, best = HISTORIES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = plots.training_history(make_history(steps, fields=fields), best)
    assert has_clear_border(png)


def test_a_metric_that_was_not_measured_has_no_panel(make_history):
    both = pixels(plots.training_history(make_history(5)))
    missing = [row | {"accuracy": float("nan"), "validation_accuracy": float("nan")} for row in make_history(5)]
    assert pixels(plots.training_history(missing)).shape[1] < 0.6 * both.shape[1]


def test_a_model_without_history_has_no_plot():
    assert plots.training_history([]) is None
    assert plots.training_history([{"step": 1.0}]) is None


def test_the_same_figures_make_the_same_bytes_and_leave_matplotlib_as_it_was(make_version):
    before, confusion = dict(mpl.rcParams), make_version().scores.confusion
    assert plots.confusion_matrix(confusion, "0123456789") == plots.confusion_matrix(confusion, "0123456789")
    assert dict(mpl.rcParams) == before


def test_recipes_differ_in_marker_or_dashes_and_not_in_colour_alone():
    looks = style.series_styles(RECIPES)
    assert len({(look.marker, look.dashes) for look in looks.values()}) == len(RECIPES)
    assert looks["cnn"] == style.series_styles(["cnn", "another"])["cnn"]


@pytest.mark.parametrize("colour", [look.colour for look in style.OUTCOMES.values()] + [style.INK, style.MUTED])
def test_text_has_the_contrast_that_wcag_asks_for(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("look", style.OUTCOMES.values(), ids=lambda look: look.word)
def test_an_outcome_can_be_read_on_its_own_tint(look):
    assert (luminance(look.tint) + 0.05) / (luminance(look.colour) + 0.05) >= 4.5


def test_html_gets_the_same_colours():
    css = style.css_properties()
    assert f"--pass: {style.OUTCOMES['pass'].colour};" in css and f"--series-cnn: {style.RECIPES['cnn'].colour};" in css


@given(st.lists(st.floats(0, 1), max_size=14), st.floats(0.01, 0.07))
def test_labels_keep_apart_in_order_and_within_bounds(wanted, gap):
    placed = figures.spread(wanted, gap, low=0.0, high=1.0)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    steps = [placed[after] - placed[before] for before, after in itertools.pairwise(order)]
    assert all(step >= gap - 1e-9 for step in steps)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in placed)


@pytest.mark.parametrize(
    ("fraction", "text"), [(1.0, "100 %"), (0.5, "50 %"), (0.02, "2 %"), (0.0035, "0.35 %"), (0.998, "99.8 %")]
)
def test_percentages_have_the_digits_they_need(fraction, text):
    assert figures.percent(fraction) == text


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
