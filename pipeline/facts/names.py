"""Which names from a file may become the name of a folder in the home."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from pipeline.text import UNSAFE_IN_NAMES

LONGEST = 200
"""Bytes; file systems allow 255, and temporary names are longer than final ones."""


def problem(name: str) -> str | None:
    """Return what keeps a name from being the name of a folder, in a few words; ``None`` if it may be one."""
    if not name or name.startswith("."):
        return "it is empty or starts with a dot"
    if "/" in name or "\\" in name:
        return "it contains a slash"
    if unsafe_character(name):
        return "it contains a control character"
    if len(name.encode()) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    return None


def unsafe_character(text: str) -> str | None:
    """Return the first character that a line of text must not contain, as ``U+2028``; ``None`` if there is none."""
    found = next((letter for letter in text if unicodedata.category(letter) in UNSAFE_IN_NAMES), None)
    return None if found is None else f"U+{ord(found):04X}"


def _checked(name: str) -> str:
    if (wrong := problem(name)) is not None:
        raise ValueError(f"{name!r} cannot be the name of a folder: {wrong}")
    return name


FolderName = Annotated[str, AfterValidator(_checked)]
"""A string in a pydantic model that is used as the name of a folder."""
