"""Images to predict, in every form, with the ids that a submission needs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import idx_bytes, small_images

from pipeline.data import unlabelled
from pipeline.errors import DataError

SHAPE = (6, 6, 1)


def write_npz(path: Path) -> Path:
    np.savez(path / "new.npz", x_test=small_images())
    return path / "new.npz"


def write_idx(path: Path) -> Path:
    (path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(small_images()))
    return path / "t10k-images-idx3-ubyte"


@pytest.mark.parametrize("write", [write_npz, write_idx])
def test_arrays_are_numbered_from_one(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    loaded = unlabelled.load(write(tmp_path), SHAPE)
    assert loaded.ids == tuple(str(number) for number in range(1, 25))
    np.testing.assert_array_equal(loaded.images[..., 0], small_images())


def test_kaggles_test_csv_is_numbered_from_one(csv_file: Callable[..., Path]) -> None:
    path = csv_file(labelled=False)
    loaded = unlabelled.load(path, SHAPE)
    assert (loaded.ids[0], loaded.ids[-1], loaded.stand_in_labels) == ("1", "24", None)
    assert str(path) in loaded.source
    np.testing.assert_array_equal(loaded.images[..., 0], small_images())


def test_pictures_of_the_right_form_are_taken_as_they_are(tmp_path: Path) -> None:
    images = small_images(3)
    for name, image in zip(("b.png", "a.png", "c.bmp"), images, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    loaded = unlabelled.load(tmp_path, SHAPE)
    assert loaded.ids == ("a.png", "b.png", "c.bmp")
    np.testing.assert_array_equal(loaded.images[..., 0], images[[1, 0, 2]])
    single = unlabelled.load(tmp_path / "c.bmp", SHAPE)
    assert single.ids == ("c.bmp",)
    np.testing.assert_array_equal(single.images[0, ..., 0], images[2])


def test_a_picture_of_another_form_is_brought_into_it(tmp_path: Path) -> None:
    page = np.full((90, 60, 3), 240, np.uint8)
    page[20:70, 27:33] = 15
    Image.fromarray(page).save(tmp_path / "one.jpg")
    image = unlabelled.load(tmp_path / "one.jpg", (28, 28, 1)).images
    assert image.shape == (1, 28, 28, 1)
    assert image[0, 14, 13:15].max() > 200, "dark ink on light paper becomes light ink on black"
    assert image[0, :, :3].max() < 50


def test_pictures_of_sub_folders_are_named_by_their_paths(tmp_path: Path) -> None:
    for name in ("b.png", "two/a.png", "two/inside/c.png", ".hidden/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small_images(1)[0]).save(tmp_path / name)
    (tmp_path / "two" / "notes.txt").write_text("no picture")
    told: list[str] = []
    assert unlabelled.load(tmp_path, SHAPE, told.append).ids == ("b.png", "two/a.png", "two/inside/c.png")
    assert told == [f"{tmp_path}: not a picture, so left out: two/notes.txt."]


def test_a_folder_without_pictures_says_what_else_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures: add some"):
        unlabelled.load(tmp_path, SHAPE)
    for name in ("sample_submission.csv", "test.csv", "notes.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=r"no pictures but sample_submission\.csv, test\.csv: name .* in .*/test\.csv"):
        unlabelled.load(tmp_path, SHAPE)


def test_a_broken_picture_is_left_out_only_where_that_is_wanted(tmp_path: Path) -> None:
    Image.fromarray(small_images(1)[0]).save(tmp_path / "sound.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png is not a picture"):
        unlabelled.load(tmp_path, SHAPE)
    told: list[str] = []
    assert unlabelled.load(tmp_path, SHAPE, unreadable=told.append).ids == ("sound.png",)
    assert [str(tmp_path / "broken.png") in sentence for sentence in told] == [True]
    (tmp_path / "sound.png").unlink()
    with pytest.raises(DataError, match="holds no picture that can be read"):
        unlabelled.load(tmp_path, SHAPE, unreadable=told.append)
