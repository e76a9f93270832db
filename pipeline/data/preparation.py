"""How a picture becomes pixels that a model takes: declared once for a dataset, used wherever pictures come in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images
from pipeline.data.ink import BLANK, otsu
from pipeline.data.photos import WORKING_SIDE, light_on_dark
from pipeline.errors import DataError
from pipeline.facts.manifest_facts import DatasetFacts, PreparationFacts

if TYPE_CHECKING:
    from PIL import Image

Kind = Literal["digit", "fit", "crop", "stretch", "as-is"]
Polarity = Literal["light-on-dark", "dark-on-light", "any"]
OTHER = {"light-on-dark": "dark-on-light", "dark-on-light": "light-on-dark"}
EVEN_EDGE = 0.75
"""Share of the edge's pixels that must be on one side of Otsu's threshold for the edge to show the background."""

MOST_LOOKED_AT = 200
"""Pictures, evenly spaced, from which the polarity of a whole folder is found."""


@dataclass(frozen=True)
class Preparation:
    """What is done to a picture of any size before a model sees it.

    Attributes:
        kind: ``digit``: the ink is found, cropped, scaled into a box and centred by its mass, as in MNIST. ``fit``:
            scaled with its proportions kept, the rest filled with the colour of its edge. ``crop``: scaled and
            cropped to the middle. ``stretch``: scaled to the size. ``as-is``: a picture of another size is refused.
        polarity: What the model expects: light strokes on a dark ground, dark ones on a light ground, or either. A
            picture of the other polarity is inverted.
        height: Pixels.
        width: Pixels.
        channels: 1 (grey) or 3 (RGB).
    """

    kind: Kind
    polarity: Polarity
    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels

    @property
    def words(self) -> str:
        """In words for a person."""
        brought = "" if self.polarity == "any" else f", {self.polarity.replace('-', ' ')}"
        return f"{self.kind}{brought}, {self.height} x {self.width} pixels"

    @property
    def decoded_side(self) -> int:
        """Pixels per side that a picture must keep when it is decoded at a smaller scale.

        Twice what is used, so that a smaller scale never has exactly the model's size.
        """
        return 2 * max(WORKING_SIDE, self.height, self.width)


def default_for(shape: tuple[int, int, int]) -> Preparation:
    """Return the preparation of a dataset that declares none: MNIST's for grey images, ``stretch`` for colour."""
    height, width, channels = shape
    if channels == 1:
        return Preparation("digit", "light-on-dark", height, width, channels)
    return Preparation("stretch", "any", height, width, channels)


