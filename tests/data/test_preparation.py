"""The preparations that a dataset can declare: sizes, proportions, polarity."""

import numpy as np
import pytest
from PIL import Image

from pipeline.data.preparation import Kind, Polarity, Preparation, default_for, prepare
from pipeline.errors import DataError


def halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, "#ff0000")
    picture.paste("#0000ff", (size[0] // 2, 0, *size))
    return picture


def stroke(ground: int, ink: int, size: int = 28) -> Image.Image:
    picture = Image.new("L", (size, size), ground)
    picture.paste(ink, (size // 3, size // 6, size // 2, size - size // 6))
    return picture


def test_grey_datasets_get_mnists_preparation_and_colour_is_stretched() -> None:
    assert default_for((28, 28, 1)) == Preparation("digit", "light-on-dark", 28, 28, 1)
    assert default_for((32, 30, 3)) == Preparation("stretch", "any", 32, 30, 3)


EDGES: dict[Kind, tuple[list[int], list[int]]] = {
    "stretch": ([255, 0, 0], [0, 0, 255]),
    "crop": ([255, 0, 0], [0, 0, 255]),
    "fit": ([255, 0, 0], [0, 0, 255]),
}


@pytest.mark.parametrize("kind", EDGES)
def test_a_picture_is_brought_to_the_size(kind: Kind) -> None:
    pixels = prepare(halves(), Preparation(kind, "any", 20, 20, 3))
    left, right = EDGES[kind]
    assert pixels.shape == (20, 20, 3)
    assert (pixels[10, 1].tolist(), pixels[10, 18].tolist()) == (left, right)


def test_fit_fills_with_the_colour_of_the_edge_and_crop_and_stretch_fill_all() -> None:
    tall = Image.new("L", (20, 60), 200)
    tall.paste(10, (8, 25, 12, 35))
    fitted, cropped, stretched = (
        prepare(tall, Preparation(kind, "any", 30, 30, 1))[..., 0] for kind in ("fit", "crop", "stretch")
    )
    assert fitted[:, :8].min() == fitted[:, -8:].max() == 200
    assert np.flatnonzero((fitted < 100).any(axis=0)).size <= 4
    assert (cropped < 100).sum() > (stretched < 100).sum() > 0


@pytest.mark.parametrize("kind", ["digit", "fit", "crop", "stretch", "as-is"])
@pytest.mark.parametrize(
    ("polarity", "ground", "expected"),
    [
        ("light-on-dark", 0, 0),
        ("light-on-dark", 255, 0),
        ("dark-on-light", 0, 255),
        ("dark-on-light", 255, 255),
        ("any", 0, 0),
        ("any", 255, 255),
    ],
)
def test_a_picture_of_the_models_size_only_changes_its_polarity(
    kind: Kind, polarity: Polarity, ground: int, expected: int
) -> None:
    picture = stroke(ground, 255 - ground)
    pixels = prepare(picture, Preparation(kind, polarity, 28, 28, 1))[..., 0]
    given = np.asarray(picture)
    np.testing.assert_array_equal(pixels, given if ground == expected else 255 - given)


@pytest.mark.parametrize("kind", ["digit", "fit", "crop", "stretch", "as-is"])
def test_where_any_polarity_will_do_a_mixed_edge_changes_nothing(kind: Kind) -> None:
    given = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    channels = 1 if kind == "digit" else 3
    picture = Image.fromarray(given).convert("L") if channels == 1 else Image.fromarray(given)
    pixels = prepare(picture, Preparation(kind, "any", 9, 7, channels))
    np.testing.assert_array_equal(pixels, np.asarray(picture).reshape(9, 7, channels))


def test_as_is_refuses_another_size() -> None:
    with pytest.raises(DataError, match=r"40 x 80 pixels.*takes 28 x 28"):
        prepare(halves(), Preparation("as-is", "any", 28, 28, 1))


def test_a_small_photo_of_the_models_size_is_prepared_as_a_photo() -> None:
    grain = np.random.default_rng(0).normal(0, 3, (28, 28))
    photo = Image.fromarray(np.clip(np.asarray(stroke(200, 40), np.float64) + grain, 0, 255).astype(np.uint8))
    pixels = prepare(photo, default_for((28, 28, 1)))[..., 0]
    assert (pixels[0].max(), pixels[:, 0].max()) == (0, 0), "paper is black"
    assert pixels.max() > 240


def test_a_blank_picture_of_the_models_size_is_refused() -> None:
    with pytest.raises(DataError, match="blank"):
        prepare(Image.new("L", (28, 28), 0), default_for((28, 28, 1)))


def test_a_colour_model_gets_a_digit_in_three_channels() -> None:
    pixels = prepare(stroke(255, 0, 90), Preparation("digit", "dark-on-light", 28, 28, 3))
    assert pixels.shape == (28, 28, 3)
    assert (pixels == pixels[..., :1]).all()
    assert pixels[0, 0].tolist() == [255, 255, 255]
