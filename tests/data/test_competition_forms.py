"""The form of a competition is read from its files, whatever they look like."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import CLASSES, SIDE, small_images, small_labels

from pipeline.contracts import UnlabelledImages
from pipeline.data import competition_form, sample_submission, sources, unlabelled
from pipeline.data.picture_index import PictureIndex
from pipeline.data.preparation import default_for
from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm

PIXELS = [f"pixel{number}" for number in range(SIDE * SIDE)]
NAMES = ("ant", "bee", "cat")


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in [header, *rows]))
    return path


def pictures(folder: Path, names: Sequence[str], colour: bool = False, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, small_images(len(names), seed), strict=True):
        Image.fromarray(np.stack([image, 255 - image, image], axis=2) if colour else image).save(folder / name)


def flat(count: int = CLASSES * 8) -> list[list[int]]:
    return small_images(count).reshape(count, -1).tolist()


HEADERS = {
    "label first": (["label", *PIXELS], lambda label, row: [label, *row]),
    "id and label first": (["id", "label", *PIXELS], lambda label, row: [f"no {label}", label, *row]),
    "label last": ([*PIXELS, "Label"], lambda label, row: [*row, label]),
    "label in words": (["label", *PIXELS], lambda label, row: [NAMES[label], *row]),
    "a word with a comma": ([*PIXELS, "label"], lambda label, row: [*row, f'"{NAMES[label]}, {label}"']),
}


@pytest.mark.parametrize(("header", "line"), HEADERS.values(), ids=HEADERS)
def test_a_table_of_pixels_has_its_label_anywhere(tmp_path: Path, header: list[str], line) -> None:
    labels = small_labels().tolist()
    path = write(tmp_path / "train.csv", header, [line(*pair) for pair in zip(labels, flat(), strict=True)])
    data = sources.load(str(path))
    np.testing.assert_array_equal(data.images[..., 0], small_images())
    assert data.labels.tolist() == labels
    expected = {"label in words": NAMES, "a word with a comma": ("ant, 0", "bee, 1", "cat, 2")}
    names = {str(HEADERS[key][1]): value for key, value in expected.items()}
    assert data.classes == names.get(str(line), ("0", "1", "2"))


@pytest.mark.parametrize("shape", [(4, 9, 1), (3, 4, 3), (2, 18, 1)])
def test_pixels_of_any_shape_are_read_if_it_is_named(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    rows = [[label, *row] for label, row in zip(small_labels().tolist(), flat(), strict=True)]
    path = write(tmp_path / "train.csv", ["label", *PIXELS], rows)
    data = sources.load(str(path), shape=shape)
    np.testing.assert_array_equal(data.images, small_images().reshape(-1, *shape))


def test_a_shape_that_does_not_fit_is_refused_with_both_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "train.csv", ["label", *PIXELS], [[0, *row] for row in flat()])
    with pytest.raises(DataError, match=r"36 pixel columns, but images of 5 x 5 x 1 have 25"):
        sources.load(str(path), shape=(5, 5, 1))


def test_a_row_of_another_width_is_named(tmp_path: Path) -> None:
    rows = [["a", *row] for row in flat()]
    rows[4].append(7)
    path = write(tmp_path / "train.csv", ["label", *PIXELS], rows)
    with pytest.raises(DataError, match="row 6: 38 columns, but the header has 37"):
        sources.load(str(path))


def test_a_label_that_is_missing_is_named(tmp_path: Path) -> None:
    rows = [["a", *row] for row in flat()]
    rows[4][0] = "NA"
    path = write(tmp_path / "train.csv", ["label", *PIXELS], rows)
    with pytest.raises(DataError, match="row 6: the label is missing"):
        sources.load(str(path))


LAYOUTS = {
    "beside each other": ("train/", "test/", "{}.png", "{}.png"),
    "names without suffix": ("train/", "test/", "{}.png", "{}"),
    "names with their folder": ("train/", "test/", "{}.png", "train/{}.png"),
    "a folder too many": ("train/train/", "test/test/", "{}.bmp", "{}"),
    "one folder for all": ("images/", "images/", "{}.png", "{}"),
    "folders of other names": ("train_images/", "test_images/", "{}.png", "{}.png"),
}


@pytest.mark.parametrize(("train", "test", "file", "named"), LAYOUTS.values(), ids=LAYOUTS)
def test_pictures_are_found_by_their_names(tmp_path: Path, train: str, test: str, file: str, named: str) -> None:
    first = 24 if train == test else 0  # the same names on both sides, unless they share a folder
    pictures(tmp_path / train, [file.format(n) for n in range(24)], colour=True)
    pictures(tmp_path / test, [file.format(n + first) for n in range(5)], colour=True)
    rows = [(named.format(n), NAMES[n % 3]) for n in range(24)]
    write(tmp_path / "train.csv", ["image_id", "animal"], rows)
    asked = [(named.format(n + first).replace("train/", "test/"), "ant") for n in (3, 0, 4, 1, 2)]
    write(tmp_path / "sampleSubmission.csv", ["image_id", "animal"], asked)

    data = sources.load(str(tmp_path))
    assert (data.shape, data.classes, len(data)) == ((SIDE, SIDE, 3), NAMES, 24)
    np.testing.assert_array_equal(data.images[..., 0], small_images())
    assert data.preparation is not None
    assert data.preparation.kind == "as-is"
    form = competition_form.read(tmp_path)
    found = competition_form.test_images(form, data.shape, default_for(data.shape))
    assert found.ids == tuple(name for name, _ in asked)
    np.testing.assert_array_equal(found.images[..., 0], small_images(5)[[3, 0, 4, 1, 2]])


def test_a_sample_that_leaves_out_test_pictures_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "train", [f"{n}.png" for n in range(24)])
    pictures(tmp_path / "test", [f"{n}.png" for n in range(5)])
    write(tmp_path / "train.csv", ["id", "label"], [(n, NAMES[n % 3]) for n in range(24)])
    sample = write(tmp_path / "sample_submission.csv", ["id", "label"], [(n, "ant") for n in range(3)])
    refused = rf"{sample} asks for 3 pictures, but not for 2 others next to them, such as .*3.png: .* cut short"
    with pytest.raises(DataError, match=refused):
        competition_form.test_images(competition_form.read(tmp_path), (SIDE, SIDE, 1), default_for((SIDE, SIDE, 1)))
    with pytest.raises(DataError, match=refused):
        unlabelled.load_asked(tmp_path / "test", sample_submission.read(sample), (SIDE, SIDE, 1))


def test_dark_pictures_on_light_ground_are_not_inverted_for_prediction(tmp_path: Path) -> None:
    light = np.full((SIDE, SIDE), 250, np.uint8)
    for part, count in (("train", 24), ("test", 2)):
        (tmp_path / part).mkdir()
        for number in range(count):
            light[2:4, 2:4] = number
            Image.fromarray(light).save(tmp_path / part / f"{number}.png")
    write(tmp_path / "train.csv", ["id", "label"], [(n, NAMES[n % 3]) for n in range(24)])
    write(tmp_path / "sample_submission.csv", ["id", "label"], [(1, "ant"), (0, "ant")])
    data = sources.load(str(tmp_path))
    form = competition_form.read(tmp_path)
    assert data.preparation is not None
    from pipeline.data.preparation import from_facts

    found = competition_form.test_images(form, data.shape, from_facts(data.preparation))
    np.testing.assert_array_equal(found.images, data.images[[1, 0]])


def test_a_column_for_each_class_gives_labels_in_the_samples_order(tmp_path: Path) -> None:
    pictures(tmp_path / "train", [f"{n}.png" for n in range(24)])
    rows = [(n, *np.eye(3, dtype=int)[n % 3]) for n in range(24)]
    write(tmp_path / "train.csv", ["image_id", *NAMES], rows)
    write(tmp_path / "sample_submission.csv", ["image_id", "cat", "ant", "bee"], [(0, 0.3, 0.3, 0.4)])
    data = sources.load(str(tmp_path))
    assert data.classes == ("cat", "ant", "bee")
    assert [data.classes[label] for label in data.labels[:4]] == ["ant", "bee", "cat", "ant"]

    write(tmp_path / "train.csv", ["image_id", *NAMES], [*rows[:2], (2, 1, 1, 0), *rows[3:]])
    with pytest.raises(DataError, match="row 4: one of cat, ant, bee must be 1 and the others 0, not '0,1,1'"):
        sources.load(str(tmp_path))


@pytest.mark.parametrize("inside", ["", "train"])
def test_a_folder_a_class_needs_no_table(tmp_path: Path, inside: str) -> None:
    for seed, name in enumerate(NAMES):
        pictures(tmp_path / "train" / inside / name, [f"{n}.png" for n in range(8)], seed=seed)
    write(tmp_path / "sample_submission.csv", ["file", "label"], [("x.png", "ant")])
    assert sources.load(str(tmp_path)).classes == NAMES


def test_pictures_of_several_sizes_need_a_shape(tmp_path: Path) -> None:
    pictures(tmp_path / "train", [f"{n}.png" for n in range(24)])
    Image.new("L", (SIDE * 2, SIDE)).save(tmp_path / "train" / "7.png")
    write(tmp_path / "train.csv", ["id", "label"], [(n, n % 3) for n in range(24)])
    with pytest.raises(DataError, match=r"7\.png has 6 x 12 pixels .* --shape"):
        sources.load(str(tmp_path))
    assert sources.load(str(tmp_path), shape=(4, 4, 3)).shape == (4, 4, 3)


def test_a_picture_that_is_missing_or_twice_there_is_named(tmp_path: Path) -> None:
    pictures(tmp_path / "a", ["1.png", "2.png"])
    write(tmp_path / "train.csv", ["id", "label"], [(1, 0), (3, 1)])
    with pytest.raises(DataError, match=r"has no picture '3', which train\.csv names \(1 of 2 are missing\)"):
        sources.load(str(tmp_path))
    pictures(tmp_path / "b", ["1.png"])
    with pytest.raises(DataError, match=r"'1' may be .*a/1\.png and .*b/1\.png"):
        sources.load(str(tmp_path))


@pytest.mark.parametrize("named", ["1.png", "1"])
def test_a_picture_at_the_very_path_comes_before_others_of_its_name(tmp_path: Path, named: str) -> None:
    for folder in (tmp_path, tmp_path / "a", tmp_path / "b"):
        pictures(folder, ["1.png"])
    assert PictureIndex(tmp_path).find(named, "train") == tmp_path / "1.png"


def test_names_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    pictures(tmp_path / "secret", ["1.png"])
    index = PictureIndex(tmp_path / "data")
    assert index.find("../secret/1.png", "train") is None


IMAGES = UnlabelledImages("pixels", np.zeros((3, 2, 2, 1), np.uint8), ("1", "2", "3"), numbered=True)
MATCHED = {
    "from 1": (("1", "2", "3"), ("1", "2", "3")),
    "from 0, shuffled": (("2", "0", "1"), ("0", "1", "2")),
    "a prefix and zeros": (("t_011", "t_010", "t_009"), ("t_009", "t_010", "t_011")),
    "files": (("b2.png", "b1.png", "b3.png"), ("b1.png", "b2.png", "b3.png")),
}


@pytest.mark.parametrize(("ids", "expected"), MATCHED.values(), ids=MATCHED)
def test_images_without_ids_are_matched_by_number(ids: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert sample_submission.identified(IMAGES, SubmissionForm("id", ("label",), ids)).ids == expected


UNMATCHED = {
    "a gap": ("1", "2", "4"),
    "no numbers": ("a", "b", "c"),
    "different names": ("a1", "b2", "a3"),
    "one twice": ("1", "01", "2"),
}


@pytest.mark.parametrize("ids", UNMATCHED.values(), ids=UNMATCHED)
def test_ids_that_do_not_count_the_images_are_not_guessed(ids: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"names no ids, .* add a column 'id'"):
        sample_submission.identified(IMAGES, SubmissionForm("id", ("label",), ids))


def test_ids_of_the_images_themselves_must_be_the_samples() -> None:
    own = replace(IMAGES, ids=("x", "y", "z"), numbered=False)
    assert sample_submission.identified(own, SubmissionForm("id", ("label",), ("z", "x", "y"))) is own
    for ids in (("x", "y", "w"), ("x", "y")):
        with pytest.raises(DataError, match="use the test images that belong to the sample"):
            sample_submission.identified(own, SubmissionForm("id", ("label",), ids))


def test_a_single_table_takes_its_labels_as_the_sample_next_to_it_asks(tmp_path: Path) -> None:
    rows = [[f"t{n}", NAMES[label], *row] for n, (label, row) in enumerate(zip(small_labels(), flat(), strict=True))]
    path = write(tmp_path / "train.csv", ["Id", "Bug Class", *PIXELS], rows)
    with pytest.raises(DataError, match=r"no label column \(besides pixels, it has Id, Bug Class\)"):
        sources.load(str(path))
    write(tmp_path / "sample_submission.csv", ["Id", "bug class"], [("u0", "ant")])
    assert sources.load(str(path)).labels.tolist() == small_labels().tolist()
    assert sources.load(str(path)).classes == sources.load(str(tmp_path)).classes == NAMES
    test = write(tmp_path / "test.csv", ["Id", *PIXELS], [[f"u{n}", *row] for n, row in enumerate(flat())])
    with pytest.raises(DataError, match=r"test.csv has no label column \(besides pixels, it has Id\)"):
        sources.load(str(test))


def test_a_table_of_another_kind_is_refused_with_both_forms(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.csv", ["a", "b"], [("1", "2")])
    wanted = (
        r"called pixel0, pixel1, … \(or .*\), not a, b; if it names pictures, .* must be called file, image or id\."
    )
    with pytest.raises(DataError, match=wanted):
        sources.load(str(path))


def test_pixels_of_other_names_are_named(tmp_path: Path) -> None:
    odd = [f"px_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
    wanted = r"no columns of pixels: they must be called pixel0, pixel1, … \(or .*\), not px_0_0, px_0_1, …\."
    rows = [[f"t{n}", NAMES[label], *row] for n, (label, row) in enumerate(zip(small_labels(), flat(), strict=True))]
    for header in (["Img_Ref", "Bug Class"], ["id", "Bug Class"], ["id", "label"]):
        with pytest.raises(DataError, match=wanted):
            sources.load(str(write(tmp_path / "train.csv", [*header, *odd], rows)))
    write(tmp_path / "train.csv", ["Img_Ref", "Bug Class", *odd], rows)
    write(tmp_path / "sample_submission.csv", ["Img_Ref", "Bug Class"], [("u0", "ant")])
    with pytest.raises(DataError, match=wanted):
        sources.load(str(tmp_path))
    test = write(tmp_path / "test.csv", ["Img_Ref", *odd], [[f"u{n}", *row] for n, row in enumerate(flat())])
    with pytest.raises(DataError, match=wanted):
        unlabelled.load(test, (SIDE, SIDE, 1))
