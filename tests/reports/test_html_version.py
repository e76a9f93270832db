"""The report of a version: what it contains, what it needs, and what it does with hostile or missing input."""

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
from known_facts import changed
from quick_cases import quick
from small_models import constant_onnx

from pipeline.contracts import Check, LabelledImages, Split
from pipeline.data.digests import image_digests
from pipeline.facts.score_facts import Scores
from pipeline.inspection import reporting
from pipeline.judging import explain, metrics
from pipeline.reports import galleries, html, version_report
from pipeline.reports.version_report import ReportInputs
from pipeline.store.home import Home

CLASSES = tuple("0123456789")
CHAMPION = "20261120-101500-xgboost-33600-0a1b"
SECTIONS = ("verdict", "figures", "classes", "mistakes", "champion", "trust", "training")


@pytest.fixture(scope="module")
def benchmark():
    rng = np.random.default_rng(0)
    labels = np.arange(1_000) % 10
    images = rng.integers(0, 256, (1_000, 28, 28, 1)).astype(np.uint8)

    def predicted(wrong):
        probabilities = np.full((1_000, 10), 0.01, np.float32)
        answer = np.where(np.isin(np.arange(1_000), wrong), (labels + 1) % 10, labels)
        probabilities[np.arange(1_000), answer] = 0.91 - np.arange(1_000) / 1e5
        return probabilities

    return images, labels, predicted


@pytest.fixture
def inputs(benchmark, make_version, make_history):
    images, labels, predicted = benchmark
    version = make_version("cnn", champion=CHAMPION)
    return ReportInputs(
        manifest=version.manifest,
        scores=version.scores,
        verdict=version.verdict,
        history=make_history(),
        probabilities=predicted([3, 14, 15]),
        labels=labels,
        champion_probabilities=predicted([14, 15, 92, 65, 35]),
        images=images,
        best_step=9,
    )


def sections(page):
    return re.findall(r'<section id="(\w+)">', page)


def text(page):
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<body>") :]))


def test_report_leads_with_the_verdict_in_words(inputs):
    page = version_report.render(inputs)
    assert tuple(sections(page)) == SECTIONS
    words = text(page)
    assert "Passed all 2 checks." in words[:400]
    assert f"Compared with champion {CHAMPION} on the same 1,000 benchmark images of mnist." in words[:600]
    for check in inputs.verdict.checks:
        assert check.title in words
        assert html.Markup.escape(check.sentence) in page
    accuracy = inputs.scores.accuracy
    assert f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f}\u202f%" in words


def test_report_of_10_000_images_is_one_file_that_fetches_nothing(inputs):
    many = [np.concatenate([array] * 10) for array in (inputs.images, inputs.labels)]
    predictions = [np.concatenate([array] * 10) for array in (inputs.probabilities, inputs.champion_probabilities)]
    big = replace(
        inputs,
        images=many[0],
        labels=many[1],
        probabilities=predictions[0],
        champion_probabilities=predictions[1],
    )
    page = version_report.render(big)
    assert len(page.encode()) < 2_000_000
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert {source for source in sources if not source.startswith(("data:", "#"))} == {"index.html"}
    assert not re.search(r"https?://", page.replace("http-equiv", ""))
    assert "<script" not in page
    assert " style=" not in page


def test_policy_of_every_page_allows_its_own_style_and_script_alone(inputs, make_version):
    from pipeline.reports import index_page

    for page in (version_report.render(inputs), index_page.render([make_version()])):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#39;", "'")
        assert policy == html.content_policy()
        assert policy.startswith("default-src 'none'; img-src data:;")
        for tag in ("style", "script"):
            for inside in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL):
                digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
                assert f"{tag}-src 'sha256-{digest}'" in policy


def test_pictures_inside_are_the_plots(inputs):
    drawn = version_report.plots(inputs)
    assert set(drawn) == {"confusion", "calibration", "robustness", "history"}
    page = version_report.render(inputs, drawn)
    images = inputs.scores.images
    assert f"when {min(images, 500):,} of the benchmark's {images:,} images" in text(page).replace("&#39;", "'")
    for png in drawn.values():
        assert png.startswith(b"\x89PNG")
        assert html.data_uri(png) in page
    assert all(alt for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page[page.index("<main>") :]))


@pytest.mark.slow
def test_robustness_shows_the_champion_where_it_was_measured_on_the_same_images(inputs):
    beside = replace(inputs, champion_corrupted={"shot_noise": 0.5})
    assert version_report.plots(beside)["robustness"] != version_report.plots(inputs)["robustness"]
    assert "The champion: shot noise 50.0\u202f%." in version_report.render(beside)
    assert "Diamonds are the champion." in text(version_report.render(beside))
    assert "Diamonds" not in version_report.render(inputs)


