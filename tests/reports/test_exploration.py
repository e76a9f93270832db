"""Exploring a dataset: what was planted is found, and the page and its pictures are written."""

import dataclasses
import re

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pipeline.cli import explore_command
from pipeline.contracts import LabelledImages
from pipeline.data import sources, validation
from pipeline.inspection import datasets
from pipeline.reports import exploration, exploration_facts, html

PICTURES = (
    "samples",
    "class_distribution",
    "class_means",
    "pixel_intensity",
    "near_duplicates",
    "label_errors",
    "embedding",
)


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    return sources.load("digits")


def small(digits, rows):
    return dataclasses.replace(
        digits, images=digits.images[rows], labels=digits.labels[rows], digests=digits.digests[rows]
    )


def nearest(images):
    rows = np.arange(len(images))
    return exploration_facts.neighbours(exploration_facts.features(images, rows, seed=0), rows)


BALANCE = {
    "equal": ([50, 50, 50], 1.0, "Every class has 50 images."),
    "chance": ([48, 52, 50], 52 / 48, "no more than chance explains, and a small difference in practice"),
    "uneven": ([100, 300, 200], 3.0, "more than chance explains, and enough to look at each class on its own"),
    "empty": ([0, 30, 30], float("inf"), "class a the fewest (0)"),
}


@pytest.mark.parametrize("name", BALANCE)
def test_balance_is_tested_and_said_in_words(name):
    counts, ratio, words = BALANCE[name]
    found = exploration_facts.balance(np.repeat([0, 1, 2], counts), ["a", "b", "c"])
    assert list(found.counts) == counts
    assert found.ratio == pytest.approx(ratio)
    assert words in found.sentence
    assert (found.p_value < 0.05) == (name in ("uneven", "empty"))


def test_planted_label_errors_come_first(digits):
    labels = digits.labels.copy()
    planted = np.arange(5, 1_700, 170)
    labels[planted] = (labels[planted] + 5) % 10
    found = exploration_facts.suspects(labels, nearest(digits.images))
    caught = [suspect for suspect in found[:15] if suspect.row in planted]
    assert len(caught) == 10
    # One of the ten is a 5 that reads like a 9.
    assert sum(suspect.suggested == digits.labels[suspect.row] for suspect in caught) == 9


def test_labels_are_not_doubted_where_similar_images_say_nothing_of_them():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    noise = rng.integers(0, 256, (400, 8, 8, 3)).astype(np.uint8)
    assert exploration_facts.suspects(labels, nearest(noise)) == []
    told = noise.copy()
    told[labels == 0] = rng.integers(0, 20, (100, 8, 8, 3))
    labels[0] = 1
    found = exploration_facts.suspects(labels, nearest(told))
    assert [(one.row, one.suggested) for one in found] == [(0, 0)]


def test_what_was_found_names_files_and_classes_without_an_answer(digits):
    data = small(digits, np.arange(60))
    found = exploration.explore(data)
    suspect = exploration_facts.Suspect(row=3, suggested=1, agreement=0.9)
    found = dataclasses.replace(found, suspects=[suspect], abstained=("7",))
    written = exploration.files(found, {}, files_of={3: "three/scan-1.png"})
    assert "three/scan-1.png" in written["index.html"].decode()
    assert "No image was suggested to be 7" in written["index.html"].decode()
    assert written["label_errors.csv"].decode().splitlines()[1] == f"all,3,three/scan-1.png,{data.labels[3]},1,0.900"
    assert "No label was doubted" in dataclasses.replace(found, abstained=data.classes).doubts


def test_images_are_numbered_from_0_training_and_test_images_separately(digits):
    data = small(digits, np.arange(60))
    data = dataclasses.replace(data, official_test=np.arange(60) >= 40)
    suspects = [exploration_facts.Suspect(row, suggested=1, agreement=0.9) for row in (3, 45)]
    written = exploration.files(dataclasses.replace(exploration.explore(data), suspects=suspects), {})
    lines = [line.split(",")[:3] for line in written["label_errors.csv"].decode().splitlines()]
    assert lines == [["part", "index_from_0", "file"], ["training", "3", ""], ["test", "5", ""]]
    page = written["index.html"].decode()
    assert "Images are numbered from 0, as in an array, training and test images separately." in page
    assert "training image 3<" in page and "test image 5<" in page


