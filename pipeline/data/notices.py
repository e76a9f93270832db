"""What the data layer has to tell a user while it works."""

from collections.abc import Callable

Notify = Callable[[str], None]
"""Called with a sentence that a user should read; ``print`` will do."""


def silent(sentence: str) -> None:
    """A ``Notify`` that says nothing."""
