"""What every HTML page shares: templates, the header, styles and scripts and pictures inside the page, no network."""

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from pipeline.judging import standings
from pipeline.reports import formats, style
from pipeline.reports.navigation import Navigation

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_SIDE = 96
_CODE = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Picture:
    """A chart as it is shown on a page.

    Attributes:
        png: The file's bytes.
        alt: What it shows, for people who cannot see it.
        caption: The line below it.
        photographic: Whether it shows images, whose light and dark must stay as they are on a dark page.
        wide: Whether a phone scrolls it sideways, as its text would be too small to read.
    """

    png: bytes
    alt: str
    caption: str
    photographic: bool = False
    wide: bool = False


def render(template: str, *, navigation: Navigation, folder: Path | None = None, **values: Any) -> str:
    """Render a whole page: escaped, with the header of all pages, and with a strict policy where it is a file.

    Args:
        template: Its file name.
        navigation: Where its header leads.
        folder: Where the template is; ``None`` for ``templates/`` here, whose pages are one file each.
        values: What it shows.
    """
    known = _environment(folder).get_template(template)
    return known.render(content_policy=content_policy(), navigation=navigation, **values)


def header(navigation: Navigation) -> str:
    """Return the header alone, for a page that was written with another one."""
    return _environment(None).get_template("header.html").render(navigation=navigation)


@cache
def site_style() -> str:
    """Return the style that all pages share: colours and the header."""
    return style.css_properties() + (_TEMPLATES / "site.css").read_text(encoding="utf-8")


@cache
def content_policy() -> str:
    """Return every page's content-security policy: this style, this script, pictures inside the page.

    The web application sends it as a header with the pages it passes on.
    """
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(_style_sheet())}'; "
        f"script-src '{_digest(_script())}'; base-uri 'none'; form-action 'none'"
    )


def data_uri(png: bytes) -> str:
    """Return a PNG as text for a ``src``."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def picture_of(image: NDArray[np.uint8]) -> str:
    """Return one image, uint8 ``[H, W, C]`` with 1 or 3 channels, as a data URI; large ones are shrunk."""
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return data_uri(buffer.getvalue())


def picture_size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels from the PNG's header, so that a page does not shift while it loads."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def prose(sentence: str) -> Markup:
    """Return a sentence as HTML: escaped, what is between backticks as code, and options never broken in two."""
    coded = _CODE.sub(r"<code>\1</code>", str(escape(sentence)))
    return Markup(_OPTION.sub(r'<span class="whole">\g<0></span>', coded))


@cache
def _environment(folder: Path | None) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*([folder] if folder else []), _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "interval", "count", "decimal", "points", "seconds", "size", "when", "as_number"):
        environment.filters[name] = getattr(formats, name)
    environment.filters["standing"] = standings.of_check
    environment.filters["prose"] = prose
    environment.filters["data_uri"] = data_uri
    environment.filters["picture_size"] = picture_size
    environment.globals |= {
        "style_sheet": Markup(_style_sheet()),
        "script": Markup(_script()),
        "icon": "data:image/svg+xml;base64," + base64.b64encode((_TEMPLATES / "icon.svg").read_bytes()).decode("ascii"),
        "outcomes": style.OUTCOMES,
        "dash": formats.DASH,
    }
    return environment


def _style_sheet() -> str:
    return site_style() + (_TEMPLATES / "style.css").read_text(encoding="utf-8")


def _script() -> str:
    return (_TEMPLATES / "table.js").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
