import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from pipeline.data.picture_file import decode_picture
from pipeline.data.preparation import default_for, prepare
from pipeline.errors import DataError
from pipeline.inference.predictor import OnnxPredictor

GREY = (28, 28, 1)
SEVEN = [(200, 120), (330, 120), (250, 330)]
Scene = NDArray[np.float64]


def to_model_input(picture: Image.Image, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return prepare(picture, default_for(shape))


def drawn(size: tuple[int, int] = (640, 480), paper: int = 230, ink: int = 30, width: int = 26) -> Image.Image:
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).line(SEVEN, fill=ink, width=width, joint="curve")
    return picture


def centre_of_mass(image: NDArray[np.uint8]) -> tuple[float, float]:
    weight = image[..., 0].astype(float)
    down, across = np.indices(weight.shape)
    return float((down * weight).sum() / weight.sum()), float((across * weight).sum() / weight.sum())


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean absolute difference in grey levels; a shift by one pixel, from rounding, is forgiven."""
    shifts = [np.roll(first, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return min(float(np.abs(shifted.astype(int) - second).mean()) for shifted in shifts)


def test_ink_fills_a_box_of_twenty_pixels_with_its_centre_of_mass_in_the_middle() -> None:
    seen = to_model_input(drawn(), GREY)

    rows, columns = (np.flatnonzero(seen[..., 0].any(axis=axis)) for axis in (1, 0))
    assert seen.shape == GREY
    assert seen.dtype == np.uint8
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 <= 20
    assert centre_of_mass(seen) == pytest.approx((14, 14), abs=0.51)
    assert seen.max() > 240, "ink is light"
    assert (seen[:, [0, -1]] == 0).all(), "paper is exactly black"


def _transparent(picture: Image.Image, ink: str) -> Image.Image:
    layer = Image.new("RGBA", picture.size, ink)
    layer.putalpha(ImageOps.invert(picture.point(lambda value: 255 if value > 127 else 0)))
    return layer


def _rotated_by_exif(picture: Image.Image) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = 6
    kept = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(kept, "JPEG", exif=exif, quality=95)
    return decode_picture(kept.getvalue(), "turned")


def _with_shadow(picture: Image.Image) -> Image.Image:
    light = np.where(np.arange(picture.width) > 260, 1.0, 0.55)
    return Image.fromarray((np.asarray(picture) * light).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))


def _with_gradient(picture: Image.Image) -> Image.Image:
    light = np.linspace(1, 0.4, picture.width) * np.linspace(1, 0.7, picture.height)[:, None]
    return Image.fromarray((np.asarray(picture) * light).astype(np.uint8))


def _noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, 10, (picture.height, picture.width))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def _with_table(picture: Image.Image) -> Image.Image:
    ImageDraw.Draw(picture).rectangle([(0, 0), (90, picture.height)], fill=60)
    return picture


def _with_dirt(picture: Image.Image) -> Image.Image:
    for x, y in [(60, 60), (560, 400), (500, 90)]:
        ImageDraw.Draw(picture).ellipse([(x, y), (x + 8, y + 8)], fill=60)
    return picture


SAME_PICTURE = {
    "light on dark": lambda: ImageOps.invert(drawn()),
    "faint pencil": lambda: drawn(ink=180),
    "colour": lambda: ImageOps.colorize(drawn(), "#123a8c", "#f4efe2"),
    "palette": lambda: drawn().convert("P"),
    "16 bits": lambda: Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257),
    "bilevel": lambda: drawn().convert("1"),
    "transparent, dark ink": lambda: _transparent(drawn(), "#101010"),
    "transparent, light ink": lambda: _transparent(drawn(), "#f0f0f0"),
    "turned by EXIF": lambda: _rotated_by_exif(drawn()),
    "light from one side": lambda: _with_gradient(drawn()),
    "hard shadow": lambda: _with_shadow(drawn()),
    "noise": lambda: _noisy(drawn()),
    "edge of a table": lambda: _with_table(drawn()),
    "dirt": lambda: _with_dirt(drawn()),
    "twice the size": lambda: drawn().resize((1280, 960)),
    "cropped tightly": lambda: drawn().crop((180, 100, 350, 350)),
}


@pytest.mark.parametrize("picture", SAME_PICTURE.values(), ids=SAME_PICTURE.keys())
def test_light_paper_and_format_do_not_matter(picture: object) -> None:
    seen = to_model_input(picture(), GREY)  # type: ignore[operator]

    assert difference(seen, to_model_input(drawn(), GREY)) < 8, "of 255; an unrelated digit differs by about 40"


def test_a_fine_pen_leaves_strokes_that_can_be_seen() -> None:
    seen = to_model_input(drawn(width=3), GREY)

    assert (seen > 127).sum() > 40


def test_other_sizes_keep_the_proportions() -> None:
    seen = to_model_input(drawn(), (56, 42, 1))

    rows, columns = (np.flatnonzero(seen[..., 0].any(axis=axis)) for axis in (1, 0))
    assert np.ptp(rows) + 1 == 40
    assert np.ptp(columns) + 1 <= 30


def test_colour_datasets_get_the_picture_resized() -> None:
    halves = Image.new("RGB", (200, 100), "#ff0000")
    halves.paste("#0000ff", (100, 0, 200, 100))

    seen = to_model_input(halves, (32, 32, 3))

    assert seen.shape == (32, 32, 3)
    assert seen[16, 4].tolist() == [255, 0, 0]
    assert seen[16, 28].tolist() == [0, 0, 255]


BLANK = {
    "white": lambda: Image.new("L", (300, 300), 255),
    "transparent": lambda: Image.new("RGBA", (300, 300), (0, 0, 0, 0)),
    "one pixel": lambda: Image.new("L", (1, 1), 0),
    "paper with grain": lambda: _noisy(Image.new("L", (300, 300), 200)),
    "paper in uneven light": lambda: _with_gradient(Image.new("L", (300, 300), 220)),
}


@pytest.mark.parametrize("picture", BLANK.values(), ids=BLANK.keys())
def test_a_blank_picture_is_refused(picture: object) -> None:
    with pytest.raises(DataError, match="blank"):
        to_model_input(picture(), GREY)  # type: ignore[operator]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)), st.sampled_from([1, 3]))
def test_any_pixels_give_an_image_or_a_sentence(pixels: NDArray[np.uint8], channels: int) -> None:
    try:
        seen = to_model_input(Image.fromarray(pixels), (28, 28, channels))
    except DataError as error:
        assert str(error).endswith(".")
    else:
        assert seen.shape == (28, 28, channels)
        assert seen.dtype == np.uint8


@pytest.mark.slow
def test_photographed_test_digits_are_recognised_like_the_originals(mnist_folder: Path, digits_onnx: bytes) -> None:
    images, labels = _test_digits(mnist_folder, 200)
    predictor = OnnxPredictor(digits_onnx)
    rng = np.random.default_rng(5)

    photographed = np.stack([to_model_input(_photograph(image, rng), GREY) for image in images])

    original = (predictor.predict(images[..., None]).argmax(axis=1) == labels).mean()
    assert (predictor.predict(photographed).argmax(axis=1) == labels).mean() >= original - 0.05


def _test_digits(folder: Path, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return (
        np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)[:count],
        np.frombuffer(labels, np.uint8, offset=8)[:count],
    )


def _photograph(image: NDArray[np.uint8], rng: np.random.Generator) -> Image.Image:
    """Dark ink somewhere on paper, in uneven light, with grain."""
    side = int(rng.integers(120, 300))
    sheet = np.zeros((360, 480))
    top, left = rng.integers(0, 360 - side), rng.integers(0, 480 - side)
    sheet[top : top + side, left : left + side] = np.asarray(Image.fromarray(image).resize((side, side))) / 255
    light = 225 * np.linspace(1, rng.uniform(0.5, 1), 480) * np.linspace(1, rng.uniform(0.6, 1), 360)[:, None]
    photo = light * (1 - 0.8 * sheet) + rng.normal(0, 5, sheet.shape)
    return Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
