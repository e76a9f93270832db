"""Text from a user's files, in a form that a sentence can quote."""

import unicodedata

from pipeline.errors import DataError

LONGEST = 60
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a terminal, a CSV or a JSON file may take for something other than text."""


def quoted(text: str, longest: int = LONGEST) -> str:
    """Return text on one line, what is not printable escaped, cut after ``longest`` characters."""
    start = text[: longest + 1]
    plain = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in start[:longest]
    )
    return plain + ("…" if len(start) > longest else "")


def reason(error: BaseException) -> str:
    """Return what a library says about a failure, short enough for a sentence; its type where it says nothing."""
    text = " ".join(str(error).split()).rstrip(".")
    return quoted(text, 200) or type(error).__name__


def require_printable(name: str, what: str) -> None:
    """Refuse a file name that cannot be written to a report, a CSV or a terminal.

    Args:
        name: A file name, or a whole path.
        what: What is named, as the beginning of the sentence: ``The folder``.

    Raises:
        DataError: The name is not valid UTF-8, or holds control characters.
    """
    categories = {unicodedata.category(character) for character in name}
    if "Cs" in categories:
        raise DataError(f"{what} '{quoted(name, 300)}' has a name that is not valid UTF-8: rename it.")
    if categories & UNPRINTABLE:
        raise DataError(f"{what} '{quoted(name, 300)}' has control characters in its name: rename it.")