def as_data(benchmark):
    images, labels, _ = benchmark
    digests = image_digests(images)
    rows, none = np.arange(len(labels)), np.arange(0)
    data = LabelledImages("toy", "nowhere", images, labels, CLASSES, digests, "0" * 64)
    return data, Split(none, none, rows, 0, "0" * 64, "0" * 64, "b" * 64)


def test_near_copies_are_shown_in_pairs(inputs, benchmark):
    images, labels, _ = benchmark
    tiles = galleries.near_copies(images[:30], images[30:60], (labels[:30], labels[30:60] * 0), CLASSES)
    page = version_report.render(replace(inputs, near_copies=tiles, near_copies_found=30))
    assert "Benchmark images that nearly equal a training image: 30, the nearest first." in text(page)
    assert "24 of 30" in text(page)
    assert page.count("Benchmark image of class 1 next to a training image of class 0") == 3
    assert 'href="#near-copies"' in page
    assert "Near copies" not in version_report.render(inputs)


BENCHMARKS = {"same benchmark": ("b" * 64, {"shot_noise": 0.9}), "another benchmark": ("0" * 64, None)}


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_champions_corrupted_accuracy_comes_from_its_version(
    name, tmp_path, make_version, write_version, benchmark
):
    benchmark_sha256, expected = BENCHMARKS[name]
    home = Home(tmp_path)
    champion = make_version("cnn", seed=1)
    robustness = {"mean_accuracy": 0.9, "by_corruption": {"shot_noise": 0.9}}
    scores = changed(champion.scores, benchmark_sha256=benchmark_sha256, robustness=robustness)
    write_version(replace(champion, known_scores=scores, folder=home.versions / champion.id))
    challenger = make_version("cnn", seed=2, champion=champion.id, images=1_000)
    challenger = write_version(replace(challenger, folder=home.staging / challenger.id))
    (challenger.folder / "model.onnx").write_bytes(constant_onnx(benchmark[0].shape[1:], 3))

    reporting.add_report(home, challenger.folder, challenger.verdict, *as_data(benchmark))

    page = (challenger.folder / "report.html").read_text()
    assert ("The champion: shot noise 90.0" in page) == (expected is not None)
    assert "the parts that the prediction depends on" in page
    assert (challenger.folder / "plots" / "robustness.png").is_file()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("epochs", 0, "automatic"),
        ("epochs", 5, "5"),
        ("learning_rate", 0.0, "automatic"),
        ("shifts", -1, "automatic"),
        ("shifts", 0, "0"),
    ],
)
def test_a_parameter_left_to_the_recipe_is_called_automatic(inputs, name, value, shown):
    manifest = changed(inputs.manifest, parameters={name: value})
    assert f"{name} {shown}" in text(version_report.render(replace(inputs, manifest=manifest)))


def test_what_a_whole_parameter_became_has_no_decimals(inputs):
    left, became = {"shifts": -1, "learning_rate": 0}, {"shifts": 4.0, "learning_rate": 0.3, "rounds": 1_200}
    manifest = changed(inputs.manifest, parameters=left, automatic=became)
    shown = text(version_report.render(replace(inputs, manifest=manifest)))
    for words in ("shifts 4 (automatic)", "learning_rate 0.3 (automatic)", "rounds 1,200 (automatic)"):
        assert words in shown


def nothing(inputs):
    return replace(
        inputs,
        scores=Scores(**dict(metrics.nothing(1_000)), benchmark_sha256="b" * 64),
        history=(),
        probabilities=None,
        labels=None,
        champion_probabilities=None,
        images=None,
        verdict=replace(inputs.verdict, outcome="error", champion_id=None),
    )


MISSING = {
    "no champion": (lambda i: replace(i, champion_probabilities=None), {"champion"}),
    "no images": (lambda i: replace(i, images=None), {"champion", "mistakes"}),
    "no predictions": (lambda i: replace(i, probabilities=None, labels=None), {"champion", "mistakes"}),
    "no mistakes": (lambda i: replace(i, labels=i.probabilities.argmax(1)), {"mistakes"}),
    "no history": (lambda i: replace(i, history=()), set()),
    "no robustness": (lambda i: replace(i, scores=changed(i.scores, robustness=None)), set()),
    "nothing at all": (nothing, {"classes", "mistakes", "champion", "trust"}),
}


@pytest.mark.parametrize("name", quick(MISSING, "nothing at all", "no mistakes"))
def test_what_is_missing_has_no_section_and_no_link(inputs, name):
    change, absent = MISSING[name]
    page = version_report.render(change(inputs))
    assert tuple(sections(page)) == tuple(section for section in SECTIONS if section not in absent)
    links = {target[1:] for target in re.findall(r'href="(#\w+)"', page)}
    assert links == set(sections(page))


