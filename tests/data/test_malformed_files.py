"""Every way a file can be wrong is refused with one sentence that names the file and, where there is one, the row."""

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import idx_bytes, small_images, small_labels

from pipeline.data import sample_submission, sources, unlabelled
from pipeline.errors import DataError


def replace_field(row: int, column: int, value: str) -> Callable[[list[str]], None]:
    def edit(lines: list[str]) -> None:
        fields = lines[row - 1].split(",")
        fields[column] = value
        lines[row - 1] = ",".join(fields)

    return edit


def give_all(lines: list[str], addition: str) -> None:
    lines[1:] = [line + addition for line in lines[1:]]


CSV_FAULTS = {
    "empty file": (lambda lines: lines.__setitem__(slice(None), []), r"train\.csv is empty"),
    "header alone": (lambda lines: lines.__delitem__(slice(1, None)), "a header but no rows"),
    "no header": (lambda lines: lines.pop(0), "no header"),
    "no label column": (replace_field(1, 0, "id"), r"no label column \(besides pixels, it has id\)"),
    "pixel columns in another order": (replace_field(1, 2, "pixel7"), "'pixel7' where 'pixel1' is expected"),
    "no square": (lambda lines: [lines.__setitem__(i, line.rpartition(",")[0]) for i, line in enumerate(lines)], "35"),
    "a value missing": (replace_field(5, 3, ""), r"row 5, column pixel2: the value is missing"),
    "a value NaN": (replace_field(5, 3, "NaN"), r"row 5, column pixel2: the value is missing \('NaN'\)"),
    "a pixel above 255": (replace_field(25, 36, "256"), r"row 25, column pixel35: 256 is not between 0 and 255"),
    "a negative pixel": (replace_field(2, 1, "-1"), r"row 2, column pixel0: -1 is not"),
    "a fraction": (replace_field(7, 1, "3.5"), r"row 7, column pixel0: '3\.5' is not a whole number"),
    "a word": (replace_field(7, 1, "ink"), r"row 7, column pixel0: 'ink' is not a whole number"),
    "a label above 255": (replace_field(3, 0, "300"), r"row 3, column label: 300 is not"),
    "a label missing": (replace_field(3, 0, ""), r"row 3, column label: the value is missing"),
    "a stray label": (replace_field(9, 0, "77"), r"row 9: class 77 has too few distinct images, 1"),
    "a short row": (lambda lines: lines.__setitem__(10, "1,2"), r"row 11: 2 columns, but the header has 37"),
    "cut off in the last row": (lambda lines: lines.__setitem__(-1, lines[-1][:50]), r"row 25: \d+ columns"),
    "every row too wide": (lambda lines: give_all(lines, ",0"), r"row 2: 38 columns"),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_malformed_csv_is_refused(csv_file: Callable[..., Path], fault: str) -> None:
    edit, message = CSV_FAULTS[fault]
    path = csv_file(edit)
    with pytest.raises(DataError, match=message) as refusal:
        sources.load(str(path))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def wide_header(dimensions: int, count: int) -> bytes:
    return struct.pack(">BBBB3I", 0, 0, 8, dimensions, count, 6, 6)


IDX_FAULTS = {
    "empty": ("train-labels-idx1-ubyte", lambda old: b"", "not an IDX file"),
    "no IDX file": ("train-labels-idx1-ubyte", lambda old: b"PK\3\4" + old, "not an IDX file: its first bytes are 50"),
    "another type": ("train-labels-idx1-ubyte", lambda old: b"\0\0\x0d" + old[3:], "IDX type 0x0d"),
    "labels as images": ("t10k-images-idx3-ubyte", lambda old: idx_bytes(small_labels(6)), "1 dimensions, but images"),
    "header cut": ("t10k-images-idx3-ubyte", lambda old: old[:9], "ends inside its header"),
    "truncated": ("t10k-images-idx3-ubyte", lambda old: old[:-1], "216 bytes, but holds only 215"),
    "too long": ("t10k-images-idx3-ubyte", lambda old: old + b"\0", "but holds more bytes"),
    "an impossible count": ("t10k-images-idx3-ubyte", lambda old: wide_header(3, 2**32 - 1) + old[16:], "declares"),
    "gzip truncated": ("train-images-idx3-ubyte.gz", lambda old: old[: len(old) // 2], "cannot be read"),
    "gzip damaged": ("train-images-idx3-ubyte.gz", lambda old: old[:60] + b"\xff" * 9 + old[69:], "cannot be read"),
    "a label missing": ("t10k-labels-idx1-ubyte", lambda old: idx_bytes(small_labels(5)), "6 images, but .* 5 labels"),
    "no images": ("t10k-images-idx3-ubyte", lambda old: idx_bytes(small_images(0)), "0 x 6 x 6 values: it is empty"),
    "a test label unseen in training": (
        "t10k-labels-idx1-ubyte",
        lambda old: idx_bytes(np.array([0, 1, 2, 0, 1, 9])),
        "class 9 has too few distinct images, 0",
    ),
    "test images of another size": (
        "t10k-images-idx3-ubyte",
        lambda old: idx_bytes(np.zeros((6, 5, 6))),
        "must have one shape",
    ),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_a_malformed_idx_file_is_refused(idx_folder: Path, fault: str) -> None:
    name, damage, message = IDX_FAULTS[fault]
    path = idx_folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=message) as refusal:
        sources.load(str(idx_folder))
    assert str(idx_folder) in str(refusal.value)


def test_images_without_a_labels_file_are_refused(idx_folder: Path) -> None:
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte has no labels file next to it"):
        sources.load(str(idx_folder))


def good_arrays() -> dict[str, np.ndarray]:
    return {"images": small_images(), "labels": small_labels()}


def with_value(array: np.ndarray, row: int, value: float, dtype: type) -> np.ndarray:
    changed = array.astype(dtype)
    changed[row] = value
    return changed


NPZ_FAULTS = {
    "no arrays": ({"pictures": small_images()}, "lacks its arrays"),
    "y_test missing": (
        {"x_train": small_images(), "y_train": small_labels(), "x_test": small_images(3, seed=1)},
        "only one of x_test and y_test",
    ),
    "flat images": ({"images": small_images().reshape(24, -1)}, r"the shape \(24, 36\)"),
    "four channels": ({"images": np.zeros((24, 6, 6, 4), np.uint8)}, r"the shape \(24, 6, 6, 4\)"),
    "scaled images": ({"images": small_images() / 255}, "multiply by 255"),
    "NaN": ({"images": with_value(small_images(), 3, np.nan, float)}, r"row 4: a pixel is missing \(NaN\)"),
    "infinite": ({"images": with_value(small_images(), 3, np.inf, float)}, "row 4: a pixel is not between"),
    "above 255": ({"images": with_value(small_images(), 5, 256, int)}, "row 6: a pixel is not between 0 and 255"),
    "below 0": ({"images": with_value(small_images(), 5, -1, np.int16)}, "row 6: a pixel is not between 0 and 255"),
    "fractions": ({"images": with_value(small_images(), 5, 7.5, float)}, "row 6: a pixel is not a whole number"),
    "text": ({"images": small_images().astype(str)}, "not numbers"),
    "objects": ({"images": small_images().astype(object)}, "holds Python objects, which are never loaded"),
    "one label too few": ({"labels": small_labels(23)}, "24 images, but .* 23 labels"),
    "one-hot labels": ({"labels": np.eye(3)[small_labels()]}, r"the shape \(24, 3\)"),
    "label NaN": ({"labels": with_value(small_labels(), 7, np.nan, float)}, r"row 8: the label is missing"),
    "label negative": ({"labels": with_value(small_labels(), 7, -1, int)}, "row 8: the label is negative"),
    "label fraction": ({"labels": with_value(small_labels(), 7, 0.5, float)}, "row 8: the label is not a whole number"),
    "label text": ({"labels": small_labels().astype(str)}, "labels are whole numbers"),
    "class twice": ({"classes": np.array(["ape", "zebra", "ape"])}, "has 'ape' twice among its classes"),
    "class without a name": ({"classes": np.array(["ape", "", "zebra"])}, r"\[classes\] has an empty name"),
    "class names that are not safe": ({"classes": np.array(["a", "b\n", "c"])}, "control characters"),
    "class objects": ({"classes": np.array(["a", "b", "c"], object)}, "holds Python objects.* names as str"),
    "classes of another kind": ({"classes": np.eye(3)}, r"float64 of shape \(3, 3\): strings"),
    "one class too few": ({"classes": np.array(["ape", "zebra"])}, "row 3: the label is not between 0 and 1"),
    "only one class": ({"labels": np.zeros(24, int)}, "only one class"),
    "a class of copies": (
        {"images": np.concatenate([small_images(20), np.zeros((4, 6, 6), np.uint8)]), "labels": np.arange(24) // 20},
        "row 21: class 1 has too few distinct images, 1",
    ),
}


@pytest.mark.parametrize("fault", NPZ_FAULTS)
def test_a_malformed_archive_is_refused(tmp_path: Path, fault: str) -> None:
    changes, message = NPZ_FAULTS[fault]
    arrays = changes if {"pictures", "x_train"} & set(changes) else good_arrays() | changes
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as refusal:
        sources.load(str(path))
    assert "set.npz" in str(refusal.value)


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **good_arrays())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"set\.npz cannot be read as a NumPy archive"):
        sources.load(str(path))


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "set.npz").open("wb") as stream:
        np.save(stream, small_images())
    with pytest.raises(DataError, match="is a single array, not an archive"):
        sources.load(str(tmp_path / "set.npz"))


def classes_of_pictures(folder: Path) -> Path:
    for label, name in enumerate(("cats", "dogs")):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(small_images(4, seed=label)):
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return folder


def save(size: tuple[int, int], mode: str) -> Callable[[Path], None]:
    return lambda path: Image.new(mode, size).save(path)


def animate(path: Path) -> None:
    frames = [Image.fromarray(image) for image in small_images(2)]
    frames[0].save(path.with_suffix(".gif"), save_all=True, append_images=frames[1:])
    path.unlink()


PICTURE_FAULTS = {
    "damaged": (lambda path: path.write_bytes(path.read_bytes()[:50]), r"2\.png is (damaged|cut off|not a picture)"),
    "no picture at all": (lambda path: path.write_text("hello"), r"2\.png is not a picture"),
    "another size": (save((5, 6), "L"), r"2\.png has 6 x 5 pixels \(height x width\), but .*0\.png has 6 x 6"),
    "16 bits": (save((6, 6), "I;16"), r"2\.png has more than 8 bits"),
    "transparent": (save((6, 6), "RGBA"), r"2\.png has transparent pixels"),
    "animated": (animate, r"2\.gif holds several frames"),
    "an empty class": (lambda path: [file.unlink() for file in path.parent.iterdir()], "dogs holds no pictures"),
}


@pytest.mark.parametrize("fault", PICTURE_FAULTS)
def test_a_malformed_picture_is_refused(tmp_path: Path, fault: str) -> None:
    damage, message = PICTURE_FAULTS[fault]
    folder = classes_of_pictures(tmp_path / "pets")
    damage(folder / "dogs" / "2.png")
    with pytest.raises(DataError, match=message):
        sources.load(str(folder))


def test_a_folder_of_pictures_without_classes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    Image.fromarray(small_images(1)[0]).save(folder / "1.png")
    with pytest.raises(DataError, match="has no sub-folders"):
        sources.load(str(folder))


def test_a_path_of_no_known_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("1,2,3")
    with pytest.raises(DataError, match="has an unknown form"):
        sources.load(str(tmp_path / "set.txt"))
    with pytest.raises(DataError, match="does not exist: name a file or folder, a dataset, or one of auto"):
        sources.load(str(tmp_path / "nothing.csv"))


UNLABELLED_FAULTS = {
    "another size": (lambda path: np.savez(path, x=np.zeros((3, 8, 6))), "of 8 x 6 x 1 .* takes 6 x 6 x 1"),
    "no array": (lambda path: np.savez(path, z=np.zeros(3)), "holds no images to predict"),
    "NaN": (lambda path: np.savez(path, x=np.full((3, 6, 6), np.nan)), "row 1: a pixel is missing"),
    "missing": (lambda path: None, "does not exist"),
}


@pytest.mark.parametrize("fault", UNLABELLED_FAULTS)
def test_malformed_images_to_predict_are_refused(tmp_path: Path, fault: str) -> None:
    write, message = UNLABELLED_FAULTS[fault]
    write(tmp_path / "new.npz")
    with pytest.raises(DataError, match=message) as refusal:
        unlabelled.load(tmp_path / "new.npz", (6, 6, 1))
    assert "new.npz" in str(refusal.value)


def test_labelled_rows_are_not_predicted(csv_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="has a label column"):
        unlabelled.load(csv_file(), (6, 6, 1))


def test_a_folder_without_pictures_is_not_predicted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        unlabelled.load(tmp_path, (6, 6, 1))


SAMPLE_FAULTS = {
    "empty": ("", "starts with 'nothing'"),
    "one column": ("ImageId\n1\n", "starts with 'ImageId'"),
    "a column twice": ("id,a,a\n1,0,0\n", "starts with 'id,a,a'"),
    "header alone": ("ImageId,Label\n", "a header but no ids"),
    "no label": ("ImageId,Label\n1,0\n\n2\n", "row 4: 2 values are expected, not '2'"),
    "no id": ("ImageId,Label\n,0\n", "row 2: the id is missing"),
    "an id twice": ("ImageId,Label\n1,0\n2,0\n1,0\n", "row 4: the id 1 is already in row 2"),
}


@pytest.mark.parametrize("fault", SAMPLE_FAULTS)
def test_a_malformed_sample_submission_is_refused(tmp_path: Path, fault: str) -> None:
    content, message = SAMPLE_FAULTS[fault]
    path = tmp_path / "sample_submission.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=re.escape(str(path)) + ".*" + message):
        sample_submission.read(path)


def test_gzip_is_recognised_by_content_not_by_name(idx_folder: Path) -> None:
    path = idx_folder / "train-labels-idx1-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(sources.load(str(idx_folder))) == 30
