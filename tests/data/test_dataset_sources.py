"""Whatever form labelled images come in, the same validated dataset comes out."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import CLASSES, csv_lines, small_images, small_labels

from pipeline.data import digests, mnist, sources, validation
from pipeline.errors import DataError


def test_a_kaggle_csv_is_read_as_it_is(csv_file: Callable[..., Path]) -> None:
    data = sources.load(str(csv_file()))
    assert data.name == "digit-recognizer"
    assert data.classes == ("0", "1", "2")
    assert data.official_test is None
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images[..., 0], small_images())
    np.testing.assert_array_equal(data.labels, small_labels())


@pytest.mark.parametrize("form", ["pixel{pixel}", "{row}x{column}"])
def test_other_headers_of_the_same_form_are_read(csv_file: Callable[..., Path], form: str) -> None:
    names = [form.format(pixel=i + 1, row=i // 6 + 1, column=i % 6 + 1) for i in range(36)]
    path = csv_file(lambda lines: lines.__setitem__(0, ",".join(["label", *names])))
    assert len(sources.load(str(path))) == 24


def test_labels_with_gaps_become_classes_named_after_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=small_images(), y=small_labels()[:, None] * 3)
    data = sources.load(str(tmp_path / "set.npz"))
    assert data.classes == ("0", "3", "6")
    np.testing.assert_array_equal(data.labels, small_labels())


def test_a_kaggle_folder_needs_its_download(tmp_path: Path, csv_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"simulator\.py kaggle download"):
        sources.load("kaggle")
    assert sources.load("kaggle", competition=lambda name: (csv_file().parent, None)).name == "kaggle"


def test_an_idx_folder_knows_its_own_test_rows(idx_folder: Path) -> None:
    data = sources.load(str(idx_folder), name="My Digits!")
    assert data.name == "my-digits"
    assert data.official_test is not None
    assert data.official_test.tolist() == [False] * 24 + [True] * 6
    np.testing.assert_array_equal(data.images[:24, ..., 0], small_images())
    np.testing.assert_array_equal(data.labels[24:], small_labels(6))


def test_keras_style_archives_know_their_test_rows(tmp_path: Path) -> None:
    path = tmp_path / "colours.npz"
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 7, 3)).astype(np.int32)
    np.savez(path, x_train=images[:24], y_train=small_labels(), x_test=images[24:], y_test=small_labels(6))
    data = sources.load(str(path))
    assert (data.name, data.shape, len(data.classes)) == ("colours", (5, 7, 3), CLASSES)
    assert data.official_test is not None
    assert data.official_test.sum() == 6


def test_pictures_are_grey_or_coloured_by_content(tmp_path: Path) -> None:
    told: list[str] = []
    for label, name in enumerate(("zebra", "ape")):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        for number, image in enumerate(small_images(3, seed=label)):
            Image.fromarray(image).convert("RGB").save(tmp_path / "zoo" / name / f"{number}.bmp")
    (tmp_path / "zoo" / "ape" / "notes.txt").write_text("shy")
    grey = sources.load(str(tmp_path / "zoo"), notify=told.append)
    assert (grey.classes, grey.shape, grey.labels.tolist()) == (("ape", "zebra"), (6, 6, 1), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(grey.images[3:, ..., 0], small_images(3, seed=0))
    assert any("notes.txt" in sentence for sentence in told)

    Image.new("RGB", (6, 6), (250, 0, 10)).save(tmp_path / "zoo" / "zebra" / "3.png")
    coloured = sources.load(str(tmp_path / "zoo"))
    assert coloured.shape == (6, 6, 3)
    assert coloured.images[6, 0, 0].tolist() == [250, 0, 10]
    np.testing.assert_array_equal(coloured.images[:6], np.repeat(grey.images, 3, axis=3))


def test_digits_look_like_mnist() -> None:
    data = sources.load("digits")
    assert (data.name, len(data), data.shape, data.classes) == ("digits", 1797, (28, 28, 1), tuple("0123456789"))
    assert len(digests.unique(data.digests)) == 1797
    ink = data.images[..., 0].astype(float)
    assert (ink.max(axis=(1, 2)) > 200).all()
    centres = (ink.sum(axis=2) @ np.arange(28)) / ink.sum(axis=(1, 2))
    assert np.abs(centres - 13.5).max() < 1
    assert 0.15 < (ink > 0).mean() < 0.35


def test_auto_falls_back_to_the_digits_with_a_notice(no_mnist: Path) -> None:
    told: list[str] = []
    data = sources.load("auto", notify=told.append)
    assert data.name == "digits"
    assert len(told) == 1
    assert told[0].startswith("This run does NOT use MNIST")
    assert "--data-dir" in told[0]
    assert not no_mnist.exists()


def test_mnist_that_cannot_be_had_is_an_error(no_mnist: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be downloaded"):
        sources.load("mnist")
    told: list[str] = []
    with pytest.raises(DataError, match="not on this machine"):
        sources.load("mnist", data_dir=tmp_path, download=False, notify=told.append)
    assert told == [f"{tmp_path} does not hold MNIST (IDX files or mnist.npz): looking elsewhere."]


def test_a_named_folder_that_is_not_there_is_an_error(
    no_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"--data-dir is .*nowhere, which is not a folder"):
        sources.load("auto", data_dir=tmp_path / "nowhere")
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match=r"PIPELINE_DATA is .*elsewhere, which is not a folder"):
        sources.load("mnist")
    assert sources.load("digits").name == "digits"


def test_other_images_do_not_pass_for_mnist(no_mnist: Path, idx_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_DATA", str(idx_folder))
    for spec in ("mnist", "auto"):
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz does not hold MNIST's training images"):
            sources.load(spec, download=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback that has a ``mnist.npz``, which is none."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "mnist.npz").write_bytes(b"not MNIST")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_download_is_checked_before_it_is_kept(
    server: str, no_mnist: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="sent something other than MNIST"):
        mnist.download(no_mnist, 5, f"{server}/mnist.npz")
    with pytest.raises(DataError, match=r"could not be downloaded .*404"):
        mnist.download(no_mnist, 5, f"{server}/missing.npz")
    assert not no_mnist.exists()

    monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(b"not MNIST").hexdigest())
    mnist.download(no_mnist, 5, f"{server}/mnist.npz")
    assert list(no_mnist.parent.iterdir()) == [no_mnist]
    assert no_mnist.read_bytes() == b"not MNIST"


def test_copies_are_counted_and_told(tmp_path: Path) -> None:
    images, labels = small_images(), small_labels()
    images[20] = images[2]  # labels 2 and 2: a plain copy
    images[21] = images[1]  # labels 0 and 1: one of them is wrong
    told: list[str] = []
    np.savez(tmp_path / "set.npz", x_train=images[:21], y_train=labels[:21], x_test=images[21:], y_test=labels[21:])
    report = validation.report(sources.load(str(tmp_path / "set.npz"), notify=told.append))
    assert (report.images, report.duplicates, report.conflicting) == (24, 2, 1)
    assert (report.official_test, report.shared, report.missing) == (3, 1, 0)
    assert report.class_counts == {"0": 8, "1": 8, "2": 8}
    assert report.pixel_range == (0, 255)
    assert "the first is image 2" in told[0]
    assert "test images that are also training images: 1." in told[1]


def test_a_digest_is_of_pixels_and_shape() -> None:
    images = small_images()[..., None]
    own = digests.image_digests(images)
    assert own.dtype == np.dtype("V16")
    assert digests.overlap(own, digests.image_digests(images[:5])) == 5
    assert digests.overlap(own, digests.image_digests(images.reshape(24, 4, 9, 1))) == 0
    shuffled = np.concatenate([own[::-1], own[:3]])
    assert digests.set_digest(shuffled) == digests.set_digest(own)
    assert digests.set_digest(own[1:]) != digests.set_digest(own)


def test_the_dataset_digest_depends_on_labels_and_class_names(csv_file: Callable[..., Path], tmp_path: Path) -> None:
    first = sources.load(str(csv_file())).sha256
    swapped = tmp_path / "swapped.csv"
    swapped.write_text("\n".join(csv_lines(small_images(), np.roll(small_labels(), 1))))
    renamed = tmp_path / "renamed.csv"
    renamed.write_text("\n".join(csv_lines(small_images(), small_labels() + 1)))
    assert len({first, sources.load(str(swapped)).sha256, sources.load(str(renamed)).sha256}) == 3