def test_undefined_figures_are_dashes_and_never_nan(inputs):
    figures = dict.fromkeys(("log_loss", "brier", "calibration_error", "roc_auc", "matthews"), None)
    scores = changed(inputs.scores, **figures, accuracy={"value": None, "low": None, "high": None})
    words = text(version_report.render(replace(inputs, scores=scores)))
    assert "nan" not in words.lower().replace("finance", "")
    assert "None" not in words
    assert "Log loss –" in words


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_headline_names_what_did_not_pass(inputs, outcome):
    bad = Check("floor", "accuracy at least 99 %", outcome, 0.5, 0.99, "Half of them are wrong.")
    verdict = replace(inputs.verdict, outcome=outcome, checks=(*inputs.verdict.checks, bad))
    words = text(version_report.render(replace(inputs, verdict=verdict)))[:500]
    assert "1 of 3 checks did not pass (accuracy at least 99 %)" in words
    assert {"fail": "✗ Failed", "error": "! Undecided"}[outcome] in words


def test_headline_says_that_a_check_failed_whose_title_alone_reads_like_a_success(inputs):
    bad = Check("within_reach", "a promotion is possible on this benchmark", "fail", 0.06, 0.01, "It is not.")
    verdict = replace(inputs.verdict, outcome="fail", checks=(*inputs.verdict.checks, bad))
    words = text(version_report.render(replace(inputs, verdict=verdict)))[:500]
    assert "to replace the champion (failed “a promotion is possible on this benchmark”)" in words


def test_the_banner_does_not_claim_a_comparison_that_a_failed_rule_prevented(inputs):
    bad = Check("within_reach", "a promotion is possible on this benchmark", "fail", 0.06, 0.01, "It is not.")
    verdict = replace(inputs.verdict, outcome="fail", checks=(bad,), comparison=None, ledger=None)
    page = text(version_report.render(replace(inputs, verdict=verdict)))
    words = page[:700]
    assert "The gate did not look at this comparison" in page
    assert "The gate did not look" not in text(version_report.render(inputs))
    assert "Compared with champion" not in words
    assert f"A rule failed before it was compared with champion {CHAMPION}" in words
    assert f"simulator.py show {verdict.candidate_id}" in words, "a later verdict does not change the page"


def test_commands_and_recipes_in_sentences_are_code(inputs):
    verdict = replace(inputs.verdict, explanation=(explain.FIRST_CHAMPION,))
    assert "beat <code>dummy</code>; nothing was spent" in version_report.render(replace(inputs, verdict=verdict))


def test_names_from_outside_are_escaped(inputs):
    evil = "<script>alert('x')</script>"
    classes = [evil, *CLASSES[1:]]
    dataset = {"classes": classes, "source": evil}
    manifest = changed(inputs.manifest, dataset=dataset, parameters={evil: evil})
    check = Check("x", evil, "pass", None, None, evil)
    verdict = replace(inputs.verdict, checks=(check,), explanation=(evil,))
    scores = changed(inputs.scores, top_confusions=[{"truth": evil, "predicted": evil, "images": 2}])
    page = version_report.render(replace(inputs, manifest=manifest, verdict=verdict, scores=scores))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_mistakes_are_the_wrong_ones_surest_first(benchmark):
    images, labels, predicted = benchmark
    tiles = galleries.mistakes(images, labels, predicted([700, 3, 15, 14]), CLASSES, limit=3)
    assert [tile.caption for tile in tiles] == ["3, taken for 4", "4, taken for 5", "5, taken for 6"]
    assert tiles[0].detail == "91.0 % sure"
    assert tiles[0].pictures == (html.picture_of(images[3]),)


def test_a_gallery_of_some_mistakes_says_of_how_many(inputs, benchmark):
    _, _, predicted = benchmark
    many = changed(inputs.scores, errors=1_100)
    some = text(version_report.render(replace(inputs, scores=many, probabilities=predicted(range(100)))))
    assert f"{version_report.MOST_MISTAKES} of 1,100" in some
    every = text(version_report.render(replace(inputs, scores=changed(inputs.scores, errors=3))))
    assert "3 of 3" not in every


def test_comparison_counts_every_image_once(benchmark):
    images, labels, predicted = benchmark
    found = galleries.comparison(images, labels, predicted([3, 14, 15]), predicted([14, 15, 92, 65, 35]), CLASSES)
    assert (found.fixed, found.broken, found.both_wrong, found.both_right) == (3, 1, 2, 994)
    assert [tile.caption for tile in found.broken_tiles] == ["3, now 4"]
    assert {(tile.caption, tile.detail) for tile in found.fixed_tiles} == {
        ("2, right", "champion: 3"),
        ("5, right", "champion: 6"),
    }


@pytest.mark.parametrize(
    ("shape", "size"), [((28, 28, 1), (28, 28)), ((32, 20, 3), (20, 32)), ((400, 200, 3), (48, 96))]
)
def test_pictures_of_images_keep_their_form_and_stay_small(shape, size):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    png = base64.b64decode(html.picture_of(image).removeprefix("data:image/png;base64,"))
    assert html.picture_size(png) == size
