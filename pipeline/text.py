"""Text from outside in a form that no terminal, table or spreadsheet takes for anything but text.

There is one rule, ``escaped``: what a terminal obeys or hides is written as Python escapes it. The rest builds on it,
and differs in what a place needs:

- ``plain`` is for what a service or file says in prose: one line, white space folded, cut.
- ``quoted`` is for a name or a field that must be recognised: every character is kept, and it is cut.
- ``pipeline.cli.terminal`` prints everything through ``escaped``, but keeps line ends.
- ``pipeline.errors.shown`` names a value of any type as ``repr`` does, which escapes more and adds quotation marks.
- ``cell`` is for spreadsheets, which evaluate what is printable.

Markup is another matter: whatever renders text (rich, HTML, Markdown) escapes its own.
"""

import unicodedata

LONGEST = 300
LONGEST_QUOTED = 60
UNSAFE_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, surrogates, and separators of lines and paragraphs."""
_NOT_TEXT = UNSAFE_IN_NAMES | {"Cf"}
"""The same and format characters, which names in many scripts need but a terminal hides."""
_FORMULA_SIGNS = ("=", "+", "-", "@")


def plain(text: object, longest: int = LONGEST) -> str:
    """Return text on one line, white space folded, escaped, and cut after ``longest`` characters."""
    return quoted(" ".join(str(text).split()), longest)


def quoted(text: str, longest: int = LONGEST_QUOTED) -> str:
    """Return text as it is, escaped, and cut after ``longest`` characters."""
    return escaped(text[:longest]) + ("…" if len(text) > longest else "")


def escaped(text: str, keep: str = "") -> str:
    """Return text with control and format characters, surrogates and separators of lines as Python escapes them.

    Args:
        text: Any text.
        keep: Characters that are left as they are.
    """
    others = text.translate(dict.fromkeys(map(ord, keep))) if keep else text
    return text if others.isprintable() else "".join(_escaped(character, keep) for character in text)


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


def _escaped(character: str, keep: str) -> str:
    if character in keep or unicodedata.category(character) not in _NOT_TEXT:
        return character
    return character.encode("unicode_escape").decode()