def dark_on_light(images: Images) -> bool:
    """Return whether most pictures, ``[N, H, W, C]``, have dark strokes on a light ground, by their edges."""
    few = images[:: -(-len(images) // MOST_LOOKED_AT)]
    return 2 * sum(_ground(picture) == "dark-on-light" for picture in few) > len(few)


def prepare(image: "Image.Image", preparation: Preparation) -> NDArray[np.uint8]:
    """Return the pixels of a picture as the model takes them, uint8 ``[H, W, C]``.

    A picture that already has the model's size and polarity passes unchanged. Transparent parts become the ground:
    white under dark strokes, black under light ones. More than 8 bits are scaled to 8.

    Args:
        image: Upright, of any mode and size (``picture_file.decode_picture``).
        preparation: What the dataset declares.

    Raises:
        DataError: The picture is blank, or has another size than ``as-is`` demands.
    """
    plain = _plain(image, preparation.channels)
    exact = plain.size == (preparation.width, preparation.height)
    if preparation.kind == "digit":
        return _digit(plain, preparation, exact).reshape(preparation.shape)
    if preparation.kind == "as-is" and not exact:
        raise DataError(
            f"The picture has {image.height} x {image.width} pixels (height x width), but the model takes "
            f"{preparation.height} x {preparation.width}: bring it to that size."
        )
    pixels = np.asarray(plain if exact else _resized(plain, preparation), np.uint8)
    inverted = preparation.polarity != "any" and _ground(pixels) == OTHER[preparation.polarity]
    return (255 - pixels if inverted else pixels).reshape(preparation.shape)


def _plain(image: "Image.Image", channels: int) -> "Image.Image":
    """Return the picture in 8 bits, without transparency, grey or RGB."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = _flattened(image.convert("RGBA"))
    return image.convert("L" if channels == 1 else "RGB")


def _eight_bits(image: "Image.Image") -> "Image.Image":
    """Scale whole numbers by the bits that they use (8, 12, 16, …), anything else by its range."""
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = float(values.min()), float(values.max())
    if low >= 0 and not image.mode.startswith("F"):
        low, high = 0.0, float(2 ** (4 * max(2, -(-int(high).bit_length() // 4))) - 1)
    return Image.fromarray(np.rint((values - low) / max(high - low, 1e-9) * 255).astype(np.uint8))


def _flattened(image: "Image.Image") -> "Image.Image":
    """Put the opaque part on a white background if it is dark, on a black one if it is light."""
    from PIL import Image

    opaque = np.asarray(image.getchannel("A")) > 127
    grey = np.asarray(image.convert("L"))
    ground = "black" if opaque.any() and grey[opaque].mean() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB")


def _digit(plain: "Image.Image", preparation: Preparation, exact: bool) -> NDArray[np.uint8]:
    grey = plain.convert("L")
    found = _unchanged(np.asarray(grey), preparation.polarity) if exact else None
    if found is None:
        found = light_on_dark(grey, preparation.height, preparation.width)
        found = 255 - found if preparation.polarity == "dark-on-light" else found
    return found if preparation.channels == 1 else np.repeat(found[..., None], preparation.channels, axis=2)


def _unchanged(grey: NDArray[np.uint8], polarity: Polarity) -> NDArray[np.uint8] | None:
    """Return the pixels where they need no preparation but their polarity, ``None`` if they are a photo's."""
    if grey.min() == grey.max():
        raise DataError(BLANK)
    if polarity == "any" or _ground(grey) != OTHER[polarity]:
        return grey
    clean = np.median(_frame(grey)) == (255 if polarity == "light-on-dark" else 0)
    return 255 - grey if clean else None


def _resized(plain: "Image.Image", preparation: Preparation) -> "Image.Image":
    from PIL import Image, ImageOps

    size, filtering = (preparation.width, preparation.height), Image.Resampling.BICUBIC
    if preparation.kind == "stretch":
        return plain.resize(size, filtering, reducing_gap=2.0)
    if preparation.kind == "crop":
        return ImageOps.fit(plain, size, filtering)
    edge = _frame(np.asarray(plain))
    ground = [int(level) for level in np.median(edge.reshape(len(edge), -1), axis=0)]
    return ImageOps.pad(plain, size, filtering, color=tuple(ground))


def _ground(pixels: NDArray[np.uint8]) -> str | None:
    """Return the polarity of a picture by its edge against Otsu's threshold, ``None`` if the edge is mixed."""
    grey = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    light = float((_frame(grey) > otsu(grey)).mean())
    if light >= EVEN_EDGE:
        return "dark-on-light"
    return "light-on-dark" if light <= 1 - EVEN_EDGE else None


def _frame(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels of the edge, ``[n]`` or ``[n, C]``."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def found_polarity(image: "Image.Image", preparation: Preparation) -> str:
    """Return the polarity of a picture by the median of its edge against Otsu's threshold; empty if any will do.

    Args:
        image: Upright, of any mode and size.
        preparation: What the dataset declares.
    """
    if preparation.polarity == "any":
        return ""
    small = _plain(image, 1)
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    grey = np.asarray(small)
    return "dark-on-light" if float(np.median(_frame(grey))) > otsu(grey) else "light-on-dark"


def in_words(preparation: Preparation) -> str:
    """Return a preparation as ``digit, 28 x 28, grey, light-on-dark``."""
    colours = "grey" if preparation.channels == 1 else "RGB"
    ground = "" if preparation.polarity == "any" else f", {preparation.polarity}"
    return f"{preparation.kind}, {preparation.height} x {preparation.width}, {colours}{ground}"


def as_facts(preparation: Preparation) -> PreparationFacts:
    """Return a preparation as the manifest of a version records it."""
    return PreparationFacts(
        kind=preparation.kind,
        polarity=preparation.polarity,
        height=preparation.height,
        width=preparation.width,
        channels=3 if preparation.channels == 3 else 1,
    )


def recorded_in(dataset: DatasetFacts) -> Preparation:
    """Return the preparation that a version was trained with; the default of its shape where none is recorded."""
    return default_for(dataset.shape) if dataset.preparation is None else from_facts(dataset.preparation)


def from_facts(facts: PreparationFacts) -> Preparation:
    """Return the preparation that ``as_facts`` recorded."""
    return Preparation(facts.kind, facts.polarity, facts.height, facts.width, facts.channels)
