"""Text from outside in a form that no terminal, table or spreadsheet takes for anything but text."""

import unicodedata

LONGEST = 300
_NOT_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of control, format and surrogate characters and of line and paragraph separators."""
_FORMULA_SIGNS = ("=", "+", "-", "@")


def plain(text: object, longest: int = LONGEST) -> str:
    """Return text on one line, control characters escaped, cut after ``longest`` characters.

    Apply it where text enters from a service or a file. It does not escape markup: whatever renders text
    (rich, HTML, Markdown) escapes it itself.
    """
    words = " ".join(str(text).split())
    start = words[:longest] + ("…" if len(words) > longest else "")
    return "".join(map(_escaped, start))


def cell(text: str) -> str:
    """Return text that a spreadsheet opening a CSV shows and never evaluates.

    A value that starts like a formula gets an apostrophe in front, unless it is a number. Source: OWASP, "CSV
    injection".
    """
    return f"'{text}" if _is_formula(text) else text


def from_cell(text: str) -> str:
    """Return the text that ``cell`` was given."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    # Programs differ in whether they skip white space and control characters in front of a sign.
    return text.startswith(("\t", "\r", "\n")) or (text.lstrip().startswith(_FORMULA_SIGNS) and not _is_number(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _NOT_TEXT:
        return character
    return character.encode("unicode_escape").decode()
