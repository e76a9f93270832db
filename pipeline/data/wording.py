"""Wording for a library's failure, and for file names that cannot be printed."""

import unicodedata

from pipeline.errors import DataError
from pipeline.text import UNSAFE_IN_NAMES, plain, quoted


def reason(error: BaseException) -> str:
    """Return what a library says about a failure, short enough for a sentence; the error's type if it says nothing."""
    return plain(error, 200).rstrip(".") or type(error).__name__


def require_printable(name: str, what: str) -> None:
    """Refuse a file name that cannot be written to a report, a CSV or a terminal.

    Args:
        name: A file name, or a whole path.
        what: What has the name, as the beginning of the sentence: ``The folder``.

    Raises:
        DataError: The name is not valid UTF-8, or holds control characters.
    """
    categories = {unicodedata.category(character) for character in name}
    if "Cs" in categories:
        raise DataError(f"{what} '{quoted(name, 300)}' has a name that is not valid UTF-8: rename it.")
    if categories & UNSAFE_IN_NAMES:
        raise DataError(f"{what} '{quoted(name, 300)}' has control characters in its name: rename it.")
