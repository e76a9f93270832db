"""The header that every page has: the logo, and the way to the other pages, on disk or on a server."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OVERVIEW = "Overview"
EXPLORATION = "Exploration"
_ON_DISK = {OVERVIEW: "index.html", EXPLORATION: "eda/index.html"}
"""Where the pages are in ``metric_results/``."""
_HEADER = re.compile(r"<!--pages-->.*?<!--/pages-->\n?", re.DOTALL)


@dataclass(frozen=True)
class Navigation:
    """Where a page's header leads.

    Attributes:
        home: The logo's address.
        pages: Addresses by title.
        current: The title of this page, if it is one of them.
    """

    home: str
    pages: Mapping[str, str] = field(default_factory=dict)
    current: str = ""


ALONE = Navigation(_ON_DISK[OVERVIEW])
"""Of a page beside the overview, with no other page."""


def on_disk(page: Path, results: Path, current: str = "") -> Navigation:
    """Return the way from a page on disk to the overview, and to the exploration if there is one.

    Args:
        page: The file of the page.
        results: ``metric_results/``.
        current: The title of the page, if it is one of these two.
    """
    there = {
        title: os.path.relpath(results / place, page.parent).replace(os.sep, "/")
        for title, place in _ON_DISK.items()
        if title in {OVERVIEW, current} or (results / place).is_file()
    }
    return Navigation(there[OVERVIEW], there, current)


def is_explored(results: Path) -> bool:
    """Return whether ``metric_results/`` has an exploration."""
    return (results / _ON_DISK[EXPLORATION]).is_file()


def with_header(page: str, header: str) -> str:
    """Return a page that was written for the disk with the header of a server; older pages have none to replace."""
    return _HEADER.sub(lambda _: header, page, count=1)
