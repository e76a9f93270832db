"""Notices: sentences for the user from the data layer while it works."""

from collections.abc import Callable

Notify = Callable[[str], None]
"""Called with each sentence that a user should read; ``print`` is one."""


def silent(sentence: str) -> None:
    """Ignore the sentence: the ``Notify`` of callers that show none."""
