"""Open a picture that a user sent or named: the one place where bytes become a Pillow image."""

import re
from functools import cache
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Formats that are decoded; Pillow knows many more, which nobody sends and which widen the attack surface."""
MOST_PIXELS = 50_000_000
"""Of one picture: a small file can otherwise unpack into gigabytes."""
MOST_BYTES = 256 * 2**20
"""Of one file on disk."""
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
GIF_START, GIF_END = b"GIF8", b";"
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8\xff", 0xDA, 0xD9
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""A marker within the entropy-coded data of a JPEG: neither a stuffed zero nor a restart."""


class PictureTooLargeError(DataError):
    """The picture has more pixels than are decoded."""


def read_picture(path: Path, side: int | None = None, name: str = "") -> "Image":
    """Decode the picture in a file, as ``decode_picture`` does.

    Args:
        path: The file.
        side: As ``decode_picture``.
        name: For messages; empty for the path.

    Raises:
        DataError: The file cannot be read, or is not a single, whole picture of 8 or 16 bits.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}).") from error
    if len(content) > MOST_BYTES:
        raise PictureTooLargeError(f"{shown} is larger than {MOST_BYTES // 2**20} MiB: make it smaller.")
    return decode_picture(content, shown, side)


def decode_picture(content: bytes, name: str, side: int | None = None) -> "Image":
    """Decode a single still picture and turn it upright by its EXIF orientation.

    Whatever a decoder raises is the file's fault: damage leads Pillow to raise errors of every kind.

    Args:
        content: The file.
        name: For messages.
        side: A JPEG may be decoded at a smaller scale that leaves at least this many pixels per side, which saves most
            of the work; ``None`` decodes every pixel.

    Returns:
        An image of 8 bits per channel, or of one channel with more (modes ``I``, ``I;16`` and ``F``).

    Raises:
        DataError: It is damaged, cut off, of an unknown format, animated, has colours of more than 8 bits, or
            (``PictureTooLargeError``) too many pixels.
    """
    from PIL import ImageOps

    pillow = _pillow()
    try:
        image: Image
        with _opened(pillow, content, name) as image:
            _require_whole(content, name)
            _require_still(image, name)
            if side is not None:
                image.draft(None, (side, side))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return image
    except DataError:
        raise
    except pillow.DecompressionBombError as error:
        raise _too_large(name, "too many pixels") from error
    except pillow.UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise DataError(f"{name} is not a picture that can be read: save it as one of {known}.") from error
    except Exception as error:  # decoders raise anything: struct.error, SyntaxError, TypeError, MemoryError
        raise DataError(f"{name} is damaged and cannot be read as a picture: save it again.") from error


@cache
def _pillow() -> ModuleType:
    """Return Pillow without its warnings: what it warns of is refused here, or is irrelevant to the user."""
    import warnings

    from PIL import Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image


def _opened(pillow: ModuleType, content: bytes, name: str) -> Any:
    image = pillow.open(BytesIO(content), formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(name, f"{image.width:,} x {image.height:,} pixels")
    return image


def _too_large(name: str, found: str) -> PictureTooLargeError:
    return PictureTooLargeError(
        f"{name} has {found}: make it smaller, at most {MOST_PIXELS // 10**6} million pixels are decoded."
    )


def _require_still(image: Any, name: str) -> None:
    # An MPO is a phone's JPEG with a second picture (a depth map, a preview) behind the first.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise DataError(f"{name} holds several frames: save one of them as a still picture.")
    if _is_deep(image):
        raise DataError(f"{name} has more than 8 bits per channel: save it with 8.")


def _is_deep(image: Any) -> bool:
    """Return whether a colour picture has 16 bits per channel, of which Pillow would drop 8 without a word.

    Only what the decoder is asked for says so, before the picture is loaded.
    """
    if image.mode.startswith(("I", "F")):
        return False  # all bits are kept in one channel
    arguments = [part for tile in image.tile for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
    # BMP's "BGR;16" is 16 bits for all three channels; PPM names its largest value.
    deep = [part for part in arguments if isinstance(part, str) and ";16" in part and not part.startswith("BGR")]
    return bool(deep) or (image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in arguments))


def _require_whole(content: bytes, name: str) -> None:
    """Refuse a picture whose end is missing: Pillow decodes many of those without a word."""
    cut = (
        (content.startswith(PNG_START) and PNG_END not in content)
        or (content.startswith(GIF_START) and not content.rstrip(b"\0").endswith(GIF_END))
        or (content.startswith(JPEG_START) and not _jpeg_ends(content))
    )
    if cut:
        raise DataError(f"{name} is cut off and cannot be read as a picture: its end is missing.")


def _jpeg_ends(content: bytes) -> bool:
    """Return whether the end marker follows the last scan; data after it is ignored."""
    place = 2
    while found := JPEG_MARKER.search(content, place):
        marker, place = found[1][0], found.end()
        if marker == JPEG_END:
            return True
        if marker != 0x01:
            place += int.from_bytes(content[place : place + 2], "big")
    return False
