"""The pages in a real browser: sorting, filtering, keyboard, phone and desktop, and no request to anywhere."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from quick_cases import quick

from pipeline.data import sources
from pipeline.reports import exploration, html, index_page, version_report

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SIZES = {"phone": (360, 740), "tablet": (800, 1100), "desktop": (1280, 800)}


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not here: sh tests/browser.sh installs it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens HTML in a window of some size; fails if anything is fetched, or the console complains."""
    contexts, complaints = [], []

    def opened(text, size="desktop", scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def index(make_version):
    facts = [("cnn", 1_000, 0.95), ("xgboost", 1_000, 0.88), ("cnn", 60_000, 0.99), ("xgboost", 60_000, 0.97)]
    return index_page.render(
        [
            make_version(recipe, train_size=size, accuracy=accuracy, seed=at, outcome="pass" if at != 1 else "fail")
            for at, (recipe, size, accuracy) in enumerate(facts)
        ]
    )


CLASSES = (*"012345678", "a name of several words")


@pytest.fixture(scope="module")
def report(make_version, make_history):
    rng = np.random.default_rng(0)
    version = make_version("cnn", champion="20261120-101500-xgboost-33600-0a1b", classes=CLASSES)
    labels = np.arange(200) % 10
    first, second = (rng.dirichlet(np.ones(10), 200).astype(np.float32) for _ in range(2))
    return version_report.render(
        version_report.ReportInputs(
            manifest=version.manifest,
            scores=version.scores,
            verdict=version.verdict,
            history=make_history(),
            probabilities=first,
            labels=labels,
            champion_probabilities=second,
            images=rng.integers(0, 256, (200, 28, 28, 1)).astype(np.uint8),
        )
    )


@pytest.fixture(scope="module")
def exploration_page():
    data = sources.load("digits")
    rows = np.arange(0, len(data), 6)
    data = replace(data, images=data.images[rows], labels=data.labels[rows], digests=data.digests[rows])
    return exploration.files(exploration.explore(data), {})["index.html"].decode()


def column(page, number):
    return page.locator(f"table.sortable tbody tr:visible td:nth-of-type({number})").all_inner_texts()


def test_columns_sort_by_mouse_and_keyboard(open_page, index):
    page = open_page(index)
    heading = page.get_by_role("columnheader", name="Images")
    heading.get_by_role("button").click()
    assert column(page, 3) == ["60,000", "60,000", "1,000", "1,000"]
    assert heading.get_attribute("aria-sort") == "descending"
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert column(page, 3) == ["1,000", "1,000", "60,000", "60,000"]
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.get_by_role("columnheader", name="Version").get_attribute("aria-sort") == "none"


def test_filters_leave_what_fits_and_say_how_much(open_page, index):
    page = open_page(index)
    page.get_by_role("combobox", name="Recipe", exact=True).select_option("xgboost")
    assert column(page, 2) == ["xgboost", "xgboost"]
    assert page.get_by_role("status").inner_text() == "2 of 4 versions"
    page.get_by_label("Search").fill("60,000")
    assert page.get_by_role("status").inner_text() == "1 of 4 versions"
    page.get_by_label("Search").fill("nothing like it")
    assert page.get_by_text("No version matches these filters.").is_visible()


def test_a_phone_can_choose_the_order(open_page, index):
    page = open_page(index, "phone")
    page.get_by_role("combobox", name="Order", exact=True).select_option("Errors, ascending")
    errors = [int(text) for text in column(page, 5)]
    assert errors == sorted(errors)


@pytest.mark.parametrize("width", [840, 1_000, 1_200, 1_400])
def test_long_names_do_not_push_the_verdict_out_of_the_page(open_page, make_version, width):
    versions = [make_version("my_own_digit_model", seed=seed, champion="a") for seed in range(2)]
    page = open_page(index_page.render(versions))
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    right = "selector => document.querySelector(selector).getBoundingClientRect().right"
    assert page.evaluate(right, ".sortable") <= page.evaluate(right, "#versions") + 1


@pytest.mark.parametrize("scheme", quick(["light", "dark"], "dark"))
@pytest.mark.parametrize("size", quick(SIZES, "phone"))
@pytest.mark.parametrize("name", ["index", "report", pytest.param("exploration_page", marks=pytest.mark.slow)])
def test_nothing_is_cut_off_and_text_has_contrast(open_page, request, name, size, scheme):
    page = open_page(request.getfixturevalue(name), size, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    too_wide = page.evaluate(
        "[...document.querySelectorAll('main *, header *')].filter(e => !e.closest('.hidden, thead, svg, .wide')"
        " && e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
    )
    assert too_wide == []
    for colour in ("ink", "muted", "accent", "pass", "fail", "error"):
        assert contrast(page, colour, "paper") >= 4.5
    for outcome in ("pass", "fail", "error"):
        assert contrast(page, outcome, f"{outcome}-tint") >= 4.5


def test_the_bars_of_all_classes_start_and_end_together(open_page, report):
    page = open_page(report)
    found = page.locator(".spread").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect()).map(({ left, right }) => `${left} ${right}`)"
    )
    assert len(found) == len(CLASSES) and len(set(found)) == 1


@pytest.mark.parametrize(("size", "columns"), [("phone", 1), ("tablet", 2)])
def test_a_tablet_shows_versions_in_two_columns(open_page, index, size, columns):
    page = open_page(index, size)
    lefts = page.evaluate(
        "[...document.querySelectorAll('.sortable tbody tr')].map(row => row.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == columns


def test_an_option_is_not_broken_at_its_dashes(open_page):
    words = html.prose("Give --new-classes, or `simulator.py drift --reset` REASON. " * 8)
    style = "p { width: 9em; font: 16px monospace } .whole { white-space: nowrap }"
    page = open_page(f"<style>{style}</style><p>{words}</p>")
    lines = page.evaluate("[...document.querySelectorAll('.whole')].map(one => one.getClientRects().length)")
    assert lines == [1] * 16


@pytest.mark.parametrize("size", quick(SIZES, "phone"))
def test_a_picture_that_a_phone_scrolls_says_so(open_page, report, size):
    page = open_page(report, size)
    chart = page.locator(".chart.wide").first
    scrolls = chart.evaluate("chart => chart.scrollWidth > chart.clientWidth")
    hint = chart.evaluate("chart => getComputedStyle(chart, '::before').content")
    assert ("sideways" in hint) == scrolls == (size == "phone")


def contrast(page, front, back):
    read = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
    light, dark = sorted((luminance(page.evaluate(read, name)) for name in (front, back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