def test_pictures_in_folders_are_named_by_their_files(home, tmp_path):
    for place in range(40):
        folder = tmp_path / "pictures" / "ab"[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(place).integers(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"scan-{place:02d}.png")
    data = sources.load(str(tmp_path / "pictures"))
    assert datasets.files_of(home, data, [0, 20]) == {0: "a/scan-00.png", 20: "b/scan-01.png"}
    assert datasets.files_of(home, sources.load("digits"), [0]) == {}


def test_clean_and_separate_classes_have_no_suspects():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = (labels[:, None, None, None] * 100 + rng.integers(0, 20, (60, 8, 8, 1))).astype(np.uint8)
    assert exploration_facts.suspects(labels, nearest(images)) == []


def test_planted_copies_come_first_and_differ_by_nothing(digits):
    images = digits.images[:400].copy()
    images[399] = images[7]
    images[398] = images[21]
    images[398, 14, 14] ^= 4
    found = exploration_facts.near_duplicates(images, digits.labels[:400], nearest(images), limit=5)
    assert (found[0].first, found[0].second, found[0].difference) == (7, 399, 0.0)
    assert (found[1].first, found[1].second) == (21, 398)
    assert 0 < found[1].difference < 0.001
    rows = [row for pair in found for row in (pair.first, pair.second)]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 13, 3), (70, 50, 1)], ids=str)
def test_images_of_any_form_can_be_compared(shape):
    images = np.random.default_rng(0).integers(0, 256, (30, *shape)).astype(np.uint8)
    vectors = exploration_facts.features(images, np.arange(30), seed=0)
    assert vectors.shape[0] == 30
    assert np.isfinite(vectors).all()


def test_page_and_pictures_of_real_digits(digits):
    data = small(digits, np.arange(0, 1_797, 6))
    found = exploration.explore(data, seed=1)
    files = exploration.files(found, dataclasses.asdict(validation.report(data)))
    assert set(files) == {"index.html", "label_errors.csv", *(f"{name}.png" for name in PICTURES)}
    assert all(content.startswith(b"\x89PNG") for name, content in files.items() if name.endswith(".png"))
    page = files["index.html"].decode()
    assert len(page) < 2_000_000
    for name in ("class_distribution", "class_means", "pixel_intensity", "embedding"):
        assert html.data_uri(files[f"{name}.png"]) in page
    words = re.sub(r"<[^>]+>", " ", page[page.index("<body>") :])
    assert "300 images" in words
    assert "28 × 28 × 1" in words
    assert found.balance.sentence in words
    words = " ".join(words.split())
    shares = [int(share) for share in re.findall(r"(\d+) % of the usual distance, pixels differ by", words)]
    assert len(shares) == len(found.twins) and shares == sorted(shares), "ranked by the figure that is shown"
    assert "closest for their class" in words and "Images are numbered from 0, as in an array." in words
    assert f"{len(found.samples)} of 300" in words
    links = {link for link in re.findall(r'(?:src|href)="([^"#]+)"', page) if not link.startswith("data:")}
    assert links == {"index.html", "samples.png", "near_duplicates.png", "label_errors.png", "label_errors.csv"}


def test_long_names_of_classes_have_room_below_the_samples(digits):
    data = small(digits, np.arange(60))
    named = dataclasses.replace(data, classes=("elephant seal", *data.classes[1:]))
    pages = [exploration.files(exploration.explore(one), {})["index.html"].decode() for one in (data, named)]
    assert ['class="gallery small words"' in page for page in pages] == [False, True]
    assert "60 of 60" not in pages[0], "nothing is left out, so nothing is said of it"


def test_same_seed_finds_the_same(digits):
    data = small(digits, np.arange(60))
    first, second = (exploration.explore(data, seed=3) for _ in range(2))
    assert (first.samples == second.samples).all()
    assert np.allclose(first.mapped[1], second.mapped[1])
    assert first.suspects == second.suspects
    assert not np.array_equal(first.samples, exploration.explore(data, seed=4).samples)


def test_class_names_from_outside_are_escaped(digits):
    evil = "<script>alert(1)</script>"
    data = dataclasses.replace(small(digits, np.arange(60)), classes=(evil, *digits.classes[1:]), source=evil)
    page = exploration.files(exploration.explore(data), {"<b>x</b>": evil})["index.html"].decode()
    assert "<script" not in page
    assert "<b>x" not in page


@pytest.mark.slow
def test_command_writes_the_page_under_the_home_folder(home):
    app = typer.Typer()
    explore_command.register(app)
    result = CliRunner().invoke(app, ["--dataset", "digits", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    folder = home.metric_results / "eda" / "digits"
    written = {"index.html", "label_errors.csv", *(f"{name}.png" for name in PICTURES)}
    assert {path.name for path in folder.iterdir()} == written
    assert 'href="eda/digits/index.html"' in (home.metric_results / "index.html").read_text()
    assert "1,797 images" in (folder / "index.html").read_text()
