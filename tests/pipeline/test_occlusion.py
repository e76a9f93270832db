"""What a prediction depends on: a model that looks at one corner is shown to look there, and the report marks it."""

import numpy as np
import pytest

from pipeline.contracts import Images, Probabilities
from pipeline.inference.occlusion import occlusion
from pipeline.reports import galleries


def looks_at_corner(images: Images) -> Probabilities:
    """Two classes: the second by how much ink there is in the upper left quarter."""
    height, width = images.shape[1] // 2, images.shape[2] // 2
    ink = images[:, :height, :width].mean(axis=(1, 2, 3), dtype=np.float32) / 255
    return np.stack([1 - ink, ink], axis=1)


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (16, 20, 3), (2, 2, 1)], ids=str)
def test_the_part_that_the_answer_hangs_on_falls_most(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(60, 200, shape).astype(np.uint8)
    image[0], image[-1], image[:, 0], image[:, -1] = (0, 0, 0, 0) if min(shape[:2]) > 2 else (9, 0, 9, 0)
    falls = occlusion(looks_at_corner, image, 1)
    assert falls.shape == shape[:2]
    there, elsewhere = falls[: shape[0] // 2, : shape[1] // 2], falls[-1, -1]
    assert there.mean() > 0 or min(shape[:2]) == 2
    assert elsewhere == pytest.approx(0, abs=1e-6)


def test_a_mistake_stands_beside_itself_with_that_part_in_orange() -> None:
    image = np.full((1, 28, 28, 1), 90, np.uint8)
    falls = np.zeros((28, 28), np.float32)
    falls[:7, :7] = 0.4
    probabilities = np.array([[0.1, 0.9]], np.float32)
    told = (image, np.array([0]), probabilities, ["a", "b"])
    (plain,) = galleries.mistakes(*told)
    (marked,) = galleries.mistakes(*told, explain=lambda _, answer: falls if answer == 1 else -falls)
    assert len(plain.pictures) == 1
    assert marked.pictures[0] == plain.pictures[0] != marked.pictures[1]
    painted = galleries._marked(image[0], falls)
    red, _, blue = painted[0, 0].astype(int)
    assert red > blue + 80
    assert (painted[-1, -1] == 90).all()
    assert (galleries._marked(image[0], -falls) == 90).all()
